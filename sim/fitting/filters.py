"""What the next reading of one cell will be, and how uncertain: a filter on the kernels that simulated devices run on.

A reading tells where the cell is, but for its noise; every pulse moves it by a change that is uncertain by the
cycle-to-cycle spread (`sim.crossbar.pulses`). The filter carries mean and variance P of the state x through both
(Kalman 1960; its extended form, Jazwinski, Stochastic Processes and Filtering Theory, 1970, ch. 8):

    pulse    x -> f(x),           P -> f'(x)^2 P + c2c^2 (f(x) - x)^2, then held within the range of the state
    reading  expected G(x), with the variance S = G'(x)^2 P + R;  the state takes a share G' P / S of what it is off

A normal distribution that the range cuts off has the mean and variance of one whose tails are put on the bounds. Every
stretch begins with its first reading, which gives the state and its variance R / G'^2: no start has to be guessed.

G(x) is a table over the range of the state, straight between its entries, so that the filter knows no law.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hil.compiling import njit
from sim.cells.flca import FlcaParameters, drive_flca
from sim.cells.rram import RramParameters, drive_rram
from sim.cells.segments import Segments
from sim.cells.vteam import VteamParameters, drive_vteam

Table = NDArray[np.float64]
"""Conductances, S, at states spaced evenly over their range."""

ENTRIES = 2049
"""Entries of the table of conductances."""

SLOPE = 1e-5
"""Distance over the range at which the slope of a law is taken."""


class ReadAlong(NamedTuple):
    """What was measured along a history of T segments.

    Attributes
    ----------
    begins : (T,) array of bool
        Segments that begin a stretch.
    conductance : (T,) array
        Seen at the end of a segment, S; NaN where nothing was.
    floor : (T,) array
        Uncertainty of a reading that does not grow with it, S.
    """

    begins: NDArray[np.bool_]
    conductance: NDArray[np.float64]
    floor: NDArray[np.float64]


class Spread(NamedTuple):
    """What makes a cell differ from its law: `c2c` and `read_noise` of simulated arrays, and its own sensitivity."""

    c2c: float
    read_noise: float
    gain: float = 1.0


Innovations = tuple[NDArray[np.float64], NDArray[np.float64]]
"""(K,) what every reading is off by, S, and its variance, S^2; NaN for the first reading of a stretch."""


def filter_rram(
    p: RramParameters, play: Segments, seen: ReadAlong, spread: Spread, table: NDArray[np.float64]
) -> Innovations:
    """Readings of a step cell; `table` has the conductances of weights 0 .. 1."""
    up, down = p.branches()
    return _filter_rram(
        _twice(play), *seen, spread.c2c, spread.read_noise, np.full((2, 1), spread.gain), table, 0.0, 1.0,
        p.v_set, p.v_reset, up, down,
    )  # fmt: skip


def filter_vteam(
    p: VteamParameters, play: Segments, seen: ReadAlong, spread: Spread, table: NDArray[np.float64]
) -> Innovations:
    """Readings of a cell with thresholds; `table` has the conductances of states 0 .. 1."""
    off, on = p.thresholds()
    return _filter_vteam(
        _twice(play), *seen, spread.c2c, spread.read_noise, np.full((2, 1), spread.gain), table, 0.0, 1.0,
        p.sign, off, on, p.window_constants(),
    )  # fmt: skip


def filter_flca(
    p: FlcaParameters,
    play: Segments,
    seen: ReadAlong,
    spread: Spread,
    table: NDArray[np.float64],
    low: float,
    high: float,
) -> Innovations:
    """Readings of a non-volatile cell; `table` has the conductances of fluxes `low` .. `high`, V s."""
    return _filter_flca(
        _twice(play), *seen, spread.c2c, spread.read_noise, np.full((2, 1), spread.gain), table, low, high,
        p.A, p.D,
    )  # fmt: skip


def _twice(play: Segments) -> Segments:
    """The same for two cells: one where the state is expected, one a little beside it."""
    cols = np.zeros((len(play.duration), 2))
    cols.flags.writeable = play.cols.flags.writeable
    return play._replace(cols=cols)


@njit(cache=True, inline="always")
def _one(play, t):
    return Segments(
        play.duration[t : t + 1], play.rows[t : t + 1], play.cols[t : t + 1], play.level[t : t + 1], play.again
    )  # fmt: skip


@njit(cache=True, error_model="numpy")
def _within(mean, variance, low, high):
    """Mean and variance of a normal distribution whose tails beyond the bounds are put on them."""
    if variance <= 0.0:
        return min(max(mean, low), high), 0.0
    s = math.sqrt(variance)
    a, b = (low - mean) / s, (high - mean) / s
    if a < -8.0 and b > 8.0:
        return mean, variance
    if a > 8.0:
        return low, 0.0
    if b < -8.0:
        return high, 0.0
    below, above = 0.5 * math.erfc(-a / math.sqrt(2.0)), 0.5 * math.erfc(b / math.sqrt(2.0))
    at_a, at_b = math.exp(-0.5 * a * a) / math.sqrt(2 * math.pi), math.exp(-0.5 * b * b) / math.sqrt(2 * math.pi)
    a, b = max(a, -1e6), min(b, 1e6)
    first = a * below + b * above + at_a - at_b
    second = a * a * below + b * b * above + (1.0 - below - above) + a * at_a - b * at_b
    return mean + s * first, max(variance * (second - first * first), 0.0)


@njit(cache=True, error_model="numpy")
def _moved(before, after, ahead, step, variance, gone, c2c, low, high):
    """Mean and variance after a segment that takes `before` to `after`, and `before + step` to `ahead`."""
    slope = (ahead - after) / step
    change = after - before
    drawn = c2c * c2c * ((gone + change) ** 2 - gone * gone)
    mean, spread = _within(after, slope * slope * variance + drawn, low, high)
    return mean, spread, gone + change


@njit(cache=True, error_model="numpy")
def _read(mean, variance, seen, relative, floor, known, table, low, high):
    """State after a reading, what that was off by, and its variance."""
    scale = (table.size - 1) / (high - low)
    if not known:
        rises = table[-1] > table[0]
        left, right = 0, table.size - 1
        while right - left > 1:
            middle = (left + right) // 2
            if (table[middle] <= seen) == rises:
                left = middle
            else:
                right = middle
        slope = (table[left + 1] - table[left]) * scale
        noise = (relative * seen) ** 2 + floor * floor
        mean = min(max(low + left / scale + (seen - table[left]) / slope, low), high)
        return mean, noise / (slope * slope), np.nan, np.nan
    place = (min(max(mean, low), high) - low) * scale
    k = min(int(place), table.size - 2)
    slope = (table[k + 1] - table[k]) * scale
    expected = table[k] + (place - k) * (table[k + 1] - table[k])
    total = slope * slope * variance + (relative * expected) ** 2 + floor * floor
    off = seen - expected
    share = slope * variance / total
    return min(max(mean + share * off, low), high), max(variance * (1.0 - share * slope), 0.0), off, total


@njit(cache=True, error_model="numpy")
def _step(mean, low, high):
    """Step of a derivative, towards the inside."""
    return SLOPE * (high - low) * (1.0 if mean < 0.5 * (low + high) else -1.0)


@njit(cache=True, error_model="numpy")
def _filter_rram(
    play, begins, seen, floor, c2c, relative, gain, table, low, high, v_set, v_reset, up, down
):  # fmt: skip
    off, total = np.empty(seen.size), np.empty(seen.size)
    x, beyond = np.full((2, 1), 0.5 * (low + high)), np.zeros((2, 1), np.int8)
    mean, variance, gone, known, count = 0.5 * (low + high), 0.0, 0.0, False, 0
    for t in range(seen.size):
        if begins[t]:
            known = False
            beyond[:] = 0
        if begins[t] or play.level[t] == 0.0 or play.rows[t, 0] != play.rows[t - 1, 0]:
            gone = 0.0
        step = _step(mean, low, high)
        x[0, 0], x[1, 0] = mean, mean + step
        drive_rram(_one(play, t), x, beyond, gain, v_set, v_reset, up, down, -np.inf, np.inf)
        mean, variance, gone = _moved(mean, x[0, 0], x[1, 0], step, variance, gone, c2c, low, high)
        if not np.isnan(seen[t]):
            mean, variance, off[count], total[count] = _read(
                mean, variance, seen[t], relative, floor[t], known, table, low, high
            )
            known, count = True, count + 1
    return off[:count], total[:count]


@njit(cache=True, error_model="numpy")
def _filter_vteam(
    play, begins, seen, floor, c2c, relative, gain, table, low, high, sign, rate_off, rate_on, bend
):  # fmt: skip
    off, total = np.empty(seen.size), np.empty(seen.size)
    x = np.full((2, 1), 0.5 * (low + high))
    mean, variance, gone, known, count = 0.5 * (low + high), 0.0, 0.0, False, 0
    for t in range(seen.size):
        known = known and not begins[t]
        if begins[t] or play.level[t] == 0.0 or play.rows[t, 0] != play.rows[t - 1, 0]:
            gone = 0.0
        step = _step(mean, low, high)
        x[0, 0], x[1, 0] = mean, mean + step
        drive_vteam(_one(play, t), x, gain, sign, rate_off, rate_on, bend, -np.inf, np.inf)
        mean, variance, gone = _moved(mean, x[0, 0], x[1, 0], step, variance, gone, c2c, low, high)
        if not np.isnan(seen[t]):
            mean, variance, off[count], total[count] = _read(
                mean, variance, seen[t], relative, floor[t], known, table, low, high
            )
            known, count = True, count + 1
    return off[:count], total[:count]


@njit(cache=True, error_model="numpy")
def _filter_flca(play, begins, seen, floor, c2c, relative, gain, table, low, high, a, d):  # fmt: skip
    off, total = np.empty(seen.size), np.empty(seen.size)
    phi, idle = np.zeros((2, 1)), np.zeros(2)
    mean, variance, gone, known, count = 0.5 * (low + high), 0.0, 0.0, False, 0
    for t in range(seen.size):
        known = known and not begins[t]
        at_rest = play.rows[t, 0] == 0.0
        if begins[t] or at_rest or play.rows[t, 0] != play.rows[t - 1, 0]:
            gone = 0.0
        step = _step(mean, low, high)
        phi[0, 0], phi[1, 0], idle[:] = mean, mean + step, 0.0
        drive_flca(_one(play, t), phi, idle, gain, a, d, -np.inf, np.inf, False)
        for k in range(2):
            if idle[k] > 0.0 and phi[k, 0] < 0.0:
                phi[k, 0] *= math.exp(-d * idle[k])
        mean, variance, gone = _moved(
            mean, phi[0, 0], phi[1, 0], step, variance, gone, 0.0 if at_rest else c2c, low, high
        )
        if not np.isnan(seen[t]):
            mean, variance, off[count], total[count] = _read(
                mean, variance, seen[t], relative, floor[t], known, table, low, high
            )
            known, count = True, count + 1
    return off[:count], total[:count]
