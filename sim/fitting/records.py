"""Measurements from the run folder of a characterization: `hil characterize ltp`, `iv` or `retention`.

The history of the cell is the one that was recorded as it was driven: reads, gaps and the time between waveforms
included, voltages and durations as the device made them. No setting plays a part.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hil.errors import InputError
from hil.experiments.bench import Driven
from hil.experiments.records import load, load_devices, load_driven
from hil.importing.noise import ReadingNoise
from hil.importing.numbers import ranges
from hil.importing.records import cells_of_run
from hil.runs.run import summary
from hil.runs.sending import played_again
from sim.fitting.data import Kind, Measurement, telling
from sim.fitting.files import measurement

Records = Mapping[str, NDArray[np.float64]]

_EXPERIMENTS: Mapping[str, tuple[str, Kind]] = {
    "ltp": ("polarity", "train"),
    "iv": ("frequency", "sweep"),
    "retention": ("elapsed", "decay"),
}
"""Experiments that can be fitted: a column that only they have, and what they are."""


def load_run(folder: Path, device: int = 0) -> Measurement:
    """Read the history of one cell from a run folder, finished or not.

    Readings at the compliance, and those that the instrument did not have, are dropped and told; what was driven there
    stays in the history.

    Parameters
    ----------
    folder : Path
        Of `hil characterize ltp`, `iv` or `retention`.
    device : int
        Number of the device, where several were measured.

    Raises
    ------
    InputError
        If the folder is not of such a run, has no such device, is damaged, or of a version that did not record what
        was driven.
    """
    everything, devices = load(folder), load_devices(folder)
    if not 0 <= device < len(devices):
        raise InputError(f"{folder}: no device {device}; it has {len(devices)}, counted from 0")
    uri, info = devices[device]
    if "file" in info:
        return _imported(folder, device, info)
    chosen = everything["device"] == device
    records = {name: column[chosen] for name, column in everything.items()}
    kind = next((kind for column, kind in _EXPERIMENTS.values() if column in records), None)
    if kind is None:
        raise InputError(f"{folder}: only runs of {', '.join(_EXPERIMENTS)} can be fitted")
    blocks = load_driven(folder, device)
    if not chosen.any():
        raise InputError(f"{folder}: nothing has been measured on {uri} yet")
    found = _measurement(kind, records, blocks, f"{folder} ({uri})")
    twice = [row.note for row in played_again(summary(folder)[0], uri)]
    return replace(found, notes=(*found.notes, *twice))


def _imported(folder: Path, device: int, info: Mapping[str, Any]) -> Measurement:
    """History of a cell that came from a file: no read before a train, no current of a pulse need be known."""
    cell = cells_of_run(folder)[device]
    told = {"sweep": "current", "train": "conductance", "decay": "conductance"}.get(cell.kind)
    notes = []
    if told is not None and (missing := int(np.isnan(cell[told]).sum())):
        notes.append(f"{missing} reading{'s' * (missing > 1)} without a value dropped")
    if "tripped" in cell.columns and (clipped := int(cell["tripped"].sum())):
        notes.append(f"{clipped} reading{'s' * (clipped > 1)} at the compliance dropped")
    reading = info.get("reading")
    return measurement(cell, notes, None if reading is None else ReadingNoise(*reading))


def _measurement(kind: Kind, records: Records, blocks: list[Driven], source: str) -> Measurement:
    whole = Driven.joined(blocks)
    seen = np.flatnonzero(whole.measured)
    reads = np.zeros(len(whole.voltage), bool)
    reads[seen] = kind != "sweep"
    if kind == "train":  # a read, then a pulse and a read in turn, in every block
        places = np.concatenate([np.arange(np.count_nonzero(block.measured)) for block in blocks])
        reads[seen[places % 2 == 1]] = False
        axis = np.cumsum(records["pulse"] > 0).astype(np.float64)
    elif kind == "decay":  # the second is the current during the last pulse
        reads[seen[1]] = False
        axis = np.nan_to_num(records["elapsed"][records["elapsed"] != 0])
    else:
        axis = np.cumsum(whole.duration)[seen]
    found = seen if kind == "sweep" else np.flatnonzero(reads)
    if len(found) != len(axis):
        raise InputError(
            f"{source}: {len(axis)} points are recorded, {len(found)} were driven: the records are damaged"
        )
    return _told(kind, source, whole, found, axis, reads)


def _told(
    kind: Kind,
    source: str,
    whole: Driven,
    found: NDArray[np.int64],
    axis: NDArray[np.float64],
    reads: NDArray[np.bool_],
) -> Measurement:
    """Leave out the readings that say nothing."""
    current, volts = whole.current[found], whole.voltage[found]
    notes, good = [], np.ones(len(found), bool)
    for bad, what in ((whole.tripped[found] > 0, "at the compliance"), (~np.isfinite(current), "without a value")):
        if np.any(bad & good):
            numbers = (np.flatnonzero(bad & good) + 1).tolist()
            notes.append(f"{len(numbers)} reading{'s' * (len(numbers) > 1)} {what} dropped: number {ranges(numbers)}")
        good &= ~bad
    clipped = int(np.count_nonzero((whole.tripped > 0) & ~reads)) if kind != "sweep" else 0
    if clipped:
        notes.append(
            f"{clipped} pulses met the compliance: the cell had less than their voltage, the fit takes all of it"
        )
    if kind == "sweep":
        good[good] = telling(volts[good], current[good], source)
    g, steady = current[good] / volts[good], np.full(int(good.sum()), np.nan)
    return Measurement(
        kind, source, whole.voltage, whole.duration, found[good], g, axis[good],
        volts[good] if kind == "sweep" else steady, None if kind == "sweep" else reads, tuple(notes),
    )  # fmt: skip
