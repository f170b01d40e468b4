"""`pulses`: as many of the device's own pulses as the distance needs, from how far each cell moved before."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from hil.writing.bursts import Bursts
from hil.writing.controller import Cells, Controller, Goal

COVER = 0.8
"""Fraction of the remaining distance that the next burst aims at."""

GROWTH = 8.0
"""Largest factor from the pulses of one burst to those of the next."""

MEMORY = 0.5
"""Weight of the newest answer in a cell's step; the rest is what was known before."""


class CountedPulses(Controller):
    """Full pulses alone, counted from the step that each cell has shown for each sign."""

    coarse = True
    kept: ClassVar[tuple[str, ...]] = ("step", "last")

    def __init__(self, goal: Goal) -> None:
        """Begin with one pulse a cell."""
        super().__init__(goal)
        self.step = np.full((2, *goal.target.shape), np.nan)
        self.last = np.ones(goal.target.shape)

    def next(self, conductance: Cells, distance: Cells, left: NDArray[np.int64]) -> Bursts:
        """Cover most of the distance; a cell of which nothing is known yet gets one pulse."""
        up, down = self.step
        step = np.where(distance > 0, np.where(np.isnan(up), down, up), np.where(np.isnan(down), up, down))
        with np.errstate(divide="ignore", invalid="ignore"):
            wanted = np.clip(COVER * np.abs(distance) / step, self.last / GROWTH, self.last * GROWTH)
        count = np.maximum(np.round(np.where(np.isnan(step), self.last, wanted)), 1.0)
        number = np.where(distance != 0, np.minimum(np.minimum(count, self.goal.burst), left), 0).astype(np.int64)
        width = np.full(distance.shape, self.goal.pulses.width)
        return Bursts(number, self.goal.full(distance), width, number.astype(np.float64))

    def learn(self, bursts: Bursts, change: Cells, noise: float) -> None:
        """Move the step of every cell that was driven towards what it just showed; halve that of a silent one."""
        for k, sign, driven in self.goal.driven(bursts):
            moved, known = change * sign, ~np.isnan(self.step[k])
            shown = moved / np.maximum(bursts.count, 1)
            answered, silent = driven & (moved > noise), driven & ~(moved > noise)
            mixed = np.where(known, (1 - MEMORY) * self.step[k] + MEMORY * shown, shown)
            self.step[k] = np.where(answered, mixed, np.where(silent, self.step[k] / 2, self.step[k]))
            last = np.where(silent & ~known, 2.0 * bursts.count, bursts.count)
            self.last = np.where(driven, last, self.last)
