"""The log of every byte that went to an instrument or came back: append-only, one line an entry."""

from __future__ import annotations

import os
import time
from collections import deque
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Literal, NamedTuple, Self

from hil.errors import InputError

Direction = Literal[">", "<", "!"]
"""Sent to the instrument, received from it, or what happened to the link."""


class LogEntry(NamedTuple):
    """One line of the log.

    Attributes
    ----------
    utc : str
        Time of day, ISO 8601 to the microsecond, UTC.
    monotonic : float
        s on a clock that never jumps (``time.monotonic``), for intervals.
    resource : str
        Resource name of the link.
    direction : str
        ``>`` sent, ``<`` received, ``!`` an event of the link.
    text : str
        What was sent or received, without the terminator.
    """

    utc: str
    monotonic: float
    resource: str
    direction: str
    text: str


class CommandLog:
    r"""An append-only file of exchanges; several links, and several processes, may write to one.

    Every entry is one write to the operating system, so that nothing is lost when the process is killed (a power cut
    may still lose what the system has not put on disk). Where the disk is full an entry waits in memory for room:
    nothing that is said to an instrument, least of all to switch its output off, depends on the log; `require` says so
    before the next train. Control characters and bytes beyond ASCII stand as ``\xNN``.

    Parameters
    ----------
    path : path
        File to append to; made if it is not there.

    Raises
    ------
    InputError
        If the file cannot be opened.
    """

    def __init__(self, path: str | Path) -> None:
        self.path: Path | None = Path(path)
        self._kept: deque[str] = deque()
        self._waiting, self._failure = bytearray(), ""
        try:
            self._file: int | None = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        except OSError as error:
            raise InputError(f"command log {self.path}: {error.strerror}") from None

    @classmethod
    def memory(cls, kept: int = 100_000) -> CommandLog:
        """Make a log that is kept in memory only: its last `kept` lines."""
        log = cls.__new__(cls)
        log.path, log._file, log._kept = None, None, deque(maxlen=kept)
        log._waiting, log._failure = bytearray(), ""
        return log

    def add(self, resource: str, direction: Direction, text: str | bytes) -> None:
        """Append an entry; bytes are taken as Latin-1, so that none is lost. Ignored once the log is closed."""
        text = text.decode("latin-1") if isinstance(text, bytes) else text
        escaped = text.encode("unicode_escape").decode("ascii")
        utc = datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
        line = f"{utc} {time.monotonic():.6f} {resource} {direction} {escaped}"
        if self.path is None:
            self._kept.append(line)
        elif self._file is not None:
            self._waiting += line.encode("ascii") + b"\n"
            self._write(self._file)

    def require(self) -> None:
        """Raise `InputError` if entries wait for room on the disk: no further train is to be played."""
        if self._file is not None and self._waiting:
            self._write(self._file)
        if self._waiting:
            raise InputError(f"command log {self.path} cannot be written: {self._failure}") from OSError(self._failure)

    def _write(self, file: int) -> None:
        try:
            while self._waiting:
                del self._waiting[: os.write(file, self._waiting)]
        except OSError as error:
            self._failure = (error.strerror or str(error)).lower()

    @property
    def lines(self) -> list[str]:
        """All lines so far, those that were in the file before included."""
        return list(self._kept) if self.path is None else self.path.read_text("ascii").splitlines()

    @property
    def entries(self) -> list[LogEntry]:
        """All lines so far, taken apart, with the escapes undone."""
        return [_entry(line) for line in self.lines]

    @property
    def sent(self) -> list[str]:
        """What was sent, in order."""
        return [entry.text for entry in self.entries if entry.direction == ">"]

    @property
    def received(self) -> list[str]:
        """What was received, in order."""
        return [entry.text for entry in self.entries if entry.direction == "<"]

    def close(self) -> None:
        """Close the file; safe to call again."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def __enter__(self) -> Self:
        """Use the log in a with statement."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it on every way out."""
        self.close()


def _entry(line: str) -> LogEntry:
    utc, monotonic, rest = line.split(" ", 2)
    # A resource name may hold spaces (a USB serial number), the direction between two of them may not be in one.
    cut = min(found for mark in "><!" if (found := rest.find(f" {mark} ")) >= 0)
    text = rest[cut + 3 :].encode("ascii").decode("unicode_escape")
    return LogEntry(utc, float(monotonic), rest[:cut], rest[cut + 1], text)
