"""`shaped`: pulses as wide as the slope is flat where the cell is: equal steps of conductance all over its range."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from hil.writing.bursts import Bursts
from hil.writing.controller import Cells, Controller, Goal

PARTS = 16
"""Parts of the range of conductances, in each of which a slope is learned."""

COVER = 0.8
"""Part of the remaining distance that the next pulse aims at."""

LONGEST = 16.0
"""Widest pulse over the full one."""

MEMORY = 0.3
"""Weight of the newest answer in a slope; the rest is what was known before."""

GROWTH = 2.0
"""Factor on the width of the next pulse where the last one did nothing that could be told."""


class ShapedPulses(Controller):
    """One pulse a verification, its width inverse to the slope that cells have shown at that conductance.

    The slope dG/dt of either sign is learned in `PARTS` parts of the range, from all cells together: what one has
    shown serves the next that comes by. So it needs cells that are alike, and a range of conductances that is known.
    """

    kept: ClassVar[tuple[str, ...]] = ("slope", "silent", "place")

    def __init__(self, goal: Goal) -> None:
        """Begin without a slope, with full pulses."""
        super().__init__(goal)
        self.slope = np.full((2, PARTS), np.nan)
        self.silent, self.place = np.ones(goal.target.shape), np.zeros(goal.target.shape)

    def next(self, conductance: Cells, distance: Cells, left: NDArray[np.int64]) -> Bursts:
        """Give one pulse to every cell that is not there."""
        goal = self.goal
        share = (conductance - goal.pulses.g_min) / goal.span
        self.place = np.clip(np.nan_to_num(share) * PARTS, 0, PARTS - 1)
        slope = np.where(distance > 0, *(self._at(k, self.place.astype(np.int64)) for k in (0, 1)))
        with np.errstate(divide="ignore", invalid="ignore"):
            wanted = COVER * np.abs(distance) / slope
        wanted = np.where(np.isnan(wanted), goal.pulses.width, wanted) * self.silent
        width = goal.grid.seconds(np.clip(wanted, goal.width_min, LONGEST * goal.pulses.width))
        width = np.where(width == 0, goal.grid.time_step, width)
        count = np.where(distance != 0, np.minimum(left, 1), 0).astype(np.int64)
        return Bursts(count, goal.full(distance), width, count * width)

    def learn(self, bursts: Bursts, change: Cells, noise: float) -> None:
        """Take the slope of every part of the range nearer to what cells there have just shown."""
        for k, sign, driven in self.goal.driven(bursts):
            moved = change * sign
            answered = driven & (moved > noise)
            shown, place = moved / np.where(driven, bursts.width, 1.0), self.place.astype(np.int64)
            for part in np.unique(place[answered]):
                new = float(np.median(shown[answered & (place == part)]))
                old = self.slope[k, part]
                self.slope[k, part] = new if np.isnan(old) else (1 - MEMORY) * old + MEMORY * new
            longer = np.minimum(GROWTH * self.silent, LONGEST)
            self.silent = np.where(answered, 1.0, np.where(driven, longer, self.silent))

    def _at(self, k: int, place: NDArray[np.int64]) -> Cells:
        """Slope of a sign at parts of the range, S/s; of the nearest part that is known, NaN where none is."""
        known = np.flatnonzero(~np.isnan(self.slope[k]))
        if not len(known):
            return np.full(place.shape, np.nan)
        nearest = known[np.abs(known[:, None] - np.arange(PARTS)[None, :]).argmin(axis=0)]
        found: Cells = self.slope[k, nearest[place]]
        return found
