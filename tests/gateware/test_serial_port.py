"""The client at a serial port: pseudo terminals, dead, babbling and unplugged boards."""

import os
import time
import tty

import numpy as np
import pytest
import serial
from ledger import Ledger

from gateware.host.client import Client
from gateware.host.errors import LinkLost, PortError
from gateware.host.golden_transport import GoldenTransport
from gateware.host.pty_server import PtyServer
from gateware.host.serial_port import SerialPort
from gateware.host.transport import Transport
from gateware.protocol import Space
from hil.backends import open_device


def terminal():
    ours, theirs = os.openpty()
    tty.setraw(theirs)
    return ours, theirs


def test_through_a_pty():
    ledger = Ledger()
    with PtyServer(GoldenTransport(ledger)) as server, SerialPort(server.path) as port:
        client = Client(port)
        client.write_memory(Space.STATE, 0, np.arange(600) % 256)
        assert client.read_memory(Space.STATE, 0, 600).tolist() == [k % 256 for k in range(600)]
        assert client.read_registers("state_bits") == {"state_bits": 8}


@pytest.mark.parametrize("during", ["sync", "session"])
def test_a_dead_board_is_noticed_within_a_second(during):
    ours, theirs = terminal()
    with SerialPort(os.ttyname(theirs)) as port:
        client = Client(port)
        if during == "session":
            client._session._synced, client._session._room = True, 1024
        start = time.monotonic()
        with pytest.raises(LinkLost, match="no answer from /dev/"):
            client.events(np.zeros(100_000, dtype=int))
        assert time.monotonic() - start < 1.0
    os.close(ours)
    os.close(theirs)


def test_a_babbling_board_is_noticed_within_a_second():
    class Babble(Transport):
        name = "babble"

        def send(self, data):
            pass

        def receive(self, timeout):
            time.sleep(0.001)
            return b"\3ab\0noise"

        def close(self):
            pass

    start = time.monotonic()
    with pytest.raises(LinkLost):
        Client(Babble()).begin()
    assert time.monotonic() - start < 1.0


def test_an_unplugged_port():
    ours, theirs = terminal()
    with SerialPort(os.ttyname(theirs)) as port:
        os.close(ours)
        os.close(theirs)
        with pytest.raises(LinkLost, match="is gone: was the board unplugged"):
            Client(port).begin()
        with pytest.raises(LinkLost, match="is gone"):
            port.receive(0.01)


@pytest.mark.parametrize("refusal", [None, ValueError("no such ioctl"), NotImplementedError(), OSError(25, "no tty")])
def test_a_port_is_asked_to_answer_at_once_where_its_driver_can(monkeypatch, refusal):
    """An FTDI chip keeps a short answer for 16 ms unless its driver is told not to; a pty has no such thing."""
    asked = []

    def set_low_latency_mode(self, on):
        asked.append(on)
        if refusal is not None:
            raise refusal

    monkeypatch.setattr(serial.Serial, "set_low_latency_mode", set_low_latency_mode, raising=False)
    ours, theirs = terminal()
    with SerialPort(os.ttyname(theirs)) as port:
        port.send(b"alive")
        assert os.read(ours, 5) == b"alive"
    assert asked == [True]
    os.close(ours)
    os.close(theirs)


def test_ports_that_cannot_be_opened():
    with pytest.raises(PortError, match="/dev/ttyNONE9: there is no such port"):
        SerialPort("/dev/ttyNONE9")
    ours, theirs = terminal()
    name = os.ttyname(theirs)
    with SerialPort(name), pytest.raises(PortError, match="in use by another program"):
        SerialPort(name)
    os.close(ours)
    os.close(theirs)


def test_the_bit_rate_of_an_address_is_that_of_the_port(monkeypatch):
    opened = []

    class Recorded:
        def __init__(self, port, baud, **more):
            opened.append((port, baud))
            raise serial.SerialException(2, "no")

    monkeypatch.setattr(serial, "Serial", Recorded)
    for more, baud in (("", 1_000_000), ("?baud=3e6", 3_000_000)):
        with pytest.raises(PortError):
            open_device(f"fpga:/dev/ttyUSB7{more}", rows=2, cols=2)
        assert opened[-1] == ("/dev/ttyUSB7", baud)
