"""Tables in a text: which lines are rows, what parts their cells, which sign is the decimal one, where the names are.

A row is a line whose cells are numbers where most lines have numbers. Delimiter and decimal sign are those with which
most lines are rows of one width. A line within a table that is no row is refused, never skipped: nobody knows what it
did to the cell.
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hil.errors import InputError
from hil.importing.header import NO_NAMES, Names, facts_of, names_above, uncommented
from hil.importing.numbers import number, short
from hil.importing.raw import Fact, RawTable

Lines = Sequence[tuple[int, str]]
"""Lines of a text with their numbers."""

SAMPLE = 600
"""Lines by which delimiter and decimal sign are chosen."""

_CELLS: dict[str, tuple[str, Callable[[str], list[str]]]] = {
    "\t": ("tab", lambda line: line.split("\t")),
    ";": ("semicolon", lambda line: line.split(";")),
    ",": ("comma", lambda line: line.split(",")),
    "|": ("bar", lambda line: line.strip("|").split("|")),
    " ": ("blanks", lambda line: line.split()),
}


@dataclass(frozen=True)
class Form:
    """How a text is cut into cells and read as numbers."""

    delimiter: str
    decimal: str

    @property
    def words(self) -> str:
        """The delimiter in words."""
        return _CELLS[self.delimiter][0]

    def cells(self, line: str) -> list[str]:
        """Cells of a line, stripped; quotes are taken off."""
        if '"' in line and self.delimiter != " ":
            found = next(csv.reader([line], delimiter=self.delimiter, skipinitialspace=True), [])
        else:
            found = _CELLS[self.delimiter][1](line)
            if len(line) > csv.field_size_limit():
                longest = max(map(len, found), default=0)
                if longest > csv.field_size_limit():
                    raise csv.Error("field larger than field limit")
        return [cell.strip().strip('"') for cell in found]


@dataclass
class _Segment:
    """Rows that follow each other, and the lines above them."""

    above: list[tuple[int, str]]
    rows: list[list[str]] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    breaks: list[int] = field(default_factory=list)


def lines_of(text: str) -> list[tuple[int, str]]:
    """Lines with their numbers, from 1; those without a letter are left out."""
    split = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return [(n, line.rstrip()) for n, line in enumerate(split, 1) if line.strip()]


def tables(path: Path, lines: Lines, decimal: str | None = None) -> tuple[list[RawTable], list[Fact]]:
    """Find every table of a text, and what its other lines say.

    Raises
    ------
    InputError
        If there is no table, if a line within one is no row, or if a comma may be a decimal sign as well as one between
        thousands and `decimal` does not say.
    """
    plain = [(n, line) for n, line in lines if uncommented(line) is None]
    form = _form(path, plain, decimal)
    width, numeric = _shape(path, plain, form)
    segments, below = _segments(path, lines, form, width, numeric)
    found, facts, above = [], [], NO_NAMES
    for segment in segments:
        names = names_above(path, segment.above, width, form.cells, segment.lines[0])
        facts += facts_of(names.rest, form.cells)
        above = names if names.names else above
        found.append(_raw(segment, above, form, width, names))
    facts += facts_of(below, form.cells)
    if below:
        numbers = [(n, "after the table") for n, _ in below]
        found[-1].left_out.extend(numbers)
    return found, facts


def _raw(segment: _Segment, names: Names, form: Form, width: int, own: Names) -> RawTable:
    titles = [text for _, text in own.rest if text.strip()]
    shown = names.names or [""] * width
    units = names.units or [""] * width
    rows, keep = segment.rows, list(range(width))
    while keep and not shown[keep[-1]] and all(not row[keep[-1]] for row in rows):
        keep.pop()  # a delimiter at the end of every line
    return RawTable(
        [shown[k] for k in keep], [units[k] for k in keep], [[row[k] for k in keep] for row in rows], segment.lines,
        title=(uncommented(titles[-1]) or titles[-1]).strip(" ,;:\t")[:40] if titles else "",
        decimal=form.decimal, delimiter=form.words, header=names.line, breaks=segment.breaks,
    )  # fmt: skip


def _form(path: Path, lines: Lines, decimal: str | None) -> Form:
    """Delimiter and decimal sign with which most lines are rows of one width."""
    if len(lines) > SAMPLE:
        third, middle = SAMPLE // 3, len(lines) // 2
        lines = [*lines[:third], *lines[middle : middle + third], *lines[-third:]]
    best, most = Form(",", "."), (0, 0)
    for delimiter in _CELLS:
        for sign in (".", ",") if decimal is None else (decimal,):
            form = Form(delimiter, sign)
            if (delimiter, sign) == (",", ",") and not any('"' in line for _, line in lines):
                continue
            widths = Counter(len(cells) for cells in _rows(path, lines, form))
            width, count = max(widths.items(), key=lambda item: (item[1] * (item[0] > 1), item[1]), default=(0, 0))
            score = (count * (2 if width > 1 else 1), width)
            if score[0] > most[0] or (score[0] == most[0] and score[1] > most[1]):
                best, most = form, score
    if not most[0]:
        raise _no_table(path, lines)
    return _told_decimal(path, lines, best) if decimal is None else best


_GLUED = re.compile(r"\d\s*[;|\t,]\s*[-+.\d]")
"""Numbers that another delimiter would part."""


def _rows(path: Path, lines: Lines, form: Form) -> list[list[str]]:
    """Lines that may be rows: at least half of their cells are numbers, and one of them is there."""
    found = []
    for line_number, line in lines:
        cells = _cut(path, line_number, line, form)
        values = [number(cell, form.decimal) for cell in cells]
        known = sum(value is not None for value in values)
        glued = any(value is None and _GLUED.search(cell) for value, cell in zip(values, cells, strict=True))
        if not glued and 2 * known >= len(cells) and any(value is not None and value == value for value in values):
            found.append(cells)
    return found


_DECISIVE = re.compile(r"[-+]?(0,\d*|\d*,(\d{0,2}|\d{4,})([eE].*)?|\d{4,},\d*([eE].*)?)")


def _told_decimal(path: Path, lines: Lines, form: Form) -> Form:
    """Refuse ``1,234`` where nothing says whether it is a thousand or one and a bit."""
    if form.delimiter == ",":
        return form
    cells = [cell for row in _rows(path, lines, form) for cell in row if number(cell, ",") is not None and "," in cell]
    cells += [
        cell for row in _rows(path, lines, Form(form.delimiter, ".")) for cell in row if "," in cell and "." not in cell
    ]
    pointed = any("." in cell for row in _rows(path, lines, Form(form.delimiter, ".")) for cell in row)
    if not cells:
        return Form(form.delimiter, ".") if pointed or form.decimal == "." else form
    if any(_DECISIVE.fullmatch(cell) for cell in cells):
        return Form(form.delimiter, ",")
    if pointed:
        return Form(form.delimiter, ".")
    raise InputError(
        f"{path}: {short(cells[0])} may be a thousand or a fraction; say which with --decimal , or --decimal ."
    )


def _shape(path: Path, lines: Lines, form: Form) -> tuple[int, list[bool]]:
    """Width of the rows, and which of their columns are numbers."""
    rows = _rows(path, lines, form)
    if not rows:
        raise _no_table(path, lines)
    width = max(Counter(map(len, rows)).items(), key=lambda item: item[1])[0]
    right = [row for row in rows if len(row) == width]
    share = [sum(_fills(row[k], form) for row in right) / len(right) for k in range(width)]
    return width, [part > 0.5 for part in share]


def _segments(
    path: Path, lines: Lines, form: Form, width: int, numeric: list[bool]
) -> tuple[list[_Segment], list[tuple[int, str]]]:
    """Rows, parted where text stands between them, and the lines below the last."""
    found: list[_Segment] = []
    waiting: list[tuple[int, str]] = []
    for line_number, line in lines:
        if uncommented(line) is not None:
            waiting.append((line_number, line))
            continue
        cells = _cut(path, line_number, line, form)
        if _is_row(cells, form, width, numeric):
            if (waiting or not found) and not _tells(cells, form):
                continue
            only_comments = bool(waiting) and all(uncommented(text) is not None for _, text in waiting)
            if not found or (waiting and not only_comments and not _again(waiting, found, form)):
                found.append(_Segment(waiting))
            elif waiting:
                found[-1].breaks.append(len(found[-1].rows))
            waiting = []
            found[-1].rows.append(cells)
            found[-1].lines.append(line_number)
            continue
        if found:
            _require_text(path, line_number, cells, form, width, numeric)
        waiting.append((line_number, line))
    if not found:
        raise _no_table(path, lines)
    return found, waiting


def _is_row(cells: list[str], form: Form, width: int, numeric: list[bool]) -> bool:
    return len(cells) == width and all(
        _fills(cell, form) for cell, wanted in zip(cells, numeric, strict=True) if wanted
    )


def _tells(cells: list[str], form: Form) -> bool:
    """Whether a number is there at all: a table does not begin with a line of delimiters."""
    return any(value is not None and value == value for value in (number(cell, form.decimal) for cell in cells))


def _fills(cell: str, form: Form) -> bool:
    """Whether a cell is a number, no reading, or a sign alone."""
    return cell == "+" or number(cell, form.decimal) is not None


def _again(waiting: Lines, found: list[_Segment], form: Form) -> bool:
    """Whether the lines between rows are the names once more."""
    above = [form.cells(uncommented(text) or text) for _, text in found[-1].above]
    return all(form.cells(uncommented(text) or text) in above for _, text in waiting)


def _require_text(path: Path, line: int, cells: list[str], form: Form, width: int, numeric: list[bool]) -> None:
    """Refuse a line among or after rows that is a row gone wrong, and no text."""
    values = [number(cell, form.decimal) for cell in cells]
    known = sum(value is not None for value in values)
    if values[0] is None and (len(cells) != width or 2 * known <= len(cells)):
        return
    if len(cells) != width:
        if known < len(cells) and 2 * known <= len(cells):
            return
        raise InputError(
            f"{path}, line {line}: {len(cells)} value{'s' * (len(cells) != 1)}, but {width} columns are named"
        )
    place = next(k for k, cell in enumerate(cells) if not _fills(cell, form) and numeric[k])
    raise InputError(f"{path}, line {line}: column {place + 1} is '{short(cells[place])}', not a number")


def _cut(path: Path, line: int, text: str, form: Form) -> list[str]:
    try:
        return form.cells(text)
    except csv.Error as error:
        limit = f"a cell of more than {csv.field_size_limit():,} letters"
        raise InputError(
            f"{path}, line {line}: {limit if 'field larger' in str(error) else error}; is this a CSV file?"
        ) from None


def _no_table(path: Path, lines: Lines) -> InputError:
    if len(lines) < 2:
        return InputError(f"{path} is empty: give a line of column names, then the data")
    return InputError(
        f"{path}: no table was found: no line of its {len(lines):,} has numbers with a delimiter between; "
        f"the first is '{short(lines[0][1].strip())}'"
    )
