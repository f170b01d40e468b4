"""Bounded least squares made for many short runs: searches from many starts, and profiles of the likelihood.

Levenberg-Marquardt steps from forward differences, clipped to the bounds; a parameter on its bound that wants out is
left there. lmfit and scipy do the final fit; called some thousand times for a profile they take minutes (measured once,
on two busy cores, with bounds respected: `lmfit.conf_interval` on nine parameters of 200 readings six minutes, this
below a second).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]
Residuals = Callable[[Vector], Vector]

CLOSE = 0.01
"""Relative accuracy of the ends of an interval, in standard errors."""


class Box(NamedTuple):
    """Lower and upper bounds, (P,) each, and the sizes of a step of a derivative.

    `alone` has, for each parameter, the first residual that it moves and the one after the last, where no other such
    parameter moves these; None for one that may move all. The derivatives of all such ones cost one evaluation.
    """

    low: Vector
    high: Vector
    step: Vector
    alone: tuple[tuple[int, int] | None, ...]

    @classmethod
    def around(cls, x: Vector, low: Vector, high: Vector, alone: tuple[tuple[int, int] | None, ...]) -> Box:
        """Box of bounds whose finite-difference steps suit the magnitudes of the parameters `x`."""
        step = 1e-6 * np.maximum(np.abs(x), 1e-4 * np.minimum(np.abs(high - low), 1e3 + np.abs(x)))
        return cls(low, high, step, alone)


def descend(
    residuals: Residuals, x: Vector, box: Box, *, fixed: int | None = None, rounds: int = 60, tolerance: float = 1e-9
) -> tuple[Vector, float]:
    """Walk from `x` (P,) to a least sum of squares nearby; return where, and the sum.

    Parameters
    ----------
    residuals : callable
        (P,) -> (K,).
    x : (P,) array
        Start, within the bounds.
    box : Box
        Bounds.
    fixed : int, optional
        Parameter that stays.
    rounds : int
        Most steps.
    tolerance : float
        Relative gain of a step below which the walk ends.

    Where residuals or their derivatives are too large to be squared in float64, a trial step is refused, a parameter
    stays for that step, and a walk does not begin.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        return _descended(residuals, np.clip(x, box.low, box.high), box, fixed, rounds, tolerance)


def _descended(
    residuals: Residuals, x: Vector, box: Box, fixed: int | None, rounds: int, tolerance: float
) -> tuple[Vector, float]:
    r = residuals(x)
    cost, damping = float(r @ r), 1e-3
    if not np.isfinite(cost):
        return x, np.inf
    for _ in range(rounds):
        jacobian = derivative(residuals, x, r, box)
        jacobian[:, ~np.isfinite((jacobian**2).sum(axis=0))] = 0.0
        slope = jacobian.T @ r
        stays = ((x <= box.low) & (slope > 0)) | ((x >= box.high) & (slope < 0))
        if fixed is not None:
            stays[fixed] = True
        moving = np.flatnonzero(~stays & (np.abs(jacobian).max(axis=0) > 0))
        if not len(moving):
            break
        gained, damping = False, max(damping / 10.0, 1e-12)
        while damping < 1e9 and not gained:
            ahead = _step(jacobian, r, x, box, moving, damping)
            tried = residuals(ahead)
            found = float(tried @ tried)
            gained = found < cost
            damping *= 1.0 if gained else 8.0
        if not gained:
            break
        gain, x, r, cost = cost - found, ahead, tried, found
        if gain <= tolerance * cost:
            break
    return x, cost


def _step(
    jacobian: NDArray[np.float64], r: Vector, x: Vector, box: Box, moving: NDArray[np.int64], damping: float
) -> Vector:
    """Damped Gauss-Newton step; what would leave the bounds goes to its bound, and the rest is solved again."""
    ahead, ahead_r = x.copy(), r
    while len(moving):
        part = jacobian[:, moving]
        size = np.linalg.norm(part, axis=0)
        normal = (part / size).T @ (part / size)
        normal[np.diag_indices_from(normal)] += damping
        wanted = x[moving] - np.linalg.lstsq(normal, (part / size).T @ ahead_r, rcond=1e-14)[0] / size
        kept = np.clip(wanted, box.low[moving], box.high[moving])
        out = kept != wanted
        if not out.any():
            ahead[moving] = wanted
            break
        ahead[moving[out]] = kept[out]
        ahead_r = ahead_r + part[:, out] @ (kept - x[moving])[out]
        moving = moving[~out]
    return ahead


def derivative(residuals: Residuals, x: Vector, r: Vector, box: Box) -> NDArray[np.float64]:
    """Jacobian (K, P) at `x`, where the residuals are `r`, by differences towards the inside."""
    steps = np.where(x + box.step <= box.high, box.step, -box.step)
    jacobian = np.zeros((len(r), len(x)))
    together = x.copy()
    for k, rows in enumerate(box.alone):
        moved = together if rows is not None else x.copy()
        moved[k] += steps[k]
        if rows is None:
            jacobian[:, k] = (residuals(moved) - r) / (moved[k] - x[k])
    apart = [(k, slice(*rows)) for k, rows in enumerate(box.alone) if rows is not None]
    if apart:
        change = residuals(together) - r
        for k, part in apart:
            jacobian[part, k] = change[part] / (together[k] - x[k])
    return jacobian


class Visited:
    """Residuals that remember how far from the best point they were still good.

    A point whose sum of squares is low enough proves that the profile of each of its parameters is, there: a walk along
    one parameter finds ends for the others, which their own walks may miss where the valley bends or has a kink.
    """

    def __init__(self, residuals: Residuals, limits: Vector, count: int) -> None:
        """Remember for `count` parameters, up to each of the sums of squares `limits`, (L,)."""
        self._residuals, self._limits = residuals, limits
        self.value = np.stack([np.full((len(limits), count), np.inf), np.full((len(limits), count), -np.inf)])
        self.point = np.zeros((2, len(limits), count, count))
        self.cost = np.zeros((2, len(limits), count))

    def __call__(self, x: Vector) -> Vector:
        """Residuals at a point (P,)."""
        r = self._residuals(x)
        cost = float(r @ r)
        for level in np.flatnonzero(cost <= self._limits):
            for side, further in enumerate((x < self.value[0, level], x > self.value[1, level])):
                self.value[side, level, further] = x[further]
                self.point[side, level, further] = x
                self.cost[side, level, further] = cost
        return r


def edge(
    residuals: Residuals, start: tuple[Vector, float], cost: float, box: Box, k: int, side: float, along: Vector,
    guess: float, rise: float,
) -> tuple[float, tuple[Vector, float]]:  # fmt: skip
    """End of the interval of parameter `k` on one side, within which its profile rises by at most `rise`.

    Parameters
    ----------
    residuals, box
        The problem.
    start : tuple
        Point inside the interval, and its sum of squares.
    cost : float
        Least sum of squares.
    k, side : int and float
        Which parameter; -1 for its lower end, 1 for the upper.
    along : (P,) array
        Where the others go, to first order, for one unit of this one.
    guess : float
        Guess of the distance to the end, > 0.
    rise : float
        Rise of the sum of squares that ends the interval.

    Returns
    -------
    end : float
        The bound where the profile does not rise enough before it.
    better : tuple
        Best point met on the way and its sum of squares, which a fit stuck in a local minimum is well below.
    """
    origin, found = start
    better, bound = start, box.low[k] if side < 0 else box.high[k]
    inside, outside, here = (0.0, np.sqrt(max(found - cost, 0.0) / rise)), None, origin
    distance = guess
    for _ in range(25):
        distance = min(distance, abs(bound - origin[k]))
        at = origin[k] + side * distance
        begin = here + along * (at - here[k])
        begin[k] = at
        here, found = descend(residuals, begin, box, fixed=k, rounds=12, tolerance=1e-4 * min(1.0, rise / cost))
        if found < better[1]:
            better = (here, found)
        height = np.sqrt(max(found - cost, 0.0) / rise)
        if abs(height - 1.0) < CLOSE or (height < 1.0 and at == bound):
            break
        if height < 1.0:
            inside = (distance, height)
        else:
            outside = (distance, height)
        distance = _next(inside, outside)
    else:
        distance = outside[0] if outside else inside[0]
    return origin[k] + side * distance, better


def _next(inside: tuple[float, float], outside: tuple[float, float] | None) -> float:
    """Distance at which to look next: the root of a profile is a straight line, nearly."""
    if outside is None:
        return inside[0] * float(np.clip(1.0 / max(inside[1], 1e-9), 1.2, 5.0))
    share = (1.0 - inside[1]) / (outside[1] - inside[1])
    return inside[0] + float(np.clip(share, 0.05, 0.95)) * (outside[0] - inside[0])
