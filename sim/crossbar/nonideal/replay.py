"""A pulse played again, on cells as they had become when it began."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sim.cells.law import Columns, Law
from sim.cells.segments import Segments

_NONE = np.empty((0, 0))


def replayed(
    law: Law[Any],
    state: Mapping[str, NDArray[Any]],
    gain: NDArray[np.float64],
    v: NDArray[np.float64],
    duration: NDArray[np.float64],
) -> NDArray[Any]:
    """Where pulses lead the programmed states of some cells.

    Parameters
    ----------
    law : Law
        Of the cells.
    state : mapping
        Their states when the pulse begins, by name, each (N,); what a column keeps once is missing, it is at no rest.
    gain : (N,) array
        Their sensitivities.
    v, duration : (N,) arrays
        Voltage, V, and length, s, of each cell's pulse.

    Returns
    -------
    (N,) array
        Programmed states at the ends of the pulses.
    """
    end = state[law.programmed].copy()
    for length in np.unique(duration):
        which = duration == length
        cells = {
            one.name: np.zeros(1, one.dtype)
            if one.per_column
            else np.zeros((1, which.sum()), one.dtype)
            if one.in_pulse
            else state[one.name][None, which].copy()
            for one in law.states
        }
        play = Segments.of(np.array([length]), v[None, which], np.zeros((1, 1)), False, False)
        law.advance(Columns(cells, gain[None, which], *law.bounds(), _NONE, _NONE), play)
        end[which] = cells[law.programmed][0]
    return end
