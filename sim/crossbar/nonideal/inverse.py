"""From a conductance back to a state: where a law's cells must be to conduct what they are to conduct."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sim.cells.law import Law, OhmicLaw, State

TOLERANCE = 1e-13
"""Relative error of the conductance."""

MOST = 200
"""Tries; halving alone takes less than 70 from any bracket of finite numbers that are not astronomical."""


def conductance(law: Law[Any], state: State) -> NDArray[np.float64]:
    """(columns, rows) conductance of cells without spread, S: i / v at the law's read voltage."""
    if isinstance(law, OhmicLaw):
        return 1.0 / law.memristance(state)
    shape = state[law.programmed].shape
    return law.current(np.full(shape, law.read_voltage), state) / law.read_voltage


def state_at(law: Law[Any], state: State, target: NDArray[np.float64]) -> NDArray[np.float64]:
    """(columns, rows) programmed state at which cells conduct `target` S, all other states being as they are.

    A target beyond what the bounds of the state allow ends at the bound. Found by false position on ln G, with the
    weights of Anderson and Bjorck (BIT 13, 253, 1973), and halving where that is slow.
    """
    wanted = np.log(target)

    def error(x: NDArray[np.float64]) -> NDArray[np.float64]:
        with np.errstate(divide="ignore"):
            return np.log(conductance(law, {**state, law.programmed: x})) - wanted

    start = np.asarray(state[law.programmed], dtype=float)
    a, b = _bracket(law, start, error)
    f_a, f_b = error(a), error(b)
    found = np.where(np.abs(f_a) < np.abs(f_b), a, b)  # where no sign changes, the nearer bound
    active = np.sign(f_a) * np.sign(f_b) < 0
    width = np.abs(b - a)
    for tries in range(MOST):
        if not active.any():
            break
        with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
            x = np.where(active, b - f_b * (b - a) / (f_b - f_a), found)
        slow = tries % 3 == 2
        if slow:
            x, width = np.where(np.abs(b - a) > 0.5 * width, 0.5 * (a + b), x), np.abs(b - a)
        x = np.where(np.isfinite(x) & ((x - a) * (x - b) <= 0), x, 0.5 * (a + b))
        f = error(np.where(active, x, found))
        with np.errstate(invalid="ignore", divide="ignore"):
            kept = np.where(f_b * f < 0, 1.0, np.where(1.0 - f / f_b > 0, 1.0 - f / f_b, 0.5))
        crossed = f_b * f < 0
        a, f_a = np.where(crossed, b, a), np.where(crossed, f_b, f_a * kept)
        b, f_b = np.where(active, x, b), np.where(active, f, f_b)
        done = (np.abs(f) <= TOLERANCE) | (np.abs(b - a) <= 4e-16 * np.maximum(np.abs(a), np.abs(b)))
        found = np.where(active, x, found)
        active &= ~done
    return found


def _bracket(law: Law[Any], start: NDArray[np.float64], error: Any) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Two states on both sides of the target where there are such: the bounds, or wide enough where there are none."""
    low, high = law.bounds()
    a, b = np.full(start.shape, low), np.full(start.shape, high)
    if np.isfinite(low) and np.isfinite(high):
        return a, b
    reach = np.maximum(np.abs(start), 1e-12)
    for _ in range(400):
        a, b = np.maximum(start - reach, low), np.minimum(start + reach, high)
        short = np.sign(error(a)) * np.sign(error(b)) > 0
        if not short.any() or reach.max() > 1e100:
            break
        reach = np.where(short, 2.0 * reach, reach)
    return a, b
