"""A run's numbers for other programs: CSV with units in the names, npz, and MATLAB; `hil runs export`.

Of a training, that is what it has learned, too (`hil.training.learned`).

Records of a characterization or an import are one table: a line a point, names such as ``voltage_V``, floats that read
back bit for bit. `hil import` reads the CSV again and gives the same numbers.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hil.errors import InputError
from hil.experiments import catalogue
from hil.experiments.experiment import Experiment
from hil.experiments.records import DEVICE, FILE, load, load_devices
from hil.files import replacing, write_text
from hil.runs.results import Row
from hil.runs.run import read_metrics, summary
from hil.training.learned import Learned, learned

MARK = "# memhil records/1"
"""How the first line of an exported table begins; the name of the experiment follows."""

RECORDS, RESULTS, METRICS = "records", "results", "metrics"
"""Names of what is exported, and of its files."""


def record_names(meta: Mapping[str, Any], where: object) -> list[str]:
    """Names of the columns of a run's records, with their units, in the order of its experiment."""
    return [header(name, column.unit) for name, column in experiment_of(meta, where).columns.items()]


def header(name: str, unit: str) -> str:
    """Name of a column with its unit: ``voltage_V``; nothing is added where there is none."""
    return name if unit in ("", "1") else f"{name}_{unit}"


def experiment_of(meta: Mapping[str, Any], where: object) -> type[Experiment]:
    """Experiment whose records a run holds."""
    name = meta.get("experiment")
    if not isinstance(name, str):
        raise InputError(f"{where} holds no records: it is no characterization and no import")
    return catalogue.experiment(name)


def export_csv(run: Path, folder: Path) -> list[Path]:
    """Write the tables of a run into a folder: records, results, metrics, as far as it has them."""
    meta, rows = _whole(run)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"--csv {folder} cannot be made: {error.strerror or error}") from None
    written = []
    if (run / FILE).exists():
        written.append(_write(folder / f"{RECORDS}.csv", records_text(run, meta)))
    if rows:
        written.append(_write(folder / f"{RESULTS}.csv", _results_text(rows)))
    points = read_metrics(run)
    if points:
        written.append(_write(folder / f"{METRICS}.csv", _metrics_text(points)))
    for name, one in learned(run).items():
        written.append(_write(folder / f"{header(name, one.unit)}.csv", _array_text(name, one)))
    return written


def records_text(run: Path, meta: Mapping[str, Any]) -> str:
    """Records as CSV, below a line that says of which experiment they are."""
    kind = experiment_of(meta, run)
    records, devices = load(run), [uri for uri, _ in load_devices(run)]
    text = io.StringIO()
    text.write(f"{MARK} {kind.name}\n")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([DEVICE, "block", *(header(name, column.unit) for name, column in kind.columns.items())])
    columns = [records[name].tolist() for name in kind.columns]
    for index, block, *values in zip(records[DEVICE].tolist(), records["block"].tolist(), *columns, strict=True):
        writer.writerow([devices[index], block, *("" if value != value else repr(value) for value in values)])
    return text.getvalue()


def arrays(run: Path) -> dict[str, NDArray[Any]]:
    """Everything of a run as arrays by name: records with units in their names, devices, metrics, results as JSON."""
    meta, rows = _whole(run)
    found: dict[str, NDArray[Any]] = {}
    if (run / FILE).exists():
        kind = experiment_of(meta, run)
        records = load(run)
        found[DEVICE], found["block"] = records[DEVICE], records["block"]
        found |= {header(name, column.unit): records[name] for name, column in kind.columns.items()}
        found["devices"] = np.array([uri for uri, _ in load_devices(run)])
        found["experiment"] = np.array(kind.name)
    for point_name, values in _metric_columns(read_metrics(run)).items():
        found[f"{METRICS}_{point_name}"] = values
    found |= {header(name, one.unit): one.values for name, one in learned(run).items()}
    found[RESULTS] = np.array(json.dumps([vars(row) for row in rows]))
    found["meta"] = np.array(json.dumps(meta))
    return found


def export_npz(run: Path, path: Path) -> Path:
    """Write `arrays` of a run as a compressed npz file, without pickle."""
    content: dict[str, Any] = dict(arrays(run))
    with replacing(path) as file:
        np.savez_compressed(file, **content)
    return path


def export_mat(run: Path, path: Path) -> Path:
    """Write `arrays` of a run as a MATLAB 5 file; names are cut to the 31 letters that it allows."""
    from scipy.io import savemat

    content = {name[:31]: values for name, values in arrays(run).items()}
    if len(content) < len(arrays(run)):
        raise InputError(f"--mat {path}: two names are alike in the 31 letters that MATLAB allows: use --npz")
    with replacing(path) as file:
        savemat(file, content, do_compression=True, oned_as="column")
    return path


def _whole(run: Path) -> tuple[Mapping[str, Any], list[Row]]:
    meta, rows = summary(run)
    if "problem" in meta:
        raise InputError(f"{run} is damaged: {meta['problem']}")
    return meta, rows


def _write(path: Path, text: str) -> Path:
    write_text(path, text)
    return path


def _results_text(rows: list[Row]) -> str:
    names = [name for name in Row.__dataclass_fields__ if any(getattr(row, name) not in (None, "", {}) for row in rows)]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(names)
    for row in rows:
        cells = (getattr(row, name) for name in names)
        writer.writerow(["" if c is None else json.dumps(c) if isinstance(c, dict) else c for c in cells])
    return text.getvalue()


def _array_text(name: str, one: Learned) -> str:
    """An array as CSV: a line a row, below one of comment and one of names."""
    table = one.values.reshape(len(one.values), -1) if one.values.ndim else one.values.reshape(1, 1)
    text = io.StringIO()
    text.write(f"# {name}: {one.words}\n")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([header(f"column{k}" if one.values.ndim > 1 else name, one.unit) for k in range(table.shape[1])])
    writer.writerows([["" if x != x else repr(x) for x in line] for line in table.tolist()])
    return text.getvalue()


def _metrics_text(points: list[dict[str, Any]]) -> str:
    names = list(dict.fromkeys(name for point in points for name in point))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(names)
    writer.writerows([point.get(name, "") for name in names] for point in points)
    return text.getvalue()


def _metric_columns(points: list[dict[str, Any]]) -> dict[str, NDArray[np.float64]]:
    names = list(dict.fromkeys(name for point in points for name in point))
    plain = [n for n in names if all(isinstance(point.get(n, 0.0), int | float) for point in points)]
    return {n: np.array([point.get(n, np.nan) for point in points], np.float64) for n in plain}
