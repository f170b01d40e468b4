"""Clocks for the rests between trains: real time, or the virtual time of a simulated bench."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """Tells the time and waits, in seconds.

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
    """The computer's own clock: to wait takes real time."""

    latency = 1.0

    def now(self) -> float:
        """Seconds since some moment."""
        return time.monotonic()

    def wait(self, seconds: float) -> None:
        """Sleep."""
        time.sleep(max(0.0, seconds))
