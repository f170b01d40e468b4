"""However the program ends while a train is played, the output is off within 2.5 s."""

import os
import signal
import subprocess
import sys
import time

import pytest

from hil.backends import open_device
from instruments.virtual.dut import Dut
from instruments.virtual.k2450 import K2450
from instruments.virtual.server import Server

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
with open_device(f"visa:{sys.argv[1]}?v_max=1&i_max=1e-3") as device:
    print("open", flush=True)
    if sys.argv[2] in ("exception", "os._exit", "SIGSEGV"):
        signal.setitimer(signal.ITIMER_REAL, float(sys.argv[3]))
    device.apply(Waveform.pulse(0.5, width=60.0, measure=True))
"""


class SlowTrains(K2450):
    """A 2450 whose trains take their time, as real ones do: the output stays on until somebody stops it."""

    def handle(self, message):
        if message == "INIT":
            return super().handle("OUTP ON")
        if message == "*OPC?" and self.output:
            return None
        return super().handle(message)


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


SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP", "SIGKILL", "SIGSTOP"]


@pytest.mark.parametrize("death", ["exception", "os._exit", "SIGSEGV", *SIGNALS])
def test_the_output_is_off_soon_after(server, death):
    program = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, server.resource, death, "4"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    try:
        assert program.stdout.readline() == b"open\n"
        assert not server.instrument.output
        assert wait_until(lambda: server.instrument.output, 20.0), "the train did not begin"
        time.sleep(0.3)
        assert server.instrument.output
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
        [sys.executable, "-c", PROGRAM, server.resource, "nothing", "0"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
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
