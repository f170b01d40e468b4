"""Keysight B2900A Quick I/V: a block with the channels' set-up, then Repeat, VAR2, Point, V1, I1, T1 and on."""

from __future__ import annotations

import re

from hil.importing.formats import plain
from hil.importing.formats.format import Content
from hil.importing.raw import RawFile
from hil.importing.request import Request

NAME = "Quick I/V"

_NAMES = re.compile(r"\bV\d\b.*\bI\d\b|\bI\d\b.*\bV\d\b")


def recognise(content: Content) -> bool:
    """A line of names with V1 and I1 beside Repeat, Point or VAR2; or the software's own name."""
    lines = content.lines()
    named = any(_NAMES.search(line) and re.search(r"\b(Repeat|Point|VAR2|No\.?)\b", line) for line in lines)
    return named or any("Quick I" in line and "B29" in line for line in lines)


def read(content: Content, request: Request) -> RawFile:
    """The table below the block."""
    return plain.read(content, request, NAME)
