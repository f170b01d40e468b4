"""ArC ONE: session, date, names, then every cell's history: resistance, pulse, and a tag that says what was done.

Tags: ``S R`` and ``F R`` read, ``P`` is a pulse, ``CT_...`` a sample of the curve tracer, ``RET_<time>`` a retention
read.
"""

from __future__ import annotations

import csv
import re

from hil.errors import InputError
from hil.importing.delimited import lines_of
from hil.importing.formats.format import Content
from hil.importing.numbers import number
from hil.importing.raw import Fact, RawFile, RawTable
from hil.importing.request import Request

NAME = "ArC ONE"

_HEAD = ("wordline", "bitline", "resistance", "amplitude (v)")
_PARTS = {"sweep": "curve tracer", "train": "pulses", "decay": "retention"}


def recognise(content: Content) -> bool:
    """The line of names that its software writes."""
    return any(_is_head(line) for line in content.lines(8))


def _is_head(line: str) -> bool:
    return tuple(cell.strip().strip('"').lower() for cell in line.split(",")[:4]) == _HEAD


def read(content: Content, request: Request) -> RawFile:
    """One table a kind: all its cells, each named by its two lines."""
    lines = lines_of(content.text)
    head = next(k for k, (_, line) in enumerate(lines) if _is_head(line))
    parts: dict[str, RawTable] = {}
    before: dict[str, str] = {}
    for line_number, line in lines[head + 1 :]:
        cells = [cell.strip() for cell in next(csv.reader([line]))]
        if len(cells) != 8:
            raise InputError(f"{content.path}, line {line_number}: {len(cells)} values, but 8 columns are named")
        cell, tag = f"W{cells[0]} B{cells[1]}", cells[5]
        kind = _kind(content, line_number, tag)
        table = parts.setdefault(kind, _empty(kind, lines[head][0]))
        row = _row(kind, cell, cells)
        if row is None:
            continue
        if before.get(cell, kind) != kind or (kind == "sweep" and re.fullmatch(r"CT\d*_s.*", tag)):
            table.breaks.append(len(table.rows))
        before[cell] = kind
        table.rows.append(row)
        table.lines.append(line_number)
    facts = [Fact(n, "session" if k == 0 else "date", line.strip(', "')) for k, (n, line) in enumerate(lines[:head])]
    found = [table for kind, table in parts.items() if table.rows and request.kind in (None, kind)]
    if not found:
        raise InputError(f"{content.path}: no line of it is a pulse, a sample of a sweep or a retention read")
    only = {k: v for k, v in parts.items() if v in found}
    if len(only) > 1:
        counts = ", ".join(f"{len(table.rows)} of {_PARTS[kind]}" for kind, table in only.items())
        raise InputError(
            f"{content.path} holds several kinds of measurement ({counts}): choose with --kind, such as "
            f"--kind {next(iter(only))}"
        )
    return RawFile(NAME, content.encoding, found, facts)


def _empty(kind: str, header: int) -> RawTable:
    names = {
        "sweep": ["cell", "voltage (V)", "resistance (ohm)", "width (s)"],
        "train": ["cell", "pulse voltage (V)", "width (s)", "resistance (ohm)"],
        "decay": ["cell", "time (s)", "resistance (ohm)"],
    }[kind]
    return RawTable(names, [""] * len(names), [], [], "", ".", "comma", header=header, kind=kind)


def _kind(content: Content, line: int, tag: str) -> str:
    first = tag.split("_")[0].split(" ")[0]
    if first.startswith("CT"):
        return "sweep"
    if first.startswith("RET"):
        return "decay"
    if (
        first in ("P", "S", "F", "R", "MB", "EN", "FF", "SS1", "SS2", "MSS1", "MSS2", "MSS3", "CTS", "SM", "VOL")
        or not tag
    ):
        return "train"
    raise InputError(
        f"{content.path}, line {line}: tag '{tag}' is of no kind that is known (pulses P, reads S R, curve tracer CT, "
        "retention RET)"
    )


def _row(kind: str, cell: str, cells: list[str]) -> list[str] | None:
    resistance, volts, width, tag = cells[2], cells[3], cells[4], cells[5]
    if kind == "sweep":
        return [cell, volts, resistance, width]
    if kind == "decay":
        time = tag.partition("_")[2]
        return [cell, time, resistance] if number(time) is not None and time else None
    read = tag.startswith(("S R", "F R")) or number(width) == 0 or not tag
    return [cell, "0" if read else volts, "0" if read else width, resistance]
