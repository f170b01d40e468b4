"""Cycle-to-cycle spread and read noise of many cells, from what their readings say beyond all fitted parameters.

The parameters that are fitted follow a part of what varies at random: the highest likelihood would be at a spread that
is too small. The restricted likelihood counts what is left (Patterson & Thompson, Biometrika 58, 545 (1971)):

    -2 ln L_R = -2 ln L + ln det (sum over readings of dnu dnu' / S)

with the derivatives of the innovations nu after every parameter: of the law, and of the factors of each cell.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from sim.fitting.filters import Innovations
from sim.fitting.likelihood import HIGHEST, LOWEST, STEP, Vector, deviance
from sim.fitting.spread import LEVEL, Spreading

EvaluateAll = Callable[[Vector, NDArray[np.float64]], list[Innovations]]
"""Innovations of every cell, for a law with the logarithms of c2c and read noise at its end, and factors (C, 2)."""


class Restricted:
    """Restricted likelihood of the logarithms of c2c and read noise, at fitted parameters."""

    def __init__(self, evaluate: EvaluateAll, at: Vector, factors: NDArray[np.float64]) -> None:
        """Keep the law `at` (P + 2,) and the factors (C, 2), logarithms all."""
        self._evaluate, self._at, self._factors = evaluate, at, factors
        cells = len(factors)
        self._within = np.zeros((len(at) - 2 + 2 * cells, len(at) - 2 + 2 * (cells - 1)))
        self._within[: len(at) - 2, : len(at) - 2] = np.eye(len(at) - 2)
        if cells > 1:  # the means of the factors belong to the law
            contrast = np.linalg.svd(np.ones((1, cells)))[2][1:].T
            for k in (0, 1):
                self._within[len(at) - 2 + k :: 2, len(at) - 2 + k :: 2] = contrast

    def __call__(self, spread: Vector) -> float:
        """-2 ln L_R of the logarithms of c2c and read noise, (2,)."""
        at = np.append(self._at[:-2], np.clip(spread, LOWEST, HIGHEST))
        found = self._evaluate(at, self._factors)
        total = sum(deviance(one) for one in found)
        if not np.isfinite(total):
            return np.inf
        left, determinant = np.linalg.slogdet(self._within.T @ self._information(at, found) @ self._within)
        return total + float(determinant) if left > 0 else np.inf

    def best(self, spread: Vector) -> Vector:
        """Logarithms of c2c and read noise, (2,), at which it is highest."""
        from scipy.optimize import minimize

        simplex = spread + np.array([[0.0, 0.0], [0.2, 0.0], [0.0, 0.05]])
        options = {"xatol": 2e-3, "fatol": 1e-2, "maxfev": 120, "initial_simplex": simplex}
        with np.errstate(invalid="ignore"):  # two corners may both be infinitely unlikely
            found = minimize(self, spread, method="Nelder-Mead", options=options)
        return np.clip(found.x, LOWEST, HIGHEST)

    def strengths(self, spread: Vector) -> tuple[Spreading, Spreading]:
        """c2c and read noise with their intervals, from logarithms (2,) at which it is highest."""
        readings = sum(int(np.isfinite(off).sum()) for off, _ in self._evaluate(self._at, self._factors))
        return self._strength(spread, 0, readings), self._strength(spread, 1, readings)

    def _strength(self, best: Vector, k: int, readings: int) -> Spreading:
        """Follow the ridge of the likelihood until it has fallen as far as chi^2 allows."""
        from scipy.optimize import brentq
        from scipy.stats import chi2

        rise = float(chi2.ppf(LEVEL, 1))
        other = 1 - k
        top, direction = self(best), self._ridge(best, k)

        def fall(x: float) -> float:
            at = best + direction * (x - best[k])
            at[k], at[other] = x, np.clip(at[other], LOWEST, HIGHEST)
            return self(at) - top - rise

        ends = []
        for side, bound in ((-1.0, LOWEST), (1.0, HIGHEST)):
            step, last = 0.1, float(best[k])
            while True:
                ahead = side * min(side * (best[k] + side * step), side * bound)
                if fall(ahead) > 0.0:
                    ends.append(float(np.exp(brentq(fall, *sorted((last, ahead)), xtol=0.003))))
                    break
                if ahead == bound:
                    ends.append(0.0 if side < 0 else np.inf)
                    break
                last, step = ahead, 2.0 * step
        value = 0.0 if best[k] <= LOWEST + 1e-2 else float(np.exp(best[k]))
        return Spreading(value, ends[0], ends[1], readings)

    def _ridge(self, best: Vector, k: int) -> Vector:
        """How the other logarithm follows this one along the ridge, from the curvature."""
        other, h = 1 - k, np.array([0.1, 0.03])

        def at(i: float, j: float) -> float:
            moved = best.copy()
            moved[k] += i * h[k]
            moved[other] += j * h[other]
            return self(moved)

        bend = (at(0, 1) - 2 * at(0, 0) + at(0, -1)) / h[other] ** 2
        cross = (at(1, 1) - at(1, -1) - at(-1, 1) + at(-1, -1)) / (4 * h[0] * h[1])
        direction = np.ones(2)
        direction[other] = float(np.clip(-cross / bend, -1.0, 1.0)) if bend > 0 and np.isfinite(cross) else 0.0
        return direction

    def _information(self, at: Vector, found: list[Innovations]) -> NDArray[np.float64]:
        """Sum over readings of dnu dnu' / S, for the law's parameters and the factors of each cell."""
        law, count = len(at) - 2, len(found)
        slopes = [np.zeros((law + 2, int(np.isfinite(off).sum()))) for off, _ in found]
        for k in range(law + 2):
            moved, factors = at.copy(), self._factors
            if k < law:
                moved[k] += STEP
            else:
                factors = factors.copy()
                factors[:, k - law] += STEP
            for c, (off, _) in enumerate(self._evaluate(moved, factors)):
                slopes[c][k] = ((off - found[c][0]) / STEP)[np.isfinite(found[c][0])]
        information = np.zeros((law + 2 * count, law + 2 * count))
        for c, (off, total) in enumerate(found):
            scaled = slopes[c] / np.sqrt(total[np.isfinite(off)])
            rows = [*range(law), law + 2 * c, law + 2 * c + 1]
            information[np.ix_(rows, rows)] += scaled @ scaled.T
        return information
