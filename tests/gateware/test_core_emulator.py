"""Link and executor together: a session in bytes."""

from core_drivers import events, read, set_registers, write
from stream_drivers import give, simulate, take, until

from gateware.emulator import Emulator
from gateware.geometry import Geometry
from gateware.golden.core import GoldenCore
from gateware.link import wire
from gateware.protocol import ADDRESS, Command, Space

G = Geometry(3, 2, lanes=2, log_depth=4)


def test_session():
    commands = [
        write(Space.STATE, 0, bytes([1, 2] * 3)),
        write(Space.MEMDUCTANCE, 1, bytes([40, 90])),
        *set_registers(threshold=150, keep=60000),
        events(0, 1, 0x8001, 2),
        read(Space.LOG, 0, 4),
        bytes([Command.READ_REGISTERS, ADDRESS["events"], 3]),
    ]
    golden = GoldenCore(G)
    expected = [b"\0", *(golden.execute(command) for command in commands)]
    frames = [bytes([Command.SYNC]) + b"abcd", *commands]
    dut, sent = Emulator(G), []

    async def bench(ctx):
        for number, command in enumerate(frames):
            await give(ctx, dut.rx, wire.frame(number, command))
            await until(ctx, lambda number=number: sent.count(0) > number, 2000)

    async def collect(ctx):
        await take(ctx, dut.tx, sent)

    simulate(dut, bench, collect)
    bodies = [wire.checked(coded, wire.REPLY_OVERHEAD) for coded in wire.Splitter().feed(bytes(sent))]
    replies = [wire.parse_reply(body) for body in bodies]
    assert [reply.number for reply in replies] == list(range(len(frames)))
    assert [bytes([reply.status]) + reply.payload for reply in replies] == expected
    assert golden.register("spikes")
