"""Timing model of a board behind an FTDI chip: its answers come from the golden model, their times are computed.

What decides is the chip's latency timer: a short answer waits in it until the timer runs out, 16 ms by default and 1 ms
at the least, unless a whole USB packet of answers is there before. Nothing here was measured on a board.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

from gateware import timing
from gateware.geometry import Geometry
from gateware.golden.core import GoldenCore
from gateware.golden.link import GoldenLink
from gateware.golden.machine import NEVER
from gateware.host.transport import Transport
from gateware.protocol import Command, Flag, Status

PACKETS = {"ftdi": 62, "ftdi-hs": 510}
"""Bytes of answers in a USB packet, by the link that an address names: full speed (FT231X), high speed (FT2232H)."""


@dataclass(frozen=True)
class FtdiChip:
    """Times of a chip and of the host that talks to it.

    Attributes
    ----------
    baud : float
        Symbols per second on the chip's serial side; a byte takes ten.
    latency : float
        Setting of its latency timer, s.
    packet : int
        Bytes of answers in a USB packet: 62 at full speed (FT231X), 510 at high speed (FT2232H).
    usb : float
        Time of a packet on the bus, s.
    host : float
        Time that the host's driver and program take for one, s.
    """

    baud: float = 1e6
    latency: float = 16e-3
    packet: int = 62
    usb: float = 125e-6
    host: float = 100e-6


class FtdiModel(Transport):
    """Carries bytes to a golden model and says when a board's would have come; nothing is waited for.

    Parameters
    ----------
    geometry : Geometry
        What the board emulates.
    clock : float
        Of its logic, Hz; cycles are counted by `gateware.timing`.
    chip : FtdiChip
        The FTDI chip.

    Attributes
    ----------
    time : float
        Virtual time, s.
    sent, received : int
        Bytes so far.
    turns : int
        Times at which the host had nothing more to send before it got an answer.
    """

    name = "model of a board behind an FTDI chip"

    def __init__(self, geometry: Geometry, clock: float, chip: FtdiChip) -> None:
        self.time, self.sent, self.received, self.turns = 0.0, 0, 0, 0
        self._geometry, self._clock, self._chip = geometry, clock, chip
        self._core = GoldenCore(geometry)
        self._link = GoldenLink(self._execute, geometry.frame_buffer)
        self._part = bytearray()
        self._cycles = 0
        # When the last byte to the board has passed, its logic is idle again, its last answer is out; the timer began.
        self._outward = self._idle = self._inward = self._timer = 0.0
        self._answers: deque[tuple[float, int]] = deque()

    def send(self, data: bytes) -> None:
        """Have all commands in `data` carried out, each when its last byte has arrived and the one before is done."""
        chip = self._chip
        self.turns += not self._answers and self._outward <= self.time
        self.sent += len(data)
        self._outward = max(self._outward, self.time + chip.usb)
        for byte in data:
            self._outward += 10 / chip.baud
            self._part.append(byte)
            if byte:
                continue
            self._cycles = 0
            answer = self._link.feed(bytes(self._part))
            self._part.clear()
            self._idle = max(self._idle, self._outward) + self._cycles / self._clock
            self._inward = max(self._inward, self._idle)
            for each in answer:
                self._inward += 10 / chip.baud
                self._answers.append((self._inward, each))

    def receive(self, timeout: float) -> bytes:
        """Return the next packet of answers and let virtual time go on until it is there."""
        if not self._answers:
            return b""
        chip = self._chip
        leaves = self._timer_runs_out()
        if len(self._answers) >= chip.packet:
            leaves = min(leaves, self._answers[chip.packet - 1][0])
        packet = bytearray()
        while self._answers and len(packet) < chip.packet and self._answers[0][0] <= leaves:
            packet.append(self._answers.popleft()[1])
        self._timer = leaves
        self.time = max(self.time, leaves + chip.usb) + chip.host
        self.received += len(packet)
        return bytes(packet)

    def close(self) -> None:
        """Forget unread answers."""
        self._answers.clear()

    def _timer_runs_out(self) -> float:
        """When the latency timer, which starts with every packet, runs out next with an answer there."""
        first, latency = self._answers[0][0], self._chip.latency
        return self._timer + latency * max(1, math.ceil((first - self._timer) / latency))

    def _execute(self, command: bytes) -> bytes:
        core, g = self._core, self._geometry
        core.set_register("link_errors", self._link.link_errors)
        names = ("events", "spikes", "tick")
        before = [core.register(name) for name in names]
        answer = core.execute(command)
        events, spikes, ticks = (core.register(name) - was for name, was in zip(names, before, strict=True))
        learn = bool(core.register("flags") >> Flag.LEARN & 1)
        if command[0] == Command.BEGIN:
            self._cycles += timing.begin(g)
        elif command[0] == Command.EVENTS:
            played = timing.events(g, events, len(command) // 2 - events, max(ticks, 0))
            self._cycles += played + spikes * timing.spike(g, learn)
        elif command[0] == Command.PRESENT and answer[0] == Status.OK:
            first = int((core.machine.last != NEVER).sum())
            duration = core.register("duration")
            self._cycles += timing.present(g, duration, events, spikes, learn, first, len(command) - 1)
        else:
            self._cycles += timing.COMMAND + len(command)
        return answer
