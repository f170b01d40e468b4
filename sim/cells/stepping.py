"""One step of a cell's equations: by Dormand and Prince, and by RODAS where they are stiff.

Both follow Hairer, Norsett & Wanner, Solving Ordinary Differential Equations (I, table II.5.2; II, section IV.7). The
charge is one more component, whose derivative is the current. Functions work on arrays that
`sim.cells.integration` owns, so they count no references to them (``_nrt=False``: a step takes a quarter of the time).
Of one cell:

v, p, gain, moved : voltage (V), constants of the law, sensitivity, and the index of the state that this multiplies.
x, low, high, span, held : states, their bounds, what errors are relative to, and which bound holds them (-1, 1, or 0).
k, i_k : rates (7, n) and currents (7,) at the stages of a step; the first is at `x`, the last at the end of the step.
measured, origin, factor : whether charge is wanted, and how a cell lies to its course (`sim.crossbar.pulses`).
"""

from __future__ import annotations

import numpy as np

from hil.compiling import njit
from sim.cells.pointers import call_current, call_rate

TOLERANCE = 1e-9
"""Error of a state allowed in a step: relative to its magnitude plus a thousandth of its range or largest magnitude."""

TOLERANCE_OF_CHARGE = 1e-7
"""Error allowed in a step, relative to the charge of that step."""

_A = np.zeros((7, 7))
_A[1, :1] = 1 / 5
_A[2, :2] = 3 / 40, 9 / 40
_A[3, :3] = 44 / 45, -56 / 15, 32 / 9
_A[4, :4] = 19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729
_A[5, :5] = 9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656
_A[6, :6] = 35 / 384, 0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84
_E = np.array([71 / 57600, 0, -71 / 16695, 71 / 1920, -17253 / 339200, 22 / 525, -1 / 40])

STABILITY = 3.25
"""Step times stiffness beyond which an explicit step is held back by stability."""

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
def measure(x, span):
    """What the error of a state is measured by; `span` is its range, or the largest magnitude met if it has none."""
    return abs(x) + 1e-3 * span + 1e-300


@njit(error_model="numpy", _nrt=False)
def evaluate(rate, v, p, gain, moved, x, low, high, held, inside, f, out, s):
    """Rates of all states in row s of `out`; none that is `held` at its low (-1) or high (1) bound points outward."""
    _clipped(x, low, high, inside)
    call_rate(rate, v, inside, p, f)
    f[moved] *= gain
    for i in range(x.size):
        out[s, i] = 0.0 if held[i] * f[i] > 0.0 else f[i]


@njit(error_model="numpy", _nrt=False)
def carried(current, v, p, moved, x, low, high, origin, factor, inside):
    """Current of a cell at or, under cycle-to-cycle spread, beside its noiseless course."""
    _clipped(x, low, high, inside)
    if factor != 1.0:
        on_course = origin + factor * (inside[moved] - origin)
        inside[moved] = min(max(on_course, low[moved]), high[moved])
    return call_current(current, v, inside, p)


@njit(error_model="numpy", _nrt=False)
def explicit(
    rate, current, v, p, gain, moved, x, low, high, span, held, h, k, i_k, new, before, inside, f,
    measured, origin, factor,
):  # fmt: skip
    """Step of order 5 from `x` to `new`: its error in tolerances, its charge, and h times the stiffness met.

    k[0] and i_k[0] are rates and current at `x`; k[6] and i_k[6] become those at `new`.
    """
    n = x.size
    for s in range(1, 7):
        for i in range(n):
            if s == 1:
                total = 1 / 5 * k[0, i]
            elif s == 2:
                total = 3 / 40 * k[0, i] + 9 / 40 * k[1, i]
            elif s == 3:
                total = 44 / 45 * k[0, i] - 56 / 15 * k[1, i] + 32 / 9 * k[2, i]
            elif s == 4:
                total = (
                    19372 / 6561 * k[0, i] - 25360 / 2187 * k[1, i] + 64448 / 6561 * k[2, i] - 212 / 729 * k[3, i]
                )  # fmt: skip
            elif s == 5:
                total = (
                    9017 / 3168 * k[0, i] - 355 / 33 * k[1, i] + 46732 / 5247 * k[2, i] + 49 / 176 * k[3, i]
                    - 5103 / 18656 * k[4, i]
                )  # fmt: skip
            else:
                total = (
                    35 / 384 * k[0, i] + 500 / 1113 * k[2, i] + 125 / 192 * k[3, i] - 2187 / 6784 * k[4, i]
                    + 11 / 84 * k[5, i]
                )  # fmt: skip
            if s == 6:
                before[i] = new[i]
            new[i] = x[i] + h * total
        evaluate(rate, v, p, gain, moved, new, low, high, held, inside, f, k, s)
        if measured:
            i_k[s] = carried(current, v, p, moved, new, low, high, origin, factor, inside)
    error, bent, apart = 0.0, 0.0, 0.0
    for i in range(n):
        wrong = 0.0
        for j in range(7):
            wrong += _E[j] * k[j, i]
        size = measure(max(abs(x[i]), abs(new[i])), span[i])
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


@njit(error_model="numpy", _nrt=False)
def brief(
    rate, current, v, p, gain, moved, x, low, high, span, held, h, k, i_k, new, inside, f, measured, origin, factor
):  # fmt: skip
    """Step of third order (Kutta's) from `x` to `new`: whether the midpoint rule within confirms it, and its charge.

    k[0] and i_k[0] are rates and current at `x`. Away from bounds alone: a state ends within its own, or is held there.
    """
    n = x.size
    for s in range(1, 3):
        for i in range(n):
            new[i] = x[i] + (0.5 * h * k[0, i] if s == 1 else h * (2.0 * k[1, i] - k[0, i]))
        evaluate(rate, v, p, gain, moved, new, low, high, held, inside, f, k, s)
        if measured:
            i_k[s] = carried(current, v, p, moved, new, low, high, origin, factor, inside)
    for i in range(n):
        new[i] = x[i] + h * (k[0, i] + 4.0 * k[1, i] + k[2, i]) / 6.0
        room = TOLERANCE * measure(max(abs(x[i]), abs(new[i])), span[i])
        if not h * abs(k[0, i] - 2.0 * k[1, i] + k[2, i]) <= 6.0 * room:
            return False, 0.0
        if held[i] == 0 and not low[i] + room < new[i] < high[i] - room:
            return False, 0.0
    if not measured:
        return True, 0.0
    charge = h * (i_k[0] + 4.0 * i_k[1] + i_k[2]) / 6.0
    return h * abs(i_k[0] - 2.0 * i_k[1] + i_k[2]) <= 6.0 * TOLERANCE_OF_CHARGE * abs(charge), charge


@njit(error_model="numpy", _nrt=False)
def slopes(
    rate, current, v, p, gain, moved, x, low, high, span, held, k, i_0, jacobian, slope, new, inside, f,
    measured, origin, factor,
):  # fmt: skip
    """Derivatives of rates and current by every state, from differences towards the inside of the bounds."""
    n = x.size
    for i in range(n):
        new[i] = x[i]
    for j in range(n):
        step = 1e-7 * (measure(x[j], span[j]) + 1e-12)
        if x[j] + step > high[j]:
            step = -step
        new[j] = x[j] + step
        step = new[j] - x[j]
        evaluate(rate, v, p, gain, moved, new, low, high, held, inside, f, k, 6)
        for i in range(n):
            jacobian[i, j] = (k[6, i] - k[0, i]) / step
        if measured:
            slope[j] = (carried(current, v, p, moved, new, low, high, origin, factor, inside) - i_0) / step
        new[j] = x[j]


@njit(error_model="numpy", _nrt=False)
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


@njit(error_model="numpy", _nrt=False)
def _substitute(a, pivot, b, s):
    """Solve for row s of `b`, in its place, with the factors of `_eliminate`."""
    n = pivot.size
    for c in range(n):
        b[s, c], b[s, pivot[c]] = b[s, pivot[c]], b[s, c]
    for r in range(n):
        for j in range(r):
            b[s, r] -= a[r, j] * b[s, j]
    for r in range(n - 1, -1, -1):
        for j in range(r + 1, n):
            b[s, r] -= a[r, j] * b[s, j]
        b[s, r] /= a[r, r]


@njit(error_model="numpy", _nrt=False)
def implicit(
    rate, current, v, p, gain, moved, x, low, high, span, held, h, k, i_k, jacobian, slope, matrix, pivot,
    new, inside, f, u, u_q, measured, origin, factor,
):  # fmt: skip
    """Step of order 4 from `x` to `new`, for stiff equations: error in tolerances, and charge."""
    n = x.size
    for i in range(n):
        for j in range(n):
            matrix[i, j] = (1.0 / (h * _GAMMA) if i == j else 0.0) - jacobian[i, j]
    if not _eliminate(matrix, pivot):
        return np.inf, 0.0
    for s in range(6):
        for i in range(n):
            new[i] = x[i]
            for j in range(s):
                new[i] += _RA[s, j] * u[j, i]
        if s == 0:
            for i in range(n):
                u[0, i] = k[0, i]
        else:
            evaluate(rate, v, p, gain, moved, new, low, high, held, inside, f, u, s)
        for i in range(n):
            for j in range(s):
                u[s, i] += _RC[s, j] * u[j, i] / h
        _substitute(matrix, pivot, u, s)
        if measured:
            q = i_k[0] if s == 0 else carried(current, v, p, moved, new, low, high, origin, factor, inside)
            for j in range(s):
                q += _RC[s, j] * u_q[j] / h
            for i in range(n):
                q += slope[i] * u[s, i]
            u_q[s] = h * _GAMMA * q
    error, charge = 0.0, 0.0
    for i in range(n):
        new[i] += u[5, i]
        size = measure(max(abs(x[i]), abs(new[i])), span[i])
        error = max(error, abs(u[5, i]) / (TOLERANCE * size))
        if not np.isfinite(new[i]):
            error = np.inf
    if measured:
        for j in range(5):
            charge += _RA[5, j] * u_q[j]
        charge += u_q[5]
        error = max(error, abs(u_q[5]) / (TOLERANCE_OF_CHARGE * abs(charge) + 1e-300))
    return error, charge
