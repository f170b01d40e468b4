"""Gamry data files (.DTA): settings as TAG, TABLE blocks of curves with a line of names and one of units."""

from __future__ import annotations

import re

from hil.errors import InputError
from hil.importing.delimited import lines_of, tables
from hil.importing.formats.format import Content
from hil.importing.raw import Fact, RawFile, RawTable
from hil.importing.request import Request

NAME = "Gamry"

_CURVE = re.compile(r"CURVE\d*\tTABLE")

COLUMNS = {"T": "Time (s)", "Vf": "Voltage (V)", "Im": "Current (A)"}
"""Columns that are read, as Gamry names them; times in s, voltages in V, currents in A (its line of units)."""


def recognise(content: Content) -> bool:
    """Its first word, and a table of a curve."""
    return content.text.startswith("EXPLAIN") and _CURVE.search(content.text) is not None


def read(content: Content, request: Request) -> RawFile:
    """Every curve, a cycle each; a curve of the open circuit before is none."""
    lines = lines_of(content.text)
    facts = [Fact(n, *_told(line)) for n, line in lines if not line.startswith("\t") and line.count("\t") > 1]
    begins = [k for k, (_, line) in enumerate(lines) if _CURVE.match(line)]
    found: list[RawTable] = []
    for k in begins:
        stop = next((j for j in range(k + 1, len(lines)) if not lines[j][1].startswith("\t")), len(lines))
        announced = lines[k][1].split("\t")[2:3]
        there = stop - k - 3
        if announced and announced[0].strip().isdigit() and int(announced[0]) != there:
            raise InputError(
                f"{content.path}, line {lines[k][0]}: {int(announced[0]):,} points are announced and {max(there, 0):,} "
                "are there; is the file whole?"
            )
        found += _curve(content, request, lines[k + 1 : stop], lines[k][0])
    return RawFile(NAME, content.encoding, found, facts)


def _curve(content: Content, request: Request, lines: list[tuple[int, str]], where: int) -> list[RawTable]:
    if len(lines) < 3:
        raise InputError(f"{content.path}, line {where}: a curve without points; is the file whole?")
    (first, names), (_, units) = lines[0], lines[1]
    shown, told = names.split("\t"), units.split("\t")
    places = [shown.index(name) for name in COLUMNS if name in shown]
    for place in places:
        wanted = COLUMNS[shown[place]].partition("(")[2].rstrip(")")
        if len(told) <= place or told[place].split(" ")[0] != wanted:
            raise InputError(f"{content.path}, line {first + 1}: the unit of {shown[place]} is not {wanted}")
    head = "\t".join(COLUMNS[shown[place]] for place in places)
    rows = []
    for n, line in lines[2:]:
        cells = line.split("\t")
        if len(cells) <= max(places, default=0):
            raise InputError(f"{content.path}, line {n}: {len(cells)} values, but {len(shown)} columns are named")
        rows.append((n, "\t".join(cells[place] for place in places)))
    return tables(content.path, [(first, head), *rows], request.decimal)[0]


def _told(line: str) -> tuple[str, str]:
    """Name and value of a setting such as ``VLIMIT1\\tQUANT\\t1\\tUpper limit (V)``."""
    name, _, value, *words = line.split("\t")
    return " ".join([name, *words[:1]]).strip(), value.strip()
