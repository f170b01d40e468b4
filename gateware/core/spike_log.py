"""Log of the last output spikes of a presentation."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import bits_for

from gateware.core.ram import Ram
from gateware.geometry import Geometry


class SpikeLog(wiring.Component):
    """A ring of `log_depth` spikes.

    Attributes
    ----------
    clear, write, tick, neuron : In
        Two strobes, one to empty the log and one to append a spike: its tick and its neuron.
    logged : Out
        Spikes since `clear`.
    index, value : In, Out
        An element of the ring, 2 cycles later: tick in the lower, neuron in the higher half.
    """

    def __init__(self, geometry: Geometry) -> None:
        """Size the ring."""
        self._geometry = geometry
        super().__init__(
            {
                "clear": In(1),
                "write": In(1),
                "tick": In(geometry.t_bits),
                "neuron": In(bits_for(geometry.cols - 1)),
                "logged": Out(32),
                "index": In(bits_for(geometry.log_depth - 1)),
                "value": Out(32),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """Build the ring."""
        m = Module()
        t_bits, depth = self._geometry.t_bits, self._geometry.log_depth
        m.submodules.ring = ring = Ram(t_bits + len(self.neuron), depth)
        place = Signal.like(self.index)
        m.d.comb += [
            ring.address.eq(self.index),
            self.value.eq(Cat(ring.value[0][:t_bits], ring.value[0][t_bits:] << (16 - t_bits))),
            ring.write_address.eq(place),
            ring.write_value[0].eq(Cat(self.tick, self.neuron)),
            ring.write.eq(self.write),
        ]
        with m.If(self.clear):
            m.d.sync += [self.logged.eq(0), place.eq(0)]
        with m.Elif(self.write):
            m.d.sync += [self.logged.eq(self.logged + 1), place.eq(Mux(place == depth - 1, 0, place + 1))]
        return m
