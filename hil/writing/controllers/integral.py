"""`pi`: one pulse a verification, its height by a proportional-integral law of the distance."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from hil.writing.bursts import Bursts
from hil.writing.controller import Cells, Controller, Goal

PROPORTIONAL, INTEGRAL = 0.5, 0.5
"""Height above the lowest pulse, over the full pulse, for a distance of the whole range, and for the sum of them."""

LOWEST = 0.5
"""Lowest pulse over the full one."""


class ProportionalIntegral(Controller):
    """Voltage-incremental proportional-integral pulses, as OpenMENA (arXiv 2511.03747) uses them.

    A pulse is ``V = V_full (LOWEST + Kp e + Ki sum(e))`` high, up to the highest that may be driven; ``e`` is the
    distance over the range of conductances, and its sum begins anew where its sign changes, so that a pulse of the
    other sign begins low. The gains here are our own, for heights relative to the device's full pulse.
    """

    kept: ClassVar[tuple[str, ...]] = ("sum",)

    def __init__(self, goal: Goal) -> None:
        """Begin with the lowest pulse."""
        super().__init__(goal)
        self.sum = np.zeros(goal.target.shape)

    def next(self, conductance: Cells, distance: Cells, left: NDArray[np.int64]) -> Bursts:
        """Give one pulse to every cell that is not there."""
        goal, error = self.goal, distance / self.goal.span
        self.sum = np.where(self.sum * error < 0, 0.0, self.sum) + error
        height = LOWEST + PROPORTIONAL * np.abs(error) + INTEGRAL * np.abs(self.sum)
        full = goal.full(distance)
        voltage = goal.grid.volts(np.clip(height * full, -goal.v_max, goal.v_max), goal.v_max)
        voltage = np.where(voltage == 0, np.copysign(goal.grid.v_step, full), voltage)
        count = np.where(distance != 0, np.minimum(left, 1), 0).astype(np.int64)
        dose = count.astype(np.float64) * np.abs(voltage / full)
        return Bursts(count, voltage, np.full(distance.shape, goal.pulses.width), dose)
