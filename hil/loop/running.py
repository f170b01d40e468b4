"""Commands of a loop as processes: one after the other, and one that goes on beside the next ones."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread

from hil.errors import InputError

PATIENCE = 120.0
"""How long a command may take to stop where nothing is lost, s."""


def begun(words: list[str], output: Path) -> subprocess.Popen[bytes]:
    """Begin `hil` with these words; its table goes to `output`, what it says meanwhile to the screen."""
    with output.open("a", encoding="utf-8") as file:
        try:
            return subprocess.Popen([sys.executable, "-m", "hil", *words], stdin=subprocess.DEVNULL, stdout=file)
        except OSError as error:
            raise InputError(f"a stage cannot be started: {error.strerror or error}") from error


def awaited(child: subprocess.Popen[bytes]) -> int:
    """Wait for a command; its exit code. Whatever ends the waiting stops the command too."""
    try:
        return child.wait()
    except BaseException:
        stop(child)
        raise


def stop(child: subprocess.Popen[bytes]) -> None:
    """Ask a command to stop, and end it where it does not."""
    with suppress(OSError):
        child.terminate()  # a second request to stop, where Ctrl-C reached it too: it stops once
    try:
        child.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def processor_time() -> float:
    """Seconds of processor time of all commands that have ended and were waited for."""
    used = os.times()
    return used.children_user + used.children_system


@dataclass
class Beside:
    """A command that goes on while others run.

    Attributes
    ----------
    command : list of str
        What it is, as the stage says it.
    child : Popen
        Its process.
    began : float
        When, s of the monotonic clock.
    """

    command: list[str]
    child: subprocess.Popen[bytes]
    began: float = field(default_factory=time.monotonic)
    _ended: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Watch for its end."""
        Thread(target=self._watch, daemon=True).start()

    @property
    def failed(self) -> bool:
        """Whether it has ended with an error."""
        return bool(self._ended) and bool(self.child.poll())

    @property
    def seconds(self) -> float:
        """How long it has run, until now or until its end."""
        return (self._ended[0] if self._ended else time.monotonic()) - self.began

    def _watch(self) -> None:
        with suppress(ChildProcessError):  # its code is left to whoever waits for it
            os.waitid(os.P_PID, self.child.pid, os.WEXITED | os.WNOWAIT)
        self._ended.append(time.monotonic())
