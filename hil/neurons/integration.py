"""Neurons in time, compiled once for all models: error-controlled steps with located spikes, or a model's own step.

A model that is an ordinary differential equation gives three functions, and the rest is here::

    @rates
    def slope(x, drive, p, out): ...   # dx/dt of every state
    @height
    def above(x, p): ...               # rises through 0 where the neuron fires
    @landing
    def land(x, p): ...                # what a spike does to the states; nothing where nothing is reset

Steps are those of Dormand and Prince, order 5(4), or of a Rosenbrock pair of order 2(3) for models that are stiff. A
step in which the height passes 0 is cut to where it does (secant steps on the length, each computed anew), so that
spikes and resets do not depend on the clock.

A model with a closed form gives ``step(x, drive, dt, p, chance)`` instead, which moves the states through `dt` and
returns the number of its spikes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from hil.compiling import njit, types

float64, int64 = types.float64, types.int64
_states = float64[::1]

RATES = types.void(_states, float64, _states, _states)
HEIGHT = float64(_states, _states)
LANDING = types.void(_states, _states)
STEP = int64(_states, float64, float64, _states, float64)

MOST_STEPS = 10_000_000
"""Steps of one neuron in one call of `advance`."""

DONE, TOO_LONG, NOT_FINITE = 0, 1, 2

SECANTS = 12
"""Tries to locate a spike within a step."""


def rates(function: Callable[..., None]) -> Any:
    """Compile ``rates(x, drive, p, out)``: write dx/dt of every state into `out`, its unit per second."""
    return njit(RATES, cache=True, error_model="numpy")(function)


def height(function: Callable[..., float]) -> Any:
    """Compile ``height(x, p)``: a number that rises through 0 where the neuron fires."""
    return njit(HEIGHT, cache=True, error_model="numpy")(function)


def landing(function: Callable[..., None]) -> Any:
    """Compile ``landing(x, p)``: change the states as a spike does."""
    return njit(LANDING, cache=True, error_model="numpy")(function)


def step(function: Callable[..., int]) -> Any:
    """Compile ``step(x, drive, dt, p, chance)``: move the states through `dt` s, return the number of spikes."""
    return njit(STEP, cache=True, error_model="numpy")(function)


@landing
def stays(x, p):
    """A spike changes nothing: the equations themselves bring the neuron back."""


@njit(error_model="numpy")
def _try(slope, x, drive, p, h, k, y, z):
    """One step of Dormand and Prince from `x` (slope in k[0]) into `y`; k[6] is the slope there, `z` the error."""
    n = x.size
    for i in range(n):
        z[i] = x[i] + h * k[0, i] / 5.0
    slope(z, drive, p, k[1])
    for i in range(n):
        z[i] = x[i] + h * (3.0 * k[0, i] + 9.0 * k[1, i]) / 40.0
    slope(z, drive, p, k[2])
    for i in range(n):
        z[i] = x[i] + h * (44.0 / 45.0 * k[0, i] - 56.0 / 15.0 * k[1, i] + 32.0 / 9.0 * k[2, i])
    slope(z, drive, p, k[3])
    for i in range(n):
        z[i] = x[i] + h * (
            19372.0 / 6561.0 * k[0, i] - 25360.0 / 2187.0 * k[1, i] + 64448.0 / 6561.0 * k[2, i]
            - 212.0 / 729.0 * k[3, i]
        )  # fmt: skip
    slope(z, drive, p, k[4])
    for i in range(n):
        z[i] = x[i] + h * (
            9017.0 / 3168.0 * k[0, i] - 355.0 / 33.0 * k[1, i] + 46732.0 / 5247.0 * k[2, i] + 49.0 / 176.0 * k[3, i]
            - 5103.0 / 18656.0 * k[4, i]
        )  # fmt: skip
    slope(z, drive, p, k[5])
    for i in range(n):
        y[i] = x[i] + h * (
            35.0 / 384.0 * k[0, i] + 500.0 / 1113.0 * k[2, i] + 125.0 / 192.0 * k[3, i] - 2187.0 / 6784.0 * k[4, i]
            + 11.0 / 84.0 * k[5, i]
        )  # fmt: skip
    slope(y, drive, p, k[6])
    for i in range(n):
        z[i] = h * (
            71.0 / 57600.0 * k[0, i] - 71.0 / 16695.0 * k[2, i] + 71.0 / 1920.0 * k[3, i] - 17253.0 / 339200.0 * k[4, i]
            + 22.0 / 525.0 * k[5, i] - 1.0 / 40.0 * k[6, i]
        )  # fmt: skip


@njit(error_model="numpy")
def _invert(w, inverse):
    """Inverse of a small matrix by Gauss and Jordan, with pivots; `w` is used up."""
    n = w.shape[0]
    for i in range(n):
        for j in range(n):
            inverse[i, j] = 1.0 if i == j else 0.0
    for c in range(n):
        best = c
        for r in range(c + 1, n):
            if abs(w[r, c]) > abs(w[best, c]):
                best = r
        for j in range(n):
            w[c, j], w[best, j] = w[best, j], w[c, j]
            inverse[c, j], inverse[best, j] = inverse[best, j], inverse[c, j]
        pivot = w[c, c]
        for j in range(n):
            w[c, j] /= pivot
            inverse[c, j] /= pivot
        for r in range(n):
            if r != c and w[r, c] != 0.0:
                part = w[r, c]
                for j in range(n):
                    w[r, j] -= part * w[c, j]
                    inverse[r, j] -= part * inverse[c, j]


@njit(error_model="numpy")
def _try_stiff(slope, x, drive, p, h, scale, k, y, z, w, inverse):
    """One step of the Rosenbrock pair of order 2(3) of Shampine & Reichelt, SIAM J. Sci. Comput. 18, 1 (1997)."""
    n, d, c = x.size, 1.0 / (2.0 + np.sqrt(2.0)), 6.0 + np.sqrt(2.0)
    for j in range(n):
        for i in range(n):
            y[i] = x[i]
        step = 1e-6 * (scale[j] + abs(x[j]))
        y[j] += step
        slope(y, drive, p, k[1])
        for i in range(n):
            w[i, j] = (1.0 if i == j else 0.0) - h * d * (k[1, i] - k[0, i]) / step
    _invert(w, inverse)
    for i in range(n):
        k[1, i] = 0.0
        for j in range(n):
            k[1, i] += inverse[i, j] * k[0, j]
    for i in range(n):
        y[i] = x[i] + 0.5 * h * k[1, i]
    slope(y, drive, p, k[2])
    for i in range(n):
        k[3, i] = k[1, i]
        for j in range(n):
            k[3, i] += inverse[i, j] * (k[2, j] - k[1, j])
    for i in range(n):
        y[i] = x[i] + h * k[3, i]
    slope(y, drive, p, k[6])
    for i in range(n):
        k[4, i] = k[6, i] - c * (k[3, i] - k[2, i]) - 2.0 * (k[1, i] - k[0, i])
    for i in range(n):
        k[5, i] = 0.0
        for j in range(n):
            k[5, i] += inverse[i, j] * k[4, j]
        z[i] = h / 6.0 * (k[1, i] - 2.0 * k[3, i] + k[5, i])


@njit(error_model="numpy")
def _step(stiff, slope, x, drive, p, h, scale, k, y, z, w, inverse):
    if stiff:
        _try_stiff(slope, x, drive, p, h, scale, k, y, z, w, inverse)
    else:
        _try(slope, x, drive, p, h, k, y, z)


@njit(error_model="numpy")
def _error(x, y, z, scale, tolerance):
    worst = 0.0
    for i in range(x.size):
        allowed = tolerance * (scale[i] + max(abs(x[i]), abs(y[i])))
        worst = max(worst, abs(z[i]) / allowed)
        if not np.isfinite(y[i]):
            return np.inf
    return worst


@njit(error_model="numpy")
def _solve(stiff, slope, above, land, x, drive, duration, p, scale, tolerance, first, k, y, z, w, inverse):
    """Move one neuron through `duration`; how it ended, spikes, and the step that the next call should begin with."""
    left, h, fired = duration, min(first, duration), 0
    slope(x, drive, p, k[0])
    was = above(x, p)
    wished = h
    for _ in range(MOST_STEPS):
        if left <= 0.0:
            return DONE, fired, wished
        last = h >= left
        h = min(h, left)
        _step(stiff, slope, x, drive, p, h, scale, k, y, z, w, inverse)
        error = _error(x, y, z, scale, tolerance)
        if not error < np.inf:
            h *= 0.1
            if h < 1e-12 * duration:
                return NOT_FINITE, fired, h
            continue
        grown = h * min(max(0.9 * max(error, 1e-10) ** (-1.0 / 3.0 if stiff else -0.2), 0.2), 6.0)
        if error > 1.0:
            h = grown
            continue
        now = above(y, p)
        crosses = was < 0.0 <= now
        if crosses:
            low, f_low, high, f_high = 0.0, was, h, now
            for turn in range(SECANTS):
                part = high - (high - low) * f_high / (f_high - f_low)
                if turn % 3 == 2:
                    part = 0.5 * (low + high)
                _step(stiff, slope, x, drive, p, part, scale, k, y, z, w, inverse)
                f = above(y, p)
                if f >= 0.0:
                    high, f_high = part, f
                else:
                    low, f_low = part, f
                if high - low < 1e-9 * h:
                    break
            _step(stiff, slope, x, drive, p, high, scale, k, y, z, w, inverse)
            h, last = high, high >= left
            fired += 1
        for i in range(x.size):
            x[i] = y[i]
        left = 0.0 if last else left - h
        if crosses:
            land(x, p)
            slope(x, drive, p, k[0])
            was = above(x, p)
        else:
            was = now
            for i in range(x.size):
                k[0, i] = k[6, i]
        if not last or error > 0.0:
            wished = grown
        h = grown
    return TOO_LONG, fired, wished


_WHERE = types.UniTuple(int64, 2)


@njit(
    _WHERE(
        types.FunctionType(RATES), types.FunctionType(HEIGHT), types.FunctionType(LANDING), float64[:, ::1],
        float64[:, ::1], float64, _states, _states, float64, _states, int64[:, ::1], float64[:, :, ::1], types.boolean,
    ),
    cache=True, error_model="numpy",
)  # fmt: skip
def integrate(slope, above, land, x, drive, dt, p, scale, tolerance, first, spikes, course, stiff):
    """Move every neuron (N, S) through `dt` for each line of `drive` (K, N); how that ended, and for which neuron.

    `spikes` is (K, N); `course` (K, N, S) is filled with the states after each `dt`, unless it has no lines.
    """
    n = x.shape[1]
    k, y, z = np.zeros((7, n)), np.zeros(n), np.zeros(n)
    w, inverse = np.zeros((n, n)), np.zeros((n, n))
    for t in range(drive.shape[0]):
        for i in range(x.shape[0]):
            how, fired, wished = _solve(
                stiff, slope, above, land, x[i], drive[t, i], dt, p, scale, tolerance, first[i], k, y, z, w, inverse
            )  # fmt: skip
            spikes[t, i], first[i] = fired, wished
            if how != DONE:
                return how, i
        if course.shape[0]:
            course[t] = x
    return DONE, 0


@njit(
    types.void(
        types.FunctionType(STEP), float64[:, ::1], float64[:, ::1], float64, _states, float64[:, ::1],
        int64[:, ::1], float64[:, :, ::1],
    ),
    cache=True, error_model="numpy",
)  # fmt: skip
def stepped(move, x, drive, dt, p, chance, spikes, course):
    """As `integrate`, by a model's own step; `chance` (K or 1, N) are numbers in 0 .. 1."""
    for t in range(drive.shape[0]):
        for i in range(x.shape[0]):
            spikes[t, i] = move(x[i], drive[t, i], dt, p, chance[min(t, chance.shape[0] - 1), i])
        if course.shape[0]:
            course[t] = x
