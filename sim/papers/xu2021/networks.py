"""What Tables 3 and 5 and the text say of networks: cellular networks, memory cells, a perceptron, conditioning."""

from __future__ import annotations

import numpy as np

from hil.backends import open_device
from hil.data.datasets import load
from hil.insitu.cellular import EDGE, CellularNetwork, edges
from hil.insitu.layers import ArrayLayer
from hil.reproduction.papers import Finding, Scope, above, repeated
from hil.training.perceptron import PerceptronTraining
from hil.training.techniques.pavlov import UNPAIRED, PavlovTraining
from hil.training.techniques.technique import TRAINED

BRIDGE = "sim:rram?alpha=0.005&c2c=0.3&d2d=0.1&synapse=bridge"
"""Weights of four memristors, as in Duan et al. (2014)."""


def table_3(scope: Scope) -> list[Finding]:
    """All rows."""
    return [*_edges(scope), *_perceptron(scope), *_conditioned(scope)]


def overlap(layer: ArrayLayer, images: np.ndarray, written: bool) -> list[float]:
    """Edge pixels found and true over those found or true, %, of every image; the template written first, or not."""
    network = CellularNetwork(layer)
    if written:
        network.write(*EDGE)
    found = []
    for black in images:
        outputs, true = network.outputs(np.where(black, 1.0, -1.0)) > 0, edges(black)
        found.append(100.0 * float((outputs & true).sum() / max(1, (outputs | true).sum())))
    return found


def _edges(scope: Scope) -> list[Finding]:
    images = load("shapes32").test_images[: 4 if scope.quick else 20].reshape(-1, 32, 32) >= 128
    shares: dict[bool, list[float]] = {False: [], True: []}
    for seed in range(3):
        for written in shares:
            scope.pause()
            device = open_device(BRIDGE, defaults={"rows": 19, "cols": 1, "seed": seed})
            with device:
                shares[written].append(
                    float(np.mean(overlap(ArrayLayer(device, 19, 1, weight_max=8.5), images, written)))
                )
    return [
        repeated("networks", "CeNN: edges of drawn shapes, template in bridges of four memristors (Table 3)",
                 '"Image filtering", no number', shares[True], unit="%", accept=above(95.0),
                 control=tuple(shares[False]), control_is="bridges as they come",
                 note="edge pixels found and true over all found or true; the rule that the template stands for is "
                 "computed beside it; rule: 95 % or more")
    ]  # fmt: skip


def _perceptron(scope: Scope) -> list[Finding]:
    trained = scope.train(PerceptronTraining, {"train": {"seeds": 3, "controls": False}}, "perceptron", draw=False)
    return [
        repeated("networks", "single-layer perceptron, 3 x 3 pixels, delta rule in place", "a demonstration, no number",
                 trained.accuracies("trained"), unit="%", accept=above(95.0),
                 control=tuple(trained.accuracies("untrained")), control_is="first weights",
                 note="hil train perceptron; rule: 95 % or more")
    ]  # fmt: skip


def _conditioned(scope: Scope) -> list[Finding]:
    trained = scope.train(PavlovTraining, {"train": {"seeds": 5}}, "pavlov", draw=False)
    return [
        repeated("networks", "Pavlov: response to the bell after pairing, over the threshold",
                 '"associative memory experiment has been implemented"', trained.values(TRAINED, "response"),
                 accept=above(1.0), control=tuple(trained.values(UNPAIRED, "response")),
                 control_is="bell and food in turns", note="hil train pavlov; rule: above the threshold")
    ]  # fmt: skip
