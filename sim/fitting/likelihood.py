"""The most likely parameters of one cell whose pulses vary and whose readings are noisy, with their information.

Readings are taken one after another, each expected from those before it (`sim.fitting.filters`):

    -2 ln L = sum over readings of  nu^2 / S + ln S

Climbed by Fisher's scoring in the logarithms of the parameters, damped as Levenberg and Marquardt do; the information
matrix of a normal distribution, sum of  dnu dnu' / S + dS dS' / (2 S^2), gives the uncertainties.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sim.fitting.filters import Innovations, ReadAlong, Spread
from sim.fitting.model import Model

Vector = NDArray[np.float64]
Evaluate = Callable[[Vector], Innovations]

ROUNDS = 40
"""Most steps of a climb."""

LOWEST, HIGHEST = np.log(1e-4), np.log(10.0)
"""Bounds of the logarithms of `c2c` and `read_noise`: below the first there is none to be seen."""

STEP = 1e-5
"""Difference of a logarithm for a derivative."""


class Summit(NamedTuple):
    """Where a likelihood is highest.

    Attributes
    ----------
    at : (P,) array
        Parameters, as the climb has them.
    deviance : float
        -2 ln L there, but for a constant.
    information : (P, P) array
        Fisher's; 0 for a parameter that changes nothing.
    readings : int
        How many counted.
    """

    at: Vector
    deviance: float
    information: NDArray[np.float64]
    readings: int

    @property
    def covariance(self) -> NDArray[np.float64]:
        """(P, P) inverse of the information; infinite for what it does not tell."""
        return inverse(self.information)


def inverse(information: NDArray[np.float64]) -> NDArray[np.float64]:
    """Inverse of an information matrix; infinite variances where it is singular."""
    size = np.sqrt(np.diag(information).clip(1e-300))
    values, basis = np.linalg.eigh(information / np.outer(size, size))
    flat = values <= 1e-10 * values[-1]
    found = (basis * np.where(flat, 0.0, 1.0 / np.where(flat, 1.0, values))) @ basis.T
    lost = (basis[:, flat] ** 2).sum(axis=1) > 1e-3
    found[lost, lost] = np.inf
    with np.errstate(invalid="ignore"):
        return found / np.outer(size, size)


def deviance(found: Innovations) -> float:
    """-2 ln L but for a constant; infinite where a parameter makes no sense."""
    off, total = found
    good = ~np.isnan(off)
    off, total = off[good], total[good]
    with np.errstate(all="ignore"):
        value = float(np.sum(off**2 / total + np.log(total)))
    return value if np.isfinite(value) else np.inf


def climb(evaluate: Evaluate, at: Vector, low: Vector, high: Vector, rounds: int = ROUNDS) -> Summit:
    """Find the highest likelihood near `at`, (P,), within bounds."""
    at = np.clip(at, low, high)
    found = evaluate(at)
    now, damping = deviance(found), 1e-3
    slope, information, count = _slopes(evaluate, at, found, high)
    for _ in range(rounds):
        gained, damping = False, max(damping / 10.0, 1e-9)
        fixed = ((at <= low) & (slope > 0)) | ((at >= high) & (slope < 0))
        moving = np.flatnonzero(~fixed & (np.diag(information) > 0))
        if not len(moving):
            break
        before = now
        while damping < 1e8 and not gained:
            part = information[np.ix_(moving, moving)] + damping * np.diag(np.diag(information)[moving])
            step = np.linalg.lstsq(part, -slope[moving], rcond=1e-14)[0]
            ahead = at.copy()
            ahead[moving] = np.clip(at[moving] + np.clip(step, -1.0, 1.0), low[moving], high[moving])
            tried = evaluate(ahead)
            gained = deviance(tried) < now
            damping *= 1.0 if gained else 8.0
        if not gained:
            break
        at, found, now = ahead, tried, deviance(tried)
        slope, information, count = _slopes(evaluate, at, found, high)
        if before - now < 1e-5:
            break
    return Summit(at, now, information, count)


def _slopes(
    evaluate: Evaluate, at: Vector, found: Innovations, high: Vector
) -> tuple[Vector, NDArray[np.float64], int]:
    """Half the slope of the deviance, the information and the number of readings, by differences."""
    off, total = found
    good = ~np.isnan(off)
    off, total = off[good], total[good]
    by_off, by_total = np.empty((len(at), len(off))), np.empty((len(at), len(off)))
    for k in range(len(at)):
        moved = at.copy()
        step = STEP if at[k] + STEP <= high[k] else -STEP
        moved[k] += step
        other_off, other_total = evaluate(moved)
        by_off[k], by_total[k] = (other_off[good] - off) / step, (other_total[good] - total) / step
    by_off, by_total = np.nan_to_num(by_off / np.sqrt(total)), np.nan_to_num(by_total / total)
    slope = by_off @ (off / np.sqrt(total)) + 0.5 * by_total @ (1.0 - off**2 / total)
    return slope, by_off @ by_off.T + 0.5 * by_total @ by_total.T, len(off)


class CellLikelihood:
    """Likelihood of one cell's readings, of its parameters in logarithms, and of its spread.

    Attributes
    ----------
    names : tuple of str
        Parameters of the cell, without the states that stretches began in, whose values are not 0.
    at, low, high : (P,) arrays
        Logarithms of their magnitudes at first, and the bounds of these.
    """

    def __init__(self, model: Model, values: Mapping[str, float], floor: float = 0.0) -> None:
        """Begin at the values of a fit; `floor` is the uncertainty of a reading that does not grow with it, S or A."""
        self.model, self._values = model, dict(values)
        m = model.measurement
        fitted = [p for p in model.free if p.name not in model.states and values[p.name] != 0]
        self.names = tuple(p.name for p in fitted)
        self._sign = np.array([np.sign(values[name]) for name in self.names])
        self.at = np.log(np.abs([values[name] for name in self.names]))
        bounds = [sorted((abs(p.low), abs(p.high))) for p in fitted]
        self.low = np.log([max(low, 1e-9 * abs(values[p.name])) for p, (low, _) in zip(fitted, bounds, strict=True)])
        self.high = np.log([high for _, high in bounds])
        begins, conductance = np.zeros(len(m.voltage), bool), np.full(len(m.voltage), np.nan)
        begins[list(m.begins)], conductance[m.seen] = True, m.conductance
        floors = np.zeros(len(m.voltage))
        floors[m.seen] = floor / np.abs(np.where(np.isnan(m.read_voltage), 1.0, m.read_voltage))
        self._seen = ReadAlong(begins, conductance, floors)

    def values(self, at: Vector) -> dict[str, float]:
        """Parameters by name."""
        return self._values | dict(zip(self.names, (self._sign * np.exp(at)).tolist(), strict=True))

    def evaluate(self, at: Vector, spread: Spread, scale: float = 1.0) -> Innovations:
        """What every reading is off by, with its variance."""
        found = self.model.filtered(self.values(at), self._seen, spread, scale)
        assert found is not None
        return found
