"""Figures 8 and 9: the paired-input layer (PILL) and its training on vertical lines in 3 x 3 images.

Figure 9 is computed from the whole circuit, two VALVeD memristors and the weight that loads them, and beside it by
`hil train pill` with the fast analog-minimum model. The paper prints no parameters for it; ours are those of
`sim.circuits.pill_cell`.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import comb
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hil.data.datasets import load
from hil.pill.protocol import pair_indices
from hil.plots import save_separation
from hil.reproduction.papers import Finding, Scope, above, repeated, rounds_to
from hil.spiking.encoding import intensities
from hil.training.loop import presentation_order
from hil.training.pill import PillTraining
from hil.training.pill_lines import LinesTask, associated, line_given_pair, line_labels, separation
from sim.circuits import Drive
from sim.circuits.pill_cell import PILL_WEIGHT, pill_cell, pill_cell_circuit
from sim.circuits.valved import VALVED_MEMRISTOR
from sim.papers.flca2023.checks import by_ngspice

VOLTS, WIDTH = 0.1, 1e-3
PIXELS = 9


@dataclass(frozen=True)
class CircuitTraining:
    """How the whole circuit is trained: length of the lines that get a response, and what is changed for a control."""

    line: int = 3
    response: float = -VOLTS
    valved: bool = True
    shuffled: bool = False
    phi: float = 0.0


THREE, TWO = "3-pixel lines", "2-pixel lines"
RESISTORS, RANDOM = "resistors, no VALVeD", "responses at random"
LATER = "resistors, weights begin at u = 1"
VARIANTS = {
    THREE: CircuitTraining(),
    RESISTORS: CircuitTraining(valved=False),
    "no response": CircuitTraining(response=0.0),
    "opposing response": CircuitTraining(response=VOLTS),
    RANDOM: CircuitTraining(shuffled=True),
    TWO: CircuitTraining(line=2),
    LATER: CircuitTraining(valved=False, phi=VOLTS * PILL_WEIGHT.A / PILL_WEIGHT.D),
}
TWO_RANDOM = CircuitTraining(line=2, shuffled=True)


def figure_8(scope: Scope) -> list[Finding]:
    """Sizes of the layer."""
    return [
        Finding("8", f"pairs of {side} x {side} pixels", printed, float(len(pair_indices(side**2)[0])),
                accept=rounds_to(counted, 1), follows=float(comb(side**2, 2)), follows_by="binomial coefficient")
        for side, printed, counted in ((3, "36", 36), (28, "306,936", 306_936))
    ]  # fmt: skip


def figure_9(scope: Scope) -> list[Finding]:
    """Resistances over epochs with controls, and the probabilities that explain them."""
    epochs, seeds = (2, 1) if scope.quick else (8, 3)
    histories = {
        name: [_trained(scope, variant, epochs, seed) for seed in range(seeds)] for name, variant in VARIANTS.items()
    }
    random = [_trained(scope, TWO_RANDOM, epochs, seed) for seed in range(seeds)]
    least_random = tuple(min(separation(r)[1] for r in history[1:]) for history in random)
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
    last = histories[THREE][0][-1]
    apart = separation(last)[1]
    told = f"seed 0 ends {apart:,.0f} ohm or {apart / last.mean() * 100:.1f} % apart; at the end {told}"
    fast = {length: _fast(scope, length, epochs, seeds) for length in (3, 2)}
    images = load("lines3x3").train_images
    margin = f"least associated minus largest other resistance, lowest of {epochs} epochs"
    rows = [
        repeated(
            "9", f"3-pixel lines: {margin}", "associated weights higher", least[THREE], unit="ohm",
            accept=above(0.0), open={"analog minimum, hil train pill": fast[3]}, control=tuple(least[RANDOM]),
            control_is="responses to images at random", note=told,
        ),
        repeated(
            "9", f"2-pixel lines: {margin}", "\"confirmed using both 2 and 3-pixel lines\"", least[TWO],
            unit="ohm", accept=above(0.0), open={"analog minimum, hil train pill": fast[2]}, control=least_random,
            control_is="responses to images at random",
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
                follows=_counted(length), follows_by="second count, pixel by pixel",
                note=f"associated {listed[0]}; others {listed[1]}",
            )
        )  # fmt: skip
    return [*rows, *_required(least), _amplified()]


def _required(least: dict[str, list[float]]) -> list[Finding]:
    """What VALVeD is for: with resistors in its place, and how much it adds."""
    margin = "3-pixel lines: least associated minus largest other resistance"
    bolstered = [a - b for a, b in zip(least[THREE], least[RESISTORS], strict=True)]
    return [
        repeated(
            "9", f"{margin}, resistors in place of VALVeD", "VALVeD \"not required for successful operation\"",
            least[RESISTORS], unit="ohm", accept=above(0.0), open={LATER: tuple(least[LATER])},
            control=tuple(least[RANDOM]), control_is="VALVeD, responses to images at random",
            note="where the weights begin is not printed; u: flux over what 100 mV hold",
        ),
        repeated(
            "9", f"{margin}, VALVeD minus resistors", "VALVeD inputs \"bolster this learning mechanism\"", bolstered,
            unit="ohm", accept=above(0.0), control=0.0, control_is="resistors minus resistors",
        ),
    ]  # fmt: skip


def _trained(scope: Scope, variant: CircuitTraining, epochs: int, seed: int) -> NDArray[np.float64]:
    """Resistances (epochs + 1, 36) of a layer that is shown all images in random order, ohm."""
    data = load("lines3x3")
    volts = intensities(data.train_images, data.full_scale) * VOLTS
    label = line_labels(data.train_images, variant.line)
    if variant.shuffled:
        label = np.random.default_rng([seed, 3]).permutation(label)
    order = presentation_order(len(volts), len(volts) * epochs, seed).reshape(epochs, -1)
    first, second = pair_indices(PIXELS)
    phi, volatile = np.full(len(first), variant.phi), (np.zeros(len(first)),) * 2
    history = [np.full(len(first), PILL_WEIGHT.R[0] + PILL_WEIGHT.R[1] * variant.phi)]
    front = VALVED_MEMRISTOR if variant.valved else 100.0
    for epoch in order:
        scope.pause()
        shown = volts[epoch].T
        inputs, pulse = (shown[first], shown[second]), variant.response * label[epoch]
        result = pill_cell(*inputs, pulse, phi, volatile_phi=volatile, volatile=front)
        phi, volatile = result.phi[:, -1], result.volatile
        history.append(result.resistance[:, -1])
    return np.array(history)


def _fast(scope: Scope, length: int, epochs: int, seeds: int) -> tuple[float, ...]:
    """The same margin by `hil train pill`, every seed."""
    config = {
        "data": {"dataset": "lines3x3"},
        "train": {"line": length, "epochs": epochs, "seeds": seeds, "controls": False},
    }
    training = scope.train(PillTraining, config, f"pill-{length}")
    task = training.task
    assert isinstance(task, LinesTask)
    return tuple(min(separation(r)[1] for r in task.resistances("trained", seed)[1:]) for seed in range(seeds))


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


def _with_response(check: dict[str, Any]) -> dict[str, Any]:
    """The output node is below ground by the response for the whole pulse."""
    return {**check, "check": check["check"] + VOLTS * WIDTH * 1e6} if "check" in check else check
