"""Reply composer: puts header and CRC around a status and a payload, and codes them for the line."""

from amaranth.hdl import Cat, Const, Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from gateware.link.cobs import Byte, CobsEncoder
from gateware.link.crc import Crc16
from gateware.link.ring import ByteRing
from gateware.protocol import MAX_ARGUMENTS

HEADER_BYTES = 7
"""Sequence number, length, status, free bytes."""


class ReplyComposer(wiring.Component):
    """Makes a coded reply of a status byte and a payload.

    The payload, at most `MAX_ARGUMENTS` bytes, is buffered, because its length goes before it; while a reply is given
    out no other is taken. The first coded byte comes at the earliest `latency` cycles after the last byte was taken: a
    sequence number below 256 puts a zero into the second byte.

    Attributes
    ----------
    body
        Status byte, then payload.
    number, free
        For the header. `number` must stay until the next reply is taken, `free` is noted with the last byte.
    coded
        The reply on the line.
    latency : int
        Cycles.
    """

    body: In(stream.Signature(Byte))
    number: In(16)
    free: In(16)
    coded: Out(stream.Signature(8))

    latency = 2 + 1

    def elaborate(self, platform: object) -> Module:
        """Build the buffer of the payload and the state machine that gives a reply out."""
        m = Module()
        m.submodules.ring = ring = ByteRing(MAX_ARGUMENTS)
        m.submodules.crc = crc = Crc16()
        m.submodules.encoder = encoder = CobsEncoder()
        wiring.connect(m, encoder.coded, wiring.flipped(self.coded))
        body, plain = self.body.payload, encoder.plain
        status = Signal(8)
        free = Signal(16)
        length = Signal(range(MAX_ARGUMENTS + 1))
        written = Signal.like(ring.end)
        # The length has 9 bits: the rest of its field is 0.
        header = Cat(self.number, length, Const(0, 7), status, free)
        place = Signal(range(HEADER_BYTES))
        given = Signal()

        m.d.comb += [
            ring.byte.eq(body.data),
            ring.position.eq(written),
            ring.end.eq(written),
            crc.data.eq(plain.payload.data),
            given.eq(plain.valid & plain.ready),
        ]
        with m.FSM():
            with m.State("STATUS"):
                m.d.comb += [self.body.ready.eq(1), crc.start.eq(1)]
                m.d.sync += [status.eq(body.data), length.eq(0), free.eq(self.free)]
                with m.If(self.body.valid):
                    m.next = "PAYLOAD"
                    with m.If(body.last):
                        m.next = "HEADER"
            with m.State("PAYLOAD"):
                m.d.comb += [self.body.ready.eq(1), ring.write.eq(self.body.valid)]
                m.d.sync += free.eq(self.free)
                with m.If(self.body.valid):
                    m.d.sync += [written.eq(written + 1), length.eq(length + 1)]
                    with m.If(body.last):
                        m.next = "HEADER"
            with m.State("HEADER"):
                m.d.comb += [
                    plain.valid.eq(1),
                    plain.payload.data.eq(header.word_select(place, 8)),
                    crc.valid.eq(given),
                ]
                with m.If(given):
                    m.d.sync += place.eq(place + 1)
                    with m.If(place == HEADER_BYTES - 1):
                        m.d.sync += place.eq(0)
                        m.next = "CRC_LOW"
                        with m.If(length != 0):
                            m.next = "BUFFERED"
            with m.State("BUFFERED"):
                m.d.comb += [
                    plain.valid.eq(ring.bytes.valid),
                    plain.payload.data.eq(ring.bytes.payload),
                    ring.bytes.ready.eq(plain.ready),
                    crc.valid.eq(given),
                ]
                with m.If(given):
                    m.d.sync += length.eq(length - 1)
                    with m.If(length == 1):
                        m.next = "CRC_LOW"
            with m.State("CRC_LOW"):
                m.d.comb += [plain.valid.eq(1), plain.payload.data.eq(crc.crc[:8])]
                with m.If(given):
                    m.next = "CRC_HIGH"
            with m.State("CRC_HIGH"):
                m.d.comb += [plain.valid.eq(1), plain.payload.data.eq(crc.crc[8:]), plain.payload.last.eq(1)]
                with m.If(given):
                    m.next = "STATUS"
        return m
