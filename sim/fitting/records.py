"""Measurements from the run folder of a characterization: `hil characterize ltp`, `iv` or `retention`.

The whole history of the cell is rebuilt from settings and times, reads and gaps included, because a read may drive a
cell too. Time that no setting explains, such as that between two trains, is rest at 0 V.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hil.errors import InputError
from hil.experiments.records import load, load_devices
from sim.fitting.data import Measurement, sweep

Records = Mapping[str, NDArray[np.float64]]

_EXPERIMENTS = {"ltp": "polarity", "iv": "current", "retention": "elapsed"}
"""Experiments that can be fitted, and a column that only they have."""


def load_run(folder: Path, device: int = 0) -> Measurement:
    """Read the history of one cell from a run folder, finished or not.

    Parameters
    ----------
    folder : Path
        Of `hil characterize ltp`, `iv` or `retention`.
    device : int
        Number of the device, where several were measured.

    Raises
    ------
    InputError
        If the folder is not of such a run, or has no such device.
    """
    everything, devices = load(folder), load_devices(folder)
    if not 0 <= device < len(devices):
        raise InputError(f"{folder}: no device {device}; it has {len(devices)}, counted from 0")
    uri, info = devices[device]
    chosen = everything["device"] == device
    records = {name: column[chosen] for name, column in everything.items()}
    for name, column in _EXPERIMENTS.items():
        if column in records and (name != "iv" or "voltage" in records):
            if not chosen.any():
                raise InputError(f"{folder}: nothing has been measured on {uri} yet")
            return _READERS[name](records, info["settings"], f"{folder} ({uri})")
    raise InputError(f"{folder}: only runs of {', '.join(_EXPERIMENTS)} can be fitted")


def _train(records: Records, s: Mapping[str, Any], source: str) -> Measurement:
    """Per point: the pulse and its gap (none before the first read of a train), the read and its gap."""
    negative = s["amplitude_negative"] / s["amplitude"]
    height = records["amplitude"] * np.where(records["polarity"] > 0, 1.0, -negative)
    pulsed = records["pulse"] > 0
    gap, read = float(s["gap"]), float(s["read_width"])
    width = np.where(pulsed, records["width"], 0.0)
    before = np.where(pulsed, gap, 0.0)
    elapsed = np.diff(records["time"], prepend=records["time"][0] - read)
    waited = np.maximum(elapsed - width - before - read, 0.0)
    waited[0] = 0.0
    count = len(height)
    voltage = np.stack(
        [np.zeros(count), np.where(pulsed, height, 0.0), np.zeros(count), np.full(count, s["read_voltage"])]
    )
    duration = np.stack([waited, width, before, np.full(count, read)])
    reads = np.zeros((4, count), bool)
    reads[3] = True
    return Measurement(
        "train", source, voltage.T.ravel(), duration.T.ravel(), 4 * np.arange(count) + 3, records["conductance"],
        np.cumsum(pulsed).astype(np.float64), np.full(count, np.nan), reads.T.ravel(),
    )  # fmt: skip


def _retention(records: Records, s: Mapping[str, Any], source: str) -> Measurement:
    """The read before programming, the pulses, then reads and waits; a current during the last pulse is not fitted."""
    sign, count = (1.0, s["pulses"]) if s["polarity"] == "positive" else (-1.0, s["pulses"])
    height = sign * (s["amplitude"] if sign > 0 else s["amplitude_negative"])
    gap, read = float(s["gap"]), float(s["read_width"])
    later = records["elapsed"] > 0
    after = records["elapsed"][later]
    waits = np.maximum(np.diff(after, prepend=0.0) - read, 0.0)
    volts = [s["read_voltage"], 0.0, *[height, 0.0] * count]
    seconds = [read, gap, *[s["width"], gap] * (count - 1), s["width"], 0.0]
    reads = [True, *[False] * (len(volts) - 1)]
    head = len(volts)
    seen = np.concatenate([[0], head + 2 * np.arange(len(after)) + 1])
    return Measurement(
        "decay", source,
        np.concatenate([volts, np.tile([0.0, s["read_voltage"]], len(after))]),
        np.concatenate([seconds, np.stack([waits, np.full(len(after), read)], axis=1).ravel()]),
        seen.astype(np.int64),
        np.concatenate([records["conductance"][:1], records["conductance"][later]]),
        np.concatenate([[0.0], after]),
        np.full(len(seen), np.nan),
        np.concatenate([reads, np.tile([False, True], len(after))]),
    )  # fmt: skip


def _sweep(records: Records, s: Mapping[str, Any], source: str) -> Measurement:
    return sweep(records["time"], records["voltage"], records["current"], source)


_READERS = {"ltp": _train, "iv": _sweep, "retention": _retention}
