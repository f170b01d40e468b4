"""Cycle-to-cycle spread: one random factor on all that one pulse does to one cell.

A pulse of a cell is the longest stretch of a call in which its voltage stays the same and is not 0. A law knows nothing
of noise: it moves a state x from where the pulse found it, x0, along its noiseless course, and the cell is at

    x0 + (1 + sigma xi) (course - x0),    xi standard normal, drawn once for this pulse of this cell,

clipped to the range of the state. So it does not matter into how many segments a pulse is cut, which of them are
measured, and in what steps they are integrated. Where sigma is large a pulse may move a cell backwards. What a cell
does at 0 V carries no noise.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from hil.compiling import njit
from sim.crossbar.variability import cycle_factor


@dataclass
class PulseSpread:
    """The pulses under way on all cells of an array, and the factor of each.

    Attributes
    ----------
    sigma : float
        Standard deviation of a factor.
    seed : int
        Of the factors; each depends on the seed, the pulse's number and the cell alone.
    low, high : float
        Range of the state.
    origin, factor : (cols, rows) arrays
        State at the beginning of each cell's pulse, and its factor; 1 for a cell at rest.
    rows, cols : (R,) and (C,) arrays
        Line voltages of the segment under way, V.
    number : int
        Pulses that have begun anywhere in the array; those that begin at one instant share a number.
    """

    sigma: float
    seed: int
    low: float
    high: float
    origin: NDArray[Any]
    factor: NDArray[np.float64]
    rows: NDArray[np.float64]
    cols: NDArray[np.float64]
    number: int = 0

    @classmethod
    def at_rest(cls, sigma: float, seed: int, bounds: tuple[float, float], state: NDArray[Any]) -> Self:
        """Spread of cells at `state` (cols, rows) that no pulse is on."""
        cols, rows = state.shape
        return cls(sigma, seed, *bounds, state.copy(), np.ones(state.shape), np.zeros(rows), np.zeros(cols))

    def copy(self) -> PulseSpread:
        """Copy, for going back to this moment."""
        fixed = self.sigma, self.seed, self.low, self.high
        return PulseSpread(*fixed, self.origin.copy(), self.factor.copy(), self.rows, self.cols, self.number)

    def begin(
        self, rows: NDArray[np.float64], cols: NDArray[np.float64], state: NDArray[Any], course: NDArray[Any]
    ) -> None:
        """Set new line voltages: the pulse of every cell whose voltage changes ends, and its next one begins."""
        before, self.rows, self.cols = (self.rows, self.cols), rows.copy(), cols.copy()
        self.number += _begin(
            state, course, self.origin, self.factor, *before, self.rows, self.cols, self.sigma, self.seed, self.number
        )

    def settle(self, state: NDArray[Any], course: NDArray[Any]) -> None:
        """Set the cells' state from the courses and factors of their pulses (see the module), clipped to its range."""
        _settle(state, course, self.origin, self.factor, self.low, self.high)


@njit(cache=True, nogil=True, error_model="numpy")
def _begin(state, course, origin, factor, old_rows, old_cols, rows, cols, sigma, seed, number):
    """End and begin pulses in place, drawing the factors of the new ones; returns whether any began."""
    begun = False
    if (rows == old_rows).all() and (cols == old_cols).all():
        return begun
    for c in range(cols.size):
        for r in range(rows.size):
            v = rows[r] - cols[c]
            if v == old_rows[r] - old_cols[c]:
                continue
            origin[c, r] = state[c, r]
            course[c, r] = state[c, r]
            factor[c, r] = 1.0
            if v != 0.0:
                factor[c, r] = cycle_factor(sigma, seed, number, c, r)
                begun = True
    return begun


@njit(cache=True, nogil=True, error_model="numpy")
def _settle(state, course, origin, factor, low, high):
    for c in range(state.shape[0]):
        for r in range(state.shape[1]):
            x = course[c, r]
            if factor[c, r] != 1.0:
                x = origin[c, r] + factor[c, r] * (x - origin[c, r])
            state[c, r] = min(max(x, low), high)
