"""What a file holds, once it is read and judged: one `CellData` a cell, in SI units; cells and cycles never joined.

=========  ===============================================================================  ==================
kind       columns (N,), NaN where a reading is not there                                   experiment
=========  ===============================================================================  ==================
sweep      time (s), voltage (V), current (A), tripped                                      `iv`
train      pulse, voltage (V, of the pulse; 0: a reading without one), width (s), rest (s   `ltp`
           at 0 V between pulse and reading), conductance (S), spread (S, standard
           deviation of several readings of one line), tripped
decay      time (s), conductance (S), spread (S)                                            `retention`
ppf        interval (s), first, second (A or S), ratio                                      `ppf`
stdp       delay (s), before, after (S), change (1)                                         `stdp`
endurance  cycle, high, low (S)                                                             `endurance`
=========  ===============================================================================  ==================

``tripped`` is 1 where the current was at the compliance: such a point drove the cell and tells no conductance.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from hil.errors import InputError, nearest

DataKind = Literal["sweep", "train", "decay", "ppf", "stdp", "endurance"]

FIELDS: Mapping[DataKind, tuple[str, ...]] = {
    "sweep": ("time", "voltage", "current", "tripped"),
    "train": ("pulse", "voltage", "width", "rest", "conductance", "spread", "tripped"),
    "decay": ("time", "conductance", "spread"),
    "ppf": ("interval", "first", "second", "ratio"),
    "stdp": ("delay", "before", "after", "change"),
    "endurance": ("cycle", "high", "low"),
}
"""Columns of every kind."""

DRIVING: Mapping[DataKind, tuple[str, ...]] = {
    "sweep": ("time", "voltage", "tripped"),
    "train": ("pulse", "voltage", "width", "rest", "tripped"),
    "decay": ("time",),
    "ppf": ("interval",),
    "stdp": ("delay",),
    "endurance": ("cycle",),
}
"""Columns that say what was done to the cell: they have a value in every row."""


@dataclass(frozen=True, eq=False)
class CellData:
    """All that a file tells about one cell, row by row in the order in which it was measured.

    Attributes
    ----------
    kind : str
        One of `FIELDS`.
    cell : str
        What the file calls the cell; empty where it has but one and does not name it.
    columns : mapping of (N,) arrays
        Those of `FIELDS`, in SI units.
    stretch : (N,) array of int
        Number of the gapless stretch that a row belongs to, from 0. Between two stretches nobody knows what happened to
        the cell: a train begins anew, a file was saved, a repetition was started. Within one, nothing is missing.
    cycle : (N,) array of int
        Number of the repetition (a loop; a pair of trains), from 0.
    lines : (N,) array of int
        Where in the file the row stands, for messages.
    source : str
        File, and what in it, for messages.
    reads : int
        Readings of a row, of which a conductance is the mean.

    Raises
    ------
    InputError
        If the arrays do not fit together, or something that drove the cell is not known.
    """

    kind: DataKind
    cell: str
    columns: Mapping[str, NDArray[np.float64]]
    stretch: NDArray[np.int64]
    cycle: NDArray[np.int64]
    lines: NDArray[np.int64]
    source: str
    reads: int = 1

    def __post_init__(self) -> None:
        """Check what everything after this relies on."""
        if set(self.columns) != set(FIELDS[self.kind]):
            raise InputError(f"{self.source}: a {self.kind} has columns {', '.join(FIELDS[self.kind])}")
        for name, values in {**self.columns, "cycle": self.cycle, "line": self.lines}.items():
            if values.shape != self.stretch.shape:
                raise InputError(f"{self.source}: {len(values)} values of {name}, {len(self.stretch)} rows")
        for name in DRIVING[self.kind]:
            bad = np.flatnonzero(~np.isfinite(self.columns[name]))
            if len(bad):
                raise InputError(f"{self.source}, line {self.lines[bad[0]]}: {name} is not known")
        if len(self) and (np.diff(self.stretch) < 0).any():
            raise InputError(f"{self.source}: stretches must follow each other")

    def __len__(self) -> int:
        """Count the rows."""
        return len(self.stretch)

    def __getitem__(self, name: str) -> NDArray[np.float64]:
        """(N,) column of that name."""
        return self.columns[name]

    def where(self, rows: NDArray[np.bool_]) -> CellData:
        """Those rows alone."""
        return replace(
            self,
            columns={name: values[rows] for name, values in self.columns.items()},
            stretch=self.stretch[rows],
            cycle=self.cycle[rows],
            lines=self.lines[rows],
        )

    def stretches(self) -> Iterator[CellData]:
        """Every gapless stretch by itself."""
        for number in np.unique(self.stretch):
            yield self.where(self.stretch == number)

    def cycles(self) -> Iterator[CellData]:
        """Every cycle by itself."""
        for number in np.unique(self.cycle):
            yield self.where(self.cycle == number)


@dataclass(frozen=True, eq=False)
class MeasuredFile:
    """A file, read: its cells, and everything that was decided on the way.

    Attributes
    ----------
    path : str
        The file.
    cells : tuple of CellData
        One a cell and kind, in the order of the file.
    found : tuple of str
        What the file is, in words: format, encoding, columns, loops or trains, cells.
    warnings : tuple of str
        What makes the numbers mean less than they seem to.
    compliance : float or None
        Current at which the source limited, A, where it is known.
    facts : mapping
        What the file says about itself and the sample: instrument, settings, date.
    dropped : tuple of str
        What was left out, why, and on which lines.
    exact : mapping or None
        Records by the name of the cell, where the file is one of our own.
    """

    path: str
    cells: tuple[CellData, ...]
    found: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    compliance: float | None = None
    facts: Mapping[str, str] = field(default_factory=dict)
    dropped: tuple[str, ...] = ()
    exact: Mapping[str, Mapping[str, NDArray[np.float64]]] | None = None

    @property
    def kind(self) -> DataKind:
        """Kind of all cells."""
        return self.cells[0].kind

    def cell(self, name: str) -> CellData:
        """Find the cell of that name; `InputError` naming the others if there is none."""
        for cell in self.cells:
            if cell.cell == name:
                return cell
        raise InputError(f"{self.path}: no cell '{name}' {nearest(name, [cell.cell for cell in self.cells])}")


def cell_data(
    kind: DataKind,
    columns: Mapping[str, NDArray[np.float64] | float],
    count: int,
    *,
    cell: str = "",
    source: str = "",
    stretch: Sequence[int] | NDArray[np.int64] | int = 0,
    cycle: Sequence[int] | NDArray[np.int64] | int = 0,
    lines: Sequence[int] | NDArray[np.int64] | None = None,
    reads: int = 1,
) -> CellData:
    """Build a `CellData` of `count` rows; one number stands for a whole column, a column that is left out is NaN.

    ``tripped`` and ``rest`` are 0 where they are left out.
    """
    defaults = {"tripped": 0.0, "rest": 0.0}
    full = {
        name: np.array(np.broadcast_to(np.asarray(columns.get(name, defaults.get(name, np.nan)), np.float64), (count,)))
        for name in FIELDS[kind]
    }
    numbers = np.arange(1, count + 1) if lines is None else np.asarray(lines)
    return CellData(
        kind,
        cell,
        full,
        np.array(np.broadcast_to(np.asarray(stretch, np.int64), (count,))),
        np.array(np.broadcast_to(np.asarray(cycle, np.int64), (count,))),
        numbers.astype(np.int64),
        source,
        reads,
    )
