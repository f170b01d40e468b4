"""Passive arrays as reviews speak of them: sneak currents, biasing, IR drop, each worked out on simulated arrays."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hil.backends import open_device
from hil.biasing import SCHEMES, select
from sim.crossbar.array import SimulatedArray
from sim.network.branches import Ohmic
from sim.network.wires import WireResistance, Wires

CELL = "sim:rram?threads=1"
"""Ohmic cells of 1 to 100 uS."""

G_ON, G_OFF = 1e-4, 1e-6
"""Ends of their range, S."""

WIDTH = 1e-6
"""Of a pulse, s."""


class WorstRead(NamedTuple):
    """The read of the cell that is furthest from its drivers, all others being at their highest conductance.

    Attributes
    ----------
    margin : float
        (I_on - I_off) / I_on of the selected column.
    leak : float
        Current of all other cells into it over that of the cell.
    power : float
        Of the whole array, W.
    """

    margin: float
    leak: float
    power: float


def opened(rows: int, cols: int, uri: str = CELL) -> SimulatedArray:
    """An array of a size."""
    device = open_device(uri, rows=rows, cols=cols)
    assert isinstance(device, SimulatedArray)
    return device


def worst_read(rows: int, cols: int, scheme: str, uri: str = CELL) -> WorstRead:
    """Read the worst cell by a biasing scheme of `hil.biasing.SCHEMES`."""
    currents, power = [], 0.0
    with opened(rows, cols, uri) as array, opened(1, 1, uri) as one:
        cell, v = array.furthest(), array.read_voltage
        drive = select(*cell, v, cells=(rows, cols), width=WIDTH, scheme=scheme, measure=True)
        for end in (1, 0):
            g = np.full((rows, cols), array.cell_range()[1])
            g[cell] = array.cell_range()[end]
            array.put(g)
            told = array.apply(drive)
            currents.append(float(told.currents[0, cell[1]]))
            power = float(told.energy[0]) / WIDTH if end else power
        one.put(np.full((1, 1), one.cell_range()[1]))
        own = float(
            one.apply(select(0, 0, v, cells=(1, 1), width=WIDTH, scheme="grounded", measure=True)).currents[0, 0]
        )
    return WorstRead(1 - currents[1] / currents[0], currents[0] / own - 1, power)


def rows_allowed(scheme: str, margin: float, uri: str = CELL, size: int = 4) -> float:
    """Rows at which the worst read still has a margin, where each leaks as it does among `size` of them."""
    with opened(1, 1, uri) as one:
        ends = []
        for g in one.cell_range():
            one.put(np.full((1, 1), g))
            ends.append(float(one.read()[0, 0]))
    leak = worst_read(size, size, scheme, uri).leak / (size - 1)
    return 1 + ((1 - ends[0] / ends[1]) / margin - 1) / leak


def reached(size: int, r_wire: float, g: float, scheme: str = "V/2", *, by_factors: bool = False) -> float:
    """Part of the voltage of a pulse that is on the furthest cell of a square array of cells of `g` S.

    Parameters
    ----------
    size : int
        Rows and columns.
    r_wire : float
        Resistance of a segment, ohm; drivers are ideal.
    g : float
        Of all cells, S.
    scheme : str
        Of the biasing.
    by_factors : bool
        Solve node by node, by sparse LU factors, instead of by conjugate gradients along the lines.
    """
    row, col = 0, size - 1
    drive = select(row, col, 1.0, cells=(size, size), width=WIDTH, scheme=scheme)
    cells = np.full((size, size), g)
    if by_factors:
        wires = Wires(size, size, WireResistance.alike(r_wire))
        given = wires.given(drive.rows[0], drive.cols[0])
        return float(wires.of_cells(wires.settle(wires.flat(cells), given))[row, col])
    with opened(size, size, f"{CELL}&r_wire={r_wire}") as array:
        return float(array.around.lines(drive.rows[0], drive.cols[0]).hold(Ohmic(cells)).of_cells()[row, col])


def size_reached(part: float, r_wire: float, g: float, scheme: str = "V/2") -> float:
    """Size of a square array, interpolated, whose furthest cell gets `part` of the voltage of a pulse."""
    low, high = 2, 4
    while reached(high, r_wire, g, scheme) > part:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if reached(middle, r_wire, g, scheme) > part else (low, middle)
    at = [reached(n, r_wire, g, scheme) for n in (low, high)]
    return low + (at[0] - part) / (at[0] - at[1])


def highest_pulse(scheme: str, uri: str) -> float:
    """Highest pulse of a second over a cell's threshold that moves no other cell of a 3 x 3 array, by bisection."""
    with opened(3, 3, uri) as array:
        assert array.thresholds is not None
        threshold, least, most = array.thresholds[0], 0.5, 8.0
        before = array.conductance
        while most - least > 1e-6:
            middle = (least + most) / 2
            array.reset()
            array.apply(select(1, 1, middle * threshold, cells=(3, 3), width=1.0, scheme=scheme))
            moved = array.conductance != before
            moved[1, 1] = False
            least, most = (least, middle) if moved.any() else (middle, most)
    return least


def of_scheme(scheme: str) -> float:
    """Largest voltage on a cell that is not meant, over that on the one that is."""
    row, col, on_row, on_col = SCHEMES[scheme](1.0)
    return max(abs(on_row - col), abs(row - on_col), abs(row - col))


class Summed(NamedTuple):
    """Products of inputs and pairs of cells whose currents are subtracted.

    Attributes
    ----------
    products : (B,) array
        A.
    largest : (B,) array
        Largest current of a line, A.
    """

    products: NDArray[np.float64]
    largest: NDArray[np.float64]


def summed(g: NDArray[np.float64], x: NDArray[np.float64], r_col: float, *, on_one_line: bool) -> Summed:
    """Add up the currents of pairs over lines with resistances.

    Parameters
    ----------
    g : (n, 2) array
        Conductances of the pairs, S.
    x : (B, n) array
        Inputs, V.
    r_col : float
        Resistance of a line from one pair to the next, ohm.
    on_one_line : bool
        Both cells of a pair on one line, driven by opposite voltages; else on two lines, subtracted behind them.
    """
    n = len(g)
    if on_one_line:
        with opened(2 * n, 1, f"{CELL}&r_row=1e-6&r_col={r_col / 2}") as array:
            array.put(g.reshape(-1, 1))
            found = array.mvm(np.stack([x, -x], axis=2).reshape(len(x), -1))
        return Summed(found[:, 0], np.abs(found[:, 0]))
    with opened(n, 2, f"{CELL}&r_row=1e-6&r_col={r_col}") as array:
        array.put(g)
        found = array.mvm(x)
    return Summed(found[:, 0] - found[:, 1], np.abs(found).max(axis=1))


def by_nodes(g: NDArray[np.float64], x: NDArray[np.float64], segment: float) -> NDArray[np.float64]:
    """Current out of a line, (B,) A, of cells (n,), S, that lead to voltages (B, n), V; solved node by node."""
    n = len(g)
    net = np.diag(g + 2 / segment) - (np.eye(n, k=1) + np.eye(n, k=-1)) / segment
    net[0, 0] -= 1 / segment
    return np.linalg.solve(net, (x * g).T)[-1] / segment
