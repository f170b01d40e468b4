"""Comparison of two devices: both play one waveform, and their conductances are read along the way."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from hil.biasing import select_lines
from hil.device import Device
from hil.errors import InputError
from hil.limits import LimitError
from hil.runs.results import Row
from hil.waveform import Waveform


@dataclass(frozen=True)
class DeviceComparison:
    """Conductances of two devices along one waveform.

    Attributes
    ----------
    devices : tuple of str
        Names.
    time : (K,) array
        Device time of every look at the cells, s; the first before the waveform.
    conductance : (2, K, rows, cols) array
        Conductances, S.
    step : float
        The larger of the devices' `conductance_step`, S; 0 if both are continuous.
    """

    devices: tuple[str, str]
    time: NDArray[np.float64]
    conductance: NDArray[np.float64]
    step: float

    def rows(self) -> list[Row]:
        """Result rows: how far the conductances are apart."""
        apart = np.abs(self.conductance[1] - self.conductance[0])
        moved = np.abs(self.conductance[:, -1] - self.conductance[:, 0]).mean(axis=(1, 2))
        rows = [
            *(
                Row("mean change", float(change), "S", conditions={"device": name}, label=f"mean change of {name}")
                for name, change in zip(self.devices, moved, strict=True)
            ),
            Row("largest difference at first", float(apart[0].max()), "S"),
            Row("largest difference at last", float(apart[-1].max()), "S", headline=True),
            Row("largest difference on the way", float(apart.max()), "S"),
            Row("root mean square at last", float(np.sqrt((apart[-1] ** 2).mean())), "S"),
        ]
        if not self.step:
            return [*rows, Row("conductance step", None, note="neither device is quantised")]
        return [
            *rows,
            Row("conductance step", self.step, "S", note="largest distance of neighbouring states"),
            Row("largest difference at last", float(apart[-1].max() / self.step), "steps"),
            Row("largest difference on the way", float(apart.max() / self.step), "steps"),
            Row("mean difference at last", float(apart[-1].mean() / self.step), "steps"),
        ]


def compare(devices: tuple[Device, Device], waveform: Waveform, looks: int) -> DeviceComparison:
    """Play one waveform on two devices and read all cells up to `looks` times on the way.

    A call ends at 0 V, so cells are read beside rests only, the nearest ones to equal distances, and at the end.

    Raises
    ------
    InputError
        If the devices differ in size.
    LimitError
        If either does not allow the waveform; nothing has been applied to the other then.
    """
    first, second = devices
    if first.cells != second.cells:
        raise InputError(
            f"{first.name} has {first.rows} x {first.cols} cells, {second.name} {second.rows} x {second.cols}: "
            "compare devices of one size"
        )
    for device in devices:
        try:
            device.limits.check(waveform)
        except LimitError as error:
            raise LimitError(f"{device.name}: {error}") from None
    cuts = _cuts(waveform, looks)
    seen, times = [[device.read() for device in devices]], [first.time]
    for start, stop in pairwise(cuts):
        for device in devices:
            device.apply(waveform[int(start) : int(stop)])
        seen.append([device.read() for device in devices])
        times.append(first.time)
    conductance = np.array(seen).swapaxes(0, 1)
    step = max(device.conductance_step for device in devices)
    return DeviceComparison((first.name, second.name), np.array(times), conductance, step)


def _cuts(waveform: Waveform, looks: int) -> NDArray[np.int64]:
    """Segments before which the waveform may be cut without cutting a pulse, near `looks` equal parts; both ends."""
    rests = ~np.any(np.nan_to_num(np.hstack([waveform.rows, waveform.cols])), axis=1)
    harmless = np.flatnonzero(np.concatenate([[True], rests[1:] | rests[:-1], [True]]))
    wanted = np.linspace(0, len(waveform), looks + 1)
    return np.unique(harmless[np.abs(harmless[:, None] - wanted).argmin(axis=0)])


def random_pulses(
    rows: int, cols: int, count: int, voltages: tuple[float, ...], width: float, rest: float, seed: int
) -> Waveform:
    """Pulses on random cells, a rest after each: a random half of the rows crosses a random column, biased by V/2.

    Parameters
    ----------
    rows, cols, count : int
        Lines and pulses.
    voltages : tuple of float
        Cell voltages to choose from, V.
    width, rest : float
        s.
    seed : int
        Seed of the random choices.
    """
    rng = np.random.default_rng([seed, 8])
    parts = []
    for _ in range(count):
        v = rng.choice(voltages)
        chosen = rng.random(rows) < 0.5
        column = np.arange(cols) == rng.integers(cols)
        parts += [
            select_lines(chosen, column, v, width=width),
            Waveform.rest(rest, rows, cols),
        ]
    return Waveform.concat(parts)
