"""The simulated crossbar around cells of any law: checks, time, measurement, floating lines, snapshots.

What a cell does is its law's (`sim.cells.law`); `sim.crossbar.cells` keeps all of them and moves them.
"""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hil.abilities import PULSES_OF_A_RANGE, CellCircuit
from hil.arrays import numbers
from hil.device import Response
from hil.errors import InputError, nearest
from hil.limits import Limits
from hil.needs import require_memory
from hil.programming import Programming
from hil.waveform import Waveform
from sim.cells.chosen_pulses import PulseSearch
from sim.cells.law import Law, OhmicLaw
from sim.crossbar.around import Around
from sim.crossbar.cells import CellArray
from sim.crossbar.coupled import Course, Surroundings, unmoved
from sim.crossbar.drawing import DrawingArray
from sim.crossbar.embedded import embedded, require_embeddable
from sim.crossbar.floating import play_between
from sim.crossbar.nonideal.inverse import state_at
from sim.crossbar.parameters import ArrayParameters
from sim.crossbar.range import require_finite, within_range
from sim.crossbar.selected import Selected
from sim.crossbar.wire_parameters import NO_WIRES
from sim.crossbar.wired import WiredArray


class SimulatedArray(DrawingArray):
    """A crossbar of simulated cells of one law.

    `read` without a voltage and `mvm` look at the state without touching it, and take no device time.

    Parameters
    ----------
    name : str
        What the user called it.
    law : Law
        What each cell does.
    parameters : ArrayParameters
        Size, limits and spread; a device of the catalogue has those of its law among them.

    Attributes
    ----------
    around : Around
        Wires and selectors.
    """

    def __init__(self, name: str, law: Law[Any], parameters: ArrayParameters) -> None:
        """Draw the cells and set them to their pristine state."""
        p = parameters
        if p.stuck_on + p.stuck_off > 1:
            raise InputError(f"{name}: stuck_on + stuck_off = {p.stuck_on + p.stuck_off:g} must be <= 1")
        require_memory(f"{name}: {p.rows:,} x {p.cols:,} cells", float(law.memory_a_cell) * p.rows * p.cols)
        self.name, self.rows, self.cols, self.law, self.parameters = name, p.rows, p.cols, law, p
        self.limits = Limits(v_min=-p.v_max, v_max=p.v_max, v_cell=2 * p.v_max, i_max=p.i_max)
        self.read_voltage, self.read_disturbance = p.read_voltage(), law.read_disturbance
        self.programming = p.programming() if p.pulse_steps is None else self.choose_pulses(p.pulse_steps)
        self.thresholds = law.thresholds
        self.variability = p.variability()
        self.array = CellArray(law, p)
        self.around = Around(name, p, self.array)
        self._measurements = 0

    @property
    def wires(self) -> WiredArray | None:
        """Its lines, where these have resistances."""
        return self.around.wires

    @property
    def time(self) -> float:
        """Device time in s."""
        return self.array.time

    @property
    def conductance(self) -> NDArray[np.float64]:
        """(rows, cols) true conductance of every cell now, S, free of read noise.

        Of a cell that is not ohmic it is i / v at `read_voltage`.
        """
        return np.ascontiguousarray(self.array.conductance().T)

    def _known_conductance(self) -> NDArray[np.float64]:
        """The same with the noise of the cells themselves; kept until one may have moved, not to be written to."""
        if self.array.varies:
            return np.ascontiguousarray(self.array.conductance(measured=True).T)
        return self.array.known()

    @property
    def sensitivity(self) -> NDArray[np.float64]:
        """(rows, cols) factor on every cell's rate or step."""
        return self.array.gain.T.copy()

    def state(self, name: str) -> NDArray[Any]:
        """(rows, cols) copy of one state of every cell now, such as ``x``; `InputError` if there is none so called."""
        present = self.law.present(self.array.state)
        if name not in present:
            raise InputError(f"{self.name} has no state '{name}' {nearest(name, present)}")
        return present[name].T.copy()

    def read_rows(self, rows: ArrayLike, v: float | None = None) -> NDArray[np.float64]:
        """Conductance of the cells of some rows, (len(rows), cols), S.

        Without a voltage, the state is looked at and not disturbed; read noise is added. With a voltage, the pulses of
        `Device.read_rows` are applied, and disturb whatever the physics makes them disturb.
        """
        if v is not None:
            return super().read_rows(rows, v)
        self._require_open()
        chosen = self._rows(rows)
        self._note_rows(chosen, self.read_voltage)
        seen = self.around.of_rows(self._known_conductance(), chosen)
        if seen is not None:
            return seen[0] + self._noise(seen[1])
        scan = self.read_voltage * np.eye(self.rows)[chosen]
        return self._products(scan, reverse=False) / self.read_voltage

    def mvm(self, v: ArrayLike, *, reverse: bool = False) -> NDArray[np.float64]:
        """Currents out of the array for voltages of all other lines, see `Device.mvm`; nothing is disturbed.

        A floating line (NaN) settles at 0 V, since all lines across it are there.
        """
        self._require_open()
        v = self._column_voltages(v) if reverse else self._row_voltages(v)
        if not self.limits.admit(v, self.read_width):
            lines = v, np.zeros((len(v), self.rows if reverse else self.cols))
            self.limits.check(Waveform.samples(*(lines[::-1] if reverse else lines), dwell=self.read_width))
            v = np.nan_to_num(v)
        self._note_reads(v, reverse)
        with within_range(f"{self.name}: a current of mvm"):
            currents = self._products(v, reverse)
            require_finite({"current": currents})
        return currents

    def _products(self, v: NDArray[np.float64], reverse: bool) -> NDArray[np.float64]:
        """Currents out of the sensed lines for a batch of voltages of the driven ones, none floating."""
        noisy = bool(self.variability.read_noise.sigma)
        conductance = self._known_conductance() if isinstance(self.law, OhmicLaw) else None
        g = None if conductance is None or (noisy and self.wires) else self.around.conductance(conductance)
        if g is not None:
            g = g.T if reverse else g
            return v @ g + self._noise(v**2 @ g**2) if noisy else v @ g
        if not self.parameters.plain:
            currents, power = self.around.currents(v, reverse)
            return currents + self._noise(power)
        shape, out = (self.cols, self.rows), np.empty((len(v), self.rows if reverse else self.cols))
        power = np.empty_like(out)
        for k, driven in enumerate(v):
            across = -driven[:, None] if reverse else driven[None, :]
            i = self.array.current(np.broadcast_to(across, shape), measured=True)
            out[k], power[k] = (-i.sum(axis=0), (i**2).sum(axis=0)) if reverse else (i.sum(axis=1), (i**2).sum(axis=1))
        return out + self._noise(power) if noisy else out

    def snapshot(self) -> dict[str, NDArray[Any]]:
        """Exact state: cell arrays, device time and the counters of the noise streams."""
        self._require_open()
        cells = self.array
        counters = np.array([0 if cells.spread is None else cells.spread.number, self._measurements])
        return cells.saved() | {"time": np.array(self.time), "counters": counters}

    def restore(self, state: dict[str, NDArray[Any]]) -> None:
        """Return to a snapshot of an array of the same kind and size; all lines are at 0 V then."""
        self._require_open()
        cells = self.array
        state = {name: array for name, array in state.items() if name not in cells.in_pulse}  # older ones have them
        expected = cells.saved()
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
        kept = {name: state[name].astype(array.dtype, copy=True) for name, array in cells.saved().items()}
        cells.start(kept, pulses, float(state["time"]))
        self._measurements = measurements

    def follow(self, circuit: Surroundings, duration: float, *, again: bool = False) -> tuple[bool, ...]:
        """Let time pass inside a circuit, for callers that have sources, resistances and limits around the array.

        Unlike `apply` it checks no limits of the device and leaves the lines where they are: the next call may go on
        with the same pulse. The circuit is solved last for the cells as they are at the end.

        Parameters
        ----------
        circuit : sim.crossbar.coupled.Surroundings
            What is around the array; the voltages that it leaves the lines must be within the limits.
        duration : float
            s, >= 0; in no time at all, cells only see the voltages that begin or end a pulse. The resistance of a cell
            errs by some `sim.crossbar.extrapolation.TOLERANCE` a step.
        again : bool
            Whether the sources of the circuit are as they were at the last call: pulses go on then, even where the
            voltages of cells have moved with their states.

        Returns
        -------
        tuple of bool
            Which limits of the circuit have been in force at any time.

        Raises
        ------
        LimitError
            If a number leaves the range of float64, or cells move in more steps than `sim.crossbar.coupled` takes;
            they are somewhere on their way then.
        """
        around = self.around.selected(circuit)
        with within_range(f"{self.name}: what the voltages do"):
            held = around.hold(self.array.branches())
            self.array.begin(held.rows, held.cols, again)
            limits, end = held.limits, self.array.time + duration
            for piece in self.array.pieces(duration):
                since = self.array.time
                self.array.to_middle(piece)
                if self.array.history is not None:
                    held = around.hold(self.array.branches())
                met = unmoved(self.array, around, held, piece, again) if around.stiff else None
                if met is None:
                    met = Course(self.name, self.array, around, held).play(piece, again).limits
                limits, again = tuple(a or b for a, b in zip(limits, met, strict=True)), True
                self.array.time = since + piece
            self.array.time = end
            if self.array.fluctuates or self.array.history is not None:
                around.hold(self.array.branches(measured=True))
            require_finite(self.array.state)
        return around.own(limits) if isinstance(around, Selected) else limits

    def choose_pulses(self, steps: int = PULSES_OF_A_RANGE) -> Programming:
        """Pulses of which about `steps` take a cell through its range; see `sim.cells.chosen_pulses`."""
        return self.parameters.behind_selector(PulseSearch(self.name, self.law, self.parameters.v_max).pulses(steps))

    def embed(
        self, circuit: CellCircuit, duration: float, *, measured: bool = False
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Let time pass with the cells in circuits of their own; see `hil.abilities.Embedding`."""
        self._require_open()
        require_embeddable(self)
        before = self.moment()
        try:
            with within_range(f"{self.name}: what a circuit does"):
                v, i = embedded(self, circuit, duration, measured)
                if measured:
                    i = i + self._noise(i**2)
                require_finite(self.array.state | {"current": i})
        except BaseException:
            self.recall(before)
            raise
        return v, i

    def nominal(self, rows: int, cols: int) -> Self:
        """Cells of its law alone; see `hil.abilities.Embedding`."""
        return type(self)(self.name, self.law, self.parameters.nominal(rows, cols))

    def moment(self) -> tuple[Any, ...]:
        """Everything as it is now, in the middle of a pulse too, for `recall` by callers that use `follow`."""
        return self.array.moment(), self._measurements

    def recall(self, moment: tuple[Any, ...]) -> None:
        """Return to what `moment` gave; it can be used again."""
        cells, self._measurements = moment
        self.array.recall(cells)

    def resized(self, rows: int, cols: int, *, wires: bool = True) -> Self:
        """The same in another size; see `hil.abilities.Rebuilding`."""
        update = {"rows": rows, "cols": cols} | ({} if wires else NO_WIRES)
        return type(self)(self.name, self.law, self.parameters.model_copy(update=update))

    def cell_range(self) -> tuple[float, float]:
        """Lowest and highest conductance of a cell by itself, S."""
        return self.parameters.bounded_range()

    def furthest(self) -> tuple[int, int]:
        """Row and column of the cell furthest from its drivers: a corner, or half-way between both ends."""
        p = self.parameters
        return (0 if p.col_ends == 1 else self.rows // 2), (self.cols - 1 if p.row_ends == 1 else self.cols // 2)

    def put(self, conductance: NDArray[np.float64]) -> None:
        """Put every cell (rows, cols) at a conductance, S, or at the end of its range that is nearest to it."""
        self._require_open()
        self.array.put(state_at(self.law, self.array.state, conductance.T * self.array.scale))

    def reset(self) -> None:
        """Pristine cells at time 0; spread and stuck cells stay as they were made."""
        self._require_open()
        self.array.start()
        self._measurements = 0

    def _release(self) -> None:
        self.array.release()

    def _play(self, waveform: Waveform) -> Response:
        before = self.moment()
        try:
            with within_range(f"{self.name}: what the waveform does"):
                response = self._played(waveform)
                require_finite(self.array.state | vars(response))
        except InputError:
            self.recall(before)
            raise
        return response

    def _played(self, waveform: Waveform) -> Response:
        duration, rows, cols = waveform.duration, waveform.rows, waveform.cols
        floating = np.isnan(rows.sum(axis=1)) | np.isnan(cols.sum(axis=1))
        coupled = floating | self.around.apart(rows, cols)
        special = np.flatnonzero(waveform.measure | coupled)
        ends = self.time + np.cumsum(duration)
        starts = np.concatenate([[self.time], ends])
        records, start = [], 0
        self.array.rest()
        for t in [*special, len(duration)]:
            self._plain(duration[start:t], rows[start:t], cols[start:t], starts[start:t])
            self.array.time = float(starts[t])
            if t < len(duration):
                again = bool(t and coupled[t] and _alike(rows[t - 1 : t + 1]) and _alike(cols[t - 1 : t + 1]))
                self.array.begin(rows[t], cols[t], again)
                if coupled[t]:
                    given = self._between(duration[t], rows[t], cols[t], again, waveform.measure[t])
                else:
                    given = self._measured(duration[t], rows[t], cols[t])
                self.array.time = float(ends[t])
                if waveform.measure[t]:
                    records.append(self._record(rows[t], cols[t], *given))
            start = t + 1
        self.array.rest()
        measured = np.flatnonzero(waveform.measure)
        widths = ((self.cols,), (self.cols,), (), (self.rows,))
        currents, charge, energy, row_currents = (
            np.array([record[k] for record in records]).reshape(len(records), *width) for k, width in enumerate(widths)
        )
        tripped = (np.abs(currents) >= self.limits.i_max).any(axis=1)
        return Response(measured, ends[measured], currents, charge, energy, tripped, row_currents)

    def _plain(
        self,
        duration: NDArray[np.float64],
        rows: NDArray[np.float64],
        cols: NDArray[np.float64],
        starts: NDArray[np.float64],
    ) -> None:
        """Play segments without floating lines; one by one where something happens to cells at every pulse."""
        if not self.array.one_by_one:
            self.array.advance(duration, rows, cols)
            return
        for t in range(len(duration)):
            self.array.time = float(starts[t])
            self.array.begin(rows[t], cols[t])
            self.array.advance(duration[t : t + 1], rows[t : t + 1], cols[t : t + 1])

    def _measured(
        self, duration: float, rows: NDArray[np.float64], cols: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], float]:
        """Play one segment at known voltages; the columns' charge, C, and the energy of all cells, J."""
        across = rows[None, :] - cols[:, None]
        charge = self.array.charge(duration, rows, cols, ageing=True)
        self.array.advance(np.array([duration]), rows[None], cols[None])
        return charge.sum(axis=1), float((across * charge).sum())

    def _between(
        self, duration: float, rows: NDArray[np.float64], cols: NDArray[np.float64], again: bool, measured: bool
    ) -> tuple[NDArray[np.float64], float]:
        """Play one segment between lines whose voltages move with the cells; charge and energy as `_measured`."""
        charge, energy = np.zeros(self.cols), 0.0
        for piece in self.array.pieces(duration):
            since = self.array.time
            self.array.to_middle(piece)
            given = play_between(self.name, self.array, self.around.lines(rows, cols), piece, again, measured)
            charge, energy, again = charge + np.where(np.isnan(cols), 0.0, given[0]), energy + given[1], True
            self.array.time = since + piece
        return charge, energy

    def _record(
        self, rows: NDArray[np.float64], cols: NDArray[np.float64], charge: NDArray[np.float64], energy: float
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], float, NDArray[np.float64]]:
        """Column currents at the end of a segment, with read noise, its charge and energy, and its row currents."""
        cells = self.array.branches(measured=True)
        current = cells.current(self.around.lines(rows, cols).hold(cells).of_cells()).T
        power = current**2
        out_of_columns = current.sum(axis=1) + self._noise(power.sum(axis=1))
        noise = self.variability.read_noise.row_noise(power.sum(axis=0), self.parameters.seed, self._measurements)
        return out_of_columns, charge, energy, noise - current.sum(axis=0)

    def _noise(self, cell_power: NDArray[np.float64]) -> NDArray[np.float64] | float:
        self._measurements += 1
        return self.variability.read_noise.column_noise(cell_power, self.parameters.seed, self._measurements)


def _alike(two: NDArray[np.float64]) -> bool:
    """Whether two segments have the same line voltages; a floating line equals a floating line."""
    return np.array_equal(two[0], two[1], equal_nan=True)
