"""An array whose wires have resistances: every cell sees the voltage that the currents of all the others leave it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sim.crossbar.coupled import Held
from sim.network.branches import Branches, Ohmic
from sim.network.wires import WiredCrossbar, Wires

if TYPE_CHECKING:
    from sim.crossbar.cells import CellArray
    from sim.crossbar.parameters import ArrayParameters

AT_ONCE = 256
"""Drives that are solved with one factorisation; more would take memory for nothing."""


class WiredArray:
    """The wires of an array of cells, and what it looks like through them.

    Parameters
    ----------
    crossbar : WiredCrossbar
        The wires.
    """

    def __init__(self, crossbar: WiredCrossbar) -> None:
        """Nothing is solved yet."""
        self._crossbar = crossbar
        self._known: tuple[NDArray[np.float64], NDArray[np.float64]] | None = None
        self._rows: tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]] | None = None
        self._last: tuple[tuple[NDArray[np.float64], ...], Held] | None = None

    @classmethod
    def of(cls, parameters: ArrayParameters) -> WiredArray | None:
        """The wires that some parameters ask for; None if these have no resistance."""
        p, wires = parameters, parameters.wires()
        return None if wires is None else cls(WiredCrossbar(p.rows, p.cols, wires))

    @property
    def topology(self) -> Wires:
        """The network of the wires, for callers with other sources at their ends."""
        return self._crossbar.wires

    def lines(self, rows: NDArray[np.float64], cols: NDArray[np.float64]) -> WiredLines:
        """Sources at the ends of the lines, V; NaN for one that floats."""
        return WiredLines(self, rows, cols)

    def held(self, cells: Branches, rows: NDArray[np.float64], cols: NDArray[np.float64]) -> Held:
        """Voltages between sources at the ends of the lines (NaN: none), solved anew only where something has changed.

        Of ohmic cells the last drive is kept: a pulse ends as the next one like it begins, and a meter asks for both.
        """
        asked = (cells.conductance, rows, cols) if isinstance(cells, Ohmic) else None
        if asked is not None and self._last is not None:
            kept, held = self._last
            if _same(kept[0], asked[0]) and all(
                np.array_equal(a, b, equal_nan=True) for a, b in zip(kept[1:], asked[1:], strict=True)
            ):
                return held
        along, ends = self._crossbar.voltages(cells, rows, cols)
        across = along[0] - along[1]
        held = Held(ends[: len(rows)], ends[len(rows) :], (), across)
        if asked is not None and (np.nan_to_num(rows).any() or np.nan_to_num(cols).any()):
            across.flags.writeable = False
            self._last = (_kept(asked[0]), rows.copy(), cols.copy()), held
        return held

    def effective(self, conductance: NDArray[np.float64]) -> NDArray[np.float64]:
        """`WiredCrossbar.effective`, solved anew only where conductances have changed."""
        if self._known is None or not _same(self._known[0], conductance):
            self._known = _kept(conductance), self._crossbar.effective(conductance)
        return self._known[1]

    def of_rows(self, conductance: NDArray[np.float64], rows: NDArray[np.int64]) -> NDArray[np.float64]:
        """What a read at 1 V of each of some rows finds, all other lines at 0 V.

        Where few rows are read before a cell moves, this is far quicker than `effective`: a row is solved when it is
        first asked for, and kept as long as conductances are the same.

        Parameters
        ----------
        conductance : (R, C) array
            Of ohmic cells, S.
        rows : (K,) array of int
            Rows that are read.

        Returns
        -------
        (2, K, C) array
            Currents out of the columns, A, and sums of the squared cell currents that they add up, A^2.
        """
        if self._rows is None or not _same(self._rows[0], conductance):
            shape = 2, *conductance.shape
            self._rows = _kept(conductance), np.empty(shape), np.zeros(len(conductance), bool)
        _, found, solved = self._rows
        for row in np.unique(rows[~solved[rows]]):
            drive = (np.arange(len(conductance)) == row).astype(np.float64)
            current = (
                self._crossbar.many(conductance, drive[None], np.zeros((1, conductance.shape[1])))[0] * conductance
            )
            found[0, row], found[1, row] = current.sum(axis=0), (current**2).sum(axis=0)
            solved[row] = True
        return found[:, rows]

    def currents(
        self, cells: CellArray, v: NDArray[np.float64], reverse: bool
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Currents out of the sensed lines, and sums of the squared cell currents that they add up.

        `v` (B, driven lines) are voltages, all other lines being at 0 V; with `reverse`, columns are driven. Both
        results are (B, sensed lines), A and A^2.
        """
        sensed, over = (cells.rows, 1) if reverse else (cells.cols, 0)
        out, branches = np.empty((2, len(v), sensed)), cells.branches(measured=True)
        for first in range(0, len(v), AT_ONCE):
            driven = v[first : first + AT_ONCE]
            silent = np.zeros((len(driven), sensed))
            for k, across in enumerate(self._across(branches, *((silent, driven) if reverse else (driven, silent)))):
                current = branches.current(across)
                out[0, first + k] = (-1 if reverse else 1) * current.sum(axis=over)
                out[1, first + k] = (current**2).sum(axis=over)
        return out[0], out[1]

    def _across(
        self, cells: Branches, rows: NDArray[np.float64], cols: NDArray[np.float64]
    ) -> Iterable[NDArray[np.float64]]:
        """(R, C) voltages of the cells for one drive after the other."""
        if isinstance(cells, Ohmic):
            return self._crossbar.many(cells.conductance, rows, cols)
        return (self.lines(*drive).hold(cells).of_cells() for drive in zip(rows, cols, strict=True))


def _kept(conductance: NDArray[np.float64]) -> NDArray[np.float64]:
    """To compare with: a copy, unless nothing can write to it."""
    return conductance.copy() if conductance.flags.writeable else conductance


def _same(kept: NDArray[np.float64], conductance: NDArray[np.float64]) -> bool:
    return kept is conductance or np.array_equal(kept, conductance)


class WiredLines:
    """Sources at the ends of some wires, nothing at the others; a `sim.crossbar.coupled.Surroundings`.

    Parameters
    ----------
    wires : WiredArray
        The wires.
    rows, cols : (R,) and (C,) arrays
        Driven voltages, V; NaN for a floating line.
    """

    stiff = False

    def __init__(self, wires: WiredArray, rows: NDArray[np.float64], cols: NDArray[np.float64]) -> None:
        """Nothing is solved yet."""
        self._wires, self.rows, self.cols = wires, rows, cols

    def hold(self, cells: Branches, /) -> Held:
        """Voltages at the ends of the lines, and those of the cells, at the cells' present states."""
        return self._wires.held(cells, self.rows, self.cols)
