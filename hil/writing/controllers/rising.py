"""`rising`: one pulse a verification, each higher than the last until the cell is there: incremental step pulses."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from hil.writing.bursts import Bursts
from hil.writing.controller import Cells, Controller, Goal

LOWEST, STEP = 0.5, 0.02
"""Height of the first pulse over the full one, and what each further one adds."""


class RisingPulses(Controller):
    """Non-identical pulses: a staircase of heights, begun anew where a cell has to go the other way.

    Cells move by about as much with every step, since what a higher pulse adds makes up for the slope that a cell
    loses on its way to a bound (Park et al. 2013; Chang et al. 2017, after Table 4 of Xu et al. 2021). The sign that a
    cell has overshot by begins at the height where it left off, less what it had gained in half of its steps.
    """

    kept: ClassVar[tuple[str, ...]] = ("steps", "sign")

    def __init__(self, goal: Goal) -> None:
        """Begin with the lowest pulse."""
        super().__init__(goal)
        self.steps, self.sign = np.zeros((2, *goal.target.shape)), np.zeros(goal.target.shape)

    def next(self, conductance: Cells, distance: Cells, left: NDArray[np.int64]) -> Bursts:
        """Give one pulse to every cell that is not there."""
        goal, sign = self.goal, np.sign(distance)
        turned = (sign != self.sign) & (self.sign != 0) & (sign != 0)
        self.steps = np.where(turned, np.floor(self.steps / 2), self.steps)
        self.sign = np.where(sign != 0, sign, self.sign)
        own = np.where(distance > 0, self.steps[0], self.steps[1])
        full = goal.full(distance)
        voltage = goal.grid.volts(np.clip((LOWEST + STEP * own) * full, -goal.v_max, goal.v_max), goal.v_max)
        voltage = np.where(voltage == 0, np.copysign(goal.grid.v_step, full), voltage)
        count = np.where(distance != 0, np.minimum(left, 1), 0).astype(np.int64)
        mine = np.stack([distance > 0, distance < 0]) & (count > 0)
        self.steps = self.steps + mine
        dose = count.astype(np.float64) * np.abs(voltage / full)
        return Bursts(count, voltage, np.full(distance.shape, goal.pulses.width), dose)
