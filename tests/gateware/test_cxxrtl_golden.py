"""Random sessions: the compiled simulation of the whole emulator answers as the golden model does, byte for byte."""

import random
import struct

import numpy as np
import pytest
from core_drivers import advance, events, read, set_registers, write

from gateware.core.spaces import memories
from gateware.geometry import Geometry
from gateware.golden.core import GoldenCore
from gateware.host.cxxrtl import open_cxxrtl
from gateware.image_code import coded
from gateware.link import wire
from gateware.logarithm import waiting_code
from gateware.protocol import ADDRESS, MAX_ARGUMENTS, Command, Space

PIECE = MAX_ARGUMENTS - 6
SETTINGS = {
    "flags": range(16), "threshold": (0, 200, 500, 1000, 70000), "keep": (0, 40000, 65535, 65536, 131071),
    "inhibition": (0, 0, 1, 3), "refractory": (0, 1, 3, 32767), "window": (0, 1, 2, 5), "theta_plus": (0, 100, 65535),
    "theta_keep": (65536, 60000, 100000), "duration": (0, 1, 2, 4, 60, 1500), "random": (1, 0xDEADBEEF),
    "encoder_random": (1, 0xC0FFEE), "taken": (0, 2, 9, 30),
}  # fmt: skip
FALLING = {
    "chances": (0, 1, 30000, 65535, 65536, 70000), "theta_share": (0, 0, 70000, (1 << 32) - 1),
    "lowered": (0, 1 << 16, 20_000_000, (1 << 32) - 1),
}  # fmt: skip
ELEMENTS = {
    Space.CODE: (0, 1, 2, 0xFFFFFF, 0xFF000001, *(waiting_code(p) for p in (1e-6, 1e-4, 0.003, 0.02, 0.1, 0.9))),
    Space.THETA: (0, 1, 300, 65535),
    Space.COLUMNS: (0, 1, 2, 65535),
}
"""Where any number at all would hardly ever do anything."""


def elements(g, space, memory, count, dice):
    """Packed random elements."""
    if space == Space.DRIVE and g.cell == "step":
        return bytes(dice.choice((0, 1, 255, 2, 77)) for _ in range(count))
    if space in ELEMENTS:
        return b"".join(dice.choice(ELEMENTS[space]).to_bytes(memory.bytes, "little") for _ in range(count))
    if space in (Space.POTENTIATION, Space.DEPRESSION):
        return struct.pack(f"<{count}H", *(dice.choice((0, 65535, dice.randrange(2048))) for _ in range(count)))
    return dice.randbytes(count * memory.bytes)


def random_command(g, dice):
    """Anything that may be said to an emulator, mostly something sensible."""
    kind = dice.randrange(10)
    if kind < 2:
        settings = SETTINGS | (FALLING if g.annealing else {})
        name = dice.choice(list(settings))
        return set_registers(**{name: dice.choice(settings[name])})[0]
    if kind < 6:
        rows = [dice.randrange(g.rows) for _ in range(dice.randrange(41))]
        items = [row if dice.random() < 0.8 else advance(dice.randrange(4)) for row in rows]
        return events(*items, *dice.choices((g.rows, advance(32767)), k=dice.random() < 0.05))
    if kind == 6:
        image = coded(np.array([dice.choice((0, 0, 0, 1, 9, 31)) for _ in range(g.rows)], np.uint8), 5) or b""
        return dice.choice(
            (
                bytes([Command.BEGIN]) + dice.randbytes(dice.random() < 0.1),
                bytes([Command.PRESENT]),
                bytes([Command.PRESENT]) + image,
                bytes([Command.PRESENT]) + dice.randbytes(dice.randrange(1, 9)),
            )
        )
    if kind == 7:
        return bytes([Command.PROGRAM]) + struct.pack("<H", dice.randrange(g.cols + 1))
    if kind == 8:
        gain, decay = dice.choice((dice.randrange(1 << 24), 1 << 24)), dice.choice((0, 1 << 20, 1 << 24, (1 << 24) + 1))
        return bytes([Command.SEGMENT]) + struct.pack("<II", gain, decay)
    return read(dice.randrange(12), dice.choice((0, dice.randrange(40), 2**32 - 1)), dice.randrange(20))


def session(g, dice, count):
    """Fill all memories, say `count` things, read everything."""
    spaces = memories(g)
    commands = [
        write(space, first, elements(g, space, memory, min(PIECE // memory.bytes, memory.size - first), dice))
        for space, memory in spaces.items()
        if memory.writable
        for first in range(0, memory.size, PIECE // memory.bytes)
    ]
    commands += [random_command(g, dice) for _ in range(count)]
    commands += [
        read(space, first, min(PIECE // memory.bytes, memory.size - first))
        for space, memory in spaces.items()
        for first in range(0, memory.size, PIECE // memory.bytes)
    ]
    told = [name for name in ADDRESS if name not in ("build", "cycles")]
    return [*commands, *(bytes([Command.READ_REGISTERS, ADDRESS[name], 1]) for name in told)]


def play(transport, commands):
    """Replies of the simulation, one command after another."""
    splitter, replies = wire.Splitter(), []
    for number, command in enumerate([bytes([Command.SYNC]) + b"abcd", *commands]):
        transport.send(wire.frame(number & 0xFFFF, command))
        while len(replies) == number:
            for piece in splitter.feed(transport.receive(60.0)):
                body = wire.parse_reply(wire.checked(piece, wire.REPLY_OVERHEAD))
                replies.append(bytes([body.status]) + body.payload)
    return replies[1:]


@pytest.fixture(scope="module")
def simulations(tmp_path_factory):
    """Keep what is compiled out of the user's cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MEMHIL_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


def agree(g, seeds, count):
    spikes = 0
    for seed in seeds:
        commands, golden = session(g, random.Random(seed), count), GoldenCore(g)
        expected = [golden.execute(command) for command in commands]
        with open_cxxrtl(g) as transport:
            for command, reply, wanted in zip(commands, play(transport, commands), expected, strict=True):
                assert reply == wanted, command.hex()
        spikes += golden.register("spikes") + golden.register("updates")
    assert spikes


def test_small_geometry(simulations):
    g = Geometry(6, 7, lanes=3, tie="membrane", state_bits=12, t_bits=11, v_bits=12, log_depth=5, history_depth=32)
    agree(g, range(6), 150)


@pytest.mark.slow
def test_annealing(simulations):
    agree(Geometry(6, 7, lanes=3, tie="margin", t_bits=8, v_bits=12, annealing=True, log_depth=5), range(6), 150)


@pytest.mark.slow
@pytest.mark.parametrize(
    "g",
    [
        Geometry(784, 10, lanes=10),
        Geometry(784, 10, t_bits=9, encoder=False, frame_buffer=512),
        Geometry(5, 3, lanes=4, cell="flca", state_bits=12),
        Geometry(1, 1),
        Geometry(9, 40, lanes=4, encoder=False, v_bits=24, state_bits=16),
    ],
    ids=lambda g: f"{g.rows}x{g.cols}p{g.lanes}-{g.cell}",
)
def test_geometries(simulations, g):
    agree(g, range(3), 400)
