"""An import from files to a run folder: records with units, rows, a figure, netCDF, where it all came from.

`hil import` and `hil.import_data` are both thin layers over `read_all` and `keep`.
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hil.errors import InputError
from hil.experiments import catalogue, figures
from hil.experiments.characterization import analysed
from hil.experiments.export import save_netcdf
from hil.experiments.play import Measured
from hil.experiments.records import CharacterizationRun, Recorder
from hil.importing.measured import CellData, MeasuredFile
from hil.importing.noise import ReadingNoise, reading_noise
from hil.importing.reader import Findings, read_file
from hil.importing.records import EXPERIMENTS, Curve, curves, points
from hil.importing.request import Request, request
from hil.importing.text import load
from hil.runs.metadata import Metadata, checked
from hil.runs.results import Row, Rows, warning
from hil.runs.run import new_path

KIND = "import"
"""Kind of a run that was imported."""

FORM = 1
"""Version of the importer, kept with every run."""

MOST_DRAWN = 24
"""Cells of which the figure shows the curves."""

HEADLINES = ("on/off ratio", "branch ratio", "drift exponent nu", "tau", "window of the last cycle")
"""Quantities of all cells that a list of runs shows."""

TOLD: Mapping[str, str] = {
    "sweep": "current", "train": "conductance", "decay": "conductance", "ppf": "ratio", "stdp": "change",
    "endurance": "high",
}  # fmt: skip
"""Column that must hold a reading for a row to tell anything."""


@dataclass(frozen=True)
class _Named:
    """A curve with the address under which it is kept."""

    uri: str
    curve: Curve
    cell: CellData
    file: MeasuredFile


def import_data(
    files: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    *,
    run: str | os.PathLike[str] | None = None,
    metadata: Mapping[str, Any] | None = None,
    **options: Any,
) -> Measured:
    """Read measured files of any known format into a run like those of `characterize`: what `hil import` does.

    Parameters
    ----------
    files : path, or several
        Measured files of one kind; their formats are told by their content.
    run : path, optional
        Folder of the run; the next free one below ``runs`` if not given.
    metadata : mapping, optional
        What the run is of: name, sample, wafer, die, operator, comment, tags.
    **options
        What the files do not say, as on the command line: ``columns="time=1,voltage=AV,current=AI:uA"``,
        ``dwell=10e-3``, ``pulse="+1.2V/-1.4V,100us"``, ``window="5uS,80uS"``, ``offset``, ``compliance``,
        ``read_voltage``, ``decimal``, ``cell``, ``kind``.

    Returns
    -------
    Measured
        Rows, records, run folder, pictures.

    Raises
    ------
    InputError
        If a file cannot be told, or something is missing in it; the sentence has an example command.

    Examples
    --------
    >>> result = hil.import_data("IV_07.csv", dwell=10e-3)  # doctest: +SKIP
    >>> result.rows  # doctest: +SKIP
    """
    paths = [Path(files)] if isinstance(files, str | os.PathLike) else [Path(file) for file in files]
    asked, about = request(**options), checked(metadata)
    return keep(read_all(paths, asked), asked, None if run is None else Path(run), about)


def read_all(
    paths: Sequence[Path], asked: Request, findings: Mapping[Path, Findings] | None = None
) -> list[MeasuredFile]:
    """Read all files; they must be of one kind, and each must have a reading left."""
    if not paths:
        raise InputError("name at least one file")
    found = []
    for path in paths:
        file = read_file(path, asked, (findings or {}).get(path))
        for cell in file.cells:
            if not np.isfinite(cell[TOLD[cell.kind]]).any():
                dropped = f": {'; '.join(file.dropped)}" if file.dropped else ""
                raise InputError(f"{cell.source}: no reading is left{dropped}")
        found.append(file)
    kinds = {file.kind: file.path for file in found}
    if len(kinds) > 1:
        shown = ", ".join(f"{path} is a {kind}" for kind, path in kinds.items())
        raise InputError(f"one import, one kind of measurement: {shown}; import them one by one")
    return found


def keep(files: Sequence[MeasuredFile], asked: Request, path: Path | None, about: Metadata) -> Measured:
    """Write a run folder of what was read."""
    named = _named(files)
    kind = files[0].kind
    experiment = catalogue.experiment(EXPERIMENTS[kind])
    path = path or new_path(f"import-{_stem(files[0].path)}")
    config = {KIND: {"files": [file.path for file in files], **_given(asked)}}
    with CharacterizationRun.create(path, KIND, config, about) as run:
        print(f"{run.path}: {experiment.name} from {', '.join(file.path for file in files)}", file=sys.stderr)
        try:
            devices = []
            with Recorder(run.records_file, experiment.columns) as recorder:
                for index, one in enumerate(named):
                    info = _info(one)
                    recorder.add_device(index, one.uri, info)
                    for number, part in enumerate(one.curve.parts):
                        recorder.add_block(index, number, part.name, list(points(part.columns)), part.driven, None)
                    devices.append({"uri": one.uri, **info, "blocks": len(one.curve.parts), "finished": True})
                told: list[tuple[str, dict[str, Any], Any]] = [
                    (one.uri, {}, recorder.records(index)) for index, one in enumerate(named)
                ]
            rows, drawn = analysed(experiment, told)
            rows = [*_of_all(rows, len(named)), *rows, *_left_out(files)]
            run.note(
                experiment=experiment.name,
                units={name: column.unit for name, column in experiment.columns.items()},
                devices=devices,
                imported={"importer": FORM, "files": [_provenance(file) for file in files]},
            )
            run.save_results(rows)
            shown = dict(list(drawn.items())[:MOST_DRAWN])
            picture = figures.write(experiment, shown, run.figure(f"{experiment.name}.png"))
            if len(drawn) > MOST_DRAWN:
                print(f"the figure shows the first {MOST_DRAWN} of {len(drawn)} cells", file=sys.stderr)
            _export(run, experiment.name)
            run.set_state("finished")
        except BaseException:
            run.set_state("stopped")
            raise
    return Measured(run.path, Rows(rows, f"{run.path}"), (picture,))


def _stem(path: str) -> str:
    return "".join(c if c.isalnum() or c in "-_" else "-" for c in Path(path).stem)[:40] or "data"


def _named(files: Sequence[MeasuredFile]) -> list[_Named]:
    """Every curve under an address of its own: the file's name, and the cell's behind a #."""
    names = [Path(file.path).name for file in files]
    found: list[_Named] = []
    for file, name in zip(files, names, strict=True):
        base = name if names.count(name) == 1 else file.path
        for cell in file.cells:
            for curve in curves(cell, file.exact[cell.cell] if file.exact else None):
                uri = f"file:{base}#{curve.label}" if curve.label else f"file:{base}"
                found.append(_Named(uri, curve, cell, file))
    uris = [one.uri for one in found]
    twice = next((uri for uri in uris if uris.count(uri) > 1), None)
    if twice is not None:
        raise InputError(f"{twice} is there twice: name each file once")
    return found


def _info(one: _Named) -> dict[str, Any]:
    """Facts about a cell that are kept with its data."""
    volts = one.cell["voltage"] if "voltage" in one.cell.columns else np.zeros(0)
    return {
        "name": one.uri,
        "identity": None,
        "rows": 1,
        "cols": 1,
        "limits": {"i_max": one.file.compliance, "v_min": _end(volts, min), "v_max": _end(volts, max)},
        "parameters": {},
        "settings": {},
        "file": one.file.path,
        "cell": one.curve.label,
        **({} if (noise := _noise(one.cell)) is None else {"reading": list(noise)}),
    }


def _noise(cell: CellData) -> ReadingNoise | None:
    """How far a reading is uncertain, where lines hold several; kept, for records have their mean alone."""
    return reading_noise(cell["conductance"], cell["spread"], cell.reads) if "spread" in cell.columns else None


def _end(values: Any, end: Any) -> float | None:
    return float(end(values)) if len(values) else None


def _given(asked: Request) -> dict[str, Any]:
    """What the user said, as TOML can hold it."""
    columns = {
        name: f"{'-' if pick.sign < 0 else ''}{pick.column}{':' + pick.unit.text if pick.unit else ''}"
        for name, pick in asked.columns.items()
    }
    plain = {
        "dwell": asked.dwell, "offset": asked.offset, "compliance": asked.compliance, "cell": asked.cell,
        "read_voltage": asked.read_voltage, "decimal": asked.decimal, "kind": asked.kind,
        "window": list(asked.window) if asked.window else None,
        "pulse": {k: v for k, v in asked.pulse._asdict().items() if v is not None} if asked.pulse else None,
        "columns": columns or None,
    }  # fmt: skip
    return {name: value for name, value in plain.items() if value is not None}


def _provenance(file: MeasuredFile) -> dict[str, Any]:
    folder = Path(file.path).is_dir()
    content = b"" if folder else load(Path(file.path))
    return {
        "file": file.path,
        "sha256": None if folder else hashlib.sha256(content).hexdigest(),
        "bytes": None if folder else len(content),
        "found": list(file.found),
        "dropped": list(file.dropped),
        "warnings": list(file.warnings),
        "facts": dict(list(file.facts.items())[:200]),
    }


def _of_all(rows: Sequence[Row], cells: int) -> list[Row]:
    """Median of every quantity over all cells, and how far they spread; nothing where there is one cell."""
    values: dict[tuple[str, str], list[float]] = {}
    for row in rows:
        if cells > 1 and isinstance(row.value, int | float) and "device" in row.conditions:
            values.setdefault((row.name, row.unit), []).append(float(row.value))
    found = []
    for (name, unit), each in values.items():
        if len(each) > 1:
            low, high = np.percentile(each, [16, 84])
            note = f"median over cells; 68 % of them are within {low:.4g} .. {high:.4g}"
            median = Row(name, float(np.median(each)), unit, n=len(each), note=note, headline=name in HEADLINES)
            found.append(median.under("all cells: ", device="all"))
    return found


def _left_out(files: Sequence[MeasuredFile]) -> list[Row]:
    several = len(files) > 1
    rows = []
    for file in files:
        where = f"{Path(file.path).name}: " if several else ""
        rows += [Row("left out", None, note=where + sentence) for sentence in file.dropped]
        rows += [warning(where + sentence) for sentence in file.warnings]
    return rows


def _export(run: CharacterizationRun, experiment: str) -> None:
    meta = run.meta()
    attributes = {"source": f"memhil {meta.get('versions', {}).get('memhil', '')}", "history": meta.get("started", "")}
    try:
        save_netcdf(run.path, experiment, catalogue.experiment(experiment).columns, attributes)
    except InputError as error:
        print(f"{run.records_file}: {error}", file=sys.stderr)
