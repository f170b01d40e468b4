"""The fit: lmfit's least squares on a device model, with intervals from the profile of the likelihood.

Residuals are divided by what a reading is uncertain by, sqrt((relative G)^2 + absolute^2). With the loss ``soft_l1``
each residual r becomes sign(r) sqrt(2 (sqrt(1 + r^2) - 1)), whose square sum is scipy's robust cost: intervals then
belong to that cost as well. All intervals are scaled by the residuals, so that only the ratio of uncertainties counts.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from hil.errors import InputError, nearest
from sim.fitting.estimate import Estimate
from sim.fitting.model import Model
from sim.fitting.solving import STEPS, Watch, solve

Loss = Literal["linear", "soft_l1"]
LOSSES: tuple[Loss, ...] = get_args(Loss)

SENSELESS = 1e9
"""Largest residual: what a curve that no cell can have is off by, or one that leaves float64."""


class Noise(NamedTuple):
    """Uncertainty of a reading: a fraction of it, and a floor in S (or in A, where currents were measured)."""

    relative: float = 0.01
    absolute: float = 0.0


@dataclass(frozen=True, eq=False)
class Fit:
    """A fitted model.

    Attributes
    ----------
    model : Model
        Which, on what.
    estimates : tuple of Estimate
        All parameters, held ones included.
    names : tuple of str
        The fitted ones, in the order of `correlation`.
    correlation : (P, P) array
        Between fitted parameters; NaN with those that the data do not tell.
    blind : tuple of tuple of str
        Combinations of parameters that the data do not tell apart.
    curve, uncertainty, residuals : (K,) arrays
        Fitted conductance and uncertainty of a reading, S; deviation of the data over uncertainty.
    chi_square, aic, bic : float
        Sum of squared residuals (robust ones), N ln(chi^2 / N) + 2 P, and with P ln N.
    r_squared : float
        Share of the variance about the best constant that the model explains.
    profiled : bool
        Whether intervals follow the profile of the likelihood, and not its curvature alone.
    seconds : float
        What it took.
    surveyed : bool
        Whether it is only as good as it takes to see that another model is far better.
    """

    model: Model
    estimates: tuple[Estimate, ...]
    names: tuple[str, ...]
    correlation: NDArray[np.float64]
    blind: tuple[tuple[str, ...], ...]
    curve: NDArray[np.float64]
    uncertainty: NDArray[np.float64]
    residuals: NDArray[np.float64]
    chi_square: float
    aic: float
    bic: float
    r_squared: float
    profiled: bool = True
    seconds: float = 0.0
    surveyed: bool = False

    @property
    def values(self) -> dict[str, float]:
        """All parameters by name."""
        return {e.parameter.name: e.value for e in self.estimates}

    @property
    def aicc(self) -> float:
        """AIC, corrected for few readings."""
        return corrected(self.aic, len(self.residuals), len(self.names))

    @property
    def reduced(self) -> float:
        """chi^2 over degrees of freedom: 1 if model and uncertainty are right."""
        return self.chi_square / (len(self.residuals) - len(self.names))

    @property
    def memory(self) -> float:
        """Correlation of neighbouring residuals; 0 if readings are independent."""
        r = self.residuals - self.residuals.mean()
        power = float(r @ r)
        return float(r[1:] @ r[:-1]) / power if power > 0 else 0.0

    def preset(self) -> dict[str, Any]:
        """Parameters of the simulated kind ``model.kind``: what the cell is."""
        return self.model.preset(self.values)

    def began(self) -> dict[str, float]:
        """State in which the measurement began, which is no part of the preset."""
        return self.model.began(self.values)


def steps(model: Model, profile: bool = True) -> int:
    """Steps that `fit` tells its `watch`: generations of a search, starts that are followed, profiles of parameters."""
    return model.generations + STEPS + (len(model.free) if profile else 0)


def fit(
    model: Model,
    noise: Noise | None = None,
    loss: Loss = "linear",
    *,
    profile: bool = True,
    starts: Iterable[Mapping[str, float]] | None = None,
    watch: Watch = lambda what, count: None,
) -> Fit:
    """Fit a model to its measurement.

    Parameters
    ----------
    model : Model
        With parameters held as wanted.
    noise : Noise, optional
        Uncertainty of a reading; what the data themselves say (`Measurement.reading`) if not given, or else 1 % and a
        thousandth of the largest value.
    loss : str
        ``linear``, or ``soft_l1`` to weaken outliers.
    profile : bool
        Whether to follow the profile of the likelihood; otherwise intervals are those of the curvature.
    starts : iterable of mapping, optional
        Values to start from, in place of a search.
    watch : callable
        Told what is done, and how many of its `steps` are done since it was last told.

    Raises
    ------
    InputError
        If there are not more readings than parameters, or lmfit is not installed.
    """
    m, free, begun = model.measurement, model.free, time.monotonic()
    require_readings(model)
    sigma = uncertainty(model, noise)
    held = {p.name: p.held for p in model.parameters if p.held is not None}
    names = tuple(p.name for p in free)

    def residuals(x: NDArray[np.float64]) -> NDArray[np.float64]:
        deviation = (m.conductance - model.curve({**held, **dict(zip(names, x.tolist(), strict=True))})) / sigma
        return np.clip(np.nan_to_num(robust(deviation, loss), nan=SENSELESS), -SENSELESS, SENSELESS)

    model.sigma = sigma
    model.watch = lambda: watch("search for starts", 1)
    begin = model.starts() if starts is None else starts
    profile = profile and not model.survey
    found = solve(
        free, residuals, begin, len(m), profile=profile, survey=bool(model.survey), step=model.step, watch=watch
    )  # fmt: skip
    parts = zip(free, found.best.tolist(), found.errors.tolist(), found.intervals, strict=True)
    known = {p.name: Estimate(p, value, error, spans) for p, value, error, spans in parts}
    estimates = tuple(known.get(p.name) or Estimate(p, held[p.name], 0.0, {}) for p in model.parameters)
    curve = model.curve({e.parameter.name: e.value for e in estimates})
    _, level = constant(m.conductance, sigma, loss)
    aic, bic = criteria(found.chi_square, len(m), len(free))
    return Fit(
        model, estimates, names, found.correlation, found.blind, curve, sigma, (m.conductance - curve) / sigma,
        found.chi_square, aic, bic, 1.0 - found.chi_square / level if level > 0 else 0.0,
        profile, time.monotonic() - begun, bool(model.survey),
    )  # fmt: skip


def require_readings(model: Model) -> None:
    """Refuse a fit in which nothing is free, or that has no more readings than parameters."""
    free, count = model.free, len(model.measurement)
    if not free:
        raise InputError(f"{model.name}: every parameter is held, nothing is left to fit")
    if count <= len(free):
        raise InputError(
            f"{model.measurement.source}: {count} readings cannot tell the {len(free)} parameters of {model.title}; "
            f"give more than {len(free)}, or hold some with --fix"
        )


def uncertainty(model: Model, noise: Noise | None) -> NDArray[np.float64]:
    """(K,) uncertainty of every reading, S; a floor in A is divided by the voltage of the reading."""
    m = model.measurement
    volts = np.abs(np.where(np.isnan(m.read_voltage), 1.0, m.read_voltage))
    if noise is None and m.reading is not None:
        noise = Noise(*m.reading.of_mean)
    if noise is None:
        noise = Noise(absolute=1e-3 * float((m.conductance * volts).max()))
    for name, value in zip(("relative", "absolute"), noise, strict=True):
        if not (np.isfinite(value) and value >= 0):
            raise InputError(f"noise: {name} = {value:g} must be finite and >= 0")
    if not any(noise):
        raise InputError("noise: relative and absolute are both 0; a reading without uncertainty cannot be weighed")
    return np.hypot(noise.relative * m.conductance, noise.absolute / volts)


def loss_named(name: str) -> Loss:
    """How deviations are judged, by its name; `InputError` naming the nearest if there is none."""
    for known in LOSSES:
        if known == name:
            return known
    raise InputError(f"--loss {name}: unknown {nearest(name, LOSSES)}")


def robust(deviation: NDArray[np.float64], loss: Loss) -> NDArray[np.float64]:
    """Residuals whose plain square sum is the wanted cost."""
    if loss == "linear":
        return deviation
    return np.sign(deviation) * np.sqrt(2.0 * (np.sqrt(1.0 + deviation**2) - 1.0))


def constant(g: NDArray[np.float64], sigma: NDArray[np.float64], loss: Loss) -> tuple[float, float]:
    """Best constant conductance, S, and its chi^2: what a model has to beat."""
    weight = np.ones_like(g)
    for _ in range(50 if loss != "linear" else 1):
        level = float(np.sum(weight * g / sigma**2) / np.sum(weight / sigma**2))
        weight = 1.0 / np.sqrt(1.0 + ((g - level) / sigma) ** 2)
    return level, float(np.sum(robust((g - level) / sigma, loss) ** 2))


def criteria(chi_square: float, readings: int, parameters: int) -> tuple[float, float]:
    """Akaike's and the Bayesian information criterion for an unknown scale of the noise."""
    fitness = readings * np.log(max(chi_square, 1e-300) / readings)
    return float(fitness + 2 * parameters), float(fitness + parameters * np.log(readings))


def corrected(aic: float, readings: int, parameters: int) -> float:
    """AICc: Akaike's criterion for few readings, Hurvich & Tsai 1989; infinite where there are too few.

    The scale of the noise counts as a parameter.
    """
    count = parameters + 1
    left = readings - count - 1
    return aic + 2.0 * count * (count + 1) / left if left > 0 else np.inf
