"""Radiona ULX3S: ECP5 with 12 to 85 k lookup tables, USB serial port by FTDI."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateware.boards.board import Board
from gateware.geometry import Geometry

if TYPE_CHECKING:
    from amaranth.build import Platform


WIFI_GPIO0 = ("wifi_gpio0", 0)
"""While this pin is low, the firmware that the board's ESP32 is sold with loads a design of its own over ours."""


def _platform(size: str) -> Platform:
    from amaranth.build import Attrs, Pins, Resource
    from amaranth_boards import ulx3s

    platform = getattr(ulx3s, f"ULX3S_{size}_Platform")()
    platform.add_resources([Resource(*WIFI_GPIO0, Pins("L2", dir="o"), Attrs(IO_TYPE="LVCMOS33", DRIVE="4"))])
    return platform


BOARDS = (
    Board(
        name="ulx3s-12f",
        summary="ULX3S with LFE5U-12F: 24 k LUTs, 56 block RAMs of 18 kbit, 28 multipliers; USB serial",
        family="ecp5",
        platform=lambda: _platform("12F"),
        oscillator=25e6,
        geometry=Geometry(rows=784, cols=10, lanes=10, clock=50e6),
        high=(WIFI_GPIO0,),
        loader=("-b", "ulx3s"),
        parts={"LUT": 24288, "FF": 24288, "BRAM": 56, "DSP": 28},
        like=("ulx3s-85f",),
    ),
    Board(
        name="ulx3s-85f",
        summary="ULX3S with LFE5U-85F: 84 k LUTs, 208 block RAMs of 18 kbit, 156 multipliers; USB serial",
        family="ecp5",
        platform=lambda: _platform("85F"),
        oscillator=25e6,
        geometry=Geometry(rows=784, cols=10, lanes=10, clock=100e6),
        high=(WIFI_GPIO0,),
        loader=("-b", "ulx3s"),
        parts={"LUT": 83640, "FF": 83640, "BRAM": 208, "DSP": 156},
        like=("ulx3s-12f",),
    ),
)
