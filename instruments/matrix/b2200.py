"""Keysight B2200A and B2201A: 14 inputs, up to four cards of 12 outputs.

Manual: B2200-90010 (User's Guide), chapter 5. In auto configuration (`:ROUT:FUNC ACON`) the cards act as one, card 0,
with outputs 1 to 48; a crosspoint is card, input, output: ``00102`` is input 1 to output 2. Rows are inputs, columns
outputs.

Never run on hardware.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import ClassVar

from instruments.link.errors import ProtocolError
from instruments.link.message import Message, confirm, done, query, write
from instruments.link.scpi import LIST_VALUES, parse_error
from instruments.matrix.driver import Crosspoint, MatrixDriver, MatrixFamily, MatrixSpec

_CHANNEL = re.compile(r"0(\d{2})(\d{2})")

B2200A = MatrixSpec(
    model="B2200A",
    identities=("B2200A", "B2200"),
    rows=14,
    columns=48,
    relay_time=0.05,
    source="B2200-90010: 14 inputs, four cards of 12 outputs; relay time taken high",
)
"""B2200A, fA leakage."""

B2201A = MatrixSpec(
    model="B2201A",
    identities=("B2201A", "B2201"),
    rows=14,
    columns=48,
    relay_time=0.05,
    source="as the B2200A",
)
"""B2201A, general purpose."""


class KeysightB2200(MatrixDriver):
    """B2200A and B2201A in SCPI."""

    error_query: ClassVar[str] = ":SYST:ERR?"
    sync: ClassVar[str] = "scpi"
    off: tuple[str, ...] = (":ROUT:OPEN:CARD ALL",)

    def identify(self) -> tuple[Message, ...]:
        """Ask whether the instrument is idle; it speaks SCPI alone."""
        return (confirm("*OPC?", "1"),)

    def prepare(self) -> tuple[Message, ...]:
        """Open all, one card, any number of closures on an input, break before make."""
        return (
            write(":ROUT:OPEN:CARD ALL"),
            write(":ROUT:FUNC ACON"),
            write(":ROUT:CONN:RULE ALL,FREE"),
            write(":ROUT:CONN:SEQ ALL,BBM"),
            confirm(":ROUT:FUNC?", "ACON"),
            confirm(":ROUT:CONN:RULE? 0", "FREE"),
            confirm(":ROUT:CONN:SEQ? 0", "BBM"),
        )

    def connect(self, closures: Sequence[tuple[str | int, str | int]]) -> tuple[Message, ...]:
        """Open all, then close; *OPC? waits for the relays."""
        points = self.crosspoints(closures)
        messages = [write(":ROUT:CONN:SEQ ALL,BBM"), write(":ROUT:OPEN:CARD ALL")]
        for start in range(0, len(points), LIST_VALUES):
            names = ",".join(f"0{row:02d}{column:02d}" for row, column in points[start : start + LIST_VALUES])
            messages.append(write(f":ROUT:CLOS (@{names})"))
        return (*messages, done(self.spec.relay_time), self.closed())

    def closed(self) -> Message:
        """List of the closed relays of all cards."""
        return query(":ROUT:CLOS:CARD? 0")

    def parse_closed(self, reply: str) -> frozenset[Crosspoint]:
        """Take ``@00102,00203`` apart, with or without parentheses and ``@``; an empty answer is none."""
        text = reply.strip().strip("\"'()@ ")
        points = []
        for name in filter(None, (word.strip() for word in text.split(","))):
            match = _CHANNEL.fullmatch(name)
            if match is None:
                raise ProtocolError(f"'{name[:20]}' of '{text[:60]}' is no crosspoint such as 00102")
            points.append(Crosspoint(int(match[1]), int(match[2])))
        return frozenset(points)

    def parse_error(self, reply: str) -> tuple[int, str] | None:
        """Take ``-222,"Data out of range"`` apart."""
        return parse_error(reply)


FAMILY = MatrixFamily(KeysightB2200, (B2200A, B2201A))
