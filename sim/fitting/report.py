"""A fit as result rows, and as one JSON file with everything in it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hil import presets
from hil.experiments.fits import neurosim_train, nonlinear_train
from hil.files import write_json
from hil.runs.results import Row
from sim.fitting.advice import advice, stopped
from sim.fitting.data import Measurement
from sim.fitting.estimate import Estimate
from sim.fitting.fitting import Fit
from sim.fitting.spread import VARYING


def rows(fit: Fit, head: str = "") -> list[Row]:
    """Parameters with errors and intervals, then how good the fit is; `head` tells which of several models."""
    n = len(fit.residuals)
    found = [
        *(parameter_row(estimate, estimate.parameter.name, profiled=fit.profiled) for estimate in fit.estimates),
        Row("R^2", fit.r_squared, n=n, note="of the weighted variance about the best constant", headline=True),
        Row("reduced chi^2", fit.reduced, n=n, reference=1.0),
        Row("correlation of neighbouring residuals", fit.memory, n=n, reference=0.0),
    ]
    return [row.under(head, model=fit.model.name) for row in found]


def parameter_row(
    estimate: Estimate, name: str, factor: float = 1.0, unit: str | None = None, profiled: bool = True
) -> Row:
    """Report an estimate with its intervals; `factor` and `unit` show it in another unit.

    Intervals that are not `profiled` are those of the curvature, and said to be linearised.
    """
    p, unit = estimate.parameter, estimate.parameter.unit if unit is None else unit
    if p.held is not None:
        return Row(name, factor * float(estimate.value), unit, note=f"held: {p.why}")
    if estimate.stopped:
        return Row(name, f"at the bound {factor * (estimate.bound or 0.0):.4g}", unit, note=stopped(estimate))
    spans = [
        f"{100 * q:.0f} %: {_end(estimate, low, high - low, factor)} .. {_end(estimate, high, high - low, factor)}"
        for q, (low, high) in estimate.intervals.items()
    ]
    lost = [] if estimate.told else ["not told by the data"]
    spans = [f"{'' if profiled else 'linearised '}{span}" for span in spans]
    ended = [] if estimate.bound is None else [f"at {factor * estimate.bound:.4g}, where the model ends"]
    sure = estimate.told and estimate.bound is None
    error = factor * float(estimate.spread) if sure else None
    return Row(name, factor * float(estimate.value), unit, error, note="; ".join(lost + ended + spans))


def _end(estimate: Estimate, value: float, width: float, factor: float) -> str:
    """End of an interval, with as many digits as its width asks for."""
    digits = int(np.clip(np.ceil(np.log10(abs(value) / width)) + 2, 2, 12)) if value and width > 0 else 4
    if estimate.open(value):
        return f"open (searched up to {factor * value:.{digits}g})"
    own = value in (estimate.parameter.low, estimate.parameter.high)
    return f"{factor * value:.{digits}g}{' (the model ends)' * own}"


def noise_rows(m: Measurement) -> list[Row]:
    """What several readings a line say of one of them."""
    if m.reading is None:
        return []
    relative, absolute, reads, lines = m.reading
    note = f"standard deviation of one of {reads} readings a line, over its mean; floor {absolute:.3g} S"
    return [Row("noise of a reading", relative, n=lines, note=note)]


def shape_rows(m: Measurement) -> list[Row]:
    """How straight the longest trains of either sign are: Jang's alpha, and NeuroSim's label of nonlinearity."""
    if m.kind != "train":
        return []
    signs = np.sign(np.array([m.pulses[a + 1 : b + 1].sum() for a, b in pairwise([-1, *m.seen.tolist()])]))
    found = []
    for word, sign in (("positive", 1.0), ("negative", -1.0)):
        first, end = _longest(signs == sign, m.readings)
        g = m.conductance[max(first - 1, 0) : end]
        jang, neurosim = (nonlinear_train(g), neurosim_train(g)) if end - first > 3 else (None, None)
        if jang is not None and neurosim is not None:
            note = f"longest train of {word} pulses, {end - first}; residual {{:.2g}} % of its span"
            found += [
                Row("Jang's alpha", jang.alpha, n=end - first, note=note.format(100 * jang.rms)).under(train=word),
                Row("NeuroSim's NL", (1.0 if g[-1] > g[0] else -1.0) * neurosim.label, n=end - first,
                    note=note.format(100 * neurosim.rms)).under(train=word),
            ]  # fmt: skip
    return [row.under(f"{row.conditions['train']} pulses: ") for row in found]


def _longest(wanted: NDArray[np.bool_], readings: list[tuple[int, int]]) -> tuple[int, int]:
    """First and last but one of the longest run within a stretch."""
    best = (0, 0)
    for first, end in readings:
        start = first
        for k in range(first, end + 1):
            if k == end or not wanted[k]:
                best = max(best, (start, k), key=lambda run: run[1] - run[0])
                start = k + 1
    return best


def details(fit: Fit) -> dict[str, Any]:
    """Everything about a fit, for JSON: parameters, intervals, correlations, residuals, preset, warnings."""
    m = fit.model.measurement
    return {
        "model": fit.model.name,
        "source": m.source,
        "left_out": list(m.notes),
        "parameters": {
            e.parameter.name: {
                "value": e.value,
                "unit": e.parameter.unit,
                "error": e.error if e.told and e.bound is None else None,
                "held": e.parameter.why if e.parameter.held is not None else None,
                "at_bound": None if e.bound is None else {"of": "search" if e.stopped else "model", "bound": e.bound},
                "intervals": _intervals(e),
            }
            for e in fit.estimates
        },
        "correlation": {"names": fit.names, "matrix": [[_number(x) for x in line] for line in fit.correlation]},
        "not_told_apart": fit.blind,
        "chi_square": fit.chi_square,
        "aic": fit.aic,
        "bic": fit.bic,
        "r_squared": fit.r_squared,
        "surveyed": fit.surveyed,
        "readings": {
            "axis": m.axis.tolist(),
            "conductance": m.conductance.tolist(),
            "uncertainty": fit.uncertainty.tolist(),
            "fit": fit.curve.tolist(),
            "residual": fit.residuals.tolist(),
        },
        "preset": fit.preset(),
        "began": fit.began(),
        "warnings": advice(fit),
    }


def _intervals(e: Estimate) -> dict[str, list[float | None]]:
    """Intervals by level; none at a bound of the search, None for an end that only the search has."""
    if e.stopped:
        return {}
    return {f"{q:g}": [None if e.open(end) else end for end in ends] for q, ends in e.intervals.items()}


def write_presets(
    folder: Path, name: str, kind: str, cell: Mapping[str, Any], began: Mapping[str, float] | None, told: Sequence[str]
) -> None:
    """Write NAME.json; and NAME-median.json, a cell without spread and noise, where the preset has some.

    The FPGA emulator plays no spread: it takes the second.
    """
    presets.write(folder / f"{name}.json", kind, cell, began, told)
    median = {key: value for key, value in cell.items() if key not in VARYING}
    if median.keys() != cell.keys():
        presets.write(folder / f"{name}-median.json", kind, median, began, told)


def save_details(fits: Iterable[Fit], path: Path) -> None:
    """Write `details` of all fits as a JSON list."""
    write_json(path, [details(fit) for fit in fits])


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
