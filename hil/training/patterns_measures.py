"""Who answers which pattern: labels of neurons, and accuracy by winner and by vote."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def labels_of(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """(N,) pattern that each neuron answered most in training, from its spikes (P, N); -1 for one that never fired."""
    return np.where(counts.any(axis=0), counts.argmax(axis=0), -1)


def by_winner(counts: NDArray[np.int64], labels: NDArray[np.int64], pattern: int) -> float:
    """Chance that the neuron with most spikes (N,) has the right label: the part of those that share the maximum."""
    if not counts.any():
        return 0.0
    first = labels[counts == counts.max()]
    return float((first == pattern).mean())


def by_vote(counts: NDArray[np.int64], labels: NDArray[np.int64], pattern: int, patterns: int) -> float:
    """Chance that the label whose neurons have most spikes on average is the right one."""
    means = np.array([counts[labels == k].mean() if (labels == k).any() else 0.0 for k in range(patterns)])
    if not means.any():
        return 0.0
    best = np.flatnonzero(means == means.max())
    return float((best == pattern).mean())
