"""`RawTable`: a table as it stands in a file, cells of text, before anything is judged."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, eq=False)
class Fact:
    """Something that a file says beside its table: where, under which name, and what."""

    line: int
    name: str
    value: str


@dataclass(frozen=True, eq=False)
class RawTable:
    """Columns and rows of text.

    Attributes
    ----------
    names : list of str
        As they stand; empty strings where columns have none.
    units : list of str
        From a line of units below the names; empty strings where there is none.
    rows : list of lists of str
        Cells, as many as there are names.
    lines : list of int
        Number of the line (of the row, in a sheet) of every row.
    title : str
        What the file calls this table: a sheet, a set-up, a variable; empty where it has but one.
    decimal : str
        Decimal sign of its numbers.
    delimiter : str
        What parts its cells, in words.
    header : int
        Line of the names; 0 where there are none.
    breaks : list of int
        Rows before which something parts the table: names again, a new repetition.
    left_out : list of (int, str)
        Lines that are not part of it, and why.
    kind : str
        What it is, where its format says so; else empty.
    """

    names: list[str]
    units: list[str]
    rows: list[list[str]]
    lines: list[int]
    title: str = ""
    decimal: str = "."
    delimiter: str = ""
    header: int = 0
    breaks: list[int] = field(default_factory=list)
    left_out: list[tuple[int, str]] = field(default_factory=list)
    kind: str = ""


@dataclass(frozen=True, eq=False)
class RawFile:
    """What a format makes of a file: its tables, and what it says beside them."""

    format: str
    encoding: str
    tables: list[RawTable]
    facts: list[Fact] = field(default_factory=list)
