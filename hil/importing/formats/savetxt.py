"""`numpy.savetxt`: blocks of ``%.18e`` under names in a ``#`` line; ArC2's control panel exports so."""

from __future__ import annotations

import re

from hil.importing.formats import plain
from hil.importing.formats.format import Content
from hil.importing.raw import RawFile
from hil.importing.request import Request

NAME = "numpy.savetxt"

_FIRST = re.compile(r"\s*[-+]?\d\.\d{6,}e[-+]\d\d\b")


def recognise(content: Content) -> bool:
    """Names after #, then numbers as Python's %e writes them."""
    lines = [line for line in content.lines() if line.strip()]
    rows = [line for line in lines if not line.startswith("#")]
    return bool(rows) and lines[0].startswith("#") and all(_FIRST.match(row) for row in rows[:5])


def read(content: Content, request: Request) -> RawFile:
    """The table below the names."""
    return plain.read(content, request, NAME)
