"""Igor Pro text waves (.itx): columns between BEGIN and END, their names in the line of WAVES, scales in lines of X."""

from __future__ import annotations

import re

from hil.errors import InputError
from hil.importing.delimited import lines_of, tables
from hil.importing.formats.format import Content
from hil.importing.raw import RawFile, RawTable
from hil.importing.request import Request

NAME = "Igor text waves"

_WAVES = re.compile(r"WAVES(?:/\w+(?:=\([\d,\s]*\))?)*\s+(.*)", re.IGNORECASE)
_SCALE = re.compile(r"SetScale\s*/?([IP]?)\s*([xd])\s*([^;]*)", re.IGNORECASE)


def recognise(content: Content) -> bool:
    """Its first word."""
    return content.text.lstrip().upper().startswith("IGOR") and "BEGIN" in content.text.upper()


def read(content: Content, request: Request) -> RawFile:
    """Every block of waves, units of the scales beside the names; a time base of a scale is a column of its own."""
    lines = lines_of(content.text)
    scales = [match for _, line in lines if line.strip()[:2].upper() == "X " for match in _SCALE.finditer(line)]
    found: list[RawTable] = []
    names = ""
    block: list[tuple[int, str]] | None = None
    for number, line in lines:
        text = line.strip()
        if match := _WAVES.match(text):
            names = match[1]
        elif text.upper() == "BEGIN":
            block = []
        elif text.upper() == "END" and block is not None:
            waves = [name.strip(" '\t") for name in re.split(r"[,\t]|\s{2,}|(?<=\w) (?=\w)", names) if name.strip()]
            found += _table(content, request, number, waves, block, scales)
            block = None
        elif block is not None:
            block.append((number, text))
    if block is not None:
        raise InputError(f"{content.path}: a block of waves begins and has no END; is the file whole?")
    if not found:
        raise InputError(f"{content.path}: no waves between BEGIN and END")
    return RawFile(NAME, content.encoding, found, [])


def _table(
    content: Content, request: Request, end: int, waves: list[str], block: list[tuple[int, str]],
    scales: list[re.Match[str]],
) -> list[RawTable]:  # fmt: skip
    """Table of a block, with names and units; a scale of x in seconds gives the times."""
    if not block:
        raise InputError(f"{content.path}, line {end}: the waves {', '.join(waves)} are empty")
    units, base = dict.fromkeys(waves, ""), None
    for scale in scales:
        kind, axis, rest = scale[1].upper(), scale[2].lower(), scale[3]
        told = re.match(r"([^,]*),([^,]*),\s*\"([^\"]*)\"\s*,?\s*(.*)", rest)
        if told is None:
            continue
        for wave in (name.strip(" '") for name in told[4].split(",")):
            if wave in units and axis == "d":
                units[wave] = told[3]
            elif wave in units and axis == "x" and kind == "P" and told[3] == "s":
                base = float(told[1]), float(told[2])
    head = "\t".join(f"{name} ({units[name]})" if units[name] else name for name in waves)
    rows = [(n, "\t".join(text.split())) for n, text in block]
    if base is not None and not any(name.lower().startswith("t") and units[name] == "s" for name in waves):
        head = f"{head}\ttime (s)"
        rows = [(n, f"{text}\t{base[0] + k * base[1]!r}") for k, (n, text) in enumerate(rows)]
    return tables(content.path, [(rows[0][0] - 1, head), *rows], request.decimal or ".")[0]
