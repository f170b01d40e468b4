"""Memories of a build that the host can reach: their sizes, element widths and numbering."""

from __future__ import annotations

from dataclasses import dataclass

from gateware.geometry import TABLE_SIZE, Geometry
from gateware.power_up import RECORD_BYTES
from gateware.protocol import Space


@dataclass(frozen=True)
class Memory:
    """One memory of `gateware.protocol.Space`.

    Attributes
    ----------
    size : int
        Elements.
    bytes : {1, 2, 4}
        Bytes of an element on the link.
    laned : bool
        Whether elements are numbered through the lanes of words.
    writable : bool
        Whether the host may write it.
    """

    size: int
    bytes: int
    laned: bool = False
    writable: bool = True


def memories(geometry: Geometry) -> dict[Space, Memory]:
    """All memories of a build."""
    g = geometry
    spaces = {
        Space.STATE: Memory(g.words * g.lanes, g.state_bytes, laned=True),
        Space.MEMDUCTANCE: Memory(TABLE_SIZE, 1),
        Space.DRIVE: Memory(g.rows, g.drive_bits // 8),
        Space.THETA: Memory(g.cols, 2, laned=True),
        Space.COUNTS: Memory(g.cols, 2, laned=True, writable=False),
        Space.LOG: Memory(g.log_depth, 4, writable=False),
    }
    if g.cell == "flca":
        return spaces | {Space.COLUMNS: Memory(g.cols, 2, laned=True)}
    spaces |= {Space.POTENTIATION: Memory(TABLE_SIZE, 2), Space.DEPRESSION: Memory(TABLE_SIZE, 2)}
    if g.encoder:
        spaces |= {Space.CODE: Memory(TABLE_SIZE, 4), Space.HISTORY: Memory(g.history_depth, 2, writable=False)}
    return spaces | ({Space.PRESET: Memory(RECORD_BYTES, 1, writable=False)} if g.loaded else {})


def place_bits(geometry: Geometry) -> int:
    """Bits of any element's place that is allowed, and so cycles to divide it by the lanes."""
    return max(1, (max(memory.size for memory in memories(geometry).values()) - 1).bit_length())
