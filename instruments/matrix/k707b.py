"""Keithley 707B and 708B (TSP): matrices of cards with 8 rows and 12 columns.

Manual: 707B-901-01 (Series 700 reference), chapter 7. A crosspoint is named slot, row, column: ``1A01`` is slot 1,
row A, column 1 of that card. The rows of all cards are taken as joined by the backplane, so the columns of slot 2 are
13 to 24 here, and so on; slots without a card answer with an error, which the session reports.

Never run on hardware.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import ClassVar

from instruments.link.errors import ProtocolError
from instruments.link.message import Message, confirm, query, write
from instruments.link.tsp import parse_error
from instruments.matrix.driver import Crosspoint, MatrixDriver, MatrixFamily, MatrixSpec

CARD_COLUMNS = 12
"""Columns of a card."""

BREAK_BEFORE_MAKE = 1.0
"""Value of `channel.BREAK_BEFORE_MAKE` (7-24)."""

_NAME = re.compile(r"([1-6])([A-H])(\d{2})")

K707B = MatrixSpec(
    model="707B",
    identities=("707B",),
    rows=8,
    columns=72,
    relay_time=0.05,
    source="707B-901-01: six slots, 7-17 .. 7-27; relays settle within the card's 15 ms at most, taken as 50 ms",
)
"""707B: six cards."""

K708B = MatrixSpec(
    model="708B",
    identities=("708B",),
    rows=8,
    columns=CARD_COLUMNS,
    relay_time=0.05,
    source="as the 707B, one slot",
)
"""708B: one card."""


class Keithley707B(MatrixDriver):
    """707B and 708B in TSP."""

    error_query: ClassVar[str] = "print(errorqueue.next())"
    sync: ClassVar[str] = "tsp"
    off: tuple[str, ...] = ("abort", 'channel.open("allslots")')

    def identify(self) -> tuple[Message, ...]:
        """Ask for the model in Lua, which no SCPI instrument, and no 707A emulation, would understand."""
        return (confirm("print(localnode.model)", self.spec.model),)

    def prepare(self) -> tuple[Message, ...]:
        """Open all, break before make (7-24)."""
        return (
            write('channel.open("allslots")'),
            write("channel.connectrule = channel.BREAK_BEFORE_MAKE"),
            confirm("print(channel.connectrule)", BREAK_BEFORE_MAKE),
            confirm('print(channel.getclose("allslots"))', "nil"),
        )

    def connect(self, closures: Sequence[tuple[str | int, str | int]]) -> tuple[Message, ...]:
        """`channel.exclusiveclose` (7-22): opens the others, closes these, returns when they have settled."""
        names = ",".join(_name(point) for point in self.crosspoints(closures))
        return (
            write("channel.connectrule = channel.BREAK_BEFORE_MAKE"),
            write('channel.open("allslots")' if not names else f'channel.exclusiveclose("{names}")'),
            self.closed(),
        )

    def closed(self) -> Message:
        """`channel.getclose` (7-25)."""
        return query('print(channel.getclose("allslots"))', patience=self.spec.relay_time)

    def parse_closed(self, reply: str) -> frozenset[Crosspoint]:
        """Take ``1A01;1C03`` or ``nil`` apart."""
        text = reply.strip()
        if text == "nil":
            return frozenset()
        points = []
        for name in text.split(";"):
            match = _NAME.fullmatch(name.strip())
            if match is None or not 1 <= int(match[3]) <= CARD_COLUMNS:
                raise ProtocolError(f"'{name[:20]}' of '{text[:60]}' is no crosspoint such as 1A01")
            points.append(Crosspoint(ord(match[2]) - ord("A") + 1, (int(match[1]) - 1) * CARD_COLUMNS + int(match[3])))
        return frozenset(points)

    def parse_error(self, reply: str) -> tuple[int, str] | None:
        """Take number, text, severity and node apart."""
        return parse_error(reply)


def _name(point: Crosspoint) -> str:
    slot, column = divmod(point.column - 1, CARD_COLUMNS)
    return f"{slot + 1}{chr(ord('A') + point.row - 1)}{column + 1:02d}"


FAMILY = MatrixFamily(Keithley707B, (K707B, K708B))
