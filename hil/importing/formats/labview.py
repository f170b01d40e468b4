"""LabVIEW measurement files (.lvm): a head with delimiter and decimal sign, segments with names, X_Value for time."""

from __future__ import annotations

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
    kept = [(n, line) for n, line in body if not line.startswith(_END)]
    if not kept:
        raise InputError(f"{content.path}: a LabVIEW measurement without data below {_END}")
    found, _ = tables(content.path, kept, decimal)
    named = [
        replace(table, names=["Time (s)" if name == "X_Value" else name for name in table.names]) for table in found
    ]
    return RawFile(NAME, content.encoding, named, facts)
