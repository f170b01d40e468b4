"""Checks how long a train really took, by the instrument's own time stamps, against what was asked for."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from instruments.link.errors import TimingError
from instruments.plan import PairPlan, Plan
from instruments.smu.driver import ChannelSettings

RESOLUTION = 1e-4
"""Differences below this are not told from none, s: latency of a trigger, recall of a setting, rounding of a stamp."""


def measured_times(
    stamp: NDArray[np.float64],
    planned: NDArray[np.float64],
    settings: ChannelSettings,
    model: str,
    resolution: float = RESOLUTION,
) -> NDArray[np.float64]:
    """(N,) times of readings since the train began, s: as planned where the stamps cannot tell them from it.

    Every interval between two readings, and every time since the train began, may differ from the plan by
    `resolution` and by `ChannelSettings.time_tolerance` of itself.

    Parameters
    ----------
    stamp : (N,) array
        As the instrument tells them, s since the train began.
    planned : (N,) array
        As asked for, s, ascending.
    settings : ChannelSettings
        With the tolerance.
    model : str
        Named in the error.
    resolution : float
        Of the stamps, s.

    Raises
    ------
    TimingError
        Naming the first interval that is longer or shorter.
    """
    step = np.diff(stamp, prepend=0.0), np.diff(planned, prepend=0.0)
    for taken, asked, what in ((*step, "up to reading {}"), (stamp, planned, "from the start to reading {}")):
        bad = ~(np.abs(taken - asked) <= resolution + settings.time_tolerance * np.abs(asked))
        if bad.any():
            k = int(np.flatnonzero(bad)[0])
            raise TimingError(slow(model, float(taken[k]), float(asked[k]), what.format(k + 1), settings, resolution))
    return np.where(np.abs(stamp - planned) <= resolution, planned, stamp)


def check_elapsed(elapsed: float, plan: Plan | PairPlan, settings: ChannelSettings, model: str, slack: float) -> None:
    """Hold the length of a whole train against the plan; `slack` s of it may be due to other things.

    Raises
    ------
    TimingError
        If it took longer.
    """
    if not elapsed <= plan.total * (1 + settings.time_tolerance) + slack:
        raise TimingError(slow(model, elapsed, plan.total, "for the train", settings, slack))


def slow(model: str, taken: float, asked: float, what: str, settings: ChannelSettings, resolution: float) -> str:
    """The sentence of a `TimingError`: how long a train took, and what was asked for."""
    return (
        f"the {model} took {taken:.4g} s {what}, {asked:.4g} s were asked for (tolerance "
        f"{settings.time_tolerance:.0%} and {resolution:g} s): what the sample has had is not what was asked; lengthen "
        f"the steps, lower nplc, or accept it with a larger time_tolerance"
    )
