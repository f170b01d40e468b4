"""Keysight EasyEXPERT: ``DataName``/``DataValue`` lines, or names after ``AutoAnalysis``; one or many records.

A record that is measured again follows with the same title: a repetition of the same cell.
"""

from __future__ import annotations

import csv

from hil.errors import InputError
from hil.importing.delimited import lines_of, tables
from hil.importing.formats.format import Content
from hil.importing.numbers import number
from hil.importing.raw import Fact, RawFile, RawTable
from hil.importing.request import Request

NAME = "EasyEXPERT"

_ANALYSIS = "AutoAnalysis.Marker.Data.StartCondition"
_TITLES = ("SetupTitle", "Setup title", "Classic test name", "Application test name")


def recognise(content: Content) -> bool:
    """A line that begins with DataName, or the marker after which the second form has its names."""
    return any(line.startswith(("DataName", _ANALYSIS)) for line in content.text.splitlines())


def read(content: Content, request: Request) -> RawFile:
    """All records."""
    lines = lines_of(content.text)
    if any(line.startswith("DataName") for _, line in lines):
        return _values(content, lines)
    return _analysis(content, lines, request)


def _cut(line: str) -> list[str]:
    mark = "\t" if "\t" in line and "," not in line else ";" if line.count(";") > line.count(",") else ","
    return [cell.strip().strip('"') for cell in next(csv.reader([line], delimiter=mark, skipinitialspace=True))]


def _values(content: Content, lines: list[tuple[int, str]]) -> RawFile:
    found: list[RawTable] = []
    facts: list[Fact] = []
    title, open_table = "", None
    for line_number, line in lines:
        key, *cells = _cut(line)
        if key == "DataName":
            while cells and not cells[-1]:
                cells.pop()
            open_table = RawTable(cells, [""] * len(cells), [], [], title, _decimal(lines), "comma", header=line_number)
            found.append(open_table)
        elif key == "DataValue":
            if open_table is None:
                raise InputError(f"{content.path}, line {line_number}: DataValue without DataName above it")
            wide = len(open_table.names)
            if len(cells) < wide or any(cells[wide:]):
                raise InputError(
                    f"{content.path}, line {line_number}: {len(cells)} value{'s' * (len(cells) != 1)}, but {wide} "
                    "columns are named"
                )
            open_table.rows.append(cells[:wide])
            open_table.lines.append(line_number)
        else:
            if key in _TITLES:
                title = cells[0] if cells else ""
            facts.append(Fact(line_number, " ".join([key, *cells[:1]]), ", ".join(cells[1:])))
    found = [table for table in found if table.rows]
    if not found:
        raise InputError(f"{content.path}: names of columns, but no DataValue below them")
    return RawFile(NAME, content.encoding, found, facts)


def _decimal(lines: list[tuple[int, str]]) -> str:
    """Decimal sign: a comma where semicolons part the cells."""
    sample = [line for _, line in lines if line.startswith("DataValue")][:50]
    comma = any(
        ";" in line and any("," in cell and number(cell, ",") is not None for cell in line.split(";"))
        for line in sample
    )
    return "," if comma else "."


def _analysis(content: Content, lines: list[tuple[int, str]], request: Request) -> RawFile:
    marks = [k for k, (_, line) in enumerate(lines) if line.startswith(_ANALYSIS)]
    found: list[RawTable] = []
    facts: list[Fact] = []
    begin = 0
    for here, mark in enumerate(marks):
        head = lines[begin:mark]
        stop = _next_record(lines, mark, marks[here + 1] if here + 1 < len(marks) else len(lines))
        title = ""
        for line_number, line in head:
            key, *cells = _cut(line)
            if key in _TITLES and cells and not title:
                title = cells[0]
            facts.append(Fact(line_number, key, ", ".join(cell for cell in cells if cell)))
        if mark + 2 < len(lines):
            own, more = tables(content.path, lines[mark + 1 : stop], request.decimal)
            facts += more
            for table in own:
                named = dict(vars(table))
                named["title"] = title
                found.append(RawTable(**named))
        begin = stop
    if not found:
        raise InputError(f"{content.path}: no table after {_ANALYSIS}")
    return RawFile(NAME, content.encoding, found, facts)


def _next_record(lines: list[tuple[int, str]], mark: int, end: int) -> int:
    """Where the head of the next record begins."""
    for k in range(mark + 2, end):
        if _cut(lines[k][1])[0] in _TITLES:
            return k
    return end
