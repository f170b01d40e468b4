"""Top level of a bitstream: clock, UART, and the emulator behind it."""

from __future__ import annotations

from amaranth.build import Platform
from amaranth.hdl import ClockDomain, Module
from amaranth.lib import io, wiring

from gateware.boards import Board
from gateware.clocks import PllClock
from gateware.geometry import Geometry
from gateware.link.uart import UartReceiver, UartTransmitter, divisor


class Top(wiring.Component):
    """Puts a design with byte streams `rx` and `tx` on a board's serial port.

    Parameters
    ----------
    board : Board
        Names the pins and the oscillator.
    geometry : Geometry
        Gives the clock, Hz: the oscillator's, or one that a PLL makes of it. At a clock that the baud rate cannot be
        divided from, `InputError` is raised.
    design : Component
        The component behind the UART.
    """

    def __init__(self, board: Board, geometry: Geometry, design: wiring.Component) -> None:
        super().__init__({})
        self._board, self._geometry, self._design = board, geometry, design
        self._divisor = divisor(geometry.clock, board.baud)

    def elaborate(self, platform: Platform) -> Module:
        """Connect it; without a PLL the platform makes clock and reset by itself."""
        m = Module()
        if self._geometry.clock != self._board.oscillator:
            m.domains.sync = ClockDomain()
            m.submodules.clock = PllClock(self._board, self._geometry.clock)
        pins = platform.request(*self._board.serial, dir="-")
        m.submodules.rx_pin = rx = io.Buffer("i", pins.rx)
        m.submodules.tx_pin = tx = io.Buffer("o", pins.tx)
        for resource in self._board.high:
            m.submodules["_".join(map(str, resource))] = pin = io.Buffer("o", platform.request(*resource, dir="-"))
            m.d.comb += pin.o.eq(1)
        m.submodules.receiver = receiver = UartReceiver(self._divisor)
        m.submodules.transmitter = transmitter = UartTransmitter(self._divisor)
        m.submodules.design = self._design
        m.d.comb += [receiver.rx.eq(rx.i), tx.o.eq(transmitter.tx)]
        wiring.connect(m, receiver.bytes, self._design.rx)
        wiring.connect(m, self._design.tx, transmitter.bytes)
        return m
