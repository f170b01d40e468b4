"""The time that passes between what is played: real, or that of a virtual bench."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """Tells and spends time in seconds."""

    def now(self) -> float:
        """Seconds since some moment."""

    def wait(self, seconds: float) -> None:
        """Let time pass."""


class RealClock:
    """The clock on the wall."""

    def now(self) -> float:
        """Seconds since some moment."""
        return time.monotonic()

    def wait(self, seconds: float) -> None:
        """Sleep."""
        time.sleep(max(0.0, seconds))
