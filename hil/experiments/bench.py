"""One cell of a device on the bench: what an experiment drives and what it gets back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hil.device import Device
from hil.errors import InputError
from hil.limits import LimitError, Limits
from hil.waveform import Waveform


@dataclass(frozen=True, eq=False)
class Samples:
    """What one cell answered in the K measured segments of a waveform.

    Attributes
    ----------
    time : (K,) array
        Device time at the end of the segment, s.
    voltage : (K,) array
        Voltage across the cell, V.
    current : (K,) array
        Current through the cell at the end of the segment, A.
    tripped : (K,) array
        1 where the compliance current was reached, else 0.
    """

    time: NDArray[np.float64]
    voltage: NDArray[np.float64]
    current: NDArray[np.float64]
    tripped: NDArray[np.float64]

    @property
    def conductance(self) -> NDArray[np.float64]:
        """(K,) current over voltage, S; NaN at 0 V."""
        return self.current / np.where(self.voltage == 0, np.nan, self.voltage)

    def __getitem__(self, part: slice) -> Samples:
        """Cut out some of the samples."""
        return Samples(self.time[part], self.voltage[part], self.current[part], self.tripped[part])


class Bench:
    """The cell at (`row`, `col`) of a device, every other line at 0 V.

    Voltages and durations are rounded to what the device resolves, if `quantise` says so, and the rounded voltages are
    the ones that are recorded. Nothing beyond the device's limits or beyond `v_max` is ever driven.

    Raises
    ------
    InputError
        If the device has no such cell.
    """

    def __init__(
        self, device: Device, row: int = 0, col: int = 0, *, v_max: float | None = None, quantise: bool = True
    ):
        """Choose the cell."""
        for name, index, count in (("row", row, device.rows), ("col", col, device.cols)):
            if not 0 <= index < count:
                raise InputError(f"{name} = {index}: {device.name} has {count}, give 0 .. {count - 1}")
        self.device, self.row, self.col, self._quantise = device, row, col, quantise
        self._limits = None if v_max is None else Limits(v_min=-v_max, v_max=v_max, v_cell=v_max)

    @property
    def v_max(self) -> float:
        """Largest magnitude of a voltage of either sign that may be driven on the row, V."""
        own = self.device.limits
        return min(own.v_max, -own.v_min, own.v_cell, *([self._limits.v_max] if self._limits else []))

    def place(self, waveform: Waveform) -> Waveform:
        """Lay a 1 x 1 waveform on the lines of the cell, on the device's grid.

        Raises
        ------
        LimitError
            If it goes beyond the device's limits or `v_max`; nothing has been driven.
        """
        limits = self.device.limits
        if self._quantise and (limits.v_step > 0 or limits.time_step > 0):
            waveform = waveform.quantised(limits)
        if self._limits is not None:
            try:
                self._limits.check(waveform)
            except LimitError as error:
                raise LimitError(f"{error} (--v-max {self._limits.v_max:g})") from None
        limits.check(waveform)
        rows, cols = np.zeros(self.device.rows), np.zeros(self.device.cols)
        rows[self.row] = cols[self.col] = 1.0
        return waveform.fan_out(rows, cols)

    def play(self, waveform: Waveform) -> Samples:
        """Drive the cell with a 1 x 1 waveform, as one waveform of the device."""
        placed = self.place(waveform)
        response = self.device.apply(placed)
        across = placed.rows[response.segments, self.row] - placed.cols[response.segments, self.col]
        return Samples(response.time, across, response.currents[:, self.col], response.tripped.astype(np.float64))
