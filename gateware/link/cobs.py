"""COBS encoder and decoder: a coded frame has no zero byte, so that a zero ends it."""

from amaranth.hdl import Module, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from gateware.link.ring import ByteRing

Byte = data.StructLayout({"data": 8, "last": 1})
"""A byte of a frame, and whether it is the last one."""

Token = data.StructLayout({"data": 8, "end": 1, "bad": 1})
"""A decoded byte, or with `end` the end of a frame, `bad` if it came in the midst of a block; then `data` is void."""

FULL = 254
"""Bytes of the longest block; it stands for no zero."""


class CobsDecoder(wiring.Component):
    """Decodes COBS bytes to tokens, in the same cycle.

    The end of a frame is a token of its own, because only the zero after the last byte tells that it was the last. Two
    zeros in a row enclose no frame and give no token.
    """

    coded: In(stream.Signature(8))
    tokens: Out(stream.Signature(Token))

    latency = 0

    def elaborate(self, platform: object) -> Module:
        """Build it."""
        m = Module()
        left = Signal(8)
        within = Signal()
        zero_due = Signal()
        byte = self.coded.payload
        out = self.tokens.payload
        emit = Signal()

        m.d.comb += [
            self.tokens.valid.eq(self.coded.valid & emit),
            self.coded.ready.eq(self.tokens.ready | ~emit),
            out.data.eq(byte),
        ]
        taken = self.coded.valid & self.coded.ready
        with m.If(byte == 0):
            m.d.comb += [emit.eq(within), out.end.eq(1), out.bad.eq(left != 0)]
            with m.If(taken):
                m.d.sync += [within.eq(0), left.eq(0), zero_due.eq(0)]
        with m.Elif(left == 0):
            m.d.comb += [emit.eq(zero_due), out.data.eq(0)]
            with m.If(taken):
                m.d.sync += [within.eq(1), left.eq(byte - 1), zero_due.eq(byte != FULL + 1)]
        with m.Else():
            m.d.comb += emit.eq(1)
            with m.If(taken):
                m.d.sync += left.eq(left - 1)
        return m


class CobsEncoder(wiring.Component):
    """Encodes the bytes of frames, with a zero after each frame.

    A block is held back until it is complete, since its length goes first: a byte comes out at the earliest `latency`
    cycles after the last byte of its block was taken. Blocks are not taken and given at the same time.
    """

    plain: In(stream.Signature(Byte))
    coded: Out(stream.Signature(8))

    latency = 2

    def elaborate(self, platform: object) -> Module:
        """Build it."""
        m = Module()
        m.submodules.ring = ring = ByteRing(256)
        count = Signal(8)
        written = Signal.like(ring.end)
        last = Signal()
        # A frame that ends with a zero has an empty block behind it.
        tail = Signal()
        byte = self.plain.payload

        m.d.comb += [ring.byte.eq(byte.data), ring.position.eq(written), ring.end.eq(written)]
        with m.FSM():
            with m.State("TAKE"):
                m.d.comb += self.plain.ready.eq(1)
                with m.If(self.plain.valid):
                    m.d.sync += [last.eq(byte.last), tail.eq(byte.last & (byte.data == 0))]
                    with m.If(byte.data != 0):
                        m.d.comb += ring.write.eq(1)
                        m.d.sync += [written.eq(written + 1), count.eq(count + 1)]
                    with m.If((byte.data == 0) | byte.last | (count == FULL - 1)):
                        m.next = "LENGTH"
            with m.State("LENGTH"):
                m.d.comb += [self.coded.valid.eq(1), self.coded.payload.eq(count + 1)]
                with m.If(self.coded.ready):
                    m.next = "BLOCK"
            with m.State("BLOCK"):
                m.d.comb += [
                    self.coded.valid.eq((count != 0) & ring.bytes.valid),
                    self.coded.payload.eq(ring.bytes.payload),
                    ring.bytes.ready.eq((count != 0) & self.coded.ready),
                ]
                with m.If(count == 0):
                    m.next = "TAKE"
                    with m.If(last):
                        m.next = "END"
                    with m.If(tail):
                        m.d.sync += tail.eq(0)
                        m.next = "LENGTH"
                with m.Elif(ring.bytes.valid & self.coded.ready):
                    m.d.sync += count.eq(count - 1)
            with m.State("END"):
                m.d.comb += self.coded.valid.eq(1)
                with m.If(self.coded.ready):
                    m.next = "TAKE"
        return m
