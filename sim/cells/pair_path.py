"""The series pair of `sim.cells.flca_pair` followed through a long or measured segment, its conductance integrated.

Eq 3, eq 4 and q = integral of dt / (Mv + Mn) are solved by the extrapolated linearly implicit Euler method (Deuflhard;
Hairer & Wanner, Solving Ordinary Differential Equations II, section IV.9) of order `ORDER` in steps that its error
estimate chooses. It stays stable however fast the elements relax, so the steps grow without end as the pair settles,
and a segment of any length takes a few hundred. Between kinks (phi_v = 0, the hold of eq 4, phi_n = 0) the right-hand
sides are smooth; a step that would pass one is shortened to end there, and the next begins on the other side.
"""

from __future__ import annotations

import numpy as np

from hil.compiling import njit

ORDER = 6
"""Order of the method: rows and columns of its extrapolation table, whose row k cuts the step into k parts."""

TOLERANCE = 1e-10
"""Error allowed in a step, of a flux plus the least one that bends its memristance, and of q."""

MOST_STEPS = 5_000
"""Steps of one segment after which its fluxes become NaN, which the array refuses; no segment is known to need 1000."""

_SMALL = 1e-13


@njit(cache=True, error_model="numpy")
def _memristance(r, phi):
    """Eq 2 and dM / dphi at a flux that may lie a little beyond its kink at 0, where the polynomial goes on."""
    m, slope = r[len(r) - 1], 0.0
    for k in range(len(r) - 2, -1, -1):
        slope = slope * phi + m
        m = m * phi + r[k]
    return max(m, 0.5 * r[0]), slope


@njit(cache=True, error_model="numpy")
def _rates(x, y, side, free, drive, dv, dn, rv, rn):
    """Eq 3, eq 4 before hold and clip, and both memristances; `side` is the sign of phi_v.

    A course may be `free` to pass phi_n = 0, where the memristance stays as it is.
    """
    mv, _ = _memristance(rv, side * x)
    mn, _ = _memristance(rn, max(y, 0.0) if free else y)
    return drive * (mv / (mv + mn)) - dv * x, drive * (mn / (mv + mn)) - dn * y, mv, mn


@njit(cache=True, error_model="numpy")
def _conductance(x, y, side, rv, rn, origin, factor):
    """1 / M of the cell, and its derivatives by both fluxes."""
    at = y if factor == 1.0 else origin + factor * (y - origin)
    mv, bend_v = _memristance(rv, side * x)
    mn, bend_n = _memristance(rn, at if factor == 1.0 else max(at, 0.0))
    g = 1.0 / (mv + mn)
    return g, -g * (side * bend_v * g), -g * (factor * (bend_n if at > 0.0 else 0.0) * g)


@njit(cache=True, error_model="numpy")
def _step(h, x, y, side, moves, free, drive, dv, dn, rv, rn, origin, factor, table):
    """Extrapolate over `h` seconds from (x, y, 0) with the modes frozen; `table` is left with the last row.

    The cell itself is at ``origin + factor * (y - origin)`` (`sim.crossbar.pulses`), which q goes by.
    """
    (mv, bend_v), (mn, bend_n) = _memristance(rv, side * x), _memristance(rn, max(y, 0.0) if free else y)
    bend_n = 0.0 if free and y <= 0.0 else bend_n
    whole = mv + mn
    share_x = -drive * (mn / whole) * (side * bend_v / whole)
    share_y = drive * (mv / whole) * (bend_n / whole)
    xx, xy = -share_x - dv, -share_y
    yx, yy = moves * share_x, moves * (share_y - dn)
    first_x, first_y, _, _ = _rates(x, y, side, free, drive, dv, dn, rv, rn)
    first_g, gx, gy = _conductance(x, y, side, rv, rn, origin, factor)
    for j in range(ORDER):
        part = h / (j + 1)
        a, b, c, d = 1.0 - part * xx, -part * xy, -part * yx, 1.0 - part * yy
        scale = part / (a * d - b * c)
        u, v, w = x, y, 0.0
        for i in range(j + 1):
            fx, fy, fg = first_x, first_y, first_g
            if i > 0:
                fx, fy, seen_v, seen_n = _rates(u, v, side, free, drive, dv, dn, rv, rn)
                fg = 1.0 / (seen_v + seen_n)
                if factor != 1.0:
                    fg, _, _ = _conductance(u, v, side, rv, rn, origin, factor)
            fy *= moves
            du, dw = scale * (d * fx - b * fy), scale * (a * fy - c * fx)
            u, v, w = u + du, v + dw, w + part * (fg + gx * du + gy * dw)
        # Aitken and Neville, in place: the row of j parts from the row before
        for n in range(3):
            older, table[0, n] = table[0, n], (u, v, w)[n]
            for k in range(1, j + 1):
                newer = table[k - 1, n] + (table[k - 1, n] - older) * (j + 1 - k) / k
                older, table[k, n] = table[k, n], newer


@njit(cache=True, error_model="numpy")
def _margin(x, y, side, mode, free, drive, dv, dn, rv, rn, inside, origin, factor):
    """Distance to the nearest kink (phi_v = 0, hold of eq 4, phi_n = 0), as a fraction of the drive; < 0 beyond it."""
    reach = abs(drive)
    margin = side * x / reach
    if inside:
        margin = min(margin, (origin + factor * (y - origin)) / reach)
    if drive < 0.0:
        return min(margin, y / reach) if mode == 1 else margin
    _, rate, _, _ = _rates(x, y, side, free, drive, dv, dn, rv, rn)
    return min(margin, rate / reach + _SMALL if mode == 1 else _SMALL - rate / reach)


@njit(cache=True, error_model="numpy")
def _error(q, scale_x, scale_y, table):
    """Estimated error of a step, in units of `TOLERANCE`: the difference of the table's last two columns."""
    best, other = table[ORDER - 1], table[ORDER - 2]
    error = max(abs(best[0] - other[0]) / (abs(best[0]) + scale_x), abs(best[1] - other[1]) / (abs(best[1]) + scale_y))
    return max(error, abs(best[2] - other[2]) / (q + abs(best[2])))


@njit(cache=True, error_model="numpy")
def follow(x, y, drive, duration, dv, dn, rv, rn, scale_x, scale_y, free, origin, factor):
    """Fluxes at the end of a segment, V s, and the integral of dt / M over it, s/ohm.

    `x`, `y` are phi_v and phi_n at the start, `drive` is A V and not 0, `scale_x` and `scale_y` the least fluxes that
    bend a memristance (V s); a `free` phi_n is not clipped at 0; `origin` and `factor` are as in `_step`, 0 and 1 where
    there is no spread.
    """
    q, t, h = 0.0, 0.0, min(duration, scale_x / abs(drive), scale_y / abs(drive))
    table, last = np.empty((ORDER, 3)), ORDER - 1
    heading = 1.0 if drive > 0.0 else -1.0
    for _step_number in range(MOST_STEPS):
        if t >= duration:
            return x, y, q
        h = min(h, duration - t)
        side = heading if x * heading >= 0.0 else -heading
        if drive < 0.0:
            mode = 1 if y > 0.0 else (2 if free else 0)
        else:
            _, rate, _, _ = _rates(x, y, side, free, drive, dv, dn, rv, rn)
            mode = 1 if rate > 0.0 else 0
        moves = 1.0 if mode > 0 else 0.0
        inside = factor != 1.0 and origin + factor * (y - origin) > 0.0
        _step(h, x, y, side, moves, free, drive, dv, dn, rv, rn, origin, factor, table)
        error = _error(q, scale_x, scale_y, table)
        if not error <= TOLERANCE:
            h *= max(0.8 * (TOLERANCE / error) ** (1.0 / ORDER), 0.1) if error < np.inf else 0.1
            continue
        growth = min(0.8 * (TOLERANCE / max(error, 1e-30)) ** (1.0 / ORDER), 5.0)
        low, at_low = 0.0, max(_margin(x, y, side, mode, free, drive, dv, dn, rv, rn, inside, origin, factor), 0.0)
        high, at_high = (
            h,
            _margin(table[last, 0], table[last, 1], side, mode, free, drive, dv, dn, rv, rn, inside, origin, factor),
        )
        passed = at_high < 0.0
        if passed:  # regula falsi in the Illinois variant
            kept = 0
            for _ in range(60):
                if high - low <= 1e-14 * h or at_high > -1e-15 * (t + h):
                    break
                middle = high - at_high * (high - low) / (at_high - at_low)
                middle = min(max(middle, low + 1e-3 * (high - low)), high - 1e-3 * (high - low))
                _step(middle, x, y, side, moves, free, drive, dv, dn, rv, rn, origin, factor, table)
                found = _margin(
                    table[last, 0], table[last, 1], side, mode, free, drive, dv, dn, rv, rn, inside, origin, factor
                )
                if found < 0.0:
                    high, at_high = middle, found
                    at_low = 0.5 * at_low if kept == -1 else at_low
                    kept = -1
                else:
                    low, at_low = middle, found
                    at_high = 0.5 * at_high if kept == 1 else at_high
                    kept = 1
            _step(high, x, y, side, moves, free, drive, dv, dn, rv, rn, origin, factor, table)
            if not _error(q, scale_x, scale_y, table) <= TOLERANCE:
                h = 0.5 * high
                continue
        was = side * x
        x, y, q = table[last, 0], table[last, 1], q + table[last, 2]
        if passed and drive < 0.0 and y <= abs(drive) * 1e-9 * high and mode == 1:
            y = 0.0
        y = y if free else max(y, 0.0)
        if passed and was > 0.0 and side * x <= 0.0:
            x = 0.0
        t = duration if high >= duration - t else t + high
        h = h * growth if not passed else h
    return np.nan, np.nan, np.nan
