"""Line voltages of a crossbar: floating lines and the sneak paths they open."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def line_voltages(
    conductance: NDArray[np.float64], rows: NDArray[np.float64], cols: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Fill in the voltages of all floating lines.

    A floating line takes the voltage at which no net current flows into it. Lines have no capacitance here, so this
    holds at every instant.

    Parameters
    ----------
    conductance : (R, C) array
        Cell conductances, S, all > 0.
    rows, cols : (R,) and (C,) arrays
        Driven line voltages, V; NaN for a floating line.

    Returns
    -------
    rows, cols : (R,) and (C,) arrays
        The same with Kirchhoff's current law satisfied at every floating line. Where nothing at all is driven, all
        lines are equal and set to 0 V. No line lies beyond the driven ones, not even by rounding: eq 4 of the FLCA
        model tells -1e-17 V from 0.
    """
    loose_rows, loose_cols = np.isnan(rows), np.isnan(cols)
    rows, cols = rows.copy(), cols.copy()
    if loose_rows.all() and loose_cols.all():
        return np.zeros_like(rows), np.zeros_like(cols)
    from_rows = conductance[loose_rows]
    weight = from_rows / from_rows.sum(axis=1, keepdims=True)
    driven = ~loose_cols
    if loose_cols.any():
        block = conductance[:, loose_cols]
        laplacian = np.diag(block.sum(axis=0)) - from_rows[:, loose_cols].T @ weight[:, loose_cols]
        inflow = block[~loose_rows].T @ rows[~loose_rows]
        inflow += from_rows[:, loose_cols].T @ (weight[:, driven] @ cols[driven])
        cols[loose_cols] = np.linalg.solve(laplacian, inflow)
    rows[loose_rows] = weight @ cols
    edges = np.concatenate([rows[~loose_rows], cols[driven]])
    low, high = edges.min(), edges.max()
    return np.clip(rows, low, high), np.clip(cols, low, high)
