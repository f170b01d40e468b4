"""The time that passes between what is played: real, or that of a virtual bench."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """Tells and spends time in seconds.

    Attributes
    ----------
    latency : float
        Time between what an instrument did and when the program hears of it that nobody need wonder about, s.
    """

    latency: float

    def now(self) -> float:
        """Seconds since some moment."""

    def wait(self, seconds: float) -> None:
        """Let time pass."""


class RealClock:
    """The clock on the wall."""

    latency = 1.0

    def now(self) -> float:
        """Seconds since some moment."""
        return time.monotonic()

    def wait(self, seconds: float) -> None:
        """Sleep."""
        time.sleep(max(0.0, seconds))
