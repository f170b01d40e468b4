"""Pulses of one height whose widths take a cell through equal steps of conductance: inverse to the slope measured.

A train of identical pulses is measured, G after the accumulated time t. Where what a pulse does depends on the state
and not on how the cell came there, G rises by equal steps when the k-th pulse lasts from t(G_0 + k D) to t(G_0 + (k +
1) D), D a part of the way; for small steps that is D over the slope dG/dt there (Fu et al. 2019; Figure 5 of Xu et al.,
Front. Nanotechnol. 3:645995, 2021).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

COVERED = 0.95
"""Part of the measured way that is gone in equal steps: its end is where a cell saturates and no width is enough."""


def equal_steps(
    time: NDArray[np.float64], conductance: NDArray[np.float64], count: int, covered: float = COVERED
) -> NDArray[np.float64] | None:
    """Widths of `count` pulses, s, of equal steps; None where the train has not moved the cell.

    Parameters
    ----------
    time : (N,) array
        Time at the pulse's voltage so far, s; 0 at first.
    conductance : (N,) array
        Read then, S. Of readings that go back, by noise, the furthest so far counts.
    count : int
        Pulses wanted.
    covered : float
        Part of the way from the first to the last reading that they are to go.
    """
    told = np.isfinite(conductance)
    time, g = time[told], conductance[told]
    if len(g) < 2 or g[-1] == g[0]:
        return None
    way = np.maximum.accumulate((g - g[0]) / (g[-1] - g[0]))
    first = np.append(True, np.diff(way) > 0)
    goals = np.linspace(0.0, covered, count + 1)
    return np.diff(np.interp(goals, way[first], time[first]))
