"""Stopping on Ctrl-C, SIGTERM or a closed terminal at a moment when nothing is lost.

Three signals ask a program to end, and all of them mean the same here: SIGINT (Ctrl-C), SIGTERM (`kill`, a shutdown, a
batch queue) and SIGHUP (the terminal was closed, the connection to the lab computer was lost). A SIGHUP that is ignored
stays ignored, since that is what `nohup` is for; an ignored SIGINT, which every program that a script starts with ``&``
inherits, is heard nevertheless: whoever sends one means it.
"""

from __future__ import annotations

import shlex
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, Self

Handler = Callable[[int, FrameType | None], Any]


class Interrupted(Exception):
    """A run stopped where it can be resumed; the message says how far it came and how to go on."""


class Terminated(KeyboardInterrupt):
    """SIGTERM or SIGHUP came when nothing waited for it; whatever cleans up after Ctrl-C cleans up now."""


def how_to_continue(verb: str, path: Path) -> str:
    """End of a sentence on a job that stopped: the command that goes on with the folder `path`."""
    return f"continue with: hil {verb} --resume {shlex.quote(str(path))}"


def terminate(number: int, frame: FrameType | None = None) -> None:
    """Handle a signal that nothing else waits for: Ctrl-C raises `KeyboardInterrupt`, the others `Terminated`."""
    raise KeyboardInterrupt if number == signal.SIGINT else Terminated(signal.Signals(number).name)


def stop_signals() -> tuple[signal.Signals, ...]:
    """Signals that ask this process to end: SIGINT, SIGTERM and, unless it is ignored, SIGHUP."""
    heard, hangup = (signal.SIGINT, signal.SIGTERM), getattr(signal, "SIGHUP", None)
    return heard if hangup is None or signal.getsignal(hangup) == signal.SIG_IGN else (*heard, hangup)


@contextmanager
def stops_heard_by(handler: Handler) -> Iterator[Mapping[int, Any]]:
    """Let `handler` hear the signals that ask to end; yields the handlers before it, and puts them back.

    A handler that someone else has put in its place stays. In any thread but the main one nothing changes, since
    Python handles signals in that one alone.
    """
    previous: dict[int, Any] = {}
    if threading.current_thread() is threading.main_thread():
        previous = {number: signal.signal(number, handler) for number in stop_signals()}
    try:
        yield previous
    finally:
        for number, before in previous.items():
            if signal.getsignal(number) == handler:
                signal.signal(number, before)


class StopRequest:
    """While in force, the first SIGINT, SIGTERM or SIGHUP only sets a flag; a second SIGINT interrupts at once.

    Use as a context manager in the main thread and look at `requested` between batches.
    """

    def __init__(self) -> None:
        """Start with no request."""
        self.requested = False
        self._heard: AbstractContextManager[Mapping[int, Any]] = stops_heard_by(self._request)
        self._previous: Mapping[int, Any] = {}

    def __enter__(self) -> Self:
        """Install the handlers."""
        self._previous = self._heard.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Put the previous handlers back; a request that nobody acted on is handed to the one around this."""
        self._heard.__exit__(None, None, None)
        for handler in self._previous.values():
            around = getattr(handler, "__self__", None)
            if self.requested and kind is None and isinstance(around, StopRequest):
                around.requested = True

    def _request(self, number: int, frame: FrameType | None) -> None:
        if self.requested and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.requested = True
