"""Paired pulses: how fast a cell forgets the first, ``ratio = c + C exp(-interval / tau)``, with intervals."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from hil.runs.results import Row
from sim.fitting.curves import CurveFit, fit_curve
from sim.fitting.parameter import Parameter


def fit_pairs(interval: NDArray[np.float64], ratio: NDArray[np.float64], source: str) -> CurveFit:
    """Fit the ratio of the second to the first response, against the time between the two pulses, s.

    Raises
    ------
    InputError
        If there are not more than three intervals.
    """
    t = interval[np.isfinite(interval) & (interval > 0)]
    spans = (1e-2 * float(t.min()), 1e2 * float(t.max())) if len(t) else (1e-6, 1.0)
    reach = 1e2 * float(np.nanmax(np.abs(ratio - 1.0), initial=0.1))
    parameters = (
        Parameter("tau", "s", *spans, "time constant"),
        Parameter("C", "", -reach, reach, "amplitude"),
        Parameter("c", "", 0.0, reach + 1.0, "ratio after full relaxation", ends=(True, False)),
    )
    first, last = float(ratio[int(np.nanargmin(interval))]), float(ratio[int(np.nanargmax(interval))])
    starts = [{"tau": tau, "C": first - last, "c": last} for tau in np.geomspace(*spans, 24)]
    return fit_curve(source, _ratio, parameters, interval, ratio, starts)


def rows(fit: CurveFit) -> list[Row]:
    """Time constant and amplitude with intervals, and what a simulated device can use of them."""
    tau = fit["tau"]
    found = [
        fit.row("tau"),
        fit.row("C"),
        fit.row("c"),
        Row("scatter of the ratios", fit.scatter, n=len(fit.x)),
    ]
    if tau.told:
        note = "rate at which a volatile cell forgets as fast: sim:flca?kind=volatile&D=..."
        found.append(Row("D = 1 / tau", 1.0 / tau.value, "1/s", tau.error / tau.value**2, note=note))
    return found


def _ratio(values: Mapping[str, float], t: NDArray[np.float64]) -> NDArray[np.float64]:
    return values["c"] + values["C"] * np.exp(-t / values["tau"])
