"""What is between the ends of an array's lines and its cells: nothing, wires with resistances, selectors, or both."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sim.cells.law import OhmicLaw
from sim.crossbar.coupled import Surroundings
from sim.crossbar.floating import FloatingLines
from sim.crossbar.selected import Selected
from sim.crossbar.wired import WiredArray

if TYPE_CHECKING:
    from sim.crossbar.cells import CellArray
    from sim.crossbar.parameters import ArrayParameters


class Around:
    """Wires and selectors of an array.

    Parameters
    ----------
    name : str
        What the user calls the array, for messages.
    parameters : ArrayParameters
        Of the array.
    cells : CellArray
        Its cells.

    Attributes
    ----------
    wires : WiredArray or None
        Lines, where these have resistances.
    """

    def __init__(self, name: str, parameters: ArrayParameters, cells: CellArray) -> None:
        """Nothing is solved yet."""
        self._name, self._parameters, self._cells = name, parameters, cells
        self.wires = WiredArray.of(parameters)

    def lines(self, rows: NDArray[np.float64], cols: NDArray[np.float64], *, noting: bool = True) -> Surroundings:
        """Sources at the ends of the lines, V, NaN for one that floats; `noting` as in `Selected`."""
        ends = FloatingLines(rows, cols) if self.wires is None else self.wires.lines(rows, cols)
        return self.selected(ends, noting=noting)

    def selected(self, outside: Surroundings, *, noting: bool = True) -> Surroundings:
        """Selectors, where there are any, between the cells and what is outside."""
        selector = self._parameters.selector
        return outside if selector is None else Selected(self._name, selector, outside, self._cells, noting=noting)

    def apart(self, rows: NDArray[np.float64], cols: NDArray[np.float64]) -> NDArray[np.bool_]:
        """(T,) segments in which cells do not see the difference of their lines, as something takes a part of it.

        At one voltage everywhere, no current flows and nothing is taken.
        """
        if self._parameters.plain:
            return np.zeros(len(rows), bool)
        return ~((rows == rows[:, :1]).all(axis=1) & (cols == rows[:, :1]).all(axis=1))

    def conductance(self, known: NDArray[np.float64]) -> NDArray[np.float64] | None:
        """(R, C) what products of voltages are made with, S, where `known` are the cells'; None where there is none."""
        if not isinstance(self._cells.law, OhmicLaw) or self._parameters.selector is not None:
            return None
        return known if self.wires is None else self.wires.effective(known)

    def of_rows(
        self, known: NDArray[np.float64], rows: NDArray[np.int64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
        """What a read of each row finds, over its voltage, S, and the sums of squares that make it up.

        None where cells that are not ohmic share their voltage with wires or selectors.
        """
        if self._parameters.plain:
            return known[rows], known[rows] ** 2
        if self.wires is None or self._parameters.selector is not None or not isinstance(self._cells.law, OhmicLaw):
            return None
        seen, power = self.wires.of_rows(known, rows)
        return seen, power

    def currents(self, v: NDArray[np.float64], reverse: bool) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Currents out of the sensed lines, A, and sums of the squared cell currents that they add up; both (B, lines).

        `v` (B, driven lines) are voltages, all other lines being at 0 V; with `reverse`, columns are driven.
        """
        cells = self._cells
        if self.wires is not None and self._parameters.selector is None:
            return self.wires.currents(cells, v, reverse)
        out, branches = np.empty((2, len(v), cells.rows if reverse else cells.cols)), cells.branches(measured=True)
        silent = np.zeros(out.shape[2])
        for k, driven in enumerate(v):
            lines = self.lines(*((silent, driven) if reverse else (driven, silent)), noting=False)
            current = branches.current(lines.hold(branches).of_cells())
            out[0, k] = -current.sum(axis=1) if reverse else current.sum(axis=0)
            out[1, k] = (current**2).sum(axis=int(reverse))
        return out[0], out[1]
