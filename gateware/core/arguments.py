"""Buffer for the arguments of a command: filled byte by byte, then read element by element."""

from __future__ import annotations

from amaranth.hdl import Module, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from gateware.core.ram import Ram
from gateware.protocol import MAX_ARGUMENTS

HEADER_BYTES = 8
"""First bytes of the arguments that can all be read in one cycle, as output `header`."""

ELEMENT_LATENCY = 2
"""Cycles per byte of an element."""


class Arguments(wiring.Component):
    """A buffer of one command's arguments.

    Attributes
    ----------
    clear : In
        A strobe: empty the buffer.
    put, byte : In
        A strobe and the next argument.
    length, overflow : Out
        How many there are, and whether there were more than `MAX_ARGUMENTS`.
    header : Out
        The first `HEADER_BYTES` arguments, side by side.
    read, first, size : In
        A strobe, where to read from, and the bytes of an element less 1; the size must stay.
    elements : Out
        From then on, little-endian; `ELEMENT_LATENCY` cycles a byte, one element ahead. Runs on beyond the last one.
    """

    def __init__(self) -> None:
        """Declare the ports."""
        super().__init__(
            {
                "clear": In(1),
                "put": In(1),
                "byte": In(8),
                "length": Out(range(MAX_ARGUMENTS + 1)),
                "overflow": Out(1),
                "header": Out(data.ArrayLayout(8, HEADER_BYTES)),
                "read": In(1),
                "first": In(3),
                "size": In(2),
                "elements": Out(stream.Signature(32)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """Build the buffer and its reader."""
        m = Module()
        m.submodules.buffer = buffer = Ram(8, MAX_ARGUMENTS, latency=1)
        place, number, taking = Signal(range(MAX_ARGUMENTS)), Signal(2), Signal()
        m.d.comb += [
            buffer.address.eq(place),
            buffer.write_address.eq(self.length),
            buffer.write_value[0].eq(self.byte),
        ]
        with m.If(self.clear):
            m.d.sync += [self.length.eq(0), self.overflow.eq(0)]
        with m.Elif(self.put):
            with m.If(self.length == MAX_ARGUMENTS):
                m.d.sync += self.overflow.eq(1)
            with m.Else():
                m.d.comb += buffer.write.eq(1)
                m.d.sync += self.length.eq(self.length + 1)
                with m.If(self.length < HEADER_BYTES):
                    m.d.sync += self.header[self.length[:3]].eq(self.byte)

        elements = self.elements
        with m.If(self.read):
            m.d.sync += [place.eq(self.first), number.eq(0), taking.eq(0), elements.valid.eq(0)]
        with m.Elif(elements.valid), m.If(elements.ready):
            m.d.sync += elements.valid.eq(0)
        with m.Elif(~taking):
            m.d.sync += taking.eq(1)
        with m.Else():
            m.d.sync += [
                taking.eq(0),
                elements.payload.word_select(number, 8).eq(buffer.value[0]),
                place.eq(place + 1),
                number.eq(number + 1),
            ]
            with m.If(number == self.size):
                m.d.sync += [number.eq(0), elements.valid.eq(1)]
        return m
