"""`bipolar`: the device's own pulses, and near the target pairs: one there, a lower one of the other sign back."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from hil.writing.bursts import Bursts
from hil.writing.controller import Cells, Goal
from hil.writing.controllers.pulses import CountedPulses

NARROW = 0.01
"""Width of the bracket of a height, over the full one, at which it is opened again: the cell has moved on."""


class BipolarPulses(CountedPulses):
    """Full pulses as `pulses` counts them; where one goes too far, each is followed by a part of the other sign's.

    What a pair leaves is the difference of both, so a cell comes nearer to its target than its smallest step although
    no pulse is narrower than the full one and the one that counts none lower (bipolar-pulse training, Li et al. 2016,
    after Table 4 of Xu et al. 2021). The height of the second pulse is a part of the full one of its own sign, which
    may be another voltage; it is found for each cell and sign by halving a bracket: a pair that passed the target was
    answered too weakly, one that did nothing or went back too strongly.
    """

    coarse = False
    kept: ClassVar[tuple[str, ...]] = (*CountedPulses.kept, "low", "high")

    def __init__(self, goal: Goal) -> None:
        """Begin with one full pulse a cell, and nothing known of what takes a part of it back."""
        super().__init__(goal)
        self.low, self.high = np.zeros_like(self.step), np.ones_like(self.step)
        self._distance: Cells = np.zeros(goal.target.shape)

    def next(self, conductance: Cells, distance: Cells, left: NDArray[np.int64]) -> Bursts:
        """As `pulses`, and a pair where a single one would go further than the distance."""
        goal, bursts = self.goal, super().next(conductance, distance, left)
        step = np.where(distance > 0, *self.step)
        paired = (bursts.count == 1) & (np.abs(distance) < step) & (left > 1)
        up, down = (self.low + self.high) / 2
        share = np.where(distance > 0, up, down)
        full = goal.full(-distance)
        volts = goal.grid.volts(share * full, goal.v_max)
        volts = np.where(volts == 0, np.copysign(goal.grid.v_step, full), volts)
        count = paired.astype(np.int64)
        self._distance = distance
        return replace(bursts, back=Bursts(count, volts, bursts.width, count * np.abs(volts / full)))

    def learn(self, bursts: Bursts, change: Cells, noise: float) -> None:
        """Learn steps from full pulses alone, and from pairs what a part of one takes back."""
        paired = np.zeros(change.shape, bool) if bursts.back is None else bursts.back.count > 0
        super().learn(replace(bursts, count=np.where(paired, 0, bursts.count)), change, noise)
        for k, sign, driven in self.goal.driven(bursts):
            mine, moved, share = paired & driven, change * sign, (self.low[k] + self.high[k]) / 2
            weak = mine & (moved > np.abs(self._distance) + self.goal.tolerance)
            strong = mine & (moved <= noise)
            self.low[k], self.high[k] = np.where(weak, share, self.low[k]), np.where(strong, share, self.high[k])
            narrow = self.high[k] - self.low[k] < NARROW
            self.low[k], self.high[k] = np.where(narrow, 0.0, self.low[k]), np.where(narrow, 1.0, self.high[k])
