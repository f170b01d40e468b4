"""Progress of long jobs on stderr: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    import rich.progress

LINE_EVERY = 10.0
"""Seconds between lines where stderr is no terminal."""


class Progress:
    """Count `total` units of work; `advance` and `describe` may be called as often as one likes."""

    def __init__(self, total: int, unit: str, start: int = 0) -> None:
        """Begin at `start` of `total` units."""
        self.total, self.unit, self.done = total, unit, start
        self._start, self._begun, self._last = start, time.monotonic(), time.monotonic()
        self._label = ""
        self._bar: rich.progress.Progress | None = None

    def __enter__(self) -> Self:
        """Show the bar."""
        if sys.stderr.isatty():
            from rich import progress
            from rich.console import Console

            bar = progress.Progress(
                progress.TextColumn("{task.description}", markup=False),  # names of classes may hold [brackets]
                progress.BarColumn(),
                progress.TextColumn("{task.completed:,.0f}/{task.total:,.0f} " + self.unit),
                progress.TextColumn("{task.fields[rate]}"),
                progress.TimeRemainingColumn(),
                console=Console(stderr=True),
            )
            self._task = bar.add_task("", total=self.total, completed=self.done, rate="")
            bar.start()
            self._bar = bar
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.stop()

    def describe(self, label: str) -> None:
        """Say what is being worked on."""
        self._label = label
        if self._bar is not None:
            self._bar.update(self._task, description=label)

    def advance(self, count: int) -> None:
        """Count `count` more units."""
        self.done += count
        now = time.monotonic()
        fast = (self.done - self._start) / max(now - self._begun, 1e-9)
        rate = f"{fast:,.0f} {self.unit}/s" if fast >= 10 else f"{fast:.2g} {self.unit}/s"
        if self._bar is not None:
            self._bar.update(self._task, advance=count, rate=rate)
        elif now - self._last >= LINE_EVERY:
            self._last = now
            print(f"{self._label}: {self.done:,} of {self.total:,} {self.unit}, {rate}", file=sys.stderr, flush=True)
