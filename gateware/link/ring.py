"""Ring buffer of bytes in block RAM: written anywhere beyond its end, read as a stream up to its end."""

from amaranth.hdl import Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from gateware.core.ram import SMALL_DEPTH, small_memory


class ByteRing(wiring.Component):
    """A ring buffer whose writer releases bytes to the reader by moving `end` forward.

    Positions count modulo 2 x `depth`, so that a full ring is not an empty one. A byte comes out `latency` cycles after
    `end` has passed it at the earliest, one each cycle.

    Parameters
    ----------
    depth : int
        Bytes, a power of two.

    Attributes
    ----------
    write, position, byte
        Write `byte` at `position`, which must lie in `end` .. `start` + `depth` - 1.
    end
        Position after the last byte that may be read.
    start
        Position of the next byte to be read: what lies before it may be overwritten.
    bytes
        The bytes that were read, as a stream.
    latency : int
        Cycles: one for the memory, one for the register behind it that keeps the memory's delay out of other paths.
    """

    latency = 2

    def __init__(self, depth: int) -> None:
        if depth < 2 or depth & (depth - 1):
            raise ValueError(f"a ring of {depth} bytes: not a power of two")
        self.depth = depth
        super().__init__(
            {
                "write": In(1),
                "position": In(range(2 * depth)),
                "byte": In(8),
                "end": In(range(2 * depth)),
                "start": Out(range(2 * depth)),
                "bytes": Out(stream.Signature(8)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """Build the memory and its reader."""
        m = Module()
        attributes = small_memory(platform) if self.depth <= SMALL_DEPTH else {}
        m.submodules.memory = memory = Memory(shape=8, depth=self.depth, init=[], attrs=attributes)
        write, read = memory.write_port(), memory.read_port()
        fetched = Signal()
        move = Signal()
        fetch = Signal()

        m.d.comb += [
            write.en.eq(self.write),
            write.addr.eq(self.position[:-1]),
            write.data.eq(self.byte),
            move.eq(~self.bytes.valid | self.bytes.ready),
            fetch.eq((self.start != self.end) & (~fetched | move)),
            read.en.eq(fetch),
            read.addr.eq(self.start[:-1]),
        ]
        with m.If(move):
            m.d.sync += [self.bytes.valid.eq(fetched), self.bytes.payload.eq(read.data), fetched.eq(0)]
        with m.If(fetch):
            m.d.sync += [fetched.eq(1), self.start.eq(self.start + 1)]
        return m
