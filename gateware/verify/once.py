"""Formal: no command is lost, none is carried out twice."""

from unittest.mock import patch

from amaranth.hdl import Assert, Assume, Cat, Cover, Fragment, Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from gateware.executor import Executor
from gateware.link.cobs import Byte, Token
from gateware.link.frames import FrameLink
from gateware.link.receive import DAMAGED, WHOLE
from gateware.protocol import READS_ONLY, Command, Status
from gateware.verify.formal import Property
from gateware.verify.harness import module, watch_stream
from gateware.verify.streams import TINY

SOON = 24
"""Cycles in which an executor that may reply answers BEGIN, or refuses what it does not know."""


class OneReply(wiring.Component):
    """`Executor` under commands of any length: a reply is owed from the end of one to its own end, and only then."""

    commands: In(stream.Signature(Byte))
    ready: In(1)

    def elaborate(self, platform: object) -> Module:
        """Build it."""
        m = module()
        m.submodules.dut = dut = Executor(TINY)
        wiring.connect(m, wiring.flipped(self.commands), dut.commands)
        m.d.comb += dut.replies.ready.eq(self.ready)
        owed = Signal()
        asked = dut.commands.valid & dut.commands.ready & dut.commands.payload.last
        answered = dut.replies.valid & dut.replies.ready & dut.replies.payload.last
        with m.If(asked):
            m.d.sync += owed.eq(1)
        with m.Elif(answered):
            m.d.sync += owed.eq(0)
        m.d.comb += [
            Assert(dut.commands.ready == ~owed, "a command is taken before the last one is answered"),
            Assert(owed | ~dut.replies.valid, "a reply that no command asked for"),
            Cover(answered & (dut.replies.payload.data == Status.OK)),
            Cover(answered & (dut.replies.payload.data == Status.RANGE)),
        ]
        return m


class ReplyInTime(wiring.Component):
    """`Executor` under one command of a single byte: it is answered, and soon."""

    command: In(8)

    def elaborate(self, platform: object) -> Module:
        """Build it."""
        m = module()
        m.submodules.dut = dut = Executor(TINY)
        waiting, begun = Signal(range(SOON + 2)), Signal()
        m.d.sync += begun.eq(1)
        m.d.comb += [
            Assume(self.command != Command.PRESENT),
            dut.commands.valid.eq(~begun),
            dut.commands.payload.data.eq(self.command),
            dut.commands.payload.last.eq(1),
            dut.replies.ready.eq(1),
            Assert(waiting <= SOON, "a command is never answered"),
            Cover(dut.replies.valid & (dut.replies.payload.data == Status.OK) & (waiting > 5)),
        ]
        with m.If(dut.replies.valid):
            m.d.sync += waiting.eq(0)
        with m.Elif(dut.commands.ready):
            m.d.sync += waiting.eq(dut.commands.valid)
        with m.Else():
            m.d.sync += waiting.eq(waiting + 1)
        return m


class AnyFrames(wiring.Component):
    """In place of `FrameReceiver`: whole and damaged frames of any content, which a solver need not find a CRC for."""

    tokens: In(stream.Signature(Token))
    frames: Out(stream.Signature(8))
    free: Out(16)
    link_errors: Out(32)

    def elaborate(self, platform: object) -> Module:
        """Leave what comes out to the harness."""
        return Module()


class NoReplies(wiring.Component):
    """In place of `ReplyComposer`: replies are taken at once and go nowhere."""

    body: In(stream.Signature(Byte))
    number: In(16)
    free: In(16)
    coded: Out(stream.Signature(8))

    def elaborate(self, platform: object) -> Module:
        """Take everything."""
        m = Module()
        m.d.comb += self.body.ready.eq(1)
        return m


class HandedOverOnce(wiring.Component):
    """`FrameLink` between any frames and any executor: it hands over the one that is due, or reads again."""

    byte: In(8)
    ready: In(1)
    replies: In(stream.Signature(Byte))

    def elaborate(self, platform: object) -> Module:
        """Build it; the link's parts on both sides are cut off."""
        m = module()
        cut = AnyFrames()
        with patch.multiple("gateware.link.frames", FrameReceiver=lambda depth: cut, ReplyComposer=NoReplies):
            # Elaborated here, while its parts are replaced.
            dut = FrameLink(512)
            m.submodules.dut = Fragment.get(dut, None)
        offered, frames = dut.commands, cut.frames
        wiring.connect(m, wiring.flipped(self.replies), dut.replies)
        held, waited = Signal(8), Signal()
        m.d.sync += [held.eq(self.byte), waited.eq(~frames.ready)]
        m.d.comb += [
            frames.valid.eq(1),
            frames.payload.eq(self.byte),
            offered.ready.eq(self.ready),
            Assume(~waited | (self.byte == held)),
        ]
        place, number, left = Signal(range(7)), Signal(16), Signal(8)
        nonce, before, differs = Signal(32), Signal(32), Signal()
        last, session, sync, given = Signal(16), Signal(), Signal(), Signal(range(4))
        due = session & (number == (last + 1)[:16])
        reads = Cat(self.byte == command for command in READS_ONLY).any()
        m.d.comb += differs.eq((Cat(nonce[8:], self.byte) != before) | ~session)
        with m.If((place == 0) & (self.byte != DAMAGED)):
            m.d.comb += Assume(self.byte == WHOLE)
        with m.If(place == 3):
            m.d.comb += Assume(self.byte <= 4)
        with m.If(place == 4):
            m.d.comb += Assume(self.byte == 0)
        with m.If(offered.valid & (place == 5)):
            m.d.comb += [
                Assert(session, "a command is handed over before a session has begun"),
                Assert(due | reads, "a command is handed over that is not due"),
            ]
        with m.If(frames.ready):
            m.d.sync += place.eq(place + 1)
            with m.Switch(place):
                with m.Case(0), m.If(self.byte == DAMAGED):
                    m.d.sync += place.eq(0)
                with m.Case(1, 2):
                    m.d.sync += number.eq(Cat(number[8:], self.byte))
                with m.Case(3):
                    m.d.sync += left.eq(self.byte)
                with m.Case(5):
                    m.d.sync += [sync.eq((self.byte == Command.SYNC) & (left == 4)), nonce.eq(0)]
                    with m.If(left == 0):
                        m.d.sync += place.eq(0)
                    with m.If(offered.valid & due):
                        m.d.sync += [last.eq(number), given.eq(given + (given != 3))]
                with m.Case(6):
                    m.d.sync += [place.eq(6), left.eq(left - 1), nonce.eq(Cat(nonce[8:], self.byte))]
                    with m.If(left == 1):
                        m.d.sync += place.eq(0)
                        with m.If(sync):
                            m.d.sync += [session.eq(1), before.eq(Cat(nonce[8:], self.byte))]
                            with m.If(differs):
                                m.d.sync += last.eq(number)
        m.d.comb += Cover(given == 2)
        watch_stream(m, "commands", offered)
        return m


PROPERTIES = (
    Property("executor: exactly one reply to each command", OneReply, "prove", 3, 16, quick=True),
    Property("executor: every command is answered in time", ReplyInTime, "bmc", SOON + 4, 20),
    Property("link: a command is handed over once, when it is due", HandedOverOnce, "bmc", 32, 36),
)
