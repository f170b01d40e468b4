"""However the program ends while a train is played, the output is off within 2.5 s."""

import os
import signal
import subprocess
import sys
import time

import pytest

from hil.backends import open_device
from instruments.virtual.dut import Dut
from instruments.virtual.faults import Fault
from instruments.virtual.k2450 import K2450
from instruments.virtual.k2600 import K2600
from instruments.virtual.server import Server

TWO = "&channels=2"
"""Both channels of a 2602B, on one cell."""

PROGRAM = """
import ctypes, os, signal, sys
from hil.backends import open_device
from hil.waveform import Waveform

def die(number, frame):
    if sys.argv[2] == "exception":
        raise RuntimeError("a mistake in somebody's script")
    if sys.argv[2] == "os._exit":
        os._exit(3)
    ctypes.string_at(0)

signal.signal(signal.SIGALRM, die)
with open_device(f"visa:{sys.argv[1]}?v_max=1&i_max=1e-3{sys.argv[4]}") as device:
    print("open", flush=True)
    if sys.argv[2] in ("exception", "os._exit", "SIGSEGV"):
        signal.setitimer(signal.ITIMER_REAL, float(sys.argv[3]))
    device.apply(Waveform.pulse(0.5, -0.3, width=60.0, measure=True))
"""


class SlowTrains(K2450):
    """A 2450 whose trains take their time, as real ones do: the output stays on until somebody stops it."""

    def handle(self, message):
        if message == "INIT":
            return super().handle("OUTP ON")
        if message == "*OPC?" and self.output:
            return None
        return super().handle(message)


class SlowPairs(K2600):
    """A 2602B whose line of Lua that plays a train takes its time: both outputs stay on until somebody stops it."""

    def handle(self, message):
        if "waitcomplete()" in message:
            begin = (
                "smua.source.output = 1; smub.source.output = 1; smua.source.levelv = 0.5; smub.source.levelv = -0.3"
            )
            super().handle(begin)
            self.stalled = True
            return None
        return super().handle(message)

    @property
    def every_output(self):
        return all(smu.channel.output for smu in self.smus)


def wait_until(condition, seconds):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True


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


SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP", "SIGKILL", "SIGSTOP"]


SLOW = pytest.mark.slow
DEATHS = ["exception", "os._exit", "SIGSEGV", *SIGNALS]


@pytest.mark.parametrize("death", [pytest.param(d, marks=SLOW if d in ("os._exit", "SIGSEGV") else ()) for d in DEATHS])
def test_the_output_is_off_soon_after(server, death):
    dies(server, death, "", lambda: server.instrument.output)


@pytest.mark.parametrize("death", [pytest.param("os._exit", marks=SLOW), "SIGTERM", "SIGKILL", "SIGSTOP"])
def test_both_outputs_are_off_soon_after(pair_server, death):
    """And 0 V comes before off: a cell between the two never has one channel's voltage alone."""
    instrument, seen = pair_server.instrument, []
    for smu in instrument.smus:
        switch = smu.channel.switch
        smu.channel.switch = lambda on, switch=switch, **more: (
            seen.append([s.channel.level for s in instrument.smus]) if not on and instrument.every_output else None,
            switch(on, **more),
        )
    dies(pair_server, death, TWO, lambda: instrument.every_output)
    assert seen[-1:] == [[0.0, 0.0]]


def test_both_outputs_are_off_soon_after_a_lost_link(pair_server):
    """The connection breaks in the middle of a train: the session cannot say anything, the watchdog can."""
    pair_server.faults.next(Fault.DISCONNECT, matching="waitcomplete()")
    program = started(pair_server, "nothing", TWO)
    try:
        assert wait_until(lambda: pair_server.faults.happened, 20.0), "the train did not begin"
        assert wait_until(lambda: not pair_server.instrument.output, 2.5)
    finally:
        program.kill()
        program.wait()
        program.stdout.close()


def started(server, death, channels):
    words = [server.resource, death, "4", channels]
    return subprocess.Popen([sys.executable, "-c", PROGRAM, *words], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)


def dies(server, death, channels, on):
    """A program dies in the middle of a train: within 2.5 s no output is on."""
    program = started(server, death, channels)
    try:
        assert program.stdout.readline() == b"open\n"
        assert not server.instrument.output
        assert wait_until(on, 20.0), "the train did not begin"
        time.sleep(0.3)
        assert on()
        if hasattr(signal, death):
            if death != "SIGSEGV":
                os.kill(program.pid, getattr(signal, death))
            dead = time.monotonic()
        if not hasattr(signal, death) or death == "SIGSEGV":
            assert wait_until(lambda: program.poll() is not None or not server.instrument.output, 10.0)
            dead = time.monotonic()
        assert wait_until(lambda: not server.instrument.output, 2.5), f"still on 2.5 s after {death}"
        print(f"{death}: off {time.monotonic() - dead:.2f} s later")
    finally:
        program.kill()
        program.wait()
        program.stdout.close()


def test_a_program_that_is_stopped_and_goes_on_hears_of_it(server):
    """It must not take the readings of a train that the watchdog has cut off for those of a whole one."""
    program = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, server.resource, "nothing", "0", ""],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        assert wait_until(lambda: server.instrument.output, 20.0)
        os.kill(program.pid, signal.SIGSTOP)
        assert wait_until(lambda: not server.instrument.output, 2.5)
        time.sleep(0.2)
        if program.poll() is None:
            os.kill(program.pid, signal.SIGCONT)
        _, complaint = program.communicate(timeout=10.0)
        assert b"gave no sign of life" in complaint
        assert not server.instrument.output
    finally:
        program.kill()
        program.wait()


def test_opening_a_device_sends_nothing_that_changes_anything(server):
    server.instrument.handle("OUTP ON")
    with open_device(f"visa:{server.resource}?v_max=1&i_max=1e-3"):
        assert server.instrument.output
    assert server.instrument.output, "it was on before, and nothing was played"
