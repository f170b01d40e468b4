"""Biasing schemes: line voltages that put a pulse on selected cells of a passive crossbar and little on the others."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from hil.errors import InputError, nearest
from hil.waveform import FLOATING, Waveform

SCHEMES: dict[str, Callable[[float], tuple[float, float, float, float]]] = {
    "V/2": lambda v: (v / 2, v / 2, v, 0.0),
    "V/3": lambda v: (v / 3, 2 * v / 3, v, 0.0),
    "grounded": lambda v: (0.0, 0.0, v, 0.0),
    "floating": lambda v: (FLOATING, FLOATING, v, 0.0),
}
"""Voltages of unselected rows, unselected columns, the selected row and the selected column, for a voltage `v`.

V/2 leaves half of the voltage on the cells that share a line with the selected one and none on the others; V/3 leaves a
third, of either sign, on every other cell. Grounded lines leave all of it on the cells of the selected row; floating
ones share it among the sneak paths.
"""


def require_scheme(scheme: str) -> None:
    """Raise `InputError` naming the nearest known one unless `scheme` is a key of `SCHEMES`."""
    if scheme not in SCHEMES:
        raise InputError(f"scheme = {scheme} {nearest(scheme, SCHEMES)}")


def select(
    row: int, col: int, v: float, *, cells: tuple[int, int], width: float, scheme: str = "V/2", measure: bool = False
) -> Waveform:
    """Pulse on one cell of a crossbar.

    Parameters
    ----------
    row, col : int
        The selected cell.
    v : float
        Voltage across it, V.
    cells : tuple of int
        Rows and columns of the crossbar.
    width : float
        s.
    scheme : str
        Key of `SCHEMES`. V/2 drives two voltages besides 0 V at once, V/3 three: a device with fewer channels refuses
        the waveform.
    measure : bool
        Whether the column currents are wanted.

    Raises
    ------
    InputError
        For an unknown scheme or a cell that is not there.
    """
    require_scheme(scheme)
    if not (0 <= row < cells[0] and 0 <= col < cells[1]):
        raise InputError(f"cell ({row}, {col}) is outside {cells[0]} x {cells[1]}, counted from 0")
    rest_row, rest_col, on_row, on_col = SCHEMES[scheme](v)
    rows, cols = np.full(cells[0], rest_row), np.full(cells[1], rest_col)
    rows[row], cols[col] = on_row, on_col
    return Waveform.pulse(rows, cols, width=width, measure=measure)


def select_lines(
    rows: NDArray[np.bool_],
    cols: NDArray[np.bool_],
    v: float,
    *,
    width: float,
    scheme: str = "V/2",
    measure: bool = False,
) -> Waveform:
    """Pulse on all cells where chosen rows and chosen columns cross, with the rows that are not chosen at 0 V.

    Cells see the same as by `select`; only what counts as 0 V differs: with V/2, chosen rows are at v/2 and chosen
    columns at -v/2.

    Parameters
    ----------
    rows, cols : (R,) and (C,) arrays of bool
        Chosen lines.
    v, width, scheme, measure
        As in `select`.

    Raises
    ------
    InputError
        For an unknown scheme.
    """
    require_scheme(scheme)
    rest_row, rest_col, on_row, on_col = SCHEMES[scheme](v)
    zero = 0.0 if np.isnan(rest_row) else rest_row
    row_levels = np.where(rows, on_row - zero, rest_row - zero)
    col_levels = np.where(cols, on_col - zero, rest_col - zero)
    return Waveform.pulse(row_levels, col_levels, width=width, measure=measure)
