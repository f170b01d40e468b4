"""LabVIEW measurement files (.lvm): a head with delimiter and decimal sign, segments with names, X_Value for time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from hil.errors import InputError
from hil.importing.delimited import lines_of, tables
from hil.importing.formats.format import Content
from hil.importing.raw import Fact, RawFile
from hil.importing.request import Request

NAME = "LabVIEW measurement"

_END = "***End_of_Header***"


def recognise(content: Content) -> bool:
    """Its first line."""
    return content.text.startswith("LabVIEW Measurement")


def read(content: Content, request: Request) -> RawFile:
    """Every segment; a comment at the end of a line is no column."""
    lines = lines_of(content.text)
    facts = [
        Fact(n, key.strip(), value.strip())
        for n, line in lines
        for key, tab, value in (line.partition("\t"),)
        if tab and "_" in key
    ]
    said = {fact.name: fact.value for fact in facts}
    ends = [k for k, (_, line) in enumerate(lines) if line.strip().startswith(_END)]
    if not ends:
        raise InputError(f"{content.path}: a LabVIEW measurement without {_END}")
    body = lines[ends[-1] + 1 :] if len(ends) < 3 else lines[ends[0] + 1 :]
    decimal = request.decimal or ("," if said.get("Decimal_Separator", ".") == "," else ".")
    units = next((line.split("\t")[1:] for _, line in reversed(lines) if line.startswith("Y_Unit_Label")), [])
    kept = _without_comments([(n, line) for n, line in body if not line.startswith(_END)])
    if not kept:
        raise InputError(f"{content.path}: a LabVIEW measurement without data below {_END}")
    found, _ = tables(content.path, kept, decimal)
    named = [replace(table, names=_with_units(table.names, units)) for table in found]
    return RawFile(NAME, content.encoding, named, facts)


def _without_comments(lines: list[tuple[int, str]]) -> list[tuple[int, str]]:
    """Lines without the column Comment, the last one, which only some lines fill."""
    named = next((line for _, line in lines if line.startswith("X_Value")), "")
    columns = named.rstrip().split("\t")
    if columns[-1] != "Comment":
        return lines
    return [(n, "\t".join(line.split("\t")[: len(columns) - 1])) for n, line in lines]


def _with_units(names: Sequence[str], units: Sequence[str]) -> list[str]:
    """Names of the columns, those of channels with the units of their head."""
    channels = [unit.strip() for unit in units]
    found = []
    for k, name in enumerate(names):
        own = channels[k - 1] if 0 < k <= len(channels) and "(" not in name else ""
        found.append("Time (s)" if name == "X_Value" else f"{name} ({own})" if own else name)
    return found
