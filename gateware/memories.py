"""Memories of a design, and how many block RAMs and lookup tables yosys makes of them: known before any tool runs.

The rules are those of yosys' memory_libmap with the libraries of Lattice's FPGAs (techlibs/lattice/brams_16kd.txt,
lutrams_trellis.txt and techlibs/ice40/brams.txt of yosys 0.70): a memory goes where it costs least.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from amaranth.lib.wiring import Component

    from gateware.boards.board import Board

Family = Literal["ecp5", "ice40"]


@dataclass(frozen=True)
class MemoryShape:
    """One memory of a design.

    Attributes
    ----------
    width, depth : int
        Bits of a word, and words.
    part : int
        Bits that are written alone.
    reads : int
        Read ports.
    style : str
        What yosys was told: "block", "distributed", "logic", or nothing.
    written : bool
        Whether it has a write port.
    """

    width: int
    depth: int
    part: int
    reads: int
    style: str = ""
    written: bool = True


@dataclass(frozen=True)
class Shapes:
    """What memories take.

    Attributes
    ----------
    block_rams : int
        Block RAMs.
    lut_rams : int
        Cells of 16 x 4 bits of LUT RAM (ECP5).
    mux_inputs : int
        Inputs of the multiplexers behind both.
    registers : int
        Bits of memories that become registers.
    """

    block_rams: int = 0
    lut_rams: int = 0
    mux_inputs: int = 0
    registers: int = 0

    def __add__(self, other: Shapes) -> Shapes:
        """Both together."""
        return Shapes(
            self.block_rams + other.block_rams,
            self.lut_rams + other.lut_rams,
            self.mux_inputs + other.mux_inputs,
            self.registers + other.registers,
        )


def needs_to_spare(board: Board, design: Callable[[], Component]) -> bool:
    """Whether an ECP5 has too few block RAMs for all memories of a design, so that small ones must be LUT RAM."""
    if board.family != "ecp5" or "BRAM" not in board.parts:
        return False
    found = memories_of(design(), board.platform())
    return total(found, "ecp5").block_rams > board.parts["BRAM"]


def total(memories: list[MemoryShape], family: Family) -> Shapes:
    """What several memories become."""
    return sum((mapped(memory, family) for memory in memories), Shapes())


def memories_of(design: Component, platform: object) -> list[MemoryShape]:
    """All memories of a design, as it is elaborated for a platform."""
    from amaranth.hdl import Fragment

    found: list[MemoryShape] = []

    def visit(fragment: Fragment) -> None:
        if type(fragment).__name__ == "MemoryInstance":
            found.append(_shape(fragment))
        for part, *_ in fragment.subfragments:
            visit(part)

    visit(Fragment.get(design, platform))
    return found


def _shape(memory: object) -> MemoryShape:
    """Amaranth has no public door to a memory's ports; what is read here is the same in all of 0.5."""
    from amaranth.hdl import Shape

    data, reads, writes, attributes = (
        getattr(memory, name) for name in ("_data", "_read_ports", "_write_ports", "_attrs")
    )
    width = Shape.cast(data.shape).width
    part = min((write._granularity for write in writes), default=width)
    return MemoryShape(width, data.depth, part, len(reads), attributes.get("ram_style", ""), bool(writes))


DP16KD = ((1, 14), (2, 13), (4, 12), (9, 11), (18, 10))
"""Widths of an ECP5 block RAM, and bits of address at each; one port each for reading and writing, or two for both."""

PDPW16KD = (36, 9)
"""The same with one port that writes and one that reads."""

RAM4K = ((2, 11), (4, 10), (8, 9), (16, 8))
"""The same of an iCE40, one port for reading and one for writing; only the widest writes parts of a word."""

BLOCK_COST, CELL_COST, MUX_COST = {"ecp5": 128, "ice40": 64}, 4, 0.5
"""What yosys counts for a block RAM, a cell of LUT RAM, and an input of a multiplexer behind them."""


FEW_BITS = 64
"""An iCE40's memories of so few bits become registers."""


def mapped(memory: MemoryShape, family: Family) -> Shapes:
    """What a memory becomes."""
    if memory.style == "logic" and not memory.written:
        return Shapes(mux_inputs=memory.width * -(-memory.depth // 16))  # lookup tables of 16 bits
    registers = Shapes(registers=memory.depth * memory.width)
    if memory.style == "logic" or memory.depth <= 1:
        return registers
    blocks = _blocks(memory, family)
    if family == "ice40":
        return registers if registers.registers <= FEW_BITS and not memory.style else blocks
    cells = _cells(memory)
    if memory.style in ("block", "distributed"):
        return blocks if memory.style == "block" else cells
    return blocks if _cost(blocks, family) < _cost(cells, family) else cells


def _cost(shapes: Shapes, family: Family) -> float:
    return BLOCK_COST[family] * shapes.block_rams + CELL_COST * shapes.lut_rams + MUX_COST * shapes.mux_inputs


def _blocks(memory: MemoryShape, family: Family) -> Shapes:
    """The cheapest way with block RAMs."""
    ports = max(1, memory.reads)
    shapes = DP16KD if family == "ecp5" else RAM4K
    ways = [_tiled(memory, width, bits, ports, family) for width, bits in shapes]
    if family == "ecp5" and memory.reads <= 1 and memory.part >= memory.width:
        ways.append(_tiled(memory, *PDPW16KD, ports, family))
    return min(ways, key=lambda way: _cost(way, family))


def _tiled(memory: MemoryShape, width: int, bits: int, ports: int, family: Family) -> Shapes:
    """Block RAMs side by side and above each other."""
    across = _across(memory, width, family)
    deep = -(-memory.depth // (1 << bits))
    mux = memory.width * deep * memory.reads if deep > 1 else 0
    return Shapes(block_rams=across * deep * ports, mux_inputs=mux)


def _across(memory: MemoryShape, width: int, family: Family) -> int:
    """Block RAMs side by side: a part that is written alone must not share a byte with another."""
    parts = -(-memory.width // memory.part)
    if parts == 1:
        return -(-memory.width // width)
    if family == "ice40":
        whole = width if width == 16 else 0  # written bit by bit; narrower ones are written whole
        return -(-memory.width // whole) if whole else parts * -(-memory.part // width)
    if width <= 9:
        return parts * -(-memory.part // width)
    bytes_each = -(-memory.part // 9)
    return -(-parts * bytes_each * 9 // width)


def _cells(memory: MemoryShape) -> Shapes:
    """Cells of 16 x 4 bits, all again for another read port."""
    parts = -(-memory.width // memory.part)
    deep = -(-memory.depth // 16)
    cells = parts * -(-memory.part // 4) * deep * max(1, memory.reads)
    mux = memory.width * deep * memory.reads if deep > 1 else 0
    return Shapes(lut_rams=cells, mux_inputs=mux)
