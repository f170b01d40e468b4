"""One watchdog for a session of several instruments: its death switches all of them off, none waiting for another."""

import socket
import time

import pytest

from hil.backends import open_device
from instruments.safety.guard import OutputGuard, Target
from instruments.virtual.b2900 import B2900
from instruments.virtual.dut import Dut
from instruments.virtual.k2600 import K2600
from instruments.virtual.server import Server

TSP = (("abort", "smua.source.levelv = 0; smua.source.output = 0"), "tsp", "print(errorqueue.next())")
SCPI = ((":ABOR (@1)", ":SOUR1:VOLT 0;:OUTP1 OFF"), "scpi", ":SYST:ERR?")


@pytest.fixture
def servers():
    one, two = open_device("sim:rram"), open_device("sim:rram")
    with one, two, Server(K2600(Dut(one))) as first, Server(B2900(Dut(two))) as second:
        first.instrument.handle("smua.source.levelv = 0.5 smua.source.output = 1")
        second.instrument.handle(":SOUR1:VOLT 0.5;:OUTP1 ON")
        assert first.instrument.output and second.instrument.output
        yield first, second


def off_within(seconds, *servers):
    end = time.monotonic() + seconds
    while any(server.instrument.output for server in servers):
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True


def unreachable():
    """A resource that nobody answers at."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"TCPIP::127.0.0.1::{server.getsockname()[1]}::SOCKET"


@pytest.mark.parametrize("lost", [False, True])
def test_a_death_switches_every_instrument_of_the_session_off(servers, lost):
    """Also while a third cannot be reached: nobody waits for it."""
    first, second = servers
    also = [Target(second.resource, *SCPI)]
    also += [Target(unreachable(), *SCPI)] if lost else []
    guard = OutputGuard(first.resource, *TSP, also=also)
    guard.arm()
    try:
        assert first.instrument.output and second.instrument.output
        guard._process.stdin.close()  # as the pipe ends when the program dies
        assert off_within(2.5, first, second)
    finally:
        guard._process.kill()
        guard._process.wait()
        guard._process.stdout.close()
