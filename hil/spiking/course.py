"""Where a spiking core stands in its run: what falls while it learns, and which cells get the pulses asked for.

Both depend on counts alone, never on how the run is cut into batches, pieces or threads: a core that goes on with
another's weights, thresholds and `LearningCourse` goes on as the other would have.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hil.errors import InputError
from hil.mixing import CERTAIN


@dataclass
class LearningCourse:
    """Progress of a core through a run.

    Attributes
    ----------
    horizon : int
        Presentations with learning in the whole run, over which values fall; 0 where nobody has said.
    presentations : int
        Those so far.
    asked : int
        Spikes so far that asked for pulses: every output spike while learning and, under a rule that depresses at
        input spikes, every input spike while learning. They number the draws.
    """

    horizon: int = 0
    presentations: int = 0
    asked: int = 0

    def values(self, name: str, start: float, end: float | None, count: int) -> list[float]:
        """Value of something that falls from `start` to `end`, in each of the next `count` presentations.

        In presentation k of a horizon of K, both counted from 0, it is start (end / start)^(k / K); beyond the
        horizon, `end`. Without an `end` it stays.

        Raises
        ------
        InputError
            If it falls over a horizon that nobody has said.
        """
        if end is None or end == start:
            return [start] * count
        if self.horizon < 1:
            raise InputError(
                f"{name} falls from {start:g} to {end:g} over a run of unknown length: set course.horizon of the core "
                "to the number of presentations with learning"
            )
        first, ratio = self.presentations, end / start
        return [start * ratio ** min((first + k) / self.horizon, 1.0) for k in range(count)]

    def saved(self) -> NDArray[np.int64]:
        """Both counts, to be kept."""
        return np.array([self.presentations, self.asked])

    def resume(self, saved: NDArray[np.int64]) -> None:
        """Go on where counts that were kept stand."""
        self.presentations, self.asked = (int(count) for count in saved)


def odds(probability: float) -> int:
    """Express a probability in the unit of `hil.mixing.lots`."""
    return round(probability * CERTAIN)
