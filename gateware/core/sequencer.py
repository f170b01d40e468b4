"""Sequencer of crossbar, neurons and encoder: carries out every command that plays spikes or programs cells."""

from __future__ import annotations

from amaranth.hdl import Const, Module, Mux, Signal

from gateware.core.datapath import Datapath
from gateware.core.membranes import Pass
from gateware.core.operation import Operation
from gateware.core.winners import lowest
from gateware.protocol import Flag


class Sequencer(Datapath):
    """`Datapath` with the state machine of its operations."""

    def elaborate(self, platform: object) -> Module:
        """Connect the parts and build the sequence."""
        m = Module()
        self.connect(m)
        self._sequence(m)
        return m

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
