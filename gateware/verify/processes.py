"""Running the external programs of verification, and ending them with everything that they have started."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sysconfig
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from gateware.toolchain import INSTALL
from hil.runs.interrupt import stops_heard_by, terminate

GRACE = 10.0
"""Seconds that a program has to end when it is asked to."""


class Skipped(Exception):
    """A layer or check that cannot be run here; the message says why and what to do."""


@dataclass(frozen=True)
class Finished:
    """How a program ended, and all that it printed."""

    code: int
    output: str


def run(
    command: Sequence[str], folder: Path, limit: float | None = None, variables: Mapping[str, str] | None = None
) -> Finished:
    """Run a program in a folder; on Ctrl-C, or after `limit` seconds, everything that it has started ends too.

    `variables` are added to its environment.

    Raises
    ------
    TimeoutError
        If it took longer than `limit`.
    """
    scripts = sysconfig.get_path("scripts")
    environment = (
        os.environ | {"PATH": os.pathsep.join([scripts, os.environ.get("PATH", os.defpath)])} | dict(variables or {})
    )
    started = subprocess.Popen(
        command, cwd=folder, env=environment, text=True, errors="replace", start_new_session=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    try:
        output, _ = started.communicate(timeout=limit)
    except BaseException as error:
        _end(started)
        if isinstance(error, subprocess.TimeoutExpired):
            raise TimeoutError(f"{Path(command[0]).name} took more than {limit:g} s") from None
        raise
    return Finished(started.returncode, output)


def _end(started: subprocess.Popen[str]) -> None:
    """End a program and what it has started.

    sby and mutants keep theirs in groups of their own, which only they can end: they are asked first.
    """
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(started.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            started.communicate(timeout=GRACE)


@contextlib.contextmanager
def terminable() -> Iterator[None]:
    """Let every signal that asks to end raise in here, so that nothing that was started goes on alone."""
    with stops_heard_by(terminate):
        yield


def script(name: str) -> str:
    """Path of a program that a pip package puts beside this Python, or of one on PATH.

    Raises
    ------
    Skipped
        If there is none.
    """
    found = shutil.which(name, path=sysconfig.get_path("scripts")) or shutil.which(name)
    if found is None:
        raise Skipped(f"{name} is not installed: {INSTALL}")
    return found
