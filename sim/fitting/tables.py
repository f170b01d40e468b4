"""Reading a table of numbers from a CSV file: names, lines, and what an instrument writes where it has no reading.

A value is no reading if it is empty, NaN, infinite, or of `NO_READING` and above: 9.9E37 and 9.91E37 are infinity and
not-a-number of SCPI, 7E22, 199.999E99 and 9.91E307 those of other analysers. A value beyond what any cell can carry is
refused by name: it is in another unit than its column says, or a code that is not known.
"""

from __future__ import annotations

import csv
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hil.errors import InputError
from hil.files import reason

NO_READING = 1e20
"""Magnitude from which a number is an instrument's code; no cell has such a current, voltage, conductance or time."""

ABSURD: Mapping[str, float] = {"A": 1e3, "V": 1e4, "S": 1e3, "s": 1e10}
"""Magnitude beyond which a value is in no unit that its column can mean."""

LONGEST_NUMBER = 100
"""Letters of a number; what is longer is none."""

_SIGNS = {"1": 1.0, "+1": 1.0, "1.0": 1.0, "+": 1.0, "-1": -1.0, "-1.0": -1.0, "-": -1.0}

_ALLOWED = {"conductance_S": "> 0", "width_s": ">= 0", "rest_s": ">= 0", "polarity": "1 or -1"}
"""Columns whose values are not any finite number."""


@dataclass
class Table:
    """Columns of a file, a value a line; NaN where the instrument had none.

    Attributes
    ----------
    source : str
        File, for messages.
    lines : list of int
        Number of the line that a row stands on.
    columns : dict
        Name to (N,) array.
    missing : dict
        Name to the lines in which it has no reading, with what stands there.
    """

    source: str
    lines: list[int]
    columns: dict[str, NDArray[np.float64]]
    missing: dict[str, dict[int, str]] = field(default_factory=dict)

    def require(self, names: Iterable[str], why: str) -> None:
        """Refuse a file in which one of `names` lacks a value on any line, for that is part of what drove the cell."""
        for name in names:
            for line, text in self.missing.get(name, {}).items():
                shown = f"'{text}', an instrument's code for no reading" if text else "empty"
                raise InputError(f"{self.source}, line {line}: {name} is {shown}; {why}")

    def without(self, rows: NDArray[np.bool_]) -> Table:
        """Leave rows out: those of which nothing is known."""
        kept = np.flatnonzero(~rows)
        lines = [self.lines[k] for k in kept]
        missing = {name: {n: t for n, t in found.items() if n in set(lines)} for name, found in self.missing.items()}
        return Table(self.source, lines, {n: c[kept] for n, c in self.columns.items()}, missing)

    def dropped(self) -> list[str]:
        """Say of every column how many readings are not there, and on which lines."""
        found = []
        for name, lines in self.missing.items():
            if lines:
                kinds = Counter(text.upper() or "empty" for text in lines.values())
                count = f"{len(lines)} reading{'s' * (len(lines) > 1)}"
                shown = ", ".join(f"{text}{f' x {n}' * (n > 1)}" for text, n in kinds.most_common(4))
                found.append(
                    f"{count} of {name} dropped, no reading of the instrument ({shown}): line{'s' * (len(lines) > 1)} "
                    f"{ranges(list(lines))}"
                )
        return found


def read(path: Path) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """Names of the columns, and lines of text cells with their numbers.

    Raises
    ------
    InputError
        If the file cannot be read as a table of text, or a line has more cells than there are names.
    """
    rows: list[tuple[int, list[str]]] = []
    numbers: list[int] = [0]

    def told(lines: Iterable[str]) -> Iterator[str]:
        for number, line in enumerate(lines, 1):
            if "\0" in line:
                raise InputError(f"{path}, line {number}: a NUL byte, which no text file holds")
            if line.strip() and not line.lstrip().startswith("#"):
                numbers.append(number)
                yield line

    if path.is_char_device():  # such as /dev/zero, which never ends
        raise InputError(f"{path} is a device of the system, give a file")
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            for row in csv.reader(told(file)):
                rows.append((numbers[-1], [cell.strip() for cell in row]))
    except FileNotFoundError:
        raise InputError(f"no data file {path}") from None
    except UnicodeDecodeError:
        raise InputError(f"{path} is no text file; give a CSV file or the folder of a run") from None
    except OSError as error:
        raise InputError(f"{path} cannot be read: {reason(error)}") from None
    except csv.Error as error:
        limit = f"a cell of more than {csv.field_size_limit():,} letters"
        raise InputError(
            f"{path}, line {numbers[-1]}: {limit if 'field larger' in str(error) else error}; is this a CSV file?"
        ) from None
    if len(rows) < 2:
        raise InputError(f"{path} is empty: give a line of column names, then the data")
    (_, names), *lines = rows
    return names, lines


def table(path: Path, names: Sequence[str], lines: Sequence[tuple[int, list[str]]], wanted: Sequence[str]) -> Table:
    """Numbers of the `wanted` columns.

    Raises
    ------
    InputError
        For two columns of one name, a line that is longer or shorter than the names, or a cell that is no number or an
        impossible one.
    """
    for name in wanted:
        if names.count(name) > 1:
            places = " and ".join(str(k + 1) for k, other in enumerate(names) if other == name)
            raise InputError(f"{path}: columns {places} are both called '{name}'; rename all but one")
    at = {name: names.index(name) for name in wanted}
    found = Table(str(path), [], {}, {name: {} for name in wanted})
    values: dict[str, list[float]] = {name: [] for name in wanted}
    for number, row in lines:
        if len(row) <= max(at.values()) or any(row[len(names) :]):
            raise InputError(
                f"{path}, line {number}: {len(row)} value{'s' * (len(row) != 1)}, but {len(names)} columns are named"
            )
        found.lines.append(number)
        for name, column in at.items():
            value = _number(f"{path}, line {number}: {name}", row[column], name)
            if math.isnan(value):
                found.missing[name][number] = _short(row[column])
            values[name].append(value)
    found.columns = {name: np.array(column) for name, column in values.items()}
    return found


def ranges(numbers: Sequence[int]) -> str:
    """Whole numbers in few letters: ``3, 5-8, 12``."""
    parts: list[list[int]] = []
    for number in numbers:
        if parts and number == parts[-1][-1] + 1:
            parts[-1][1:] = [number]
        else:
            parts.append([number])
    return ", ".join("-".join(map(str, part)) for part in parts)


def _number(where: str, text: str, name: str) -> float:
    """A value; NaN for an instrument's code of no reading."""
    if not text:
        return math.nan
    if name == "polarity" and text in _SIGNS:
        return _SIGNS[text]
    try:
        value = float(text) if len(text) <= LONGEST_NUMBER and "_" not in text else None
    except ValueError:
        value = None
    if value is None:
        raise InputError(f"{where} is '{_short(text)}', not a number")
    if not abs(value) < NO_READING:
        return math.nan
    allowed = _ALLOWED.get(name, "finite")
    if not {"> 0": value > 0, ">= 0": value >= 0, "1 or -1": abs(value) == 1, "finite": True}[allowed]:
        raise InputError(f"{where} is {text}, it must be {allowed}")
    unit = name.rpartition("_")[2]
    if abs(value) > ABSURD.get(unit, math.inf):
        raise InputError(
            f"{where} is {text}, beyond {ABSURD[unit]:g} {unit}: is the column in another unit than {unit}, or is this "
            "an instrument's code?"
        )
    return value


def _short(text: str) -> str:
    return text if len(text) <= 30 else f"{text[:20]}... ({len(text):,} letters)"
