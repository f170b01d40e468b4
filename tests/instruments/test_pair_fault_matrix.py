"""Two channels, and a crossbar behind a matrix: whatever answer is lost, late or garbled, nothing wrong is recorded.

Each fault happens once, to the n-th answer of an operation. Then the operation raises a `LinkError` (or its answer is
right, where the fault touched nothing), both outputs are off and at 0 V, no relay moved under voltage, and the same
operation, done again, gives the right answer; after a lost connection, that of a new session.
"""

import threading
from contextlib import ExitStack, contextmanager

import numpy as np
import pytest

from hil.backends import open_device
from hil.waveform import Waveform
from instruments.link.errors import InstrumentError, LinkError, LinkLost
from instruments.safety.guard import GuardError
from instruments.virtual.catalogue import make
from instruments.virtual.dut import Dut
from instruments.virtual.faults import Fault, Faults
from instruments.virtual.server import Server

TIMEOUT = 0.25
LATE = TIMEOUT + 0.1
MATRICES = {"2602B": "707B", "B2902A": "B2201A"}
LEVELS = Waveform.pulse(0.1, -0.05, width=2e-3, measure=True) + Waveform.rest(2e-3)
ARRAY = Waveform.pulse([0.1, 0.0], -0.05, width=2e-3, measure=True) + Waveform.rest(2e-3, 2, 1)

FAULTS = {
    "lost": (Fault.DROP, {}),
    "late": (Fault.DELAY, {"seconds": LATE}),
    "half": (Fault.HALF, {}),
    "garbled": (Fault.GARBAGE, {}),
    "another number": (Fault.GARBAGE, {"data": b"42"}),
    "disconnected": (Fault.DISCONNECT, {}),
}


class Nth(Faults):
    """Lets one fault happen, to the n-th message that is answered from `arm` on."""

    def __init__(self):
        super().__init__()
        self.left = self.seen = 0
        self.kind = None

    def arm(self, n, fault, **options):
        self.left, self.seen, self.kind = n, 0, (fault, options)
        self.clear()

    def for_answer(self, message):
        self.seen += 1
        if self.kind is not None and self.seen == self.left:
            fault, options = self.kind
            self.kind = None
            self.next(fault, **options)
        return super().for_answer(message)

    def disconnects(self, message):
        if self.kind is not None and self.kind[0] is Fault.DISCONNECT and self.seen + 1 == self.left:
            self.kind = None
            self.next(Fault.DISCONNECT)
        return super().disconnects(message)


class Lab:
    """A virtual instrument with two channels on one cell, or on a column of two behind a matrix; sessions with it."""

    def __init__(self, stack, model, crossbar):
        self.rows = 2 if crossbar else 1
        self.dut, lock = Dut(stack.enter_context(open_device(f"sim:rram?rows={self.rows}"))), threading.Lock()
        self.dut.play([0.0], [1e-3])
        if not crossbar:
            self.dut.connect({0}, (), "1")
            self.dut.connect({1}, (), "2")
        self.source = stack.enter_context(Server(make(model, self.dut), faults=Nth(), lock=lock))
        self.matrix = None
        words = {"v_max": 1, "i_max": 1e-2, "channels": 2, "timeout": TIMEOUT, "rows": self.rows}
        if crossbar:
            self.matrix = stack.enter_context(Server(make(MATRICES[model], self.dut), faults=Nth(), lock=lock))
            words |= {"matrix": self.matrix.resource, "gaps": "true"}
        self.uri = f"visa:{self.source.resource}?" + "&".join(f"{k}={v}" for k, v in words.items())
        self.device = None

    def session(self):
        """The session that is there, or a new one, which has played before."""
        if self.device is None:
            self.device = open_device(self.uri)
            self.operate()
        return self.device

    def close(self):
        if self.device is not None:
            self.device.close()
        self.device = None

    def operate(self):
        """Play a pulse, and read where that is another train."""
        response = self.session().apply(ARRAY if self.matrix else LEVELS)
        return np.concatenate([response.currents.ravel(), self.session().read().ravel()])

    def right(self):
        g = self.dut.truth.conductance[:, 0]
        return np.array([0.15 * g[0] + (0.05 * g[1] if self.matrix else 0.0), *g])

    def off(self):
        instrument = self.source.instrument
        parts = instrument.smus if hasattr(instrument, "smus") else instrument.units
        return not instrument.output and all(part.channel.level == 0 for part in parts)


@pytest.fixture(scope="module")
def labs():
    """Instruments that stay for all the faults of a model."""
    with ExitStack() as stack:
        known = {}

        def get(model, crossbar):
            if (model, crossbar) not in known:
                known[model, crossbar] = lab = Lab(stack, model, crossbar)
                stack.callback(lab.close)
            return known[model, crossbar]

        yield get


@contextmanager
def counted(server):
    server.faults.arm(0, Fault.DROP)
    server.faults.kind = None
    yield
    server.faults.total = server.faults.seen


def suffers(lab, server, n, fault, options):
    """The n-th answer of an operation is hit; what must hold after it. Returns whether there was an error."""
    lab.session()
    server.faults.arm(n, fault, **options)
    failed = True
    try:
        got = lab.operate()
    except (LinkError, InstrumentError, GuardError):
        pass
    else:
        failed = False
        np.testing.assert_allclose(got, lab.right(), rtol=1e-4)
    assert server.faults.happened, "the fault happened"
    server.faults.happened.clear()
    if fault is Fault.DISCONNECT:
        lab.close()  # what cannot be said any more is left to the watchdog, which is waited for
    assert lab.off(), f"{fault.name} of answer {n}"
    if lab.matrix is not None:
        assert lab.matrix.instrument.hot_switches == 0
    try:
        got = lab.operate()
    except LinkLost:
        lab.close()
        got = lab.operate()
    np.testing.assert_allclose(got, lab.right(), rtol=1e-4)
    return failed


def every_answer(lab, server, name):
    fault, options = FAULTS[name]
    lab.session()
    with counted(server):
        np.testing.assert_allclose(lab.operate(), lab.right(), rtol=1e-4)
    total = server.faults.total
    failed = [suffers(lab, server, n, fault, options) for n in range(1, total + 1)]
    assert all(failed), f"{name}: {failed.count(False)} of {total} were not noticed: {failed}"
    print(f"{name}: {total} answers")


@pytest.mark.slow
@pytest.mark.parametrize("name", FAULTS)
@pytest.mark.parametrize("model", MATRICES)
def test_any_answer_of_two_channels(labs, model, name):
    lab = labs(model, False)
    every_answer(lab, lab.source, name)


@pytest.mark.slow
@pytest.mark.parametrize("name", FAULTS)
@pytest.mark.parametrize("resource", ["source", "matrix"])
@pytest.mark.parametrize("model", MATRICES)
def test_any_answer_of_a_crossbar_and_its_matrix(labs, model, resource, name):
    lab = labs(model, True)
    every_answer(lab, getattr(lab, resource), name)


@pytest.mark.parametrize(("model", "n", "name"), [("2602B", 3, "late"), ("B2902A", 5, "half")])
def test_one_answer_of_two_channels(labs, model, n, name):
    """Of each kind one, for every day; all of them are in the slow suite."""
    fault, options = FAULTS[name]
    lab = labs(model, True)
    assert suffers(lab, lab.source, n, fault, options)


@pytest.mark.parametrize(
    ("model", "wrong"),
    [pytest.param("2602B", "nothing.at.all = 1", marks=pytest.mark.slow), ("B2902A", ":NOTHING 1")],
)
def test_an_error_in_the_queue_at_any_moment(labs, model, wrong):
    """Whatever message an instrument complains after: the error is told with its code, and both outputs are off."""
    lab = labs(model, False)
    lab.session()
    instrument = lab.source.instrument
    handle, heard, told, at = instrument.handle, [], 0, None

    def spied(message):
        heard.append(message)
        if len(heard) - 1 == at:
            handle(wrong)
        return handle(message)

    instrument.handle = spied
    try:
        lab.operate()
        for number in range(len(heard)):
            heard.clear()
            at = number
            try:
                lab.operate()
            except InstrumentError as error:
                told += 1
                assert "286" in str(error) or "285" in str(error) or "113" in str(error), error
            assert lab.off()
            lab.device._prepared = False  # the next operation begins with an empty queue
    finally:
        instrument.handle = handle
    assert told >= at - 2
