"""Formal proof that every command is answered exactly once, and within a bounded time."""

from unittest.mock import patch

from amaranth.hdl import Assert, Cover, Fragment, Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In
from amaranth.utils import bits_for

from gateware.core.arguments import ELEMENT_LATENCY
from gateware.core.ports import HOST_LATENCY
from gateware.core.sequencer import Sequencer
from gateware.core.spaces import place_bits
from gateware.executor import Executor
from gateware.link.cobs import Byte
from gateware.protocol import Command, Status
from gateware.verify.formal import Property
from gateware.verify.harness import Inside, module
from gateware.verify.streams import TINY

_ELEMENT = ELEMENT_LATENCY * 4 + 1
"""Cycles for the widest element of a list: its bytes, and one to take it."""

_LIST = 1 + _ELEMENT * 511
"""Cycles for the longest list that its counter can count."""

_DIVISION = place_bits(TINY)

SOON = _LIST + _DIVISION + 7
"""Cycles, but for those in which the sequencer works, that any command waits for its answer, and one byte of the answer
for the next."""


class OneReply(wiring.Component):
    """Harness of `Executor` under commands of any length: exactly one reply follows each, and nothing else is sent."""

    commands: In(stream.Signature(Byte))
    ready: In(1)

    def elaborate(self, platform: object) -> Module:
        """Build the executor and assert that replies match commands."""
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


class AnswerInTime(wiring.Component):
    """Harness of `Executor` under arbitrary commands, with a sequencer that takes arbitrarily long.

    To every state belongs how many cycles it is from an answer at most; that this becomes less with every cycle is what
    the induction shows.
    """

    commands: In(stream.Signature(Byte))
    ready: In(1)
    done: In(1)

    def elaborate(self, platform: object) -> Module:
        """Build the executor without the insides of its sequencer, and assert the bound."""
        m = module()
        working, parts = Signal(), []

        def anything(sequencer: Sequencer, platform: object) -> Module:
            parts.append(sequencer)
            inner = Module()
            inner.d.comb += sequencer.busy.eq(working)
            return inner

        with patch.object(Sequencer, "elaborate", anything):
            # Elaborated here, while the sequencer is replaced.
            dut = Executor(TINY)
            m.submodules.dut = part = Fragment.get(dut, None)
        (sequencer,) = parts
        with m.If(sequencer.start):
            m.d.sync += working.eq(1)
        with m.Elif(self.done):
            m.d.sync += working.eq(0)
        wiring.connect(m, wiring.flipped(self.commands), dut.commands)
        replies, waiting, rest = dut.replies, Signal(range(SOON + 2)), Signal(range(SOON + 2))
        m.d.comb += replies.ready.eq(self.ready)
        inside = Inside(part)
        self._rank(m, dut, part, rest)
        with m.If(inside.state("RECEIVE") | replies.valid):
            m.d.sync += waiting.eq(0)
        with m.Elif(~working):
            m.d.sync += waiting.eq(waiting + (waiting <= SOON))
        m.d.comb += [
            Assert(waiting + rest <= SOON, "a command is not answered in time"),
            Assert(inside.known(), "the state is none"),
            Assert(~inside.state("RECEIVE") | ~replies.valid),
            Cover(replies.valid & (replies.payload.data == Status.OK) & (waiting > 1)),
            Cover(replies.valid & replies.payload.last & inside.state("SEND")),
        ]
        return m

    def _rank(self, m: Module, dut: Executor, part: Fragment, rest: Signal) -> None:
        """Cycles to the next byte of the answer, at most, for every state."""
        inside = Inside(part)
        arguments, divider = (Inside(part.find_subfragment(name)) for name in ("arguments", "divider"))
        left, size, wait = dut._left, dut._size, inside.unnamed(bits_for(HOST_LATENCY))
        number, there = arguments.unnamed(2), arguments["elements__valid"]
        element, list_ = Signal(range(_ELEMENT + 1)), Signal(range(_LIST + 1))
        m.d.comb += [
            element.eq(Mux(there, 1, 1 + ELEMENT_LATENCY * (1 + size - number) - arguments["taking"])),
            list_.eq(1 + Mux(left == 0, 0, _ELEMENT * (left - 1) + element)),
        ]
        after_find = {"COMPARE": 2, "ADD": 3, "MEASURE": 4, "FIND": 5, "DECODE": 6}
        ranks = {state: _LIST + _DIVISION + cycles for state, cycles in after_find.items()}
        ranks |= {
            "DIVIDE": divider["left"] + 1 + _LIST, "AIM": divider["left"] + 2, "RUN": 1, "STORE": list_,
            "PLAY": list_, "FETCH": 1 + HOST_LATENCY - wait, "RECEIVE": 0, "REPLY": 0, "SEND": 0,
        }  # fmt: skip
        for state, cycles in ranks.items():
            with m.If(inside.state(state)):
                m.d.comb += rest.eq(cycles)
        writes = dut._command == Command.WRITE_MEMORY
        lists = inside.state("STORE", "PLAY") | (inside.state("DIVIDE") & writes)
        m.d.comb += [
            Assert(wait <= HOST_LATENCY),
            Assert(inside.state("FETCH") | (wait == 0)),
            Assert(~lists | (number <= size)),
            Assert(divider["left"] <= _DIVISION),
        ]


PROPERTIES = (
    Property("executor: exactly one reply to each command", OneReply, "prove", 3, 16, quick=True),
    Property("executor: every command is answered in time", AnswerInTime, "prove", 2, 18, cut=True),
)
