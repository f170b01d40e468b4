"""Bytes that are fixed when the emulator is built."""

from __future__ import annotations

from amaranth.hdl import Module
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import bits_for


class Rom(wiring.Component):
    """A read-only memory of bytes, a block RAM: logic cells are scarcer.

    Attributes
    ----------
    index : In
        Which byte.
    byte : Out
        One cycle later.
    """

    def __init__(self, content: bytes) -> None:
        """Fix what is in it."""
        self._content = content
        super().__init__({"index": In(bits_for(len(content) - 1)), "byte": Out(8)})

    def elaborate(self, platform: object) -> Module:
        """Build the memory."""
        m = Module()
        m.submodules.content = content = memory.Memory(
            shape=8, depth=len(self._content), init=self._content, attrs={"ram_style": "block", "rom_style": "block"}
        )
        read = content.read_port()
        m.d.comb += [read.addr.eq(self.index), self.byte.eq(read.data)]
        return m
