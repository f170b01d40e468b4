"""Least-squares fits of the few curves that experiments report, with numpy alone.

Each curve is linear in all of its parameters but one. That one is searched for on a grid and refined by golden-section
search, the others follow by linear least squares (variable projection), so no starting values are needed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hil.experiments.experiment import quantity
from hil.runs.results import Row

_GOLDEN = (np.sqrt(5.0) - 1.0) / 2.0


@dataclass(frozen=True)
class Exponential:
    """``y = offset + amplitude exp(-t / tau)``; `rms` is the residual, in the unit of y.

    `limit` says so where tau is no more than a bound of the search: then neither it nor the other two are measured.
    """

    amplitude: float
    tau: float
    offset: float
    rms: float
    limit: str = ""

    def row(self, name: str, unit: str, note: str = "") -> Row:
        """Report tau, or the bound of the search that it is at."""
        if self.limit:
            return Row(name, f"at the bound {self.tau:.4g}", unit, note=self.limit)
        return Row(name, self.tau, unit, note=note)

    def other(self, name: str, value: float, unit: str = "", **fields: Any) -> Row:
        """Report an amplitude or offset: None where tau is at a bound, for they are known only together with it."""
        return Row(name, None, unit, note="tau is not measured") if self.limit else Row(name, value, unit, **fields)

    def label(self, symbol: str = "τ") -> str:
        """Time constant for a legend."""
        return f"{symbol} not measured" if self.limit else f"{symbol} = {quantity(self.tau, 's')}"

    def __call__(self, t: NDArray[np.float64]) -> NDArray[np.float64]:
        """Value of the curve at the times `t`."""
        return self.offset + self.amplitude * np.exp(-t / self.tau)


@dataclass(frozen=True)
class Power:
    """``y = factor t^exponent``; `rms` is the residual, in the unit of y."""

    factor: float
    exponent: float
    rms: float

    def __call__(self, t: NDArray[np.float64]) -> NDArray[np.float64]:
        """Value of the curve at the times `t`."""
        return self.factor * t**self.exponent


def exponential(t: NDArray[np.float64], y: NDArray[np.float64], *, offset: bool = True) -> Exponential | None:
    """Fit a decay to points (t, y); None where y does not change, or where there are too few points.

    `t` is (N,) in s; without `offset` the curve goes to 0. A time constant is searched for between a tenth of the
    shortest and ten times the longest time between points.
    """
    good = np.isfinite(t) & np.isfinite(y)
    t, y = t[good], y[good]
    times = np.unique(t)
    if len(times) < (4 if offset else 3) or np.ptp(y) <= 1e-9 * np.abs(y).max():
        return None

    def solve(log_tau: float) -> tuple[NDArray[np.float64], float]:
        basis = np.exp(-(t - times[0]) / np.exp(log_tau))
        design = np.column_stack([basis, np.ones_like(t)]) if offset else basis[:, None]
        weights = np.linalg.lstsq(design, y, rcond=None)[0]
        return weights, float(np.sqrt(np.mean((design @ weights - y) ** 2)))

    low, high = np.log(np.diff(times).min() / 10), np.log((times[-1] - times[0]) * 10)
    best = _least(lambda x: solve(x)[1], np.linspace(low, high, 120))
    weights, rms = solve(best)
    tau = float(np.exp(best))
    with np.errstate(over="ignore"):
        amplitude = float(weights[0] * np.exp(times[0] / tau))
    limit = ""
    if min(best - low, high - best) < 1e-6 * (high - low):
        far, add = ("long", "longer") if best > (low + high) / 2 else ("short", "shorter")
        limit = f"at the bound {tau:.4g} of the search, not measured: tau is too {far} for these points; add {add} ones"
    return Exponential(amplitude, tau, float(weights[1]) if offset else 0.0, rms, limit)


def power(t: NDArray[np.float64], y: NDArray[np.float64]) -> Power | None:
    """Fit a power law to points with t > 0 and y > 0, as a line in log-log; None where there are fewer than three."""
    good = (t > 0) & (y > 0)
    t, y = t[good], y[good]
    if len(np.unique(t)) < 3:
        return None
    exponent, log_factor = np.polyfit(np.log(t), np.log(y), 1)
    rms = np.sqrt(np.mean((np.exp(log_factor) * t**exponent - y) ** 2))
    return Power(float(np.exp(log_factor)), float(exponent), float(rms))


STEEPEST = 10.0
"""Magnitude up to which the exponent of a train is searched for."""


class Train(NamedTuple):
    """Shape of a train: exponent `alpha`, and the residual `rms` as a fraction of the train's span."""

    alpha: float
    rms: float

    @property
    def stopped(self) -> bool:
        """Whether alpha lies at a bound of the search, and so is not measured."""
        return abs(self.alpha) > STEEPEST * (1 - 1e-6)


def nonlinear_train(g: NDArray[np.float64]) -> Train | None:
    """Exponent alpha of a train's conductances `g` (N + 1,), S, from its first to its last.

    ``g = (g_first^alpha (1 - w) + g_last^alpha w)^(1/alpha)`` with ``w = n / N``, and ``g_first^(1 - w) g_last^w`` for
    alpha = 0 (Jang et al., IEEE Electron Device Letters 36, 457 (2015)): 1 is a conductance linear in the number of
    pulses, 0 an exponential, -1 a resistance linear in it. Searched for in -10 .. 10; None where g does not change.
    A conductance of NaN was not read.
    """
    w, g = _course(g)
    if len(g) < 3 or not (g > 0).all() or abs(g[-1] - g[0]) <= 1e-6 * g.max():
        return None
    with np.errstate(divide="ignore"):
        log_last, log_first = np.log(w), np.log1p(-w)
    first, last = np.log(g[0]), np.log(g[-1])

    def rms(alpha: float) -> float:
        if abs(alpha) < 1e-9:
            curve = np.exp(first + w * (last - first))
        else:
            curve = np.exp(np.logaddexp(alpha * first + log_first, alpha * last + log_last) / alpha)
        return float(np.sqrt(np.mean((curve - g) ** 2)))

    alpha = _least(rms, np.linspace(-STEEPEST, STEEPEST, 81))
    return Train(alpha, rms(alpha) / abs(float(g[-1] - g[0])))


STEEPEST_LABEL = 9.0
"""Largest magnitude of NeuroSim's label of nonlinearity."""

_PER_LABEL = 0.099
"""Largest distance of a normalised curve from the straight line that is a label of 1."""


class Label(NamedTuple):
    """NeuroSim's label of a train's nonlinearity, > 0 where it is fast at first; `rms` as in `Train`."""

    label: float
    rms: float

    @property
    def stopped(self) -> bool:
        """Whether the label lies at a bound of the search, and so is not measured."""
        return abs(self.label) > STEEPEST_LABEL * (1 - 1e-6)


def neurosim_train(g: NDArray[np.float64]) -> Label | None:
    """Label of nonlinearity of a train: its conductances `g` (N + 1,), S, first to last, as NeuroSim has it.

    ``G = G_first + B (1 - exp(-w/A))`` with ``w = n / N`` and B such that the curve ends at the last (Chen, Peng and
    Yu, NeuroSim, IEEE TCAD 37, 3067 (2018)). Its table of A for labels 0.01 .. 9 (`getParamA`) is the largest distance
    of the normalised curve from the straight line, over 0.099. None where g does not change; NaN was not read.
    """
    w, g = _course(g)
    if len(g) < 3 or abs(g[-1] - g[0]) <= 1e-6 * np.abs(g).max():
        return None
    share = (g - g[0]) / (g[-1] - g[0])

    def rms(label: float) -> float:
        return float(np.sqrt(np.mean((bent(w, label) - share) ** 2)))

    label = _least(rms, np.linspace(-STEEPEST_LABEL, STEEPEST_LABEL, 91))
    return Label(label, rms(label))


def bent(w: NDArray[np.float64], label: float) -> NDArray[np.float64]:
    """Curve from 0 to 1 over `w` in 0 .. 1 of a NeuroSim label; that of a negative one is slow at first."""
    if abs(label) < 1e-6:
        return np.asarray(w, np.float64)
    k = np.copysign(1.0 / parameter_a(abs(label)), label)
    return np.expm1(-k * w) / np.expm1(-k)


def parameter_a(label: float) -> float:
    """Parameter A, in trains, whose curve is as far from the straight line as the label says; 0 < label <= 9."""
    low, high = np.log(1e-3), np.log(1e3 / label)
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if _distance(float(np.exp(middle))) > _PER_LABEL * label else (low, middle)
    return float(np.exp((low + high) / 2))


def _distance(a: float) -> float:
    """Largest distance of (1 - exp(-w/a)) / (1 - exp(-1/a)) from w."""
    scale = -np.expm1(-1.0 / a)
    w = -a * np.log(a * scale)
    return float(-np.expm1(-w / a) / scale - w)


def _course(g: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Place of every conductance of a train that was read, 0 .. 1 from the first to the last, and the conductances."""
    known = np.flatnonzero(np.isfinite(g))
    if len(known) < 2:
        return np.zeros(0), np.zeros(0)
    return (known - known[0]) / float(known[-1] - known[0]), g[known]


def _least(f: Callable[[float], float], grid: NDArray[np.float64]) -> float:
    """Where `f` is least: the best point of a grid, refined between its neighbours."""
    k = int(np.argmin([f(x) for x in grid]))
    a, b = grid[max(k - 1, 0)], grid[min(k + 1, len(grid) - 1)]
    for _ in range(60):
        left, right = b - _GOLDEN * (b - a), a + _GOLDEN * (b - a)
        a, b = (a, right) if f(left) < f(right) else (left, b)
    return float((a + b) / 2)
