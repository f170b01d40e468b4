"""Standard output and error that never fail: for any text, on any terminal, even if nobody reads any more.

What a job measures is worth more than what it prints: a reader that has gone (``hil runs | head -1``), a closed
terminal or a stream that was never open must not end it, nor may a character that the terminal's encoding lacks.
"""

from __future__ import annotations

import codecs
import errno
import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

PLAIN = {
    "±": "+-",
    "×": "x",
    "µ": "u",
    "μ": "u",
    "Ω": "ohm",
    "…": "...",
    "–": "-",
    "—": "-",
    "°": "deg",
    "≥": ">=",
    "≤": "<=",
}
"""What is written for a character that an encoding lacks; others become an escape such as ``\\u03b1``."""

GONE = (errno.EPIPE, errno.EIO, errno.EBADF)
"""Errors which mean that nobody reads any more: the pipe's other end, or the terminal, is closed."""


def _plain(error: UnicodeError) -> tuple[str | bytes, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    part = error.object[error.start : error.end]
    if part[0] in PLAIN:
        return PLAIN[part[0]], error.start + 1
    shown, _ = codecs.backslashreplace_errors(UnicodeEncodeError(error.encoding, part[0], 0, 1, error.reason))
    return shown, error.start + 1


codecs.register_error("hil.plain", _plain)


class Descriptor(io.FileIO):
    """A file descriptor that forgets what nobody reads.

    Attributes
    ----------
    lost : OSError or None
        Why something could not be written, other than that nobody reads.
    """

    lost: OSError | None = None

    def write(self, data: ReadableBuffer) -> int:
        """Write, or drop what cannot be written."""
        try:
            return super().write(data) or 0
        except OSError as error:
            if error.errno not in GONE:
                self.lost = self.lost or error
            return len(memoryview(data).cast("B"))


@contextmanager
def patient() -> Iterator[None]:
    """Replace standard output and error by such streams inside a with statement.

    Raises
    ------
    OSError
        At the end, if standard output could not be written, as on a full disk.
    """
    _open_all_three()
    raw = None
    if sys.stdout is sys.__stdout__:
        raw, sys.stdout = _stream(sys.stdout, 1)
    if sys.stderr is sys.__stderr__:
        _, sys.stderr = _stream(sys.stderr, 2)
    yield
    sys.stdout.flush()
    if raw is not None and raw.lost is not None:
        raise OSError(raw.lost.errno, raw.lost.strerror, "standard output")


def _open_all_three() -> None:
    """Put the null device where a standard stream is closed, or the next file opened would get its number."""
    for number, mode in ((0, os.O_RDONLY), (1, os.O_WRONLY), (2, os.O_WRONLY)):
        try:
            os.fstat(number)
        except OSError:
            opened = os.open(os.devnull, mode)
            if opened != number:
                os.dup2(opened, number)
                os.close(opened)


def _stream(given: io.TextIOWrapper | None, number: int) -> tuple[Descriptor, io.TextIOWrapper]:
    encoding = given.encoding if given is not None else "utf-8"
    if given is not None:
        given.flush()
    raw = Descriptor(number, "w", closefd=False)
    at_once = number == 2 or raw.isatty()
    stream = io.TextIOWrapper(
        io.BufferedWriter(raw), encoding=encoding, errors="hil.plain", line_buffering=at_once, write_through=at_once
    )
    return raw, stream
