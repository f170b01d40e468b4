"""The fit: lmfit's least squares on a device model, with intervals from the profile of the likelihood.

Residuals are divided by what a reading is uncertain by, sqrt((relative G)^2 + absolute^2). With the loss ``soft_l1``
each residual r becomes sign(r) sqrt(2 (sqrt(1 + r^2) - 1)), whose square sum is scipy's robust cost: intervals then
belong to that cost as well. All intervals are scaled by the residuals, so that only the ratio of uncertainties counts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from hil.errors import InputError, nearest
from sim.fitting.descent import Box, Residuals, derivative, descend, interval
from sim.fitting.model import Model, Parameter

Loss = Literal["linear", "soft_l1"]
LOSSES: tuple[Loss, ...] = get_args(Loss)

Watch = Callable[[str, int], None]
"""Told what a fit does now, and how many of its steps are done since it was told before."""

LEVELS = (0.68, 0.95)
"""Confidence levels of the intervals."""

STARTS, SECOND, FIRST_ROUNDS = 24, 4, 8
"""How many coarse starts are followed for a few steps, how many of these to their end, and how many steps are few."""

SINGULAR = 1e-5
"""Singular value of the scaled Jacobian, over its largest, below which a combination of parameters is not told."""


class Noise(NamedTuple):
    """Uncertainty of a reading: a fraction of it, and a floor in S (or in A, where currents were measured)."""

    relative: float = 0.01
    absolute: float = 0.0


class Estimate(NamedTuple):
    """A parameter and how well it is known.

    Attributes
    ----------
    parameter : Parameter
        Which.
    value : float
        At the best fit, or as held.
    error : float
        Standard error from the curvature there; 0 if held, infinite if the data do not tell it.
    intervals : mapping
        Level to (low, high), from the profile of the likelihood; a bound where it never rises enough before that.
    """

    parameter: Parameter
    value: float
    error: float
    intervals: Mapping[float, tuple[float, float]]

    @property
    def bound(self) -> float | None:
        """The bound that the value of a fitted parameter cannot be told from; None if there is none.

        It cannot within a tenth of the standard error, or a thousandth of the bound where there is no error.
        """
        p = self.parameter
        if p.held is not None:
            return None
        for bound in (p.low, p.high):
            near = 0.1 * self.error if 0 < self.error < np.inf else 1e-3 * abs(bound)
            if abs(self.value - bound) <= max(near, 1e-9 * max(abs(bound), abs(self.value))):
                return bound
        return None

    @property
    def stopped(self) -> bool:
        """Whether the value is no more than where the search stopped: nothing was measured."""
        return self.bound is not None and not self.parameter.own(self.bound)

    @property
    def told(self) -> bool:
        """Whether the data tell the value at all: no bound of the search, and an interval that ends somewhere."""
        p = self.parameter
        ends = self.intervals.get(LEVELS[-1])
        everywhere = ends is not None and tuple(ends) == (p.low, p.high)
        return bool(np.isfinite(self.error)) and not self.stopped and not everywhere

    def open(self, end: float) -> bool:
        """Whether an end of an interval is only where the search stopped."""
        p = self.parameter
        return end in (p.low, p.high) and not p.own(end)


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

    @property
    def values(self) -> dict[str, float]:
        """All parameters by name."""
        return {e.parameter.name: e.value for e in self.estimates}

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
    return model.generations + STARTS + SECOND + 1 + (1 + len(model.free) if profile else 1)


def fit(
    model: Model,
    noise: Noise | None = None,
    loss: Loss = "linear",
    *,
    profile: bool = True,
    watch: Watch = lambda what, count: None,
) -> Fit:
    """Fit a model to its measurement.

    Parameters
    ----------
    model : Model
        With parameters held as wanted.
    noise : Noise, optional
        Uncertainty of a reading; 1 % and a thousandth of the largest value if not given.
    loss : str
        ``linear``, or ``soft_l1`` to weaken outliers.
    profile : bool
        Whether to follow the profile of the likelihood; otherwise intervals are those of the curvature.
    watch : callable
        Told what is done, and how many of its `steps` are done since it was last told.

    Raises
    ------
    InputError
        If there are not more readings than parameters, or lmfit is not installed.
    """
    lmfit = _lmfit()
    m = model.measurement
    free = model.free
    if not free:
        raise InputError(f"{model.name}: every parameter is held, nothing is left to fit")
    if len(m) <= len(free):
        raise InputError(
            f"{m.source}: {len(m)} readings cannot tell the {len(free)} parameters of {model.title}; "
            f"give more than {len(free)}, or hold some with --fix"
        )
    sigma = uncertainty(model, noise)
    held = {p.name: p.held for p in model.parameters if p.held is not None}

    def residuals(values: Mapping[str, float]) -> NDArray[np.float64]:
        deviation = (m.conductance - model.curve({**held, **values})) / sigma
        return np.nan_to_num(robust(deviation, loss), nan=1e9, posinf=1e9, neginf=-1e9)

    names = tuple(p.name for p in free)

    def of_vector(x: NDArray[np.float64]) -> NDArray[np.float64]:
        return residuals(dict(zip(names, x.tolist(), strict=True)))

    box, best = _search(model, free, of_vector, watch)
    for attempt in range(3):
        watch("best start" if attempt == 0 else "better fit, met on the way", 0)
        best, chi_square = _polished(lmfit, free, residuals, best)
        correlation, errors, blind = _curvature(of_vector, best, box, names)
        watch("intervals", int(attempt == 0))
        told = (lambda k, first=attempt == 0: watch(f"interval of {names[k]}", int(first))) if profile else None
        intervals, better = _intervals(of_vector, best, chi_square, box, correlation, errors, len(m), told)
        if better[1] > chi_square * (1.0 - 1e-6) - 1e-12:
            break
        best = better[0]
    values = dict(zip(names, best.tolist(), strict=True))
    known = {p.name: Estimate(p, values[p.name], float(e), i) for p, e, i in zip(free, errors, intervals, strict=True)}
    estimates = tuple(known.get(p.name) or Estimate(p, held[p.name], 0.0, {}) for p in model.parameters)
    curve = model.curve({**held, **values})
    _, level = constant(m.conductance, sigma, loss)
    aic, bic = criteria(chi_square, len(m), len(free))
    return Fit(
        model, estimates, names, correlation, blind, curve, sigma, (m.conductance - curve) / sigma,
        chi_square, aic, bic, 1.0 - chi_square / level if level > 0 else 0.0,
    )  # fmt: skip


def uncertainty(model: Model, noise: Noise | None) -> NDArray[np.float64]:
    """(K,) uncertainty of every reading, S; a floor in A is divided by the voltage of the reading."""
    m = model.measurement
    volts = np.abs(np.where(np.isnan(m.read_voltage), 1.0, m.read_voltage))
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


def _lmfit() -> ModuleType:
    try:
        import lmfit
    except ImportError:
        raise InputError("fitting needs lmfit: pip install memhil[lab]") from None
    return lmfit


def _search(
    model: Model, free: tuple[Parameter, ...], residuals: Residuals, watch: Watch
) -> tuple[Box, NDArray[np.float64]]:
    """Walk a little way from the best coarse starts, and on from the best of these."""
    low, high = np.array([p.low for p in free]), np.array([p.high for p in free])
    model.watch = lambda: watch("search for starts", 1)
    starts = [np.clip([start[p.name] for p in free], low, high) for start in model.starts()]
    graded = sorted(((float(np.sum(residuals(x) ** 2)), n) for n, x in enumerate(starts)))[:STARTS]
    chosen = [starts[n] for _, n in graded]
    for rounds, count in ((FIRST_ROUNDS, SECOND), (100, 1)):
        walked = []
        for k, x in enumerate(chosen):
            walked.append(descend(residuals, x, Box.around(x, low, high), rounds=rounds))
            watch(f"start {k + 1} of {len(chosen)}", 1)
        chosen = [x for x, _ in sorted(walked, key=lambda found: found[1])[:count]]
    return Box.around(chosen[0], low, high), chosen[0]


def _polished(
    lmfit: ModuleType, free: tuple[Parameter, ...], residuals: Any, start: NDArray[np.float64]
) -> tuple[NDArray[np.float64], float]:
    """Finish with lmfit on scipy's bounded least squares, every parameter scaled to order 1."""
    scales = np.array([_scale(value, p) for value, p in zip(start, free, strict=True)])
    parameters = lmfit.Parameters()
    for p, value, s in zip(free, start, scales, strict=True):
        parameters.add(p.name, value=value / s, min=p.low / s, max=p.high / s)

    def scaled(params: Any) -> NDArray[np.float64]:
        return residuals({p.name: params[p.name].value * s for p, s in zip(free, scales, strict=True)})

    minimizer = lmfit.Minimizer(scaled, parameters, max_nfev=100, calc_covar=False)
    with np.errstate(all="ignore"):
        result = minimizer.least_squares(x_scale="jac", ftol=1e-10, xtol=1e-10)
    before = float(np.sum(residuals({p.name: v for p, v in zip(free, start, strict=True)}) ** 2))
    if result.chisqr >= before:
        return start, before
    low, high = np.array([p.low for p in free]), np.array([p.high for p in free])
    found = np.array([result.params[p.name].value for p in free]) * scales
    return np.clip(found, low, high), float(result.chisqr)


def _scale(value: float, p: Parameter) -> float:
    """Power of ten of a parameter, so that finite differences and tolerances fit it."""
    size = abs(value) or 1e-3 * max(abs(p.low), abs(p.high))
    return float(10.0 ** np.floor(np.log10(size)))


def _curvature(
    residuals: Residuals, x: NDArray[np.float64], box: Box, names: tuple[str, ...]
) -> tuple[NDArray[np.float64], NDArray[np.float64], tuple[tuple[str, ...], ...]]:
    """Correlations, standard errors, and combinations of parameters that change nothing, from the Jacobian."""
    r = residuals(x)
    jacobian = derivative(residuals, x, r, box._replace(step=10.0 * box.step))
    size = np.linalg.norm(jacobian, axis=0)
    size = np.where(size > 0, size, 1.0)
    _, s, basis = np.linalg.svd(jacobian / size, full_matrices=False)
    flat = s <= SINGULAR * s[0]
    blind = tuple(tuple(n for n, part in zip(names, v, strict=True) if abs(part) > 0.1) for v in basis[flat])
    lost = np.array([any(name in group for group in blind) for name in names])
    covariance = (basis.T * np.where(flat, 0.0, 1.0 / np.where(flat, 1.0, s) ** 2)) @ basis
    spread = np.sqrt(np.diag(covariance))
    correlation = covariance / np.outer(spread, spread).clip(1e-300)
    correlation[lost] = correlation[:, lost] = np.nan
    reduced = float(r @ r) / (len(r) - len(names))
    return correlation, np.where(lost, np.inf, spread / size * np.sqrt(reduced)), blind


def _intervals(
    residuals: Residuals, best: NDArray[np.float64], chi_square: float, box: Box, correlation: NDArray[np.float64],
    errors: NDArray[np.float64], readings: int, told: Callable[[int], None] | None,
) -> tuple[list[dict[float, tuple[float, float]]], tuple[NDArray[np.float64], float]]:  # fmt: skip
    """Intervals of all fitted parameters, and the best point met on the way.

    The rise of chi^2 that ends an interval is that of an F test, chi^2 / (K - P) F(1, K - P), as in lmfit.
    """
    from scipy.stats import t

    freedom = readings - len(best)
    reach = {q: float(t.ppf((1 + q) / 2, freedom)) for q in LEVELS}
    better = (best, chi_square)
    found = []
    for k, error in enumerate(errors):
        ends = {
            q: (max(best[k] - error * z, box.low[k]), min(best[k] + error * z, box.high[k])) for q, z in reach.items()
        }
        if told is not None:
            told(k)
        if told is not None and chi_square > 1e-12 * readings:
            known = np.isfinite(errors)
            guess = error if np.isfinite(error) and error > 0 else 0.1 * (abs(best[k]) or box.step[k] * 1e4)
            along = np.where(known, correlation[:, k] * errors / guess, 0.0) if known[k] else np.zeros(len(best))
            for q, z in reach.items():
                rise = chi_square / freedom * z**2
                low, high, met = interval(residuals, best, chi_square, box, k, np.nan_to_num(along), guess * z, rise)
                inner = ends[LEVELS[0]] if q != LEVELS[0] else (low, high)
                ends[q] = (min(low, inner[0]), max(high, inner[1]))
                better = min(better, met, key=lambda point: point[1])
        found.append({q: (float(low), float(high)) for q, (low, high) in ends.items()})
    return found, better
