"""Wire resistances and cells that are not ohmic: Newton's method, every step of it solved along the lines.

At cell voltages v, with currents i(v) and slopes g, the step goes to where cells carry g v' + i(v) - g v. That is an
ohmic crossbar with currents fed into its nodes, for `sim.network.line_gradients`, solved only as precisely as the
step deserves (Eisenstat and Walker, SIAM J. Sci. Comput. 17, 16, 1996). Like those of `sim.network.newton`, steps are
halved until the co-content no longer rises along them; its slope is told by what the step dissipates, so that no small
difference of large currents is needed.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hil.errors import InputError
from sim.network.branches import Branches
from sim.network.line_gradients import Lines, along_lines
from sim.network.newton import BLOCKED, MOST_HALVINGS, MOST_STEPS, OVERSHOT

LAST_STEP = 1e-7
"""Of the largest voltage: a precise step that moves no node further has reached the solution, the error being of the
order of its square."""

FINEST, COARSEST = 1e-13, 1e-3
"""Precision of a step's solution, as a fraction of its right-hand side."""

_TINY = 1e-200


def newton_along_lines(
    cells: Branches, lines: Lines, rows: NDArray[np.float64], cols: NDArray[np.float64]
) -> NDArray[np.float64] | None:
    """Voltages (2, R, C), V, of the cells' ends at their rows and at their columns; None if a step takes too long.

    Parameters
    ----------
    cells : Branches
        What the (R, C) cells carry.
    lines : Lines
        Segments, and what is at their ends.
    rows, cols : (R,) and (C,) arrays
        Known voltages at the ends, V; 0 where a line floats.

    Raises
    ------
    InputError
        If the steps do not become negligible.
    """
    start = _start(cells, lines, rows, cols)
    if start is None:
        return None
    along, precision, moved = start, COARSEST, np.inf
    v = along[0] - along[1]
    with np.errstate(over="ignore", invalid="ignore"):
        current = cells.current(v)
        for _ in range(MOST_STEPS):
            g = _slopes(cells, v)
            beside = g * v - current
            target = along_lines(g, lines, rows[None], cols[None], np.stack([beside, -beside]), precision)
            if target is None:
                return None
            step = target[0] - along
            moved = float(np.abs(step).max()) / max(float(np.abs(target).max()), _TINY)
            if not np.isfinite(moved):
                break
            if moved <= LAST_STEP and precision <= FINEST:
                return target[0]
            length, v, current = _taken(cells, lines, step, g, v, current)
            along = target[0] if length == 1.0 else along + length * step
            precision = min(max(0.01 * moved * moved, FINEST), COARSEST) if length == 1.0 else COARSEST
    raise InputError(
        f"wires of {len(rows)} x {len(cols)} cells do not converge in {MOST_STEPS} Newton steps, the last one of "
        f"{moved:.2g} of the voltage: the current of every cell must be 0 at 0 V, rise with its voltage, and be finite"
    )


def _start(
    cells: Branches, lines: Lines, rows: NDArray[np.float64], cols: NDArray[np.float64]
) -> NDArray[np.float64] | None:
    """Lines at the voltages of their ends; where some float, what cells do that conduct as at 0 V."""
    shape = len(rows), len(cols)
    if lines.row_ends.any(axis=1).all() and lines.col_ends.any(axis=1).all():
        return np.stack([np.broadcast_to(rows[:, None], shape), np.broadcast_to(cols, shape)])
    found = along_lines(_slopes(cells, np.zeros(shape)), lines, rows[None], cols[None])
    return None if found is None else found[0]


def _slopes(cells: Branches, v: NDArray[np.float64]) -> NDArray[np.float64]:
    g = cells.differential_conductance(v)
    return np.maximum(g, max(BLOCKED * g.max(initial=0.0), _TINY))


def _taken(
    cells: Branches,
    lines: Lines,
    step: NDArray[np.float64],
    g: NDArray[np.float64],
    v: NDArray[np.float64],
    current: NDArray[np.float64],
) -> tuple[float, NDArray[np.float64], NDArray[np.float64]]:
    """Fraction of a step that is taken, and the cells' voltages and currents after it."""
    across = step[0] - step[1]
    in_wires, in_cells = _dissipated(lines, step), float((g * across**2).sum())
    first = in_wires + in_cells
    length = 1.0
    for _ in range(MOST_HALVINGS):
        after = v + length * across
        found = cells.current(after)
        slope = length * in_wires + float(((found - current) * across).sum()) - first
        if slope <= OVERSHOT * first:
            break
        length /= 2
    return length, after, found


def _dissipated(lines: Lines, x: NDArray[np.float64]) -> float:
    """Power that wires whose known ends are at 0 V dissipate between nodes at `x` (2, R, C), W."""
    row, col = x
    total = lines.in_row * float((np.diff(row, axis=1) ** 2).sum())
    total += lines.in_col * float((np.diff(col, axis=0) ** 2).sum())
    at_rows, at_cols = row[:, [0, -1]] ** 2, col[[0, -1]].T ** 2
    return total + float((lines.row_ends * at_rows).sum() + (lines.col_ends * at_cols).sum())
