"""Stopping a job: whatever stops it, the last line on the screen is the command that resumes it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from hil.runs.interrupt import Interrupted, Terminated, how_to_continue


@contextmanager
def resumable(path: Path, verb: str, note: Callable[[str], object] = lambda state: None) -> Iterator[None]:
    """Turn whatever stops the work in here into `Interrupted` with the command that goes on with `path`.

    A job that stops between two of its steps says so itself; this is for all other moments: while a device is opened or
    read out, a pulse train is played, the results are drawn, or on a second Ctrl-C. `note` is told "stopped".
    """
    advice = how_to_continue(verb, path)
    try:
        yield
    except Interrupted as stop:
        if "--resume" in str(stop):
            raise
        note("stopped")
        raise Interrupted(f"{stop}; {advice}") from None
    except KeyboardInterrupt as stop:
        note("stopped")
        what = f"stopped by {stop}" if isinstance(stop, Terminated) else "interrupted"
        raise Interrupted(f"{what}; {advice}") from None
