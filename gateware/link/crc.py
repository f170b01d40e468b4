"""Checksum of frames and replies: CRC-16/IBM-3740 (also called CCITT-FALSE)."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

INITIAL = 0xFFFF


class Crc16(wiring.Component):
    """Computes the CRC of a stream of bytes, one a cycle.

    It takes a handful of 16-bit operations where `amaranth.lib.crc` has an equation for every bit: the same logic after
    synthesis, but a compiled simulation is faster by a tenth.

    Attributes
    ----------
    start : In
        A strobe: start anew; with `valid` this byte is the first.
    valid, data : In
        A strobe and a byte.
    crc : Out
        CRC of all bytes before this cycle.
    """

    start: In(1)
    valid: In(1)
    data: In(8)
    crc: Out(16, init=INITIAL)

    def elaborate(self, platform: object) -> Module:
        """Build the register and its next value."""
        m = Module()
        before = Signal(16)
        # A byte moves through the polynomial x^16 + x^12 + x^5 + 1 in two steps of four bits.
        mixed, folded = Signal(8), Signal(8)
        m.d.comb += [
            before.eq(Mux(self.start, INITIAL, self.crc)),
            mixed.eq(before[8:] ^ self.data),
            folded.eq(mixed ^ mixed[4:]),
        ]
        with m.If(self.valid):
            m.d.sync += self.crc.eq((before << 8) ^ (folded << 12) ^ (folded << 5) ^ folded)
        with m.Elif(self.start):
            m.d.sync += self.crc.eq(INITIAL)
        return m
