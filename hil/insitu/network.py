"""`ArrayNetwork`: layers of weights in devices, rectified linear units between them, classes at the end."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from hil.insitu.layers import ArrayLayer, Matrix

AT_ONCE = 1000
"""Images that go through a network at once where none is learned from."""


class ArrayNetwork:
    """A multi-layer perceptron: ``ReLU`` between its layers; what its outputs mean is up to the rule that trains it.

    Parameters
    ----------
    layers : sequence of ArrayLayer
        From the inputs to the classes.
    """

    def __init__(self, layers: Sequence[ArrayLayer]) -> None:
        """Take over layers that follow each other."""
        self.layers = list(layers)

    def forward(self, x: Matrix) -> list[Matrix]:
        """Inputs of every layer, and the outputs of the last one, for (B, inputs)."""
        found = [x]
        for number, layer in enumerate(self.layers):
            y = layer.forward(found[-1])
            found.append(y if number == len(self.layers) - 1 else np.maximum(y, 0.0))
        return found

    def answers(self, x: Matrix) -> NDArray[np.int64]:
        """(B,) class whose output is largest, for (B, inputs) images, at least one."""
        return np.concatenate([self.forward(part)[-1].argmax(axis=1) for part in _parts(x)])

    def hidden(self, x: Matrix) -> Matrix:
        """(B, units) inputs of the last layer, for (B, inputs) images, at least one."""
        return np.concatenate([self.forward(part)[-2] for part in _parts(x)])

    def errors(self, passed: Sequence[Matrix], delta: Matrix) -> list[Matrix]:
        """Error at the output of every layer, (B, outputs) each, from that of the last one, by backpropagation.

        Parameters
        ----------
        passed : sequence of arrays
            What `forward` gave.
        delta : (B, classes) array
            Derivative of the loss by the outputs.
        """
        found = [delta]
        for layer, x in zip(self.layers[:0:-1], passed[-2:0:-1], strict=True):
            found.append(layer.backward(found[-1]) * (x > 0))
        return found[::-1]


def _parts(x: Matrix) -> Iterator[Matrix]:
    return (x[at : at + AT_ONCE] for at in range(0, len(x), AT_ONCE))


def softmax(y: Matrix) -> Matrix:
    """(B, classes) probabilities of outputs."""
    powers = np.exp(y - y.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def starting_weights(sizes: Sequence[int], bias: bool, seed: int, limit: float) -> list[Matrix]:
    """Normal weights of variance 2 / inputs (He et al. 2015, 1 / inputs for the last layer), biases 0.

    Those beyond +-`limit` are put there.
    """
    found = []
    for number, (inputs, outputs) in enumerate(pairwise(sizes)):
        last = number == len(sizes) - 2
        spread = ((1 if last else 2) / inputs) ** 0.5
        drawn = np.random.default_rng([seed, 11, number]).normal(0, spread, (inputs, outputs))
        found.append(np.vstack([np.clip(drawn, -limit, limit), np.zeros((int(bias), outputs))]))
    return found
