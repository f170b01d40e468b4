"""Frame receiver: keeps a frame until it is complete and checked; of a damaged one only the fact is passed on."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import enum, stream, wiring
from amaranth.lib.wiring import In, Out

from gateware.link.cobs import Token
from gateware.link.crc import Crc16
from gateware.link.ring import ByteRing
from gateware.protocol import MAX_ARGUMENTS

DAMAGED, WHOLE = 0, 1
"""The byte before every frame in the buffer; behind `DAMAGED` there is nothing."""


class Field(enum.IntEnum, shape=4):  # type: ignore[call-arg]  # Amaranth's, which has no types
    """Parts of a frame, in the order in which they come."""

    NUMBER_LOW = 0
    NUMBER_HIGH = 1
    LENGTH_LOW = 2
    LENGTH_HIGH = 3
    COMMAND = 4
    ARGUMENTS = 5
    CRC_LOW = 6
    CRC_HIGH = 7
    END = 8


class FrameReceiver(wiring.Component):
    """Turns a `CobsDecoder`'s tokens into a stream: `WHOLE`, sequence number, length, command, arguments; or `DAMAGED`.

    Tokens are never held up: what finds no room is damaged. Without its CRC and with the byte before it a frame takes
    less of the buffer than the host counts for it, so that a host which keeps to `free` always finds room. The first
    byte of a frame comes out `latency` cycles after the end of the frame was taken.

    Parameters
    ----------
    depth : int
        Bytes of the buffer, a power of two, at least 512 (the longest frame is 263 bytes) and at most 32768.

    Attributes
    ----------
    free
        Bytes that are free.
    link_errors
        Damaged frames, modulo 2^32.
    latency : int
        Cycles.
    """

    tokens: In(stream.Signature(Token))
    frames: Out(stream.Signature(8))
    free: Out(16)
    link_errors: Out(32)

    latency = ByteRing.latency + 1

    def __init__(self, depth: int) -> None:
        if not 2 * MAX_ARGUMENTS <= depth <= 32768:
            raise ValueError(f"a frame buffer of {depth} bytes: must be in {2 * MAX_ARGUMENTS} .. 32768")
        self.depth = depth
        super().__init__()

    def elaborate(self, platform: object) -> Module:
        """Build the buffer, the check and the counters."""
        m = Module()
        m.submodules.ring = ring = ByteRing(self.depth)
        m.submodules.crc = crc = Crc16()
        wiring.connect(m, ring.bytes, wiring.flipped(self.frames))
        token = self.tokens.payload
        # Position of the last byte received of a frame; ring.end is that of the byte that will be put before the frame.
        last = Signal.like(ring.end)
        after = Signal.like(ring.end)
        left = Signal(range(MAX_ARGUMENTS + 1))
        broken = Signal()
        field = Signal(Field)
        byte = Signal()
        store = Signal()
        whole = Signal()

        m.d.comb += [
            self.tokens.ready.eq(1),
            byte.eq(self.tokens.valid & ~token.end),
            store.eq(byte & (field <= Field.ARGUMENTS)),
            whole.eq((field == Field.END) & ~broken & ~token.bad),
            # One adder for all uses: a damaged frame falls back to the byte before it.
            after.eq(Mux(token.end & ~whole, ring.end, last) + 1),
            # The depth less what is occupied; adding the depth turns the highest bit round.
            self.free.eq((ring.start - last)[: len(last)] ^ self.depth),
            crc.data.eq(token.data),
            crc.valid.eq(store),
            crc.start.eq(self.tokens.valid & token.end),
            ring.byte.eq(token.data),
            ring.position.eq(after),
        ]
        with m.If(store):
            with m.If(self.free < 2):
                m.d.sync += broken.eq(1)
            with m.Elif(~broken):
                m.d.comb += ring.write.eq(1)
                m.d.sync += last.eq(after)
        with m.If(byte), m.Switch(field):
            with m.Case(Field.LENGTH_LOW):
                m.d.sync += [left.eq(token.data), field.eq(field + 1)]
            with m.Case(Field.LENGTH_HIGH):
                m.d.sync += [left[8].eq(token.data[0]), field.eq(field + 1)]
                with m.If((token.data > 1) | (token.data[0] & (left[:8] != 0))):
                    m.d.sync += broken.eq(1)
            with m.Case(Field.COMMAND):
                m.d.sync += field.eq(Mux(left == 0, Field.CRC_LOW, Field.ARGUMENTS))
            with m.Case(Field.ARGUMENTS):
                m.d.sync += left.eq(left - 1)
                with m.If(left == 1):
                    m.d.sync += field.eq(Field.CRC_LOW)
            with m.Case(Field.CRC_LOW):
                m.d.sync += field.eq(field + 1)
                with m.If(token.data != crc.crc[:8]):
                    m.d.sync += broken.eq(1)
            with m.Case(Field.CRC_HIGH):
                m.d.sync += field.eq(field + 1)
                with m.If(token.data != crc.crc[8:]):
                    m.d.sync += broken.eq(1)
            with m.Case(Field.END):
                m.d.sync += broken.eq(1)
            with m.Default():
                m.d.sync += field.eq(field + 1)

        with m.If(self.tokens.valid & token.end):
            m.d.sync += [field.eq(Field.NUMBER_LOW), broken.eq(0)]
            m.d.comb += ring.position.eq(ring.end)
            with m.If(whole):
                m.d.comb += [ring.write.eq(1), ring.byte.eq(WHOLE)]
                m.d.sync += [ring.end.eq(after), last.eq(after)]
            with m.Else():
                m.d.sync += [self.link_errors.eq(self.link_errors + 1), last.eq(ring.end)]
                with m.If(ring.start != ring.end ^ self.depth):
                    m.d.comb += [ring.write.eq(1), ring.byte.eq(DAMAGED)]
                    m.d.sync += [ring.end.eq(after), last.eq(after)]
        return m
