"""Sweeps that test an exported cell: a voltage over time, and the current that the simulation gives to it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from hil.limits import LimitError
from sim.cells.law import Law
from sim.cells.segments import Segments

Shape = Literal["sine", "triangle"]

LIVELY = 0.9
"""Part of the largest opening of a loop which is enough for a sweep that is to be chosen."""


@dataclass(frozen=True)
class TestSweep:
    """Periods of a voltage that begins at 0 and rises.

    Attributes
    ----------
    shape : str
        ``sine`` or ``triangle``.
    amplitude : float
        V.
    frequency : float
        Hz.
    periods : int
        How many.
    points : int
        Of the result, a period.
    """

    shape: Shape
    amplitude: float
    frequency: float
    periods: int = 1
    points: int = 400

    def voltage(self, phase: NDArray[np.float64]) -> NDArray[np.float64]:
        """V at a phase in periods."""
        if self.shape == "sine":
            return self.amplitude * np.sin(2 * np.pi * phase)
        return self.amplitude * (1.0 - np.abs(np.mod(4.0 * phase + 1.0, 4.0) - 2.0))

    @cached_property
    def time(self) -> NDArray[np.float64]:
        """Times of the result, s: after every one of `points` equal parts."""
        return (np.arange(self.periods * self.points) + 1) / (self.points * self.frequency)

    def source(self) -> str:
        """The same as an independent source of SPICE."""
        period = 1 / self.frequency
        if self.shape == "sine":
            return f"SIN(0 {self.amplitude!r} {self.frequency!r})"
        corners = [(0.0, 0.0)]
        for k in range(self.periods):
            corners += [(k + 0.25, self.amplitude), (k + 0.75, -self.amplitude)]
        corners.append((float(self.periods), 0.0))
        return "PWL(" + " ".join(f"{t * period:.12g} {v!r}" for t, v in corners) + ")"


def simulated_current(law: Law[Any], sweep: TestSweep, finer: int = 10) -> NDArray[np.float64]:
    """Current at the times of a sweep, A: of a pristine cell whose voltage is constant for a part of a point each.

    Parameters
    ----------
    law : Law
        Of the cell.
    sweep : TestSweep
        Drives it.
    finer : int
        Parts of a point; the error falls with its square.
    """
    steps = sweep.periods * sweep.points * finer
    middle = (np.arange(steps) + 0.5) / (sweep.points * finer)
    duration = np.full(steps, 1 / (sweep.points * finer * sweep.frequency))
    rows = sweep.voltage(middle)[:, None]
    play = Segments.of(duration, rows, np.zeros((steps, 1)), again=False, book=False)
    start = np.full(steps, np.nan)
    states = law.trace(play, start)
    found = {name: np.ascontiguousarray(array[:, finer - 1 :: finer]) for name, array in states.items()}
    found |= {s.name: np.zeros(1) for s in law.states if s.per_column}
    end = sweep.voltage(sweep.time * sweep.frequency)
    return law.current(end[None, :], found)[0]


def usual_amplitude(law: Law[Any]) -> float:
    """Voltage that moves a cell, V: its programming pulses, half as much again as its thresholds, or 1 V."""
    if law.programming is not None:
        return max(law.programming.v_set, law.programming.v_reset)
    return 1.5 * max(law.thresholds) if law.thresholds is not None else 1.0


def usual_frequency(law: Law[Any], amplitude: float) -> float:
    """The highest power of ten, Hz, at which the loop of a sine is nearly as open as it can be."""
    decades = np.arange(12, -7, -1)
    opened = np.array([_opening(law, amplitude, 10.0**k) for k in decades])
    return float(10.0 ** decades[np.flatnonzero(opened >= LIVELY * opened.max())[0]])


def _opening(law: Law[Any], amplitude: float, frequency: float) -> float:
    """How far the branches of a loop lie apart, as a part of the largest current; 0 where it cannot be simulated."""
    sweep = TestSweep("sine", amplitude, frequency, 1, 64)
    try:
        current = simulated_current(law, sweep, 1)
    except LimitError:
        return 0.0
    if not np.isfinite(current).all() or not np.abs(current).max() > 0:
        return 0.0
    up, down = current[:15], current[16:31][::-1]
    return float(np.abs(up - down).max() / np.abs(current).max())
