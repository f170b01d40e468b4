"""Division by a constant, which gives the word and the lane of an element."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import bits_for


class Divider(wiring.Component):
    """Divides by a constant, one bit a cycle.

    Parameters
    ----------
    width : int
        Bits of the dividend.
    divisor : int
        At least 1.

    Attributes
    ----------
    start, dividend
        A strobe and the dividend; not while busy.
    busy
        High for `latency` cycles after the strobe; then the results stand.
    quotient, remainder
        Of the last division.
    latency : int
        Cycles.
    """

    def __init__(self, width: int, divisor: int) -> None:
        """Fix width and divisor."""
        self._width, self._divisor = width, divisor
        self.latency = width
        super().__init__(
            {
                "start": In(1),
                "dividend": In(width),
                "busy": Out(1),
                "quotient": Out(width),
                "remainder": Out(bits_for(divisor - 1)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """Build the shift-and-subtract loop."""
        m = Module()
        left = Signal(range(self._width + 1))
        partial = Signal(len(self.remainder) + 1)
        enough = Signal()
        m.d.comb += [
            self.busy.eq(left != 0),
            partial.eq(Cat(self.quotient[-1], self.remainder)),
            enough.eq(partial >= self._divisor),
        ]
        with m.If(self.start):
            m.d.sync += [self.quotient.eq(self.dividend), self.remainder.eq(0), left.eq(self._width)]
        with m.Elif(self.busy):
            m.d.sync += [
                self.quotient.eq(Cat(enough, self.quotient[:-1])),
                self.remainder.eq(Mux(enough, partial - self._divisor, partial)),
                left.eq(left - 1),
            ]
        return m
