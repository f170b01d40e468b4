"""`levels:array`: cells that a pulse beyond a threshold moves by one level, as a multi-level flash cell.

The level changes when the pulse begins, so what a pulse does and what flows during it do not depend on how it is cut.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from hil import Device, Response, Waveform
from hil.backends import Backend, DeviceKind
from hil.config import Section
from hil.device import Unsupported
from hil.errors import InputError
from hil.limits import Limits
from hil.programming import Programming

G_MIN, G_MAX, THRESHOLD, WIDTH = 1e-6, 1e-5, 2.0, 1e-5
"""Conductances of the lowest and highest level (S), threshold (V), width of a programming pulse (s)."""


class LevelsParameters(Section):
    """What may stand in an address; `hil devices levels` prints it."""

    rows: int = Field(1, ge=1, description="number of rows (word lines)")
    cols: int = Field(1, ge=1, description="number of columns (bit lines)")
    levels: int = Field(16, ge=2, le=4096, description="levels, evenly spaced in conductance")


class LevelsArray(Device):
    """A crossbar of such cells, all at the lowest level at first."""

    limits = Limits(v_min=-3.0, v_max=3.0, v_cell=3.0)
    read_voltage = 0.1

    def __init__(self, name: str, parameters: LevelsParameters) -> None:
        """Make an array in its pristine state."""
        self.name, self.rows, self.cols, self.levels = name, parameters.rows, parameters.cols, parameters.levels
        self.conductance_step = (G_MAX - G_MIN) / (self.levels - 1)
        self.programming = Programming(v_set=2.5, v_reset=2.5, width=WIDTH, g_min=G_MIN, g_max=G_MAX)
        self.reset()

    @property
    def time(self) -> float:
        """Device time, s."""
        return self._time

    def reset(self) -> None:
        """All cells at the lowest level."""
        self._require_open()
        self._level, self._time = np.zeros(self.cells, dtype=np.int64), 0.0

    def snapshot(self) -> dict[str, NDArray[Any]]:
        """Levels and device time."""
        self._require_open()
        return {"level": self._level.copy(), "time": np.array(self._time)}

    def restore(self, state: dict[str, NDArray[Any]]) -> None:
        """Return to levels that `snapshot` gave."""
        self._require_open()
        if {name: np.shape(array) for name, array in state.items()} != {"level": self.cells, "time": ()}:
            raise InputError(f"{self.name}: this is not a state of {self.rows} x {self.cols} cells")
        self._level, self._time = np.array(state["level"], dtype=np.int64), float(state["time"])

    def _play(self, waveform: Waveform) -> Response:
        if np.isnan(waveform.rows).any() or np.isnan(waveform.cols).any():
            raise Unsupported(f"{self.name} holds every line at a voltage: none can be left floating")
        before, currents, times, energy = np.zeros(self.cells), [], [], []
        for row, col, duration, measured in zip(
            waveform.rows, waveform.cols, waveform.duration, waveform.measure, strict=True
        ):
            across = row[:, None] - col
            begins = (across != before) & (np.abs(across) >= THRESHOLD)
            self._level = np.clip(self._level + np.where(begins, np.sign(across), 0).astype(int), 0, self.levels - 1)
            self._time, before = self._time + float(duration), across
            if measured:
                flowing = across * (G_MIN + self.conductance_step * self._level)
                currents.append(flowing.sum(axis=0))
                times.append(self._time)
                energy.append((across * flowing).sum() * duration)
        told = np.reshape(currents, (len(times), self.cols)).astype(float)
        segments = np.flatnonzero(waveform.measure)
        return Response(
            segments=segments,
            time=np.array(times, dtype=float),
            currents=told,
            charge=told * np.asarray(waveform.duration)[segments][:, None],
            energy=np.array(energy, dtype=float),
            tripped=np.zeros(len(times), dtype=bool),
        )


class LevelsBackend(Backend):
    """All devices under ``levels:``."""

    name = "levels"
    summary = "cells with discrete levels"

    def kinds(self) -> Sequence[DeviceKind]:
        """The one kind."""
        return (DeviceKind("array", "crossbar of cells with discrete levels", LevelsParameters, LevelsArray),)


backend = LevelsBackend()
