"""What goes wrong for the user: every error whose message is one sentence to be read on a terminal."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class HilError(Exception):
    """Base of all errors meant for the user; the `hil` command prints the message alone and exits with 2."""


class InputError(HilError, ValueError):
    """A value, file or name that cannot be used: the message names the field, the value and what is allowed."""


def nearest(name: str, known: Iterable[str]) -> str:
    """End a sentence about an unknown name: what is known, and the nearest of it."""
    known = sorted(known)
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    hint = f"; did you mean '{close[0]}'?" if close else ""
    return f"(known: {', '.join(known) or 'none'}){hint}"


def told(error: BaseException) -> str:
    """What an error of someone else's code says, in one line: its kind, unless it is an `ImportError`, and its text."""
    text = " ".join(str(error).split())
    kind = "" if isinstance(error, ImportError) and text else type(error).__name__
    return ": ".join(part for part in (kind, text) if part)
