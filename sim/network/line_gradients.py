"""Wire resistances and ohmic cells by conjugate gradients, every line solved exactly on the way.

The Laplacian of a crossbar with wires falls into that of the rows, that of the columns, both tridiagonal in pieces, and
the cells that couple them. The first two are the preconditioner: a sweep along every line (Thomas's algorithm). Cells
conduct far less than segments, so some ten iterations are enough, each of a few sweeps over the array.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hil.compiling import njit

PRECISION = 1e-13
"""Of the right-hand side: the residual in the preconditioner's norm at which iterating ends."""

SIDE_BY_SIDE = 8
"""Rows that are swept together."""

MOST_ITERATIONS = 400
"""After which nothing is given: cells conduct as well as segments then, and a factorisation is the better way."""


def along_lines(
    g: NDArray[np.float64],
    rows: NDArray[np.float64],
    cols: NDArray[np.float64],
    wires: tuple[float, float, float, float],
) -> NDArray[np.float64] | None:
    """Voltages (2, R, C), V, of the cells' ends at their rows and at their columns; None if that takes too long.

    Parameters
    ----------
    g : (R, C) array
        Conductances of the cells, S, all > 0.
    rows, cols : (R,) and (C,) arrays
        Voltages at the terminals, V; NaN for one that floats. One of them is driven.
    wires : tuple of float
        Conductances of a segment of a row and of a column, and of what lies before the first cell of these, S.
    """
    found = np.zeros((2, *g.shape))
    done = _conjugate(np.ascontiguousarray(g), rows, cols, *wires, found, PRECISION, MOST_ITERATIONS)
    return found if done else None


@njit(cache=True, nogil=True, error_model="numpy")
def _conjugate(g, rows, cols, in_row, in_col, row_end, col_end, x, precision, most):
    """Conjugate gradients from 0 into `x`; whether they have converged."""
    count_r, count_c = g.shape
    diagonal = np.empty((2, count_r, count_c))
    residual = np.zeros((2, count_r, count_c))
    for r in range(count_r):
        for c in range(count_c):
            u, w = g[r, c], g[r, c]
            if c > 0:
                u += in_row
            elif not np.isnan(rows[r]):
                u += row_end
                residual[0, r, c] = row_end * rows[r]
            if c < count_c - 1:
                u += in_row
            if r > 0:
                w += in_col
            if r < count_r - 1:
                w += in_col
            elif not np.isnan(cols[c]):
                w += col_end
                residual[1, r, c] = col_end * cols[c]
            diagonal[0, r, c], diagonal[1, r, c] = u, w
    inverse = np.empty((2, count_r, count_c))
    for r in range(count_r):
        for c in range(count_c):
            u, w = diagonal[0, r, c], diagonal[1, r, c]
            if c > 0:
                u -= in_row * in_row * inverse[0, r, c - 1]
            if r > 0:
                w -= in_col * in_col * inverse[1, r - 1, c]
            inverse[0, r, c], inverse[1, r, c] = 1.0 / u, 1.0 / w
    z, product = np.empty_like(x), np.empty_like(x)
    _precondition(inverse, in_row, in_col, residual, z)
    direction = z.copy()
    rho = _dot(residual, z)
    if rho == 0.0:
        return True
    stop = precision * precision * rho
    for _ in range(most):
        _apply(g, diagonal, in_row, in_col, direction, product)
        alpha = rho / _dot(direction, product)
        for k in range(2):
            for r in range(count_r):
                for c in range(count_c):
                    x[k, r, c] += alpha * direction[k, r, c]
                    residual[k, r, c] -= alpha * product[k, r, c]
        _precondition(inverse, in_row, in_col, residual, z)
        new = _dot(residual, z)
        if not new > stop:
            return new == new
        beta = new / rho
        rho = new
        for k in range(2):
            for r in range(count_r):
                for c in range(count_c):
                    direction[k, r, c] = z[k, r, c] + beta * direction[k, r, c]
    return False


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"reassoc", "contract"})
def _dot(a, b):
    total = 0.0
    for k in range(2):
        for r in range(a.shape[1]):
            part = 0.0
            for c in range(a.shape[2]):
                part += a[k, r, c] * b[k, r, c]
            total += part
    return total


@njit(cache=True, nogil=True, error_model="numpy")
def _apply(g, diagonal, in_row, in_col, x, out):
    """The Laplacian times `x`."""
    count_r, count_c = g.shape
    for r in range(count_r):
        for c in range(count_c):
            u = diagonal[0, r, c] * x[0, r, c] - g[r, c] * x[1, r, c]
            w = diagonal[1, r, c] * x[1, r, c] - g[r, c] * x[0, r, c]
            if c > 0:
                u -= in_row * x[0, r, c - 1]
            if c < count_c - 1:
                u -= in_row * x[0, r, c + 1]
            if r > 0:
                w -= in_col * x[1, r - 1, c]
            if r < count_r - 1:
                w -= in_col * x[1, r + 1, c]
            out[0, r, c], out[1, r, c] = u, w


@njit(cache=True, nogil=True, error_model="numpy")
def _precondition(inverse, in_row, in_col, b, z):
    """Solve every line for `b`, as if the other ends of its cells were at 0 V."""
    _, count_r, count_c = b.shape
    # Some rows side by side: what one row does next must wait for what it has just done.
    for first in range(0, count_r, SIDE_BY_SIDE):
        last = min(first + SIDE_BY_SIDE, count_r)
        for r in range(first, last):
            z[0, r, 0] = b[0, r, 0]
        for c in range(1, count_c):
            for r in range(first, last):
                z[0, r, c] = b[0, r, c] + in_row * inverse[0, r, c - 1] * z[0, r, c - 1]
        for r in range(first, last):
            z[0, r, count_c - 1] *= inverse[0, r, count_c - 1]
        for c in range(count_c - 2, -1, -1):
            for r in range(first, last):
                z[0, r, c] = (z[0, r, c] + in_row * z[0, r, c + 1]) * inverse[0, r, c]
    for c in range(count_c):
        z[1, 0, c] = b[1, 0, c]
    for r in range(1, count_r):
        for c in range(count_c):
            z[1, r, c] = b[1, r, c] + in_col * inverse[1, r - 1, c] * z[1, r - 1, c]
    for c in range(count_c):
        z[1, count_r - 1, c] *= inverse[1, count_r - 1, c]
    for r in range(count_r - 2, -1, -1):
        for c in range(count_c):
            z[1, r, c] = (z[1, r, c] + in_col * z[1, r + 1, c]) * inverse[1, r, c]
