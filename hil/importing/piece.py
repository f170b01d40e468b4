"""`Piece`: one run of one table with its columns, from which a kind makes cells; and the questions that it may ask."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hil.errors import InputError
from hil.importing.columns import Named, Numbers, numbers, texts
from hil.importing.names import DIMENSION
from hil.importing.numbers import ranges
from hil.importing.raw import RawTable
from hil.importing.request import Request

_NO_DEFAULT = (
    "interval",
    "delay",
    "first",
    "second",
    "change",
    "conductance",
    "up",
    "down",
    "high",
    "low",
    "before",
    "after",
)
"""Quantities whose unit is not taken for granted."""

PLAUSIBLE = 1e-2
"""Conductance, S, up to which a column without a unit may be in S."""

UNKNOWN_DRIVE = (
    "what drove the cell there is not known, and so nothing after it: mend the line, or leave out what follows"
)


@dataclass(eq=False)
class Piece:
    """Columns that belong together, read when they are asked for.

    Attributes
    ----------
    path, table, columns, request
        Where they come from, and what the user said.
    label : str
        Which of several runs side by side, or which table of the file; empty where there is but one.
    said : list of str
        What was decided, for the reader to check.
    dropped : list of str
        What was left out, and where.
    warned : list of str
        What makes the numbers mean less than they seem to.
    blank_note : str
        What is told of rows without any value.
    assumed, used : list of str, set of str
        Units that were taken for granted, and quantities that were read.
    limit, limit_from : float or None, str
        Compliance that the file says, A, and where.
    """

    path: str
    table: RawTable
    columns: Mapping[str, Sequence[Named]]
    request: Request
    label: str = ""
    said: list[str] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)
    warned: list[str] = field(default_factory=list)
    blank_note: str = ""
    limit: float | None = None
    limit_from: str = ""
    assumed: list[str] = field(default_factory=list)
    used: set[str] = field(default_factory=set)

    def __contains__(self, quantity: str) -> bool:
        """Whether there is a column of that."""
        return quantity in self.columns

    @cached_property
    def read(self) -> dict[str, list[Numbers]]:
        """All columns that are numbers, by quantity."""
        return {}

    def all(self, quantity: str) -> list[Numbers]:
        """Every column of that quantity as numbers."""
        self.used.add(quantity)
        if quantity not in self.read:
            self.read[quantity] = [numbers(self.path, self.table, named) for named in self.columns[quantity]]
            for column in self.read[quantity]:
                self._tell_unit(column)
        return self.read[quantity]

    def one(self, quantity: str) -> Numbers:
        """The column of that quantity as numbers."""
        return self.all(quantity)[0]

    def values(self, quantity: str) -> NDArray[np.float64]:
        """(N,) the column of that quantity, SI units."""
        return self.one(quantity).values

    def words(self, quantity: str) -> list[str]:
        """The columns of words of that quantity, joined where there are several."""
        self.used.add(quantity)
        parts = [texts(self.table, named) for named in self.columns[quantity]]
        return ["-".join(cells) for cells in zip(*parts, strict=True)]

    def require(self, quantities: Sequence[str], why: str = UNKNOWN_DRIVE) -> None:
        """Refuse a file in which one of them lacks a value on any line, for that is part of what drove the cell."""
        for quantity in quantities:
            if quantity in self:
                column = self.one(quantity)
                for line, text in column.missing.items():
                    shown = f"'{text}', an instrument's code for no reading" if text else "empty"
                    raise InputError(f"{self.path}, line {line}: {column.named.shown} is {shown}; {why}")

    def tell_dropped(self, quantities: Sequence[str]) -> None:
        """Count the readings of these quantities that are not there."""
        for quantity in quantities:
            for column in self.all(quantity) if quantity in self else []:
                self.dropped += column.dropped()

    def without_blank_rows(self, quantities: Sequence[str]) -> Piece:
        """Leave out the rows on which nothing of these quantities is known."""
        columns = [column for q in quantities if q in self for column in self.all(q)]
        blank = np.all([np.isnan(column.values) for column in columns], axis=0)
        if not blank.any():
            return self
        lines = [self.table.lines[k] for k in np.flatnonzero(blank)]
        note = f"{len(lines)} line{'s' * (len(lines) > 1)} without any value left out: {ranges(lines)}"
        rows = [row for row, out in zip(self.table.rows, blank, strict=True) if not out]
        kept = [line for line, out in zip(self.table.lines, blank, strict=True) if not out]
        breaks = [int(np.count_nonzero(~blank[:k])) for k in self.table.breaks]
        table = replace(self.table, rows=rows, lines=kept, breaks=breaks)
        return replace(self, table=table, blank_note=note)

    @property
    def lines(self) -> NDArray[np.int64]:
        """(N,) lines of the rows."""
        return np.array(self.table.lines, np.int64)

    @property
    def source(self) -> str:
        """File and part of it, for messages."""
        return f"{self.path} ({self.label})" if self.label else self.path

    def ask(self, sentence: str, *options: str) -> InputError:
        """Say what is missing, with a command that gives it."""
        return InputError(f"{self.path}: {sentence}, such as: {command(self.path, *options)}")

    def _tell_unit(self, column: Numbers) -> None:
        """Say which unit is taken where a column has none, or ask for it."""
        named, quantity = column.named, column.named.meaning.quantity
        if named.unit is not None or DIMENSION[quantity] == ("1",):
            return
        top = float(np.nanmax(np.abs(column.values), initial=0.0))
        place = named.place + 1
        if quantity in _NO_DEFAULT and not (quantity == "conductance" and 0 < top <= PLAUSIBLE):
            example = {"interval": "ms", "delay": "ms", "change": "%", "high": "kohm", "low": "kohm", "first": "nA",
                       "second": "nA"}.get(quantity, "uS")  # fmt: skip
            if quantity in ("conductance", "up", "down") and normalised(column.values):
                return
            if quantity in ("first", "second") or (quantity == "change" and top == 0):
                return
            if quantity in ("high", "low") and named.name.lower().startswith("r"):
                column.si = "ohm"
                self.assumed.append(f"{named.shown} in ohm")
                return
            raise self.ask(
                f"{named.shown} reaches {top:g} and has no unit: say it", f"--columns {quantity}={place}:{example}"
            )
        self.assumed.append(f"{named.shown} in {column.si}")


def normalised(values: NDArray[np.float64]) -> bool:
    """Whether conductances without a unit fill -1 .. 1 or 0 .. 1, as shares of a window do."""
    known = values[np.isfinite(values)]
    return len(known) > 1 and bool(np.abs(known).max() <= 1.1) and bool(np.ptp(known) > 0.3)


def command(path: str, *options: str) -> str:
    """An example command."""
    return " ".join(["hil import", shlex.quote(Path(path).name), *options])
