"""Integrals of a conductance over a measured segment, from which charge and energy follow: q = v I, E = v^2 I.

The cell voltage v is constant, so a flux moves along phi(t) = phi(0) + F tau(t), tau(t) = (1 - exp(-D t)) / D, between
its bounds, and

    I = integral of dt / M(phi(t))

is cut where phi passes 0 or meets a bound, and each smooth part into panels no longer than half the way to the nearest
complex root of M and than the relaxation time. Gauss's rule with six points then errs by less than 1e-8 a panel, and
the panels grow with the flux: a pulse of any length takes a few dozen.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hil.compiling import njit
from sim.cells.memristance import memristance, memristance_roots

UNCHANGED = 1e-8
"""Relative error up to which the mean of the conductances at start and end replaces the integral."""

_X, _W = np.polynomial.legendre.leggauss(6)
_MOST_PANELS = 20_000


@njit(cache=True, inline="always", error_model="numpy")
def time_constant(rate, duration):
    """Effective duration of a drive whose effect relaxes meanwhile at rate D: (1 - exp(-D T)) / D, s; T if D = 0."""
    return duration if rate == 0.0 else -np.expm1(-rate * duration) / rate


@njit(cache=True, inline="always", error_model="numpy")
def _instant(rate, tau):
    """When `time_constant` reaches `tau`, s."""
    return tau if rate == 0.0 else -np.log1p(-rate * tau) / rate


@njit(cache=True, inline="always", error_model="numpy")
def _room(roots, magnitude):
    """Distance of |phi| from the nearest root of M, V s."""
    nearest = np.inf
    for k in range(roots.shape[0]):
        nearest = min(nearest, np.hypot(magnitude - roots[k, 0], roots[k, 1]))
    return nearest


@njit(cache=True, error_model="numpy")
def _smooth(r, roots, phi, speed, d, start, end):
    """Part of the integral from `start` to `end` s, within which phi keeps its sign."""
    total, t = 0.0, start
    for panel in range(_MOST_PANELS):
        now = abs(phi + speed * time_constant(d, t))
        pace, room = abs(speed) * np.exp(-d * t), _room(roots, now)
        ahead = pace * time_constant(d, end - t)
        if ahead <= UNCHANGED * room:
            return total + (end - t) / memristance(r, now)
        h = end - t
        if pace * h > 0.5 * room:
            h = 0.5 * room / pace
        if d * h > 1.0:
            h = 1.0 / d
        if h >= (1.0 - 1e-9) * (end - t) or t + h == t or panel == _MOST_PANELS - 1:
            h = end - t
        panel_sum = 0.0
        for k in range(6):
            at = t + 0.5 * h * (1.0 + _X[k])
            panel_sum += _W[k] / memristance(r, phi + speed * time_constant(d, at))
        total += 0.5 * h * panel_sum
        t += h
        if t >= end:
            break
    return total


@njit(cache=True, error_model="numpy")
def flux_dose(r, roots, phi, speed, d, duration, low, high):
    """Integral of dt / M over a segment, s/ohm.

    `r` and `roots` are the coefficients of eq 2 and `memristance_roots` of them; `phi` (V s) is the flux at the start,
    `speed` (V) its rate there, `d` (1/s) how fast that rate falls, `low` and `high` (V s) the bounds of the flux.
    """
    tau = time_constant(d, duration)
    end, moving = phi + speed * tau, duration
    bound = high if speed > 0.0 else low
    if speed == 0.0 or (phi - bound) * speed >= 0.0:
        return duration / memristance(r, min(max(phi, low), high))
    if (end - bound) * speed > 0.0:
        end, moving = bound, min(_instant(d, (bound - phi) / speed), duration)
    steepness = abs(end - phi) / min(_room(roots, abs(phi)), _room(roots, abs(end)))
    if phi * end >= 0.0 and moving == duration and steepness * (steepness + min(d * duration, 1.0)) <= UNCHANGED:
        return 0.5 * duration * (1.0 / memristance(r, phi) + 1.0 / memristance(r, end))
    total = (duration - moving) / memristance(r, end)
    if phi * end < 0.0:
        zero = min(_instant(d, -phi / speed), moving)
        return total + _smooth(r, roots, phi, speed, d, 0.0, zero) + _smooth(r, roots, phi, speed, d, zero, moving)
    return total + _smooth(r, roots, phi, speed, d, 0.0, moving)


def flux_doses(
    r: Sequence[float], phi: NDArray[np.float64], speed: NDArray[np.float64], d: float, duration: float, low: float,
    high: float,
) -> NDArray[np.float64]:  # fmt: skip
    """`flux_dose` of many cells, from their fluxes `phi` (V s) and speeds (V), arrays of one shape; S s."""
    out = np.empty(phi.shape)
    _flux_doses(tuple(r), memristance_roots(r), phi.ravel(), speed.ravel(), d, duration, low, high, out.reshape(-1))
    return out


@njit(cache=True, error_model="numpy")
def _flux_doses(r, roots, phi, speed, d, duration, low, high, out):
    for k in range(phi.size):
        out[k] = flux_dose(r, roots, phi[k], speed[k], d, duration, low, high)
