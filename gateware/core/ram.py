"""A block RAM with one read and one write port, as the iCE40 has them."""

from __future__ import annotations

from typing import Literal

from amaranth.hdl import Module
from amaranth.lib import data, memory, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

LOGIC_DEPTH = 8
"""Memories up to this deep are registers: an iCE40 would spend whole block RAMs on them."""


class Ram(wiring.Component):
    """Words of `lanes` elements, each of which is written on its own.

    Parameters
    ----------
    width : int
        Bits of an element.
    depth : int
        Words.
    lanes : int
        Elements of a word.
    latency : {1, 2}
        Clock cycles from address to value. With 2 the output has a register of its own, without which a block RAM
        limits the clock.

    Attributes
    ----------
    address, enable, value
        Read port; `enable` low holds what is under way. A word that is written while it is read reads as before.
    write_address, write_value, write
        Write port; one bit of `write` a lane.
    """

    def __init__(self, width: int, depth: int, lanes: int = 1, latency: Literal[1, 2] = 2) -> None:
        """Fix the size."""
        # An address of no bits is more than some tools can take.
        self._depth = max(2, depth)
        self.latency = latency
        word = data.ArrayLayout(width, lanes)
        self._word = word
        super().__init__(
            {
                "address": In(ceil_log2(self._depth)),
                "enable": In(1, init=1),
                "value": Out(word),
                "write_address": In(ceil_log2(self._depth)),
                "write_value": In(word),
                "write": In(lanes),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """Build the memory."""
        m = Module()
        attrs = {"ram_style": "logic"} if self._depth <= LOGIC_DEPTH else {}
        m.submodules.memory = cells = memory.Memory(shape=self._word, depth=self._depth, init=[], attrs=attrs)
        write, read = cells.write_port(granularity=1), cells.read_port()
        m.d.comb += [
            write.addr.eq(self.write_address),
            write.data.eq(self.write_value),
            write.en.eq(self.write),
            read.addr.eq(self.address),
            read.en.eq(self.enable),
        ]
        if self.latency == 1:
            m.d.comb += self.value.eq(read.data)
        else:
            with m.If(self.enable):
                m.d.sync += self.value.eq(read.data)
        return m
