"""Where the energy of voltages on lines goes: cells that are meant, half-selected cells, what lies between.

A cell is selected where its row and its column are driven to opposite sides of 0 V, or, with lines that float, where
both of them are driven. Where a segment selects any cell, all others that see a voltage are half-selected; where it
selects none, lines of one kind alone are driven, and every cell is meant.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

MOST_SOLVED = 8
"""Segments of one call that are solved where lines have resistances or selectors; others in proportion to V^2 t."""

Array = NDArray[np.float64]


class Dissipation(NamedTuple):
    """Energy, J.

    Attributes
    ----------
    meant, half : float
        Of cells that are meant, and of half-selected ones.
    between : float
        Of wires, selectors and what drives the lines.
    sampled : int
        Segments that were not solved, but taken in proportion to others.
    """

    meant: float = 0.0
    half: float = 0.0
    between: float = 0.0
    sampled: int = 0

    @property
    def total(self) -> float:
        """What the sources gave, J."""
        return self.meant + self.half + self.between

    def times(self, factor: float) -> Dissipation:
        """So many times as much."""
        return Dissipation(self.meant * factor, self.half * factor, self.between * factor, self.sampled)

    def plus(self, other: Dissipation) -> Dissipation:
        """Both together."""
        return Dissipation(
            self.meant + other.meant, self.half + other.half, self.between + other.between, self.sampled + other.sampled
        )


def selecting(rows: Array, cols: Array) -> NDArray[np.bool_]:
    """(T,) whether any cell is selected in a segment, of line voltages (T, R) and (T, C), V."""
    floats = np.isnan(rows).any(axis=1) | np.isnan(cols).any(axis=1)
    up, down = ((np.nan_to_num(v) * sign > 0).any(axis=1) for v, sign in ((rows, 1), (rows, -1)))
    left, right = ((np.nan_to_num(v) * sign > 0).any(axis=1) for v, sign in ((cols, 1), (cols, -1)))
    return np.asarray(floats | (up & right) | (down & left))


def selected_cells(row: Array, col: Array) -> NDArray[np.bool_]:
    """(R, C) which cells a segment selects, of line voltages (R,) and (C,), V."""
    if np.isnan(row).any() or np.isnan(col).any():
        driven = ~np.isnan(row)[:, None] & ~np.isnan(col)
        return driven & ((np.nan_to_num(row)[:, None] != 0) | (np.nan_to_num(col) != 0))
    return row[:, None] * col < 0


def ohmic(conductance: Array, duration: Array, rows: Array, cols: Array) -> Dissipation:
    """Sum of V^2 G t over cells and segments, between ideal lines that are all driven.

    Parameters
    ----------
    conductance : (R, C) array
        S, the same all the time.
    duration : (T,) array
        s.
    rows, cols : (T, R) and (T, C) arrays
        Line voltages, V.
    """
    chosen = selecting(rows, cols)
    alone = _all_cells(conductance, duration[~chosen], rows[~chosen], cols[~chosen])
    if not chosen.any():
        return Dissipation(alone)
    t, r, c = duration[chosen], rows[chosen], cols[chosen]
    meant = 0.0
    for sign in (1.0, -1.0):
        above, below = np.maximum(sign * r, 0.0), np.minimum(sign * c, 0.0)
        weighed = t[:, None] * above**2
        meant += float(((weighed @ conductance) * (below < 0)).sum())
        meant += float((((above > 0) @ conductance) * (t[:, None] * below**2)).sum())
        meant -= 2.0 * float(((t[:, None] * above) @ conductance * below).sum())
    half = _all_cells(conductance, t, r, c) - meant
    return Dissipation(alone + meant, max(half, 0.0))


def _all_cells(g: Array, t: Array, r: Array, c: Array) -> float:
    by_row, by_col = t @ r**2, t @ c**2
    mixed = float(((r.T * t) @ c * g).sum()) if c.any() and r.any() else 0.0
    return float(by_row @ g.sum(axis=1) + by_col @ g.sum(axis=0)) - 2.0 * mixed


def solved(
    power: Callable[[Array, Array], tuple[Array, float]], duration: Array, rows: Array, cols: Array
) -> Dissipation:
    """Energies where the voltages of cells have to be solved for.

    Of more than `MOST_SOLVED` different segments that many are solved, evenly apart, and the others taken in proportion
    to the sum of squares of their line voltages and their time.

    Parameters
    ----------
    power : callable
        Of a segment's (R,) and (C,) line voltages: powers of all cells (R, C), W, and what the sources give, W.
    duration, rows, cols
        As of `ohmic`; NaN for a line that floats.
    """
    driven = np.flatnonzero(np.nan_to_num(rows).any(axis=1) | np.nan_to_num(cols).any(axis=1))
    if not len(driven):
        return Dissipation()
    t = duration[driven]
    _, first, whose = np.unique(np.hstack([rows[driven], cols[driven]]), axis=0, return_index=True, return_inverse=True)
    time = np.bincount(whose.ravel(), t)
    squares = (np.nan_to_num(rows[driven[first]]) ** 2).sum(axis=1) + (np.nan_to_num(cols[driven[first]]) ** 2).sum(
        axis=1
    )
    chosen = np.unique(np.linspace(0, len(first) - 1, min(MOST_SOLVED, len(first))).astype(int))
    found = Dissipation()
    for k in chosen:
        row, col = rows[driven[first[k]]], cols[driven[first[k]]]
        cells, given = power(row, col)
        own = selected_cells(row, col)
        meant = float(cells[own].sum()) if own.any() else float(cells.sum())
        one = Dissipation(meant, float(cells.sum()) - meant, given - float(cells.sum()))
        found = found.plus(one.times(float(time[k])))
    whole, part = float(squares @ time), float(squares[chosen] @ time[chosen])
    return found.times(whole / part)._replace(sampled=len(first) - len(chosen))


def settled(conductance: Array, row: Array, col: Array) -> tuple[Array, float]:
    """Powers (R, C) of ohmic cells, W, and what the sources give, W, where some lines float (NaN): Kirchhoff's law."""
    count, v = len(row), np.concatenate([row, col])
    floats = np.isnan(v)
    if floats.all():
        return np.zeros(conductance.shape), 0.0
    net = np.zeros((len(v), len(v)))
    net[:count, count:], net[count:, :count] = -conductance, -conductance.T
    net[np.diag_indices(len(v))] = -net.sum(axis=1)
    if floats.any():
        v[floats] = np.linalg.solve(net[np.ix_(floats, floats)], -net[np.ix_(floats, ~floats)] @ v[~floats])
    cells = (v[:count, None] - v[count:]) ** 2 * conductance
    return cells, float(cells.sum())


def programmed(drive: Array, voltage: Array, conductance: Array, levels: tuple[float, float, float, float]) -> Array:
    """Energy of pulses that a biasing scheme brings to cells column by column, J: of those meant, and of all others.

    Parameters
    ----------
    drive : (R, C) array
        V^2 t of all pulses of each cell, V^2 s.
    voltage : (R, C) array
        Of those pulses, V; only the sign is looked at, and cells of a column with the same get theirs together.
    conductance : (R, C) array
        S, the mean before and after.
    levels : tuple of float
        Unselected row, unselected column, selected row and column for 1 V (`hil.biasing.SCHEMES`).

    Returns
    -------
    (2,) array
        The second is NaN where lines float.
    """
    meant = float((drive * conductance).sum())
    row, col, on_row, on_col = levels
    if np.isnan(row):
        return np.array([meant, np.nan])
    others = conductance.sum(axis=1, keepdims=True) - conductance
    along, rest = (on_row - col) ** 2, (row - col) ** 2
    half = 0.0
    for sign in (1, -1):
        mine = np.where(voltage * sign > 0, drive, 0.0)
        idle = mine.max(axis=0, keepdims=True) - mine
        half += (along * mine * others + (row - on_col) ** 2 * idle * conductance + rest * idle * others).sum()
    return np.array([meant, half])
