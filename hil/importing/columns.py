"""Columns with a meaning, as numbers in SI units; which of them are several runs, channels or readings of one line."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from hil.errors import InputError, nearest
from hil.importing.names import DIMENSION, Meaning, meaning
from hil.importing.numbers import ABSURD, number, ranges, short
from hil.importing.raw import RawTable
from hil.importing.request import Pick, Request
from hil.importing.units import WrittenUnit, unit

_SIGNS = {"1": 1.0, "+1": 1.0, "1.0": 1.0, "+": 1.0, "-1": -1.0, "-1.0": -1.0, "-": -1.0, "pos": 1.0, "neg": -1.0}

_ALLOWED = {
    "conductance": "> 0", "resistance": "> 0", "width": ">= 0", "rest": ">= 0", "polarity": "1 or -1",
    "applied": ">= 0", "interval": "> 0",
}  # fmt: skip
"""Quantities whose values are not any finite number."""


@dataclass(frozen=True)
class Named:
    """A column of a table and what it is."""

    place: int
    name: str
    meaning: Meaning
    unit: WrittenUnit | None
    sign: int = 1

    @property
    def shown(self) -> str:
        """Name for messages."""
        return self.name or f"column {self.place + 1}"


@dataclass(eq=False)
class Numbers:
    """Numbers of a column in SI units, NaN where there is no reading; the lines of those, with what stands there."""

    named: Named
    si: str
    values: NDArray[np.float64]
    missing: dict[int, str] = field(default_factory=dict)

    @property
    def constant(self) -> bool:
        """Whether all its values are one number."""
        known = self.values[np.isfinite(self.values)]
        return len(known) == 0 or float(np.ptp(known)) <= 1e-3 * float(np.abs(known).max(initial=0.0))

    def dropped(self) -> list[str]:
        """Say how many readings are not there, and on which lines."""
        if not self.missing:
            return []
        kinds = Counter(text.upper() or "empty" for text in self.missing.values())
        count = f"{len(self.missing)} reading{'s' * (len(self.missing) > 1)}"
        shown = ", ".join(f"{text}{f' x {n}' * (n > 1)}" for text, n in kinds.most_common(4))
        lines = list(self.missing)
        return [
            f"{count} of {self.named.shown} dropped, no reading of the instrument ({shown}): "
            f"line{'s' * (len(lines) > 1)} {ranges(lines)}"
        ]


def named_columns(path: str, table: RawTable, request: Request) -> list[Named]:
    """Columns whose meaning is known, from their names, the line of units and what the user gave.

    Raises
    ------
    InputError
        If the user names a column that is not there.
    """
    given = {_place(path, table, q, pick): (q, pick) for q, pick in request.columns.items()}
    taken = set(request.columns)
    found = []
    for place, name in enumerate(table.names):
        below = table.units[place] if place < len(table.units) else ""
        if place in given:
            quantity, pick = given[place]
            own = meaning(name)
            best = pick.unit or _unit_of(own, quantity) or unit(below.strip("()[] "), DIMENSION[quantity])
            found.append(Named(place, name, Meaning(quantity, best, "", "", True), best, pick.sign))
        elif name and (read := meaning(name)) and read.quantity not in taken | {"nothing"}:
            best = read.unit or unit(below.strip("()[] "), DIMENSION[read.quantity])
            found.append(Named(place, name, read, best))
    return found


def _unit_of(read: Meaning | None, quantity: str) -> WrittenUnit | None:
    return unit(read.unit.text, DIMENSION[quantity]) if read and read.unit else None


def _place(path: str, table: RawTable, quantity: str, pick: Pick) -> int:
    count = len(table.names)
    if isinstance(pick.column, int):
        if not 1 <= pick.column <= count:
            raise InputError(f"--columns {quantity}={pick.column}: {path} has columns 1 .. {count}")
        return pick.column - 1
    hits = [k for k, name in enumerate(table.names) if name == pick.column]
    hits = hits or [k for k, name in enumerate(table.names) if name.lower() == str(pick.column).lower()]
    if len(hits) != 1:
        why = f"{len(hits)} columns are called so" if hits else "no column is called so"
        known = nearest(str(pick.column), [name for name in table.names if name])
        raise InputError(f"--columns {quantity}={pick.column}: {why} {known}; number them from 1")
    return hits[0]


def texts(table: RawTable, column: Named) -> list[str]:
    """Cells of a column of words."""
    return [row[column.place] for row in table.rows]


def numbers(path: str, table: RawTable, column: Named) -> Numbers:
    """Cells of a column as numbers in SI units.

    Raises
    ------
    InputError
        If one is no number, or an impossible one; it names line and column.
    """
    quantity = column.meaning.quantity
    si, factor = (column.unit.si, column.unit.factor) if column.unit else (DIMENSION[quantity][0], 1.0)
    allowed = _ALLOWED.get(quantity, "finite")
    top = ABSURD.get(si, math.inf)
    values, missing = np.empty(len(table.rows)), {}
    for k, row in enumerate(table.rows):
        text = row[column.place]
        value = number(text, table.decimal)
        if quantity == "polarity":
            value = _SIGNS.get(text.lower(), value)
        if value is None:
            raise InputError(f"{path}, line {table.lines[k]}: {column.shown} is '{short(text)}', not a number")
        if math.isnan(value):
            missing[table.lines[k]] = short(text)
        elif not {"> 0": value > 0, ">= 0": value >= 0, "1 or -1": abs(value) == 1, "finite": True}[allowed]:
            raise InputError(f"{path}, line {table.lines[k]}: {column.shown} is {text}, it must be {allowed}")
        elif abs(value * factor) > top:
            raise InputError(
                f"{path}, line {table.lines[k]}: {column.shown} is {text}, beyond {top:g} {si}: is the column in "
                f"another unit than {column.unit.text if column.unit else si}, or is this an instrument's code?"
            )
        values[k] = value * factor
    return Numbers(column, si, column.sign * values, missing)


def by_quantity(columns: Iterable[Named]) -> dict[str, list[Named]]:
    """Columns by what they are, in the order of the file.

    Where a name says plainly what a column is, others that only look like it (``Iter`` beside ``I``) are left alone.
    """
    found: dict[str, list[Named]] = {}
    for column in columns:
        found.setdefault(column.meaning.quantity, []).append(column)
    return {q: [c for c in own if c.meaning.sure] or own for q, own in found.items()}


REPEATABLE = ("time", "voltage", "current", "conductance", "resistance", "pulse", "pulse_voltage", "width", "up",
              "down", "read_voltage", "cycle", "abs_current")  # fmt: skip
"""Quantities that stand several times where runs stand side by side."""


def side_by_side(path: str, columns: Mapping[str, list[Named]]) -> list[tuple[str, dict[str, list[Named]]]]:
    """Runs that stand side by side, each with the columns that are its own or all runs'; one where there is but one.

    Raises
    ------
    InputError
        If some columns stand twice and others do not, so that nobody knows which belong together.
    """
    several = {q: found for q, found in columns.items() if len(found) > 1 and q in REPEATABLE}
    if not several:
        return [("", dict(columns))]
    count = {len(found) for found in several.values()}
    alike = {q: len({c.name for c in found}) < len(found) for q, found in several.items()}
    if len(count) == 1 and (not any(alike.values()) or all(alike.values())):
        labels = _labels(several)
        if labels is not None and (len(several) > 1 or not any(alike.values())):
            shared = {q: found for q, found in columns.items() if q not in several}
            return [
                (label, {**shared, **{q: [found[k]] for q, found in several.items()}}) for k, label in enumerate(labels)
            ]
    for found in several.values():
        for name, times in Counter(c.name for c in found).items():
            if times > 1:
                places = " and ".join(str(c.place + 1) for c in found if c.name == name)
                raise InputError(f"{path}: columns {places} are both called '{name}'; rename all but one")
    quantity = next(iter(several))
    shown = ", ".join(c.shown for c in several[quantity])
    raise InputError(
        f"{path}: {len(several[quantity])} columns may be the {quantity.replace('_', ' ')} ({shown}); say which with "
        f"--columns {quantity}={several[quantity][0].place + 1}"
    )


def _labels(several: Mapping[str, Sequence[Named]]) -> list[str] | None:
    """One label a run: the numbers or channels that their names end with, if they agree; else 1, 2, ..."""
    tagged = [[c.meaning.number or c.meaning.channel for c in found] for found in several.values()]
    filled = [[tag or "1" for tag in tags] for tags in tagged]
    if all(len(set(tags)) == len(tags) for tags in filled):
        return filled[0] if all(tags == filled[0] for tags in filled) else None
    return [str(k + 1) for k in range(len(tagged[0]))] if all(len(set(tags)) == 1 for tags in tagged) else None
