"""Formal proof of the stream handshakes: what is offered stays unchanged until it is taken."""

from amaranth.hdl import Module
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In

from gateware.executor import Executor
from gateware.geometry import Geometry
from gateware.link.cobs import Byte
from gateware.link.frames import FrameLink
from gateware.verify.formal import Property
from gateware.verify.harness import module, watch_stream

TINY = Geometry(2, 2, lanes=1, t_bits=6, v_bits=12, log_depth=2, history_depth=2)
"""What executors are proven at; nothing in a stream depends on the size."""


class LinkStreams(wiring.Component):
    """Harness of `FrameLink` between an arbitrary line and an arbitrary executor."""

    rx: In(stream.Signature(8))
    replies: In(stream.Signature(Byte))
    tx_ready: In(1)
    commands_ready: In(1)

    def elaborate(self, platform: object) -> Module:
        """Build the component and assert that its offers stay."""
        m = module()
        m.submodules.dut = dut = FrameLink(512)
        wiring.connect(m, wiring.flipped(self.rx), dut.rx)
        wiring.connect(m, wiring.flipped(self.replies), dut.replies)
        m.d.comb += [dut.tx.ready.eq(self.tx_ready), dut.commands.ready.eq(self.commands_ready)]
        watch_stream(m, "tx", dut.tx)
        # To make a frame of free bytes takes a solver hours: that commands come is seen in sessions.
        watch_stream(m, "commands", dut.commands, reached=False)
        return m


class ExecutorStream(wiring.Component):
    """Harness of `Executor` at an arbitrary link."""

    commands: In(stream.Signature(Byte))
    ready: In(1)

    def elaborate(self, platform: object) -> Module:
        """Build the component and assert that its offers stay."""
        m = module()
        m.submodules.dut = dut = Executor(TINY)
        wiring.connect(m, wiring.flipped(self.commands), dut.commands)
        m.d.comb += dut.replies.ready.eq(self.ready)
        watch_stream(m, "replies", dut.replies)
        return m


PROPERTIES = (
    Property("link: offers on tx and commands stay until they are taken", LinkStreams, "prove", 3, 24),
    Property("executor: offers on replies stay until they are taken", ExecutorStream, "prove", 3, 15, quick=True),
)
