"""The emulator as a `Device`: waveforms in, conductances out, whatever carries the bytes.

States live in the emulator and change there alone. Currents, charges and energies do not exist in it: they are computed
here, in float64, from states that are read back exactly. Reading therefore disturbs nothing; states are kept between
changes, so that reading again costs nothing either.

Neurons take turns by column number in the emulator but by rank in the contract, so a device may lay its columns out
anew (`FpgaDevice.place_columns`); everything that it says or takes is in terms of the caller's columns.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gateware.built_in import tables_of
from gateware.geometry import Geometry
from gateware.model import StepTables, memductance
from gateware.protocol import Flag, Space
from gateware.pulse_commands import DOWN, REST, UP, train_commands
from hil.arrays import numbers
from hil.biasing import require_scheme
from hil.device import Device, Layer, Response, Unsupported
from hil.energy.dissipation import Dissipation, ohmic
from hil.errors import InputError
from hil.limits import Limits
from hil.programming import Programming, pulse, scheme_for, whole_counts
from hil.spiking.core import SpikingCore
from hil.spiking.rules import Stdp
from hil.waveform import Waveform
from sim.crossbar.pulse_trains import spares_others

if TYPE_CHECKING:
    from gateware.host.client import Client
    from gateware.parameters import FpgaParameters
    from gateware.power_up import PresetRecord

PULSE_WIDTH = 1e-6
"""Width of a programming pulse of a pulse-step cell, s; the emulator counts pulses, whatever their width."""

READ_VOLTAGE, READ_WIDTH = 1e-3, 1e-3
"""Read pulse, V and s, where the emulator resolves it."""

_LINES = ("row_voltages", "col_voltages")
"""Arrays of snapshots from when a call could leave lines at a voltage."""


class MeasuredSegment(NamedTuple):
    """A measured segment: (rows, cols) conductances at its end, S, and their integrals over it, S s."""

    conductance: NDArray[np.float64]
    integral: NDArray[np.float64]


class FpgaDevice(Device):
    """An emulator as a `Device`: what all kinds of cell have in common.

    Attributes
    ----------
    parameters : gateware.parameters.FpgaParameters
        Those of the address, and the emulator's own where the address says nothing (`gateware.adoption`).
    client : gateware.host.client.Client
        Sends the commands.
    geometry : Geometry
        Sizes of the emulator that answers.
    place : (cols,) array of int
        The emulator's column on which each of the device's columns lies.
    identity : str
        The device whose tables it was built with; only there if it was.
    """

    identity: str
    energy_note = "of the cells that are emulated; what the emulator itself takes is not known here"

    def __init__(
        self,
        name: str,
        parameters: FpgaParameters,
        geometry: Geometry,
        client: Client,
        built_in: PresetRecord | None = None,
    ) -> None:
        """Load the emulator's tables, or check those that it was built with, and make its cells pristine."""
        self._built_in = built_in
        if built_in is not None:
            self.identity = f"memhil emulator, built with the tables of {built_in}"
        self.name, self.parameters, self.geometry, self.client = name, parameters, geometry, client
        self.rows, self.cols = self.geometry.rows, self.geometry.cols
        self.place = np.arange(self.cols)
        self._registers: dict[str, int] = {}
        self._states: NDArray[np.uint16] | None = None
        self._conductance: NDArray[np.float64] | None = None
        self._time = 0.0
        client.write_memory(Space.MEMDUCTANCE, 0, memductance())
        self._load()
        states = np.arange(1 << self.geometry.state_bits, dtype=np.float64)
        self.conductance_step = float(np.abs(np.diff(self._conductance_of(states))).max())
        self.reset()

    @property
    def time(self) -> float:
        """Device time in s."""
        return self._time

    @property
    def states(self) -> NDArray[np.uint16]:
        """(rows, cols) states as the emulator holds them."""
        if self._states is None:
            g = self.geometry
            words = self.client.read_memory(Space.STATE, 0, g.words * g.lanes).reshape(g.groups, g.rows, g.lanes)
            columns = words.transpose(1, 0, 2).reshape(g.rows, -1)
            self._states = columns[:, self.place].astype(np.uint16)
        return self._states

    def write_states(self, states: NDArray[np.uint16]) -> None:
        """Set every cell, (rows, cols)."""
        g = self.geometry
        columns = np.zeros((g.rows, g.groups * g.lanes), np.uint16)
        columns[:, self.place] = states
        words = columns.reshape(g.rows, g.groups, g.lanes).transpose(1, 0, 2)
        self.client.write_memory(Space.STATE, 0, words.ravel())
        self.changed()

    def changed(self) -> None:
        """Cells have moved in the emulator: forget what was read."""
        self._states = self._conductance = None

    def place_columns(self, place: NDArray[np.int64]) -> None:
        """Choose the emulator's column for each of the device's; only the order in which neurons take turns changes."""
        self._require_open()
        if not np.array_equal(place, self.place):
            states = self.states
            self.place = place.copy()
            self.write_states(states)

    def set_registers(self, **values: int) -> None:
        """Write registers, but those that have their value already."""
        fresh = {name: value for name, value in values.items() if self._registers.get(name) != value}
        if fresh:
            self.client.write_registers(fresh)
            self._registers |= fresh

    def register_commands(self, again: bool = False, **values: int) -> list[bytes]:
        """Commands that write registers, but those that have their value already, or (`again`) all of them."""
        fresh = {name: value for name, value in values.items() if again or self._registers.get(name) != value}
        self._registers |= fresh
        return self.client.register_commands(fresh)

    def read_rows(self, rows: ArrayLike, v: float | None = None) -> NDArray[np.float64]:
        """Conductance of the cells of some rows, (len(rows), cols), S; without a voltage nothing is disturbed."""
        if v is not None:
            return super().read_rows(rows, v)
        self._require_open()
        chosen = self._rows(rows)
        if self.meter is not None:
            scan = self.read_voltage * np.sqrt(np.bincount(chosen, minlength=self.rows))
            self.meter.looked(self, scan[None], np.zeros((1, self.cols)), self.cols, looks=len(chosen))
        return self._conductances()[chosen]

    def mvm(self, v: ArrayLike, *, reverse: bool = False) -> NDArray[np.float64]:
        """Currents out of the array for voltages of all other lines, see `Device.mvm`; nothing is disturbed."""
        self._require_open()
        v = self._column_voltages(v) if reverse else self._row_voltages(v)
        lines = v, np.zeros((len(v), self.rows if reverse else self.cols))
        reads = Waveform.samples(*(lines[::-1] if reverse else lines), dwell=self.read_width)
        self.limits.check(reads)
        self._refuse_floating(reads)
        if self.meter is not None:
            self.meter.looked(self, reads.rows, reads.cols, self.rows if reverse else self.cols)
        return v @ (self._conductances().T if reverse else self._conductances())

    def dissipation(
        self, duration: NDArray[np.float64], rows: NDArray[np.float64], cols: NDArray[np.float64]
    ) -> Dissipation:
        """Energies of segments in the cells that are emulated, J; see `hil.abilities.Dissipating`."""
        return ohmic(self._conductances(), duration, rows, cols)

    def reset(self) -> None:
        """Pristine cells at time 0, and the random numbers from their beginning."""
        self._require_open()
        self._time = 0.0
        self.write_states(np.full((self.rows, self.cols), self._pristine, np.uint16))

    def snapshot(self) -> dict[str, NDArray[Any]]:
        """Exact state."""
        self._require_open()
        return {"states": self.states.copy(), "time": np.array(self._time)}

    def restore(self, state: dict[str, NDArray[Any]]) -> None:
        """Return to a snapshot of a device of the same kind and size."""
        self._require_open()
        expected = self.snapshot()
        given: dict[str, NDArray[Any]] = {}
        if state.keys() != expected.keys():
            raise InputError(f"{self.name}: a snapshot holds {sorted(expected)}, not {sorted(state)}")
        for name, array in expected.items():
            given[name] = numbers(state[name], f"{self.name}: snapshot array {name}")
            if given[name].shape != array.shape:
                raise InputError(f"{self.name}: snapshot array {name} is {given[name].shape}, not {array.shape}")
            if not ((given[name] >= 0) & (given[name] < np.inf)).all():
                raise InputError(f"{self.name}: snapshot array {name} holds values below 0 or not finite")
            given[name] = given[name].astype(array.dtype)
        self._time = float(given["time"])
        self.write_states(given["states"])
        self._restore(given)

    @property
    @abstractmethod
    def _pristine(self) -> int:
        """State of untouched cells."""

    @abstractmethod
    def _load(self) -> None:
        """Set limits and read pulse; load tables and registers that never change."""

    @abstractmethod
    def _restore(self, state: dict[str, NDArray[Any]]) -> None:
        """Restore what a snapshot holds beside states and time."""

    @abstractmethod
    def _segments(self, waveform: Waveform) -> list[MeasuredSegment]:
        """Drive all segments; what was seen of the measured ones, in order."""

    @abstractmethod
    def _conductance_of(self, states: NDArray[np.float64]) -> NDArray[np.float64]:
        """Conductance at a state, S."""

    def _conductances(self) -> NDArray[np.float64]:
        if self._conductance is None:
            self._conductance = self._conductance_of(self.states.astype(np.float64))
        return self._conductance

    def _play(self, waveform: Waveform) -> Response:
        self._refuse_floating(waveform)
        ends = self._time + np.cumsum(waveform.duration)
        seen = self._segments(waveform)
        self._time = float(ends[-1]) if len(ends) else self._time
        measured = np.flatnonzero(waveform.measure)
        currents, charge = np.zeros((2, len(measured), self.cols))
        row_currents = np.zeros((len(measured), self.rows))
        energy = np.zeros(len(measured))
        for k, (t, segment) in enumerate(zip(measured, seen, strict=True)):
            v = waveform.rows[t][:, None] - waveform.cols[t][None, :]
            passed = v * segment.integral
            through = v * segment.conductance
            currents[k], row_currents[k], charge[k] = through.sum(axis=0), -through.sum(axis=1), passed.sum(axis=0)
            energy[k] = (v * passed).sum()
        tripped = np.zeros(len(measured), dtype=bool)
        return Response(measured, ends[measured], currents, charge, energy, tripped, row_currents)

    def _refuse_floating(self, waveform: Waveform) -> None:
        if np.isnan(waveform.rows).any() or np.isnan(waveform.cols).any():
            raise Unsupported(f"{self.name} cannot leave a line floating: the emulator has no circuit that would solve")

    def _release(self) -> None:
        self.client.transport.close()


class StepDevice(FpgaDevice):
    """An emulator of pulse-step cells, which learn on chip; a pulse is defined as in `sim.cells.rram`.

    Thresholds are held against the voltages here, and every pulse that begins is sent as a command.
    """

    tables: StepTables
    programming: Programming

    def note_reads(self, spikes: NDArray[np.int64]) -> None:
        """Tell the meter of reads of rows by input spikes, (rows,) counted, at the conductances of now."""
        if self.meter is not None:
            seen = float(spikes @ self._conductances().sum(axis=1))
            self.meter.read_by_spikes(self, float(spikes.sum()), seen)

    def set_conductances(self, conductances: NDArray[np.float64]) -> None:
        """Put every cell at the state whose conductance is nearest to (rows, cols) ones, S."""
        self._require_open()
        wanted = numbers(conductances, "conductances")
        if wanted.shape != self.cells:
            raise InputError(f"conductances of shape {wanted.shape}: {self.name} has {self.rows} x {self.cols} cells")
        place = (wanted - self.tables.g_min) / (self.tables.g_max - self.tables.g_min)
        self.write_states(np.round(np.clip(place, 0.0, 1.0) * self._highest).astype(np.uint16))

    def program(self, counts: ArrayLike, *, scheme: str | None = None) -> None:
        """Give every cell a number of programming pulses, see `Device.program`.

        Sent as commands without a turn of the line between them, where the scheme moves no cell that is not meant;
        cells, time and random numbers are then as if each pulse had been applied.
        """
        p, chosen = self.programming, scheme_for(self.cells, self.limits.channels) if scheme is None else scheme
        require_scheme(chosen)
        own = replace(p, v_set=self.parameters.v_set, v_reset=self.parameters.v_reset)
        if not spares_others(p, own, chosen):
            super().program(counts, scheme=chosen)
            return
        self._require_open()
        whole = whole_counts(counts, self.cells, self.name)
        for v, signed in ((p.up, whole), (p.down, -whole)):
            columns = (signed > 0).any(axis=0)
            if columns.any():
                first = int(columns.argmax())
                self.limits.check(pulse(signed[:, first] > 0, np.arange(self.cols) == first, v, p.width, chosen))
        before = None if self.meter is None else self._conductances()
        try:
            self._time += 2 * p.width * self.client.carry_out(train_commands(self.client, whole, self.place))
        finally:
            self.changed()
        if self.meter is not None and before is not None:
            self.meter.programmed(self, whole, before, self._conductances(), chosen)

    @property
    def _pristine(self) -> int:
        return self.parameters.pristine

    @property
    def _highest(self) -> int:
        return (1 << self.geometry.state_bits) - 1

    def offer(self, layer: type[Layer], *question: Any) -> Layer | None:
        """Neurons and learning in the emulator, for the rule and the reference that it has."""
        if layer is not SpikingCore:
            return None
        from gateware.spiking import FpgaCore

        lif, rule = question
        if type(rule) is not Stdp or lif.reference != "exact":
            return None
        own = FpgaCore(self, lif, rule)
        return own if isinstance(own, layer) else None

    def reset(self) -> None:
        """Pristine cells at time 0, and the random numbers from their beginning."""
        super().reset()
        self.client.write_registers(self.parameters.random_registers())

    def snapshot(self) -> dict[str, NDArray[Any]]:
        """Exact state: cells, time and random numbers."""
        state = super().snapshot()
        random = self.client.read_registers("random", "encoder_random")
        return state | {name: np.array(value, np.int64) for name, value in random.items()}

    def restore(self, state: dict[str, NDArray[Any]]) -> None:
        """Return to a snapshot; what older ones tell of the lines is passed over, for all are at 0 V between calls."""
        super().restore({name: array for name, array in state.items() if name not in _LINES})

    def _restore(self, state: dict[str, NDArray[Any]]) -> None:
        self.client.write_registers({name: int(state[name]) for name in ("random", "encoder_random")})

    def _load(self) -> None:
        p = self.parameters
        self.read_voltage, self.read_width = READ_VOLTAGE, READ_WIDTH
        self.limits = Limits(v_min=-p.v_max, v_max=p.v_max, v_cell=2 * p.v_max)
        if p.model == "built-in" and self._built_in is not None:
            self.tables = tables_of(self.name, self.client, self._built_in)
        else:
            self.tables = p.tables()
            self.client.write_memory(Space.POTENTIATION, 0, self.tables.potentiation)
            self.client.write_memory(Space.DEPRESSION, 0, self.tables.depression)
        self.programming = Programming(p.v_set, p.v_reset, PULSE_WIDTH, self.tables.g_min, self.tables.g_max)
        self.set_registers(flags=self.rounding_flag)

    @property
    def rounding_flag(self) -> int:
        """Bits of register `flags` that say how states are rounded."""
        return self.parameters.stochastic << Flag.STOCHASTIC

    def _conductance_of(self, states: NDArray[np.float64]) -> NDArray[np.float64]:
        return self.tables.g_min + states / self._highest * (self.tables.g_max - self.tables.g_min)

    def _segments(self, waveform: Waveform) -> list[MeasuredSegment]:
        seen = []
        self._lines = np.zeros(self.rows), np.zeros(self.cols)
        for t, (rows, cols) in enumerate(zip(waveform.rows, waveform.cols, strict=True)):
            self._pulse(rows, cols)
            if waveform.measure[t]:
                g = self._conductances()
                seen.append(MeasuredSegment(g, waveform.duration[t] * g))
        return seen

    def _pulse(self, rows: NDArray[np.float64], cols: NDArray[np.float64]) -> None:
        """Program the cells whose voltage goes beyond a threshold."""
        p, before = self.parameters, self._lines
        self._lines = rows, cols
        if rows.max() - cols.min() < p.v_set and rows.min() - cols.max() > -p.v_reset:
            return
        now, was = self._beyond(rows, cols), self._beyond(*before)
        actions = np.where(now == was, REST, np.choose(now + 1, [DOWN, REST, UP]))
        for pattern in np.unique(actions, axis=1).T:
            if pattern.any():
                self.client.write_memory(Space.DRIVE, 0, pattern)
                for column in np.flatnonzero((actions == pattern[:, None]).all(axis=0)):
                    self.client.program(int(self.place[column]))
                self.changed()

    def _beyond(self, rows: NDArray[np.float64], cols: NDArray[np.float64]) -> NDArray[np.int64]:
        v = rows[:, None] - cols[None, :]
        return (v >= self.parameters.v_set).astype(int) - (v <= -self.parameters.v_reset)
