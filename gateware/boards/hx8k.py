"""Lattice iCE40-HX8K breakout board (ICE40HX8K-B-EVN): no multipliers, twice the speed of the UP5K; serial by FTDI."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateware.boards.board import Board
from gateware.geometry import Geometry

if TYPE_CHECKING:
    from amaranth.build import Platform


def _platform() -> Platform:
    from amaranth_boards.ice40_hx8k_b_evn import ICE40HX8KBEVNPlatform

    return ICE40HX8KBEVNPlatform()


BOARDS = (
    Board(
        name="hx8k",
        summary="iCE40-HX8K breakout board: 7680 logic cells, 32 block RAMs of 4 kbit, no multipliers; USB serial",
        family="ice40",
        platform=_platform,
        oscillator=12e6,
        # The encoder multiplies: without multipliers it alone takes about half of the logic cells.
        geometry=Geometry(rows=196, cols=10, lanes=2, encoder=False, clock=24e6),
        most_baud=12_000_000,
        loader=("-b", "ice40_generic", "-f"),
        parts={"logic cell": 7680, "BRAM": 32},
    ),
)
