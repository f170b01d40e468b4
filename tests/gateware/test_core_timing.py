"""The cycle law, against register `cycles` of the simulated executor."""

import struct

import numpy as np
import pytest
from core_drivers import advance, events, play, set_registers, write

from gateware import timing
from gateware.executor import Executor
from gateware.geometry import Geometry
from gateware.image_code import coded
from gateware.logarithm import waiting_code
from gateware.protocol import ADDRESS, Command, Flag, Space

QUIET = set_registers(threshold=(1 << 24) - 1)
COUNTERS = bytes([Command.READ_REGISTERS, ADDRESS["cycles"], 3])
CYCLES = bytes([Command.READ_REGISTERS, ADDRESS["cycles"], 1])
GEOMETRIES = [
    Geometry(7, 5, lanes=2, v_bits=12),
    Geometry(3, 9, lanes=1, tie="membrane"),
    Geometry(12, 6, lanes=6, tie="membrane"),
    Geometry(12, 6, lanes=6, tie="margin", annealing=True),
    Geometry(1, 1),
]


def cycles(geometry, prepare, commands):
    """Cycles of every one of the commands; reading them costs the same every time."""
    script = [*prepare, CYCLES]
    for command in commands:
        script += [CYCLES, command, CYCLES]
    counts = [int.from_bytes(reply[1:], "little") for reply in play(Executor(geometry), script)[len(prepare) :]]
    reading = counts[1] - counts[0]
    counts = [count if len(script[len(prepare) + k]) == len(CYCLES) else None for k, count in enumerate(counts)]
    return [counts[k + 2] - counts[k] - reading for k in range(1, len(counts), 3)]


@pytest.mark.parametrize("g", GEOMETRIES, ids=str)
def test_without_spikes(g):
    commands = {
        bytes([Command.BEGIN]): timing.begin(g, clears=True),
        events(): timing.events(g, 0, 0, 0),
        events(0, g.rows - 1, 0): timing.events(g, 3, 0, 0),
        events(0, advance(3), 0, advance(2)): timing.events(g, 2, 2, 5),
        bytes([Command.PRESENT]): timing.present(g, 3, 0, 0, False),
        bytes([Command.PROGRAM]) + struct.pack("<H", g.cols - 1): timing.program(g, g.cols - 1),
    }
    assert cycles(g, [*QUIET, *set_registers(duration=3)], commands) == list(commands.values())


@pytest.mark.parametrize("g", GEOMETRIES[:3], ids=str)
def test_with_spikes_at_most(g):
    script = [
        *set_registers(threshold=200, duration=2),
        write(Space.MEMDUCTANCE, 0, bytes([150])),
        bytes([Command.BEGIN]),
    ]
    cases = [(learn, inhibition) for learn in (False, True) for inhibition in (0, 1)]
    present = bytes([Command.PRESENT])
    for learn, inhibition in cases:
        flags = learn << Flag.LEARN | 1 << Flag.RESET_ALL | 1 << Flag.LATENCY
        script += [*set_registers(flags=flags, inhibition=inhibition), COUNTERS, COUNTERS, present, COUNTERS]
    counted = [struct.unpack("<3I", reply[1:]) for reply in play(Executor(g), script) if len(reply) == 13]
    for (learn, _), first, before, after in zip(cases, counted[::3], counted[1::3], counted[2::3], strict=True):
        reading = before[0] - first[0]
        cycles, rows, spikes = (b - a for a, b in zip(before, after, strict=True))
        assert rows == g.rows
        assert spikes > 0
        assert cycles - reading <= timing.present(g, 2, rows, spikes, learn)


@pytest.mark.parametrize("g", GEOMETRIES, ids=str)
def test_images_at_most(g):
    """Random images in random ticks, coded and not: the law is an upper bound, and no loose one."""
    rng = np.random.default_rng(3)
    chances = [0.0, 1e-3, 0.01, 0.05, 0.2, 0.5, 1.0]
    script = [*QUIET, *set_registers(duration=20)]
    script += [write(Space.CODE, k, struct.pack("<I", waiting_code(p))) for k, p in enumerate(chances)]
    images = [coded(rng.integers(0, len(chances), g.rows).astype(np.uint8), 4) for _ in range(6)]
    for image in images:
        script += [COUNTERS, COUNTERS, bytes([Command.PRESENT]) + image, COUNTERS]
    counted = [struct.unpack("<3I", reply[1:]) for reply in play(Executor(g), script) if len(reply) == 13]
    for image, first, before, after in zip(images, counted[::3], counted[1::3], counted[2::3], strict=True):
        reading = before[0] - first[0]
        cycles, rows, _ = (b - a for a, b in zip(before, after, strict=True))
        most = timing.present(g, 20, rows, 0, False, length=len(image))
        assert 0.8 * most < cycles - reading <= most


def test_segment():
    g = Geometry(5, 3, lanes=2, cell="flca")
    (measured,) = cycles(g, [], [bytes([Command.SEGMENT]) + struct.pack("<II", 1, 1)])
    assert measured == timing.segment(g)


@pytest.mark.parametrize(("g", "every"), [(Geometry(19, 2), 15), (Geometry(19, 2, t_bits=14), 3)], ids=str)
def test_rows_are_cleared_one_by_one_only_when_tags_run_out(g, every):
    before = range(0, 2 * every + 1, every // 3)
    counts = [cycles(g, [bytes([Command.BEGIN])] * done, [bytes([Command.BEGIN])]) for done in before]
    assert counts == [[timing.begin(g, clears=done % every == 0)] for done in before]
    assert timing.begin(g, clears=True) > timing.begin(g)


@pytest.mark.parametrize("g", [g for g in GEOMETRIES if g.groups > 1], ids=str)
def test_an_event_reads_one_group_while_all_others_are_inhibited(g):
    """The first event makes the lowest column fire; of the second, only the group of that neuron is read."""
    flags = 1 << Flag.RESET_ALL
    prepare = [*set_registers(threshold=200, flags=flags, inhibition=20), write(Space.MEMDUCTANCE, 0, bytes([150]))]
    prepare += [bytes([Command.BEGIN]), events(0, 0)]
    (measured,) = cycles(g, prepare, [events(0)])
    assert measured == timing.events(g, 1, 0, 0) - (g.groups - 1)
