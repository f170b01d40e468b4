"""Errors meant for the user: the message of each is one sentence to be read on a terminal."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import ClassVar


class HilError(Exception):
    """Base of all errors meant for the user; the `hil` command prints the message alone and exits with 2."""


class InputError(HilError, ValueError):
    """A value, file or name that cannot be used: the message names the field, the value and what is allowed."""


class LinkError(HilError):
    """Base of everything that goes wrong on a link to hardware: an instrument, or an FPGA with the emulator."""


class LinkLost(LinkError):
    """The other side is gone or cannot be brought back in step; whether the last commands were obeyed is not known."""


class NoAnswerError(HilError):
    """A waveform was played, but what came back is no whole answer to it; once more would be a second dose.

    Attributes
    ----------
    played : str
        How much of it the cells have had, as words that follow "was driven".
    """

    played: ClassVar[str] = "to its end"


LONGEST = 200
"""Characters of one word that a sentence quotes in full."""


def shortened(text: str, most: int = LONGEST) -> str:
    """Cut the middle out of a text that is too long to be quoted in a sentence, and say how long it was."""
    return text if len(text) <= most else f"{text[: most // 2]}...{text[-most // 4 :]} ({len(text):,} characters)"


def one_line(text: str) -> str:
    """Bring a sentence to one line: control characters from files or instruments removed, very long words shortened."""
    visible = "".join(c if c.isprintable() or c == " " else " " if c in "\n\r\t" else repr(c)[1:-1] for c in text)
    return " ".join(shortened(word) for word in visible.split())


def nearest(name: str, known: Iterable[str]) -> str:
    """End of a sentence about an unknown name: the known ones, and the nearest of them."""
    known = sorted(known)
    close = difflib.get_close_matches(name[:LONGEST], known, n=1, cutoff=0.5)
    hint = f"; did you mean '{close[0]}'?" if close else ""
    return f"(known: {', '.join(known) or 'none'}){hint}"


def told(error: BaseException) -> str:
    """What an error of someone else's code says, in one line: its kind, unless it is an `ImportError`, and its text."""
    text = " ".join(str(error).split())
    kind = "" if isinstance(error, ImportError) and text else type(error).__name__
    return ": ".join(part for part in (kind, text) if part)
