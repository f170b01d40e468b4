"""A crossbar whose wires have resistances: two nodes a cell, solved sparsely.

Row r is a wire from its terminal, where it is driven, past the cells (r, 0), (r, 1), ... to its far end; column c one
from its far end past (0, c), (1, c), ... to its terminal. So a row is driven at the first column and a column at the
last row, as in badcrossbar (Joksas and Mehonic, SoftwareX 12, 100617, 2020). Every segment between two cells has a
resistance, and so has what lies between a terminal and the wire's first cell: a segment and the driver. Far ends are
open, or driven as well: by a source of their own at the same voltage, which lets go of the line when that floats.

With G the conductances of all branches and D the incidence of branches and nodes, Kirchhoff's current law is
D^T G D u = 0 at every node that is not driven. One sparse factorisation of that Laplacian serves any number of drives;
conjugate gradients take far less (`sim.network.line_gradients`), and so does Newton's method on them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sim.network.branches import Branches, NonOhmic, Ohmic
from sim.network.line_gradients import Lines, along_lines, outflow
from sim.network.line_newton import newton_along_lines
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
    row_far, column_far : float or None
        The same at the far ends, where these are driven too; None where they are open.
    """

    row: float
    column: float
    row_end: float
    column_end: float
    row_far: float | None = None
    column_far: float | None = None

    @classmethod
    def alike(cls, segment: float, driver: float = 0.0) -> WireResistance:
        """Rows and columns alike: `segment` ohm a segment, and `driver` ohm in front of every line."""
        return cls(segment, segment, segment + driver, segment + driver)


class Wires:
    """Topology of a crossbar with wire resistances, for `sim.network.newton` and `sim.network.ports`.

    Nodes are the R row terminals, the C column terminals, (r, c) along the rows, (r, c) along the columns, and the
    terminals at driven far ends; branches, in one flat array, are the R C cells, the R C segments of the rows, those of
    the columns, and those at the far ends.

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
        cell, lines = np.arange(rows * cols).reshape(rows, cols), np.arange(rows + cols)
        along_row, along_col = rows + cols + cell, rows + cols + rows * cols + cell
        before = np.column_stack([lines[:rows], along_row[:, :-1]])
        below = np.vstack([along_col[1:], lines[rows:]])
        r = resistance
        in_row, in_col = np.full((rows, cols), 1 / r.row), np.full((rows, cols), 1 / r.column)
        in_row[:, 0], in_col[-1] = 1 / r.row_end, 1 / r.column_end
        far = [
            (n, last, ohm)
            for n, last, ohm in (
                (lines[:rows], along_row[:, -1], r.row_far),
                (lines[rows:], along_col[0], r.column_far),
            )
            if ohm is not None
        ]
        self._twinned = np.concatenate([lines[:0], *(n for n, _, _ in far)])
        self._nodes = rows + cols + 2 * rows * cols + len(self._twinned)
        twins = np.arange(self._nodes - len(self._twinned), self._nodes)
        last = np.concatenate([lines[:0], *(n for _, n, _ in far)])
        self._plus = np.concatenate([along_row.ravel(), before.ravel(), along_col.ravel(), twins])
        self._minus = np.concatenate([along_col.ravel(), along_row.ravel(), below.ravel(), last])
        ends = [np.full(len(n), 1 / ohm) for n, _, ohm in far]
        self._wires = np.concatenate([in_row.ravel(), in_col.ravel(), *ends])

    @property
    def nodes(self) -> int:
        """Number of nodes: R + C + 2 R C, and one for every line that is driven at both ends."""
        return self._nodes

    def at_both_ends(self, terminals: NDArray[Any]) -> NDArray[Any]:
        """(..., N) of what holds for the nodes, where far ends get what their lines' terminals have."""
        spread = terminals.copy()
        spread[..., self._nodes - len(self._twinned) :] = terminals[..., self._twinned]
        return spread

    def given(self, rows: NDArray[np.float64], cols: NDArray[np.float64]) -> NDArray[np.float64]:
        """(..., N) voltages of all nodes as far as they are known, V, from those of the lines; else NaN."""
        found = np.full((*rows.shape[:-1], self._nodes), np.nan)
        found[..., : self.rows + self.cols] = np.concatenate([rows, cols], axis=-1)
        return self.at_both_ends(found)

    def across(self, potential: NDArray[np.float64], /) -> NDArray[np.float64]:
        """(E,) voltages of all branches, V."""
        return potential[self._plus] - potential[self._minus]

    def outflow(self, current: NDArray[np.float64], /) -> NDArray[np.float64]:
        """(N,) net current that leaves every node through its branches, A."""
        out, back = (np.bincount(ends, current, self.nodes) for ends in (self._plus, self._minus))
        return (out - back).astype(np.float64, copy=False)

    def flat(self, conductance: NDArray[np.float64]) -> NDArray[np.float64]:
        """(E,) conductances of all branches, S, where those of the cells are (R, C)."""
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
        along = self.along(potential)
        return np.subtract(along[0], along[1])

    def along(self, potential: NDArray[np.float64]) -> NDArray[np.float64]:
        """(2, R, C) voltages of the cells' ends at their rows and at their columns, V."""
        first, count = self.rows + self.cols, 2 * self.rows * self.cols
        return potential[first : first + count].reshape(2, self.rows, self.cols)

    def settle(
        self,
        conductance: NDArray[np.float64],
        potential: NDArray[np.float64],
        injected: NDArray[np.float64] | None = None,
        /,
    ) -> NDArray[np.float64]:
        """Fill in the nodes that are not driven, `conductance` (E,) being that of all branches; see `Topology`."""
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
        self.shape, self.resistance = (rows, cols), resistance
        r = resistance
        far = 1 / r.row_far if r.row_far else 0.0, 1 / r.column_far if r.column_far else 0.0
        self._row_ends, self._col_ends = np.array([1 / r.row_end, far[0]]), np.array([far[1], 1 / r.column_end])

    @cached_property
    def wires(self) -> Wires:
        """The network of the wires, node by node."""
        return Wires(*self.shape, self.resistance)

    def _lines(self, rows: NDArray[np.float64], cols: NDArray[np.float64]) -> Lines:
        """What the lines are, where some float."""
        r = self.resistance
        ends = (np.where(np.isnan(v)[:, None], 0.0, g) for v, g in ((rows, self._row_ends), (cols, self._col_ends)))
        return Lines(1 / r.row, 1 / r.column, *ends)

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
        given, along = np.concatenate([rows, cols]), self._by_lines(cells, rows, cols)
        if along is None:
            wires = self.wires
            along = wires.along(potentials(wires, wires.branches(cells), wires.given(rows, cols)))
        open_ends = np.concatenate([along[0, :, 0], along[1, -1]])
        return along, np.where(np.isnan(given), open_ends, given)

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
        if not len(rows) or (np.isnan(rows[0]).all() and np.isnan(cols[0]).all()):
            return np.zeros((len(rows), *conductance.shape))
        lines = self._lines(rows[0], cols[0])
        found = along_lines(conductance, lines, np.nan_to_num(rows), np.nan_to_num(cols))
        return self._by_factors(conductance, rows, cols) if found is None else found[:, 0] - found[:, 1]

    def _by_lines(
        self, cells: Branches, rows: NDArray[np.float64], cols: NDArray[np.float64]
    ) -> NDArray[np.float64] | None:
        """Voltages (2, R, C) by conjugate gradients; None where these take too long."""
        if np.isnan(rows).all() and np.isnan(cols).all():
            return np.zeros((2, *self.shape))
        lines, rows, cols = self._lines(rows, cols), np.nan_to_num(rows), np.nan_to_num(cols)
        if not isinstance(cells, Ohmic):
            return newton_along_lines(cells, lines, rows, cols)
        found = along_lines(cells.conductance, lines, rows[None], cols[None])
        return None if found is None else found[0]

    def _by_factors(
        self, conductance: NDArray[np.float64], rows: NDArray[np.float64], cols: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Voltages (B, R, C) across ohmic cells by one factorisation."""
        wires = self.wires
        found = wires.settle(wires.flat(conductance), np.ascontiguousarray(wires.given(rows, cols).T))
        return np.stack([wires.of_cells(potential) for potential in found.T])

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
        given = (drive, silent) if by_row else (silent, drive)
        found = outflow(conductance, self._lines(*(lines[0] for lines in given)), *given)
        if found is not None:
            return found[1] if by_row else -found[0].T
        currents = self._by_factors(conductance, *given) * conductance
        return currents.sum(axis=1) if by_row else -currents.sum(axis=2).T


def _factorised(matrix: Any) -> Any:
    """LU factors of a symmetric positive definite matrix, without pivoting."""
    from scipy.sparse.linalg import splu

    return splu(
        matrix, permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options={"SymmetricMode": True, "Equil": False}
    )
