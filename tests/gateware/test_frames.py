import random

import numpy as np
import pytest
from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out
from cobs import cobs
from hypothesis import example, given, settings
from hypothesis import strategies as st
from stream_drivers import give, simulate, take, until

from gateware.golden.link import GoldenLink
from gateware.host.client import Client
from gateware.host.faulty import FaultyTransport
from gateware.host.pysim import PysimTransport
from gateware.link import wire
from gateware.link.frames import FrameLink
from gateware.protocol import Command, Status

START = 65530
"""Sequence numbers wrap early."""


class Counter:
    """An executor that answers with how often it was called, and refuses every command that ends with 0xEE."""

    def __init__(self):
        self.commands = []

    def __call__(self, command):
        self.commands.append(command)
        if command.endswith(b"\xee"):
            return bytes([Status.RANGE])
        payload = len(self.commands).to_bytes(2, "little") + command[::-1]
        return bytes([Status.OK]) + payload[: command[1] + 256 * (command[2] & 1) if len(command) > 2 else 2][:256]


def stuffed(command, length):
    """A command with `length` bytes of arguments."""
    return bytes([command, *((7 * k + 3) % 256 for k in range(length))])


def play(line, paces=(1.0, 1.0, 1.0), executor=None, depth=512, answers=None):
    """Replies of the gateware to the bytes `line`, the commands it had carried out and its link errors.

    With `answers` None every reply is awaited before the next frame is sent, as GoldenLink implies.
    """
    dut, coded, executor = FrameLink(depth), [], executor or Counter()
    golden = GoldenLink(Counter(), depth)
    result = {}

    async def execute(ctx):
        commands = []
        taker = random.Random(2)
        while True:
            command = bytearray()
            while True:
                ready = taker.random() < paces[2]
                ctx.set(dut.commands.ready, ready)
                _, _, valid, byte = await ctx.tick().sample(dut.commands.valid, dut.commands.payload)
                if valid and ready:
                    command.append(byte.data)
                    if byte.last:
                        break
            ctx.set(dut.commands.ready, 0)
            commands.append(bytes(command))
            answer = executor(bytes(command))
            await give(
                ctx, dut.replies, [{"data": b, "last": k == len(answer) - 1} for k, b in enumerate(answer)], paces[2]
            )

    async def main(ctx):
        if answers is None:
            due = 0
            for piece in line.split(b"\0")[:-1]:
                due += golden.feed(piece + b"\0").count(0)
                await give(ctx, dut.rx, piece + b"\0", paces[0])
                await until(ctx, lambda due=due: coded.count(0) == due, 20_000)
        else:
            await give(ctx, dut.rx, line, paces[0])
            await until(ctx, lambda: coded.count(0) == answers, 20_000)
        await ctx.tick().repeat(20)
        result["errors"] = ctx.get(dut.link_errors)

    simulate(dut, main, execute, lambda ctx: take(ctx, dut.tx, coded, paces[1]))
    return bytes(coded), executor.commands, result["errors"]


def same(line, paces=(1.0, 1.0, 1.0), depth=512):
    """Check that gateware and golden model answer and carry out the same."""
    executor = Counter()
    golden = GoldenLink(executor, depth)
    expected = golden.feed(line)
    assert play(line, paces, depth=depth) == (expected, executor.commands, golden.link_errors)
    return golden, executor


def parsed(coded):
    return [wire.parse_reply(wire.checked(piece, wire.REPLY_OVERHEAD)) for piece in coded.split(b"\0") if piece]


SYNC = wire.frame(START, b"\0nonc")
EVENT = st.integers(0, 255).map(lambda x: bytes([Command.EVENTS, x, 0]))
READ = st.integers(0, 20).map(lambda x: bytes([Command.READ_MEMORY, x, 0, 7]))
REFUSED = st.sampled_from([bytes([Command.PROGRAM, 0xEE]), bytes([Command.EVENTS, 1, 0xEE])])
SHORT = st.sampled_from([bytes([Command.BEGIN]), bytes([77])])
SYNCS = st.sampled_from([b"\0nonc", b"\0NONC", b"\0abc", b"\0abcde", b"\0"])
STEP = st.tuples(
    st.one_of(EVENT, READ, REFUSED, SHORT, SYNCS),
    st.sampled_from([0, 0, 0, 0, 0, 1, 1, 2, -1, -2, 0x7FFF, 0x8000, 0x8001]),
    st.sampled_from([None, None, None, None, "flip", "drop", "double", "cut", "zero"]),
    st.integers(0, 2**16),
)


def damaged(coded, fault, where):
    where %= len(coded) - 1
    return {
        None: coded,
        "flip": coded[:where] + bytes([coded[where] ^ (1 << where % 8)]) + coded[where + 1 :],
        "drop": coded[:where] + coded[where + 1 :],
        "double": coded[:where] + coded[where : where + 1] + coded[where:],
        "cut": coded[:where] + b"\0",
        "zero": b"\0" + coded + b"\0",
    }[fault]


@settings(max_examples=12, deadline=None)
@given(
    steps=st.lists(STEP, max_size=10),
    paces=st.tuples(*[st.sampled_from([0.5, 1.0])] * 3),
    sync_first=st.sampled_from([True, True, True, False]),
)
@example(
    steps=[
        (bytes([Command.EVENTS, 1, 0xEE]), 0, None, 0),
        (bytes([Command.EVENTS, 1, 0xEE]), -1, None, 0),
        (bytes([Command.BEGIN]), 0, None, 0),
        (bytes([Command.EVENTS, 1, 0xEE]), -2, None, 0),
    ],
    paces=(1.0, 1.0, 1.0),
    sync_first=True,
)
@example(
    steps=[
        (bytes([Command.EVENTS, 1, 0]), offset, None, 0) for offset in (0, 0, -1, -2, -3, 0x7FFF, 0x8000, 0x8001, 1, 0)
    ],
    paces=(1.0, 1.0, 1.0),
    sync_first=True,
)
@example(
    steps=[(b"\6\1\1", 0, "flip", where) for where in range(10)] + [(b"\6\1\1", 0, None, 0)],
    paces=(1.0, 1.0, 1.0),
    sync_first=True,
)
@example(
    steps=[
        (command, offset, None, 0)
        for command, offset in [
            (b"\6\1", 0), (b"\0nonc", -2), (b"\6\1", 0), (b"\0NONC", 9), (b"\6\1", 0), (b"\0NONC", 3), (b"\6\1", 0),
        ]
    ],
    paces=(1.0, 1.0, 1.0),
    sync_first=True,
)  # fmt: skip
def test_equals_the_golden_model(steps, paces, sync_first):
    """Any commands with any sequence numbers and faults, with stalls on every stream."""
    line = SYNC if sync_first else b""
    guide = GoldenLink(Counter())
    guide.feed(line)
    for command, offset, fault, where in steps:
        coded = damaged(wire.frame((guide._expected + offset) & 0xFFFF, command), fault, where)
        guide.feed(coded)
        line += coded
    same(line, paces)


@pytest.mark.parametrize("length", [0, 1, 253, 254, 255, 256])
def test_arguments_and_payload_of_every_length(length):
    command = stuffed(Command.WRITE_MEMORY, length)
    answer = bytes([Status.OK]) + bytes(length)

    class Fixed(Counter):
        def __call__(self, command):
            self.commands.append(command)
            return answer

    coded, commands, errors = play(SYNC + wire.frame(START + 1, command), executor=Fixed(), answers=2)
    assert commands == [command]
    assert errors == 0
    assert parsed(coded)[1] == wire.Reply(START + 1, Status.OK, 512, bytes(length))


@pytest.mark.parametrize("length", [257, 300, 511, 700])
def test_a_frame_too_long_is_damaged_and_leaves_no_trace(length):
    golden, executor = same(
        SYNC + wire.frame(START + 1, stuffed(Command.EVENTS, length)) + wire.frame(START + 1, b"\6\1\2")
    )
    assert golden.link_errors == 1
    assert executor.commands == [b"\6\1\2"]


def test_wrong_length_field_with_a_right_crc():
    whole = wire.frame(START + 1, b"\6\1\2")
    body = bytearray(cobs.decode(whole[:-1])[:-2])
    body[2] = 3
    golden, executor = same(SYNC + wire._coded(bytes(body)) + whole)
    assert golden.link_errors == 1
    assert executor.commands == [b"\6\1\2"]


def test_frames_in_flight_are_kept_while_a_command_runs():
    """Nothing is taken from `replies` before its command, and the buffer keeps what `free` promised."""
    frames = [wire.frame((START + 1 + k) & 0xFFFF, stuffed(Command.EVENTS, 57)) for k in range(8)]
    coded, commands, errors = play(SYNC + b"".join(frames), (1.0, 1.0, 0.1), answers=9)
    assert [reply.number for reply in parsed(coded)] == [(START + k) & 0xFFFF for k in range(9)]
    assert all(reply.status == Status.OK for reply in parsed(coded))
    assert len(commands) == 8
    assert errors == 0
    assert min(reply.free for reply in parsed(coded)) < 200
    assert parsed(coded)[-1].free == 512


def test_a_host_that_sends_more_than_is_free_loses_frames_but_nothing_else():
    frames = [wire.frame((START + 1 + k) & 0xFFFF, stuffed(Command.EVENTS, 200)) for k in range(6)]
    coded, commands, errors = play(SYNC + b"".join(frames), (1.0, 1.0, 0.1), answers=7)
    replies = parsed(coded)
    lost = [reply.status for reply in replies].count(Status.SEQUENCE)
    assert 0 < lost < 6
    assert len(commands) == 6 - lost
    assert errors > 0
    assert set(commands) == {stuffed(Command.EVENTS, 200)}


def test_a_full_buffer_recovers():
    """Behind frames that wait for a command there is not even room for the fact that others were damaged."""
    dut, coded = FrameLink(512), []
    waiting = [wire.frame(START + 1 + k, stuffed(Command.EVENTS, 246)) for k in range(2)]

    async def main(ctx):
        await give(ctx, dut.rx, SYNC + b"".join(waiting) + b"\1\0" * 60)
        assert ctx.get(dut.link_errors) == 60
        ctx.set(dut.commands.ready, 1)
        # Accepted once after each command.
        ctx.set(dut.replies.valid, 1)
        ctx.set(dut.replies.payload, {"data": Status.OK, "last": 1})
        await ctx.tick().repeat(3000)
        await give(ctx, dut.rx, wire.frame(7, b"\0abcd"))
        await ctx.tick().repeat(100)

    simulate(dut, main, lambda ctx: take(ctx, dut.tx, coded))
    first, *between, last = parsed(bytes(coded))
    assert (first.number, last) == (START, wire.Reply(7, Status.OK, 512, b""))
    assert [reply.status for reply in between[:2]] == [Status.OK] * 2
    assert {reply.status for reply in between[2:]} == {Status.SEQUENCE}
    assert 5 < len(between) - 2 < 60


def test_latency():
    dut = FrameLink(512)

    async def main(ctx):
        ctx.set(dut.tx.ready, 1)
        await give(ctx, dut.rx, SYNC)
        await ctx.tick().repeat(60)
        await give(ctx, dut.rx, wire.frame(START + 1, b"\6\1"))
        count = 1
        while not ctx.get(dut.commands.valid):
            await ctx.tick()
            count += 1
        assert count == dut.latency

    simulate(dut, main)


class Adder(wiring.Component):
    """An emulator that adds up all bytes of EVENTS and answers any other command with the sum."""

    rx: In(stream.Signature(8))
    tx: Out(stream.Signature(8))
    busy: Out(1)

    def elaborate(self, platform):
        m = Module()
        m.submodules.link = link = FrameLink(512)
        wiring.connect(m, wiring.flipped(self.rx), link.rx)
        wiring.connect(m, link.tx, wiring.flipped(self.tx))
        total, events, place = Signal(32), Signal(), Signal(3)
        byte, answer = link.commands.payload, link.replies.payload
        with m.FSM():
            with m.State("COMMAND"):
                m.d.comb += link.commands.ready.eq(1)
                with m.If(link.commands.valid):
                    m.d.sync += [events.eq(byte.data == Command.EVENTS), place.eq(0)]
                    m.next = "ARGUMENTS"
                    with m.If(byte.last):
                        m.next = "REPLY"
            with m.State("ARGUMENTS"):
                m.d.comb += link.commands.ready.eq(1)
                with m.If(link.commands.valid):
                    m.d.sync += total.eq(total + Mux(events, byte.data, 0))
                    with m.If(byte.last):
                        m.next = "REPLY"
            with m.State("REPLY"):
                m.d.comb += [link.replies.valid.eq(1), answer.last.eq(events | (place == 4))]
                with m.If(place != 0):
                    m.d.comb += answer.data.eq((total << 8).word_select(place, 8))
                with m.If(link.replies.ready):
                    m.d.sync += place.eq(place + 1)
                    with m.If(answer.last):
                        m.next = "COMMAND"
        return m


def test_client_and_gateware_over_a_line_with_faults():
    line = FaultyTransport(PysimTransport(Adder(), 1e6), 5, flip=2e-3, drop=1e-3, double=1e-3, delay=1e-3)
    client = Client(line, timeout=1e6, retries=50)
    total = 0
    for count in (1, 300, 300):
        items = np.random.default_rng(count).integers(0, 65536, count)
        client.events(items)
        total += int((items & 255).sum() + (items >> 8).sum())
        assert client.read_registers("rows") == {"rows": total}
    assert sum(line.faults.values()) > 5
