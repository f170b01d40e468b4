"""The emulator's end of the link: decides which frames are carried out, and what is answered to each."""

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from gateware.link.cobs import Byte, CobsDecoder
from gateware.link.receive import WHOLE, FrameReceiver
from gateware.link.reply import ReplyComposer
from gateware.protocol import READS_ONLY, Command, Status

NONCE_BYTES = 4


class FrameLink(wiring.Component):
    """Turns the host's coded frames into commands, each exactly once and in order, and replies into coded bytes.

    The plain Python of the same thing is `gateware.golden.link.GoldenLink`. What `gateware.protocol` leaves open:

    - Before the first SYNC nothing was carried out, so every other frame is answered with SEQUENCE.
    - The answer to a damaged frame bears the expected number, because that of the frame cannot be trusted.
    - A SYNC of the wrong length is answered with SEQUENCE.
    - An earlier frame that was the last one refused is answered with that refusal, not with OK, since the host may
      never have heard of it.

    The command byte is offered `latency` cycles after the zero that ends its frame; then its arguments follow, one a
    cycle. `rx` is always ready, whatever the other streams do.

    Parameters
    ----------
    depth : int
        Bytes of the frame buffer: a power of two, at least 512 (one block RAM of 4 kbit), which holds the longest frame
        and as much again of shorter ones; 1024 holds three of the longest.

    Attributes
    ----------
    rx, tx
        Bytes as they are on the line; the UART is not part of it.
    commands
        Command byte, then arguments, of every frame that is to be carried out.
    replies
        Status byte, then payload of at most `MAX_ARGUMENTS` bytes: exactly one reply to each command.
    link_errors
        Damaged frames, modulo 2^32.
    latency : int
        Cycles.
    """

    rx: In(stream.Signature(8))
    tx: Out(stream.Signature(8))
    commands: Out(stream.Signature(Byte))
    replies: In(stream.Signature(Byte))
    link_errors: Out(32)

    latency = FrameReceiver.latency + 6

    def __init__(self, depth: int = 1024) -> None:
        self.depth = depth
        super().__init__()

    def elaborate(self, platform: object) -> Module:
        """Connect receiver and composer, and build the state machine between them."""
        m = Module()
        m.submodules.decoder = decoder = CobsDecoder()
        m.submodules.receiver = receiver = FrameReceiver(self.depth)
        m.submodules.composer = composer = ReplyComposer()
        wiring.connect(m, wiring.flipped(self.rx), decoder.coded)
        wiring.connect(m, decoder.tokens, receiver.tokens)
        wiring.connect(m, composer.coded, wiring.flipped(self.tx))
        frames, body = receiver.frames, composer.body

        session = Signal()
        nonce = Signal(8 * NONCE_BYTES)
        differs = Signal()
        expected = Signal(16)
        number = Signal(16)
        left = Signal(range(512))
        in_order = Signal()
        # Frames between this one and the expected one; registered, as it is needed only some bytes later.
        behind = Signal(16)
        status = Signal(Status)
        refused = Signal()
        refused_number = Signal(16)
        refused_status = Signal(Status)
        repeats_refusal = Signal()
        first = Signal()

        m.d.comb += [
            self.link_errors.eq(receiver.link_errors),
            composer.number.eq(number),
            composer.free.eq(receiver.free),
            self.commands.payload.data.eq(frames.payload),
            self.commands.payload.last.eq(left == 0),
        ]
        m.d.sync += [
            behind.eq(expected - number),
            repeats_refusal.eq(refused & (refused_number == number)),
        ]

        def header(field: Signal, low: str, high: str, after: str) -> None:
            """Take two bytes into `field`."""
            for state, part, follower in ((low, field[:8], high), (high, field[8:], after)):
                with m.State(state):
                    m.d.comb += frames.ready.eq(1)
                    with m.If(frames.valid):
                        m.d.sync += part.eq(frames.payload)
                        m.next = follower

        with m.FSM():
            with m.State("IDLE"):
                # Not before the composer has given out the last reply: it still needs that number.
                m.d.comb += frames.ready.eq(body.ready)
                with m.If(frames.valid & body.ready):
                    m.next = "NUMBER_LOW"
                    with m.If(frames.payload != WHOLE):
                        m.d.sync += [number.eq(expected), status.eq(Status.SEQUENCE)]
                        m.next = "ANSWER"
            header(number, "NUMBER_LOW", "NUMBER_HIGH", "LENGTH_LOW")
            header(left, "LENGTH_LOW", "LENGTH_HIGH", "DECIDE")
            with m.State("DECIDE"), m.If(frames.valid):
                m.d.sync += [first.eq(1), in_order.eq(0), differs.eq(0), status.eq(Status.SEQUENCE)]
                m.next = "SKIP"
                with m.If(frames.payload == Command.SYNC), m.If(left == NONCE_BYTES):
                    m.next = "NONCE"
                with m.Elif(session & (behind == 0)):
                    m.d.sync += [in_order.eq(1), expected.eq(number + 1)]
                    m.next = "COMMAND"
                with m.Elif(session & (behind <= 0x8000)):
                    m.d.sync += status.eq(Status.OK)
                    with m.If(repeats_refusal):
                        m.d.sync += status.eq(refused_status)
                    for command in READS_ONLY:
                        with m.If(frames.payload == command):
                            m.next = "COMMAND"
            with m.State("NONCE"):
                m.d.comb += frames.ready.eq(1)
                with m.If(frames.valid):
                    m.d.sync += left.eq(left - 1)
                    with m.If(left != NONCE_BYTES):
                        m.d.sync += nonce.eq(Cat(nonce[8:], frames.payload))
                        with m.If(frames.payload != nonce[:8]):
                            m.d.sync += differs.eq(1)
                    with m.If(left == 0):
                        m.next = "SYNC"
            with m.State("SYNC"):
                m.d.sync += [session.eq(1), status.eq(Status.OK)]
                with m.If(differs | ~session):
                    m.d.sync += [expected.eq(number + 1), refused.eq(0)]
                m.next = "ANSWER"
            with m.State("COMMAND"):
                m.d.comb += [self.commands.valid.eq(frames.valid), frames.ready.eq(self.commands.ready)]
                with m.If(frames.valid & self.commands.ready):
                    m.d.sync += left.eq(left - 1)
                    with m.If(left == 0):
                        m.next = "REPLY"
            with m.State("REPLY"):
                wiring.connect(m, wiring.flipped(self.replies), body)
                with m.If(self.replies.valid & body.ready):
                    m.d.sync += first.eq(0)
                    with m.If(first & in_order):
                        with m.If(body.payload.data != Status.OK):
                            m.d.sync += [
                                refused.eq(1),
                                refused_number.eq(number),
                                refused_status.eq(body.payload.data),
                            ]
                        with m.Elif(repeats_refusal):
                            m.d.sync += refused.eq(0)
                    with m.If(body.payload.last):
                        m.next = "IDLE"
            with m.State("SKIP"):
                m.d.comb += frames.ready.eq(1)
                with m.If(frames.valid):
                    m.d.sync += left.eq(left - 1)
                    with m.If(left == 0):
                        m.next = "ANSWER"
            with m.State("ANSWER"):
                m.d.comb += [
                    body.valid.eq(1),
                    body.payload.data.eq(status),
                    body.payload.last.eq(status != Status.SEQUENCE),
                ]
                with m.If(body.ready):
                    m.next = "IDLE"
                    with m.If(status == Status.SEQUENCE):
                        m.next = "EXPECTED_LOW"
            with m.State("EXPECTED_LOW"):
                m.d.comb += [body.valid.eq(1), body.payload.data.eq(expected[:8])]
                with m.If(body.ready):
                    m.next = "EXPECTED_HIGH"
            with m.State("EXPECTED_HIGH"):
                m.d.comb += [body.valid.eq(1), body.payload.data.eq(expected[8:]), body.payload.last.eq(1)]
                with m.If(body.ready):
                    m.next = "IDLE"
        return m
