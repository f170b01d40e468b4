"""Figure 8a: which non-linearities of potentiation and depression keep a network's accuracy; 121 cases.

The figure is of Kim et al. (2021), Front. Comput. Neurosci. 15, 646125, whose network is another; here are the two that
this project has, gradient descent in place and a spiking layer that learns without labels, on bundled digits.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hil.reproduction.papers import Finding, Scope, below
from hil.training.backprop import BackpropTraining
from hil.training.wta import WtaTraining
from sim.papers.canvas import canvas, save

FACTORS = tuple(range(-5, 6))
"""Non-linearities of potentiation and of depression, 11 x 11."""

QUICK = (-4, 0, 4)
"""The same with --quick."""

LOSS = 5.0
"""Points below the linear case up to which accuracy counts as kept."""

CLAIM = (
    '"as long as the memristor has a symmetrical LTP and LTD curve or a positive ... non-linearity factor ... the '
    'network can maintain high accuracy"'
)

Case = tuple[int, int]


def claimed(case: Case) -> bool:
    """Whether the review says that accuracy is kept: both factors alike, or both positive."""
    up, down = case
    return up == down or (up > 0 and down > 0)


def tolerance_map(scope: Scope) -> list[Finding]:
    """Both networks over all cases: the worst of those that are claimed to be harmless, beside that of the rest."""
    factors = QUICK if scope.quick else FACTORS
    found, maps = [], {}
    for name, driver, config in _networks(scope.quick):
        cases = {}
        for up, down in ((a, b) for a in factors for b in factors):
            scope.pause()
            scope.say(f"{name}: LTP {up:+d}, LTD {down:+d}")
            uri = f"{config['device']['uri']}&model=exp&nl={up}&nl_dep={down}"
            run = f"tolerance-{driver.kind.split()[-1]}{up:+d}{down:+d}"
            trained = scope.train(driver, config | {"device": {"uri": uri}}, run, draw=False)
            cases[up, down] = accuracies(trained)
        maps[name] = cases
        found += [*claim_rows(name, cases), *_parts(name, cases)]
    _draw(scope, factors, maps)
    return found


def accuracies(training: Any) -> tuple[float, ...]:
    """Accuracy of every seed of one of the two trainings, %."""
    if isinstance(training, WtaTraining):
        return tuple(training.measured(seed)["accuracy"] for seed in training.seeds)
    return tuple(training.accuracies("trained"))


def _networks(quick: bool) -> Iterator[tuple[str, type[Any], dict[str, Any]]]:
    seeds = 2 if quick else 3
    pair = "sim:rram?alpha=0.01&c2c=0.1&synapse=differential"
    train: dict[str, Any] = {"seeds": seeds, "curve": 0, "epochs": 4.0}
    yield (
        "gradient descent in place, 64-10", BackpropTraining,
        {"device": {"uri": pair}, "train": train | {"layers": "64,10", "controls": False}},
    )  # fmt: skip
    yield (
        "spikes without labels, 64 x 60", WtaTraining,
        {"device": {"uri": "sim:rram?alpha=0.01&c2c=0.1"}, "train": train | {"neurons": 60}},
    )  # fmt: skip


def _loss(cases: Mapping[Case, Sequence[float]], case: Case) -> tuple[float, ...]:
    """Points lost against the linear case, seed by seed."""
    return tuple(linear - here for linear, here in zip(cases[0, 0], cases[case], strict=True))


def _worst(cases: Mapping[Case, Sequence[float]], among: Sequence[Case]) -> Case:
    return max(among, key=lambda case: np.mean(_loss(cases, case)))


def claim_rows(name: str, cases: Mapping[Case, Sequence[float]]) -> list[Finding]:
    """The claim as it stands, and its two halves."""
    rest = _worst(cases, [case for case in cases if not claimed(case)])
    kinds = {
        "symmetric or both positive": [case for case in cases if claimed(case)],
        "symmetric": [case for case in cases if case[0] == case[1]],
        "both positive": [case for case in cases if min(case) > 0],
    }
    found = []
    for words, among in kinds.items():
        worst = _worst(cases, among)
        lost = _loss(cases, worst)
        found.append(
            Finding(
                "tolerance",
                f"{name}: points lost in the worst of {len(among)} cases, {words}",
                CLAIM,
                float(np.mean(lost)),
                "points",
                accept=below(LOSS),
                std=float(np.std(lost, ddof=1)),
                n=len(lost),
                control=_loss(cases, rest),
                control_is=f"worst of the other cases, LTP {rest[0]:+d}, LTD {rest[1]:+d}",
                note=f"LTP {worst[0]:+d}, LTD {worst[1]:+d}; linear {np.mean(cases[0, 0]):.1f} %; rule: less than "
                f"{LOSS:g} points",
            )
        )
    return found


def _parts(name: str, cases: Mapping[Case, Sequence[float]]) -> list[Finding]:
    """How many cases keep their accuracy among those that are claimed to, and among the others."""
    kept = {case for case in cases if np.mean(_loss(cases, case)) < LOSS}
    inside = [case for case in cases if claimed(case)]
    outside = [case for case in cases if not claimed(case)]
    return [
        Finding(
            "tolerance",
            f"{name}: share of the claimed cases that lose less than {LOSS:g} points",
            None,
            100 * sum(case in kept for case in inside) / len(inside),
            "%",
            note=f"of {len(inside)}; of the {len(outside)} others: "
            f"{100 * sum(case in kept for case in outside) / len(outside):.0f} %",
        )
    ]


def _draw(scope: Scope, factors: Sequence[int], maps: Mapping[str, Mapping[Case, Sequence[float]]]) -> None:
    """Accuracy over both factors."""
    figure, axes = canvas(len(maps), (4.6, 4))
    for axis, (name, cases) in zip(axes, maps.items(), strict=True):
        shown: NDArray[np.float64] = np.array([[np.mean(cases[up, down]) for up in factors] for down in factors])
        image = axis.imshow(shown, origin="lower", cmap="viridis", vmin=0, vmax=100)
        axis.set_xticks(range(len(factors)), factors)
        axis.set_yticks(range(len(factors)), factors)
        axis.set(xlabel="non-linearity of LTP", ylabel="non-linearity of LTD", title=name)
        figure.colorbar(image, ax=axis, label="accuracy (%)", shrink=0.8)
    save(figure, scope.folder / "peng-tolerance.png")
