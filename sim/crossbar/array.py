"""What all simulated crossbars share: checks, time, measurement, floating lines, variability, threads, snapshots.

A model (FLCA, RRAM, ...) subclasses `SimulatedArray` and adds a compiled `_drive` that moves the state of some columns
through segments of known line voltages, and `_conductance`, eq 1 and 2 of the model. Cells are coupled only through
floating lines, so columns are independent otherwise and are shared out to threads; the result does not depend on how.
"""

from __future__ import annotations

import os
from abc import abstractmethod
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hil.arrays import numbers
from hil.device import Device, Response
from hil.errors import InputError
from hil.limits import Limits
from hil.needs import require_memory
from hil.waveform import Waveform
from sim.crossbar.floating import FloatingSegment
from sim.crossbar.parameters import ArrayParameters
from sim.crossbar.pulses import PulseSpread
from sim.crossbar.range import require_finite, within_range
from sim.crossbar.segments import Segments
from sim.network.lines import line_voltages

WORTH_A_THREAD = 200_000
"""Cell-segments below which handing columns to threads costs more than it gains."""


_NONE = np.empty((0, 0))

COURSE = "course"
"""State array of an array with cycle-to-cycle spread: where the law alone would take the cells (`PulseSpread`)."""


class SimulatedArray(Device):
    """A crossbar of simulated cells; state arrays are laid out (cols, rows), a column contiguous in memory.

    `read` without a voltage and `mvm` look at the state without touching it, and take no device time.

    Attributes
    ----------
    memory_a_cell : int
        Bytes for its states and parameters, and for a copy and the results of one step.
    programmed : str
        State array that pulses move, on which cycle-to-cycle spread acts.
    jumps : bool
        Whether a cell steps at the edges of a pulse alone and stays where it is in between.
    in_pulse : tuple of str
        State arrays in which a law keeps what it must know of a pulse under way; all 0 at rest, and in no snapshot.
    """

    programmed: ClassVar[str]
    memory_a_cell: ClassVar[int] = 120
    jumps: ClassVar[bool] = False
    in_pulse: ClassVar[tuple[str, ...]] = ()

    def __init__(self, name: str, parameters: ArrayParameters) -> None:
        """Draw the cells and set them to their pristine state."""
        p = parameters
        if p.stuck_on + p.stuck_off > 1:
            raise InputError(f"{name}: stuck_on + stuck_off = {p.stuck_on + p.stuck_off:g} must be <= 1")
        require_memory(f"{name}: {p.rows:,} x {p.cols:,} cells", float(self.memory_a_cell) * p.rows * p.cols)
        self.name, self.rows, self.cols, self.parameters = name, p.rows, p.cols, p
        self.limits = Limits(v_min=-p.v_max, v_max=p.v_max, v_cell=2 * p.v_max, i_max=p.i_max)
        self.variability = p.variability()
        shape = (p.cols, p.rows)
        self._gain, self._scale = self.variability.device_to_device.draw(shape, p.seed)
        self._stuck = self.variability.stuck.draw(shape, p.seed)
        self._any_stuck = not np.isnan(self._stuck).all()
        self._threads = p.threads or os.cpu_count() or 1
        self._pool = ThreadPoolExecutor(self._threads) if self._threads > 1 else None
        self._spread: PulseSpread | None = None
        self._state: dict[str, NDArray] = {}
        self._start()

    @abstractmethod
    def _pristine(self, shape: tuple[int, int]) -> dict[str, NDArray]:
        """State arrays of untouched cells; every array's first axis is the column."""

    @property
    @abstractmethod
    def _bounds(self) -> tuple[float, float]:
        """Range of the programmed state."""

    @property
    def _reach(self) -> tuple[float, float]:
        """Range in which a law holds the programmed state; none where a factor comes upon its change."""
        return self._bounds if self._spread is None else (-np.inf, np.inf)

    @abstractmethod
    def _drive(self, columns: slice, play: Segments) -> None:
        """Move the state of `columns` through segments with no floating line; ``play.cols`` is theirs alone."""

    @abstractmethod
    def _dose(
        self, columns: slice, play: Segments, origin: NDArray[np.float64], factor: NDArray[np.float64], out: NDArray
    ) -> None:
        """Integrate 1 / memristance of `columns` over the one segment of `play`, which `_drive` will play next.

        Before spread and faults, s/ohm, to a relative 1e-7 or better, into `out` (columns, rows); the state stays as it
        is. Cells at 0 V need no value. Where there is cycle-to-cycle spread, `origin` and `factor` (columns, rows) are
        those of `sim.crossbar.pulses` and the programmed state is the course; else they are empty.
        """

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

    def read_rows(self, rows: ArrayLike, v: float | None = None) -> NDArray[np.float64]:
        """Conductance of the cells of some rows, (len(rows), cols), S.

        Without a voltage, the state is looked at and not disturbed; read noise is added. With a voltage, the pulses of
        `Device.read_rows` are applied, and disturb whatever the physics makes them disturb.
        """
        if v is not None:
            return super().read_rows(rows, v)
        self._require_open()
        g = self.conductance[self._rows(rows)]
        return g + self._noise(g**2)

    def mvm(self, v: ArrayLike, *, reverse: bool = False) -> NDArray[np.float64]:
        """Currents out of the array for voltages of all other lines, see `Device.mvm`; nothing is disturbed.

        A floating line (NaN) settles at 0 V, since all lines across it are there.
        """
        self._require_open()
        v = self._column_voltages(v) if reverse else self._row_voltages(v)
        lines = v, np.zeros((len(v), self.rows if reverse else self.cols))
        self.limits.check(Waveform.samples(*(lines[::-1] if reverse else lines), dwell=self.read_width))
        v, g = np.nan_to_num(v), self.conductance.T if reverse else self.conductance
        with within_range(f"{self.name}: a current of mvm"):
            currents = v @ g
            currents = currents + self._noise(v**2 @ g**2) if self.variability.read_noise.sigma else currents
            require_finite({"current": currents})
        return currents

    def snapshot(self) -> dict[str, NDArray]:
        """Exact state: cell arrays, device time and the counters of the noise streams."""
        self._require_open()
        counters = np.array([0 if self._spread is None else self._spread.number, self._measurements])
        return {name: self._state[name].copy() for name in self._kept} | {
            "time": np.array(self._time),
            "counters": counters,
        }

    def restore(self, state: dict[str, NDArray]) -> None:
        """Return to a snapshot of an array of the same kind and size; all lines are at 0 V then."""
        self._require_open()
        state = {name: array for name, array in state.items() if name not in self.in_pulse}  # older ones have them
        expected = {name: self._state[name] for name in self._kept}
        expected |= {"time": np.array(0.0), "counters": np.zeros(2, int)}
        if state.keys() != expected.keys():
            raise InputError(f"{self.name}: a snapshot holds {sorted(expected)}, not {sorted(state)}")
        for name, array in expected.items():
            given = state[name] = numbers(state[name], f"{self.name}: snapshot array {name}")
            if given.shape != array.shape:
                raise InputError(f"{self.name}: snapshot array {name} is {given.shape}, not {array.shape}")
            if not np.isfinite(given).all():
                raise InputError(f"{self.name}: snapshot array {name} holds values that are not finite")
        pulses, measurements = (int(n) for n in state["counters"])
        self._start({name: state[name].astype(self._state[name].dtype, copy=True) for name in self._kept}, pulses)
        self._time, self._measurements = float(state["time"]), measurements

    def hold(
        self, rows: NDArray[np.float64], cols: NDArray[np.float64], duration: float, *, again: bool = False
    ) -> None:
        """Play one segment without measuring or checking it, for callers that step a circuit around the array.

        Unlike `apply` it leaves the lines where they are: the next `hold` may go on with the same pulse.

        Parameters
        ----------
        rows, cols : (R,) and (C,) arrays
            Line voltages within the limits, none floating, V.
        duration : float
            s, >= 0; in no time at all, cells only see the voltages that begin or end a pulse.
        again : bool
            Whether the sources of the circuit are as they were at the last call: pulses go on then, even where the
            voltages of cells have moved with their states.
        """
        with within_range(f"{self.name}: what the voltages do"):
            self._begin(rows, cols, again)
            self._drive_all(np.array([duration]), rows[None], cols[None], again)
            self._time += duration
            require_finite(self._state)

    def moment(self) -> tuple:
        """Everything as it is now, in the middle of a pulse too, for `recall` by callers that use `hold`."""
        return self._copied_state(), self._time, self._measurements, self._spread and self._spread.copy()

    def recall(self, moment: tuple) -> None:
        """Return to what `moment` gave; it can be used again."""
        state, self._time, self._measurements, spread = moment
        self._state, self._spread = {name: array.copy() for name, array in state.items()}, spread and spread.copy()

    def reset(self) -> None:
        """Pristine cells at time 0; spread and stuck cells stay as they were made."""
        self._require_open()
        self._start()

    @property
    def _kept(self) -> list[str]:
        """Names of the state arrays that tell all about cells at rest."""
        return [name for name in self._state if name not in self.in_pulse and name != COURSE]

    def _start(self, state: dict[str, NDArray] | None = None, pulses: int = 0) -> None:
        """Lines at 0 V, time and measurements at 0, cells pristine or in a given state, after `pulses` pulses."""
        self._state = self._pristine((self.cols, self.rows)) | (state or {})
        self._time, self._measurements, self._spread = 0.0, 0, None
        if self.parameters.c2c:
            cells = self._state[self.programmed]
            self._spread = PulseSpread.at_rest(self.parameters.c2c, self.parameters.seed, self._bounds, cells)
            self._spread.number = pulses
            self._state[COURSE] = cells.copy()

    def _rest(self) -> None:
        """All lines at 0 V, in no time: every pulse is over."""
        for name in self.in_pulse:
            self._state[name][:] = 0
        self._begin(np.zeros(self.rows), np.zeros(self.cols))

    def _begin(self, rows: NDArray[np.float64], cols: NDArray[np.float64], again: bool = False) -> None:
        """Line voltages of the next segment: tell the spread which pulses end and begin."""
        if self._spread is None or again:
            return
        if np.isnan(rows).any() or np.isnan(cols).any():
            rows, cols = line_voltages(self._cell_conductance().T, rows, cols)
        self._spread.begin(rows, cols, self._state[self.programmed], self._state[COURSE])

    def _release(self) -> None:
        if self._pool is not None:
            self._pool.shutdown()

    def _play(self, waveform: Waveform) -> Response:
        before = self.moment()
        try:
            with within_range(f"{self.name}: what the waveform does"):
                response = self._played(waveform)
                require_finite(self._state | vars(response))
        except InputError:
            self.recall(before)
            raise
        return response

    def _played(self, waveform: Waveform) -> Response:
        duration, rows, cols = waveform.duration, waveform.rows, waveform.cols
        floating = np.isnan(rows.sum(axis=1)) | np.isnan(cols.sum(axis=1))
        special = np.flatnonzero(waveform.measure | floating)
        ends = self._time + np.cumsum(duration)
        records, start = [], 0
        self._rest()
        for t in [*special, len(duration)]:
            self._plain(duration[start:t], rows[start:t], cols[start:t])
            if t < len(duration):
                again = bool(t and floating[t] and _alike(rows[t - 1 : t + 1]) and _alike(cols[t - 1 : t + 1]))
                self._begin(rows[t], cols[t], again)
                if floating[t]:
                    segment = FloatingSegment(self, rows[t], cols[t], waveform.measure[t])
                    given = segment.play(duration[t], again)
                else:
                    given = self._measured(duration[t], rows[t], cols[t])
                if waveform.measure[t]:
                    records.append(self._record(rows[t], cols[t], *given))
            start = t + 1
        self._rest()
        self._time = float(ends[-1]) if len(ends) else self._time
        measured = np.flatnonzero(waveform.measure)
        widths = ((self.cols,), (self.cols,), (), (self.rows,))
        currents, charge, energy, row_currents = (
            np.array([record[k] for record in records]).reshape(len(records), *width) for k, width in enumerate(widths)
        )
        tripped = (np.abs(currents) >= self.limits.i_max).any(axis=1)
        return Response(measured, ends[measured], currents, charge, energy, tripped, row_currents)

    def _plain(self, duration: NDArray, rows: NDArray, cols: NDArray) -> None:
        """Play segments without floating lines; one by one where a factor is drawn for every pulse."""
        if self._spread is None:
            self._drive_all(duration, rows, cols)
            return
        for t in range(len(duration)):
            self._spread.begin(rows[t], cols[t], self._state[self.programmed], self._state[COURSE])
            self._drive_all(duration[t : t + 1], rows[t : t + 1], cols[t : t + 1])

    def _measured(self, duration: float, rows: NDArray, cols: NDArray) -> tuple[NDArray[np.float64], float]:
        """Play one segment at known voltages; the columns' charge, C, and the energy of all cells, J."""
        across = rows[None, :] - cols[:, None]
        charge = across * self._integrate(duration, rows, cols)
        self._drive_all(np.array([duration]), rows[None], cols[None])
        return charge.sum(axis=1), float((across * charge).sum())

    def _integrate(self, duration: float, rows: NDArray, cols: NDArray, again: bool = False) -> NDArray[np.float64]:
        """(cols, rows) integral of every cell's conductance over a segment that is yet to be played, S s."""
        play = self._segments(np.array([duration]), rows[None], cols[None], again)
        origin, factor = (_NONE, _NONE) if self._spread is None else (self._spread.origin, self._spread.factor)
        out = np.zeros((self.cols, self.rows))

        def job(block: slice, part: Segments) -> None:
            self._dose(block, part, origin[block], factor[block], out[block])

        self._of_law(play, job)
        out /= self._scale
        return np.where(np.isnan(self._stuck), out, duration * self._stuck) if self._any_stuck else out

    def _copied_state(self) -> dict[str, NDArray]:
        return {name: array.copy() for name, array in self._state.items()}

    def _look(self, rows: NDArray, cols: NDArray) -> tuple[NDArray, NDArray]:
        g = self._cell_conductance()
        rows, cols = line_voltages(g.T, rows, cols)
        return rows[None, :] - cols[:, None], g

    def _drive_all(
        self, duration: NDArray, rows: NDArray, cols: NDArray, again: bool = False, *, book: bool = True
    ) -> None:
        """Move all cells through segments without floating lines; see `Segments`.

        With `book`, a column at rest is noted and caught up with later.
        """
        if not len(duration):
            return
        self._of_law(self._segments(duration, rows, cols, again, book), self._drive)
        if self._spread is not None:
            self._spread.settle(self._state[self.programmed], self._state[COURSE])

    def _segments(self, duration: NDArray, rows: NDArray, cols: NDArray, again: bool, book: bool = True) -> Segments:
        # Where there is noise, a pulse must not be blamed for what a column has been caught up with.
        return Segments.of(duration, rows, cols, again, book and self._spread is None)

    def _of_law(self, play: Segments, job: Callable[[slice, Segments], None]) -> None:
        """Do `job` for all columns, with the course in place of the cells where a factor comes upon it."""
        self._swap()
        self._share_out(play, job)
        self._swap()

    def _swap(self) -> None:
        """Let the law move the course in place of the cells, and back."""
        if self._spread is not None:
            state, name = self._state, self.programmed
            state[name], state[COURSE] = state[COURSE], state[name]

    def _confine(self) -> None:
        """Put cells where their courses say, and into the range of their state."""
        if self._spread is not None:
            self._spread.settle(self._state[self.programmed], self._state[COURSE])
        self._state[self.programmed] = np.clip(self._state[self.programmed], *self._bounds)

    def _share_out(self, play: Segments, job: Callable[[slice, Segments], None]) -> None:
        parts = min(self._threads, self.cols)
        if self._pool is None or parts == 1 or len(play.duration) * self.rows * self.cols < WORTH_A_THREAD:
            job(slice(0, self.cols), play)
            return
        edges = [self.cols * k // parts for k in range(parts + 1)]
        blocks = [slice(a, b) for a, b in pairwise(edges)]
        jobs = [self._pool.submit(job, b, play.of_columns(b)) for b in blocks]
        for done in jobs:
            done.result()

    def _cell_conductance(self) -> NDArray[np.float64]:
        g = 1.0 / (self._scale * self._memristance())
        return np.where(np.isnan(self._stuck), g, self._stuck) if self._any_stuck else g

    def _record(
        self, rows: NDArray, cols: NDArray, charge: NDArray, energy: float
    ) -> tuple[NDArray, NDArray, float, NDArray]:
        """Column currents at the end of a segment, with read noise, its charge and energy, and its row currents."""
        v, g = self._look(rows, cols)
        current = v * g
        power = current**2
        out_of_columns = current.sum(axis=1) + self._noise(power.sum(axis=1))
        noise = self.variability.read_noise.row_noise(power.sum(axis=0), self.parameters.seed, self._measurements)
        return out_of_columns, charge, energy, noise - current.sum(axis=0)

    def _noise(self, cell_power: NDArray[np.float64]) -> NDArray[np.float64] | float:
        self._measurements += 1
        return self.variability.read_noise.column_noise(cell_power, self.parameters.seed, self._measurements)


def _alike(two: NDArray[np.float64]) -> bool:
    """Whether two segments drive lines alike; floating lines are alike."""
    return np.array_equal(two[0], two[1], equal_nan=True)
