"""However a program ends that drives two channels, a crossbar, or two instruments: within 2.5 s all outputs are off."""

import threading
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

import pytest
from kill_bench import DEATHS, WITHIN, SlowKeysight, SlowPairs, SlowTrains, dies, program, wait_until

from hil.backends import open_device
from instruments.virtual.catalogue import make
from instruments.virtual.dut import Dut
from instruments.virtual.faults import Fault
from instruments.virtual.server import Server

LIMITS = "v_max=1&i_max=1e-3"
PAIRS = {"2602B": SlowPairs, "B2902A": SlowKeysight}
MATRICES = {"2602B": "707B", "B2902A": "B2201A"}
INITS = {"2602B": "waitcomplete()", "B2902A": ":INIT"}


@dataclass
class Bench:
    """What a program drives: its devices' names, the servers of its sources, and its matrix, if any."""

    uris: list = field(default_factory=list)
    sources: list = field(default_factory=list)
    matrix: Server | None = None

    def on(self):
        """Whether every output of every source is on."""
        return all(getattr(s.instrument, "every_output", s.instrument.output) for s in self.sources)

    def off(self):
        return not any(s.instrument.output for s in self.sources)

    def check(self):
        """Both channels were at 0 V when the first of their outputs went off; no relay moved under voltage."""
        for source in self.sources:
            seen = getattr(source.instrument, "levels_at_off", [])
            assert not seen or seen[-1] == [0.0, 0.0]
        if self.matrix is not None:
            assert self.matrix.instrument.relays.closed, "the train went through the matrix"
            assert self.matrix.instrument.hot_switches == 0


def cell(stack, bench, model):
    """One cell between both channels."""
    dut = Dut(stack.enter_context(open_device("sim:rram")))
    dut.connect({0}, (), "1")
    dut.connect({1}, (), "2")
    source = stack.enter_context(Server(PAIRS[model](dut)))
    bench.sources.append(source)
    bench.uris.append(f"visa:{source.resource}?{LIMITS}&channels=2")


def crossbar(stack, bench, model):
    """2 x 2 cells behind a matrix."""
    dut, lock = Dut(stack.enter_context(open_device("sim:rram?rows=2&cols=2"))), threading.Lock()
    source = stack.enter_context(Server(PAIRS[model](dut), lock=lock))
    bench.matrix = stack.enter_context(Server(make(MATRICES[model], dut), lock=lock))
    bench.sources.append(source)
    size = f"rows=2&cols=2&matrix={bench.matrix.resource}&gaps=true"
    bench.uris.append(f"visa:{source.resource}?{LIMITS}&channels=2&{size}")


def single(stack, bench, model):
    """A cell on a source of its own."""
    source = stack.enter_context(Server(SlowTrains(Dut(stack.enter_context(open_device("sim:rram"))))))
    bench.sources.append(source)
    bench.uris.append(f"visa:{source.resource}?{LIMITS}")


BENCHES = {
    "2602B": [(cell, "2602B")],
    "B2902A": [(cell, "B2902A")],
    "2602B behind a 707B": [(crossbar, "2602B")],
    "B2902A behind a B2201A": [(crossbar, "B2902A")],
    "2602B and B2902A": [(cell, "2602B"), (cell, "B2902A")],
    "B2902A behind a B2201A, and a 2450": [(crossbar, "B2902A"), (single, "2450")],
}


@contextmanager
def built(name):
    with ExitStack() as stack:
        bench = Bench()
        for part, model in BENCHES[name]:
            part(stack, bench, model)
        yield bench
        assert all(s.error is None for s in bench.sources)


QUICK = [("B2902A behind a B2201A, and a 2450", "SIGKILL")]
"""Most at once: two channels, a matrix, a second source. The others are in the slow suite."""


@pytest.mark.parametrize(
    ("name", "death"),
    [
        pytest.param(name, death, marks=() if (name, death) in QUICK else pytest.mark.slow)
        for name in BENCHES
        for death in DEATHS
    ],
)
def test_all_outputs_are_off_soon_after(name, death):
    with built(name) as bench:
        print(f"{name}, {death}: off {dies(death, bench.uris, bench.on, bench.off):.2f} s later")
        bench.check()


@pytest.mark.slow
@pytest.mark.parametrize("name", BENCHES)
def test_all_outputs_are_off_soon_after_a_lost_link(name):
    """The first source's connection breaks in the middle of its train; the others go on, and end with the program."""
    with built(name) as bench:
        bench.sources[0].faults.next(Fault.DISCONNECT, matching=INITS[BENCHES[name][0][1]])
        with program("nothing", *bench.uris):
            assert wait_until(lambda: bench.sources[0].faults.happened, 20.0), "the train did not begin"
            assert wait_until(lambda: not bench.sources[0].instrument.output, WITHIN)
            assert wait_until(bench.off, WITHIN)
            bench.check()


@pytest.mark.slow
@pytest.mark.parametrize("model", PAIRS)
@pytest.mark.parametrize("fault", [Fault.DISCONNECT, Fault.DROP])
def test_a_matrix_that_is_lost_on_the_way_leaves_everything_off(model, fault):
    """Its relays may stand anywhere: no output goes on, nothing moves under voltage."""
    with built(f"{model} behind a {MATRICES[model]}") as bench:
        word = {"707B": "getclose", "B2201A": ":ROUT"}[MATRICES[model]]
        bench.matrix.faults.every(1, fault, matching=word)
        with program("nothing", *bench.uris) as process:
            _, complaint = process.communicate(timeout=60.0)
        assert bench.matrix.faults.happened
        assert process.returncode == 1 and bench.matrix.resource.encode() in complaint.splitlines()[-1]
        assert bench.off() and not bench.sources[0].instrument.levels_at_off
        assert bench.matrix.instrument.hot_switches == 0
