"""Claims about the paired-input layer that have no figure: its size, spike timing, several targets, corrupted data.

The figures of its classification are not printed. On lines3x3 the data are the paper's own; classes of images are
trained on MNIST with ``--data-dir``, and on the bundled digits without it, which decides nothing. Spike timing takes
the whole pair for every one of C(k, 2) weights, so that it is run on the bundled digits alone.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from hil.pill.protocol import pair_count
from hil.reproduction.papers import Finding, Scope, above, below, repeated
from hil.training.pill import PillTraining
from hil.training.pill_classes import ClassesTask
from hil.training.pill_lines import LinesTask, separation
from hil.training.stdp import StdpTraining
from sim.papers.flca2023.perceptron import SELECTED, STAND_IN

PIXELS = 784
GROUPS = "0+1,2+3,4+5,6+7,8+9"
FLIPPED = 0.05
TIMED = {"timing": "after", "orientation": "mirrored", "delay": 0.25, "other_delay": 0.01, "interval": 0.35}
"""Delays and orientation that were selected for the perceptron (docs/results.md)."""


def size(scope: Scope) -> list[Finding]:
    """Weights of one layer against those of a fully connected network with a hidden layer."""

    def share(hidden: int) -> float:
        return pair_count(PIXELS) / (hidden * (PIXELS + 1))

    break_even = pair_count(PIXELS) / (PIXELS + 1)
    return [
        Finding(
            "size", "weights of PILL over those of a network with as many hidden nodes as inputs, m = 784",
            "\"dramatically smaller than a typical fully connected network\", m(k+1) weights", share(PIXELS),
            accept=below(0.5), open={f"m = {m}": share(m) for m in (100, 300, 1000)},
            follows=(PIXELS - 1) / 2 / (PIXELS + 1), follows_by="C(k, 2) / (m (k + 1))",
            control=share(round(break_even)), control_is=f"m = {round(break_even)}",
            note=f"smaller at all only for m > {break_even:.0f}; rule: less than half; the text names no m",
        )
    ]  # fmt: skip


def corrupted(scope: Scope) -> list[Finding]:
    """Lines learned from images of which every twentieth pixel is wrong, and what is recognised of such images."""
    epochs, seeds = (2, 1) if scope.quick else (8, 3)
    margins, recognised = {}, {}
    for fraction in (0.0, FLIPPED, 0.5):
        train = {"epochs": epochs, "seeds": seeds, "flipped": fraction, "flipped_test": FLIPPED, "controls": False}
        training = scope.train(PillTraining, {"data": {"dataset": "lines3x3"}, "train": train}, f"pill-{fraction:g}")
        task = training.task
        assert isinstance(task, LinesTask)
        margins[fraction] = [separation(task.resistances("trained", seed)[-1])[1] for seed in range(seeds)]
        recognised[fraction] = task.recognised("corrupted")
    claim = 'self-learning "robust to noisy or corrupt data"'
    return [
        repeated(
            "corrupted", f"3-pixel lines, {FLIPPED:.0%} of the pixels inverted in training: least associated minus "
            f"largest other resistance after {epochs} epochs", claim, margins[FLIPPED], unit="ohm",
            accept=above(0.0), control=tuple(margins[0.5]), control_is="every second pixel inverted",
            note=f"clean images: {np.mean(margins[0.0]):.4g} ohm",
        ),
        repeated(
            "corrupted", f"recognition of images with {FLIPPED:.0%} of the pixels inverted, layer trained on clean "
            "images less layer trained on such", claim, [a - b for a, b in zip(recognised[0.0], recognised[FLIPPED],
                                                                      strict=True)],
            unit="%", accept=(-2.0, 2.0), control=tuple(np.subtract(recognised[0.0], recognised[0.5]).tolist()),
            control_is="trained on noise alone", note=f"clean {np.mean(recognised[0.0]):.1f} %, corrupted "
            f"{np.mean(recognised[FLIPPED]):.1f} %; rule: within 2 points",
        ),
    ]  # fmt: skip


def several_targets(scope: Scope) -> list[Finding]:
    """Two digits a layer, five layers side by side."""
    bundled = scope.data_dir is None or scope.quick
    seeds = 2 if bundled and scope.quick else 3
    data: dict[str, Any] = {"dataset": "digits"} if bundled else {"dataset": "mnist", "dir": str(scope.data_dir)}
    uri = "sim:pill" if bundled else "sim:pill?preset=pill-slow"
    train = {"columns": GROUPS, "seeds": seeds, "curve": 0}
    training = scope.train(PillTraining, {"data": data, "device": {"uri": uri}, "train": train}, "pill-groups")
    found, shuffled, told = _accuracies(training)
    return [
        repeated(
            "several", "test accuracy, two digits a layer, five layers", "\"trained on a limited subset of multiple "
            "targets simultaneously\"", found, unit="%", accept=above(60.0), control=shuffled,
            control_is="shuffled labels", note=f"{told}; rule: more than half way from guessing (20) to all (100)",
            stand_in=_stand_in(scope) if bundled else "",
        )
    ]  # fmt: skip


def spike_timing(scope: Scope) -> list[Finding]:
    """PILL whose responses are timed as those of the perceptron, end to end, beside the perceptron itself."""
    seeds, epochs = (1, 0.25) if scope.quick else (3, 1.0)
    train = {"seeds": seeds, "epochs": epochs, "curve": 0}
    pairs = {"device": {"uri": "sim:flca-pair"}, "protocol": TIMED, "train": train, "data": {"dataset": "digits"}}
    found, shuffled, told = _accuracies(scope.train(PillTraining, pairs, "pill-timed"))
    plain = scope.train(
        StdpTraining,
        {"data": {"dataset": "digits"}, "train": {**train, "batch": 64}, **SELECTED},
        "stdp-beside-pill",
    )
    beside = plain.accuracies("trained", "test", plain.selected())
    stand_in = "bundled 8 x 8 digits: 306,936 pairs of an ODE a layer are not run"
    return [
        repeated(
            "timed", "test accuracy, PILL by spike timing minus perceptron by spike timing", "\"training and "
            "prediction results are comparable\"", [a - b for a, b in zip(found, beside, strict=True)], unit="%",
            accept=(-5.0, 5.0), control=tuple(a - b for a, b in zip(shuffled, beside, strict=True)),
            control_is="PILL with shuffled labels", stand_in=stand_in,
            note=f"PILL {np.mean(found):.1f} %, perceptron {np.mean(beside):.1f} %; {told}; rule: within 5 points",
        )
    ]  # fmt: skip


def _accuracies(training: PillTraining) -> tuple[tuple[float, ...], tuple[float, ...], str]:
    """Test accuracies of every seed, those with shuffled labels, and by which readout."""
    task = training.task
    if not isinstance(task, ClassesTask):
        raise TypeError("lines have no classes")
    chosen = task.selected()
    found, shuffled = (tuple(task.accuracies(role, "test", *chosen)) for role in ("trained", "shuffled"))
    return found, shuffled, f"readout {', '.join(chosen)}, best on held-out images"


def _stand_in(scope: Scope) -> str:
    return STAND_IN if scope.data_dir is None else "bundled 8 x 8 digits: --quick"
