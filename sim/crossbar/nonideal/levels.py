"""Few states and write noise: where a pulse leaves a cell.

With `levels` = n a cell knows n conductances, evenly spaced over its range, and a pulse that moves it leaves it at one
of them: at one of the two neighbours of where the law has led it, at random so that the mean is the law's
(``rounding=stochastic``), or at the nearer one (``rounding=nearest``: a cell whose pulses move it by less than half a
level never leaves it then). `write_noise` adds a normal number, a fraction of the range, with levels or without, and
the result is clipped to the range.
"""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from hil.compiling import njit
from hil.fraction import Fraction
from sim.crossbar.chance import LEVEL, WRITE, bits, uniform
from sim.crossbar.nonideal.part import CellGroup, NonIdealPart, Writing, Written
from sim.crossbar.normals import normal


class LevelParameters(NonIdealPart):
    """Number of states of an array's cells."""

    switches: ClassVar[dict[str, str]] = {"rounding": "levels"}

    levels: int | None = Field(None, ge=2, le=1 << 24, description="states of a cell, evenly spaced in conductance")
    rounding: Literal["stochastic", "nearest"] = Field(
        "stochastic", description="how a pulse's end goes to one of the levels"
    )
    write_noise: Fraction = Field(0.0, ge=0, le=1, description="noise of every write, of the range of conductance")


class Levels(Writing):
    """Levels and write noise of every cell."""

    def __init__(self, parameters: LevelParameters, cells: CellGroup) -> None:
        """Space the levels."""
        self._steps = 0 if parameters.levels is None else parameters.levels - 1
        self._stochastic = parameters.rounding == "stochastic"
        self._noise, self._cells = parameters.write_noise, cells

    @classmethod
    def of(cls, parameters: LevelParameters, cells: CellGroup) -> Levels | None:
        """What is asked for; None if it is nothing."""
        return cls(parameters, cells) if parameters.levels is not None or parameters.write_noise else None

    def end(self, pulse: Written) -> NDArray[np.float64]:
        """Conductances at levels, with noise."""
        span = self._cells.high - self._cells.low
        at = np.clip((pulse.target - self._cells.low) / span, 0.0, 1.0)
        _settle(
            self._cells.seed, pulse.writes, pulse.col, pulse.row, self._steps, self._stochastic, self._noise, at
        )  # fmt: skip
        return self._cells.low + span * at


@njit(cache=True, error_model="numpy")
def _settle(seed, count, col, row, steps, stochastic, noise, at):
    """Round the parts of the range `at` to whole parts of `steps` and add noise, in place."""
    for k in range(at.size):
        if steps > 0:
            threshold = uniform(bits(seed, LEVEL, count[k], col[k], row[k])) if stochastic else 0.5
            scaled = at[k] * steps
            below = np.floor(scaled + 1e-9)  # a cell that is at a level is not below it
            at[k] = (below + (1.0 if scaled - below > threshold else 0.0)) / steps
        if noise > 0.0:
            at[k] += noise * normal(bits(seed, WRITE, count[k], col[k], row[k]))
        at[k] = min(max(at[k], 0.0), 1.0)
