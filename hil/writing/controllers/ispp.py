"""`ispp`: bursts, then narrower, then lower pulses; longer bursts and higher pulses where a cell does not answer."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from hil.writing.bursts import Bursts
from hil.writing.controller import Cells, Controller, Goal

COVER = 0.8
"""Fraction of the remaining distance that the next burst aims at."""

GROWTH = 8.0
"""Largest factor between the doses of two bursts."""

LOWEST = 0.05
"""Height of the lowest pulse over the full height."""

HIGHEST = 1.5
"""Height of the highest pulse over the full height, where the user names none."""

PATIENCE = 2
"""Bursts in a row without an answer from which on pulses become a tenth higher each time."""

SEARCH = 4.0
"""Largest dose while the cell has not answered at all."""


class IncrementalPulses(Controller):
    """Learns, for each cell and sign, how far a dose moves it, and chooses the next burst to cover most of the rest.

    A dose counts full pulses, in width times height. It assumes nothing about a cell but that one sign raises its
    conductance and the other lowers it.
    """

    kept: ClassVar[tuple[str, ...]] = ("rate", "dose", "silent", "boost")

    def __init__(self, goal: Goal) -> None:
        """Begin with one full pulse a cell."""
        super().__init__(goal)
        cells = goal.target.shape
        self.rate = np.full((2, *cells), np.nan)
        self.dose, self.silent, self.boost = np.ones(cells), np.zeros(cells), np.ones(cells)

    def next(self, conductance: Cells, distance: Cells, left: NDArray[np.int64]) -> Bursts:
        """Cover most of the distance, with at most `GROWTH` times the last dose."""
        goal = self.goal
        dose = self._wanted(np.abs(distance), distance > 0)
        narrowest = min(goal.width_min / goal.pulses.width, 1.0)
        number = np.minimum(np.minimum(np.maximum(np.round(dose), 1.0), goal.burst), left)
        small = dose < 1.0
        width = np.where(small, np.maximum(dose, narrowest), 1.0)
        height = self.boost * np.where(small, np.maximum(np.minimum(dose / narrowest, 1.0), LOWEST), 1.0)
        full = goal.full(distance)
        voltage = goal.grid.volts(np.clip(height * full, -goal.v_max, goal.v_max), goal.v_max)
        voltage = np.where(voltage == 0, np.copysign(goal.grid.v_step, full), voltage)
        seconds = goal.grid.seconds(width * goal.pulses.width)
        seconds = np.where(seconds == 0, goal.grid.time_step, seconds)
        count = np.where(distance != 0, number, 0).astype(np.int64)
        return Bursts(count, voltage, seconds, count * seconds / goal.pulses.width * np.abs(voltage / full))

    def learn(self, bursts: Bursts, change: Cells, noise: float) -> None:
        """Update the rates; where a cell was silent, halve what was known, or look for an answer with a larger dose."""
        for k, sign, mine in self.goal.driven(bursts):
            moved, known = change * sign, ~np.isnan(self.rate[k])
            answered, silent = mine & (moved > noise), mine & ~(moved > noise)
            dose = np.where(mine, bursts.dose, 1.0)
            self.rate[k] = np.where(answered, moved / dose, np.where(silent & known, self.rate[k] / 2, self.rate[k]))
            self.rate[:, silent & ~known] = np.nan
            larger = np.minimum(2 * bursts.dose, SEARCH)
            self.dose = np.where(mine, np.where(silent & ~known, larger, bursts.dose), self.dose)
            self.silent = np.where(answered, 0.0, np.where(silent, self.silent + 1, self.silent))
            self.boost = np.where(silent & (self.silent >= PATIENCE), 1.1 * self.boost, self.boost)

    def _wanted(self, distance: Cells, up: NDArray[np.bool_]) -> Cells:
        """Dose of the next burst of every cell."""
        mine, other = np.where(up, self.rate, self.rate[::-1])
        rate = np.where(np.isnan(mine), other, mine)
        with np.errstate(divide="ignore", invalid="ignore"):
            wanted = np.clip(COVER * distance / rate, self.dose / GROWTH, self.dose * GROWTH)
        return np.where(np.isnan(rate), self.dose, wanted)
