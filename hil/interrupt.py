"""Stopping on Ctrl-C or SIGTERM at a moment when nothing is lost."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType
from typing import Self


class Interrupted(Exception):
    """A run stopped where it can be resumed; the message says how far it came and how to go on."""


class StopRequest:
    """While in force, the first SIGINT or SIGTERM only sets a flag; a second SIGINT interrupts at once.

    Use as a context manager in the main thread and look at `requested` between batches.
    """

    def __init__(self) -> None:
        """Start with no request."""
        self.requested = False
        self._previous: dict[int, object] = {}

    def __enter__(self) -> Self:
        """Install the handlers."""
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._previous[number] = signal.signal(number, self._request)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Put the previous handlers back; a request that nobody acted on is handed to the one around this."""
        for number, handler in self._previous.items():
            signal.signal(number, handler)
            around = getattr(handler, "__self__", None)
            if self.requested and kind is None and isinstance(around, StopRequest):
                around.requested = True

    def _request(self, number: int, frame: FrameType | None) -> None:
        if self.requested and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.requested = True
