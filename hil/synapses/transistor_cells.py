"""Cells behind transistors: what a long-channel one without body effect (SPICE level 1, lambda = 0) leaves a cell.

Between the cell, at `V_a`, and the column, at `V_b`, it carries

    i = k/2 (max(V_g - V_t - V_b, 0)^2 - max(V_g - V_t - V_a, 0)^2)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hil.abilities import CellCurrents
from hil.synapses.settling import settled


@dataclass(frozen=True, eq=False)
class TransistorCells:
    """Every cell with its transistor between a row and a column; a `hil.abilities.CellCircuit`.

    Attributes
    ----------
    rows, cols, gates : arrays that fit the cells
        Voltages at the two ends, and of the gates, V.
    k, v_t : float
        Of the transistors.
    polarity : int
        1 where the cell's plus end is at the row.
    """

    rows: NDArray[np.float64]
    cols: NDArray[np.float64]
    gates: NDArray[np.float64]
    k: float
    v_t: float
    polarity: int

    def across(self, cells: CellCurrents, /) -> NDArray[np.float64]:
        """Voltages of all cells, V."""
        row, col, gate = np.broadcast_arrays(self.rows, self.cols, self.gates)
        over, p = gate - self.v_t, self.polarity
        at_col = np.maximum(over - col, 0.0) ** 2

        def balance(a: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
            open_ = np.maximum(over - a, 0.0)
            into = p * cells.current(p * (row - a)) - self.k / 2 * (at_col - open_**2)
            return into, -cells.differential_conductance(p * (row - a)) - self.k * open_

        # Where an ohmic cell of its conductance in the middle would settle: a quadratic in the gate's overdrive at V_a.
        g = cells.differential_conductance(0.5 * p * (row - col))
        rest = g * (row - over) - self.k / 2 * at_col
        triode = over - (np.sqrt(np.maximum(g**2 - 2 * self.k * rest, 0.0)) - g) / self.k
        start = np.where(rest < 0, triode, row - self.k / 2 * at_col / np.maximum(g, 1e-300))
        return p * (row - settled(balance, np.minimum(row, col), np.maximum(row, col), start))
