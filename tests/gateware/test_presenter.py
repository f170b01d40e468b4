"""Many images in one exchange: counts of each, however the line behaves and however full the history gets."""

import struct

import numpy as np
import pytest

from gateware.geometry import Geometry
from gateware.golden.core import GoldenCore
from gateware.golden.link import GoldenLink
from gateware.host.client import Client
from gateware.host.errors import CommandRefused
from gateware.host.faulty import FaultyTransport
from gateware.host.ftdi import FtdiChip, FtdiModel
from gateware.host.golden_transport import GoldenTransport
from gateware.host.presenter import Presenter
from gateware.image_code import coded
from gateware.logarithm import waiting_code
from gateware.protocol import ADDRESS, Command, Space, Status

ROWS, COLS = 30, 5


class Counted:
    """A golden core that notes how often it presents."""

    def __init__(self, **sizes):
        self.core = GoldenCore(Geometry(ROWS, COLS, lanes=2, **sizes))
        self.presented, self.refused = 0, 0

    def __call__(self, command):
        answer = self.core.execute(command)
        self.presented += command[0] == Command.PRESENT and answer[0] == Status.OK
        self.refused += answer[0] == Status.FULL
        return answer


def images(number):
    rng = np.random.default_rng(number)
    return [(rng.integers(0, 32, ROWS) * (rng.random(ROWS) < 0.5)).astype(np.uint8) for _ in range(number)]


def prepared(client, threshold=400):
    client.write_memory(Space.MEMDUCTANCE, 0, np.arange(256))
    client.write_memory(Space.POTENTIATION, 0, np.full(256, 900))
    client.write_memory(Space.DEPRESSION, 0, np.full(256, 700))
    client.write_memory(Space.CODE, 0, [waiting_code(p) for p in np.linspace(1e-3, 0.1, 32)])
    client.write_memory(Space.STATE, 0, np.arange(6 * ROWS) * 7 % 256)
    client.write_registers({"threshold": threshold, "window": 9, "flags": 5, "duration": 40, "inhibition": 3})


def commands(shown):
    return lambda k: [
        struct.pack("<BBI", Command.WRITE_REGISTERS, ADDRESS["theta_plus"], k % 3),
        bytes([Command.PRESENT]) + (coded(shown[k], 5) or b""),
    ]


def one_by_one(shown, threshold=400):
    """What the images do if each is waited for and its counters are read."""
    client = Client(GoldenTransport(Counted()))
    prepared(client, threshold)
    counts = []
    for k, image in enumerate(shown):
        client.write_registers({"theta_plus": k % 3})
        client.write_memory(Space.DRIVE, 0, image)
        client.write_registers({"taken": client.read_registers("history")["history"]})
        client.present()
        counts.append(client.read_memory(Space.COUNTS, 0, COLS))
    return np.array(counts), client.read_memory(Space.STATE, 0, 6 * ROWS)


@pytest.mark.parametrize(("depth", "threshold"), [(1024, 400), (16, 400), (4, 400), (2, 400), (8, 60), (2, 60)])
def test_counts_are_those_of_images_shown_one_by_one(depth, threshold):
    """With a history of 2 entries it is full after every image, and holds one of its spikes."""
    shown, carried = images(60), Counted(history_depth=depth)
    client = Client(GoldenTransport(carried))
    prepared(client, threshold)
    counts = np.array(list(Presenter(client, depth, COLS).counts(len(shown), commands(shown))))
    expected, states = one_by_one(shown, threshold)
    assert np.array_equal(counts, expected)
    assert np.array_equal(client.read_memory(Space.STATE, 0, 6 * ROWS), states)
    assert carried.presented == len(shown)
    assert (carried.refused > 0) == (depth < 1024)
    assert counts.sum() > 100


@pytest.mark.parametrize("seed", range(3))
def test_no_image_is_shown_twice_or_lost_on_a_bad_line(seed):
    shown, carried = images(200), Counted(history_depth=64)
    faults = {"flip": 1e-3, "drop": 5e-4, "double": 5e-4, "truncate": 2e-4}
    line = FaultyTransport(GoldenTransport(GoldenLink(carried)), seed, **faults)
    client = Client(line, retries=60)
    prepared(client)
    counts = np.array(list(Presenter(client, 64, COLS).counts(len(shown), commands(shown))))
    expected, states = one_by_one(shown)
    assert np.array_equal(counts, expected)
    assert np.array_equal(client.read_memory(Space.STATE, 0, 6 * ROWS), states)
    assert carried.presented == len(shown)
    assert sum(line.faults.values()) > 20


def test_other_refusals_are_told():
    client = Client(GoldenTransport(Counted()))
    prepared(client)
    with pytest.raises(CommandRefused, match="PRESENT with status RANGE"):
        list(Presenter(client, 1024, COLS).counts(1, lambda k: [bytes([Command.PRESENT, 3])]))


def test_images_cost_no_turn_of_the_line():
    """A turn is 16 ms here: 300 images with 5 spikes each, in as many turns as questions at beginning and end take."""
    model = FtdiModel(Geometry(ROWS, COLS, lanes=2), 50e6, FtdiChip(3e6, 16e-3))
    client, shown = Client(model), images(300)
    prepared(client)
    turns, sent = model.turns, model.sent
    counts = list(Presenter(client, 1024, COLS).counts(len(shown), commands(shown)))
    assert len(counts) == 300
    assert model.turns - turns <= 6
    assert (model.sent - sent) / 300 < 60
