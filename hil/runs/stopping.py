"""Stopping a job: whatever stops it, the last line on the screen is the command that resumes it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from hil.errors import InputError
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


def refuse_with_resume(given: Mapping[str, object], resume: str = "--resume") -> None:
    """Raise `InputError` if anything beside a run to go on with says what to do: anything but None and []."""
    extra = [name for name, value in given.items() if not (value is None or value == [])]
    if extra:
        raise InputError(f"{resume} takes everything from the run's own configuration: leave out {', '.join(extra)}")


def resumed(resume: str | os.PathLike[str] | None, given: Mapping[str, object], play_again: bool) -> Path | None:
    """Folder of a run to go on with, from the arguments of a function; `InputError` where others contradict it."""
    if resume is None:
        refuse_without_resume(play_again, "play_again", "resume")
        return None
    refuse_with_resume(given, "resume")
    return Path(resume)


def refuse_without_resume(given: bool, option: str, resume: str = "--resume") -> None:
    """Raise `InputError` if an option that is about a run to go on with is given without one."""
    if given:
        raise InputError(f"{option} is about what a run was cut off at: it needs {resume}")
