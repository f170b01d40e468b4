"""Radiona ULX3S: ECP5 with 12 to 85 k lookup tables, USB serial port by FTDI."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateware.boards.board import Board
from gateware.geometry import Geometry

if TYPE_CHECKING:
    from amaranth.build import Platform


def _platform(size: str) -> Platform:
    from amaranth_boards import ulx3s

    return getattr(ulx3s, f"ULX3S_{size}_Platform")()


BOARDS = (
    Board(
        name="ulx3s-12f",
        summary="ULX3S with LFE5U-12F: 24 k LUTs, 56 block RAMs of 18 kbit, 28 multipliers; USB serial",
        family="ecp5",
        platform=lambda: _platform("12F"),
        oscillator=25e6,
        geometry=Geometry(rows=784, cols=10, lanes=10, clock=50e6),
        loader=("-b", "ulx3s"),
    ),
    Board(
        name="ulx3s-85f",
        summary="ULX3S with LFE5U-85F: 84 k LUTs, 208 block RAMs of 18 kbit, 156 multipliers; USB serial",
        family="ecp5",
        platform=lambda: _platform("85F"),
        oscillator=25e6,
        geometry=Geometry(rows=784, cols=10, lanes=10, clock=100e6),
        loader=("-b", "ulx3s"),
    ),
)
