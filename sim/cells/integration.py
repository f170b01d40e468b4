"""One cell through one segment of constant voltage: dx/dt = rate(v, x), and the charge that flows meanwhile.

The equations are compiled functions of one type for all laws, so this file is compiled once and not for every law.

Steps are those of Dormand and Prince, order 5(4), until they are held back by stability instead of accuracy (the test
of Hairer and Wanner, Solving Ordinary Differential Equations II, section IV.2) or where a law says that it is stiff;
then those of RODAS, a Rosenbrock method of order 4(3) for stiff equations (ibid. section IV.7) with the Jacobian from
differences. The charge is one more component in both, with an error of its own. Equations see states within their
bounds alone. A step that leads beyond a bound is shortened to where the cubic through its ends meets it; a state at a
bound stays there while its rate points outward.
"""

from __future__ import annotations

import numpy as np
from numba import float64, int64, types

from hil.compiling import njit

TOLERANCE = 1e-9
"""Error of a state allowed in a step: relative to its magnitude plus a thousandth of its range, or of its largest one."""

TOLERANCE_OF_CHARGE = 1e-7
"""Error allowed in a step, relative to the charge of that step."""

MOST_STEPS = 20_000
"""Steps and tries beyond which a segment is refused."""

DONE, TOO_LONG, NOT_FINITE = 0, 1, 2

RATE = types.void(float64, float64[::1], float64[::1], float64[::1])
CURRENT = float64(float64, float64[::1], float64[::1])

_A = np.zeros((7, 7))
_A[1, :1] = 1 / 5
_A[2, :2] = 3 / 40, 9 / 40
_A[3, :3] = 44 / 45, -56 / 15, 32 / 9
_A[4, :4] = 19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729
_A[5, :5] = 9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656
_A[6, :6] = 35 / 384, 0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84
_E = np.array([71 / 57600, 0, -71 / 16695, 71 / 1920, -17253 / 339200, 22 / 525, -1 / 40])
_STABILITY, _STIFF = 3.25, 15

_GAMMA = 0.25
_RA = np.zeros((6, 6))
_RA[1, :1] = 1.544
_RA[2, :2] = 0.9466785280815826, 0.2557011698983284
_RA[3, :3] = 3.314825187068521, 2.896124015972201, 0.9986419139977817
_RA[4, :4] = 1.221224509226641, 6.019134481288629, 12.53708332932087, -0.6878860361058950
_RA[5, :5] = 1.221224509226641, 6.019134481288629, 12.53708332932087, -0.6878860361058950, 1.0
_RC = np.zeros((6, 6))
_RC[1, :1] = -5.6688
_RC[2, :2] = -2.430093356833875, -0.2063599157091915
_RC[3, :3] = -0.1073529058151375, -9.594562251023355, -20.47028614809616
_RC[4, :4] = 7.496443313967647, -10.24680431464352, -33.99990352819905, 11.70890893206160
_RC[5, :5] = 8.083246795921522, -7.981132988064893, -31.52159432874371, 16.31930543123136, -6.058818238834054


@njit(inline="always", error_model="numpy")
def _clipped(x, low, high, out):
    for i in range(x.size):
        out[i] = min(max(x[i], low[i]), high[i])


@njit(inline="always", error_model="numpy")
def _size(x, span):
    """What the error of a state is measured by; `span` is its range, or the largest magnitude met if it has none."""
    return abs(x) + 1e-3 * span + 1e-300


@njit(error_model="numpy")
def _evaluate(rate, v, p, gain, moved, x, low, high, held, inside, out):
    """Rates of all states; none of a state that is `held` at its low (-1) or high (1) bound points outward."""
    _clipped(x, low, high, inside)
    rate(v, inside, p, out)
    out[moved] *= gain
    for i in range(x.size):
        if held[i] * out[i] > 0.0:
            out[i] = 0.0


@njit(error_model="numpy")
def _carried(current, v, p, moved, x, low, high, origin, factor, inside):
    """Current of a cell at or, under cycle-to-cycle spread, beside its noiseless course."""
    _clipped(x, low, high, inside)
    if factor != 1.0:
        on_course = origin + factor * (inside[moved] - origin)
        inside[moved] = min(max(on_course, low[moved]), high[moved])
    return current(v, inside, p)


@njit(error_model="numpy")
def _hold(rate, v, p, gain, moved, x, low, high, held, inside, out):
    """Rates at `x`, and which states their bounds hold there; whether all rates are numbers."""
    held[:] = 0
    _evaluate(rate, v, p, gain, moved, x, low, high, held, inside, out)
    finite = True
    for i in range(x.size):
        finite = finite and np.isfinite(out[i])
        if x[i] >= high[i] and out[i] >= 0.0:
            held[i], out[i] = 1, 0.0
        elif x[i] <= low[i] and out[i] <= 0.0:
            held[i], out[i] = -1, 0.0
    return finite


@njit(error_model="numpy")
def _explicit(
    rate, current, v, p, gain, moved, x, low, high, span, held, h, k, i_k, new, before, inside, measured, origin, factor
):  # fmt: skip
    """Step of order 5 from `x` to `new`: its error in tolerances, its charge, and h times the stiffness met.

    k[0] and i_k[0] are rates and current at `x`; k[6] and i_k[6] become those at `new`.
    """
    n = x.size
    for s in range(1, 7):
        for i in range(n):
            total = 0.0
            for j in range(s):
                total += _A[s, j] * k[j, i]
            new[i] = x[i] + h * total
        _evaluate(rate, v, p, gain, moved, new, low, high, held, inside, k[s])
        if measured:
            i_k[s] = _carried(current, v, p, moved, new, low, high, origin, factor, inside)
        if s == 5:
            before[:] = new
    error, bent, apart = 0.0, 0.0, 0.0
    for i in range(n):
        wrong = 0.0
        for j in range(7):
            wrong += _E[j] * k[j, i]
        size = _size(max(abs(x[i]), abs(new[i])), span[i])
        error = max(error, abs(h * wrong) / (TOLERANCE * size))
        if not (np.isfinite(new[i]) and np.isfinite(k[6, i])):
            error = np.inf
        bent += ((k[6, i] - k[5, i]) / size) ** 2
        apart += ((new[i] - before[i]) / size) ** 2
    charge, wrong = 0.0, 0.0
    if measured:
        for j in range(7):
            charge += h * _A[6, j] * i_k[j] if j < 6 else 0.0
            wrong += h * _E[j] * i_k[j]
        error = max(error, abs(wrong) / (TOLERANCE_OF_CHARGE * abs(charge) + 1e-300))
    return error, charge, (h * np.sqrt(bent / apart) if apart > 0.0 else 0.0)


@njit(error_model="numpy")
def _slopes(
    rate, current, v, p, gain, moved, x, low, high, span, held, k, i_0, jacobian, slope, new, inside, column,
    measured, origin, factor,
):  # fmt: skip
    """Derivatives of rates and current by every state, from differences towards the inside of the bounds."""
    n = x.size
    new[:] = x
    for j in range(n):
        step = 1e-7 * (_size(x[j], span[j]) + 1e-12)
        if x[j] + step > high[j]:
            step = -step
        new[j] = x[j] + step
        step = new[j] - x[j]
        _evaluate(rate, v, p, gain, moved, new, low, high, held, inside, column)
        for i in range(n):
            jacobian[i, j] = (column[i] - k[i]) / step
        if measured:
            slope[j] = (_carried(current, v, p, moved, new, low, high, origin, factor, inside) - i_0) / step
        new[j] = x[j]


@njit(error_model="numpy")
def _eliminate(a, pivot):
    """Factors of `a` in its place, rows exchanged as `pivot` says; whether there are any."""
    n = pivot.size
    for c in range(n):
        best = c
        for r in range(c + 1, n):
            if abs(a[r, c]) > abs(a[best, c]):
                best = r
        pivot[c] = best
        if not abs(a[best, c]) > 0.0:
            return False
        for j in range(n):
            a[c, j], a[best, j] = a[best, j], a[c, j]
        for r in range(c + 1, n):
            a[r, c] /= a[c, c]
            for j in range(c + 1, n):
                a[r, j] -= a[r, c] * a[c, j]
    return True


@njit(error_model="numpy")
def _substitute(a, pivot, b):
    n = pivot.size
    for c in range(n):
        b[c], b[pivot[c]] = b[pivot[c]], b[c]
    for r in range(n):
        for j in range(r):
            b[r] -= a[r, j] * b[j]
    for r in range(n - 1, -1, -1):
        for j in range(r + 1, n):
            b[r] -= a[r, j] * b[j]
        b[r] /= a[r, r]


@njit(error_model="numpy")
def _implicit(
    rate, current, v, p, gain, moved, x, low, high, span, held, h, k, i_k, jacobian, slope, matrix, pivot,
    new, inside, u, measured, origin, factor,
):  # fmt: skip
    """Step of order 4 from `x` to `new`, for stiff equations: error in tolerances, and charge."""
    n = x.size
    for i in range(n):
        for j in range(n):
            matrix[i, j] = (1.0 / (h * _GAMMA) if i == j else 0.0) - jacobian[i, j]
    if not _eliminate(matrix, pivot):
        return np.inf, 0.0
    u_q = np.zeros(6)
    for s in range(6):
        for i in range(n):
            new[i] = x[i]
            for j in range(s):
                new[i] += _RA[s, j] * u[j, i]
        if s == 0:
            u[0, :] = k[0]
        else:
            _evaluate(rate, v, p, gain, moved, new, low, high, held, inside, u[s])
        for i in range(n):
            for j in range(s):
                u[s, i] += _RC[s, j] * u[j, i] / h
        _substitute(matrix, pivot, u[s])
        if measured:
            q = i_k[0] if s == 0 else _carried(current, v, p, moved, new, low, high, origin, factor, inside)
            for j in range(s):
                q += _RC[s, j] * u_q[j] / h
            for i in range(n):
                q += slope[i] * u[s, i]
            u_q[s] = h * _GAMMA * q
    error, charge = 0.0, 0.0
    for i in range(n):
        new[i] += u[5, i]
        size = _size(max(abs(x[i]), abs(new[i])), span[i])
        error = max(error, abs(u[5, i]) / (TOLERANCE * size))
        if not np.isfinite(new[i]):
            error = np.inf
    if measured:
        for j in range(5):
            charge += _RA[5, j] * u_q[j]
        charge += u_q[5]
        error = max(error, abs(u_q[5]) / (TOLERANCE_OF_CHARGE * abs(charge) + 1e-300))
    return error, charge


@njit(error_model="numpy")
def _meeting(start, rate, end, rate_at_end, h, bound):
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


@njit(error_model="numpy")
def _solve(rate, current, v, p, gain, moved, x, low, high, duration, stiff, measured, origin, factor):
    """Move `x` through a segment in place; how that ended, and the charge."""
    n = x.size
    k, i_k, u = np.zeros((7, n)), np.zeros(7), np.zeros((6, n))
    new, before, inside, slope, span = np.zeros(n), np.zeros(n), np.zeros(n), np.zeros(n), np.zeros(n)
    jacobian, matrix, pivot, held = np.zeros((n, n)), np.zeros((n, n)), np.zeros(n, np.int64), np.zeros(n, np.int64)
    charge, left, sharp, known = 0.0, duration, 0, False
    if not _hold(rate, v, p, gain, moved, x, low, high, held, inside, k[0]):
        return NOT_FINITE, 0.0
    if measured:
        i_k[0] = _carried(current, v, p, moved, x, low, high, origin, factor, inside)
    h, far = duration, 0.0
    for i in range(n):
        bounded = high[i] - low[i] < np.inf
        span[i] = high[i] - low[i] if bounded else abs(x[i])
        far = max(far, abs(k[0, i]) * duration / _size(x[i], span[i]))
        if bounded and abs(k[0, i]) * h > 0.05 * span[i]:
            h = 0.05 * span[i] / abs(k[0, i])
    if far <= 1e-3 * TOLERANCE:
        for i in range(n):
            x[i] = min(max(x[i] + duration * k[0, i], low[i]), high[i])
        return DONE, i_k[0] * duration
    for _ in range(MOST_STEPS):
        h = min(h, left)
        if stiff:
            if not known:
                _slopes(
                    rate, current, v, p, gain, moved, x, low, high, span, held, k[0], i_k[0], jacobian, slope,
                    new, inside, before, measured, origin, factor,
                )  # fmt: skip
                known = True
            error, gained = _implicit(
                rate, current, v, p, gain, moved, x, low, high, span, held, h, k, i_k, jacobian, slope, matrix, pivot,
                new, inside, u, measured, origin, factor,
            )  # fmt: skip
            if error <= 1.0:
                _evaluate(rate, v, p, gain, moved, new, low, high, held, inside, k[6])
        else:
            error, gained, stiffness = _explicit(
                rate, current, v, p, gain, moved, x, low, high, span, held, h, k, i_k, new, before, inside,
                measured, origin, factor,
            )  # fmt: skip
            sharp += 1 if stiffness > _STABILITY else 0
        if not error < np.inf:
            h *= 0.1
            continue
        growth = min(max(0.9 * max(error, 1e-10) ** (-0.25 if stiff else -0.2), 0.1), 8.0)
        if error > 1.0:
            h *= growth
            continue
        part = 1.0
        for i in range(n):
            room = TOLERANCE * _size(new[i], span[i])
            if new[i] > high[i] + room:
                part = min(part, _meeting(x[i], k[0, i], new[i], k[6, i], h, high[i]))
            elif new[i] < low[i] - room:
                part = min(part, _meeting(x[i], k[0, i], new[i], k[6, i], h, low[i]))
        if part < 1.0:
            h *= part
            continue
        for i in range(n):
            room = TOLERANCE * _size(new[i], span[i])
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
        if not _hold(rate, v, p, gain, moved, x, low, high, held, inside, k[0]):
            return NOT_FINITE, 0.0
        known = False
        if measured:
            i_k[0] = _carried(current, v, p, moved, x, low, high, origin, factor, inside)
        if sharp >= _STIFF:
            stiff = True
    return TOO_LONG, 0.0


_F, _M = float64[:, ::1], float64[:, :, ::1]
_FIXED = types.Array(float64, 1, "C", readonly=True), types.Array(float64, 2, "C", readonly=True)


@njit(
    types.UniTuple(int64, 4)(
        types.FunctionType(RATE), types.FunctionType(CURRENT), float64[::1], int64, float64[::1], float64[::1],
        types.boolean, _FIXED[0], _FIXED[1], _FIXED[1], _M, _F,
    ),
    cache=True, nogil=True, error_model="numpy",
)  # fmt: skip
def advance(rate, current, p, moved, low, high, stiff, duration, rows, cols, x, gain):
    """Move the states `x` (columns, rows, n) through segments; how that ended, and the segment, column and row."""
    for c in range(x.shape[0]):
        for t in range(duration.size):
            for r in range(x.shape[1]):
                if duration[t] > 0.0:
                    v = rows[t, r] - cols[t, c]
                    ended, _ = _solve(
                        rate, current, v, p, gain[c, r], moved, x[c, r], low, high, duration[t], stiff, False, 0.0, 1.0
                    )  # fmt: skip
                    if ended != DONE:
                        return ended, t, c, r
    return DONE, 0, 0, 0


@njit(
    types.UniTuple(int64, 4)(
        types.FunctionType(RATE), types.FunctionType(CURRENT), float64[::1], int64, float64[::1], float64[::1],
        types.boolean, _FIXED[0], _FIXED[1], _FIXED[1], _M, _F, _F, _F, _F,
    ),
    cache=True, nogil=True, error_model="numpy",
)  # fmt: skip
def dose(rate, current, p, moved, low, high, stiff, duration, rows, cols, x, gain, origin, factor, out):
    """Charge (columns, rows), C, of one segment, in `out`; how that ended. The states `x` are lost."""
    for c in range(x.shape[0]):
        for r in range(x.shape[1]):
            v = rows[0, r] - cols[0, c]
            if v == 0.0:
                continue
            start, many = (origin[c, r], factor[c, r]) if factor.size else (0.0, 1.0)
            ended, out[c, r] = _solve(
                rate, current, v, p, gain[c, r], moved, x[c, r], low, high, duration[0], stiff, True, start, many
            )  # fmt: skip
            if ended != DONE:
                return ended, 0, c, r
    return DONE, 0, 0, 0


@njit(types.void(types.FunctionType(CURRENT), float64[::1], _F, _M, _F), cache=True, nogil=True, error_model="numpy")
def currents(current, p, v, x, out):
    """Currents (columns, rows), A, at voltages `v` and states `x` (columns, rows, n), in `out`."""
    for c in range(v.shape[0]):
        for r in range(v.shape[1]):
            out[c, r] = current(v[c, r], x[c, r], p)
