"""A cell of one state through one segment of constant voltage, in numbers instead of arrays: most laws are such.

The same methods and tolerances as `sim.cells.integration`, which goes on where this one ends in `STIFF`, with what one
state makes simpler: at a constant voltage x moves one way, and where its rate is 0 or leads out of a bound it stays for
the rest of the segment. A segment that moves the state by little is taken in one step: of the midpoint rule, two
evaluations of the rate, if Euler's rule within confirms it to the tolerance; else of Kutta's third-order method, three,
if the midpoint rule within does. All others are taken by Dormand and Prince's, six a step.
"""

from __future__ import annotations

import numpy as np

from hil.compiling import njit
from sim.cells.pointers import call_current, call_rate
from sim.cells.stepping import STABILITY, TOLERANCE, TOLERANCE_OF_CHARGE, measure

DONE, TOO_LONG, NOT_FINITE, STIFF = 0, 1, 2, 3
"""How a segment ended; `STIFF` only here, with a part of it left."""

MOST_STEPS = 20_000
"""Steps and tries beyond which a segment is refused."""

SHARP = 15
"""Steps held back by stability, in one segment, after which its equations count as stiff."""

BRIEF = 4e-3
"""Move, relative to the magnitude of the state, up to which one step of second or third order is tried."""


@njit(inline="always", error_model="numpy")
def _rate(rate, v, y, p, gain, low, high, x, f):
    """Rate at `y`, which the equation sees within the bounds."""
    x[0] = min(max(y, low), high)
    call_rate(rate, v, x, p, f)
    return gain * f[0]


@njit(inline="always", error_model="numpy")
def _current(current, v, y, p, low, high, origin, factor, x):
    """Current of a cell whose course is at `y`; under cycle-to-cycle spread it lies beside it."""
    y = min(max(y, low), high)
    if factor != 1.0:
        y = min(max(origin + factor * (y - origin), low), high)
    x[0] = y
    return call_current(current, v, x, p)


@njit(inline="always", error_model="numpy")
def meeting(start, rate, end, rate_at_end, h, bound):
    """Part of a step after which the cubic through both ends and their slopes meets a bound that `end` is beyond."""
    inside, beyond = 0.0, 1.0
    for _ in range(50):
        s = 0.5 * (inside + beyond)
        on = start + s * s * (3.0 - 2.0 * s) * (end - start)
        on += h * s * (1.0 - s) * (rate * (1.0 - s) - rate_at_end * s)
        if (on - bound) * (end - bound) > 0.0:
            beyond = s
        else:
            inside = s
    return beyond


@njit(inline="always", error_model="numpy")
def _growth(error):
    """Factor on the next step after an error in tolerances."""
    return min(max(0.9 * max(error, 1e-10) ** -0.2, 0.1), 8.0)


@njit(error_model="numpy", _nrt=False)
def _brief(rate, current, v, p, gain, y, low, high, span, h, k_0, i_0, measured, origin, factor, x, f):
    """One step of second or third order: whether it holds the tolerances off the bounds, where it leads, its charge."""
    k_1 = _rate(rate, v, y + 0.5 * h * k_0, p, gain, low, high, x, f)
    if not h * (k_1 - k_0) ** 2 <= 6.0 * TOLERANCE * measure(y, span) * abs(k_0):
        return False, y, 0.0  # four times what is allowed if the rate is linear in the state
    if h * abs(k_1 - k_0) <= TOLERANCE * measure(y, span):
        end = y + h * k_1
        room = TOLERANCE * measure(max(abs(y), abs(end)), span)
        inside = low + room < end < high - room
        if inside and not measured:
            return True, end, 0.0
        i_1 = _current(current, v, y + 0.5 * h * k_0, p, low, high, origin, factor, x) if measured else 0.0
        if inside and abs(i_1 - i_0) <= TOLERANCE_OF_CHARGE * abs(i_1):
            return True, end, h * i_1
    k_2 = _rate(rate, v, y + h * (2.0 * k_1 - k_0), p, gain, low, high, x, f)
    end = y + h * (k_0 + 4.0 * k_1 + k_2) / 6.0
    room = TOLERANCE * measure(max(abs(y), abs(end)), span)
    if not (h * abs(k_0 - 2.0 * k_1 + k_2) <= 6.0 * room and low + room < end < high - room):
        return False, y, 0.0
    if not measured:
        return True, end, 0.0
    i_1 = _current(current, v, y + 0.5 * h * k_0, p, low, high, origin, factor, x)
    i_2 = _current(current, v, y + h * (2.0 * k_1 - k_0), p, low, high, origin, factor, x)
    charge = h * (i_0 + 4.0 * i_1 + i_2) / 6.0
    return h * abs(i_0 - 2.0 * i_1 + i_2) <= 6.0 * TOLERANCE_OF_CHARGE * abs(charge), end, charge


@njit(inline="always", error_model="numpy")
def follow(rate, current, v, p, gain, y, low, high, duration, measured, origin, factor, x, f):
    """Move a state `y` through a segment: how that ended, the state, the charge, and the time that is left.

    `x` and `f` are arrays of one number that the equations read and write.
    """
    how, charge, left = DONE, 0.0, 0.0
    k_0 = _rate(rate, v, y, p, gain, low, high, x, f)
    i_0 = _current(current, v, y, p, low, high, origin, factor, x) if measured else 0.0
    span = high - low if high - low < np.inf else abs(y)
    way = abs(k_0) * duration / measure(y, span)
    if not np.isfinite(k_0):
        how, left = NOT_FINITE, duration
    elif k_0 == 0.0 or (y >= high and k_0 > 0.0) or (y <= low and k_0 < 0.0):
        charge = i_0 * duration
    elif way <= 1e-3 * TOLERANCE:
        y, charge = min(max(y + duration * k_0, low), high), i_0 * duration
    else:
        fine = False
        if way <= BRIEF:
            fine, end, charge = _brief(
                rate, current, v, p, gain, y, low, high, span, duration, k_0, i_0, measured, origin, factor, x, f
            )  # fmt: skip
        if fine:
            y = end
        else:
            how, y, charge, left = _stepped(
                rate, current, v, p, gain, y, low, high, span, duration, k_0, i_0, measured, origin, factor, x, f
            )  # fmt: skip
    return how, y, charge, left


@njit(error_model="numpy", _nrt=False)
def _stepped(rate, current, v, p, gain, y, low, high, span, duration, k_0, i_0, measured, origin, factor, x, f):
    """`follow` by Dormand and Prince's steps, from the rate `k_0` and the current `i_0` at `y`."""
    bounded = high - low < np.inf
    charge, left, h, sharp = 0.0, duration, duration, 0
    if bounded and abs(k_0) * h > 0.05 * span:
        h = 0.05 * span / abs(k_0)
    for _ in range(MOST_STEPS):
        h = min(h, left)
        y_1 = y + h * (1 / 5) * k_0
        k_1 = _rate(rate, v, y_1, p, gain, low, high, x, f)
        y_2 = y + h * (3 / 40 * k_0 + 9 / 40 * k_1)
        k_2 = _rate(rate, v, y_2, p, gain, low, high, x, f)
        y_3 = y + h * (44 / 45 * k_0 - 56 / 15 * k_1 + 32 / 9 * k_2)
        k_3 = _rate(rate, v, y_3, p, gain, low, high, x, f)
        y_4 = y + h * (19372 / 6561 * k_0 - 25360 / 2187 * k_1 + 64448 / 6561 * k_2 - 212 / 729 * k_3)
        k_4 = _rate(rate, v, y_4, p, gain, low, high, x, f)
        y_5 = y + h * (
            9017 / 3168 * k_0 - 355 / 33 * k_1 + 46732 / 5247 * k_2 + 49 / 176 * k_3 - 5103 / 18656 * k_4
        )  # fmt: skip
        k_5 = _rate(rate, v, y_5, p, gain, low, high, x, f)
        end = y + h * (35 / 384 * k_0 + 500 / 1113 * k_2 + 125 / 192 * k_3 - 2187 / 6784 * k_4 + 11 / 84 * k_5)
        k_6 = _rate(rate, v, end, p, gain, low, high, x, f)
        wrong = h * (
            71 / 57600 * k_0 - 71 / 16695 * k_2 + 71 / 1920 * k_3 - 17253 / 339200 * k_4 + 22 / 525 * k_5 - 1 / 40 * k_6
        )
        error = abs(wrong) / (TOLERANCE * measure(max(abs(y), abs(end)), span))
        if not (np.isfinite(end) and np.isfinite(k_6)):
            error = np.inf
        if h * abs(k_6 - k_5) > STABILITY * abs(end - y_5):
            sharp += 1
        gained, i_6 = 0.0, 0.0
        if measured and error <= 1.0:
            i_2 = _current(current, v, y_2, p, low, high, origin, factor, x)
            i_3 = _current(current, v, y_3, p, low, high, origin, factor, x)
            i_4 = _current(current, v, y_4, p, low, high, origin, factor, x)
            i_5 = _current(current, v, y_5, p, low, high, origin, factor, x)
            i_6 = _current(current, v, end, p, low, high, origin, factor, x)
            gained = h * (35 / 384 * i_0 + 500 / 1113 * i_2 + 125 / 192 * i_3 - 2187 / 6784 * i_4 + 11 / 84 * i_5)
            wrong = h * (
                71 / 57600 * i_0 - 71 / 16695 * i_2 + 71 / 1920 * i_3 - 17253 / 339200 * i_4 + 22 / 525 * i_5
                - 1 / 40 * i_6
            )  # fmt: skip
            error = max(error, abs(wrong) / (TOLERANCE_OF_CHARGE * abs(gained) + 1e-300))
        if not error < np.inf:
            h *= 0.1
            continue
        if error > 1.0:
            h *= _growth(error)
            continue
        room = TOLERANCE * measure(end, span)
        if end > high + room:
            h *= meeting(y, k_0, end, k_6, h, high)
            continue
        if end < low - room:
            h *= meeting(y, k_0, end, k_6, h, low)
            continue
        charge += gained
        left = max(left - h, 0.0) if h < left else 0.0
        if (k_6 > 0.0 and end > high - room) or (k_6 < 0.0 and end < low + room):
            y = high if k_6 > 0.0 else low
            i_6 = _current(current, v, y, p, low, high, origin, factor, x) if measured else 0.0
            return DONE, y, charge + i_6 * left, 0.0
        y, k_0, i_0 = min(max(end, low), high), k_6, i_6
        span = span if bounded else max(span, abs(y))
        if left == 0.0:
            return DONE, y, charge, 0.0
        if k_0 == 0.0:
            return DONE, y, charge + i_0 * left, 0.0
        h *= _growth(error)
        if sharp >= SHARP:
            return STIFF, y, charge, left
    return TOO_LONG, y, 0.0, left
