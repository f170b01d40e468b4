"""A measured spike-timing window: its two exponentials, and the learning rule that plays it.

The change of a cell against the delay from its pre to its post pulse is ``A+ exp(-dt / tau+)`` where pre comes first
and ``A- exp(dt / tau-)`` where post does (Bi & Poo 1998). `hil train wta` plays it as whole programming pulses, the
rule `pair` of `hil.spiking.rules`: as many at no delay as change the conductance of a cell by A+ and A-.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hil.errors import InputError
from hil.runs.results import Row
from sim.fitting.curves import CurveFit, fit_curve
from sim.fitting.parameter import Parameter

SIDES: Mapping[str, float] = {"+": 1.0, "-": -1.0}
"""Sides of a window, and the sign of their delays."""


class Timing(NamedTuple):
    """The two sides of a window; None where nothing was measured or nothing depends on the delay."""

    plus: CurveFit | None
    minus: CurveFit | None
    delay: NDArray[np.float64]
    change: NDArray[np.float64]
    doubts: tuple[str, ...]

    def rows(self) -> list[Row]:
        """Amplitudes in % and time constants, with intervals."""
        found = []
        for side, fit in zip(SIDES, (self.plus, self.minus), strict=True):
            if fit is not None:
                found += [
                    fit.row("A", f"A{side}", 100.0, "%"),
                    fit.row("tau", f"tau{side}"),
                    Row(f"scatter, side {side}", 100.0 * fit.scatter, "%", n=len(fit.x)),
                ]
        return found


def fit_window(delay: NDArray[np.float64], change: NDArray[np.float64], source: str) -> Timing:
    """Fit both sides of a window: delays from pre to post, s; changes as fractions.

    Raises
    ------
    InputError
        If no side has more than two delays.
    """
    known = np.isfinite(delay) & np.isfinite(change) & (delay != 0)
    delay, change = delay[known], change[known]
    fits: list[CurveFit | None] = []
    doubts = []
    for name, sign in SIDES.items():
        side = sign * delay > 0
        if np.count_nonzero(side) < 3:
            doubts.append(f"side {name}: {np.count_nonzero(side)} delays, of which no exponential can be told")
            fits.append(None)
            continue
        fit = _side(np.abs(delay[side]), change[side], f"{source}, side {name}")
        if fit.over_constant < 6.0:
            doubts.append(f"side {name}: the change does not depend on the delay, as far as these points tell")
        fits.append(fit)
    if not any(fits):
        raise InputError(f"{source}: {len(delay)} delays tell no window; give at least 3 on a side")
    return Timing(fits[0], fits[1], delay, change, tuple(doubts))


def _side(delay: NDArray[np.float64], change: NDArray[np.float64], source: str) -> CurveFit:
    shortest, longest = float(delay.min()), float(delay.max())
    size = float(np.abs(change).max()) or 1e-6
    parameters = (
        Parameter("A", "", -1e3 * size, 1e3 * size, "change at no delay"),
        Parameter("tau", "s", 0.02 * shortest, 1e2 * longest, "time constant"),
    )
    first = float(change[int(np.argmin(delay))])
    starts = [
        {"A": first * float(np.exp(min(shortest / tau, 5.0))), "tau": float(tau)}
        for tau in np.geomspace(0.3 * shortest, 10 * longest, 24)
    ]
    return fit_curve(source, _exponential, parameters, delay, change, starts)


def _exponential(values: Mapping[str, float], delay: NDArray[np.float64]) -> NDArray[np.float64]:
    return values["A"] * np.exp(-delay / values["tau"])
