"""What was read, in our own form: a CSV file with SI units in its names, which every later command reads."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from hil.errors import InputError
from hil.files import write_text
from hil.importing.measured import DataKind, MeasuredFile

COLUMNS: dict[DataKind, dict[str, str]] = {
    "sweep": {"time": "time_s", "voltage": "voltage_V", "current": "current_A"},
    "train": {"pulse": "pulse", "voltage": "voltage_V", "width": "width_s", "rest": "rest_s",
              "conductance": "conductance_S"},
    "decay": {"time": "time_s", "conductance": "conductance_S"},
    "ppf": {"interval": "interval_s", "ratio": "ratio"},
    "stdp": {"delay": "delay_s", "change": "change"},
    "endurance": {"cycle": "cycle", "high": "G_LRS_S", "low": "G_HRS_S"},
}  # fmt: skip
"""Names of the columns of every kind."""


def save_clean(files: Sequence[MeasuredFile], path: Path) -> None:
    """Write all cells of files of one kind: a column ``cell`` where there are several, ``train`` where one begins anew.

    A reading that is not there, or was at the compliance, is empty.
    """
    kind = files[0].kind
    columns = COLUMNS[kind]
    cells = [cell for file in files for cell in file.cells]
    several = len(cells) > 1
    parts = any(cell.stretch.max(initial=0) > 0 for cell in cells)
    names = [cell.cell or Path(file.path).stem for file in files for cell in file.cells]
    if several and len(set(names)) < len(names):
        names = [f"{Path(file.path).stem} {cell.cell}".strip() for file in files for cell in file.cells]
    if len(set(names)) < len(names):
        raise InputError(f"--out {path}: two cells are both called '{next(n for n in names if names.count(n) > 1)}'")
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*(["cell"] if several else []), *(["train"] if parts else []), *columns.values()])
    for name, cell in zip(names, cells, strict=True):
        values = []
        for own in columns:
            column = cell[own].copy()
            if "tripped" in cell.columns and own in ("current", "conductance"):
                column[cell["tripped"] > 0] = np.nan
            values.append(column)
        for k, line in enumerate(zip(*values, strict=True)):
            head = [*([name] if several else []), *([int(cell.stretch[k]) + 1] if parts else [])]
            writer.writerow([*head, *("" if np.isnan(x) else repr(float(x)) for x in line)])
    write_text(path, text.getvalue())
