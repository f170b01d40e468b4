"""Port through which the host's commands read and write the memories of the core."""

from __future__ import annotations

from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import bits_for

from gateware.geometry import CODE_BITS, TABLE_SIZE, Geometry
from gateware.protocol import Space


class HostPort(wiring.Signature):
    """Access to one element of one memory, while no command is being carried out.

    `select` gives the host the memories; `value` is that of the element `HOST_LATENCY` cycles after its place stands;
    `write` is a strobe. Elements of STATE, COLUMNS, THETA and COUNTS are at a word and a lane, all others have a word
    each.
    """

    def __init__(self, geometry: Geometry) -> None:
        """Size the addresses."""
        words = max(geometry.words, TABLE_SIZE, geometry.rows, geometry.log_depth, geometry.history_depth)
        super().__init__(
            {
                "select": Out(1),
                "space": Out(bits_for(max(Space))),
                "word": Out(bits_for(words - 1)),
                "lane": Out(bits_for(geometry.lanes - 1)),
                "data": Out(CODE_BITS if geometry.encodes else 16),
                "write": Out(1),
                "value": In(32),
            }
        )


HOST_LATENCY = 6
"""Cycles from a place to its value, at most."""
