"""The same network in floating point: what its gradient descent reaches without devices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from hil.insitu.layers import Matrix
from hil.insitu.network import softmax


def software(
    start: Sequence[Matrix],
    batches: Sequence[tuple[Matrix, Matrix]],
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
    batches : sequence of (x, one_hot)
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


def in_batches(start: Sequence[Matrix], x: Matrix, one_hot: Matrix, batch: int, **settings: Any) -> list[Matrix]:
    """Weights trained by `software` on (N, inputs) and (N, classes) in this order, `batch` images a step."""
    cuts = range(0, len(x), batch)
    return software(start, [(x[at : at + batch], one_hot[at : at + batch]) for at in cuts], **settings)


def passed_through(weights: Sequence[Matrix], x: Matrix, bias: bool) -> list[Matrix]:
    """Inputs of every layer and outputs of the last one, in floating point."""
    found = [x]
    for place, w in enumerate(weights):
        y = _biased(found[-1], bias) @ w
        found.append(y if place == len(weights) - 1 else np.maximum(y, 0.0))
    return found


def _biased(x: Matrix, bias: bool) -> Matrix:
    return np.hstack([x, np.ones((len(x), 1))]) if bias else x
