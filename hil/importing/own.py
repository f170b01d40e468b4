"""Our own measurements: run folders, and the tables that `hil runs export` writes; taken over as they are."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hil.errors import InputError
from hil.experiments import catalogue
from hil.experiments.experiment import Experiment
from hil.experiments.records import load, load_devices
from hil.experiments.tables import MARK, header
from hil.importing.measured import MeasuredFile
from hil.importing.numbers import number
from hil.importing.records import cells_of, kind_of

Columns = Mapping[str, NDArray[np.float64]]


def is_table(text: str) -> bool:
    """Whether a text is an exported table of records."""
    return text.removeprefix("\ufeff").startswith(MARK)


def read_table(path: Path, text: str) -> MeasuredFile:
    """Cells of an exported table, with its records as they stand.

    Raises
    ------
    InputError
        If a line or a name of it was changed into what no such table holds.
    """
    lines = text.removeprefix("\ufeff").splitlines()
    experiment = catalogue.experiment(lines[0].removeprefix(MARK).strip())
    names = ["device", "block", *(header(name, column.unit) for name, column in experiment.columns.items())]
    rows = list(csv.reader(io.StringIO("\n".join(lines[1:]))))
    if not rows or [name.strip() for name in rows[0]] != names:
        raise InputError(f"{path}, line 2: records of {experiment.name} have the columns {','.join(names)}")
    table: dict[str, list[float]] = {name: [] for name in ("block", *experiment.columns)}
    devices: dict[str, int] = {}
    device = []
    for line, cells in enumerate(rows[1:], 3):
        if not cells:
            continue
        if len(cells) != len(names):
            raise InputError(f"{path}, line {line}: {len(cells)} values, but {len(names)} columns are named")
        device.append(devices.setdefault(cells[0], len(devices)))
        for name, cell in zip(table, cells[1:], strict=True):
            value = number(cell)
            if value is None:
                raise InputError(f"{path}, line {line}: {name} is '{cell[:40]}', not a number")
            table[name].append(value)
    if not device:
        raise InputError(f"{path} is empty: no record stands below the names")
    columns = {name: np.array(values) for name, values in table.items()}
    if np.isnan(columns["block"]).any():
        raise InputError(f"{path}: a line does not say its block")
    everything = {"device": np.array(device, np.int64), **columns, "block": columns["block"].astype(np.int64)}
    return _file(path, experiment, everything, list(devices), "table of records, exported by hil runs export")


def read_run(path: Path) -> MeasuredFile:
    """Cells of a run folder, with its records as they stand."""
    everything, devices = load(path), load_devices(path)
    kind = kind_of(everything, path)
    experiment = catalogue.experiment(kind[1])
    return _file(path, experiment, everything, [uri for uri, _ in devices], "run folder")


def _file(path: Path, experiment: type[Experiment], everything: Columns, devices: list[str], what: str) -> MeasuredFile:
    kind, _ = kind_of(everything, path)
    labels = devices if len(devices) > 1 else [""]
    cells, exact = [], {}
    for index, label in enumerate(labels):
        chosen = everything["device"] == index
        if not chosen.any():
            continue
        own = {name: values[chosen] for name, values in everything.items()}
        cells.append(cells_of(kind, own, label, f"{path} ({label})" if label else f"{path}"))
        exact[label] = {name: own[name] for name in ("block", *experiment.columns)}
    if not cells:
        raise InputError(f"{path}: nothing has been measured yet")
    count = len(everything["device"])
    said = (f"{what}: {experiment.name} of {', '.join(devices)}", f"{count:,} records, taken as they are")
    return MeasuredFile(str(path), tuple(cells), said, exact=exact)
