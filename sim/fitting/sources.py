"""What is to be fitted: cells of files and of run folders, each with its history, or tables of windows and pairs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hil.errors import InputError
from hil.experiments.records import load, load_devices
from hil.importing.measured import CellData, MeasuredFile
from hil.importing.own import read_run
from hil.importing.reader import read_file
from hil.importing.request import NOTHING, Request
from sim.fitting.data import Measurement
from sim.fitting.files import measurement
from sim.fitting.records import load_run

TABLES = ("ppf", "stdp")
"""Kinds that are tables of points, not histories of a cell."""


@dataclass
class Sources:
    """Cells by name, or tables; never both.

    Attributes
    ----------
    cells : dict
        History of every cell.
    tables : list of CellData
        Paired pulses or spike-timing windows.
    """

    cells: dict[str, Measurement] = field(default_factory=dict)
    tables: list[CellData] = field(default_factory=list)

    @property
    def kind(self) -> str:
        """Kind of all."""
        return self.tables[0].kind if self.tables else next(iter(self.cells.values())).kind


def gather(paths: Sequence[Path], device: int | None = None, request: Request = NOTHING) -> Sources:
    """Read all that is to be fitted.

    Parameters
    ----------
    paths : sequence of Path
        Files of any format that `hil import` knows, or run folders.
    device : int, optional
        The one device of a run folder that is wanted; all that it has if not given.
    request : Request
        What the user says about files; its `cell` chooses one.

    Raises
    ------
    InputError
        If something cannot be read, is of another kind than the rest, or two cells have one name.
    """
    found, several = Sources(), len(paths) > 1
    for path in paths:
        for name, one in _cells(path, device, request).items():
            label = "/".join(part for part in (path.stem if several else "", name) if part)
            if isinstance(one, CellData):
                found.tables.append(one)
            elif label in found.cells:
                raise InputError(f"{path}: a second cell '{label}'; rename one of the files")
            else:
                found.cells[label] = one
    kinds = {m.kind for m in found.cells.values()} | {str(table.kind) for table in found.tables}
    if len(kinds) > 1:
        together = " and ".join(sorted(kinds))
        raise InputError(f"{', '.join(map(str, paths))}: {together} are fitted apart from each other")
    return found


def _cells(path: Path, device: int | None, request: Request) -> dict[str, Measurement | CellData]:
    if not path.is_dir():
        file = read_file(path, request)
        return _of_file(file)
    names = [uri for uri, _ in load_devices(path)]
    if "interval" in (records := load(path)) or "delay" in records:
        return _of_file(read_run(path))
    chosen = range(len(names)) if device is None else [device]
    measured = {k for k in chosen if device is not None or (records["device"] == k).any()}
    several = len(measured) > 1
    return {(f"{k} {names[k]}" if several else ""): load_run(path, k) for k in sorted(measured or chosen)}


def _of_file(file: MeasuredFile) -> dict[str, Measurement | CellData]:
    notes = (*file.dropped, *file.warnings)
    return {cell.cell: cell if cell.kind in TABLES else measurement(cell, notes) for cell in file.cells}
