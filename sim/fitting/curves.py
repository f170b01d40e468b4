"""Fit a formula to points, with the search, intervals and criteria of a fit of a device: windows, paired pulses."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hil.errors import InputError
from hil.runs.results import Row
from sim.fitting.estimate import Estimate
from sim.fitting.fitting import constant, corrected, criteria
from sim.fitting.parameter import Parameter
from sim.fitting.report import parameter_row
from sim.fitting.solving import solve

Formula = Callable[[Mapping[str, float], NDArray[np.float64]], NDArray[np.float64]]
"""y at some x for values of the parameters."""


@dataclass(frozen=True, eq=False)
class CurveFit:
    """A formula, fitted to points whose scatter is not known beforehand.

    Attributes
    ----------
    formula : callable
        y of values and x.
    estimates : tuple of Estimate
        Of its parameters.
    x, y : (K,) arrays
        The points.
    scatter : float
        Standard deviation of the points about the curve, in the unit of y.
    aicc, bic : float
        Criteria, as of `sim.fitting.fitting.Fit`.
    over_constant : float
        By how much BIC is below that of a constant; nothing is told by a curve for which it is not.
    """

    formula: Formula
    estimates: tuple[Estimate, ...]
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    scatter: float
    aicc: float
    bic: float
    over_constant: float

    def __getitem__(self, name: str) -> Estimate:
        """Get the estimate of that name."""
        return next(e for e in self.estimates if e.parameter.name == name)

    def __call__(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """y at other x."""
        return self.formula({e.parameter.name: e.value for e in self.estimates}, x)

    def row(self, name: str, label: str = "", factor: float = 1.0, unit: str | None = None) -> Row:
        """Report a parameter; `factor` and `unit` show it in another unit."""
        return parameter_row(self[name], label or name, factor, unit)


def fit_curve(
    what: str,
    formula: Formula,
    parameters: tuple[Parameter, ...],
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    starts: Iterable[Mapping[str, float]],
) -> CurveFit:
    """Fit a formula by least squares, every point with the same weight.

    Raises
    ------
    InputError
        If there are not more points than parameters, naming `what` they are points of.
    """
    good = np.isfinite(x) & np.isfinite(y)
    x, y = x[good], y[good]
    if len(x) <= len(parameters):
        raise InputError(f"{what}: {len(x)} points cannot tell {len(parameters)} parameters")
    names = [p.name for p in parameters]
    size = float(np.abs(y).max()) or 1.0

    def residuals(at: NDArray[np.float64]) -> NDArray[np.float64]:
        with np.errstate(all="ignore"):
            off = (y - formula(dict(zip(names, at.tolist(), strict=True)), x)) / size
        return np.nan_to_num(off, nan=1e9, posinf=1e9, neginf=-1e9)

    found = solve(parameters, residuals, starts, len(x))
    parts = zip(parameters, found.best.tolist(), found.errors.tolist(), found.intervals, strict=True)
    estimates = tuple(Estimate(p, value, error, spans) for p, value, error, spans in parts)
    aic, bic = criteria(found.chi_square, len(x), len(parameters))
    level = constant(y, np.full(len(y), size), "linear")[1]
    scatter = size * float(np.sqrt(found.chi_square / (len(x) - len(parameters))))
    return CurveFit(
        formula, estimates, x, y, scatter, corrected(aic, len(x), len(parameters)), bic,
        criteria(level, len(x), 1)[1] - bic,
    )  # fmt: skip
