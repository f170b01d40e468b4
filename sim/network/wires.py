"""A crossbar whose wires have resistances: two nodes a cell, solved sparsely.

Row r is a wire from its terminal, where it is driven, past the cells (r, 0), (r, 1), ... to its open end; column c one
from its open end past (0, c), (1, c), ... to its terminal. So a row is driven at the first column and a column at the
last row, as in badcrossbar (Joksas and Mehonic, SoftwareX 12, 100617, 2020). Every segment between two cells has a
resistance, and so has what lies between a terminal and the wire's first cell: a segment and the driver.

With G the conductances of all branches and D the incidence of branches and nodes, Kirchhoff's current law is
D^T G D u = 0 at every node that is not driven. One sparse factorisation of that Laplacian serves any number of drives;
for a single one, of ohmic cells, conjugate gradients take far less (`sim.network.line_gradients`).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sim.network.branches import Branches, NonOhmic, Ohmic
from sim.network.line_gradients import along_lines
from sim.network.newton import potentials


@dataclass(frozen=True)
class WireResistance:
    """Resistances of the wires of a crossbar, ohm.

    Attributes
    ----------
    row, column : float
        Of a segment between two cells, > 0.
    row_end, column_end : float
        Between a terminal and the first cell of its wire, > 0: a segment, and what drives or senses the line.
    """

    row: float
    column: float
    row_end: float
    column_end: float

    @classmethod
    def alike(cls, segment: float, driver: float = 0.0) -> WireResistance:
        """Rows and columns alike: `segment` ohm a segment, and `driver` ohm in front of every line."""
        return cls(segment, segment, segment + driver, segment + driver)


class Wires:
    """Topology of a crossbar with wire resistances, for `sim.network.newton` and `sim.network.ports`.

    Nodes are the R row terminals, the C column terminals, then (r, c) along the rows and (r, c) along the columns;
    branches, in one flat array, are the R C cells, the R C segments of the rows and those of the columns.

    Parameters
    ----------
    rows, cols : int
        Numbers of lines R and C.
    resistance : WireResistance
        Of the wires.
    """

    def __init__(self, rows: int, cols: int, resistance: WireResistance) -> None:
        """Lay out the nodes."""
        self.rows, self.cols = rows, cols
        cell = np.arange(rows * cols).reshape(rows, cols)
        along_row, along_col = rows + cols + cell, rows + cols + rows * cols + cell
        before = np.column_stack([np.arange(rows), along_row[:, :-1]])
        below = np.vstack([along_col[1:], rows + np.arange(cols)])
        self._plus = np.concatenate([along_row.ravel(), before.ravel(), along_col.ravel()])
        self._minus = np.concatenate([along_col.ravel(), along_row.ravel(), below.ravel()])
        in_row, in_col = np.full((rows, cols), 1 / resistance.row), np.full((rows, cols), 1 / resistance.column)
        in_row[:, 0], in_col[-1] = 1 / resistance.row_end, 1 / resistance.column_end
        self._wires = np.concatenate([in_row.ravel(), in_col.ravel()])

    @property
    def nodes(self) -> int:
        """Number of nodes, R + C + 2 R C."""
        return self.rows + self.cols + 2 * self.rows * self.cols

    def across(self, potential: NDArray[np.float64], /) -> NDArray[np.float64]:
        """(3 R C,) voltages of all branches, V."""
        return potential[self._plus] - potential[self._minus]

    def outflow(self, current: NDArray[np.float64], /) -> NDArray[np.float64]:
        """(N,) net current that leaves every node through its branches, A."""
        out, back = (np.bincount(ends, current, self.nodes) for ends in (self._plus, self._minus))
        return (out - back).astype(np.float64, copy=False)

    def flat(self, conductance: NDArray[np.float64]) -> NDArray[np.float64]:
        """(3 R C,) conductances of all branches, S, where those of the cells are (R, C)."""
        return np.concatenate([conductance.ravel(), self._wires])

    def branches(self, cells: Branches) -> Branches:
        """All branches where the (R, C) cells carry `cells`."""
        if isinstance(cells, Ohmic):
            return Ohmic(self.flat(cells.conductance))
        count, shape = self.rows * self.cols, (self.rows, self.cols)

        def current(v: NDArray[np.float64]) -> NDArray[np.float64]:
            return np.concatenate([cells.current(v[:count].reshape(shape)).ravel(), self._wires * v[count:]])

        def slope(v: NDArray[np.float64]) -> NDArray[np.float64]:
            g = cells.differential_conductance(v[:count].reshape(shape))
            return np.concatenate([g.ravel(), self._wires])

        return NonOhmic(current, slope)

    def of_cells(self, potential: NDArray[np.float64]) -> NDArray[np.float64]:
        """(R, C) voltages of the cells between nodes at `potential` (N,), V."""
        along = potential[self.rows + self.cols :].reshape(2, self.rows, self.cols)
        return np.subtract(along[0], along[1])

    def settle(
        self,
        conductance: NDArray[np.float64],
        potential: NDArray[np.float64],
        injected: NDArray[np.float64] | None = None,
        /,
    ) -> NDArray[np.float64]:
        """Fill in the nodes that are not driven, `conductance` (3 R C,) being that of all branches; see `Topology`."""
        floating = np.isnan(potential if potential.ndim == 1 else potential[:, 0])
        if floating.all():
            return np.zeros_like(potential)
        laplacian = self._laplacian(conductance)
        inflow = -(laplacian[floating][:, ~floating] @ potential[~floating])
        if injected is not None:
            inflow = inflow + injected[floating]
        settled = potential.copy()
        solve = _factorised(laplacian[floating][:, floating]).solve
        # One drive after the other: SuperLU takes far longer for all of them at once.
        settled[floating] = solve(inflow) if inflow.ndim == 1 else np.stack([solve(x) for x in inflow.T], axis=1)
        return settled

    @cached_property
    def _places(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Rows and columns of all contributions to the Laplacian."""
        plus, minus = self._plus, self._minus
        return np.concatenate([plus, minus, plus, minus]), np.concatenate([plus, minus, minus, plus])

    def _laplacian(self, conductance: NDArray[np.float64]) -> Any:
        from scipy.sparse import csc_matrix

        values = np.concatenate([conductance, conductance, -conductance, -conductance])
        return csc_matrix((values, self._places), shape=(self.nodes, self.nodes))


class WiredCrossbar:
    """Cell voltages and line currents of a crossbar with wire resistances.

    Parameters
    ----------
    rows, cols : int
        Numbers of lines R and C.
    resistance : WireResistance
        Of the wires.
    """

    def __init__(self, rows: int, cols: int, resistance: WireResistance) -> None:
        """Nothing is solved yet."""
        self.wires = Wires(rows, cols, resistance)
        self.resistance, r = resistance, resistance
        self._conductances = 1 / r.row, 1 / r.column, 1 / r.row_end, 1 / r.column_end

    def voltages(
        self, cells: Branches, rows: NDArray[np.float64], cols: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Voltages along the wires.

        Parameters
        ----------
        cells : Branches
            What the (R, C) cells carry.
        rows, cols : (R,) and (C,) arrays
            Voltages at the terminals, V; NaN for one that floats.

        Returns
        -------
        (2, R, C) array
            Of every cell's end at its row and of that at its column, V.
        (R + C,) array
            Of all terminals, V.

        Raises
        ------
        InputError
            If Newton's method finds no voltages for cells that are not ohmic.
        """
        if isinstance(cells, Ohmic):
            along = self._by_lines(cells.conductance, rows, cols)
            if along is not None:
                open_ends = np.concatenate([along[0, :, 0], along[1, -1]])
                given = np.concatenate([rows, cols])
                return along, np.where(np.isnan(given), open_ends, given)
        wires = self.wires
        given = np.full(wires.nodes, np.nan)
        given[: wires.rows], given[wires.rows : wires.rows + wires.cols] = rows, cols
        found = potentials(wires, wires.branches(cells), given)
        ends = wires.rows + wires.cols
        return found[ends:].reshape(2, wires.rows, wires.cols), found[:ends]

    def many(
        self, conductance: NDArray[np.float64], rows: NDArray[np.float64], cols: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Voltages (B, R, C) of ohmic cells, V, for B drives with the same lines driven.

        Parameters
        ----------
        conductance : (R, C) array
            Of the cells, S, all > 0.
        rows, cols : (B, R) and (B, C) arrays
            Voltages at the terminals, V; NaN for one that floats.
        """
        across = np.empty((len(rows), *conductance.shape))
        for k, drive in enumerate(zip(rows, cols, strict=True)):
            along = self._by_lines(conductance, *drive)
            if along is None:
                return self._by_factors(conductance, rows, cols)
            across[k] = along[0] - along[1]
        return across

    def _by_lines(
        self, conductance: NDArray[np.float64], rows: NDArray[np.float64], cols: NDArray[np.float64]
    ) -> NDArray[np.float64] | None:
        """Voltages (2, R, C) of ohmic cells by conjugate gradients; None where these take too long."""
        if np.isnan(rows).all() and np.isnan(cols).all():
            return np.zeros((2, *conductance.shape))
        return along_lines(conductance, rows, cols, self._conductances)

    def _by_factors(
        self, conductance: NDArray[np.float64], rows: NDArray[np.float64], cols: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Voltages (B, R, C) across ohmic cells by one factorisation."""
        wires, ends = self.wires, self.wires.rows + self.wires.cols
        given = np.full((wires.nodes, len(rows)), np.nan)
        given[: wires.rows], given[wires.rows : ends] = rows.T, cols.T
        found = wires.settle(wires.flat(conductance), given)[ends:]
        along = found.T.reshape(len(rows), 2, wires.rows, wires.cols)
        return np.subtract(along[:, 0], along[:, 1])

    def effective(self, conductance: NDArray[np.float64]) -> NDArray[np.float64]:
        """Conductances (R, C), S, that an ideal crossbar would need to carry the same currents into 0 V.

        What flows out of column c for 1 V on row r, all other lines at 0 V. A network of resistors is reciprocal, so
        1 V on the lines of the shorter side is enough.

        Parameters
        ----------
        conductance : (R, C) array
            Of the cells, S, all > 0.
        """
        by_row = self.wires.rows <= self.wires.cols
        lines, others = sorted((self.wires.rows, self.wires.cols))
        drive, silent = np.eye(lines), np.zeros((lines, others))
        across = self.many(conductance, *((drive, silent) if by_row else (silent, drive)))
        currents = across * conductance
        return currents.sum(axis=1) if by_row else -currents.sum(axis=2).T


def _factorised(matrix: Any) -> Any:
    """LU factors of a symmetric positive definite matrix, without pivoting."""
    from scipy.sparse.linalg import splu

    return splu(
        matrix, permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options={"SymmetricMode": True, "Equil": False}
    )
