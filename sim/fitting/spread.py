"""Median and spread of a quantity over cells, each of which tells it with an error of its own.

The logarithm of the quantity of cell i is z_i = mu + tau N(0, 1) + s_i N(0, 1): the spread tau is what the cells differ
by, s_i what cell i is uncertain by. With weights 1 / (s_i^2 + tau^2),

    Q(tau) = sum of (z_i - mean)^2 / (s_i^2 + tau^2)

has a chi^2 distribution with k - 1 degrees of freedom at the true tau. That gives an exact interval (Viechtbauer,
Statistics in Medicine 26, 37 (2007)) and an estimate (Paule & Mandel, J. Res. NBS 87, 377 (1982)), here the tau at
which Q = (k - 1) c4^2, so that it is not too small on average: c4 = E[s] / sigma of k normal numbers. Where the errors
are 0, it is their standard deviation over c4.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

VARYING = frozenset(("d2d", "d2d_r", "c2c", "read_noise"))
"""Parameters of a simulated array that say by how much its cells, pulses and readings differ."""

LEVEL = 0.95
"""Confidence level of the intervals."""


@dataclass(frozen=True)
class Spreading:
    """A strength of spread, with its interval at `LEVEL`; `count` is how many cells or readings tell it."""

    value: float
    low: float
    high: float
    count: int

    @property
    def seen(self) -> bool:
        """Whether the interval keeps away from 0."""
        return self.low > 0.0


@dataclass(frozen=True)
class Middle:
    """Median of a positive quantity over cells with its interval at `LEVEL`, and the spread of its logarithm."""

    value: float
    low: float
    high: float
    spread: Spreading


def spreading(z: NDArray[np.float64], error: NDArray[np.float64]) -> Spreading:
    """Standard deviation of logarithms `z` (k,) over cells, without their own errors (k,); NaN bounds for one cell."""
    from scipy.special import gammaln
    from scipy.stats import chi2

    known = np.isfinite(z) & np.isfinite(error)
    z, error = z[known], error[known]
    freedom = len(z) - 1
    if freedom < 1:
        return Spreading(np.nan, 0.0, np.inf, len(z))
    c4_squared = float(2.0 / freedom * np.exp(2.0 * (gammaln((freedom + 1) / 2) - gammaln(freedom / 2))))
    tail = (1.0 - LEVEL) / 2.0
    at = [_tau(z, error, q) for q in (freedom * c4_squared, chi2.ppf(1 - tail, freedom), chi2.ppf(tail, freedom))]
    return Spreading(at[0], at[1], at[2], len(z))


def middle(z: NDArray[np.float64], error: NDArray[np.float64]) -> Middle:
    """Median of exp(z) over cells, and the spread of z.

    The interval is that of Hartung & Knapp, Statistics in Medicine 20, 3875 (2001): Student's t with the weighted
    variance of the z themselves.
    """
    from scipy.stats import t

    found = spreading(z, error)
    known = np.isfinite(z) & np.isfinite(error)
    z, error = z[known], error[known]
    if len(z) < 2:
        only = float(np.exp(z[0])) if len(z) else np.nan
        return Middle(only, 0.0, np.inf, found)
    weight = 1.0 / np.maximum(error**2 + found.value**2, 1e-30)
    mean = float(np.sum(weight * z) / weight.sum())
    variance = float(np.sum(weight * (z - mean) ** 2) / ((len(z) - 1) * weight.sum()))
    reach = float(t.ppf((1 + LEVEL) / 2, len(z) - 1)) * np.sqrt(variance)
    return Middle(float(np.exp(mean)), float(np.exp(mean - reach)), float(np.exp(mean + reach)), found)


def _tau(z: NDArray[np.float64], error: NDArray[np.float64], wanted: float) -> float:
    """Spread at which Q is what is wanted; 0 where even none is too much."""
    from scipy.optimize import brentq

    def excess(tau: float) -> float:
        weight = 1.0 / np.maximum(error**2 + tau**2, 1e-30)
        mean = np.sum(weight * z) / weight.sum()
        return float(np.sum(weight * (z - mean) ** 2)) - wanted

    if excess(0.0) <= 0.0:
        return 0.0
    high = float(np.ptp(z)) + 1e-12
    while excess(high) > 0.0:
        high *= 2.0
    return float(brentq(excess, 0.0, high, xtol=1e-9))
