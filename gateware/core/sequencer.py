"""Sequencer of crossbar, neurons and encoder: carries out every command that plays spikes or programs cells."""

from __future__ import annotations

from amaranth.hdl import Const, Module, Mux, Signal, signed
from amaranth.lib import enum, stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import bits_for

from gateware.core.crossbar import Crossbar
from gateware.core.encoder import Encoder
from gateware.core.flca import DECAY_BITS, GAIN_BITS
from gateware.core.history import History
from gateware.core.image import ImageDecoder
from gateware.core.membranes import Membranes, Pass
from gateware.core.neuron import THRESHOLD_BITS
from gateware.core.ports import HostPort
from gateware.core.registers import WRITABLE
from gateware.core.rom import Rom
from gateware.core.spike_log import SpikeLog
from gateware.core.walk import Walk
from gateware.core.winners import Winners, lowest
from gateware.geometry import Geometry
from gateware.protocol import MAX_ARGUMENTS, Flag, Space


class Operation(enum.Enum, shape=3):  # type: ignore[call-arg]  # Amaranth's, which has no types
    """What the sequencer is asked to do."""

    BEGIN = 0
    EVENT = 1
    """An input spike on row `argument`."""
    TICKS = 2
    """Advance by `argument` ticks."""
    PRESENT = 3
    """Decode `length` bytes of an image, if there are any, and present it."""
    PROGRAM = 4
    """One pulse on the cells of the column at `group` and `lane`, by memory DRIVE."""
    SEGMENT = 5
    """One segment of a waveform on all FLCA cells, with the coefficients `gain` and `decay`."""


class Sequencer(wiring.Component):
    """Crossbar, neurons and encoder with their sequencer: one operation at a time, on arguments that were checked.

    Attributes
    ----------
    start, operation, argument, length, group, lane, gain, decay : In
        A strobe while not busy; group, lane, gain and decay must stay.
    image : In
        Bytes of a coded image.
    busy, bad : Out
        From the cycle after the strobe; and whether an image could not be decoded.
    history, full : Out
        Entries of the history, and whether a presentation has to wait until the host has taken some.
    <name> : In
        One for every writable register, and `random_next`, `random_step` (Out) and the like for those that move.
    events, spikes, updates, logged, tick : Out
        Counters.
    host : In
        All memories.
    """

    def __init__(self, geometry: Geometry) -> None:
        """Size everything."""
        self._geometry = g = geometry
        ports = {
            "start": In(1), "operation": In(Operation), "argument": In(16),
            "group": In(bits_for(g.groups - 1)), "lane": In(bits_for(g.lanes - 1)),
            "gain": In(GAIN_BITS), "decay": In(DECAY_BITS), "busy": Out(1),
            "length": In(range(MAX_ARGUMENTS + 1)), "image": In(stream.Signature(8)), "bad": Out(1),
            "history": Out(32), "full": Out(1),
            "random_step": Out(1), "random_next": Out(32), "encoder_random_step": Out(1),
            "encoder_random_next": Out(32), "lowered_step": Out(1), "lowered_next": Out(32),
            "events": Out(32), "spikes": Out(32), "updates": Out(32), "logged": Out(32), "tick": Out(g.t_bits),
            "host": In(HostPort(g)),
        }  # fmt: skip
        super().__init__(ports | {register.name: In(register.bits) for register in WRITABLE})

    def elaborate(self, platform: object) -> Module:
        """Connect the parts and build the sequence."""
        m = Module()
        g = self._geometry
        m.submodules.crossbar = self._crossbar = Crossbar(g)
        m.submodules.membranes = self._membranes = Membranes(g)
        m.submodules.winners = self._winners = Winners(g)
        m.submodules.walk = self._walk = Walk(g)
        m.submodules.log = self._log = SpikeLog(g)
        self._encodes = g.encodes
        if self._encodes:
            m.submodules.encoder = self._encoder = Encoder(g)
            m.submodules.history = self._history = History(g)
            m.submodules.image = self._image = ImageDecoder(g)
        # The neuron that fires or whose column is programmed.
        self._row = Signal(bits_for(g.rows - 1))
        self._group, self._lane = Signal.like(self.group), Signal.like(self.lane)
        self._base, self._column = Signal(bits_for(g.words - 1)), Signal(bits_for(g.cols - 1))
        self._inhibited_until = Signal(g.t_bits + 1)
        self._exempt_group, self._exempt_lane = Signal.like(self.group), Signal.like(self.lane)
        self._exempt_base, self._exempt_column = Signal.like(self._base), Signal.like(self._column)
        self._alone = Signal()
        self._driven, self._presenting = Signal(), Signal()
        self._connect_crossbar(m)
        self._connect_neurons(m)
        if self._encodes:
            self._connect_encoder(m)
        self._connect_host(m)
        self._sequence(m)
        return m

    def _connect_crossbar(self, m: Module) -> None:
        crossbar = self._crossbar
        m.d.comb += [
            crossbar.address.eq(self._walk.address),
            crossbar.row.eq(self._row),
            crossbar.now.eq(self.tick),
            crossbar.window.eq(self.window),
            crossbar.base.eq(self._base),
            crossbar.lane.eq(self._lane),
            crossbar.driven.eq(self._driven),
            crossbar.stochastic.eq(self.flags[Flag.STOCHASTIC]),
            crossbar.chances.eq(self.chances),
            crossbar.gain.eq(self.gain),
            crossbar.decay.eq(self.decay),
            crossbar.random.eq(self.random),
            self.random_step.eq(crossbar.draw),
            self.random_next.eq(crossbar.random_next),
        ]

    def _connect_neurons(self, m: Module) -> None:
        g, membranes, winners, walk = self._geometry, self._membranes, self._winners, self._walk
        until, free = Signal(g.t_bits + 1), Signal()
        threshold, taken = Signal(signed(THRESHOLD_BITS)), Signal(33)
        m.d.sync += threshold.eq(self.threshold - self.lowered[16:])
        m.d.comb += [
            taken.eq(self.lowered + self.theta_share),
            self.lowered_next.eq(Mux(taken[-1], 0xFFFFFFFF, taken)),
            self.lowered_step.eq(membranes.fire),
        ]
        m.d.sync += [until.eq(self._after(self.refractory)), free.eq(self.tick >= self._inhibited_until)]
        m.d.comb += [
            walk.row.eq(self._row),
            # While all others are inhibited, only the group of the neuron that is not is read.
            walk.alone.eq(~free),
            walk.only_group.eq(self._exempt_group),
            walk.only_base.eq(self._exempt_base),
            membranes.valid.eq(walk.valid),
            membranes.group.eq(walk.group),
            membranes.kind.eq(walk.pass_kind),
            membranes.weights.eq(self._crossbar.weights),
            membranes.now.eq(self.tick),
            membranes.free.eq(free),
            membranes.exempt_group.eq(self._exempt_group),
            membranes.exempt_lane.eq(self._exempt_lane),
            membranes.threshold.eq(threshold),
            membranes.keep.eq(self.keep),
            membranes.theta_keep.eq(self.theta_keep),
            membranes.reset_own.eq(~self.flags[Flag.RESET_ALL]),
            membranes.until.eq(until),
            membranes.theta_plus.eq(self.theta_plus),
            winners.valid.eq(membranes.ready_valid),
            winners.group.eq(membranes.ready_group),
            winners.ready.eq(membranes.ready),
            winners.heights.eq(membranes.heights),
            winners.read_group.eq(self._group),
            self._log.tick.eq(self.tick),
            self._log.neuron.eq(self._column + self._lane),
            self.logged.eq(self._log.logged),
        ]

    def _after(self, ticks: Signal) -> Signal:
        """Time stamp `ticks` after now, but at most the last that a time stamp can hold."""
        never = 1 << self._geometry.t_bits
        then = self.tick + ticks
        return Mux(then >= never, never, then)

    def _connect_encoder(self, m: Module) -> None:
        encoder, crossbar, host, history, image = (
            self._encoder, self._crossbar, self.host, self._history, self._image
        )  # fmt: skip
        wiring.connect(m, wiring.flipped(self.image), image.bytes)
        m.d.comb += [
            image.length.eq(self.length),
            self.bad.eq(image.bad),
            history.neuron.eq(self._column + self._lane),
            history.taken.eq(self.taken),
            history.index.eq(host.word),
            self.history.eq(history.count),
            self.full.eq(history.full),
            encoder.duration.eq(self.duration),
            encoder.host_select.eq(host.select),
            encoder.tick.eq(self.tick),
            encoder.latency_code.eq(self.flags[Flag.LATENCY]),
            encoder.random.eq(self.encoder_random),
            encoder.pixel.eq(crossbar.pixel),
            encoder.host_index.eq(host.word),
            encoder.host_data.eq(host.data),
            encoder.host_write.eq(host.write & (host.space == Space.CODE)),
            crossbar.scan.eq(self._presenting),
            crossbar.scan_row.eq(encoder.row),
            crossbar.scan_enable.eq(encoder.enable),
            self.encoder_random_step.eq(encoder.draw),
            self.encoder_random_next.eq(encoder.random_next),
        ]

    def _connect_host(self, m: Module) -> None:
        host, membranes = self.host, self._membranes
        inside = self._crossbar.host
        m.d.comb += [
            getattr(inside, name).eq(getattr(host, name))
            for name in ("select", "space", "word", "lane", "data", "write")
        ]  # fmt: skip
        if self._encodes:
            with m.If(self._image.write):
                m.d.comb += [
                    inside.space.eq(Space.DRIVE), inside.word.eq(self._image.row), inside.data.eq(self._image.pixel),
                    inside.write.eq(1),
                ]  # fmt: skip
        m.d.comb += [
            membranes.select_group.eq(Mux(host.select, host.word, self._group)),
            membranes.select_lane.eq(Mux(host.select, host.lane, self._lane)),
            membranes.theta_write.eq(host.write & (host.space == Space.THETA)),
            membranes.theta_value.eq(host.data),
            self._log.index.eq(host.word),
        ]
        values = {Space.THETA: membranes.theta, Space.COUNTS: membranes.count, Space.LOG: self._log.value}
        if self._encodes:
            values |= {Space.CODE: self._encoder.host_value, Space.HISTORY: self._history.value}
        if self._geometry.loaded:
            m.submodules.preset = preset = Rom(self._geometry.loaded.record())
            m.d.comb += preset.index.eq(host.word)
            values[Space.PRESET] = preset.byte
        with m.Switch(host.space):
            for space, value in values.items():
                with m.Case(space):
                    m.d.comb += host.value.eq(value)
            with m.Default():
                m.d.comb += host.value.eq(self._crossbar.host.value)

    def _sequence(self, m: Module) -> None:
        """The state machine: every operation begins and ends in state IDLE."""
        remaining = Signal(16)
        mask = Signal(self._geometry.lanes)
        walking = Signal()
        m.d.comb += walking.eq(self._walk.busy | self._membranes.busy)
        m.d.sync += self.updates.eq(self.updates + self._crossbar.moved)
        with m.FSM() as fsm:
            m.d.comb += self.busy.eq(~fsm.ongoing("IDLE"))
            self._choose(m, remaining)
            self._begin(m, walking)
            if self._encodes:
                self._encode(m, remaining)
            self._tick(m, remaining, walking)
            self._event(m, walking)
            self._spike(m, mask)
            if self._geometry.cell == "step":
                self._seek(m)
            with m.State("DRIVEN"), m.If(~self._crossbar.busy):
                m.next = "IDLE"

    def _choose(self, m: Module, remaining: Signal) -> None:
        """State that waits for an operation and begins it."""
        g, crossbar = self._geometry, self._crossbar
        with m.State("IDLE"):
            m.d.sync += [
                self._row.eq(self.argument),
                remaining.eq(self.argument),
                self._presenting.eq(self.operation == Operation.PRESENT),
                self._driven.eq(self.operation == Operation.PROGRAM),
                self._group.eq(0), self._base.eq(0), self._column.eq(0),
            ]  # fmt: skip
            with m.If(self.start), m.Switch(self.operation):
                with m.Case(Operation.BEGIN):
                    m.next = "BEGIN"
                if self._encodes:
                    with m.Case(Operation.PRESENT):
                        m.d.comb += self._image.start.eq(self.length != 0)
                        m.next = "BEGIN"
                        with m.If(self.length != 0):
                            m.next = "DECODE"
                with m.Case(Operation.EVENT):
                    m.next = "EVENT"
                with m.Case(Operation.TICKS):
                    m.next = "TICK"
                if g.cell == "step":
                    with m.Case(Operation.PROGRAM):
                        m.d.sync += self._lane.eq(self.lane)
                        m.next = "SEEK"
                else:
                    with m.Case(Operation.SEGMENT):
                        m.d.comb += crossbar.segment.eq(1)
                        m.d.sync += self.updates.eq(self.updates + g.rows * g.cols)
                        m.next = "DRIVEN"

    def _begin(self, m: Module, walking: Signal) -> None:
        """States that start a presentation."""
        crossbar, walk = self._crossbar, self._walk
        with m.State("BEGIN"):
            m.d.comb += [crossbar.clear.eq(1), self._log.clear.eq(1), walk.start.eq(1), walk.kind.eq(Pass.BEGIN)]
            m.d.sync += [self.tick.eq(0), self._inhibited_until.eq(0)]
            if self._encodes:
                m.d.comb += self._encoder.load.eq(self._presenting & (self.duration != 0))
            m.next = "BEGINNING"
        planning = self._encoder.planning if self._encodes else Const(0)
        with m.State("BEGINNING"), m.If(~walking & ~crossbar.busy & ~planning):
            m.next = "IDLE"
            if self._encodes:
                with m.If(self._presenting):
                    m.next = "ENCODE"
                    with m.If(self.duration == 0):
                        m.next = "END"

    def _tick(self, m: Module, remaining: Signal, walking: Signal) -> None:
        """States that advance the time, tick by tick."""
        walk = self._walk
        with m.State("TICK"):
            m.d.comb += walk.kind.eq(Pass.LEAK)
            m.d.sync += remaining.eq(remaining - 1)
            with m.If(remaining == 0):
                m.next = "IDLE"
                if self._encodes:
                    with m.If(self._presenting):
                        m.next = "ENCODE"
            with m.Else():
                m.d.comb += walk.start.eq(1)
                m.d.sync += self.tick.eq(self.tick + 1)
                m.next = "LEAKING"
        with m.State("LEAKING"), m.If(~walking):
            m.next = "TICK"

    def _event(self, m: Module, walking: Signal) -> None:
        """States that add an input spike's weights to the membranes."""
        crossbar, walk, winners = self._crossbar, self._walk, self._winners
        with m.State("EVENT"):
            m.d.comb += [crossbar.mark.eq(1), winners.clear.eq(1), walk.start.eq(1), walk.kind.eq(Pass.ADD)]
            m.d.sync += [self.events.eq(self.events + 1), self._alone.eq(walk.alone)]
            m.d.sync += [
                self._group.eq(Mux(walk.alone, self._exempt_group, 0)),
                self._base.eq(Mux(walk.alone, self._exempt_base, 0)),
                self._column.eq(Mux(walk.alone, self._exempt_column, 0)),
            ]
            m.next = "ADDING"
        with m.State("ADDING"), m.If(~walking & ~winners.busy):
            self._resume(m)
            with m.If(winners.any):
                m.next = "LOAD"

    def _seek(self, m: Module) -> None:
        """State that steps to the group of the column to be programmed."""
        crossbar = self._crossbar
        with m.State("SEEK"):
            with m.If(self._group == self.group):
                m.d.comb += crossbar.program.eq(1)
                m.next = "DRIVEN"
            with m.Else():
                self._next_group(m)

    def _encode(self, m: Module, remaining: Signal) -> None:
        """States that decode an image, play the spikes that the encoder gives in every tick, and note the end."""
        encoder, image = self._encoder, self._image
        with m.State("DECODE"), m.If(~image.busy):
            m.next = "BEGIN"
            with m.If(image.bad):
                m.next = "IDLE"
        with m.State("END"):
            m.d.comb += self._history.end.eq(1)
            m.next = "IDLE"
        with m.State("ENCODE"):
            m.d.comb += encoder.start.eq(1)
            m.next = "SCANNING"
        with m.State("SCANNING"):
            m.d.comb += encoder.spikes.ready.eq(1)
            m.d.sync += [self._row.eq(encoder.spikes.payload), remaining.eq(1)]
            with m.If(encoder.spikes.valid):
                m.next = "EVENT"
            with m.Elif(~encoder.busy):
                m.next = "TICK"
                with m.If(self.tick + 1 == self.duration):
                    m.next = "SCANNING"
                    with m.If(~encoder.planning):
                        m.next = "END"

    def _spike(self, m: Module, mask: Signal) -> None:
        """States that let ready neurons fire, group by group: the first of them, or all where nothing inhibits."""
        g, membranes, walk, winners = self._geometry, self._membranes, self._walk, self._winners
        inhibits, here, some = Signal(), Signal(), Signal()
        others = mask & (mask - 1)
        # Whether the mask has any neuron is kept beside it: worked out where it is needed, it would limit the clock.
        m.d.comb += [inhibits.eq(self.inhibition != 0), here.eq(some)]
        if g.tie != "rank":
            m.d.comb += here.eq(Mux(inhibits, self._group == winners.best_group, some))
        with m.State("LOAD"):
            m.next = "LOADING"
        with m.State("LOADING"):
            m.d.sync += [mask.eq(winners.mask), some.eq(winners.mask.any())]
            m.next = "CHOOSE"
        with m.State("CHOOSE"):
            m.d.sync += self._lane.eq(lowest(mask))
            if g.tie != "rank":
                with m.If(inhibits):
                    m.d.sync += self._lane.eq(winners.best_lane)
            with m.If(here):
                m.d.sync += [mask.eq(others), some.eq(others.any())]
                m.next = "FIRE"
            with m.Elif(self._alone | (self._group == g.groups - 1)):
                self._resume(m)
            with m.Else():
                self._next_group(m)
                m.next = "LOAD"
        with m.State("FIRE"):
            m.d.comb += [membranes.fire.eq(1), self._log.write.eq(1)]
            if g.cell == "step":
                m.d.comb += self._crossbar.program.eq(self.flags[Flag.LEARN])
            if self._encodes:
                m.d.comb += self._history.spike.eq(self._presenting)
            m.d.sync += self.spikes.eq(self.spikes + 1)
            with m.If(inhibits):
                m.d.sync += [
                    self._inhibited_until.eq(self._after(self.inhibition)),
                    self._exempt_group.eq(self._group),
                    self._exempt_lane.eq(self._lane),
                    self._exempt_base.eq(self._base),
                    self._exempt_column.eq(self._column),
                ]
            m.next = "FIRING"
        with m.State("FIRING"), m.If(~membranes.busy):
            m.d.comb += [walk.start.eq(self.flags[Flag.RESET_ALL]), walk.kind.eq(Pass.CLEAR)]
            m.next = "LEARNING"
        with m.State("LEARNING"), m.If(~walk.busy & ~membranes.busy & ~self._crossbar.busy):
            m.next = "CHOOSE"
            with m.If(inhibits):
                self._resume(m)

    def _next_group(self, m: Module) -> None:
        g = self._geometry
        m.d.sync += [
            self._group.eq(self._group + 1),
            self._base.eq(self._base + g.rows),
            self._column.eq(self._column + g.lanes),
        ]

    def _resume(self, m: Module) -> None:
        """After an input spike: back to the scan of the encoder, or done."""
        m.next = "IDLE"
        if self._encodes:
            with m.If(self._presenting):
                m.next = "SCANNING"
