"""Wire resistances and ohmic cells by conjugate gradients, every line solved exactly on the way.

The Laplacian of a crossbar with wires falls into that of the rows, that of the columns, both tridiagonal in pieces, and
the cells that couple them:

    [ T_r  -G ] [x_r]   [b_r]
    [ -G  T_c ] [x_c] = [b_c]

A sweep along every row (Thomas's algorithm) eliminates the rows, and what remains, T_c - G T_r^-1 G, is solved for the
columns with T_c as preconditioner, a sweep along every column. That takes half as many iterations as the whole system
preconditioned by both (Reid, SIAM J. Numer. Anal. 9, 325, 1972), each on half as many unknowns. Cells conduct far less
than segments, so some six iterations are enough.

Pivots are sums of what a node sees behind it, with no difference in them: they are exact however well a line conducts.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hil.compiling import njit

PRECISION = 1e-13
"""Of the right-hand side: the residual in the preconditioner's norm at which iterating ends."""

SIDE_BY_SIDE = 8
"""Rows that are swept together: what one row does next must wait for what it has just done."""

MOST_ITERATIONS = 1000
"""After which nothing is given: cells conduct as well as segments then, and a factorisation is the better way."""


class Lines(NamedTuple):
    """What an array of wires is made of, apart from its cells.

    Attributes
    ----------
    in_row, in_col : float
        Conductances of a segment of a row and of a column, S.
    row_ends, col_ends : (R, 2) and (C, 2) arrays
        Conductances from the first and from the last cell of every row, and of every column, to a voltage that is
        known, S; 0 where nothing is there. One of them is not 0.
    """

    in_row: float
    in_col: float
    row_ends: NDArray[np.float64]
    col_ends: NDArray[np.float64]


def along_lines(
    g: NDArray[np.float64],
    lines: Lines,
    rows: NDArray[np.float64],
    cols: NDArray[np.float64],
    within: NDArray[np.float64] | None = None,
    precision: float = PRECISION,
    into: NDArray[np.float64] | None = None,
) -> NDArray[np.float64] | None:
    """Voltages (B, 2, R, C), V, of the cells' ends at their rows and at their columns; None if that takes too long.

    Parameters
    ----------
    g : (R, C) array
        Conductances of the cells, S, all > 0.
    lines : Lines
        Segments, and what is at their ends.
    rows, cols : (B, R) and (B, C) arrays
        Known voltages at the ends, V; those of `ends` that are 0 S count for nothing.
    within : (2, R, C) array, optional
        Currents fed into the nodes of the rows and into those of the columns besides, A.
    precision : float
        In place of `PRECISION`.
    into : (B, 2, R, C) array, optional
        Where to put the result: memory that is new is as slow as some iterations.
    """
    found = np.empty((len(rows), 2, *g.shape)) if into is None else into
    fed = np.zeros((2, 1, 1)) if within is None else within
    done = _for_each(np.ascontiguousarray(g), lines, rows, cols, fed, found, precision, MOST_ITERATIONS)
    return found if done else None


def outflow(
    g: NDArray[np.float64], lines: Lines, rows: NDArray[np.float64], cols: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """Currents (B, R) and (B, C), A, that the cells of every row, and of every column, carry; as `along_lines`."""
    of_rows, of_cols = np.empty(rows.shape), np.empty(cols.shape)
    done = _sums(np.ascontiguousarray(g), lines, rows, cols, of_rows, of_cols, PRECISION, MOST_ITERATIONS)
    return (of_rows, of_cols) if done else None


@njit(cache=True, nogil=True, error_model="numpy")
def _for_each(g, lines, rows, cols, within, x, precision, most):
    """One drive after the other into `x`; whether all have converged."""
    factors = _row_pivots(g, lines.in_row, lines.row_ends), _column_pivots(g, lines.in_col, lines.col_ends)
    work, b = np.empty((5, *g.shape)), np.empty((2, *g.shape))
    for n in range(rows.shape[0]):
        _feed(lines, rows[n], cols[n], within, b)
        x[n] = 0.0
        if not _conjugate(g, lines, factors, work, b, x[n], precision, most):
            return False
    return True


@njit(cache=True, nogil=True, error_model="numpy")
def _sums(g, lines, rows, cols, of_rows, of_cols, precision, most):
    """Sums of the cells' currents along every line, for one drive after the other; whether all have converged."""
    factors = _row_pivots(g, lines.in_row, lines.row_ends), _column_pivots(g, lines.in_col, lines.col_ends)
    work, b, x = np.empty((5, *g.shape)), np.empty((2, *g.shape)), np.empty((2, *g.shape))
    none = np.zeros((2, 1, 1))
    for n in range(rows.shape[0]):
        _feed(lines, rows[n], cols[n], none, b)
        x[:] = 0.0
        if not _conjugate(g, lines, factors, work, b, x, precision, most):
            return False
        of_cols[n] = 0.0
        for r in range(g.shape[0]):
            total = 0.0
            for c in range(g.shape[1]):
                current = g[r, c] * (x[0, r, c] - x[1, r, c])
                total += current
                of_cols[n, c] += current
            of_rows[n, r] = total
    return True


@njit(cache=True, nogil=True, error_model="numpy")
def _feed(lines, rows, cols, within, b):
    """Currents into all nodes: those through the ends of lines, and those `within`."""
    b[:] = within
    last_r, last_c = b.shape[1] - 1, b.shape[2] - 1
    for r in range(last_r + 1):
        for end, c in ((0, 0), (1, last_c)):
            if lines.row_ends[r, end] > 0.0:
                b[0, r, c] += lines.row_ends[r, end] * rows[r]
    for c in range(last_c + 1):
        for end, r in ((0, 0), (1, last_r)):
            if lines.col_ends[c, end] > 0.0:
                b[1, r, c] += lines.col_ends[c, end] * cols[c]


@njit(cache=True, nogil=True, error_model="numpy")
def _conjugate(g, lines, factors, work, b, x, precision, most):
    """Conjugate gradients for the columns, from 0, then the rows; whether they have converged."""
    of_rows, of_cols = factors
    in_row, in_col = lines.in_row, lines.in_col
    count_r, count_c = g.shape
    panel = np.empty((count_c, SIDE_BY_SIDE))
    r, z, q, p, w = work[0], work[1], work[2], work[3], work[4]
    y = x[1]
    _through_rows(b[0], of_rows, in_row, panel, z)
    for i in range(count_r):
        for j in range(count_c):
            r[i, j] = b[1, i, j] + g[i, j] * z[i, j]
    rho = _along_columns(r, of_cols, in_col, z)
    done = rho == 0.0
    stop = precision * precision * rho
    p[:] = z
    w[:] = r
    for _ in range(0 if done else most):
        alpha = rho / _reduced(g, p, w, of_rows, in_row, panel, q)
        for i in range(count_r):
            for j in range(count_c):
                y[i, j] += alpha * p[i, j]
                r[i, j] -= alpha * q[i, j]
        new = _along_columns(r, of_cols, in_col, z)
        if not new > stop:
            done = new == new
            break
        beta = new / rho
        rho = new
        for i in range(count_r):
            for j in range(count_c):
                p[i, j] = z[i, j] + beta * p[i, j]
                w[i, j] = r[i, j] + beta * w[i, j]
    for i in range(count_r):
        for j in range(count_c):
            r[i, j] = b[0, i, j] + g[i, j] * y[i, j]
    _through_rows(r, of_rows, in_row, panel, x[0])
    return done


@njit(cache=True, nogil=True, error_model="numpy")
def _row_pivots(g, segment, ends):
    """Inverse pivots of the rows, in panels (P, C, SIDE_BY_SIDE); 0 in rows that a last panel does not have."""
    count_r, count_c = g.shape
    inverse = np.zeros(((count_r + SIDE_BY_SIDE - 1) // SIDE_BY_SIDE, count_c, SIDE_BY_SIDE))
    behind, node = np.empty(SIDE_BY_SIDE), np.empty(SIDE_BY_SIDE)
    for first in range(0, count_r, SIDE_BY_SIDE):
        own, width = inverse[first // SIDE_BY_SIDE], min(SIDE_BY_SIDE, count_r - first)
        for k in range(width):
            for c in range(count_c):
                own[c, k] = g[first + k, c]
            own[0, k] += ends[first + k, 0]
            own[count_c - 1, k] += ends[first + k, 1]
        behind[:] = 0.0
        for c in range(count_c):
            ahead = segment if c < count_c - 1 else 0.0
            for k in range(SIDE_BY_SIDE):
                node[k] = own[c, k] + behind[k]
                own[c, k] = 1.0 / (node[k] + ahead)
                behind[k] = segment * node[k] * own[c, k]
        for k in range(width, SIDE_BY_SIDE):
            for c in range(count_c):
                own[c, k] = 0.0
    return inverse


@njit(cache=True, nogil=True, error_model="numpy")
def _column_pivots(g, segment, ends):
    """Inverse pivots of the columns, (R, C)."""
    count_r, count_c = g.shape
    inverse = np.empty((count_r, count_c))
    behind = np.zeros(count_c)
    for r in range(count_r):
        ahead = segment if r < count_r - 1 else 0.0
        for c in range(count_c):
            node = g[r, c] + behind[c]
            if r == 0:
                node += ends[c, 0]
            if r == count_r - 1:
                node += ends[c, 1]
            inverse[r, c] = 1.0 / (node + ahead)
            behind[c] = segment * node * inverse[r, c]
    return inverse


@njit(cache=True, nogil=True, error_model="numpy", inline="always")
def _sweep(panel, inverse, segment):
    """Solve the rows of a panel (C, SIDE_BY_SIDE) in place."""
    last = panel.shape[0] - 1
    for c in range(1, last + 1):
        for k in range(SIDE_BY_SIDE):
            panel[c, k] += segment * inverse[c - 1, k] * panel[c - 1, k]
    for k in range(SIDE_BY_SIDE):
        panel[last, k] *= inverse[last, k]
    for c in range(last - 1, -1, -1):
        for k in range(SIDE_BY_SIDE):
            panel[c, k] = (panel[c, k] + segment * panel[c + 1, k]) * inverse[c, k]


@njit(cache=True, nogil=True, error_model="numpy")
def _through_rows(b, inverse, segment, panel, out):
    """Solve every row for `b`, as if the other ends of its cells were at 0 V."""
    count_r, count_c = b.shape
    panel[:] = 0.0
    for first in range(0, count_r, SIDE_BY_SIDE):
        width = min(SIDE_BY_SIDE, count_r - first)
        for k in range(width):
            for c in range(count_c):
                panel[c, k] = b[first + k, c]
        _sweep(panel, inverse[first // SIDE_BY_SIDE], segment)
        for k in range(width):
            for c in range(count_c):
                out[first + k, c] = panel[c, k]


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"reassoc", "contract"})
def _reduced(g, p, w, inverse, segment, panel, out):
    """`w` - G T_r^-1 G `p`, where `w` is T_c `p`; the product of that with `p`."""
    count_r, count_c = g.shape
    panel[:] = 0.0
    total = 0.0
    for first in range(0, count_r, SIDE_BY_SIDE):
        width = min(SIDE_BY_SIDE, count_r - first)
        for k in range(width):
            for c in range(count_c):
                panel[c, k] = g[first + k, c] * p[first + k, c]
        _sweep(panel, inverse[first // SIDE_BY_SIDE], segment)
        for k in range(width):
            r, part = first + k, 0.0
            for c in range(count_c):
                out[r, c] = w[r, c] - g[r, c] * panel[c, k]
                part += p[r, c] * out[r, c]
            total += part
    return total


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"reassoc", "contract"})
def _along_columns(b, inverse, segment, z):
    """Solve every column for `b`, as if the other ends of its cells were at 0 V; the product of `b` and that."""
    count_r, count_c = b.shape
    for c in range(count_c):
        z[0, c] = b[0, c]
    for r in range(1, count_r):
        for c in range(count_c):
            z[r, c] = b[r, c] + segment * inverse[r - 1, c] * z[r - 1, c]
    total, last = 0.0, count_r - 1
    for c in range(count_c):
        z[last, c] *= inverse[last, c]
        total += b[last, c] * z[last, c]
    for r in range(count_r - 2, -1, -1):
        part = 0.0
        for c in range(count_c):
            z[r, c] = (z[r, c] + segment * z[r + 1, c]) * inverse[r, c]
            part += b[r, c] * z[r, c]
        total += part
    return total
