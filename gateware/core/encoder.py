"""Encoder of images: a calendar of the rows that spike in each of the next ticks.

A row is looked at only when it spikes: then the tick of its next spike is drawn, and it goes onto that tick's list.
Lists are linked: `head` holds the first row of every tick, `following` the next one behind every row.
"""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal, signed
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import bits_for

from gateware.core.ram import Ram
from gateware.core.waiting import WAIT_BITS, Waiting
from gateware.geometry import CODE_BITS, Geometry
from gateware.logarithm import MANTISSA_BITS

PLANNED = 2
"""Steps from the pipeline that draws to the calendar: what a row waits; and no more of it than the calendar has."""


class Encoder(wiring.Component):
    """Plans the spikes of an image and gives them out tick by tick.

    Attributes
    ----------
    load : In
        A strobe: plan the first spike of every row.
    start, tick : In
        A strobe: give out the rows of this tick, once all plans are made.
    busy : Out
        Rows of this tick are still to come; from the cycle after `start`.
    planning : Out
        Something is being planned; the image must stay.
    spikes : Out
        Rows that spike.
    row, enable, pixel : Out, In
        To the drive memory, whose pixel arrives 2 cycles later; `enable` low holds it.
    duration, latency_code, random, draw, random_next
        Registers, `Flag.LATENCY`, and the random generator.
    host_select, host_index, host_write, host_data, host_value
        The CODE table; a value is there 2 cycles after its index.
    latency : int
        Cycles from a row to its place on a list, if nothing is before it.
    """

    latency = Waiting.latency + PLANNED + 4

    def __init__(self, geometry: Geometry) -> None:
        """Size the lists."""
        self._geometry = geometry
        self._row_bits = row = bits_for(geometry.rows - 1)
        super().__init__(
            {
                "load": In(1), "start": In(1), "tick": In(geometry.t_bits), "duration": In(15),
                "busy": Out(1), "planning": Out(1),
                "spikes": Out(stream.Signature(row)),
                "row": Out(row), "enable": Out(1), "pixel": In(8),
                "latency_code": In(1), "random": In(32), "draw": Out(1), "random_next": Out(32),
                "host_select": In(1), "host_index": In(8), "host_write": In(1), "host_data": In(CODE_BITS),
                "host_value": Out(CODE_BITS),
            }
        )  # fmt: skip

    def elaborate(self, platform: object) -> Module:
        """Build the lists around the pipeline that draws."""
        m = Module()
        g, link = self._geometry, bits_for(self._geometry.rows)
        m.submodules.waiting = self._waiting = waiting = Waiting(g)
        m.submodules.head = self._head = Ram(link, g.slots)
        # Behind the link is whether the row only draws again.
        m.submodules.following = self._following = Ram(link + 1, g.rows)
        self._loading, self._asked, self._asked_row = Signal(), Signal(), Signal(self._row_bits)
        loaded = Signal(self._row_bits)
        m.d.comb += [
            self.row.eq(Mux(self._loading, loaded, self._asked_row)),
            self.enable.eq(waiting.flow),
            waiting.valid.eq(self._loading | self._asked),
            waiting.row.eq(self.row),
            waiting.pixel.eq(self.pixel),
            waiting.random.eq(self.random),
            self.random_next.eq(waiting.random_next),
            self.draw.eq(waiting.draw & ~self.latency_code),
            waiting.host_select.eq(self.host_select),
            waiting.host_index.eq(self.host_index),
            waiting.host_write.eq(self.host_write),
            waiting.host_data.eq(self.host_data),
            self.host_value.eq(waiting.host_value),
        ]
        with m.If(self.load):
            m.d.sync += [self._loading.eq(1), loaded.eq(g.rows - 1)]
        with m.Elif(waiting.flow):
            m.d.sync += self._asked.eq(0)
            with m.If(self._loading):
                m.d.sync += [loaded.eq(loaded - 1), self._loading.eq(loaded != 0)]
        self._plan(m)
        self._give(m)
        return m

    def _plan(self, m: Module) -> None:
        """Put rows that come out of the pipeline onto their lists, or drop them."""
        g, waiting, head, following = self._geometry, self._waiting, self._head, self._following
        blank, kept, held, place = Signal(), Signal(), Signal(), Signal.like(waiting.done_row)
        wait, due = Signal(WAIT_BITS + 1), Signal(signed(g.t_bits + 3))
        drawn, drawn_row = Signal(), Signal.like(waiting.done_row)
        cut, cut_row, far, ahead = Signal(), Signal.like(drawn_row), Signal(), Signal(range(g.slots + 1))
        self._base = base = Signal(signed(g.t_bits + 1))
        never = ~self.latency_code & (waiting.code[:MANTISSA_BITS] == 0)
        tick = Mux(waiting.code[WAIT_BITS:] != 0, (1 << WAIT_BITS) - 1, waiting.code[:WAIT_BITS])
        # First spikes are planned as if in the tick before the first one.
        with m.If(self.load):
            m.d.sync += base.eq(-1)
        slot = Signal(bits_for(g.slots - 1))
        m.d.comb += [
            due.eq(base + ahead),
            waiting.flow.eq(~held),
        ]
        with m.If(waiting.flow):
            m.d.sync += [
                drawn.eq(waiting.done & ~never), drawn_row.eq(waiting.done_row),
                wait.eq(Mux(self.latency_code, tick - base, waiting.wait + 1)),
                cut.eq(drawn), cut_row.eq(drawn_row), far.eq(wait > g.slots),
                ahead.eq(Mux(wait > g.slots, g.slots, wait)),
                held.eq(cut & (due < self.duration)),
                blank.eq(far), slot.eq(due[: len(slot)]), place.eq(cut_row),
            ]  # fmt: skip
        # The head of the list is there two cycles later.
        step = Signal(2)
        m.d.sync += step.eq(Cat(held & (step == 0), step[0]))
        m.d.comb += kept.eq(step[1])
        with m.If(kept):
            m.d.sync += held.eq(0)
        m.d.comb += [
            self.planning.eq(self._loading | self._asked | ~waiting.empty | drawn | cut | held),
            following.write_address.eq(place),
            following.write_value[0].eq(Cat(head.value[0], blank)),
            following.write.eq(kept),
            head.write_address.eq(slot),
            head.write_value[0].eq(place + 1),
            head.write.eq(kept),
            head.address.eq(slot),
        ]

    def _give(self, m: Module) -> None:
        """Go through the list of a tick; rows that have spiked, or only draw, are planned anew."""
        head, following = self._head, self._following
        due, wait, only_draws = Signal.like(head.value[0]), Signal(2), following.value[0][-1]
        now = self.tick[: len(head.address)]
        following_row = (due - 1)[: self._row_bits]
        m.d.comb += following.address.eq(following_row)
        with m.FSM() as fsm:
            m.d.comb += self.busy.eq(~fsm.ongoing("IDLE"))
            with m.State("IDLE"):
                m.d.sync += wait.eq(0)
                with m.If(self.start):
                    m.next = "PLAN"
            with m.State("PLAN"), m.If(~self.planning):
                m.d.comb += head.address.eq(now)
                m.d.sync += wait.eq(wait + 1)
                with m.If(wait == 2):
                    m.d.sync += [due.eq(head.value[0]), wait.eq(0), self._base.eq(self.tick)]
                    m.d.comb += [head.write_address.eq(now), head.write_value[0].eq(0), head.write.eq(1)]
                    m.next = "IDLE"
                    with m.If(head.value[0] != 0):
                        m.next = "FOLLOW"
            with m.State("FOLLOW"):
                m.d.sync += wait.eq(wait + 1)
                with m.If(wait == 1):
                    m.next = "GIVE"
            with m.State("GIVE"):
                # What is asked for is taken with the next step of the pipeline.
                free = ~self._asked | self._waiting.flow
                m.d.comb += [self.spikes.valid.eq(~only_draws & free), self.spikes.payload.eq(following_row)]
                with m.If(free & (only_draws | self.spikes.ready)):
                    m.d.sync += [
                        self._asked.eq(only_draws | ~self.latency_code), self._asked_row.eq(following_row),
                        due.eq(following.value[0][:-1]), wait.eq(0),
                    ]  # fmt: skip
                    m.next = "FOLLOW"
                    with m.If(following.value[0][:-1] == 0):
                        m.next = "IDLE"
