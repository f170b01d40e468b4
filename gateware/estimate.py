"""What a build will take of an FPGA and how fast it will learn, worked out before any tool runs.

Block RAMs follow from the memories of the elaborated design (`gateware.memories`), multipliers from lanes and encoder,
lookup tables from a line through builds that were packed by nextpnr, the clock from builds that were placed and routed
(`placed.toml`, beside this file), cycles from the cycle law (`gateware.timing`).
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from gateware import timing
from gateware.boards.board import Board
from gateware.geometry import Geometry
from gateware.memories import Family, MemoryShape, Shapes, memories_of, needs_to_spare, total
from hil.errors import InputError

PLACED = Path(__file__).with_name("placed.toml")
"""Builds that were placed and routed, with what they took."""

LUT_ERROR = 0.10
"""Largest relative error of the lookup tables (logic cells of an iCE40) in the builds of `placed.toml`."""

FULL = 0.97
"""Part of the lookup tables beyond which no build was routed."""

MOST_LANES, SHOWN = 64, 4
"""Lanes that a geometry may have; lane counts that are looked at for one that fits."""

GOOD_ENOUGH = 0.05
"""Part of the speed that fewer lanes may cost."""

IMAGE_TICKS, EVENTS_PER_ROW, IMAGE_SPIKES = 350, 762 / 784, 9
"""A presentation of the usual recipe: MNIST digits at 350 ticks of 1 us, black pixels firing too; measured means."""


@dataclass(frozen=True)
class Costs:
    """Lookup tables of a family's builds (ECP5: TRELLIS_COMB; iCE40: logic cells), by least squares.

    Attributes
    ----------
    base, encoder : float
        Link, commands and sequencer; the encoder of images.
    encoder_multiplier : float
        The encoder's multipliers where the FPGA has none.
    encoder_blocks : int
        The FPGA's multipliers that the encoder takes, by synthesis of it alone.
    lane : float
        A lane with its neuron, with a multiplier of the FPGA's.
    multiplier : float
        A lane's multiplier where the FPGA has none.
    bit : float
        A bit of state beyond 8, for every lane.
    lut_ram, mux, register : float
        A cell of LUT RAM; an input of the multiplexers behind memories; a bit of a memory made of registers.
    """

    base: float
    encoder: float
    encoder_multiplier: float
    encoder_blocks: int
    lane: float
    multiplier: float
    bit: float
    lut_ram: float
    mux: float
    register: float


COSTS = {
    "ecp5": Costs(
        base=2910,
        encoder=715,
        encoder_multiplier=0,
        encoder_blocks=3,
        lane=365,
        multiplier=0,
        bit=10,
        lut_ram=4.4,
        mux=0.97,
        register=0,
    ),
    "ice40": Costs(
        base=4130,
        encoder=170,
        encoder_multiplier=3900,
        encoder_blocks=6,
        lane=180,
        multiplier=770,
        bit=10,
        lut_ram=0,
        mux=1,
        register=2,
    ),
}


@dataclass(frozen=True)
class BuildEstimate:
    """What a build is expected to be.

    Attributes
    ----------
    geometry : Geometry
        What was asked for; its clock is the board's unless one was given.
    used, available : dict of int
        Parts of the FPGA by the names of `gateware.placement`; `available` is empty for a board that does not say.
    spares : bool
        Whether small memories go into LUT RAM, because block RAMs would not suffice.
    reached : float or None
        Hz that nearby builds reached; None if none is known for this FPGA.
    """

    geometry: Geometry
    used: dict[str, int]
    available: Mapping[str, int]
    spares: bool
    reached: float | None

    @property
    def shortage(self) -> str:
        """What there is not enough of, in words; empty if it fits."""
        short = [
            f"{self.used[part]} {part} of {has}"
            for part, has in self.available.items()
            if self.used.get(part, 0) * (1 - LUT_ERROR if part in ("LUT", "logic cell") else 1) > has
        ]
        return ", ".join(short)

    @property
    def tight(self) -> bool:
        """Whether it may fit or not: the lookup tables are known to `LUT_ERROR` only."""
        lut = "LUT" if "LUT" in self.available else "logic cell"
        return self.used.get(lut, 0) * (1 + LUT_ERROR) > FULL * self.available.get(lut, float("inf"))

    @property
    def clock(self) -> float:
        """Hz at which it is expected to run: what was asked for, or less."""
        return min(self.geometry.clock, self.reached or self.geometry.clock)

    def image_cycles(self, encoded: bool) -> int:
        """Cycles of an image of the usual recipe that is learnt; with spikes from the host, or encoded on chip."""
        g = self.geometry
        events = round(EVENTS_PER_ROW * g.rows)
        if encoded:
            return timing.present(g, IMAGE_TICKS, events, IMAGE_SPIKES, learn=True)
        played = timing.events(g, events, IMAGE_TICKS - 1, IMAGE_TICKS - 1)
        return timing.begin(g) + played + IMAGE_SPIKES * timing.spike(g, learn=True)

    def images(self, encoded: bool) -> float:
        """Images a second of the logic, without the link."""
        return self.clock / self.image_cycles(encoded)


def estimate(board: Board, geometry: Geometry) -> BuildEstimate:
    """Work out one build.

    Raises
    ------
    InputError
        For a board of a vendor's tools, whose mapping of memories is not known here.
    """
    from gateware.core.ram import spare_block_rams
    from gateware.emulator import Emulator

    family = _modelled(board)
    platform, spares = board.platform(), needs_to_spare(board, lambda: Emulator(geometry, 0))
    if spares:
        spare_block_rams(platform)
    shapes = total(memories_of(Emulator(geometry, 0), platform), family)
    lut = "LUT" if board.family == "ecp5" else "logic cell"
    used = {lut: round(_luts(board, geometry, shapes)), "BRAM": shapes.block_rams}
    multipliers = geometry.lanes * (1 if geometry.cell == "step" else 3)
    multipliers += geometry.encodes * COSTS[family].encoder_blocks
    used |= {"DSP": multipliers} if board.parts.get("DSP") else {}
    return BuildEstimate(geometry, used, dict(board.parts), spares, _reached(board, geometry))


def _modelled(board: Board) -> Family:
    """The board's family, if its tools are modelled here."""
    if board.family == "vendor":
        raise InputError(
            f"board: {board.name} is built by its vendor's tools, which are not modelled: ask them for a report"
        )
    return board.family


def _luts(board: Board, g: Geometry, shapes: Shapes) -> float:
    cost = COSTS[board.family]
    bare = not board.parts.get("DSP")
    lane = cost.lane + bare * cost.multiplier + cost.bit * (g.state_bits - 8)
    fixed = cost.base + g.encodes * (cost.encoder + bare * cost.encoder_multiplier)
    return fixed + lane * g.lanes + _memory_luts(cost, shapes)


def _memory_luts(cost: Costs, shapes: Shapes) -> float:
    return cost.lut_ram * shapes.lut_rams + cost.mux * shapes.mux_inputs + cost.register * shapes.registers


@cache
def placed() -> tuple[dict[str, Any], ...]:
    """Builds that were placed and routed: board, geometry, `lut`, `bram`, `fmax` in Hz."""
    return tuple(tomllib.loads(PLACED.read_text(encoding="utf-8"))["placed"])


def _reached(board: Board, g: Geometry) -> float | None:
    """Clock by the placed builds of the FPGA's family and speed.

    By cells times lanes: on a line through the two nearest, or as the nearest beyond all of them.
    """
    known = sorted(
        (table["rows"] * table["cols"] * table["lanes"], table["fmax"])
        for table in placed()
        if table["board"] in (board.name, *board.like)
    )
    size = g.rows * g.cols * g.lanes
    below = [pair for pair in known if pair[0] <= size][-1:]
    above = [pair for pair in known if pair[0] >= size][:1]
    if not below or not above:
        return float((below or above)[0][1]) if known else None
    (low, slow), (high, fast) = below[0], above[0]
    return float(slow) if low == high else slow + (fast - slow) * (size - low) / (high - low)


def choose(board: Board, geometry: Geometry) -> list[BuildEstimate]:
    """Lane counts that fit, the best first, then from fast to slow; none if nothing fits.

    The best is the one with the fewest lanes within `GOOD_ENOUGH` of the fastest. Lane counts whose states alone need
    too many block RAMs are not looked at: 784 x 500 in 50 lanes takes 200, in 64 lanes 224.
    """
    has = board.parts.get("BRAM", 10**9)
    sized = (replace(geometry, lanes=lanes) for lanes in _lane_counts(geometry))
    candidates = [bare(board, g) for g in sized if state_blocks(board, g) <= has]
    candidates.sort(key=lambda found: -found.images(encoded=False))
    fit: list[BuildEstimate] = []
    for candidate in candidates:
        found = estimate(board, candidate.geometry)
        if not found.shortage and not found.tight:
            fit.append(found)
        if len(fit) == SHOWN:
            break
    fast = [found for found in fit if found.images(encoded=False) > (1 - GOOD_ENOUGH) * fit[0].images(encoded=False)]
    best = min(fast, key=lambda found: found.geometry.lanes, default=None)
    return [] if best is None else [best, *(found for found in fit if found is not best)]


def bare(board: Board, geometry: Geometry) -> BuildEstimate:
    """Speed alone, without elaboration."""
    return BuildEstimate(geometry, {}, {}, False, _reached(board, geometry))


def _lane_counts(g: Geometry) -> list[int]:
    """The fewest lanes of every number of groups: more of them would only pad the last group."""
    return sorted({-(-g.cols // groups) for groups in range(1, g.cols + 1) if -(-g.cols // groups) <= MOST_LANES})


def state_blocks(board: Board, g: Geometry) -> int:
    """Block RAMs of the states alone."""
    from gateware.core.ram import BANK_BITS

    per_bank = max(1, BANK_BITS // g.state_bits)
    banks = [min(per_bank, g.lanes - first) for first in range(0, g.lanes, per_bank)]
    shapes = [MemoryShape(n * g.state_bits, g.words, g.state_bits, 1) for n in banks]
    return total(shapes, _modelled(board)).block_rams


def planned(board: Board, geometry: Geometry, lanes: int | None) -> Geometry:
    """The geometry to build: with the lanes that were given, or else those of the board or of `choose`.

    Raises
    ------
    InputError
        If it cannot fit, in a sentence that says what is short and what would fit.
    """
    if board.family not in COSTS:
        return geometry
    same = all(
        getattr(geometry, size) == getattr(board.geometry, size) for size in ("rows", "cols", "state_bits", "cell")
    )
    if lanes is None and not same:
        fitting = choose(board, geometry)
        if fitting:
            return fitting[0].geometry
    found = estimate(board, geometry)
    if found.shortage:
        fits = [str(other.geometry.lanes) for other in choose(board, geometry)[:3]] if lanes is not None else []
        instead = f"{' or '.join(fits)} lanes would fit" if fits else "fewer rows, columns or state bits may fit"
        g = geometry
        raise InputError(
            f"{board.name}: {g.rows} x {g.cols} in {g.lanes} lanes would need {found.shortage}: {instead} "
            "(hil fpga estimate shows the whole of it)"
        )
    return geometry
