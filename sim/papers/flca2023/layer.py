"""Figures 8 and 9: the paired-input layer (PILL) and its training on vertical lines in 3 x 3 images.

Figure 9 is computed from the whole circuit, two VALVeD memristors and the weight that loads them, and beside it by
`hil train pill` with the fast analog-minimum model. The paper prints no parameters for it; ours are those of
`sim.circuits.pill_cell`.
"""

from __future__ import annotations

from math import comb

import numpy as np
from numpy.typing import NDArray

from hil.datasets import load
from hil.encoding import intensities
from hil.papers import Finding, Scope, above, repeated, rounds_to
from hil.pill_protocol import pair_indices
from hil.plots import save_separation
from hil.training.loop import presentation_order
from hil.training.pill import PillTraining
from hil.training.pill_lines import associated, line_given_pair, line_labels, separation
from sim.circuits import Drive
from sim.circuits.pill_cell import PILL_WEIGHT, pill_cell, pill_cell_circuit
from sim.papers.flca2023.checks import by_ngspice

VOLTS, WIDTH = 0.1, 1e-3
PIXELS = 9

VARIANTS = {
    "3-pixel lines": (3, -VOLTS, True),
    "resistors, no VALVeD": (3, -VOLTS, False),
    "no response": (3, 0.0, True),
    "opposing response": (3, VOLTS, True),
    "2-pixel lines": (2, -VOLTS, True),
}
"""Length of the lines that get a response, voltage of the response on the output node, and whether it is VALVeD."""


def figure_8(scope: Scope) -> list[Finding]:
    """Sizes of the layer."""
    return [
        Finding("8", f"pairs of {side} x {side} pixels", printed, float(len(pair_indices(side**2)[0])),
                accept=rounds_to(counted, 1), check=float(comb(side**2, 2)), check_by="binomial coefficient")
        for side, printed, counted in ((3, "36", 36), (28, "306,936", 306_936))
    ]  # fmt: skip


def figure_9(scope: Scope) -> list[Finding]:
    """Resistances over epochs with controls, and the probabilities that explain them."""
    epochs, seeds = (2, 1) if scope.quick else (8, 3)
    histories = {
        name: [_trained(scope, *variant, epochs, seed) for seed in range(seeds)] for name, variant in VARIANTS.items()
    }
    title = f"whole circuit, all 512 images an epoch, seed 0, {PILL_WEIGHT.R[0] / 1e3:g} kohm weights"
    save_separation({n: h[0] for n, h in histories.items()}, associated(), scope.folder / "figure9.png", title)
    least = {n: [min(separation(r)[1] for r in history[1:]) for history in h] for n, h in histories.items()}
    ends = {n: [separation(history[-1])[0] for history in h] for n, h in histories.items()}
    mean = {n: float(np.mean(values)) for n, values in least.items()}
    words = {1: "above", -1: "below", 0: "mixed with"}
    told = "; ".join(
        f"{n}: associated {', '.join(sorted({words[e] for e in ends[n]}))} the others, lowest margin {mean[n]:.4g} ohm"
        for n in VARIANTS
    )
    last = histories["3-pixel lines"][0][-1]
    apart = separation(last)[1]
    told = f"seed 0 ends {apart:,.0f} ohm or {apart / last.mean() * 100:.1f} % apart; at the end {told}"
    fast = {length: _fast(scope, length, epochs, seeds) for length in (3, 2)}
    images = load("lines3x3").train_images
    margin = f"least associated minus largest other resistance, lowest of {epochs} epochs"
    rows = [
        repeated(
            "9", f"3-pixel lines: {margin}", "associated weights higher", least["3-pixel lines"], unit="ohm",
            accept=above(0.0), open={"analog minimum, hil train pill": fast[3]}, control=mean["resistors, no VALVeD"],
            control_is="resistors instead of VALVeD", note=told,
        ),
        repeated(
            "9", f"2-pixel lines: {margin}", "\"confirmed using both 2 and 3-pixel lines\"", least["2-pixel lines"],
            unit="ohm", accept=above(0.0), open={"analog minimum, hil train pill": fast[2]},
            note="with the paper's list of associations; the probabilities below say why",
        ),
    ]  # fmt: skip
    for length in (3, 2):
        p, mine = line_given_pair(images, length), associated()
        listed = [", ".join(f"{v:.3f}" for v in np.unique(np.round(p[k], 3))[::-1]) for k in (mine, ~mine)]
        rows.append(
            Finding(
                "9", f"P({length}-pixel line | both pixels lit), least associated minus largest other",
                "what separation needs", float(p[mine].min() - p[~mine].max()), accept=above(0.0),
                check=_counted(length), check_by="second count, pixel by pixel",
                note=f"associated {listed[0]}; others {listed[1]}",
            )
        )  # fmt: skip
    return [*rows, _amplified()]


def _trained(scope: Scope, length: int, response: float, valved: bool, epochs: int, seed: int) -> NDArray[np.float64]:
    """Resistances (epochs + 1, 36) of a layer that is shown all images in random order, ohm."""
    data = load("lines3x3")
    volts = intensities(data.train_images, data.full_scale) * VOLTS
    label = line_labels(data.train_images, length)
    order = presentation_order(len(volts), len(volts) * epochs, seed).reshape(epochs, -1)
    first, second = pair_indices(PIXELS)
    phi, volatile = np.zeros(len(first)), (np.zeros(len(first)),) * 2
    history = [np.full(len(first), PILL_WEIGHT.R[0])]
    kind = {} if valved else {"volatile": 100.0}
    for epoch in order:
        scope.pause()
        shown = volts[epoch].T
        result = pill_cell(shown[first], shown[second], response * label[epoch], phi, volatile_phi=volatile, **kind)
        phi, volatile = result.phi[:, -1], result.volatile
        history.append(result.resistance[:, -1])
    return np.array(history)


def _fast(scope: Scope, length: int, epochs: int, seeds: int) -> float:
    """The same margin by `hil train pill`, mean over the seeds."""
    config = {
        "data": {"dataset": "lines3x3"},
        "train": {"line": length, "epochs": epochs, "seeds": seeds, "controls": False},
    }
    training = scope.train(PillTraining, config, f"pill-{length}")
    margins = [
        min(separation(r)[1] for r in training.task.resistances("trained", seed)[1:]) for seed in range(seeds)
    ]  # fmt: skip
    return float(np.mean(margins))


def _counted(length: int) -> float:
    """The difference of probabilities from 512 numbers written in binary."""
    columns = [(c, c + 3, c + 6) for c in range(3)]
    runs = columns if length == 3 else [run for a, b, c in columns for run in ((a, b), (b, c))]
    lit = [{k for k in range(PIXELS) if number >> k & 1} for number in range(1 << PIXELS)]

    def share(i: int, j: int) -> float:
        both = [image for image in lit if {i, j} <= image]
        return sum(any(set(run) <= image for run in runs) for image in both) / len(both)

    pairs = [(i, j) for i in range(PIXELS) for j in range(i + 1, PIXELS)]
    mine = [share(i, j) for i, j in pairs if j % 3 == i % 3]
    return min(mine) - max(share(i, j) for i, j in pairs if j % 3 != i % 3)


def _amplified() -> Finding:
    """What a response adds to a coincidence."""

    def flux(response: float) -> float:
        return float(pill_cell([VOLTS], [VOLTS], [response]).flux[-1] * 1e6)

    drive = Drive([WIDTH], {"in1": [VOLTS], "in2": [VOLTS], "out": [-VOLTS]})
    return Finding(
        "9", "flux on a weight, both inputs lit, with a response", "\"amplifies the memristor programming\"",
        flux(-VOLTS), "uVs", above(flux(0.0) * 1.1), control=flux(0.0), control_is="no response",
        **_with_response(by_ngspice(pill_cell_circuit(), drive, "area_mid", 1e6)),
        note="rule: a tenth more than without a response",
    )  # fmt: skip


def _with_response(check: dict) -> dict:
    """The output node is below ground by the response for the whole pulse."""
    return {**check, "check": check["check"] + VOLTS * WIDTH * 1e6} if "check" in check else check
