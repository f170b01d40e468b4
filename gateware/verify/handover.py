"""Formal proof that the link hands every command to the executor exactly once."""

from unittest.mock import patch

from amaranth.hdl import Assert, Assume, Cat, Const, Cover, Fragment, Module, Mux, Signal, Value
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from gateware.link.cobs import Byte, Token
from gateware.link.frames import NONCE_BYTES, FrameLink
from gateware.link.receive import DAMAGED, WHOLE
from gateware.protocol import READS_ONLY, Command
from gateware.verify.formal import Property
from gateware.verify.harness import Inside, module, watch_stream

_HEADER = {1: "NUMBER_LOW", 2: "NUMBER_HIGH", 3: "LENGTH_LOW", 4: "LENGTH_HIGH"}
"""States of the link in which a byte of a frame's header is due, by the place of that byte."""

_COMMAND, _ARGUMENTS = 5, 6
"""Place of the command byte, and of all bytes after it."""


class AnyFrames(wiring.Component):
    """Stands in for `FrameReceiver`: gives arbitrary frames, whole or damaged, so that no solver must find CRCs."""

    tokens: In(stream.Signature(Token))
    frames: Out(stream.Signature(8))
    free: Out(16)
    link_errors: Out(32)

    def elaborate(self, platform: object) -> Module:
        """Build an empty module: its outputs are driven by nothing, so the solver may choose them freely."""
        return Module()


class NoReplies(wiring.Component):
    """Stands in for `ReplyComposer`: takes replies in arbitrary cycles and drops them."""

    body: In(stream.Signature(Byte))
    number: In(16)
    free: In(16)
    coded: Out(stream.Signature(8))

    def elaborate(self, platform: object) -> Module:
        """Build an empty module: the harness drives `body.ready`."""
        return Module()


class HandedOverOnce(wiring.Component):
    """Harness of `FrameLink` between arbitrary frames and an arbitrary executor.

    It proves that the frame that is due is handed over whole and once, and beside it nothing but repeated reads.

    The harness reads the frames too, and keeps the number of the last command that was handed over. That the link's
    own registers agree with the harness's is asserted as well, as the induction would otherwise begin in states that
    are never reached.
    """

    frames: In(stream.Signature(8))
    ready: In(1)
    composer_ready: In(1)
    replies: In(stream.Signature(Byte))

    def elaborate(self, platform: object) -> Module:
        """Build the link, with its receiver and composer replaced, and the assertions around it."""
        m = module()
        cut, composer = AnyFrames(), NoReplies()
        with patch.multiple("gateware.link.frames", FrameReceiver=lambda depth: cut, ReplyComposer=lambda: composer):
            # Elaborated here, while its parts are replaced.
            dut = FrameLink(512)
            m.submodules.dut = part = Fragment.get(dut, None)
        self._inside, self._offered, self._frames = Inside(part), dut.commands, cut.frames
        wiring.connect(m, wiring.flipped(self.replies), dut.replies)
        wiring.connect(m, wiring.flipped(self.frames), wiring.flipped(cut.frames))
        m.d.comb += [composer.body.ready.eq(self.composer_ready), dut.commands.ready.eq(self.ready)]
        self._assume(m)
        self._read(m)
        self._require(m)
        self._relate(m)
        watch_stream(m, "commands", dut.commands, reached=False)
        return m

    def _assume(self, m: Module) -> None:
        """Assume what `FrameReceiver` does: offers stay, frames begin with one of two bytes, lengths have 9 bits."""
        frames = self._frames
        waits, held = Signal(), Signal(8)
        self._place = place = Signal(range(7))
        m.d.sync += [waits.eq(frames.valid & ~frames.ready), held.eq(frames.payload)]
        m.d.comb += [
            Assume(~waits | (frames.valid & (frames.payload == held))),
            Assume((place != 0) | (frames.payload == WHOLE) | (frames.payload == DAMAGED)),
            Assume((place != 4) | (frames.payload <= 1)),
        ]

    def _read(self, m: Module) -> None:
        """Parse the frames beside the link, and note which commands were handed over."""
        frames, offered, place, byte = self._frames, self._offered, self._place, self._frames.payload
        self._number, self._left = number, left = Signal(16), Signal(9)
        self._nonce, self._before = nonce, before = Signal(32), Signal(32)
        self._session, self._sync, self._last = session, sync, last = Signal(), Signal(), Signal(16)
        self._due = due = Signal()
        m.d.comb += due.eq(session & (number == (last + 1)[:16]))
        whole = Cat(nonce[8:], byte)
        with m.If(frames.valid & frames.ready):
            m.d.sync += place.eq(place + 1)
            with m.Switch(place):
                with m.Case(0), m.If(byte == DAMAGED):
                    m.d.sync += place.eq(0)
                with m.Case(1, 2):
                    m.d.sync += number.eq(Cat(number[8:], byte))
                with m.Case(3):
                    m.d.sync += left.eq(byte)
                with m.Case(4):
                    m.d.sync += left[8].eq(byte[0])
                with m.Case(_COMMAND):
                    m.d.sync += [sync.eq((byte == Command.SYNC) & (left == NONCE_BYTES)), nonce.eq(0)]
                    with m.If(left == 0):
                        m.d.sync += place.eq(0)
                    with m.If(offered.valid & due):
                        m.d.sync += last.eq(number)
                with m.Case(_ARGUMENTS):
                    m.d.sync += [place.eq(_ARGUMENTS), left.eq(left - 1), nonce.eq(whole)]
                    with m.If(left == 1):
                        m.d.sync += place.eq(0)
                        with m.If(sync):
                            m.d.sync += [session.eq(1), before.eq(whole)]
                            with m.If((whole != before) | ~session):
                                m.d.sync += last.eq(number)

    def _reads(self) -> Value:
        return Cat(self._frames.payload == command for command in READS_ONLY).any()

    def _require(self, m: Module) -> None:
        """Assert the property that is proven."""
        frames, offered, place = self._frames, self._offered, self._place
        taken = frames.valid & frames.ready
        due = self._due & (frames.payload != Command.SYNC)
        with m.If(offered.valid):
            m.d.comb += [
                Assert(place >= _COMMAND, "a header is handed over"),
                Assert(frames.ready == offered.ready, "a byte of a command is lost or doubled"),
                Assert(offered.payload.data == frames.payload, "a byte of a command is changed"),
                Assert(
                    offered.payload.last == (self._left == Mux(place == _COMMAND, 0, 1)),
                    "a command does not end with its frame",
                ),
            ]
        with m.If(offered.valid & (place == _COMMAND)):
            m.d.comb += [
                Assert(self._session, "a command is handed over before a session has begun"),
                Assert(self._due | self._reads(), "a command is handed over that is not due"),
            ]
        with m.If(taken & (place == _COMMAND) & due):
            m.d.comb += Assert(offered.valid, "a command that is due is not handed over")
        # To go on to a command takes a solver too long; planted faults show that these assertions can fail.
        m.d.comb += Cover(self._session)

    def _relate(self, m: Module) -> None:
        """Assert that the link's registers agree with the harness's, as the induction needs it."""
        state, place = self._inside.state, self._place
        outside = state("IDLE", "REPLY", "SYNC", "ANSWER", "EXPECTED_LOW", "EXPECTED_HIGH")
        m.d.comb += Assert(outside == (place == 0))
        m.d.comb += [Assert(state(name) == (place == number)) for number, name in _HEADER.items()]
        chosen = state("COMMAND", "NONCE", "SKIP")
        early = chosen & (place == _COMMAND)
        m.d.comb += Assert((early | state("DECIDE")) == (place == _COMMAND))
        m.d.comb += Assert((chosen & ~early) == (place >= _ARGUMENTS))
        m.d.comb += Assert(place <= _ARGUMENTS)
        # A command is chosen by its first byte, which must still be there to be handed over.
        m.d.comb += Assert(~early | self._frames.valid)
        self._relate_header(m)
        self._relate_numbers(m, early)
        self._relate_nonces(m, early)

    def _relate_header(self, m: Module) -> None:
        inside, place, number, left = self._inside, self._place, self._number, self._left
        with m.If(place == 2):
            m.d.comb += Assert(inside["number"][:8] == number[8:])
        with m.If((place >= 3) | inside.state("SYNC")):
            m.d.comb += Assert(inside["number"] == number)
        with m.If(place == 4):
            m.d.comb += [Assert(inside["left"][:8] == left[:8]), Assert(left <= 255)]
        with m.If(place == _COMMAND):
            m.d.comb += Assert(inside["left"] == left)
        with m.If(place == _ARGUMENTS):
            m.d.comb += [Assert(left != 0), Assert(inside["left"] == left - 1)]

    def _relate_numbers(self, m: Module, early: Value) -> None:
        inside, state, place = self._inside, self._inside.state, self._place
        expected, session = inside["expected"], inside["session"]
        following = (self._last + 1)[:16]
        with m.If((place == 4) | state("DECIDE")):
            m.d.comb += Assert(inside["behind"] == (expected - inside["number"])[:16])
        with m.If(state("SYNC")):
            m.d.comb += [
                Assert(self._session),
                Assert(Mux(inside["differs"] | ~session, self._last == self._number, expected == following)),
            ]
        with m.Else():
            m.d.comb += Assert(session == self._session)
            with m.If(early & state("COMMAND")):
                m.d.comb += [
                    Assert(session),
                    Assert(inside["in_order"] | self._reads()),
                    Assert(expected == Mux(inside["in_order"], self._number + 1, following)[:16]),
                    Assert(inside["in_order"] == (self._number == following)),
                ]
            with m.Elif(session):
                m.d.comb += Assert(expected == following)
        with m.If(early & state("SKIP")):
            m.d.comb += Assert(~self._due | (self._frames.payload == Command.SYNC))

    def _relate_nonces(self, m: Module, early: Value) -> None:
        """The link turns its nonce byte by byte into the new one; the harness keeps both."""
        inside, state, place = self._inside, self._inside.state, self._place
        nonce, new, old = inside["nonce"], self._nonce, self._before
        with m.If(place == _ARGUMENTS):
            m.d.comb += [Assert(self._sync == state("NONCE")), Assert(~self._sync | (self._left <= NONCE_BYTES))]
        with m.If(early):
            starts = (self._frames.payload == Command.SYNC) & (self._left == NONCE_BYTES)
            m.d.comb += [Assert(state("NONCE") == starts), Assert(~state("NONCE") | ~inside["differs"])]
            m.d.comb += Assert(~state("COMMAND") | (self._frames.payload != Command.SYNC))
        with m.If((place == _ARGUMENTS) & self._sync), m.Switch(self._left):
            for left in range(1, NONCE_BYTES + 1):
                kept = 8 * left
                with m.Case(left):
                    came = Cat(new[kept:], Const(0, 0))
                    m.d.comb += [
                        Assert(nonce == Cat(old[32 - kept :], came)),
                        Assert(inside["differs"] == (came != old[: 32 - kept])),
                    ]
        with m.Else():
            m.d.comb += Assert(nonce == old)


PROPERTIES = (
    Property("link: a command is handed over once, when it is due", HandedOverOnce, "prove", 3, 16, quick=True),
)
