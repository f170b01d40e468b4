"""Keithley 4200A Clarius: columns AV, AI, Time or AnodeV, AnodeI; one run a table, its settings beside it."""

from __future__ import annotations

import re

from hil.importing.formats import plain
from hil.importing.formats.format import Content
from hil.importing.raw import RawFile
from hil.importing.request import Request

NAME = "Clarius"

_VOLTS = re.compile(r"[\"']?([A-Z]\w{0,12}?)V[\"']?")


def recognise(content: Content) -> bool:
    """A line of names of which one ends with V and one, of the same terminal, with I."""
    for line in content.lines(20):
        cells = [cell.strip().strip('"') for cell in re.split(r"[,;\t]", line)]
        terminals = {match[1] for cell in cells if (match := _VOLTS.fullmatch(cell))}
        if any(f"{terminal}I" in cells for terminal in terminals):
            return True
    return False


def read(content: Content, request: Request) -> RawFile:
    """The tables of all runs."""
    return plain.read(content, request, NAME)
