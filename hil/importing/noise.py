"""How far one reading is uncertain, told by lines that hold several: part of the conductance, and a floor.

With s the standard deviation of the readings of a line about their mean g,

    s^2 = (relative g)^2 + absolute^2

is fitted to all lines, each weighted by 1 / g^4, with both parts at least 0. The mean of n readings is uncertain by
1 / sqrt(n) of that.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

FEWEST = 5
"""Lines from which a spread is believed."""


class ReadingNoise(NamedTuple):
    """Uncertainty of a single reading: a fraction of it, and a floor in S; from `reads` a line, `lines` of them."""

    relative: float
    absolute: float
    reads: int
    lines: int

    @property
    def of_mean(self) -> tuple[float, float]:
        """Fraction and floor (S) of the mean of a line."""
        return self.relative / self.reads**0.5, self.absolute / self.reads**0.5

    def preset(self) -> dict[str, Any]:
        """What an array of cells that are read as noisily has as `read_noise`; nothing where it is none, or above 1."""
        return {"read_noise": self.relative} if 0.0 < self.relative <= 1.0 else {}


def reading_noise(conductance: NDArray[np.float64], spread: NDArray[np.float64], reads: int) -> ReadingNoise | None:
    """Noise of a reading from means and standard deviations (N,) of lines, S; None where too few tell it."""
    good = np.isfinite(conductance) & np.isfinite(spread) & (conductance > 0)
    g, s = conductance[good], spread[good]
    if reads < 2 or len(g) < FEWEST or not np.any(s > 0):
        return None
    from scipy.optimize import nnls

    floor = float(np.median(g))
    parts, _ = nnls(np.stack([np.ones_like(g), (floor / g) ** 2], axis=1), (s / g) ** 2)
    relative, absolute = np.sqrt(parts).tolist()
    return ReadingNoise(relative, absolute * floor, reads, len(g))
