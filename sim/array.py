"""What all simulated crossbars share: checks, time, measurement, floating lines, variability, threads, snapshots.

A model (FLCA, RRAM, ...) subclasses `SimulatedArray` and adds a compiled `_drive` that moves the state of some columns
through segments of known line voltages, and `_conductance`, eq 1 and 2 of the model. Cells are coupled only through
floating lines, so columns are independent otherwise and are shared out to threads; the result does not depend on how.
"""

from __future__ import annotations

import os
from abc import abstractmethod
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import BaseModel, ConfigDict, Field

from hil.device import Device, Response
from hil.errors import InputError
from hil.limits import Limits
from hil.waveform import Waveform
from sim.lines import line_voltages
from sim.variability import CycleToCycle, DeviceToDevice, ReadNoise, StuckCells, Variability

FLOATING_STEPS = 32
"""Midpoint steps in a segment with floating lines; the error falls with the square of their number."""

WORTH_A_THREAD = 200_000
"""Cell-segments below which handing columns to threads costs more than it gains."""


def unit(symbol: str) -> dict[str, str]:
    """Unit of a parameter, for `Field(json_schema_extra=...)`."""
    return {"unit": symbol}


class Segments(NamedTuple):
    """Segments without floating lines, as the compiled kernels take them.

    Attributes
    ----------
    duration, rows, cols
        As in `hil.waveform.Waveform`; read-only.
    level : (T,) array
        Voltage that all rows share, NaN where they differ: a column at that voltage is at rest.
    events : (T,) array
        Numbers of the segments, which pick the cycle-to-cycle noise.
    """

    duration: NDArray[np.float64]
    rows: NDArray[np.float64]
    cols: NDArray[np.float64]
    level: NDArray[np.float64]
    events: NDArray[np.int64]


class ArrayParameters(BaseModel):
    """Parameters that every simulated crossbar has."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    rows: int = Field(1, ge=1, description="number of rows (word lines)")
    cols: int = Field(1, ge=1, description="number of columns (bit lines)")
    v_max: float = Field(
        5.0, gt=0, allow_inf_nan=True, description="largest magnitude of a line's voltage", json_schema_extra=unit("V")
    )
    i_max: float = Field(
        np.inf,
        gt=0,
        allow_inf_nan=True,
        description="column current reported as tripped (the simulated source does not limit it)",
        json_schema_extra=unit("A"),
    )
    d2d: float = Field(0.0, ge=0, le=1, description="device-to-device spread of sensitivity, fraction")
    d2d_r: float = Field(0.0, ge=0, le=1, description="device-to-device spread of memristance, fraction")
    c2c: float = Field(0.0, ge=0, le=1, description="cycle-to-cycle spread of every programming change, fraction")
    read_noise: float = Field(0.0, ge=0, le=1, description="noise of every measured cell current, fraction")
    stuck_on: float = Field(0.0, ge=0, le=1, description="fraction of cells stuck at g_on")
    stuck_off: float = Field(0.0, ge=0, le=1, description="fraction of cells stuck at g_off")
    g_on: float = Field(1e-2, gt=0, description="conductance of cells stuck on", json_schema_extra=unit("S"))
    g_off: float = Field(1e-9, gt=0, description="conductance of cells stuck off", json_schema_extra=unit("S"))
    seed: int = Field(0, ge=0, le=2**63 - 1, description="seed of all variability")
    threads: int = Field(0, ge=0, description="threads that share the columns; 0 for one a processor")

    def variability(self) -> Variability:
        """The four parts of `sim.variability` as these parameters ask for them."""
        return Variability(
            DeviceToDevice(self.d2d, self.d2d_r),
            CycleToCycle(self.c2c),
            ReadNoise(self.read_noise),
            StuckCells(self.stuck_on, self.stuck_off, self.g_on, self.g_off),
            self.seed,
        )


class SimulatedArray(Device):
    """A crossbar of simulated cells; state arrays are laid out (cols, rows), a column contiguous in memory.

    `read` without a voltage and `mvm` look at the state without touching it, and take no device time.
    """

    def __init__(self, name: str, parameters: ArrayParameters) -> None:
        """Draw the cells and set them to their pristine state."""
        p = parameters
        if p.stuck_on + p.stuck_off > 1:
            raise InputError(f"{name}: stuck_on + stuck_off = {p.stuck_on + p.stuck_off:g} must be <= 1")
        self.name, self.rows, self.cols, self.parameters = name, p.rows, p.cols, p
        self.limits = Limits(v_min=-p.v_max, v_max=p.v_max, v_cell=2 * p.v_max, i_max=p.i_max)
        self.variability = p.variability()
        shape = (p.cols, p.rows)
        self._gain, self._scale = self.variability.device_to_device.draw(shape, p.seed)
        self._stuck = self.variability.stuck.draw(shape, p.seed)
        self._any_stuck = not np.isnan(self._stuck).all()
        self._threads = p.threads or os.cpu_count() or 1
        self._pool = ThreadPoolExecutor(self._threads) if self._threads > 1 else None
        self._time, self._events, self._measurements = 0.0, 0, 0
        self._state: dict[str, NDArray] = self._pristine(shape)

    @abstractmethod
    def _pristine(self, shape: tuple[int, int]) -> dict[str, NDArray]:
        """State arrays of untouched cells; every array's first axis is the column."""

    @abstractmethod
    def _drive(self, columns: slice, play: Segments) -> None:
        """Move the state of `columns` through segments with no floating line; ``play.cols`` is theirs alone."""

    @abstractmethod
    def _memristance(self) -> NDArray[np.float64]:
        """(cols, rows) memristance of every cell at the present state before spread and faults, ohm."""

    @property
    def time(self) -> float:
        """Device time in s."""
        return self._time

    @property
    def conductance(self) -> NDArray[np.float64]:
        """(rows, cols) true conductance of every cell now, S, free of read noise."""
        return np.ascontiguousarray(self._cell_conductance().T)

    def read(self, v: float | None = None) -> NDArray[np.float64]:
        """Conductance of every cell, (rows, cols), S.

        Without a voltage, the state is looked at and not disturbed; read noise is added. With a voltage, the pulses of
        `Device.read` are applied, and disturb whatever the physics makes them disturb.
        """
        if v is not None:
            return super().read(v)
        self._require_open()
        g = self.conductance
        return g + self._noise(g**2)

    def mvm(self, v: ArrayLike) -> NDArray[np.float64]:
        """Column currents (B, cols) in A for row voltages (B, rows), columns at 0 V; nothing is disturbed.

        A floating row (NaN) settles at 0 V, since all columns are there.
        """
        self._require_open()
        v = self._row_voltages(v)
        self.limits.check(Waveform.samples(v, np.zeros((len(v), self.cols)), dwell=self.read_width))
        v, g = np.nan_to_num(v), self.conductance
        currents = v @ g
        return currents + self._noise(v**2 @ g**2) if self.variability.read_noise.sigma else currents

    def snapshot(self) -> dict[str, NDArray]:
        """Exact state: cell arrays, device time and the counters of the noise streams."""
        self._require_open()
        counters = np.array([self._events, self._measurements])
        return self._copied_state() | {"time": np.array(self._time), "counters": counters}

    def restore(self, state: dict[str, NDArray]) -> None:
        """Return to a snapshot of an array of the same kind and size."""
        self._require_open()
        expected = self._state.keys() | {"time", "counters"}
        if state.keys() != expected:
            raise InputError(f"{self.name}: a snapshot holds {sorted(expected)}, not {sorted(state)}")
        for name, array in (self._state | {"time": np.array(0.0), "counters": np.zeros(2, int)}).items():
            if np.shape(state[name]) != array.shape:
                raise InputError(f"{self.name}: snapshot array {name} is {np.shape(state[name])}, not {array.shape}")
        self._state = {name: state[name].astype(array.dtype, copy=True) for name, array in self._state.items()}
        self._time = float(state["time"])
        self._events, self._measurements = (int(n) for n in state["counters"])

    def hold(self, rows: NDArray[np.float64], cols: NDArray[np.float64], duration: float) -> None:
        """Play one segment without measuring or checking it, for callers that step a circuit around the array.

        Parameters
        ----------
        rows, cols : (R,) and (C,) arrays
            Line voltages within the limits, none floating, V.
        duration : float
            s, > 0.
        """
        self._drive_all(np.array([duration]), rows[None], cols[None], np.array([self._events]))
        self._events += 1
        self._time += duration

    def reset(self) -> None:
        """Pristine cells at time 0; spread and stuck cells stay as they were made."""
        self._require_open()
        self._state = self._pristine((self.cols, self.rows))
        self._time, self._events, self._measurements = 0.0, 0, 0

    def _release(self) -> None:
        if self._pool is not None:
            self._pool.shutdown()

    def _play(self, waveform: Waveform) -> Response:
        duration, rows, cols = waveform.duration, waveform.rows, waveform.cols
        floating = np.isnan(rows.sum(axis=1)) | np.isnan(cols.sum(axis=1))
        special = np.flatnonzero(waveform.measure | floating)
        ends = self._time + np.cumsum(duration)
        records, start = [], 0
        for t in [*special, len(duration)]:
            self._drive_all(duration[start:t], rows[start:t], cols[start:t], self._events + np.arange(start, t))
            if t < len(duration):
                samples = self._segment(duration[t], rows[t], cols[t], self._events + t, floating[t])
                if waveform.measure[t]:
                    records.append(self._record(duration[t], samples))
            start = t + 1
        self._events += len(duration)
        self._time = float(ends[-1]) if len(ends) else self._time
        measured = np.flatnonzero(waveform.measure)
        currents, charge, energy = (
            (np.array([r[k] for r in records]) for k in range(3))
            if records
            else (np.zeros((0, self.cols)), np.zeros((0, self.cols)), np.zeros(0))
        )
        tripped = (np.abs(currents) >= self.limits.i_max).any(axis=1)
        return Response(measured, ends[measured], currents, charge, energy, tripped)

    def _segment(
        self, duration: float, rows: NDArray, cols: NDArray, event: int, floating: bool
    ) -> list[tuple[NDArray, NDArray]]:
        """Play one segment and return cell voltages and conductances (cols, rows) at its start, middle and end."""
        samples = [self._look(rows, cols)]
        start = self._copied_state()
        for length in (duration / 2, duration):
            self._state = {name: array.copy() for name, array in start.items()}
            if floating:
                self._drive_floating(length, rows, cols, event)
            else:
                self._drive_all(np.array([length]), rows[None], cols[None], np.array([event]))
            samples.append(self._look(rows, cols))
        return samples

    def _copied_state(self) -> dict[str, NDArray]:
        return {name: array.copy() for name, array in self._state.items()}

    def _look(self, rows: NDArray, cols: NDArray) -> tuple[NDArray, NDArray]:
        g = self._cell_conductance()
        rows, cols = line_voltages(g.T, rows, cols)
        return rows[None, :] - cols[:, None], g

    def _drive_floating(self, duration: float, rows: NDArray, cols: NDArray, event: int) -> None:
        """Midpoint rule: node voltages are solved at the start and at the middle of every step."""
        step, number = duration / FLOATING_STEPS, np.array([event])
        for _ in range(FLOATING_STEPS):
            start = self._copied_state()
            for length in (step / 2, step):
                solved = line_voltages(self._cell_conductance().T, rows, cols)
                self._state = {name: array.copy() for name, array in start.items()}
                self._drive_all(np.array([length]), solved[0][None], solved[1][None], number)

    def _drive_all(self, duration: NDArray, rows: NDArray, cols: NDArray, events: NDArray) -> None:
        if not len(duration):
            return
        level = np.where(rows.min(axis=1) == rows.max(axis=1), rows[:, 0], np.nan)
        play = Segments(*(_fixed(array) for array in (duration, rows, cols, level, events)))
        parts = min(self._threads, self.cols)
        if self._pool is None or parts == 1 or len(duration) * self.rows * self.cols < WORTH_A_THREAD:
            self._drive(slice(0, self.cols), play)
            return
        edges = [self.cols * k // parts for k in range(parts + 1)]
        blocks = [slice(a, b) for a, b in pairwise(edges)]
        jobs = [self._pool.submit(self._drive, b, play._replace(cols=_fixed(cols[:, b]))) for b in blocks]
        for job in jobs:
            job.result()

    def _cell_conductance(self) -> NDArray[np.float64]:
        g = 1.0 / (self._scale * self._memristance())
        return np.where(np.isnan(self._stuck), g, self._stuck) if self._any_stuck else g

    def _record(self, duration: float, samples: list) -> tuple[NDArray, NDArray, float]:
        """Column currents at the end, charge and energy by Simpson's rule over start, middle and end."""
        currents = [(v * g).sum(axis=1) for v, g in samples]
        powers = [(v * v * g).sum() for v, g in samples]
        simpson = duration / 6 * np.array([1.0, 4.0, 1.0])
        v, g = samples[-1]
        noise = self._noise(((v * g) ** 2).sum(axis=1))
        charge = simpson[0] * currents[0] + simpson[1] * currents[1] + simpson[2] * currents[2]
        return currents[-1] + noise, charge, float(simpson @ powers)

    def _noise(self, cell_power: NDArray[np.float64]) -> NDArray[np.float64] | float:
        self._measurements += 1
        return self.variability.read_noise.column_noise(cell_power, self.parameters.seed, self._measurements)


def _fixed(array: NDArray) -> NDArray:
    """Contiguous and read-only, so that every compiled kernel is built for one type of argument."""
    array = np.ascontiguousarray(array).view()
    array.flags.writeable = False
    return array
