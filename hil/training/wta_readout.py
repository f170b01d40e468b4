"""How neurons that learned without labels tell a class: by the label of the most active one, or by all their odds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from hil.training.readout import winners

Kind = Literal["winner", "probability"]

KINDS: tuple[Kind, ...] = ("winner", "probability")
"""Readouts, simplest first."""

DECIDES: Mapping[Kind, str] = {
    "winner": "most active one decides", "probability": "P(class | neuron) of all spikes decides"
}  # fmt: skip
"""Readouts in words."""


@dataclass(frozen=True, eq=False)
class NeuronAnswers:
    """What neurons answered to labelled digits, and what an answer therefore says.

    Attributes
    ----------
    means : (classes, neurons) array
        Mean spikes of every neuron to the digits of a class; NaN for a class that no digit had.
    """

    means: NDArray[np.float64]

    @property
    def labels(self) -> NDArray[np.int64]:
        """Class whose digits a neuron answers most on average, (neurons,); -1 for a neuron that answers none."""
        best = np.where(np.isnan(self.means), -np.inf, self.means).argmax(axis=0)
        return np.where(np.nansum(self.means, axis=0) > 0, best, -1)

    @property
    def shares(self) -> NDArray[np.float64]:
        """P(class | neuron), (neurons, classes): of a spike, were all classes shown equally often; 0 for a mute one."""
        known = np.nan_to_num(self.means).T
        total = known.sum(axis=1, keepdims=True)
        return known / np.where(total > 0, total, 1.0)

    def guess(self, kind: Kind, counts: NDArray[np.int64], luck: np.random.Generator) -> NDArray[np.int64]:
        """Class of every digit (B,) from its output spikes `counts` (B, neurons)."""
        if kind == "winner":
            return class_of_winner(self.labels, counts, len(self.means), luck)
        return class_by_shares(self.shares, counts, luck)


def class_of_winner(
    classes: NDArray[np.int64], counts: NDArray[np.int64], number: int, luck: np.random.Generator
) -> NDArray[np.int64]:
    """Class of the most active neuron that has one; chance decides ties, and everything where none has.

    Parameters
    ----------
    classes : (neurons,) array of int
        Of every neuron, -1 for none.
    counts : (B, neurons) array of int
        Output spikes.
    number : int
        Classes.
    luck : numpy.random.Generator
        What chance draws from.
    """
    chosen = classes[winners(np.where(classes >= 0, counts, np.nan), luck)]
    return np.where(chosen >= 0, chosen, luck.integers(number, size=len(chosen)))


def class_by_shares(
    shares: NDArray[np.float64], counts: NDArray[np.int64], luck: np.random.Generator
) -> NDArray[np.int64]:
    """Class with the largest sum over all spikes of P(class | neuron); chance decides ties.

    Parameters
    ----------
    shares : (neurons, classes) array
        P(class | neuron).
    counts : (B, neurons) array of int
        Output spikes.
    luck : numpy.random.Generator
        What chance draws from.
    """
    return winners(counts @ shares, luck)


def tallied(
    respond: Callable[[slice], NDArray[np.int64]],
    labels: tuple[NDArray[np.int64], ...],
    classes: int,
    piece: int,
) -> list[NeuronAnswers]:
    """Readouts by one or several labellings of the same digits, which are shown `piece` at a time.

    Parameters
    ----------
    respond : callable
        (B, neurons) output spikes of a stretch of the digits.
    labels : tuple of (N,) arrays
        One for each readout.
    classes : int
        Number of classes.
    piece : int
        Digits shown at a time.
    """
    sums: list[NDArray[np.float64]] = []
    for first in range(0, len(labels[0]), piece):
        here = slice(first, min(first + piece, len(labels[0])))
        counts = respond(here).astype(np.float64)
        each = [np.eye(classes)[chosen[here]].T @ counts for chosen in labels]
        sums = each if not sums else [one + more for one, more in zip(sums, each, strict=True)]
    numbers = [np.bincount(chosen, minlength=classes) for chosen in labels]
    shown = [np.where(number > 0, number, np.nan)[:, None] for number in numbers]
    return [NeuronAnswers(total / number) for total, number in zip(sums, shown, strict=True)]
