"""`CellBench`: one cell of a device, as an experiment drives and measures it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from hil.device import Device
from hil.errors import InputError
from hil.grid import Grid
from hil.limits import LimitError, Limits
from hil.waveform import Waveform


@dataclass(frozen=True, eq=False)
class Samples:
    """Measurements of one cell in the K measured segments of a waveform.

    Attributes
    ----------
    time : (K,) array
        Device time at the end of the segment, s.
    voltage, width : (K,) arrays
        Voltage across the cell (V) and length of the segment (s), as they were driven.
    current : (K,) array
        Current through the cell at the end of the segment, A.
    tripped : (K,) array
        1 where the compliance current was reached, else 0.
    """

    time: NDArray[np.float64]
    voltage: NDArray[np.float64]
    width: NDArray[np.float64]
    current: NDArray[np.float64]
    tripped: NDArray[np.float64]

    @property
    def conductance(self) -> NDArray[np.float64]:
        """(K,) current over voltage, S; NaN at 0 V, and where the compliance limited the current to less."""
        unknown = (self.voltage == 0) | (self.tripped > 0)
        return self.current / np.where(unknown, np.nan, self.voltage)

    def __getitem__(self, part: slice) -> Samples:
        """Cut out some of the samples."""
        return Samples(*(getattr(self, field.name)[part] for field in fields(self)))


@dataclass(frozen=True, eq=False)
class Driven:
    """History of a cell: gapless segments of constant voltage, the time between waveforms included.

    Attributes
    ----------
    voltage, duration : (T,) arrays
        Across the cell, V, and how long, s; 0 s at 0 V parts two waveforms that follow at once.
    measured : (T,) array
        1 where the current was measured, else 0.
    current : (T,) array
        Current at the end of a measured segment, A; else NaN.
    tripped : (T,) array
        1 where the compliance current was reached in a measured segment, else 0.
    resets : (N,) array of int
        Segments before which the cell was brought back to its pristine state.
    """

    voltage: NDArray[np.float64]
    duration: NDArray[np.float64]
    measured: NDArray[np.float64]
    current: NDArray[np.float64]
    tripped: NDArray[np.float64]
    resets: NDArray[np.int64]

    @classmethod
    def joined(cls, parts: Sequence[Driven]) -> Driven:
        """Join histories, one after the other."""
        starts = np.cumsum([0, *(len(part.voltage) for part in parts)])[:-1]
        tables = {
            name: np.concatenate([getattr(part, name) for part in parts]) if parts else np.zeros(0)
            for name in ("voltage", "duration", "measured", "current", "tripped")
        }
        resets = [part.resets + start for part, start in zip(parts, starts, strict=True)]
        return cls(**tables, resets=np.concatenate([*resets, np.zeros(0, np.int64)]).astype(np.int64))


class CellBench:
    """The cell at (`row`, `col`) of a device, every other line at 0 V.

    Voltages and durations are rounded to what the device resolves, if `quantise` says so, and the rounded ones are
    recorded. Nothing beyond the device's limits or beyond `v_max` is ever driven.

    Attributes
    ----------
    grid : Grid
        Rounds voltages and durations to what the device can drive.

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
        self.device, self.row, self.col, self.grid = device, row, col, Grid.of(device, quantise)
        self._history: list[Driven] = []
        self._until = device.time
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
        waveform = self.grid.waveform(waveform)
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
        """Drive the cell with a 1 x 1 waveform, as one waveform of the device; note all of it."""
        placed = self.place(waveform)
        began = self.device.time
        response = self.device.apply(placed)
        across = placed.rows[:, self.row] - placed.cols[:, self.col]
        seen, current = response.segments, response.currents[:, self.col]
        tripped = response.tripped.astype(np.float64)
        self._note(across, placed.duration, seen, current, tripped, max(began - self._until, 0.0))
        return Samples(response.time, across[seen], placed.duration[seen], current, tripped)

    def reset(self) -> None:
        """Bring the device back to its pristine state; `Unsupported` where it cannot."""
        self.device.reset()
        self._until = self.device.time
        nothing = np.zeros(0)
        self._history.append(Driven(nothing, nothing, nothing, nothing, nothing, np.zeros(1, np.int64)))

    def begin(self) -> None:
        """Begin the history anew at the device's present time, after its state was restored."""
        self._until = self.device.time

    def taken(self) -> Driven:
        """Return the history since the last call, and begin a new one."""
        parts, self._history = self._history, []
        return Driven.joined(parts)

    def _note(
        self,
        voltage: NDArray[np.float64],
        duration: NDArray[np.float64],
        seen: NDArray[np.int64],
        current: NDArray[np.float64],
        tripped: NDArray[np.float64],
        idle: float,
    ) -> None:
        measured, currents, trips = np.zeros((3, len(voltage) + 1))
        measured[seen + 1], trips[seen + 1], currents[:] = 1.0, tripped, np.nan
        currents[seen + 1] = current
        parts = (np.append(0.0, voltage), np.append(idle, duration), measured, currents, trips)
        self._history.append(Driven(*parts, np.zeros(0, np.int64)))
        self._until = self.device.time
