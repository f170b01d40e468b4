"""History of presentations: the output spikes of many images, until the host has taken them."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import bits_for

from gateware.core.ram import Ram
from gateware.geometry import ENTRY_END, Geometry


class SpikeHistory(wiring.Component):
    """A ring of `history_depth` entries: one a spike, and one behind every presentation.

    The last free entry is kept for an end: spikes that find no other are missed, and the end says so.

    Attributes
    ----------
    spike, neuron : In
        A strobe: a neuron has fired.
    end : In
        A strobe: the presentation is over.
    taken : In
        Entries that the host has read.
    count, full : Out
        Entries so far, and, one cycle later, whether the next presentation has to wait.
    index, value : In, Out
        An element of the ring, 2 cycles later.
    """

    def __init__(self, geometry: Geometry) -> None:
        """Size the ring."""
        self._depth, self._neuron_bits = geometry.history_depth, bits_for(geometry.cols - 1)
        super().__init__(
            {
                "spike": In(1), "neuron": In(self._neuron_bits), "end": In(1), "taken": In(32),
                "count": Out(32), "full": Out(1),
                "index": In(bits_for(self._depth - 1)), "value": Out(16),
            }
        )  # fmt: skip

    def elaborate(self, platform: object) -> Module:
        """Build the ring."""
        m = Module()
        m.submodules.ring = ring = Ram(self._neuron_bits + 1, self._depth)
        waiting, missed = Signal(32), Signal()
        m.d.sync += [waiting.eq(self.count - self.taken), self.full.eq(waiting >= self._depth - 1)]
        m.d.comb += [
            ring.address.eq(self.index),
            self.value.eq(ring.value[0][:-1] | (ring.value[0][-1] << (ENTRY_END.bit_length() - 1))),
            ring.write_address.eq(self.count[: len(self.index)]),
            ring.write_value[0].eq(Cat(self.neuron, 0)),
        ]
        with m.If(self.end):
            m.d.comb += [ring.write.eq(1), ring.write_value[0].eq(missed | 1 << self._neuron_bits)]
            m.d.sync += [self.count.eq(self.count + 1), missed.eq(0)]
        with m.Elif(self.spike):
            with m.If(self.full):
                m.d.sync += missed.eq(1)
            with m.Else():
                m.d.comb += ring.write.eq(1)
                m.d.sync += self.count.eq(self.count + 1)
        return m
