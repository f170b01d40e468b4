"""One cell through one segment of constant voltage: dx/dt = rate(v, x), and the charge that flows meanwhile.

The equations are compiled functions of one type for all laws, so this file is compiled once and not for every law.

Steps are those of Dormand and Prince, order 5(4), until they are held back by stability instead of accuracy (the test
of Hairer and Wanner, Solving Ordinary Differential Equations II, section IV.2) or where a law says that it is stiff;
then those of RODAS, a Rosenbrock method of order 4(3) for stiff equations (ibid. section IV.7) with the Jacobian from
differences. The charge is one more component in both, with an error of its own. Equations see states within their
bounds alone. A step that leads beyond a bound is shortened to where the cubic through its ends meets it; a state at a
bound stays there while its rate points outward. Cells of one state begin in `sim.cells.single`, which is the same in
numbers instead of arrays.
"""

from __future__ import annotations

import numpy as np

from hil.compiling import njit, types
from sim.cells.pointers import ADDRESS, call_current
from sim.cells.single import BRIEF, DONE, MOST_STEPS, NOT_FINITE, SHARP, STIFF, TOO_LONG, follow, meeting
from sim.cells.stepping import STABILITY, TOLERANCE, brief, carried, evaluate, explicit, implicit, measure, slopes

float64, int64 = types.float64, types.int64

RATE = types.void(float64, float64[::1], float64[::1], float64[::1])
CURRENT = float64(float64, float64[::1], float64[::1])


@njit(error_model="numpy", _nrt=False)
def _hold(rate, v, p, gain, moved, x, low, high, held, inside, f, k):
    """Rates at `x` in k[0], and which states their bounds hold there; whether all rates are numbers."""
    for i in range(x.size):
        held[i] = 0
    evaluate(rate, v, p, gain, moved, x, low, high, held, inside, f, k, 0)
    finite = True
    for i in range(x.size):
        finite = finite and np.isfinite(k[0, i])
        if x[i] >= high[i] and k[0, i] >= 0.0:
            held[i], k[0, i] = 1, 0.0
        elif x[i] <= low[i] and k[0, i] <= 0.0:
            held[i], k[0, i] = -1, 0.0
    return finite


@njit(error_model="numpy")
def _workspace(n):
    """Arrays that `_solve` writes to, for n states."""
    explicit_stages, stages = (np.zeros((7, n)), np.zeros(7)), (np.zeros((6, n)), np.zeros(6))
    new, before, inside, f, slope, span = np.zeros(n), np.zeros(n), np.zeros(n), np.zeros(n), np.zeros(n), np.zeros(n)
    matrices, places = (np.zeros((n, n)), np.zeros((n, n))), (np.zeros(n, np.int64), np.zeros(n, np.int64))
    return (*explicit_stages, *stages, new, before, inside, f, slope, span, *matrices, *places)


@njit(error_model="numpy", _nrt=False)
def _solve(rate, current, v, p, gain, moved, x, low, high, duration, stiff, measured, origin, factor, work):
    """Move `x` through a segment in place; how that ended, and the charge."""
    n = x.size
    k, i_k, u, u_q, new, before, inside, f, slope, span, jacobian, matrix, pivot, held = work
    i_k[0] = 0.0
    charge, sharp, known = 0.0, 0, False
    left = duration
    if not _hold(rate, v, p, gain, moved, x, low, high, held, inside, f, k):
        return NOT_FINITE, 0.0
    if measured:
        i_k[0] = carried(current, v, p, moved, x, low, high, origin, factor, inside)
    h, far = duration, 0.0
    for i in range(n):
        bounded = high[i] - low[i] < np.inf
        span[i] = high[i] - low[i] if bounded else abs(x[i])
        far = max(far, abs(k[0, i]) * duration / measure(x[i], span[i]))
        if bounded and abs(k[0, i]) * h > 0.05 * span[i]:
            h = 0.05 * span[i] / abs(k[0, i])
    if far <= 1e-3 * TOLERANCE:
        for i in range(n):
            x[i] = min(max(x[i] + duration * k[0, i], low[i]), high[i])
        return DONE, charge + i_k[0] * duration
    if far <= BRIEF and not stiff:
        fine, gained = brief(
            rate, current, v, p, gain, moved, x, low, high, span, held, duration, k, i_k, new, inside, f,
            measured, origin, factor,
        )  # fmt: skip
        if fine:
            for i in range(n):
                x[i] = new[i]
            return DONE, gained
    for _ in range(MOST_STEPS):
        h = min(h, left)
        if stiff:
            if not known:
                slopes(
                    rate, current, v, p, gain, moved, x, low, high, span, held, k, i_k[0], jacobian, slope,
                    new, inside, f, measured, origin, factor,
                )  # fmt: skip
                known = True
            error, gained = implicit(
                rate, current, v, p, gain, moved, x, low, high, span, held, h, k, i_k, jacobian, slope, matrix, pivot,
                new, inside, f, u, u_q, measured, origin, factor,
            )  # fmt: skip
            if error <= 1.0:
                evaluate(rate, v, p, gain, moved, new, low, high, held, inside, f, k, 6)
        else:
            error, gained, stiffness = explicit(
                rate, current, v, p, gain, moved, x, low, high, span, held, h, k, i_k, new, before, inside, f,
                measured, origin, factor,
            )  # fmt: skip
            sharp += 1 if stiffness > STABILITY else 0
        if not error < np.inf:
            h *= 0.1
            continue
        growth = min(max(0.9 * max(error, 1e-10) ** (-0.25 if stiff else -0.2), 0.1), 8.0)
        if error > 1.0:
            h *= growth
            continue
        part = 1.0
        for i in range(n):
            room = TOLERANCE * measure(new[i], span[i])
            if new[i] > high[i] + room:
                part = min(part, meeting(x[i], k[0, i], new[i], k[6, i], h, high[i]))
            elif new[i] < low[i] - room:
                part = min(part, meeting(x[i], k[0, i], new[i], k[6, i], h, low[i]))
        if part < 1.0:
            h *= part
            continue
        for i in range(n):
            room = TOLERANCE * measure(new[i], span[i])
            x[i] = min(max(new[i], low[i]), high[i])
            span[i] = max(span[i], abs(x[i])) if high[i] - low[i] == np.inf else span[i]
            if k[6, i] > 0.0 and x[i] > high[i] - room:
                x[i] = high[i]
            elif k[6, i] < 0.0 and x[i] < low[i] + room:
                x[i] = low[i]
        charge += gained
        if h >= left:
            return DONE, charge
        left -= h
        h *= growth
        if not _hold(rate, v, p, gain, moved, x, low, high, held, inside, f, k):
            return NOT_FINITE, 0.0
        known = False
        if measured:
            i_k[0] = carried(current, v, p, moved, x, low, high, origin, factor, inside)
        if sharp >= SHARP:
            stiff = True
    return TOO_LONG, 0.0


@njit(inline="always", error_model="numpy")
def _moved(rate, current, v, p, gain, moved, x, low, high, duration, stiff, measured, origin, factor, work, one, rates):
    """Move `x` through a segment, in numbers if it is one and while it is not stiff; how that ended, and the charge.

    `one` and `rates` are arrays of a number for the equations of one state.
    """
    if low.size != 1 or stiff:
        return _solve(
            rate, current, v, p, gain, moved, x, low, high, duration, stiff, measured, origin, factor, work
        )  # fmt: skip
    how, x[0], charge, left = follow(
        rate, current, v, p, gain, x[0], low[0], high[0], duration, measured, origin, factor, one, rates
    )  # fmt: skip
    if how == STIFF:
        how, more = _solve(
            rate, current, v, p, gain, moved, x, low, high, left, True, measured, origin, factor, work
        )  # fmt: skip
        charge += more
    return how, charge


@njit(error_model="numpy", _nrt=False)
def _advanced(rate, current, p, moved, low, high, stiff, duration, rows, cols, x, gain, work, one, rates):
    """`advance`, with nothing allocated: no references are counted in the loop."""
    for c in range(x.shape[0]):
        for t in range(duration.size):
            for r in range(x.shape[1]):
                if duration[t] > 0.0:
                    v = rows[t, r] - cols[t, c]
                    ended, _ = _moved(
                        rate, current, v, p, gain[c, r], moved, x[c, r], low, high, duration[t], stiff, False, 0.0, 1.0,
                        work, one, rates,
                    )  # fmt: skip
                    if ended != DONE:
                        return ended, t, c, r
    return DONE, 0, 0, 0


@njit(error_model="numpy", _nrt=False)
def _dosed(
    rate, current, p, moved, low, high, stiff, duration, rows, cols, x, gain, origin, factor, out, work, one, rates
):  # fmt: skip
    """`dose`, likewise."""
    for c in range(x.shape[0]):
        for r in range(x.shape[1]):
            v = rows[0, r] - cols[0, c]
            if v == 0.0:
                continue
            start, many = (origin[c, r], factor[c, r]) if factor.size else (0.0, 1.0)
            ended, out[c, r] = _moved(
                rate, current, v, p, gain[c, r], moved, x[c, r], low, high, duration[0], stiff, True, start, many, work,
                one, rates,
            )  # fmt: skip
            if ended != DONE:
                return ended, 0, c, r
    return DONE, 0, 0, 0


@njit(error_model="numpy", _nrt=False)
def _traced(
    rate, current, p, moved, low, high, stiff, duration, rows, cols, pristine, start, out, x, work, one, rates
):  # fmt: skip
    """`trace`, likewise."""
    for t in range(duration.size):
        if not np.isnan(start[t]):
            for i in range(x.size):
                x[i] = pristine[i]
            x[moved] = start[t]
        if duration[t] > 0.0:
            v = rows[t, 0] - cols[t, 0]
            ended, _ = _moved(
                rate, current, v, p, 1.0, moved, x, low, high, duration[t], stiff, False, 0.0, 1.0, work, one, rates
            )  # fmt: skip
            if ended != DONE:
                return ended, t, 0, 0
        for i in range(x.size):
            out[t, i] = x[i]
    return DONE, 0, 0, 0


_F, _M = float64[:, ::1], float64[:, :, ::1]
_FIXED = types.Array(float64, 1, "C", readonly=True), types.Array(float64, 2, "C", readonly=True)


@njit(
    types.UniTuple(int64, 4)(
        ADDRESS, ADDRESS, float64[::1], int64, float64[::1], float64[::1],
        types.boolean, _FIXED[0], _FIXED[1], _FIXED[1], _M, _F,
    ),
    cache=True, nogil=True, error_model="numpy",
)  # fmt: skip
def advance(rate, current, p, moved, low, high, stiff, duration, rows, cols, x, gain):
    """Move the states `x` (columns, rows, n) through segments; how that ended, and the segment, column and row."""
    work, one, rates = _workspace(low.size), np.zeros(1), np.zeros(1)
    return _advanced(rate, current, p, moved, low, high, stiff, duration, rows, cols, x, gain, work, one, rates)


@njit(
    types.UniTuple(int64, 4)(
        ADDRESS, ADDRESS, float64[::1], int64, float64[::1], float64[::1],
        types.boolean, _FIXED[0], _FIXED[1], _FIXED[1], _M, _F, _F, _F, _F,
    ),
    cache=True, nogil=True, error_model="numpy",
)  # fmt: skip
def dose(rate, current, p, moved, low, high, stiff, duration, rows, cols, x, gain, origin, factor, out):
    """Charge (columns, rows), C, of one segment, in `out`; how that ended. The states `x` are lost."""
    work, one, rates = _workspace(low.size), np.zeros(1), np.zeros(1)
    return _dosed(
        rate, current, p, moved, low, high, stiff, duration, rows, cols, x, gain, origin, factor, out, work, one, rates
    )  # fmt: skip


@njit(
    types.UniTuple(int64, 4)(
        ADDRESS, ADDRESS, float64[::1], int64, float64[::1], float64[::1],
        types.boolean, _FIXED[0], _FIXED[1], _FIXED[1], float64[::1], float64[::1], _F,
    ),
    cache=True, nogil=True, error_model="numpy",
)  # fmt: skip
def trace(rate, current, p, moved, low, high, stiff, duration, rows, cols, pristine, start, out):
    """States (T, n) of one cell after every segment, put at `start` (T,) before it where that is no NaN, in `out`."""
    work, one, rates, x = _workspace(low.size), np.zeros(1), np.zeros(1), pristine.copy()
    return _traced(
        rate, current, p, moved, low, high, stiff, duration, rows, cols, pristine, start, out, x, work, one, rates
    )  # fmt: skip


@njit(types.void(ADDRESS, float64[::1], _F, _M, _F), cache=True, nogil=True, error_model="numpy")
def currents(current, p, v, x, out):
    """Currents (columns, rows), A, at voltages `v` and states `x` (columns, rows, n), in `out`."""
    for c in range(v.shape[0]):
        for r in range(v.shape[1]):
            out[c, r] = call_current(current, v[c, r], x[c, r], p)
