"""The same network in floating point: what its gradient descent reaches without devices."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
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
    """Weights of the same network trained in floating point by the same steps, not rounded, within +-`limit`.

    Parameters
    ----------
    start : sequence of arrays
        Weights to begin with, those of `hil.insitu.network.starting_weights`.
    batches : Batches or sequence of (x, one_hot)
        All batches in order.
    bias, lr, lr_end, momentum
        As of the layers and of `GradientPulses`.
    limit : float
        Magnitude of the largest weight that a device holds.
    """
    weights = [w.copy() for w in start]
    velocity = [np.zeros_like(w) for w in weights]
    for number, (x, one_hot) in enumerate(batches):
        passed = passed_through(weights, x, bias)
        delta = softmax(passed[-1]) - one_hot
        rate = lr * lr_end ** (number / len(batches))
        for place in range(len(weights) - 1, -1, -1):
            inputs = _biased(passed[place], bias)
            back = delta @ weights[place].T
            velocity[place] = momentum * velocity[place] - rate * inputs.T @ delta / len(x)
            weights[place] = np.clip(weights[place] + velocity[place], -limit, limit)
            delta = (back[:, :-1] if bias else back) * (passed[place] > 0)
    return weights


def passed_through(weights: Sequence[Matrix], x: Matrix, bias: bool) -> list[Matrix]:
    """Inputs of every layer and outputs of the last one, in floating point."""
    found = [x]
    for place, w in enumerate(weights):
        y = _biased(found[-1], bias) @ w
        found.append(y if place == len(weights) - 1 else np.maximum(y, 0.0))
    return found


def _biased(x: Matrix, bias: bool) -> Matrix:
    return np.hstack([x, np.ones((len(x), 1))]) if bias else x
