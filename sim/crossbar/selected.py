"""Cells behind selectors: how each pair shares its voltage, inside whatever is around the array.

To its lines a pair is one branch, whose current at v is that at which selector and cell carry the same,
i_s(v - u) = i_c(u); the cell sees u. A hysteretic selector is first as the cell's state says, then those turn on whose
threshold is reached, and those off whose current does not hold them, until none changes any more; one that has gone off
in an instant stays off for this instant.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hil.limits import LimitError
from hil.synapses.settling import settled
from sim.crossbar.coupled import Held, Surroundings
from sim.network.branches import Branches
from sim.selectors.selector import ON, Selector

if TYPE_CHECKING:
    from sim.crossbar.cells import CellArray


NEAR = 1e-6
"""Of the largest voltage: to which the slow function is solved before the fast one."""


class Pairs:
    """A selector and a cell in series at every crossing; `sim.network.branches.Branches`.

    Parameters
    ----------
    selector : Selector
        Of all cells.
    cells : Branches
        What the (R, C) cells carry.
    on : (R, C) array of bool
        Which selectors are on.
    """

    def __init__(self, selector: Selector, cells: Branches, on: NDArray[np.bool_]) -> None:
        """Nothing is shared out yet."""
        self.selector, self.cells, self.on = selector, cells, on
        self._last: tuple[NDArray[np.float64], NDArray[np.float64]] | None = None

    def of_cells(self, v: NDArray[np.float64]) -> NDArray[np.float64]:
        """(R, C) voltages of the cells where pairs see `v`, V."""
        if self._last is None or not np.array_equal(self._last[0], v):
            self._last = v.copy(), self._shared(v)
        return self._last[1]

    def current(self, v: NDArray[np.float64], /) -> NDArray[np.float64]:
        """Currents of the pairs at `v`, A: from whichever of the two tells them best, the one that conducts less."""
        u = self.of_cells(v)
        by_selector = self._conductances(v, u)
        less = by_selector[0] <= by_selector[1]
        return np.where(less, self.selector.current(v - u, self.on), self.cells.current(u))

    def differential_conductance(self, v: NDArray[np.float64], /) -> NDArray[np.float64]:
        """Derivative of `current`, S."""
        own, of_cell = self._conductances(v, self.of_cells(v))
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(own + of_cell > 0, own / (own + of_cell) * of_cell, 0.0)

    def _conductances(
        self, v: NDArray[np.float64], u: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        return self.selector.slope(v - u, self.on), self.cells.differential_conductance(u)

    def _shared(self, v: NDArray[np.float64]) -> NDArray[np.float64]:
        """Solved for the voltage that the selector leaves, a slow function of it, then for the current to the last bit.

        The first loses what is left where the selector takes almost all, the second converges only nearby.
        """
        selector, cells, on = self.selector, self.cells, self.on
        low, high = np.minimum(v, 0.0), np.maximum(v, 0.0)

        def left(u: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
            taken = selector.drop(cells.current(u), on)
            return v - u - taken, -1.0 - cells.differential_conductance(u) / selector.slope(taken, on)

        def balance(u: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
            own, of_cell = self._conductances(v, u)
            return selector.current(v - u, on) - cells.current(u), -(own + of_cell)

        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            rest = v - selector.drop(cells.current(v), on)
            blocked = selector.current(v, on) / cells.differential_conductance(np.zeros(v.shape))
            near = settled(left, low, high, np.where(rest * v > 0, rest, np.nan_to_num(blocked)), NEAR)
            return settled(balance, low, high, near)


class Selected:
    """Selectors between an array of cells and what is around it; a `sim.crossbar.coupled.Surroundings`.

    Parameters
    ----------
    name : str
        Of the array, for messages.
    selector : Selector
        Of all cells.
    around : Surroundings
        What drives the lines.
    array : CellArray
        Whose state says which switches are on.
    noting : bool
        Whether that is to be noted in it; else nothing is, and all are off before.
    """

    stiff = False

    def __init__(
        self, name: str, selector: Selector, around: Surroundings, array: CellArray, *, noting: bool = True
    ) -> None:
        """Nothing is solved yet."""
        self._name, self._selector, self._around, self._array = name, selector, around, array
        self._noting = noting and selector.hysteretic

    def hold(self, cells: Branches, /) -> Held:
        """What lines and selectors do to the cells at their present states; `limits` has one more for each switch."""
        held, pairs = self._solved(cells)
        flags = tuple(pairs.on.ravel().tolist()) if self._selector.hysteretic else ()
        return Held(held.rows, held.cols, (*held.limits, *flags), pairs.of_cells(held.of_cells()))

    def own(self, limits: tuple[bool, ...]) -> tuple[bool, ...]:
        """Those of `Held.limits` that are of what is around, without the switches."""
        return limits[: len(limits) - self._array.rows * self._array.cols * self._selector.hysteretic]

    def _solved(self, cells: Branches) -> tuple[Held, Pairs]:
        on = np.zeros((self._array.rows, self._array.cols), bool)
        if self._noting:
            on |= self._array.state[ON].T
        gone = np.zeros(on.shape, bool)
        for _ in range(2 * on.size + 2):
            pairs = Pairs(self._selector, cells, on)
            held = self._around.hold(pairs)
            v = held.of_cells()
            rising = falling = np.zeros(on.shape, bool)
            if self._selector.hysteretic:
                rising = ~on & ~gone & self._selector.turning_on(v - pairs.of_cells(v))
                falling = on & ~self._selector.staying_on(pairs.current(v))
            if not (rising | falling).any():
                if self._noting:
                    self._array.state[ON][:] = on.T
                return held, pairs
            gone, on = gone | falling, (on & ~falling) | rising
        raise LimitError(f"{self._name}: its threshold switches do not come to rest")
