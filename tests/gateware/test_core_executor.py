"""The executor against the golden model: every reply to random commands, with stalls on both streams."""

import pytest
from core_drivers import advance, events, play, read, set_registers, write
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateware.executor import Executor
from gateware.geometry import Geometry
from gateware.golden.core import GoldenCore
from gateware.protocol import REGISTERS, Command, Space, Status
from gateware.verify.sessions import dump, session, shows_cycles


def agree(geometry, commands, pace=1.0, seed=0):
    """Play the commands on both; the golden core afterwards."""
    commands = [command for command in commands if not shows_cycles(command)]
    golden = GoldenCore(geometry, build=0x1234)
    expected = [golden.execute(command) for command in commands]
    got = play(Executor(geometry, build=0x1234), commands, pace, seed)
    for command, reply, wanted in zip(commands, got, expected, strict=True):
        assert reply.hex() == wanted.hex(), command.hex()
    return golden


def again(geometry):
    return pytest.param(geometry, marks=pytest.mark.slow)


GEOMETRIES = [
    Geometry(5, 3, lanes=2, t_bits=6, v_bits=12, log_depth=4, history_depth=256),
    again(Geometry(4, 7, lanes=3, state_bits=12, v_bits=12, tie="membrane", log_depth=5, history_depth=16)),
    Geometry(3, 5, state_bits=16, v_bits=24, t_bits=15, log_depth=1, encoder=False),
    again(Geometry(3, 3, lanes=8, state_bits=9, log_depth=16, tie="membrane", history_depth=16)),
    Geometry(4, 7, lanes=3, v_bits=12, tie="margin", annealing=True, log_depth=5, history_depth=16),
    again(Geometry(3, 3, lanes=2, state_bits=16, v_bits=20, tie="margin", encoder=False)),
    Geometry(1, 1, log_depth=2, annealing=True, history_depth=2),
    Geometry(4, 3, lanes=2, state_bits=16, cell="flca", log_depth=8),
    Geometry(3, 4, lanes=4, cell="flca", log_depth=8, tie="membrane"),
]


@pytest.mark.parametrize("geometry", GEOMETRIES, ids=str)
def test_agrees_with_the_golden_model(geometry):
    golden = agree(geometry, session(geometry, 4, 40), pace=0.8)
    assert golden.register("spikes")
    assert golden.register("updates")


@pytest.mark.slow
@pytest.mark.timeout(1800)
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_agrees_with_the_golden_model_whatever_the_geometry(data):
    draw = data.draw
    geometry = Geometry(
        draw(st.integers(1, 9)), draw(st.integers(1, 9)), lanes=draw(st.integers(1, 6)),
        state_bits=draw(st.integers(8, 16)), cell=(cell := draw(st.sampled_from(["step", "step", "flca"]))),
        v_bits=draw(st.integers(12, 24)), t_bits=draw(st.integers(6, 15)), encoder=draw(st.booleans()),
        history_depth=2 ** draw(st.integers(1, 6)),
        log_depth=draw(st.integers(1, 9)), tie=draw(st.sampled_from(["rank", "membrane", "margin"])),
        annealing=cell == "step" and draw(st.booleans()),
    )  # fmt: skip
    agree(geometry, session(geometry, draw(st.integers(0, 10**9)), 60), draw(st.sampled_from([1.0, 0.7])))


def test_padding_lanes_keep_their_states_and_never_fire():
    g = Geometry(2, 3, lanes=2, log_depth=8)
    states = bytes(range(100, 100 + g.words * g.lanes))
    golden = agree(
        g,
        [
            write(Space.STATE, 0, states),
            *[write(Space.MEMDUCTANCE, index, b"\xff") for index in range(100, 108)],
            *set_registers(threshold=255, inhibition=0),
            events(0, 1),
            read(Space.COUNTS, 0, 3),
            read(Space.STATE, 0, len(states)),
            read(Space.LOG, 0, 8),
        ],
    )
    assert golden.register("spikes") == 6


def test_arguments_out_of_range_have_no_effect():
    g = Geometry(3, 3, lanes=2, t_bits=6, log_depth=4)
    registers = bytes([Command.READ_REGISTERS])
    memory = bytes([Command.READ_MEMORY])
    refused = [
        registers, registers + b"\0", registers + b"\0\0", registers + b"\0\x41",
        registers + bytes([len(REGISTERS) - 1, 2]),
        set_registers(tick=1)[0], set_registers(keep=1)[0][:-1],
        bytes([Command.WRITE_REGISTERS, len(REGISTERS) - 1]) + bytes(8),
        bytes([Command.WRITE_REGISTERS, len(REGISTERS) + 1]), bytes([Command.WRITE_REGISTERS]),
        memory, read(Space.COLUMNS, 0, 1), read(77, 0, 1), read(Space.STATE, 12, 1), read(Space.STATE, 2**32 - 1, 2),
        read(Space.POTENTIATION, 0, 129), read(Space.THETA, 2, 2), write(Space.COUNTS, 0, b"\0\0"),
        write(Space.LOG, 0, bytes(4)), write(Space.THETA, 0, b"\0"), write(Space.THETA, 2, bytes(4)),
        write(Space.STATE, 0, b"")[:-1], bytes([Command.BEGIN, 1]), events(3), events(advance(64)),
        events(0)[:-1], bytes([Command.PROGRAM, 3, 0]), bytes([Command.PROGRAM, 0]), bytes([Command.PRESENT, 0]),
        bytes([Command.EVENTS]) + bytes(258), bytes([99]) + bytes(257),
    ]  # fmt: skip
    long = set_registers(duration=65)
    script = [*refused, *long, bytes([Command.PRESENT]), *dump(g)]
    replies = play(Executor(g), script)
    assert {reply for command, reply in zip(script, replies, strict=True) if command in refused} == {
        bytes([Status.RANGE])
    }
    agree(g, script)


def test_what_is_just_in_range():
    g = Geometry(3, 3, lanes=2, t_bits=6, log_depth=4)
    agree(
        g,
        [
            bytes([Command.READ_REGISTERS, 30, 1]), bytes([Command.WRITE_REGISTERS, 31]),
            bytes([Command.WRITE_REGISTERS, 3]), read(Space.STATE, 12, 0), read(Space.STATE, 11, 1),
            write(Space.STATE, 12, b""), read(Space.POTENTIATION, 128, 128), read(Space.LOG, 0, 4),
            events(advance(63), 0), events(advance(0)), events(advance(1)), events(0, 1, advance(1), 2), events(),
            *set_registers(duration=64), bytes([Command.PRESENT]), *dump(g),
        ],
    )  # fmt: skip


@pytest.mark.parametrize("geometry", [Geometry(2, 2, encoder=False), Geometry(2, 2, cell="flca")], ids=str)
def test_commands_of_other_builds_are_unknown(geometry):
    other = [Command.PRESENT, Command.PROGRAM if geometry.cell == "flca" else Command.SEGMENT, Command.SYNC, 200]
    replies = play(Executor(geometry), [bytes([command]) for command in other])
    assert replies == [bytes([Status.UNKNOWN])] * 4


def test_counters_saturate_or_stay():
    g = Geometry(1, 1, log_depth=2)
    golden = agree(
        g,
        [
            *set_registers(threshold=0, theta_plus=40000),
            events(0, 0, 0),
            read(Space.THETA, 0, 1),
            *set_registers(threshold=0, theta_plus=0),
            write(Space.THETA, 0, b"\0\0"),
            events(*[0] * 100),
            *dump(g),
        ],
    )
    assert golden.register("logged") > 100
