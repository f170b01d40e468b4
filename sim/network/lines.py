"""A crossbar of ideal lines: one node a row and one a column, floating lines and the sneak paths they open."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sim.network.branches import Branches, Ohmic
from sim.network.newton import potentials


@dataclass(frozen=True)
class IdealLines:
    """Topology of a crossbar whose lines have no resistance: branch (r, c) joins row node r and column node R + c.

    Parameters
    ----------
    rows, cols : int
        Numbers of lines R and C.
    """

    rows: int
    cols: int

    @property
    def nodes(self) -> int:
        """Rows and columns together."""
        return self.rows + self.cols

    def across(self, potential: NDArray[np.float64], /) -> NDArray[np.float64]:
        """(R, C) voltages of the cells, row against column, V."""
        return potential[: self.rows, None] - potential[self.rows :]

    def outflow(self, current: NDArray[np.float64], /) -> NDArray[np.float64]:
        """(R + C,) net current that leaves every line through its cells, A."""
        return np.concatenate([current.sum(axis=1), -current.sum(axis=0)])

    def settle(
        self,
        conductance: NDArray[np.float64],
        potential: NDArray[np.float64],
        injected: NDArray[np.float64] | None = None,
        /,
    ) -> NDArray[np.float64]:
        """Fill in the floating lines of ohmic cells; see `Topology.settle`.

        No cell joins two rows, so floating rows are eliminated in closed form: what is left is a system (the Schur
        complement) of as many unknowns as columns float.
        """
        count = self.rows
        fed = None if injected is None else (injected[:count], injected[count:])
        return np.concatenate(_settled(conductance, potential[:count], potential[count:], fed))


def line_voltages(
    cells: NDArray[np.float64] | Branches, rows: NDArray[np.float64], cols: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Fill in the voltages of all floating lines.

    A floating line takes the voltage at which no net current flows into it. Lines have no capacitance here, so this
    holds at every instant.

    Parameters
    ----------
    cells : (R, C) array or Branches
        Cell conductances, S, all > 0; or what the cells carry at (R, C) voltages, if they are not ohmic.
    rows, cols : (R,) and (C,) arrays
        Driven line voltages, V; NaN for a floating line.

    Returns
    -------
    rows, cols : (R,) and (C,) arrays
        The same with Kirchhoff's current law satisfied at every floating line. Where nothing at all is driven, all
        lines are equal and set to 0 V. No line lies beyond the driven ones, not even by rounding: eq 4 of the FLCA
        model tells -1e-17 V from 0.

    Raises
    ------
    InputError
        If Newton's method finds no voltages for cells that are not ohmic.
    """
    if isinstance(cells, Ohmic):
        cells = cells.conductance
    if isinstance(cells, np.ndarray):
        settled = _settled(cells, rows, cols)
    else:
        found = potentials(IdealLines(len(rows), len(cols)), cells, np.concatenate([rows, cols]))
        settled = found[: len(rows)], found[len(rows) :]
    edges = np.concatenate([rows[~np.isnan(rows)], cols[~np.isnan(cols)]])
    if not edges.size:
        return settled
    low, high = edges.min(), edges.max()
    return np.clip(settled[0], low, high), np.clip(settled[1], low, high)


def _settled(
    conductance: NDArray[np.float64],
    rows: NDArray[np.float64],
    cols: NDArray[np.float64],
    injected: tuple[NDArray[np.float64], NDArray[np.float64]] | None = None,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Rows and columns of `IdealLines.settle`, each (R,) and (C,), or (R, P) and (C, P)."""
    loose_rows, loose_cols = (np.isnan(lines if lines.ndim == 1 else lines[:, 0]) for lines in (rows, cols))
    rows, cols = rows.copy(), cols.copy()
    if loose_rows.all() and loose_cols.all():
        return np.zeros_like(rows), np.zeros_like(cols)
    from_rows = conductance[loose_rows]
    total = from_rows.sum(axis=1, keepdims=True)
    weight = from_rows / total
    fed = None if injected is None else (injected[0][loose_rows].T / total[:, 0]).T
    driven = ~loose_cols
    if loose_cols.any():
        block = conductance[:, loose_cols]
        laplacian = np.diag(block.sum(axis=0)) - from_rows[:, loose_cols].T @ weight[:, loose_cols]
        inflow = block[~loose_rows].T @ rows[~loose_rows]
        inflow += from_rows[:, loose_cols].T @ (weight[:, driven] @ cols[driven])
        if injected is not None and fed is not None:
            inflow += from_rows[:, loose_cols].T @ fed + injected[1][loose_cols]
        cols[loose_cols] = np.linalg.solve(laplacian, inflow)
    rows[loose_rows] = weight @ cols
    if fed is not None:
        rows[loose_rows] += fed
    return rows, cols
