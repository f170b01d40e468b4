import random
import zlib

import numpy as np
import pytest
from cobs import cobs
from ledger import SIZE, Ledger

from gateware.golden.link import GoldenLink
from gateware.host.client import Client
from gateware.host.errors import CommandRefused, LinkError, LinkLost, PortError, SessionLost
from gateware.host.faulty import FaultyTransport
from gateware.host.golden_transport import GoldenTransport
from gateware.host.transport import Transport
from gateware.protocol import IDENTITY, Command, Space
from hil.errors import HilError, InputError

FAULTS = {"flip": 1e-3, "drop": 5e-4, "double": 5e-4, "delay": 5e-4, "truncate": 5e-4}


class Scripted(Transport):
    """A golden link whose line is out of order on demand."""

    name = "scripted"

    def __init__(self, link):
        self.inner = GoldenTransport(link)
        self.dead = False
        self.lose_replies = 0
        self.interrupt = None
        self.sent = []

    def send(self, data):
        if self.interrupt is not None:
            self.inner.send(data[: self.interrupt])
            self.interrupt = None
            raise KeyboardInterrupt
        self.sent.append(data)
        if not self.dead:
            self.inner.send(data)

    def receive(self, timeout):
        data = self.inner.receive(timeout)
        if self.lose_replies and data:
            self.lose_replies -= 1
            return b""
        return data

    def close(self):
        self.inner.close()


@pytest.fixture
def ledger():
    return Ledger()


@pytest.fixture
def line(ledger):
    return Scripted(GoldenLink(ledger))


@pytest.fixture
def client(line):
    return Client(line)


def test_registers(client, ledger):
    assert client.read_registers("threshold", "keep") == {"threshold": 15300, "keep": 65536}
    client.write_registers({"threshold": 1234, "random": 77})
    ledger.registers[0] = IDENTITY
    everything = client.read_registers()
    assert (everything["identity"], everything["threshold"], everything["random"]) == (IDENTITY, 1234, 77)


@pytest.mark.parametrize("space", list(Space))
def test_memories(client, space):
    element = client.element(space)
    values = np.random.default_rng(1).integers(0, np.iinfo(element).max + 1, (20, 25), dtype=element)
    client.write_memory(space, 7, values)
    assert client.read_memory(space, 7, 500).tolist() == values.ravel().tolist()
    assert client.read_memory(space, 7, 500).dtype == element
    assert len(client.read_memory(space, 0, 0)) == 0


def test_commands_on_the_wire(client, ledger):
    seen = []
    client.transport.inner.link._executor = lambda command: seen.append(command) or b"\0"
    client.begin()
    client.events([1, 0x8002])
    client.events([])
    client.present()
    client.program(258)
    client.segment(3, 1 << 24)
    assert seen == [b"\5", b"\6\1\0\2\x80", b"\7", b"\x08\2\1", b"\x09\3\0\0\0\0\0\0\1"]


def test_many_frames_are_on_the_way_at_once(client, line, ledger):
    client.sync()
    line.sent.clear()
    client.events(np.arange(1000))
    assert ledger.applied == 8
    assert line.sent[0].count(0) == 3
    assert max(map(len, line.sent)) <= 1024 + 3 * 4


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda c: c.read_registers("treshold"), "did you mean 'threshold'"),
        (lambda c: c.write_registers({"rows": 3}), "rows cannot be written"),
        (lambda c: c.write_registers({"keep": 1 << 17}), "keep = 131072: must be in 0 .. 131071"),
        (
            lambda c: c.write_registers({"keep": 0, "theta_keep": 1 << 17}),
            "theta_keep = 131072: must be in 0 .. 131071",
        ),
        (lambda c: c.write_registers({"random": 0}), "random = 0: must be in 1 .. 4294967295"),
        (lambda c: c.write_registers({"encoder_random": 0}), "encoder_random = 0: must be in 1 .. 4294967295"),
        (lambda c: c.write_memory(Space.DRIVE, 0, [0, 256]), "element 1 is 256, must be in 0 .. 255"),
        (lambda c: c.write_memory(Space.DRIVE, 0, [0.5]), "integers needed"),
        (lambda c: c.write_memory(Space.DRIVE, -1, [1]), "first -1"),
        (lambda c: c.read_memory(Space.DRIVE, 0, -1), "count -1"),
        (lambda c: c.events([-1]), "element 0 is -1"),
        (lambda c: c.program(1 << 16), "column 65536"),
        (lambda c: c.segment(1 << 24, 0), "gain"),
    ],
)
def test_arguments_are_checked_before_anything_is_applied(client, ledger, call, message):
    with pytest.raises(InputError, match=message):
        call(client)
    assert ledger.applied == 0


def test_a_refused_command_names_itself_and_leaves_the_session_intact(client, ledger):
    with pytest.raises(CommandRefused, match="refused PROGRAM with status RANGE; arguments: 00 ff") as caught:
        client.program(0xFF00)
    assert (caught.value.command, caught.value.status, caught.value.arguments) == ("PROGRAM", "RANGE", b"\0\xff")
    with pytest.raises(CommandRefused, match="READ_MEMORY"):
        client.read_memory(Space.STATE, SIZE, 1)
    sessions = client._session.count
    client.begin()
    assert client._session.count == sessions == 1


def test_a_refusal_is_heard_of_even_if_its_reply_was_lost(client, line, ledger):
    client.sync()
    line.lose_replies = 1
    with pytest.raises(CommandRefused, match="PROGRAM"):
        client.program(0xFF00)
    assert ledger.applied == 1


def test_nothing_is_sent_behind_a_refusal(client, ledger):
    with pytest.raises(CommandRefused, match="WRITE_MEMORY"):
        client.write_memory(Space.STATE, 0, np.zeros(40_000, dtype=np.uint8))
    # The third of 160 frames is beyond the memory: some were on the way already.
    assert ledger.applied < 12


def test_a_lost_reply_does_not_apply_twice(client, line, ledger):
    client.sync()
    line.lose_replies = 2
    client.events([1, 2, 3])
    assert ledger.applied == 1


def test_ctrl_c_in_the_midst_of_a_frame(client, line, ledger):
    client.begin()
    line.interrupt = 5
    with pytest.raises(KeyboardInterrupt):
        client.events([1, 2, 3])
    client.write_memory(Space.THETA, 0, [5])
    assert client.read_memory(Space.THETA, 0, 1) == [5]
    assert client._session.count == 2
    assert ledger.applied == 2


def test_a_restarted_emulator_is_noticed(client, line, ledger):
    client.begin()
    client._session._next = 0x4000
    line.inner.link = GoldenLink(ledger)
    with pytest.raises(SessionLost, match="restarted"):
        client.begin()
    assert ledger.applied == 1
    client.begin()
    assert ledger.applied == 2


def test_more_frames_than_sequence_numbers_are_all_carried_out_in_order(client, ledger):
    numbers = np.arange(65_600)
    client._session.exchange([bytes([Command.PROGRAM, n & 0xFF, n >> 8 & 0x7F]) for n in numbers.tolist()])
    digest = 0
    for n in numbers.tolist():
        digest = zlib.crc32(bytes([Command.PROGRAM, n & 0xFF, n >> 8 & 0x7F]), digest)
    assert (ledger.applied, ledger.digest) == (65_600, digest)


def test_an_answer_of_the_wrong_length(client, line):
    line.inner.link._executor = lambda command: b"\0\0"
    with pytest.raises(LinkError, match="another version"):
        client.read_registers("rows")


def test_a_dead_line_without_waiting(client, line):
    line.dead = True
    with pytest.raises(LinkLost, match="no answer from scripted"):
        client.begin()
    line.dead = False
    client.begin()


def test_errors_are_for_the_user():
    for error in (LinkLost, SessionLost, PortError, CommandRefused):
        assert issubclass(error, HilError)


# Faults


def soak(link, frames, seed):
    """Drive one ledger over a line with faults and one over a clean line with the same commands.

    Returns what went wrong without notice, the ledger with faults and the number of faults.
    """
    ledger, control = Ledger(), Ledger()
    transport = FaultyTransport(GoldenTransport(link(ledger)), seed, **FAULTS)
    pair = [Client(transport, retries=60), Client(GoldenTransport(control))]
    dice = random.Random(seed)
    wrong = []
    while ledger.frames < frames and len(wrong) < 10:
        name, arguments = draw(dice)
        outcomes = []
        for client in pair:
            try:
                result = getattr(client, name)(*arguments)
                outcomes.append(result.tobytes() if isinstance(result, np.ndarray) else result)
            except CommandRefused as error:
                outcomes.append(str(error))
            except LinkError as error:
                outcomes.append(repr(error))
        if outcomes[0] != outcomes[1]:
            wrong.append((name, arguments, outcomes))
    if ledger.state != control.state:
        wrong.append("state")
    return wrong, ledger, sum(transport.faults.values())


def draw(dice):
    """A call of the client; refusals, reads that must see what was written before, one frame and many."""
    kind = dice.randrange(10)
    if dice.random() < 0.03:
        return "sync", ()
    space = dice.choice([Space.STATE, Space.THETA, Space.LOG])
    first = dice.randrange(SIZE)
    if kind < 3:
        return "events", (np.array([dice.randrange(65536) for _ in range(dice.randrange(8))], dtype=int),)
    if kind == 3:
        return "events", (np.arange(dice.randrange(900)),)
    if kind == 4:
        return "program", (dice.randrange(65536) | 0xFF00 * (dice.random() < 0.5),)
    if kind < 7:
        return "write_memory", (space, first, np.full(dice.randrange(SIZE - first), dice.randrange(256)))
    if kind == 7:
        return "write_registers", ({"threshold": dice.randrange(1 << 24), "window": dice.randrange(1 << 15)},)
    if kind == 8:
        return "read_registers", ("threshold", "window")
    return "read_memory", (space, first, dice.randrange(SIZE - first))


class WithoutCrc(GoldenLink):
    def _checked(self, coded):
        try:
            whole = cobs.decode(coded)
        except cobs.DecodeError:
            return None
        return whole[:-2] if len(whole) >= 7 else None


class RepeatsEverything(GoldenLink):
    def _repeat(self, frame):
        return self._reply(frame.number, *self._carry_out(frame))


class ForgetsRefusals(GoldenLink):
    def _repeat(self, frame):
        self._refused = None
        return super()._repeat(frame)


def test_no_fault_goes_unnoticed():
    wrong, ledger, faults = soak(GoldenLink, 5000, seed=1)
    assert wrong == []
    assert faults > 1000
    assert ledger.frames >= 5000


@pytest.mark.slow
def test_no_fault_goes_unnoticed_in_100_000_frames():
    wrong, ledger, faults = soak(GoldenLink, 100_000, seed=2)
    assert wrong == []
    assert faults > 20_000
    assert ledger.frames >= 100_000


@pytest.mark.parametrize("link", [WithoutCrc, RepeatsEverything, ForgetsRefusals])
def test_the_soak_notices_a_link_that_is_wrong(link):
    wrong, _, _ = soak(link, 5000, seed=1)
    assert wrong


def test_every_kind_of_fault_occurs():
    transport = FaultyTransport(GoldenTransport(Ledger()), 3, **FAULTS)
    client = Client(transport, retries=60)
    for _ in range(200):
        client.write_memory(Space.STATE, 0, np.zeros(600, dtype=int))
    assert set(transport.faults) == set(FAULTS)
