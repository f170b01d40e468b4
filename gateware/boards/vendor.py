"""Boards whose bitstreams only their vendors' tools make: `hil fpga build --no-run` writes a project for these."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateware.boards.board import Board
from gateware.geometry import Geometry

if TYPE_CHECKING:
    from amaranth.build import Platform


def _arty() -> Platform:
    from amaranth_boards.arty_a7 import ArtyA7_35Platform

    return ArtyA7_35Platform()


def _ebaz() -> Platform:
    from amaranth_boards.ebaz4205 import EBAZ4205Platform

    return EBAZ4205Platform()


def _de10() -> Platform:
    from amaranth_boards.de10_nano import DE10NanoPlatform

    return DE10NanoPlatform()


BOARDS = (
    Board(
        name="arty-a7-35",
        summary="Digilent Arty A7 with Artix-7 35T: a project for Vivado; USB serial",
        family="vendor",
        platform=_arty,
        oscillator=100e6,
        geometry=Geometry(rows=784, cols=10, lanes=10, clock=100e6),
    ),
    Board(
        name="ebaz4205",
        summary="EBAZ4205 with Zynq-7010, its programmable logic alone: a project for Vivado; serial on header pins",
        family="vendor",
        platform=_ebaz,
        oscillator=33.333e6,
        geometry=Geometry(rows=784, cols=10, lanes=10, clock=33.333e6),
    ),
    Board(
        name="de10-nano",
        summary="Terasic DE10-Nano with Cyclone V, its programmable logic alone: a project for Quartus; serial on GPIO",
        family="vendor",
        platform=_de10,
        oscillator=50e6,
        geometry=Geometry(rows=784, cols=10, lanes=10, clock=50e6),
    ),
)
