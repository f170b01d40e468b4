"""The same network in floating point: what its gradient descent reaches without devices."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Protocol

import numpy as np

from hil.insitu.layers import Matrix
from hil.insitu.network import softmax

Batch = tuple[Matrix, Matrix]
"""Inputs (B, inputs) and their classes (B, classes), 1 for the right one."""


class Steps(Protocol):
    """Batches in order, counted."""

    def __len__(self) -> int:
        """How many."""

    def __iter__(self) -> Iterator[Batch]:
        """One after the other."""


class Batches:
    """Batches that are made when they are asked for: all of many presentations at once would not fit into memory.

    Parameters
    ----------
    count : int
        Presentations.
    size : int
        Of a batch.
    make : callable
        Gives the batch of a slice of the presentations.
    """

    def __init__(self, count: int, size: int, make: Callable[[slice], Batch]) -> None:
        """Make nothing yet."""
        self._slices = [slice(at, min(at + size, count)) for at in range(0, count, size)]
        self._make = make

    def __len__(self) -> int:
        """How many batches."""
        return len(self._slices)

    def __iter__(self) -> Iterator[Batch]:
        """Make one after the other."""
        return map(self._make, self._slices)


Perturbation = Callable[[Matrix, int, int], Matrix]
"""Weights as they are used in a step: (weights, layer, number of the step) -> weights."""


class SoftwareNetwork:
    """A multi-layer perceptron in floating point, trained by gradient descent.

    Parameters
    ----------
    start : sequence of arrays
        Weights to begin with, those of `hil.insitu.network.starting_weights`.
    bias, lr, lr_end, momentum
        As of the layers and of `GradientPulses`.
    limit : float
        Magnitude of the largest weight that a device holds.
    perturb : callable, optional
        Makes of every layer's weights those that a step is computed with: noise that shall be learned to live with.
    """

    def __init__(
        self, start: Sequence[Matrix], *, bias: bool, lr: float, lr_end: float, momentum: float, limit: float,
        perturb: Perturbation | None = None,
    ) -> None:  # fmt: skip
        """Begin with these weights."""
        self.weights = [w.copy() for w in start]
        self._velocity = [np.zeros_like(w) for w in start]
        self.bias, self.lr, self.lr_end, self.momentum, self.limit = bias, lr, lr_end, momentum, limit
        self._perturb = perturb

    def learn(self, x: Matrix, one_hot: Matrix, number: int, share: float) -> None:
        """Take the step of this number on a batch; `share` of the training is behind, 0 .. 1."""
        used = self.weights
        if self._perturb is not None:
            used = [self._perturb(w, place, number) for place, w in enumerate(used)]
        passed = passed_through(used, x, self.bias)
        delta, rate = softmax(passed[-1]) - one_hot, self.lr * self.lr_end**share
        for place in range(len(used) - 1, -1, -1):
            back = delta @ used[place].T
            step = rate * _biased(passed[place], self.bias).T @ delta / len(x)
            self._velocity[place] = self.momentum * self._velocity[place] - step
            self.weights[place] = np.clip(self.weights[place] + self._velocity[place], -self.limit, self.limit)
            delta = (back[:, :-1] if self.bias else back) * (passed[place] > 0)

    def state(self) -> dict[str, Matrix]:
        """What a checkpoint needs."""
        kept = {"w": self.weights, "v": self._velocity}
        return {f"{name}{place}": array for name, arrays in kept.items() for place, array in enumerate(arrays)}

    def resume(self, state: Mapping[str, Matrix]) -> None:
        """Take back `state`."""
        for place in range(len(self.weights)):
            self.weights[place], self._velocity[place] = state[f"w{place}"].copy(), state[f"v{place}"].copy()


def software(
    start: Sequence[Matrix],
    batches: Steps,
    *,
    bias: bool,
    lr: float,
    lr_end: float,
    momentum: float,
    limit: float,
) -> list[Matrix]:
    """Weights of a `SoftwareNetwork` that was shown `batches` in order."""
    network = SoftwareNetwork(start, bias=bias, lr=lr, lr_end=lr_end, momentum=momentum, limit=limit)
    for number, (x, one_hot) in enumerate(batches):
        network.learn(x, one_hot, number, number / len(batches))
    return network.weights


def passed_through(weights: Sequence[Matrix], x: Matrix, bias: bool) -> list[Matrix]:
    """Inputs of every layer and outputs of the last one, in floating point."""
    found = [x]
    for place, w in enumerate(weights):
        y = _biased(found[-1], bias) @ w
        found.append(y if place == len(weights) - 1 else np.maximum(y, 0.0))
    return found


def _biased(x: Matrix, bias: bool) -> Matrix:
    return np.hstack([x, np.ones((len(x), 1))]) if bias else x
