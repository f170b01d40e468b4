"""What a fit cannot tell, in words, and which measurement would."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations

import numpy as np

from sim.fitting.estimate import Estimate
from sim.fitting.fitting import Fit

TIED = 0.95
"""Magnitude of a correlation from which two parameters are said to be confused."""

OPEN = 5.0
"""Half of a 68 % interval over the standard error of the curvature, from which a parameter is said to be left open."""

_REMEDIES = {
    ("rate", "window"): "add a train that saturates",
    ("non-linearity", "window"): "add a train that saturates",
    ("number of pulses", "window"): "add a train that saturates",
    ("initial state", "window"): "begin with a train that saturates",
    ("initial state", "rate"): "begin with a train that saturates",
    ("non-linearity", "rate"): "add more pulses per train",
    ("rate", "window exponent"): "add a train that saturates",
    ("initial flux", "offset resistance"): "begin at rest, or with a train that saturates",
}
_FLCA_REST = "add a longer rest"
_FLCA_TRAIN = "add a longer train, until it saturates"


_EXTREMES = {
    "rate": "add more pulses per train",
    "non-linearity": "add more pulses per train",
    "number of pulses": "add a train that saturates",
    "window": "add a train that saturates in both directions",
    "threshold": "add amplitudes near the threshold and far above it",
    "exponent": "add amplitudes near the threshold and far above it",
    "relaxation": _FLCA_REST,
    "initial state": "begin with a train that saturates",
    "initial flux": "begin at rest, or with a train that saturates",
    "window exponent": "add a train that saturates",
}
"""What would tell a parameter that the search stopped at, by its role."""


def advice(fit: Fit) -> list[str]:
    """Sentences for the user: what the data cannot tell, and what makes the intervals doubtful."""
    told = (
        *_blind(fit),
        *_ended(fit),
        *_tied(fit),
        *_wide(fit),
        *fit.model.doubts(fit.values),
        *_doubts(fit),
        *fit.model.notes,
    )
    return list(dict.fromkeys(told))


def _blind(fit: Fit) -> Iterator[str]:
    roles = {p.name: p.role for p in fit.model.parameters}
    for group in fit.blind:
        if len(group) == 1:
            yield f"these data say nothing about {group[0]} ({roles[group[0]]}): hold it with --fix {group[0]}=VALUE"
            continue
        pair = sorted({roles[name] for name in group})[:2]
        remedy = fit.model.remedy(*group) or _remedy(fit, pair[0], pair[-1])
        yield f"these data cannot tell {_list(group)} apart, only a combination of them: {remedy}"


def _tied(fit: Fit) -> Iterator[str]:
    roles = {p.name: p.role for p in fit.model.parameters}
    told: set[tuple[str, str]] = set()
    pairs = sorted(combinations(range(len(fit.names)), 2), key=lambda pair: -abs(np.nan_to_num(fit.correlation[pair])))
    for i, j in pairs:
        correlation = fit.correlation[i, j]
        if not abs(correlation) >= TIED:
            continue
        first, second = sorted((roles[fit.names[i]], roles[fit.names[j]]))
        if (first, second) in told:
            continue
        told.add((first, second))
        what = "train" if fit.model.measurement.kind == "train" else fit.model.measurement.kind
        parts = f"{second} from {first}" if first != second else f"{fit.names[i]} from {fit.names[j]}"
        yield (
            f"this {what} cannot separate {parts} (correlation of {fit.names[i]} and {fit.names[j]} "
            f"{correlation:+.2f}): {fit.model.remedy(fit.names[i], fit.names[j]) or _remedy(fit, first, second)}"
        )


def _wide(fit: Fit) -> Iterator[str]:
    """Say what the profile leaves open though the curvature at the best fit looks sharp."""
    open_ = [e for e in fit.estimates if fit.profiled and e.told and e.bound is None and e.spread > OPEN * e.error > 0]
    if open_:
        ranges = _list(
            [f"{e.parameter.name} ({e.intervals[0.95][0]:.3g} .. {e.intervals[0.95][1]:.3g})" for e in open_]
        )
        first = min((e.parameter for e in open_), key=lambda p: p.role != "window")
        remedy = _EXTREMES.get(first.role, "measure over a wider range of pulses and times")
        yield (
            f"these data leave {ranges} open, together: other values fit as well, and the preset holds one choice of "
            f"them: {remedy}, or hold what you know with --fix {first.name}=VALUE"
        )


def _remedy(fit: Fit, first: str, second: str) -> str:
    if fit.model.name == "flca-volatile":
        return _FLCA_REST
    if fit.model.kind == "vteam" and {first, second} & {"threshold", "exponent"}:
        most = max(len(fit.model.measurement.amplitudes(sign)) for sign in (1, -1))
        return "add a second amplitude" if most < 2 else "add amplitudes near the threshold and far above it"
    if fit.model.name == "flca":
        return _REMEDIES.get((first, second), _FLCA_TRAIN)
    return _REMEDIES.get((first, second), "add a train that saturates in both directions")


def _doubts(fit: Fit) -> Iterator[str]:
    if fit.reduced > 2.0:
        yield (
            f"residuals are {np.sqrt(fit.reduced):.1f} times the uncertainty of a reading: the model lacks something, "
            "or the noise is larger than said (--noise)"
        )
    if fit.memory > max(0.3, 3.0 / np.sqrt(len(fit.residuals))):
        yield (
            f"neighbouring residuals are alike (correlation {fit.memory:+.2f}): the model misses a trend or the cell "
            "varies from cycle to cycle, and the intervals are too narrow"
        )


def _ended(fit: Fit) -> Iterator[str]:
    blind = {name for group in fit.blind for name in group}
    for e in fit.estimates:
        if e.stopped and e.parameter.name not in blind:
            yield f"{e.parameter.name} is {stopped(e)}"
    own = [e.parameter.name for e in fit.estimates if e.bound is not None and not e.stopped]
    if own:
        yield f"where the model ends: {_list(own)}"


def stopped(estimate: Estimate) -> str:
    """Say what a value is that is no more than where the search stopped, and what would tell the true one."""
    p = estimate.parameter
    size = "large" if abs(estimate.value) > 0.5 * max(abs(p.low), abs(p.high)) else "small"
    remedy = _EXTREMES.get(p.role, "measure over a wider range of pulses and times")
    return (
        f"at the bound {estimate.bound:.4g} of the search, not measured: these data tell no more of it ({p.role}) "
        f"than that it is {size}, or that the model is wrong: {remedy}, or hold it with --fix {p.name}=VALUE"
    )


def _list(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
