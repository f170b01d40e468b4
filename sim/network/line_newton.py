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

from hil.compiling import njit
from hil.errors import InputError
from sim.network.branches import Branches
from sim.network.line_gradients import Lines, along_lines
from sim.network.newton import BLOCKED, MOST_HALVINGS, MOST_STEPS, OVERSHOT

LAST_STEP = 1e-7
"""Of the largest voltage: a precise step that moves no node further has reached the solution, the error being of the
order of its square."""

FINEST, COARSEST = 1e-13, 1e-2
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
    along = _start(cells, lines, rows, cols)
    if along is None:
        return None
    precision, moved, spare = COARSEST, np.inf, np.empty((1, *along.shape))
    fed, across, v = np.empty(along.shape), np.empty(along.shape[1:]), along[0] - along[1]
    with np.errstate(over="ignore", invalid="ignore"):
        current = cells.current(v)
        for _ in range(MOST_STEPS):
            g = _slopes(cells, v)
            np.subtract(g * v, current, out=fed[0])
            np.negative(fed[0], out=fed[1])
            if along_lines(g, lines, rows[None], cols[None], fed, precision, spare) is None:
                return None
            target = spare[0]
            moved, in_wires, in_cells = _compared(lines, along, target, g, across)
            if not np.isfinite(moved):
                break
            if moved <= LAST_STEP and precision <= FINEST:
                return target
            length, v, current = _taken(cells, across, v, current, in_wires, in_cells)
            if length == 1.0:
                along, spare = target, along[None]
                precision = min(max(0.01 * moved * moved, FINEST), COARSEST)
            else:
                along += length * (target - along)
                precision = COARSEST
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
    across: NDArray[np.float64],
    v: NDArray[np.float64],
    current: NDArray[np.float64],
    in_wires: float,
    in_cells: float,
) -> tuple[float, NDArray[np.float64], NDArray[np.float64]]:
    """Fraction of a step that is taken, and the cells' voltages and currents after it.

    `across` is what the step does to the cells' voltages (R, C), V, and the last two are what it dissipates, W.
    """
    first = in_wires + in_cells
    length = 1.0
    for _ in range(MOST_HALVINGS):
        after = v + length * across
        found = cells.current(after)
        slope = length * in_wires + _gained(found, current, across) - first
        if slope <= OVERSHOT * first:
            break
        length /= 2
    return length, after, found


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"reassoc", "contract"})
def _gained(after, before, across):
    """Sum of how much more current cells carry, times the step that they see, W."""
    total = 0.0
    for r in range(across.shape[0]):
        for c in range(across.shape[1]):
            total += (after[r, c] - before[r, c]) * across[r, c]
    return total


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"reassoc", "contract"})
def _compared(lines, along, target, g, across):
    """Step from `along` to `target`: largest movement over the largest voltage, power in wires and in cells, W.

    Powers are those of nodes that are as far from 0 V as they move, where known ends are at 0 V. `across` becomes what
    cells see of the step.
    """
    last_r, last_c = g.shape[0] - 1, g.shape[1] - 1
    moved, largest, wires, cells = 0.0, _TINY, 0.0, 0.0
    for r in range(last_r + 1):
        for c in range(last_c + 1):
            row, col = target[0, r, c] - along[0, r, c], target[1, r, c] - along[1, r, c]
            across[r, c] = row - col
            cells += g[r, c] * (row - col) ** 2
            largest = max(largest, abs(target[0, r, c]), abs(target[1, r, c]))
            moved = max(moved, abs(row), abs(col))
            if c < last_c:
                wires += lines.in_row * (target[0, r, c + 1] - along[0, r, c + 1] - row) ** 2
            if r < last_r:
                wires += lines.in_col * (target[1, r + 1, c] - along[1, r + 1, c] - col) ** 2
    for r in range(last_r + 1):
        for end, c in ((0, 0), (1, last_c)):
            wires += lines.row_ends[r, end] * (target[0, r, c] - along[0, r, c]) ** 2
    for c in range(last_c + 1):
        for end, r in ((0, 0), (1, last_r)):
            wires += lines.col_ends[c, end] * (target[1, r, c] - along[1, r, c]) ** 2
    return moved / largest if wires + cells == wires + cells else np.inf, wires, cells
