"""The crossbar in hardware: the states of its cells, their conductances, and their programming."""

from __future__ import annotations

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import bits_for

from gateware.core.flca import DECAY_BITS, GAIN_BITS, FlcaSweep
from gateware.core.ports import HostPort
from gateware.core.ram import Ram, chosen_lane
from gateware.core.row_times import RowTimes
from gateware.core.state_memory import StateMemory
from gateware.core.tables import MemductanceTable, UpdateTable
from gateware.core.update import Update
from gateware.geometry import WEIGHT_BITS, Geometry
from gateware.protocol import Space

STATES_READ = 3
"""Cycles from a word's address to its states: a register in front of block RAMs that lie all over the FPGA."""


class StateAccess:
    """The ports of the state memory, as signals of a cycle earlier."""

    def __init__(self, states: StateMemory) -> None:
        self.address = Signal.like(states.address, name="next_address")
        self.write_address = Signal.like(states.write_address, name="next_write_address")
        self.write_value = Signal.like(states.write_value, name="next_write_value")
        self.write = Signal.like(states.write, name="next_write")


class Crossbar(wiring.Component):
    """All cells, with one port for input spikes, one for programming and one for the host.

    Attributes
    ----------
    address, weights : In, Out
        A word of cells, `latency` cycles later.
    clear, mark, row, now, window : In
        Strobes for `RowTimes`.
    program, base, lane, driven, stochastic, chances : In
        A strobe and its arguments, which must stay, for `Update` (cell "step").
    segment, gain, decay : In
        The same for `FlcaSweep` (cell "flca").
    random, draw, random_next
        The random generator of state rounding.
    moved : Out
        High for every cell that is moved.
    scan, scan_row, scan_enable, pixel
        The encoder's read port of the drive.
    busy : Out
        Rows are being cleared or cells programmed; from the cycle after the strobe.
    host : In
        STATE, MEMDUCTANCE, POTENTIATION, DEPRESSION, DRIVE, COLUMNS.
    latency : int
        Cycles.
    """

    latency = STATES_READ + MemductanceTable.latency

    def __init__(self, geometry: Geometry) -> None:
        """Size everything."""
        self._geometry = g = geometry
        row, word = bits_for(g.rows - 1), bits_for(g.words - 1)
        super().__init__(
            {
                "address": In(word), "weights": Out(data.ArrayLayout(WEIGHT_BITS, g.lanes)),
                "clear": In(1), "mark": In(1), "row": In(row), "now": In(g.t_bits), "window": In(15),
                "program": In(1), "base": In(word), "lane": In(bits_for(g.lanes - 1)), "driven": In(1),
                "stochastic": In(1), "chances": In(17),
                "segment": In(1), "gain": In(GAIN_BITS), "decay": In(DECAY_BITS),
                "random": In(32), "draw": Out(1), "random_next": Out(32), "moved": Out(1),
                "scan": In(1), "scan_row": In(row), "scan_enable": In(1), "pixel": Out(8),
                "busy": Out(1),
                "host": In(HostPort(g)),
            }
        )  # fmt: skip

    def elaborate(self, platform: object) -> Module:
        """Connect the memories."""
        m = Module()
        g, host = self._geometry, self.host
        m.submodules.states = states = StateMemory(g)
        m.submodules.memductance = memductance = MemductanceTable(g.lanes, g.loaded.memductance if g.loaded else ())
        m.submodules.drive = drive = Ram(g.drive_bits, g.rows, single_port=True)
        written = {space: host.write & (host.space == space) for space in (Space.STATE, Space.MEMDUCTANCE, Space.DRIVE)}
        # What reads and writes states, one cycle ahead of their memory.
        access = self._access = StateAccess(states)
        m.d.sync += [
            states.address.eq(access.address),
            states.write_address.eq(access.write_address),
            states.write_value.eq(access.write_value),
            states.write.eq(access.write),
        ]
        m.d.comb += [
            access.address.eq(Mux(host.select, host.word, self.address)),
            access.write_address.eq(host.word),
            access.write.eq(Mux(written[Space.STATE], 1 << host.lane, 0)),
            self.weights.eq(memductance.weights),
            drive.address.eq(Mux(host.select, host.word, self.scan_row)),
            drive.enable.eq(~self.scan | self.scan_enable),
            drive.write_address.eq(host.word),
            drive.write_value[0].eq(host.data),
            drive.write.eq(written[Space.DRIVE]),
            self.pixel.eq(drive.value[0]),
        ]
        m.d.sync += [
            memductance.host_select.eq(host.select),
            memductance.host_index.eq(host.word),
            memductance.host_write.eq(written[Space.MEMDUCTANCE]),
            memductance.host_data.eq(host.data),
        ]
        for n in range(g.lanes):
            m.d.comb += [
                access.write_value[n].eq(host.data),
                memductance.indices[n].eq(states.value[n][g.state_bits - 8 :]),
            ]
        m.submodules.times = times = RowTimes(g)
        m.d.comb += [
            times.mark.eq(self.mark),
            times.mark_row.eq(self.row),
            times.now.eq(self.now),
            times.clear.eq(self.clear),
            times.window.eq(self.window),
        ]
        values = {
            Space.STATE: chosen_lane(m, states.value, host.lane, "host"),
            Space.MEMDUCTANCE: memductance.weights[0],
            Space.DRIVE: drive.value[0],
        }
        values |= (self._step if g.cell == "step" else self._flca)(m, states, drive, times)
        with m.Switch(host.space):
            for space, value in values.items():
                with m.Case(space):
                    m.d.sync += host.value.eq(value)
        return m

    def _step(self, m: Module, states: StateMemory, drive: Ram, times: RowTimes) -> dict[Space, Signal]:
        """Pulse-step cells, which are programmed column by column."""
        host, access = self.host, self._access
        m.submodules.update = update = Update(self._geometry)
        loaded = self._geometry.loaded
        m.submodules.steps = steps = UpdateTable(loaded.potentiation + loaded.depression if loaded else ())
        m.d.comb += [
            update.start.eq(self.program),
            update.base.eq(self.base),
            update.driven.eq(self.driven),
            update.stochastic.eq(self.stochastic),
            update.chances.eq(self.chances),
            update.random.eq(self.random),
            self.draw.eq(update.draw),
            self.random_next.eq(update.random_next),
            self.moved.eq(update.moved),
            update.before.eq(chosen_lane(m, states.value, self.lane, "update")),
            update.drive.eq(drive.value[0]),
            times.row.eq(update.row),
            update.recent.eq(times.recent),
            steps.down.eq(Mux(host.select, host.space == Space.DEPRESSION, update.down)),
            steps.index.eq(Mux(host.select, host.word, update.index)),
            update.step.eq(steps.step),
            steps.host_down.eq(host.space == Space.DEPRESSION),
            steps.host_index.eq(host.word),
            steps.host_data.eq(host.data),
            steps.host_write.eq(host.write & ((host.space == Space.POTENTIATION) | (host.space == Space.DEPRESSION))),
            self.busy.eq(times.busy | update.busy),
        ]
        with m.If(update.busy):
            m.d.comb += [
                access.address.eq(update.address),
                access.write_address.eq(update.write_address),
                access.write.eq(Mux(update.write, 1 << self.lane, 0)),
            ]
            m.d.comb += [access.write_value[n].eq(update.state) for n in range(self._geometry.lanes)]
            # A spike during a scan is programmed by STDP: the drive is the encoder's then.
            with m.If(~self.scan):
                m.d.comb += drive.address.eq(update.row)
        return {Space.POTENTIATION: steps.step, Space.DEPRESSION: steps.step}

    def _flca(self, m: Module, states: StateMemory, drive: Ram, times: RowTimes) -> dict[Space, Signal]:
        """FLCA memristors, all of which integrate a segment at once."""
        g, host, access = self._geometry, self.host, self._access
        m.submodules.flca = flca = FlcaSweep(g)
        m.submodules.columns = columns = Ram(16, g.groups, g.lanes)
        m.d.comb += [
            flca.start.eq(self.segment),
            flca.gain.eq(self.gain),
            flca.decay.eq(self.decay),
            flca.states.eq(states.value),
            flca.row_code.eq(drive.value[0]),
            flca.column_codes.eq(columns.value),
            columns.address.eq(Mux(host.select, host.word, flca.group)),
            columns.write_address.eq(host.word),
            columns.write.eq(Mux(host.write & (host.space == Space.COLUMNS), 1 << host.lane, 0)),
            self.busy.eq(times.busy | flca.busy),
        ]
        m.d.comb += [columns.write_value[n].eq(host.data) for n in range(g.lanes)]
        with m.If(flca.busy):
            m.d.comb += [
                access.address.eq(flca.address),
                access.write_address.eq(flca.write_address),
                access.write_value.eq(flca.written),
                access.write.eq(flca.write),
                drive.address.eq(flca.row),
            ]
        return {Space.COLUMNS: columns.value[host.lane]}
