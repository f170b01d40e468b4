"""The whole emulator as one component between two byte streams: link, executor and core."""

from __future__ import annotations

from amaranth.hdl import Module
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from gateware.executor import Executor
from gateware.geometry import Geometry
from gateware.link.frames import FrameLink


class Emulator(wiring.Component):
    """The emulator: takes the host's frames as bytes and gives the bytes of its replies.

    Parameters
    ----------
    geometry : Geometry
        What is emulated.
    build : int
        Value of register `build`.

    Attributes
    ----------
    rx, tx
        Bytes as they are on the line; the UART is not part of it.
    """

    def __init__(self, geometry: Geometry, build: int = 0) -> None:
        """Fix geometry and build."""
        self._link, self._executor = FrameLink(geometry.frame_buffer), Executor(geometry, build)
        super().__init__({"rx": In(stream.Signature(8)), "tx": Out(stream.Signature(8))})

    def elaborate(self, platform: object) -> Module:
        """Connect link and executor."""
        m = Module()
        m.submodules.link = link = self._link
        m.submodules.executor = executor = self._executor
        wiring.connect(m, wiring.flipped(self.rx), link.rx)
        wiring.connect(m, link.tx, wiring.flipped(self.tx))
        wiring.connect(m, link.commands, executor.commands)
        wiring.connect(m, executor.replies, link.replies)
        m.d.comb += executor.link_errors.eq(link.link_errors)
        return m
