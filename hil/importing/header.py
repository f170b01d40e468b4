"""What stands above the rows of a table: the names of its columns, a line of units, and facts about the measurement."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from hil.errors import InputError
from hil.importing.names import known_name
from hil.importing.numbers import number
from hil.importing.raw import Fact
from hil.importing.units import unit

Cut = Callable[[str], list[str]]


class Names(NamedTuple):
    """Names of the columns, their line of units, the number of the line, and the lines that are neither."""

    names: list[str]
    units: list[str]
    line: int
    rest: list[tuple[int, str]]


NO_NAMES = Names([], [], 0, [])

LINES_OF_NAMES = 4
"""Lines above a table among which the names are looked for: long names, units, comments."""

_MARKS = ("#", "%", "//", "!", "'", ">")

_OTHER_CUTS: tuple[Cut, ...] = (
    lambda text: text.split("\t"),
    lambda text: text.split(","),
    lambda text: text.split(";"),
    lambda text: text.split("|"),
    lambda text: re.split(r"\s{2,}", text.strip()),
    lambda text: re.sub(r"\s+(?=[\[(/])", "\0", re.sub(r"/\s+", "/", text)).split(),
    lambda text: text.split(),
)
"""Ways in which names are parted where the numbers below them are parted otherwise."""


def uncommented(line: str) -> str | None:
    """Text of a comment line without its mark; None where the line is none."""
    text = line.lstrip().lstrip('"').lstrip()
    for mark in _MARKS:
        if text.startswith(mark):
            return text.lstrip("".join(_MARKS)).strip().rstrip('"')
    return None


def names_above(path: Path, above: Sequence[tuple[int, str]], width: int, cut: Cut, first: int) -> Names:
    """Find the names in the lines above the first row of a table of `width` columns.

    Raises
    ------
    InputError
        If the line above the first row, line `first`, names more or fewer columns than there are.
    """
    lines = list(above)
    remarks: list[tuple[int, str]] = []
    while lines and uncommented(lines[-1][1]) is not None and _named(lines[-1][1], width, cut) is None:
        remarks.insert(0, lines.pop())
    if not lines:
        return Names([], [], 0, remarks)
    candidates: list[tuple[int, list[str]]] = []  # lines of as many cells as there are columns, from the nearest on
    for _, text in reversed(lines[-LINES_OF_NAMES:]):
        cells = _named(text, width, cut)
        if cells is None:
            break
        candidates.append((len(candidates), cells))
    if not candidates:
        _require_width(path, lines[-1][1], width, cut, first)
        return Names([], [], 0, lines + remarks)
    best = max(candidates, key=lambda each: (_weight(each[1]), -each[0]))[0]
    below = (cells for k, cells in candidates if k < best and all(not cell or _unit_alone(cell) for cell in cells))
    place = len(lines) - 1 - best
    return Names(candidates[best][1], next(below, []), lines[place][0], lines[:place] + remarks)


def _named(text: str, width: int, cut: Cut) -> list[str] | None:
    """Cells of a line of names: as many as there are columns, and not all of them numbers."""
    plain = uncommented(text)
    line = text if plain is None else plain
    for way in (cut, *_OTHER_CUTS):
        cells = [cell.strip().strip('"').replace("\0", " ").strip() for cell in way(line)]
        if len(cells) == width - 1 and width > 2 and all(known_name(cell) for cell in cells):
            cells = ["", *cells]
        if len(cells) == width and any(cells) and all(not cell or number(cell) is None for cell in cells):
            return cells
    return None


def _weight(cells: list[str]) -> int:
    """How many of them are names that are known; a line of units alone is none of names where another is."""
    return -1 if all(not cell or _unit_alone(cell) for cell in cells) else sum(map(known_name, cells))


def _unit_alone(cell: str) -> bool:
    return unit(cell.strip("()[]")) is not None


def _require_width(path: Path, text: str, width: int, cut: Cut, first: int) -> None:
    plain = uncommented(text)
    cells = [cell.strip() for cell in cut(text if plain is None else plain)]
    known = sum(known_name(cell) for cell in cells)
    if len(cells) > 1 and 2 * known >= len(cells) and known > 1:
        raise InputError(f"{path}, line {first}: {width} value{'s' * (width != 1)}, but {len(cells)} columns are named")


def facts_of(lines: Sequence[tuple[int, str]], cut: Cut) -> list[Fact]:
    """Names and values of lines such as ``Compliance, 0.001`` or ``# compliance 50 uA``."""
    found = []
    for line, text in lines:
        plain = uncommented(text)
        cells = [cell.strip().strip('"') for cell in cut(text if plain is None else plain)]
        cells = [cell for cell in cells if cell]
        if len(cells) < 2:
            whole = cells[0] if cells else ""
            parts = re.split(r"\s*[:=]\s*", whole, maxsplit=1)
            if len(parts) < 2:
                match = re.fullmatch(r"(.*?\D)\s*([-+]?\d[\d.,]*(?:[eE][-+]?\d+)?\s*\S{0,6})", whole)
                parts = [match[1], match[2]] if match else [whole, ""]
            cells = parts
        found.append(Fact(line, " ".join(cells[:-1]).strip(), cells[-1].strip()))
    return found
