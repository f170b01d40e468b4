"""UART with 8 data bits, no parity, 1 stop bit, between the host's serial port and the link."""

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.cdc import FFSynchronizer
from amaranth.lib.wiring import In, Out

from hil.errors import InputError

TOLERANCE = 0.02
"""Largest relative error of the bit rate: both ends together may be off by half a bit in ten."""

SHORTEST = 4
"""Fewest clock cycles of a bit with which the receiver still finds the middle of it."""


def divisor(clock: float, baud: float) -> int:
    """Clock cycles of one bit.

    Parameters
    ----------
    clock : float
        Clock of the gateware, Hz.
    baud : float
        Bit rate, 1/s.

    Raises
    ------
    InputError
        If the clock is too slow for the bit rate, or no whole number of cycles comes near it.
    """
    cycles = round(clock / baud)
    if cycles < SHORTEST or abs(clock / cycles / baud - 1) > TOLERANCE:
        raise InputError(
            f"baud rate {baud:g}: a clock of {clock:g} Hz does not divide down to it within {TOLERANCE:.0%}; "
            f"{clock / max(cycles, SHORTEST):g} is possible"
        )
    return cycles


class UartReceiver(wiring.Component):
    """Receives bytes from the line.

    A byte is offered from the middle of its stop bit, `latency` cycles after the edge of its start bit at the pin, and
    is overwritten by the next one: who takes them must do so within ten bits. A byte without a stop bit is dropped and
    counted, and nothing is received until the line is idle again.

    Parameters
    ----------
    divisor : int
        Clock cycles of one bit, at least `SHORTEST`.

    Attributes
    ----------
    latency : int
        Cycles.
    """

    rx: In(1, init=1)
    bytes: Out(stream.Signature(8))
    framing_errors: Out(16)

    def __init__(self, divisor: int) -> None:
        self.divisor = divisor
        self.latency = divisor // 2 + 9 * divisor + 3
        super().__init__()

    def elaborate(self, platform: object) -> Module:
        """Build it."""
        m = Module()
        line = Signal(init=1)
        m.submodules.synchronizer = FFSynchronizer(self.rx, line, init=1)
        timer = Signal(range(self.divisor))
        shift = Signal(8)
        # A one that is shifted along with the data says when all eight are there.
        marker = Signal(8)
        sample = timer == 0

        with m.If(self.bytes.ready):
            m.d.sync += self.bytes.valid.eq(0)
        m.d.sync += timer.eq(timer - 1)
        with m.If(sample):
            m.d.sync += timer.eq(self.divisor - 1)
        with m.FSM():
            with m.State("IDLE"):
                m.d.sync += timer.eq(self.divisor // 2 - 1)
                with m.If(~line):
                    m.next = "START"
            with m.State("START"), m.If(sample):
                m.d.sync += marker.eq(0x80)
                m.next = "DATA"
                with m.If(line):
                    m.next = "IDLE"
            with m.State("DATA"), m.If(sample):
                m.d.sync += [shift.eq(Cat(shift[1:], line)), marker.eq(marker >> 1)]
                with m.If(marker[0]):
                    m.next = "STOP"
            with m.State("STOP"), m.If(sample):
                with m.If(line):
                    m.d.sync += [self.bytes.payload.eq(shift), self.bytes.valid.eq(1)]
                    m.next = "IDLE"
                with m.Else():
                    m.d.sync += self.framing_errors.eq(self.framing_errors + 1)
                    m.next = "BREAK"
            with m.State("BREAK"), m.If(line):
                m.next = "IDLE"
        return m


class UartTransmitter(wiring.Component):
    """Sends bytes on the line, back to back.

    The start bit is on the line `latency` cycles after a byte was taken.

    Parameters
    ----------
    divisor : int
        Clock cycles of one bit.

    Attributes
    ----------
    latency : int
        Cycles.
    """

    tx: Out(1, init=1)
    bytes: In(stream.Signature(8))

    latency = 1

    def __init__(self, divisor: int) -> None:
        self.divisor = divisor
        super().__init__()

    def elaborate(self, platform: object) -> Module:
        """Build it."""
        m = Module()
        timer = Signal(range(self.divisor))
        # The bits behind the one on the line; empty when nothing but zeros is left behind the stop bit.
        shift = Signal(9)
        ended = timer == 0

        m.d.comb += self.bytes.ready.eq(ended & (shift == 0))
        with m.If(~ended):
            m.d.sync += timer.eq(timer - 1)
        with m.Elif(shift != 0):
            m.d.sync += [Cat(self.tx, shift).eq(shift), timer.eq(self.divisor - 1)]
        with m.Elif(self.bytes.valid):
            m.d.sync += [self.tx.eq(0), shift.eq(Cat(self.bytes.payload, 1)), timer.eq(self.divisor - 1)]
        return m
