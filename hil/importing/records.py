"""Cells as the records of an experiment: what `hil characterize` would have kept had it measured them; and back."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hil.errors import InputError
from hil.experiments.bench import Driven
from hil.experiments.records import load, load_devices
from hil.importing.measured import CellData, DataKind, cell_data

Columns = Mapping[str, NDArray[np.float64]]

EXPERIMENTS: Mapping[DataKind, str] = {
    "sweep": "iv", "train": "ltp", "decay": "retention", "ppf": "ppf", "stdp": "stdp", "endurance": "endurance",
}  # fmt: skip
"""Experiment whose records a kind is kept as."""

ALIKE = 0.02
"""Share by which peaks or periods of loops differ that are of one member of a family."""


class RecordedBlock(NamedTuple):
    """A block of records: its name, its columns (N,), and what was driven."""

    name: str
    columns: Columns
    driven: Driven


class Curve(NamedTuple):
    """What is kept as one device: a cell, or one decay of several of a cell."""

    label: str
    parts: list[RecordedBlock]


def curves(cell: CellData, exact: Columns | None = None) -> list[Curve]:
    """Records of a cell; decays that begin anew are curves of their own, for each is a measurement by itself.

    `exact` are records of our own with their ``block``, which are kept as they are.
    """
    if exact is not None:
        return [Curve(cell.cell, [_exact(cell, exact, number) for number in np.unique(exact["block"])])]
    if cell.kind == "decay":
        parts = list(cell.stretches())
        names = [cell.cell] if len(parts) == 1 else [f"{cell.cell} decay {k + 1}".strip() for k in range(len(parts))]
        return [Curve(name, [_decay(part)]) for name, part in zip(names, parts, strict=True)]
    return [Curve(cell.cell, _PARTS[cell.kind](cell))]


def _exact(cell: CellData, exact: Columns, number: int) -> RecordedBlock:
    here = exact["block"] == number
    columns = {name: values[here] for name, values in exact.items() if name != "block"}
    nothing = np.zeros(0)
    driven = Driven(nothing, nothing, nothing, nothing, nothing, np.zeros(0, np.int64))
    return RecordedBlock(f"block {number} of {cell.source}", columns, driven)


def _sweep(cell: CellData) -> list[RecordedBlock]:
    peaks, periods = _families(cell)
    found = []
    for part in cell.stretches():
        steps = np.diff(part["time"])
        width = np.concatenate([[float(np.median(steps))] if len(steps) else [0.0], steps])[: len(part)]
        columns = {
            "amplitude": peaks[part.cycle], "frequency": 1.0 / periods[part.cycle], "cycle": part.cycle.astype(float),
            "voltage": part["voltage"], "width": width, "current": part["current"], "time": part["time"],
            "tripped": part["tripped"],
        }  # fmt: skip
        seen = np.isfinite(part["current"]).astype(float)
        driven = Driven(part["voltage"], width, seen, part["current"], part["tripped"], np.zeros(0, np.int64))
        found.append(RecordedBlock(f"lines {part.lines[0]} to {part.lines[-1]}", columns, driven))
    return found


def _families(cell: CellData) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(cycles,) peak (V) and period (s) of every loop; those that are alike within `ALIKE` are given one value."""
    peaks, periods = [], []
    for k in range(int(cell.cycle.max()) + 1):
        one = cell.where(cell.cycle == k)
        steps = np.diff(one["time"])
        step = float(np.median(steps)) if len(steps) else 1.0
        peaks.append(float(np.abs(one["voltage"]).max(initial=0.0)))
        periods.append(step * max(len(one), 1))
    return _alike(np.array(peaks)), _alike(np.array(periods))


def _alike(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Values that differ by less than `ALIKE` from the first of their kind, as that one."""
    kinds: list[float] = []
    found = np.empty(len(values))
    for k, value in enumerate(values):
        near = next((kind for kind in kinds if abs(value - kind) <= ALIKE * abs(kind)), None)
        if near is None:
            kinds.append(float(value))
        found[k] = value if near is None else near
    return found


def _train(cell: CellData) -> list[RecordedBlock]:
    found = []
    for part in cell.stretches():
        volts = part["voltage"]
        sign = _polarity(volts)
        pulse, cycle = np.zeros(len(volts)), part.cycle.astype(float)
        for k in range(len(volts)):
            same = k > 0 and sign[k] == sign[k - 1] and cycle[k] == cycle[k - 1]
            pulse[k] = (pulse[k - 1] if same else 0.0) + (volts[k] != 0)
        positive, negative = volts[volts > 0], volts[volts < 0]
        height = float(positive.max()) if len(positive) else float(np.abs(negative).max(initial=0.0))
        widths = part["width"][volts != 0]
        width = float(np.median(widths)) if len(widths) else 0.0
        columns = {
            "amplitude": np.full(len(volts), height), "width": np.full(len(volts), width), "cycle": cycle,
            "polarity": sign, "pulse": pulse, "voltage": volts, "pulse_current": np.full(len(volts), np.nan),
            "conductance": part["conductance"], "time": np.cumsum(part["width"] + part["rest"]),
            "tripped": part["tripped"],
        }  # fmt: skip
        segments = np.stack([volts, np.zeros(len(volts))], axis=1).ravel()
        seconds = np.stack([part["width"], part["rest"]], axis=1).ravel()
        nothing = np.zeros(len(segments))
        driven = Driven(segments, seconds, nothing, np.full(len(segments), np.nan), nothing, np.zeros(0, np.int64))
        found.append(RecordedBlock(f"lines {part.lines[0]} to {part.lines[-1]}", columns, driven))
    return found


def _polarity(volts: NDArray[np.float64]) -> NDArray[np.float64]:
    """(N,) sign of the pulses of the train that a line belongs to; a reading without one belongs to what follows."""
    sign = np.sign(volts)
    following = next((s for s in sign[::-1] if s), 1.0)
    for k in range(len(sign) - 1, -1, -1):
        following = sign[k] or following
        sign[k] = following
    return sign


def _decay(part: CellData) -> RecordedBlock:
    count = len(part)
    elapsed = part["time"]
    columns = {
        "elapsed": elapsed, "conductance": part["conductance"], "voltage": np.full(count, np.nan),
        "width": np.full(count, np.nan), "time": elapsed, "tripped": np.zeros(count),
    }  # fmt: skip
    nothing = np.zeros(count)
    steps = np.concatenate([[0.0], np.diff(elapsed)])[:count]
    driven = Driven(nothing, steps, nothing, np.full(count, np.nan), nothing, np.zeros(0, np.int64))
    return RecordedBlock(f"lines {part.lines[0]} to {part.lines[-1]}" if count else "nothing", columns, driven)


def _table(cell: CellData) -> list[RecordedBlock]:
    unknown, zero = np.full(len(cell), np.nan), np.zeros(len(cell))
    if cell.kind == "ppf":
        columns = {
            "interval": cell["interval"], "first": cell["first"], "current": cell["second"], "ratio": cell["ratio"],
            "voltage": unknown, "width": unknown, "time": unknown, "tripped": zero,
        }  # fmt: skip
    elif cell.kind == "stdp":
        columns = {
            "delay": cell["delay"], "pre": unknown, "post": unknown, "width": unknown, "before": cell["before"],
            "conductance": cell["after"], "change": cell["change"], "time": unknown, "tripped": zero,
        }  # fmt: skip
    else:
        high, low = cell["high"], cell["low"]
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = np.fmax(high, low) / np.fmin(high, low)
        columns = {
            "cycle": cell["cycle"], "after_positive": high, "after_negative": low,
            "ratio": np.where(np.isfinite(high + low), ratio, np.nan), "voltage_positive": unknown,
            "voltage_negative": unknown, "width": unknown, "time": unknown, "tripped": zero,
        }  # fmt: skip
    nothing = np.zeros(0)
    driven = Driven(nothing, nothing, nothing, nothing, nothing, np.zeros(0, np.int64))
    return [RecordedBlock(f"lines {cell.lines[0]} to {cell.lines[-1]}", columns, driven)]


_PARTS: Mapping[DataKind, Callable[[CellData], list[RecordedBlock]]] = {
    "sweep": _sweep, "train": _train, "ppf": _table, "stdp": _table, "endurance": _table,
}  # fmt: skip


def points(columns: Columns) -> Iterator[dict[str, float]]:
    """Columns as one record a row."""
    names = list(columns)
    for values in zip(*(columns[name].tolist() for name in names), strict=True):
        yield dict(zip(names, values, strict=True))


def cells_of_run(folder: Path) -> list[CellData]:
    """Cells of a run folder, imported or of `hil characterize`, from its records.

    Raises
    ------
    InputError
        If the folder holds no records, or those of an experiment that no kind is of.
    """
    everything, devices = load(folder), load_devices(folder)
    kind, _ = kind_of(everything, folder)
    found = []
    for index, (uri, info) in enumerate(devices):
        chosen = everything["device"] == index
        own = {name: values[chosen] for name, values in everything.items()}
        found.append(cells_of(kind, own, str(info.get("cell", uri)), f"{folder} ({uri})"))
    return found


def kind_of(everything: Mapping[str, Any], where: object) -> tuple[DataKind, str]:
    """Kind of records by their columns, and its experiment; `InputError` where no kind is of that experiment."""
    for kind, marks in _MARKS.items():
        if set(marks) <= set(everything):
            return kind, EXPERIMENTS[kind]
    raise InputError(f"{where}: records of this experiment are no measurement that is imported")


_MARKS: Mapping[DataKind, Sequence[str]] = {
    "sweep": ("frequency", "current"), "train": ("polarity", "pulse"), "decay": ("elapsed", "conductance"),
    "ppf": ("interval", "ratio"), "stdp": ("delay", "change"), "endurance": ("after_positive", "after_negative"),
}  # fmt: skip


def cells_of(kind: DataKind, own: Mapping[str, NDArray[Any]], name: str, source: str) -> CellData:
    """Cell whose records these are, with their ``block``; blocks are stretches where time does not go on."""
    if kind == "decay":
        after = np.isfinite(own["elapsed"])
        own = {column: values[after] for column, values in own.items()}
    fresh = np.diff(own["block"], prepend=own["block"][:1]) != 0
    fresh[1:] &= own["time"][1:] <= own["time"][:-1]
    block = np.cumsum(fresh).astype(np.int64)
    columns = _columns(kind, own, block)
    cycle = np.unique(own["cycle"], return_inverse=True)[1] if kind in ("sweep", "train") else 0
    stretch = block if kind in ("sweep", "train") else np.zeros(len(block), np.int64)
    return cell_data(kind, columns, len(block), cell=name, source=source, stretch=stretch, cycle=cycle)


def _columns(
    kind: DataKind, own: Mapping[str, NDArray[Any]], block: NDArray[np.int64]
) -> dict[str, NDArray[np.float64]]:
    if kind == "train":
        return _train_columns(own, block)
    names = {
        "sweep": {"time": "time", "voltage": "voltage", "current": "current", "tripped": "tripped"},
        "decay": {"time": "elapsed", "conductance": "conductance"},
        "ppf": {"interval": "interval", "first": "first", "second": "current", "ratio": "ratio"},
        "stdp": {"delay": "delay", "before": "before", "after": "conductance", "change": "change"},
        "endurance": {"cycle": "cycle", "high": "after_positive", "low": "after_negative"},
    }[kind]
    found = {name: own[column] for name, column in names.items()}
    if kind == "endurance":
        found |= {"high": np.fmax(found["high"], found["low"]), "low": np.fmin(found["high"], found["low"])}
    return found


def _train_columns(own: Mapping[str, NDArray[Any]], block: NDArray[np.int64]) -> dict[str, NDArray[np.float64]]:
    """Widths and rests from the times: what a line took beyond its pulse was rest."""
    width = np.where(own["voltage"] == 0, 0.0, own["width"])
    fresh = np.diff(block, prepend=-1) > 0
    took = np.where(fresh, own["time"], np.diff(own["time"], prepend=0.0))
    rest = np.maximum(took - width, 0.0)
    rest[rest < 1e-9 * np.maximum(own["time"], 1e-30)] = 0.0
    return {
        "pulse": np.cumsum(own["voltage"] != 0).astype(float), "voltage": own["voltage"], "width": width, "rest": rest,
        "conductance": own["conductance"], "tripped": own["tripped"],
    }  # fmt: skip
