"""Results as data: one row type wherever a number is reported, as a table on the screen and as JSON."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from io import StringIO
from typing import TYPE_CHECKING, Any, Literal, SupportsIndex, TextIO, overload

from hil.errors import nearest

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

Value = float | int | str

ROOM_FOR_NOTES = 120
"""Width of a terminal, in characters, below which notes are listed under a table instead of in it."""

PLAIN_WIDTH = 160
"""Width of a table, in characters, where it is not for a terminal."""

MOST_SHOWN = 100
"""Rows that a notebook shows of a table; the others are counted."""


@dataclass(frozen=True)
class Row:
    """One reported quantity.

    Attributes
    ----------
    name : str
        What was measured, without under which conditions: ``on/off ratio``.
    value : float, int, str or None
        The number; the mean where there are repeats. None where there is none to give (the note says why).
    unit : str
        SI unit, ``%`` or empty.
    std : float or None
        Standard deviation (ddof 1) over the repeats.
    n : int or None
        Number of seeds or repeats.
    control : float, str or None
        The same quantity where nothing can have been learned, or another baseline.
    reference : float, str or None
        What the paper, the manual or the peer says.
    note : str
        Assumptions, settings, caveats.
    conditions : mapping
        What the quantity was measured under, values in SI units by name, such as ``{"device": "sim:rram", "width":
        1e-3}``; `CONDITIONS` has the units.
    headline : bool
        Whether it is one of the few numbers that a list of runs shows.
    label : str
        Name and conditions as a table shows them; empty where the name says all.

    A name with blanks around it, as older files have it, is kept without them, and shown with them.
    """

    name: str
    value: Value | None
    unit: str = ""
    std: float | None = None
    n: int | None = None
    control: Value | None = None
    reference: Value | None = None
    note: str = ""
    conditions: Mapping[str, Value] = field(default_factory=dict)
    headline: bool = False
    label: str = ""

    def __post_init__(self) -> None:
        """Take blanks off the name."""
        if self.name != self.name.strip():
            object.__setattr__(self, "label", self.label or self.name)
            object.__setattr__(self, "name", self.name.strip())

    @property
    def text(self) -> str:
        """Name and conditions as a table shows them."""
        return self.label or self.name

    def under(self, prefix: str = "", /, **conditions: Value) -> Row:
        """Build the same row with further conditions, shown after a prefix that tells them."""
        label = f"{prefix}{self.text}" if prefix else self.label
        return replace(self, conditions={**conditions, **self.conditions}, label=label)


CONDITIONS = {
    "amplitude": "V",
    "width": "s",
    "frequency": "Hz",
    "interval": "s",
    "pause": "s",
    "elapsed": "s",
}
"""Units of those conditions that have one."""


class Rows(list[Row]):
    """Rows as a list, shown as a table: `print` gives text, a notebook HTML; ``rows["NAME"]`` finds one.

    A row is found by what the table shows of it or, where several have one name, the first of them by that.
    """

    def __init__(self, rows: Iterable[Row] = (), title: str = "") -> None:
        """Take rows, and what is written above their table."""
        super().__init__(rows)
        self.title = title

    @overload
    def __getitem__(self, which: SupportsIndex | str) -> Row: ...
    @overload
    def __getitem__(self, which: slice) -> list[Row]: ...
    def __getitem__(self, which: SupportsIndex | slice | str) -> Row | list[Row]:
        """Get a row by position, label or name; `KeyError` names the nearest row where there is none."""
        if not isinstance(which, str):
            return super().__getitem__(which)
        for row in (*(row for row in self if row.text.strip() == which), *(row for row in self if row.name == which)):
            return row
        raise KeyError(f"no row '{which}' {nearest(which, [row.text.strip() for row in self])}")

    def __str__(self) -> str:
        """Lay them out as `hil` prints them."""
        from rich.console import Console

        text = StringIO()
        _print(self, self.title, {}, Console(file=text, width=PLAIN_WIDTH, highlight=False))
        return text.getvalue()

    def _repr_html_(self) -> str:
        """Lay them out for a notebook."""
        from hil import notebook

        told = [row for row in self if row.name != WARNING]
        shown = _columns(told[:MOST_SHOWN])
        left = [f"and {len(told) - MOST_SHOWN:,} more rows"] if len(told) > MOST_SHOWN else []
        warned = [f"warning: {sentence}" for sentence in warnings_in(self)[:MOST_SHOWN]]
        lines = zip(*shown.values(), strict=True)
        return f"<div>{notebook.table(list(shown), lines, self.title, '; '.join(left + warned))}</div>"


def repeated(name: str, values: Sequence[float], unit: str = "", **fields: Any) -> Row:
    """Build the row of a repeated measurement: mean, standard deviation and number of repeats."""
    n = len(values)
    mean = sum(values) / n
    std = (sum((v - mean) ** 2 for v in values) / (n - 1)) ** 0.5 if n > 1 else None
    return Row(name, mean, unit, std, n, **fields)


def beside(row: Row, kind: Literal["control", "baseline", "readout"], which: str) -> Row:
    """Mark a row as that of a control, a baseline or a readout, which tables show indented below its quantity."""
    return replace(row.under(**{kind: which}), label=f"  {kind}{'' if kind == 'readout' else ':'} {which}")


WARNING = "warning"
"""Name of rows that say, in their note, what makes the other rows mean less than they seem to."""


def warning(sentence: str) -> Row:
    """Build the row of a warning; it is kept with the results and shown under their table."""
    return Row(WARNING, None, note=sentence)


def warnings_in(rows: Iterable[Row]) -> list[str]:
    """Sentences of all warnings among the rows."""
    return [row.note for row in rows if row.name == WARNING]


def report(
    rows: Sequence[Row],
    title: str,
    json_target: str | None = None,
    heads: Mapping[str, str] | None = None,
    everything: Sequence[Row] | None = None,
) -> None:
    """Show rows as a table and write them to `json_target` if given; with ``-`` the table goes to stderr.

    `heads` gives other headings to columns, such as ``{"value": "default"}``; `everything` is what is written where the
    table shows only some of it.
    """
    from rich.console import Console

    file: TextIO = sys.stderr if json_target == "-" else sys.stdout
    _print(rows, title, heads or {}, Console(file=file, width=None if file.isatty() else PLAIN_WIDTH, highlight=False))
    if json_target is not None:
        from hil.runs.document import save_json

        save_json(rows if everything is None else everything, json_target)


def _print(rows: Sequence[Row], title: str, heads: Mapping[str, str], console: Console) -> None:
    roomy = console.width >= ROOM_FOR_NOTES
    told = [row for row in rows if row.name != WARNING]
    console.print(table(told, title, heads, notes=roomy))
    for row in told if not roomy else ():
        if row.note:
            console.print(f"{row.text.strip()}: {row.note}", style="dim", markup=False)
    for sentence in warnings_in(rows):
        console.print(f"warning: {sentence}", style="yellow", markup=False)


def table(rows: Sequence[Row], title: str, heads: Mapping[str, str], notes: bool = True) -> Table:
    """Lay rows out as a rich table, with or without their notes; columns that no row fills are left out."""
    from rich.table import Table
    from rich.text import Text

    shown = Table(title=Text(title), title_justify="left", title_style="bold")
    columns = _columns(rows, notes)
    for head in columns:
        shown.add_column(heads.get(head, head), justify="right" if head in _NUMBERS else "left", overflow="fold")
    for cells in zip(*columns.values(), strict=True):
        shown.add_row(*(Text(cell) for cell in cells))  # a plain text may hold [brackets]
    return shown


def in_words(row: Row) -> str:
    """Say a row in a few words: ``on/off ratio 100 ± 2``."""
    return " ".join(word for word in (row.name, _spread(row), row.unit) if word)


_NUMBERS = ("value", "n", "control", "reference")


def _columns(rows: Sequence[Row], notes: bool = True) -> dict[str, list[str]]:
    """Texts of every column that some row fills, by its heading."""
    columns = {
        "quantity": [row.text for row in rows],
        "value": [_spread(row) for row in rows],
        "unit": [row.unit for row in rows],
        "n": [_text(row.n) for row in rows],
        "control": [_text(row.control) for row in rows],
        "reference": [_text(row.reference) for row in rows],
        "note": [row.note for row in rows],
    }
    return {head: cells for head, cells in columns.items() if any(cells) and (notes or head != "note")}


def _spread(row: Row) -> str:
    if row.std is None or not isinstance(row.value, int | float):
        return _text(row.value)
    return f"{_text(row.value)} ± {row.std:.2g}"


def _text(value: Value | None) -> str:
    if value is None:
        return ""
    return f"{value:.4g}" if isinstance(value, float) else str(value)
