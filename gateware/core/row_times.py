"""Memory of the tick in which every row spiked last, as STDP needs it."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import bits_for

from gateware.core.ram import Ram
from gateware.geometry import Geometry

MOST_TAG_BITS, WORD_BITS = 4, 16
"""Bits of a presentation's tag at most, and bits of a tag and a time, so that no wider block RAM is needed."""


def tag_bits(geometry: Geometry) -> int:
    """Bits of a presentation's tag."""
    return max(1, min(MOST_TAG_BITS, WORD_BITS - geometry.t_bits))


class RowTimes(wiring.Component):
    """Times of the rows' last spikes, and whether they are within the window.

    Every time is kept with the tag of its presentation, so that a new presentation forgets all of them at once. Only
    when tags run out, after 2^`tag_bits` - 1 presentations, all rows are cleared, one by one.

    Attributes
    ----------
    mark, mark_row, now : In
        A strobe: the row spikes now.
    clear : In
        A strobe: forget all spikes; busy for `rows` cycles if tags have run out, and at the first time.
    row, window : In
        A row that is asked for.
    recent : Out
        Whether it has spiked at most `window` ticks ago, `latency` cycles later.
    latency : int
        Cycles.
    """

    latency = 4

    def __init__(self, geometry: Geometry) -> None:
        """Size the memory."""
        self._rows, self._t_bits, self._tag_bits = geometry.rows, geometry.t_bits, tag_bits(geometry)
        row = bits_for(geometry.rows - 1)
        super().__init__(
            {
                "mark": In(1),
                "mark_row": In(row),
                "now": In(geometry.t_bits),
                "clear": In(1),
                "busy": Out(1),
                "row": In(row),
                "window": In(15),
                "recent": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """Build the memory, its clearing and the comparison."""
        m = Module()
        m.submodules.times = times = Ram(self._tag_bits + self._t_bits, self._rows)
        clearing = Signal(range(self._rows))
        last = (1 << self._tag_bits) - 1
        tag = Signal(self._tag_bits, init=last)
        m.d.comb += [
            times.address.eq(self.row),
            times.write_address.eq(self.mark_row),
            times.write_value[0].eq(Cat(tag, self.now)),
            times.write.eq(self.mark),
        ]
        with m.If(self.clear):
            m.d.sync += [self.busy.eq(tag == last), clearing.eq(0), tag.eq(Mux(tag == last, 1, tag + 1))]
        with m.If(self.busy):
            m.d.comb += [times.write_address.eq(clearing), times.write_value[0].eq(0), times.write.eq(1)]
            m.d.sync += [clearing.eq(clearing + 1), self.busy.eq(clearing != self._rows - 1)]
        spiked = Signal()
        age = Signal(self._t_bits)
        m.d.sync += [
            spiked.eq(times.value[0][: self._tag_bits] == tag),
            age.eq(self.now - times.value[0][self._tag_bits :]),
            self.recent.eq(spiked & (age <= self.window)),
        ]
        return m
