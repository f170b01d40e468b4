"""However the program ends while a train is played, the output is off within 2.5 s."""

import os
import signal

import pytest
from kill_bench import DEATHS, WITHIN, SlowPairs, SlowTrains, dies, program, wait_until

from hil.backends import open_device
from instruments.virtual.dut import Dut
from instruments.virtual.faults import Fault
from instruments.virtual.server import Server

LIMITS = "?v_max=1&i_max=1e-3"
TWO = LIMITS + "&channels=2"
"""Both channels of a 2602B, on one cell."""


@pytest.fixture
def server():
    with open_device("sim:rram") as device, Server(SlowTrains(Dut(device))) as server:
        yield server


@pytest.fixture
def pair_server():
    with open_device("sim:rram") as device:
        dut = Dut(device)
        dut.connect({0}, (), "1")
        dut.connect({1}, (), "2")
        with Server(SlowPairs(dut)) as server:
            yield server


SLOW = pytest.mark.slow


@pytest.mark.parametrize("death", [pytest.param(d, marks=SLOW if d in ("os._exit", "SIGSEGV") else ()) for d in DEATHS])
def test_the_output_is_off_soon_after(server, death):
    instrument = server.instrument
    dies(death, [f"visa:{server.resource}{LIMITS}"], lambda: instrument.output, lambda: not instrument.output)


@pytest.mark.parametrize("death", [pytest.param("os._exit", marks=SLOW), "SIGTERM", "SIGKILL", "SIGSTOP"])
def test_both_outputs_are_off_soon_after(pair_server, death):
    """And 0 V comes before off: a cell between the two never has one channel's voltage alone."""
    instrument = pair_server.instrument
    uri = f"visa:{pair_server.resource}{TWO}"
    dies(death, [uri], lambda: instrument.every_output, lambda: not instrument.output)
    assert instrument.levels_at_off[-1:] == [[0.0, 0.0]]


def test_both_outputs_are_off_soon_after_a_lost_link(pair_server):
    """The connection breaks in the middle of a train: the session cannot say anything, the watchdog can."""
    pair_server.faults.next(Fault.DISCONNECT, matching="waitcomplete()")
    with program("nothing", f"visa:{pair_server.resource}{TWO}"):
        assert wait_until(lambda: pair_server.faults.happened, 20.0), "the train did not begin"
        assert wait_until(lambda: not pair_server.instrument.output, WITHIN)


def test_a_program_that_is_stopped_and_goes_on_hears_of_it(server):
    """It must not take the readings of a train that the watchdog has cut off for those of a whole one."""
    with program("nothing", f"visa:{server.resource}{LIMITS}") as process:
        assert wait_until(lambda: server.instrument.output, 20.0)
        os.kill(process.pid, signal.SIGSTOP)
        assert wait_until(lambda: not server.instrument.output, WITHIN)
        assert not wait_until(lambda: process.poll() is not None, 0.2)
        os.kill(process.pid, signal.SIGCONT)
        _, complaint = process.communicate(timeout=10.0)
        assert b"gave no sign of life" in complaint
        assert not server.instrument.output


def test_opening_a_device_sends_nothing_that_changes_anything(server):
    server.instrument.handle("OUTP ON")
    with open_device(f"visa:{server.resource}?v_max=1&i_max=1e-3"):
        assert server.instrument.output
    assert server.instrument.output, "it was on before, and nothing was played"
