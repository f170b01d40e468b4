"""Crossbar, neurons, encoder, log and history, with the wires between them and to the host; `Sequencer` drives them."""

from __future__ import annotations

from amaranth.hdl import Module, Mux, Signal, signed
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import bits_for

from gateware.core.crossbar import Crossbar
from gateware.core.encoder import Encoder
from gateware.core.flca import DECAY_BITS, GAIN_BITS
from gateware.core.history import SpikeHistory
from gateware.core.image import ImageDecoder
from gateware.core.membranes import Membranes
from gateware.core.neuron import THRESHOLD_BITS
from gateware.core.operation import Operation
from gateware.core.ports import HostPort
from gateware.core.registers import WRITABLE
from gateware.core.rom import Rom
from gateware.core.spike_log import SpikeLog
from gateware.core.walk import Walk
from gateware.core.winners import Winners
from gateware.geometry import Geometry
from gateware.protocol import MAX_ARGUMENTS, Flag, Space


class Datapath(wiring.Component):
    """All that a sequencer needs to carry out one operation at a time, on arguments that were checked.

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

    def connect(self, m: Module) -> None:
        """Add the parts, the sequencer's registers and the wires between them."""
        g = self._geometry
        m.submodules.crossbar = self._crossbar = Crossbar(g)
        m.submodules.membranes = self._membranes = Membranes(g)
        m.submodules.winners = self._winners = Winners(g)
        m.submodules.walk = self._walk = Walk(g)
        m.submodules.log = self._log = SpikeLog(g)
        self._encodes = g.encodes
        if self._encodes:
            m.submodules.encoder = self._encoder = Encoder(g)
            m.submodules.history = self._history = SpikeHistory(g)
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

    def _connect_crossbar(self, m: Module) -> None:
        crossbar = self._crossbar
        m.d.comb += [
            crossbar.address.eq(self._walk.address), crossbar.row.eq(self._row), crossbar.now.eq(self.tick),
            crossbar.window.eq(self.window), crossbar.base.eq(self._base), crossbar.lane.eq(self._lane),
            crossbar.driven.eq(self._driven), crossbar.stochastic.eq(self.flags[Flag.STOCHASTIC]),
            crossbar.chances.eq(self.chances), crossbar.gain.eq(self.gain), crossbar.decay.eq(self.decay),
            crossbar.random.eq(self.random), self.random_step.eq(crossbar.draw),
            self.random_next.eq(crossbar.random_next),
        ]  # fmt: skip

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
        encoder, crossbar, host = self._encoder, self._crossbar, self.host
        history, image = self._history, self._image
        wiring.connect(m, wiring.flipped(self.image), image.bytes)
        m.d.comb += [
            image.length.eq(self.length), self.bad.eq(image.bad), history.neuron.eq(self._column + self._lane),
            history.taken.eq(self.taken), history.index.eq(host.word), self.history.eq(history.count),
            self.full.eq(history.full), encoder.duration.eq(self.duration), encoder.host_select.eq(host.select),
            encoder.tick.eq(self.tick), encoder.latency_code.eq(self.flags[Flag.LATENCY]),
            encoder.random.eq(self.encoder_random), encoder.pixel.eq(crossbar.pixel),
            encoder.host_index.eq(host.word), encoder.host_data.eq(host.data),
            encoder.host_write.eq(host.write & (host.space == Space.CODE)), crossbar.scan.eq(self._presenting),
            crossbar.scan_row.eq(encoder.row), crossbar.scan_enable.eq(encoder.enable),
            self.encoder_random_step.eq(encoder.draw), self.encoder_random_next.eq(encoder.random_next),
        ]  # fmt: skip

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
