"""A fitted parameter and how well it is known."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from sim.fitting.parameter import Parameter

LEVELS = (0.68, 0.95)
"""Confidence levels of the intervals."""


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

    @property
    def spread(self) -> float:
        """What stands behind the ±: the standard error or, where it is wider, half of the interval of 68 %.

        A curvature sees no valley that bends, and no kink; the profile does.
        """
        low, high = self.intervals.get(LEVELS[0], (self.value, self.value))
        return max(self.error, (high - low) / 2.0)

    def open(self, end: float) -> bool:
        """Whether an end of an interval is only where the search stopped."""
        p = self.parameter
        return end in (p.low, p.high) and not p.own(end)
