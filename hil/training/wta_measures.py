"""Figures of merit of a winner-take-all training: weight contrast, training duration, efficiency."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def weight_contrast(weights: NDArray[np.float64]) -> float:
    """Distance between the centres of the two clusters that k-means finds in the weights.

    In one dimension the best of all splits is found exactly, from running sums over the sorted weights. A single weight
    has no contrast.
    """
    w = np.sort(weights, axis=None)
    if len(w) < 2:
        return 0.0
    count = np.arange(1, len(w))
    total = np.cumsum(w)
    low, high = total[:-1] / count, (total[-1] - total[:-1]) / (len(w) - count)
    between = count * (len(w) - count) * (high - low) ** 2
    best = int(between.argmax())
    return float(high[best] - low[best])


def efficiency(images: Sequence[int], accuracy: Sequence[float], best: bool = False) -> tuple[float, float]:
    """Training duration (eq 6) and efficiency (eq 7) of Brivio et al. (2021).

    Parameters
    ----------
    images : sequence of int
        Digits seen at every point of the learning curve, rising; the last is their total number.
    accuracy : sequence of float
        Classification accuracy there, 0..1.
    best : bool
        Whether CA_max is the best point of the curve, as the symbol of eq 6 says, or the last one, as the paper's words
        do ("99% of the final classification accuracy"). It is the same accuracy in both equations.

    Returns
    -------
    duration : float
        Part of the digits after which 99 % of that accuracy is reached first, interpolated between two points.
    efficiency : float
        Mean of that accuracy and 1 - duration.
    """
    level = max(accuracy) if best else accuracy[-1]
    wanted = 0.99 * level
    k = next(k for k, a in enumerate(accuracy) if a >= wanted)
    first = float(images[k])
    if k:
        share = (wanted - accuracy[k - 1]) / (accuracy[k] - accuracy[k - 1])
        first = images[k - 1] + share * (images[k] - images[k - 1])
    duration = first / images[-1]
    return duration, (level + 1.0 - duration) / 2.0
