"""The emulator in Amaranth's own simulator: slow, but it needs nothing else and can write waveforms."""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING, Any

from gateware import toolchain
from gateware.build import Design, emulator
from gateware.geometry import Geometry
from gateware.host.cxxrtl import SETTLE
from gateware.host.transport import SimulatedTransport

if TYPE_CHECKING:
    from amaranth.lib.wiring import Component

SLICE = 50
"""Cycles between two looks at the clock on the wall: some 20 ms."""

DEAF = 2_000_000
"""Cycles without a byte after which nothing more comes, though an answer is due."""

SLOWEST = 400
"""Cycles a second of a large crossbar on a slow machine."""


class PysimTransport(SimulatedTransport):
    """Bytes to and from Amaranth's simulator, which runs only while something is received.

    Attributes
    ----------
    cycles : int
        Clock cycles since the start.
    """

    name = "Amaranth's simulator"
    # The simulation itself notices first that nothing comes.
    patience = 1.2 * DEAF / SLOWEST

    def __init__(self, design: Component, clock: float) -> None:
        """Start a design that runs at `clock` Hz of simulated time."""
        from amaranth.sim import Simulator

        self.idle = True
        self.cycles = 0
        self._design = design
        self._quiet = 0
        self._owed = 0
        self._within = False
        self._inbox: deque[int] = deque()
        self._outbox = bytearray()
        self._period = 1 / clock
        self._simulator = Simulator(design)
        self._simulator.add_clock(self._period)
        self._simulator.add_testbench(self._serve, background=True)

    async def _serve(self, ctx: Any) -> None:
        rx, tx = self._design.rx, self._design.tx
        ctx.set(tx.ready, 1)
        while True:
            offered = bool(self._inbox)
            ctx.set(rx.valid, offered)
            if offered:
                ctx.set(rx.payload, self._inbox[0])
            _, _, ready, valid, payload = await ctx.tick().sample(rx.ready, tx.valid, tx.payload)
            self.cycles += 1
            self._quiet += 1
            if offered and ready:
                zero = self._inbox.popleft() == 0
                self._owed += zero and self._within
                self._within = not zero
                self._quiet = 0
            if valid:
                self._outbox.append(payload)
                self._owed -= payload == 0 and self._owed > 0
                self._quiet = 0

    def send(self, data: bytes) -> None:
        """Queue bytes; they are taken when something is received."""
        self._inbox.extend(data)
        self.idle = False

    def receive(self, timeout: float) -> bytes:
        """Run until bytes come out, the design is idle, or `timeout` seconds are over."""
        end = time.monotonic() + timeout
        while not self.idle and not self._outbox:
            self._simulator.run_until((self.cycles + SLICE) * self._period)
            self.idle = not self._inbox and self._quiet >= (DEAF if self._owed else SETTLE)
            if time.monotonic() >= end:
                break
        data = bytes(self._outbox)
        self._outbox.clear()
        return data

    def close(self) -> None:
        """Forget the simulation."""
        self.idle = True
        self._inbox.clear()


def open_pysim(geometry: Geometry, design: Design = emulator) -> PysimTransport:
    """Simulate a design of a geometry in Amaranth's simulator."""
    toolchain.require_amaranth()
    return PysimTransport(design(geometry, 0), geometry.clock)
