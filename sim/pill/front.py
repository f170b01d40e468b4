"""The VALVeD circuit as a front end (``protocol.front = "circuit"``): a table of what a pair passes to its weight.

Mean voltage across the weight during a pulse, solved by `sim.circuits.valved` on a grid of both input voltages against
the column and interpolated between. Two things are left out, both of which `sim.circuits.pill_cell` has. A pair is
loaded by its weight, and less so as the weight grows; here the load is fixed in the middle of the weight's range. And a
pair that is not given some 5 ms of rest remembers its last image.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from sim.circuits.pill_cell import PILL_WEIGHT
from sim.circuits.valved import valved

LOAD = PILL_WEIGHT.R[0] * 10**0.5
"""Load in ohm: halfway, on a logarithmic scale, from a pristine weight to one that 100 mV hold at ten times as much."""

POINTS = 81
"""Grid points along each input, odd so that 0 V is one."""


def circuit(first: NDArray[np.float64], second: NDArray[np.float64], width: float) -> NDArray[np.float64]:
    """Voltage across the weights, V, of two inputs (V against the column) held for `width` s: a `Front`."""
    largest = max(np.abs(first).max(initial=0.0), np.abs(second).max(initial=0.0))
    if largest == 0:
        return np.zeros(np.broadcast(first, second).shape)
    # one table for all images of nearly the same range: 100 mV, 200 mV, ...
    span = 0.1 * np.ceil(largest / 0.1 - 1e-9)
    table, scale = _table(float(span), float(width)), (POINTS - 1) / (2 * span)
    (row, a), (col, b) = (_place((v + span) * scale) for v in (first, second))
    upper = table[row, col] * (1 - b) + table[row, col + 1] * b
    lower = table[row + 1, col] * (1 - b) + table[row + 1, col + 1] * b
    return upper * (1 - a) + lower * a


def _place(position: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Index of the grid point below a position, and the distance from it; exactly 0 on a grid point."""
    nearest = np.round(position)
    position = np.where(np.abs(position - nearest) < 1e-9, nearest, position)
    below = np.clip(position.astype(np.int64), 0, POINTS - 2)
    return below, position - below


@lru_cache(maxsize=8)
def _table(span: float, width: float) -> NDArray[np.float64]:
    volts = np.linspace(-span, span, POINTS)
    first, second = np.meshgrid(volts, volts, indexing="ij")
    return valved(first, second, width, LOAD).flux / width
