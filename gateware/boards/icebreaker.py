"""1BitSquared iCEBreaker: iCE40 UP5K, USB serial port by FTDI."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateware.boards.board import Board
from gateware.geometry import Geometry

if TYPE_CHECKING:
    from amaranth.build import Platform


def _platform() -> Platform:
    from amaranth_boards.icebreaker import ICEBreakerPlatform

    return ICEBreakerPlatform()


BOARDS = (
    Board(
        name="icebreaker",
        summary="iCEBreaker with iCE40 UP5K: 5280 logic cells, 30 block RAMs of 4 kbit, 8 multipliers; USB serial",
        family="ice40",
        platform=_platform,
        oscillator=12e6,
        # All 30 block RAMs, 95 % of the logic cells: neither a second lane nor an encoder fits.
        geometry=Geometry(rows=784, cols=10, t_bits=9, encoder=False, frame_buffer=512, clock=12e6),
        pll_pad=True,
        most_baud=12_000_000,
        synthesis="-dsp",
        loader=("-b", "ice40_generic", "-f"),
        parts={"logic cell": 5280, "BRAM": 30, "SPRAM": 4, "DSP": 8},
    ),
)
