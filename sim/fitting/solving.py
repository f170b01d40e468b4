"""Bounded least squares with intervals: many coarse starts, a polished best one, the profile of the likelihood.

It knows nothing of devices or data: a problem is a function of some parameters that gives residuals.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hil.errors import InputError
from sim.fitting.descent import CLOSE, Box, Residuals, Visited, derivative, descend, edge
from sim.fitting.estimate import LEVELS
from sim.fitting.parameter import Parameter

Watch = Callable[[str, int], None]
"""Told what a fit does now, and how many of its steps are done since it was told before."""

STARTS, SECOND, FIRST_ROUNDS = 24, 4, 8
"""How many coarse starts are followed for a few steps, how many of these to their end, and how many steps are few."""

SEARCHED, SURVEYED = ((FIRST_ROUNDS, SECOND), (100, 1)), ((FIRST_ROUNDS, 1),)
"""Steps from every start that is followed, and how many are followed on: of a fit, and of a survey."""

STEPS = STARTS + SECOND + 2
"""Steps that `solve` tells its `watch`; with profiles, one more for every parameter."""

STEP, SINGULAR = 1e-6, 1e-5
"""Relative step of a difference quotient; singular value of the scaled Jacobian, over its largest, below which a
combination of parameters is not told, ten times that step."""


ROUNDS_OF_PROFILES = 4
"""How often intervals are walked on from where other profiles have been further out."""


@dataclass(frozen=True, eq=False)
class LeastSquares:
    """Where a sum of squares is least, and how sharply.

    Attributes
    ----------
    best : (P,) array
        Parameters there.
    chi_square : float
        The sum of squares.
    correlation : (P, P) array
        Between parameters; NaN with those that the data do not tell.
    errors : (P,) array
        Standard errors from the curvature; infinite where the data do not tell a parameter.
    blind : tuple of tuple of str
        Combinations of parameters that change nothing.
    intervals : list of dict
        Level to (low, high), one a parameter.
    """

    best: NDArray[np.float64]
    chi_square: float
    correlation: NDArray[np.float64]
    errors: NDArray[np.float64]
    blind: tuple[tuple[str, ...], ...]
    intervals: list[dict[float, tuple[float, float]]]


def solve(
    free: tuple[Parameter, ...],
    residuals: Residuals,
    starts: Iterable[Mapping[str, float]],
    readings: int,
    *,
    profile: bool = True,
    survey: bool = False,
    step: float = STEP,
    watch: Watch = lambda what, count: None,
) -> LeastSquares:
    """Find the least sum of squares of `residuals`, (P,) -> (K,).

    Parameters
    ----------
    free : tuple of Parameter
        What is fitted, in the order in which `residuals` takes it.
    residuals : callable
        Deviations over uncertainties; never NaN.
    starts : iterable of mapping
        Values to start from, coarse and many.
    readings : int
        Number of independent residuals.
    profile : bool
        Whether intervals follow the profile of the likelihood; otherwise they are those of the curvature.
    survey : bool
        Whether a few steps from the best start are enough.
    step : float
        Relative step of a difference quotient.
    watch : callable
        Told what is done, and how many steps of `STEPS` and of one a parameter are done since it was last told.

    Raises
    ------
    InputError
        If lmfit is not installed.
    """
    lmfit, names = _lmfit(), tuple(p.name for p in free)
    best = _search(free, residuals, starts, step, watch, SURVEYED if survey else SEARCHED)
    for attempt in range(1 if survey else 3):
        watch("best start" if attempt == 0 else "better fit, met on the way", 0)
        if survey:
            chi_square = float(np.sum(residuals(best) ** 2))
        else:
            best, chi_square = _polished(lmfit, free, residuals, best, step)
        box = box_around(best, free, step)
        correlation, errors, blind = _curvature(residuals, best, box, names, SINGULAR / STEP * step)
        watch("intervals", int(attempt == 0))
        told = (lambda k, first=attempt == 0: watch(f"interval of {names[k]}", int(first))) if profile else None
        intervals, better = _intervals(residuals, best, chi_square, box, correlation, errors, readings, told)
        if better[1] > chi_square * (1.0 - 1e-6) - 1e-12:
            break
        best = better[0]
    return LeastSquares(best, chi_square, correlation, errors, blind, intervals)


def box_around(x: NDArray[np.float64], free: Sequence[Parameter], step: float = STEP) -> Box:
    """Bounds of the parameters, and steps of differences that suit their magnitudes `x`."""
    low, high = np.array([p.low for p in free]), np.array([p.high for p in free])
    box = Box.around(x, low, high, tuple(p.alone for p in free))
    own = [
        STEP * max(abs(at), p.scale) if p.scale is not None else s for at, p, s in zip(x, free, box.step, strict=True)
    ]
    return box._replace(step=step / STEP * np.array(own))


def _lmfit() -> ModuleType:
    try:
        import lmfit
    except ImportError:
        raise InputError("fitting needs lmfit: pip install memhil[lab]") from None
    return lmfit


def _search(
    free: tuple[Parameter, ...], residuals: Residuals, starts: Iterable[Mapping[str, float]], step: float,
    watch: Watch, rounds_and_kept: Sequence[tuple[int, int]],
) -> NDArray[np.float64]:  # fmt: skip
    """Walk a little way from the best coarse starts, and on from the best of these."""
    low, high = np.array([p.low for p in free]), np.array([p.high for p in free])
    clipped = [np.clip([start[p.name] for p in free], low, high) for start in starts]
    graded = sorted(((float(np.sum(residuals(x) ** 2)), n) for n, x in enumerate(clipped)))[:STARTS]
    chosen = [clipped[n] for _, n in graded]
    for rounds, count in rounds_and_kept:
        walked = []
        for k, x in enumerate(chosen):
            walked.append(descend(residuals, x, box_around(x, free, step), rounds=rounds))
            watch(f"start {k + 1} of {len(chosen)}", 1)
        chosen = [x for x, _ in sorted(walked, key=lambda found: found[1])[:count]]
    return chosen[0]


def _polished(
    lmfit: ModuleType, free: tuple[Parameter, ...], residuals: Residuals, start: NDArray[np.float64], step: float
) -> tuple[NDArray[np.float64], float]:
    """Finish with lmfit on scipy's bounded least squares, every parameter scaled to order 1."""
    scales = np.array([_scale(value, p) for value, p in zip(start, free, strict=True)])
    parameters = lmfit.Parameters()
    for p, value, s in zip(free, start, scales, strict=True):
        parameters.add(p.name, value=value / s, min=p.low / s, max=p.high / s)

    def values(params: Any) -> NDArray[np.float64]:
        return np.array([params[p.name].value for p in free]) * scales

    minimizer = lmfit.Minimizer(lambda params: residuals(values(params)), parameters, max_nfev=100, calc_covar=False)
    with np.errstate(all="ignore"):
        exact = {} if step == STEP else {"diff_step": step}
        result = minimizer.least_squares(x_scale="jac", ftol=1e-10, xtol=1e-10, **exact)
    before = float(np.sum(residuals(start) ** 2))
    if result.chisqr >= before:
        return start, before
    low, high = np.array([p.low for p in free]), np.array([p.high for p in free])
    return np.clip(values(result.params), low, high), float(result.chisqr)


def _scale(value: float, p: Parameter) -> float:
    """Power of ten of a parameter, so that finite differences and tolerances fit it."""
    size = abs(value) or 1e-3 * max(abs(p.low), abs(p.high))
    return float(10.0 ** np.floor(np.log10(size)))


def _curvature(
    residuals: Residuals, x: NDArray[np.float64], box: Box, names: tuple[str, ...], singular: float
) -> tuple[NDArray[np.float64], NDArray[np.float64], tuple[tuple[str, ...], ...]]:
    """Correlations, standard errors, and combinations of parameters that change nothing, from the Jacobian."""
    r = residuals(x)
    jacobian = derivative(residuals, x, r, box._replace(step=10.0 * box.step))
    size = np.linalg.norm(jacobian, axis=0)
    size = np.where(size > 0, size, 1.0)
    _, s, basis = np.linalg.svd(jacobian / size, full_matrices=False)
    flat = s <= singular * s[0]
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
    reach = np.array([float(t.ppf((1 + q) / 2, freedom)) for q in LEVELS])
    spans = np.clip(best + np.array([-1.0, 1.0])[:, None, None] * (errors * reach[:, None]), box.low, box.high)
    better = (best, chi_square)
    if told is not None:
        if chi_square > 1e-12 * readings:
            spans, better = _profiles(residuals, best, chi_square, box, correlation, errors, freedom, reach, told)
        else:
            for k in range(len(best)):
                told(k)
    found = [
        {q: (float(spans[0, level, k]), float(spans[1, level, k])) for level, q in enumerate(LEVELS)}
        for k in range(len(best))
    ]
    return found, better


def _profiles(
    residuals: Residuals, best: NDArray[np.float64], chi_square: float, box: Box, correlation: NDArray[np.float64],
    errors: NDArray[np.float64], freedom: int, reach: NDArray[np.float64], told: Callable[[int], None],
) -> tuple[NDArray[np.float64], tuple[NDArray[np.float64], float]]:  # fmt: skip
    """Ends of all intervals by their profiles, (2, levels, P), and the best point met on the way.

    Each is walked from the best point; where a walk of another parameter has been further out and still good, on from
    there.
    """
    rises = chi_square / freedom * reach**2
    visited = Visited(residuals, chi_square + rises, len(best))
    spans, better = np.empty((2, len(reach), len(best))), (best, chi_square)
    known = np.isfinite(errors)
    guesses = np.where(known & (errors > 0), errors, 0.1 * np.where(best == 0, box.step * 1e4, np.abs(best)))
    for k, guess in enumerate(guesses):
        told(k)
        along = np.nan_to_num(np.where(known, correlation[:, k] * errors / guess, 0.0) if known[k] else 0.0 * best)
        for level, side in product(range(len(reach)), (0, 1)):
            spans[side, level, k], met = edge(
                visited, (best, chi_square), chi_square, box, k, 2.0 * side - 1.0, along, guess * reach[level],
                rises[level],
            )  # fmt: skip
            better = min(better, met, key=lambda point: point[1])
    still = np.zeros(len(best))
    for _ in range(ROUNDS_OF_PROFILES):
        wide = CLOSE * (spans[1] - spans[0])
        beyond = [(0, visited.value[0] < spans[0] - wide), (1, visited.value[1] > spans[1] + wide)]
        if not any(further.any() for _, further in beyond):
            break
        for side, further in beyond:
            for level, k in zip(*np.nonzero(further), strict=True):
                start = visited.point[side, level, k].copy(), float(visited.cost[side, level, k])
                guess = abs(start[0][k] - spans[side, level, k])
                spans[side, level, k], met = edge(
                    visited, start, chi_square, box, int(k), 2.0 * side - 1.0, still, guess, rises[level]
                )
                better = min(better, met, key=lambda point: point[1])
    spans[0] = np.minimum.accumulate(np.minimum(spans[0], visited.value[0]), axis=0)
    spans[1] = np.maximum.accumulate(np.maximum(spans[1], visited.value[1]), axis=0)
    return spans, better
