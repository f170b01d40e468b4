"""Numbers that the review gives of ways of training, by the driver of that name; MNIST where its files are given."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from hil.backends import open_device
from hil.data.datasets import load
from hil.device import Device
from hil.insitu.fourier import FourierArrays, peak_signal_to_noise
from hil.reproduction.papers import Finding, Scope, above, below, repeated
from hil.training.backprop import BackpropTraining
from hil.training.hybrid import HybridTraining
from hil.training.techniques.ann2snn import Ann2Snn
from hil.training.techniques.noise_injection import NoiseInjection
from hil.training.techniques.prune import AT_RANDOM, UNPRUNED, PruneTraining
from hil.training.techniques.technique import TRAINED

PERCENT = "%"

IN_PLACE = "sim:rram?alpha=0.01&c2c=0.3&d2d=0.1&synapse=differential"


def trainings(scope: Scope) -> list[Finding]:
    """All rows, those of gradient descent in place first."""
    return [*_in_place(scope), *_hybrid(scope), *_noise(scope), *_converted(scope), *_pruned(scope), *_images(scope)]


def _data(scope: Scope, inputs: int) -> tuple[dict[str, Any], str]:
    """Section [data], and what stands in where there is no MNIST."""
    if scope.data_dir is None:
        return {"dataset": "digits"}, "bundled digits of 8 x 8 pixels, not MNIST: give --data-dir"
    return {"dataset": "mnist", "dir": str(scope.data_dir), "crop": 4 if inputs == 64 else 0, "holdout": 0.02}, ""


def _train(scope: Scope, more: Mapping[str, Any]) -> dict[str, Any]:
    return {"seeds": 2 if scope.quick else 3, "curve": 0, **more}


def _in_place(scope: Scope) -> list[Finding]:
    """One layer and two, whole, with stuck cells; the review's are of arrays with transistors."""
    cases = (
        ("one layer, 64-10", "64,10", 0.0, "89.9 %", (87.0, 93.0)),
        ("two layers, 64-54-10, 11 % of the cells stuck", "64,54,10", 0.11, "91.71 %", (89.0, 94.5)),
        ("two layers, 64-54-10, half of the cells stuck", "64,54,10", 0.5, "about 60 %", (55.0, 65.0)),
    )
    found = []
    for name, layers, faults, printed, accept in cases:
        scope.pause()
        scope.say(name)
        data, stand_in = _data(scope, 64)
        epochs = None if stand_in else (0.2 if scope.quick else 1.36)
        train = _train(scope, {"layers": layers, "faults": faults, "epochs": epochs, "controls": False})
        config = {"data": data, "device": {"uri": IN_PLACE}, "train": train}
        trained = scope.train(BackpropTraining, config, f"place-{layers}-{faults}", draw=False)
        found.append(
            repeated("techniques", f"trained in place: {name}", printed, trained.accuracies("trained"), unit=PERCENT,
                     accept=accept, control=tuple(trained.accuracies("untrained")), control_is="first weights",
                     stand_in=stand_in, note="hil train backprop; rule: within three points, five for 60")
        )  # fmt: skip
    return found


def _hybrid(scope: Scope) -> list[Finding]:
    scope.pause()
    data, stand_in = _data(scope, 784)
    train = _train(scope, {"tolerance": 0.2, "epochs": None if stand_in else 0.17, "controls": True})
    if not stand_in:
        train["layers"] = "784,100,10"
    trained = scope.train(HybridTraining, {"data": data, "train": train}, "hybrid", draw=False)
    written = trained.accuracies("loaded")
    return [
        repeated("techniques", "hybrid training: written to 20 %, last layer mended", "96 % (five-layer CNN)",
                 trained.accuracies("trained"), unit=PERCENT, accept=(94.0, 98.0), control=tuple(written),
                 control_is="written, not mended", stand_in=stand_in, note="hil train hybrid, a perceptron")
    ]  # fmt: skip


def _noise(scope: Scope) -> list[Finding]:
    scope.pause()
    data, stand_in = _data(scope, 784)
    uri = "sim:rram?alpha=0.01&g_min=5e-5&g_max=1e-4&d2d_r=0.4&synapse=differential"
    train = _train(scope, {} if stand_in else {"layers": "784,100,10", "lr": 0.3})
    device = {} if stand_in else {"device": {"uri": uri}}
    trained = scope.train(NoiseInjection, {"data": data, "train": train} | device, "noise", draw=False)
    pairs = zip(trained.values(TRAINED, "accuracy"), trained.values("without noise", "accuracy"), strict=True)
    return [
        repeated("techniques", "weight noise injection: points gained, variation 40 %", "10 points",
                 [ours - theirs for ours, theirs in pairs], unit="points", accept=above(0), stand_in=stand_in,
                 note="hil train noise-injection; on/off ratio 2, which 'distance 0.5' may mean; rule: a gain")
    ]  # fmt: skip


def _converted(scope: Scope) -> list[Finding]:
    scope.pause()
    train = _train(scope, {"steps": 64 if scope.quick else 128, "epochs": 8.0 if scope.quick else None})
    trained = scope.train(Ann2Snn, {"train": train}, "ann2snn", draw=False)
    away = [
        a - b for a, b in zip(trained.values(TRAINED, "analog"), trained.values("untrained", "accuracy"), strict=True)
    ]
    return [
        repeated("techniques", "network converted to spikes: points lost", '"almost no loss"',
                 trained.values(TRAINED, "loss"), unit="points", accept=below(1.0), control=tuple(away),
                 control_is="random weights", note="hil train ann2snn, bundled digits; rule: less than a point")
    ]  # fmt: skip


def _pruned(scope: Scope) -> list[Finding]:
    scope.pause()
    train = _train(scope, {"epochs": 6.0} if scope.quick else {})
    trained = scope.train(PruneTraining, {"train": train}, "prune", draw=False)
    whole = trained.accuracies_of(UNPRUNED)
    lost, drawn = (
        [a - b for a, b in zip(whole, trained.accuracies_of(role), strict=True)] for role in ("trained", AT_RANDOM)
    )
    return [
        repeated("techniques", "half of the synapses cut, four levels: points lost",
                 '"the same classification accuracy as FC"', lost, unit="points", accept=below(3.0),
                 control=tuple(drawn), control_is="as many cut at random",
                 note="hil train prune, bundled digits; rule: less than three points")
    ]  # fmt: skip


def _images(scope: Scope) -> list[Finding]:
    """Images from their Fourier transforms: what a second pair of cells for each entry does."""
    images = load("shapes32").test_images[: 3 if scope.quick else 12].reshape(-1, 32, 32) / 255.0
    ratios = {}
    for parts in (1, 2):
        scope.pause()

        def opened(rows: int, cols: int, part: int) -> Device:
            uri = f"sim:rram?alpha=0.005&c2c=0.3&d2d=0.1&read_noise=0.005&seed={part}&synapse=differential"
            return open_device(uri, defaults={"rows": rows, "cols": cols})

        arrays = FourierArrays(opened, 32, parts=parts, tolerance=0.05)
        ratios[parts] = [peak_signal_to_noise(arrays.image(np.fft.fft2(image)), image) for image in images]
    return [
        repeated("techniques", "image from its transform in arrays, two pairs an entry: peak signal to noise",
                 "112 and 153 times the energy efficiency of a V100", ratios[2], unit="dB",
                 control=tuple(ratios[1]), control_is="one pair an entry, written to 5 %",
                 note="hil.insitu.fourier; no figure of quality is printed, and the energy of converters and "
                 "controllers, on which the factors hang, is not")
    ]  # fmt: skip
