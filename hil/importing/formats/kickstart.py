"""Keithley KickStart: a quoted block about project, instrument and settings, the table, and a footer."""

from __future__ import annotations

from hil.importing.formats import plain
from hil.importing.formats.format import Content
from hil.importing.raw import RawFile
from hil.importing.request import Request

NAME = "KickStart"


def recognise(content: Content) -> bool:
    """Names of columns begin with the unit that measured them, or the block names project and test."""
    lines = content.lines()
    head = "\n".join(lines)
    block = sum(word in head for word in ('"Project Name"', '"Test Name"', "Project Name,", "KickStart", "Test Name,"))
    return block > 1 or any("SMU-" in line and ("Index" in line or "Time (s)" in line) for line in lines)


def read(content: Content, request: Request) -> RawFile:
    """The table, and the limits of the block as facts."""
    return plain.read(content, request, NAME)
