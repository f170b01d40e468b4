"""Half cues and what they recall: cues, scores, and the window in which completion is possible."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hil.data.outlines import shared_fraction
from hil.spiking.alpha.settings import AlphaNetworkSettings

KINDS = ("random", "top", "left")
"""Which half of a pattern a cue shows."""

MISSING, OTHER = 0.30, 0.05
"""A half cue is completed where its missing half fires at 0.30 or more of the rate of the cued half, and the pixels of
any other pattern alone at 0.05 or less."""

KICK = 97e-6
"""Synaptic weight that takes a resting neuron to its threshold, A: (25 - 15.3) mV C / tau_syn."""


def cue(pattern: NDArray[np.bool_], kind: str, width: int, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Half of the lit pixels: a random one, the upper, or the left one; the first half in that order."""
    lit = np.flatnonzero(pattern)
    order = {"random": rng.permutation(len(lit)), "top": np.argsort(lit // width, kind="stable"),
             "left": np.argsort(lit % width, kind="stable")}[kind]  # fmt: skip
    shown = np.zeros_like(pattern)
    shown[lit[order[: len(lit) // 2]]] = True
    return shown


@dataclass(frozen=True)
class CueScore:
    """What one half cue did.

    Attributes
    ----------
    cued : float
        Spikes a pixel of the cued half.
    missing, other : float
        Those of the missing half, and of the worst other pattern's own pixels, over those of the cued half.
    """

    cued: float
    missing: float
    other: float

    @property
    def completed(self) -> bool:
        """Whether it counts as completed."""
        return self.missing >= MISSING and self.other <= OTHER

    def as_json(self) -> dict[str, Any]:
        """For a checkpoint."""
        return {**asdict(self), "completed": self.completed}


def score(
    counts: NDArray[np.int64], patterns: NDArray[np.bool_], which: int, shown: NDArray[np.bool_]
) -> CueScore:  # fmt: skip
    """Score the spikes (M,) that a half cue `shown` of pattern `which` has evoked."""
    whole = patterns[which]
    cued = float(counts[shown].mean())
    missing = float(counts[whole & ~shown].mean())
    others = [counts[p & ~whole] for k, p in enumerate(patterns) if k != which]
    other = max((float(c.mean()) for c in others if len(c)), default=0.0)
    return CueScore(cued, missing / cued if cued else 0.0, other / cued if cued else 0.0)


@dataclass(frozen=True)
class CompletionWindow:
    """Ratios of inhibition to the bound of a weight between which half cues can be completed.

    Below `low`, the pixels of other patterns get more excitation than inhibition; above `high`, the missing half cannot
    reach its threshold within one membrane time.

    Attributes
    ----------
    low, high : float
        f_max < inhibition / bound < 1 - 97 uA / (bound A), A the spikes of a cue in one refractory time.
    """

    low: float
    high: float

    def __str__(self) -> str:
        """In words."""
        told = "largest shared fraction of the patterns, and what a missing pixel needs"
        if self.high <= self.low:
            return f"no ratio can complete these: above {self.low:.2f} and below {self.high:.2f}, {told}"
        return f"predicted window {self.low:.2f} to {self.high:.2f}: {told}"

    @classmethod
    def of(cls, patterns: NDArray[np.bool_], settings: AlphaNetworkSettings) -> CompletionWindow:
        """The window of a set of patterns.

        A is estimated: a cued pixel fires again after its refractory time and two of its inputs, which take it from
        rest to its threshold.
        """
        refractory = settings.neuron.refractory
        spikes = 0.5 * patterns.sum(axis=1).mean() * refractory / (refractory + 2 / settings.rate)
        return cls(shared_fraction(patterns), 1 - KICK / (settings.bound * spikes))


def shares(counts: NDArray[np.float64], patterns: NDArray[np.bool_]) -> NDArray[np.float64]:
    """(P,) percentage of all spikes (M,) that lie on each pattern's pixels; Figure 6."""
    total = counts.sum()
    return 100 * np.array([counts[p].sum() for p in patterns]) / total if total else np.zeros(len(patterns))
