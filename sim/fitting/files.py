"""Measurements to fit from anybody's files: `hil.importing` reads and judges them, here they become histories."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from hil.errors import InputError
from hil.importing.measured import CellData
from hil.importing.noise import ReadingNoise, reading_noise
from hil.importing.reader import read_file
from hil.importing.request import NOTHING, Request
from sim.fitting.data import Measurement, decay, joined, sweep, train


def load_csv(path: Path, request: Request = NOTHING) -> Measurement:
    """Read the one cell of a file of any format that `hil import` knows.

    A line without a reading drove the cell all the same: it stays in the history, and the reading is dropped and told
    in `notes`. Where what drove the cell is unknown, the file is refused; a line on which nothing is known is left out.

    Raises
    ------
    InputError
        If the file cannot be read, or holds several cells of which `request` chooses none.
    """
    cells = load_cells(path, request)
    if len(cells) > 1:
        raise InputError(f"{path} holds {len(cells)} cells: choose one with --cell, such as --cell {next(iter(cells))}")
    return next(iter(cells.values()))


def load_cells(path: Path, request: Request = NOTHING) -> dict[str, Measurement]:
    """Read every cell of a file by its name, each with its stretches; see `load_csv`."""
    file = read_file(path, request)
    notes = (*file.dropped, *file.warnings)
    return {cell.cell: measurement(cell, notes) for cell in file.cells}


def measurement(cell: CellData, notes: Sequence[str] = (), reading: ReadingNoise | None = None) -> Measurement:
    """History of a cell as a fit needs it; a stretch without any reading is left out.

    `reading` is how far a reading is uncertain, where the cell's own lines do not hold it any more.

    Raises
    ------
    InputError
        If it is of a kind that no model here is fitted to.
    """
    if cell.kind not in ("train", "sweep", "decay"):
        raise InputError(
            f"{cell.source} is a table of {cell.kind}, to which no model is fitted: hil import {cell.source} gives its "
            "numbers"
        )
    parts = list(cell.stretches())
    if len(parts) > 1:
        told = "current" if cell.kind == "sweep" else "conductance"
        parts = [part for part in parts if np.isfinite(part[told]).sum() > 1] or parts[:1]
    if "spread" in cell.columns and reading is None:
        reading = reading_noise(cell["conductance"], cell["spread"], cell.reads)
    histories = [replace(_history(part), notes=tuple(notes), reading=reading) for part in parts]
    return histories[0] if len(histories) == 1 else joined(histories, cell.source)


def _history(part: CellData) -> Measurement:
    if part.kind == "decay":
        good = np.isfinite(part["conductance"])
        return decay(part["time"][good], part["conductance"][good], part.source)
    if part.kind == "sweep":
        seen = np.where(part["tripped"] > 0, np.nan, part["current"])
        return sweep(part["time"], part["voltage"], seen, part.source)
    return train(
        part["voltage"], part["width"], np.where(part["tripped"] > 0, np.nan, part["conductance"]),
        rest=part["rest"], number=part["pulse"], source=part.source,
    )  # fmt: skip
