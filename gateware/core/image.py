"""Decoder of images, one bit a cycle (`gateware.image_code`)."""

from __future__ import annotations

from contextlib import AbstractContextManager

from amaranth.hdl import Cat, Module, Mux, Signal, ValueLike
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import bits_for

from gateware.geometry import Geometry
from gateware.image_code import LEAST_BITS, LONGEST, MOST_BITS, SHORT
from gateware.protocol import MAX_ARGUMENTS


class ImageDecoder(wiring.Component):
    """Writes the pixels of a coded image; all behind its end are black.

    Attributes
    ----------
    start, length : In
        A strobe and the number of bytes, which must stay until they are taken.
    bytes : In
        The coded image.
    busy, bad : Out
        From the cycle after the strobe; and whether it was no image.
    write, row, pixel : Out
        A strobe for every pixel.
    """

    def __init__(self, geometry: Geometry) -> None:
        """Size the row."""
        self._rows = geometry.rows
        super().__init__(
            {
                "start": In(1), "length": In(range(MAX_ARGUMENTS + 1)), "bytes": In(stream.Signature(8)),
                "busy": Out(1), "bad": Out(1),
                "write": Out(1), "row": Out(bits_for(geometry.rows - 1)), "pixel": Out(8),
            }
        )  # fmt: skip

    def elaborate(self, platform: object) -> Module:
        """Build the shift register and the state machine."""
        m = Module()
        self._place, self._beyond = Signal(range(self._rows + 1)), Signal()
        buffer, left, there, more = Signal(8), Signal.like(self.length), Signal(range(9)), Signal()
        self._bit, self._some, self._ended, self._taken = buffer[0], Signal(), Signal(), Signal()
        m.d.comb += [self._some.eq(there != 0), self._ended.eq(~self._some & ~more), self.bytes.ready.eq(0)]
        # Places of bits are kept as one bit of a word: shifts and sums by them would limit the clock.
        self._white, self._grey_end, self._longer = Signal(MOST_BITS), Signal(MOST_BITS), Signal(LONGEST + 1)
        self._number, self._weight = Signal(SHORT + LONGEST + 1), Signal(SHORT + LONGEST)
        m.d.sync += self.write.eq(0)
        with m.If(self._taken):
            m.d.sync += [buffer.eq(buffer >> 1), there.eq(there - 1)]
        with m.FSM() as fsm:
            m.d.comb += self.busy.eq(~fsm.ongoing("IDLE"))
            with m.State("IDLE"):
                m.d.sync += [left.eq(self.length), there.eq(0), self._place.eq(0), self._beyond.eq(0)]
                with m.If(self.start):
                    m.d.sync += self.bad.eq(0)
                    m.next = "WIDTH"
            with m.State("WIDTH"):
                width = self.bytes.payload
                m.d.comb += self.bytes.ready.eq(1)
                with m.If(self.bytes.valid):
                    m.d.sync += [
                        self._white.eq(Cat(width > k for k in range(MOST_BITS))),
                        self._grey_end.eq(Cat(width == k + 1 for k in range(MOST_BITS))),
                        left.eq(left - 1), more.eq(left != 1),
                    ]  # fmt: skip
                    m.next = "TOKEN"
                    with m.If((width < LEAST_BITS) | (width > MOST_BITS)):
                        self._refuse(m)
            self._decode(m)
            with m.State("REST"):
                with m.If(self._beyond):
                    m.next = "IDLE"
                with m.Else():
                    self._emit(m, 0)
        with m.If(~fsm.ongoing("IDLE") & ~fsm.ongoing("WIDTH") & ~self._some & more):
            m.d.comb += self.bytes.ready.eq(1)
            with m.If(self.bytes.valid):
                m.d.sync += [buffer.eq(self.bytes.payload), there.eq(8), left.eq(left - 1), more.eq(left != 1)]
        return m

    def _emit(self, m: Module, pixel: ValueLike) -> None:
        """Write a pixel, if there is a row for it."""
        with m.If(self._beyond):
            self._refuse(m)
        with m.Else():
            m.d.sync += [
                self.write.eq(1), self.row.eq(self._place), self.pixel.eq(pixel),
                self._place.eq(self._place + 1), self._beyond.eq(self._place == self._rows - 1),
            ]  # fmt: skip

    def _refuse(self, m: Module) -> None:
        m.d.sync += self.bad.eq(1)
        m.next = "IDLE"

    def _next_bit(self, m: Module) -> AbstractContextManager[None]:
        """A context in which a bit is there, and is taken; what no bits complete is no pixel."""
        with m.If(self._ended):
            m.next = "REST"
        some: AbstractContextManager[None] = m.If(self._some)
        return some

    def _decode(self, m: Module) -> None:
        """States of a token: its first bit, its grey value, and the length of a run of black pixels."""
        with m.State("TOKEN"), self._next_bit(m):
            m.d.comb += self._taken.eq(1)
            m.d.sync += [self._number.eq(0), self._weight.eq(1), self._longer.eq(1)]
            m.next = "GREY"
            with m.If(self._bit):
                m.next = "TOKEN"
                self._emit(m, self._white)
        number, grey = Signal.like(self._number), Signal(MOST_BITS)
        m.d.comb += [number.eq(self._number | Mux(self._bit, self._weight, 0)), grey.eq(number)]
        with m.State("GREY"), self._next_bit(m):
            m.d.comb += self._taken.eq(1)
            m.d.sync += [self._number.eq(number), self._weight.eq(self._weight << 1)]
            with m.If((self._weight & self._grey_end).any()):
                m.d.sync += self._weight.eq(1)
                m.next = "LONGER"
                with m.If(grey != 0):
                    m.next = "TOKEN"
                    self._emit(m, grey)
        with m.State("LONGER"), self._next_bit(m):
            m.d.comb += self._taken.eq(1)
            with m.If(~self._bit):
                m.next = "LENGTH"
            with m.Elif(self._longer[LONGEST]):
                self._refuse(m)
            with m.Else():
                m.d.sync += self._longer.eq(self._longer << 1)
        with m.State("LENGTH"), self._next_bit(m):
            m.d.comb += self._taken.eq(1)
            m.d.sync += [self._number.eq(number), self._weight.eq(self._weight << 1)]
            with m.If((self._weight[SHORT - 1 :] & self._longer).any()):
                # The bit behind the last one counts what shorter codes hold, and 2^SHORT, down to which the run goes.
                m.d.sync += self._number.eq(number | (self._weight << 1))
                m.next = "RUN"
        with m.State("RUN"):
            m.d.sync += self._number.eq(self._number - 1)
            with m.If(self._number == 1 << SHORT):
                m.next = "TOKEN"
            self._emit(m, 0)
