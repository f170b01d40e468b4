"""Servers of the virtual bench: several clients, exact bytes, faults, nothing left behind."""

import gc
import re
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest
import pyvisa
from echo_instrument import EchoInstrument

from hil.errors import InputError
from instruments.link.errors import LinkLost, LinkTimeout
from instruments.link.link import Link
from instruments.virtual.faults import Fault, Faults
from instruments.virtual.server import TRANSPORTS, Server


def connect(server):
    return socket.create_connection(("127.0.0.1", port_of(server)), timeout=2)


def port_of(server):
    return int(re.search(r"(?:::|,)(\d+)::", server.resource)[1])


def receive(connection, count):
    data = b""
    while len(data) < count:
        piece = connection.recv(count - len(data))
        assert piece, f"closed after {data!r}"
        data += piece
    return data


def open_files():
    return sorted(entry.name for entry in Path("/proc/self/fd").iterdir())


def wait_until(condition, seconds=2.0):
    limit = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < limit, "waited in vain"
        time.sleep(0.005)


@pytest.mark.parametrize(
    ("transport", "name"),
    [
        ("socket", r"TCPIP::127\.0\.0\.1::\d+::SOCKET"),
        ("hislip", r"TCPIP::127\.0\.0\.1::hislip0,\d+::INSTR"),
        ("serial", r"ASRL/dev/\S+::INSTR"),
    ],
)
def test_resource_is_what_pyvisa_opens(transport, name):
    """Without our link: any program can use the bench."""
    with Server(EchoInstrument(), transport) as server:
        assert re.fullmatch(name, server.resource)
        with pyvisa.ResourceManager("@py").open_resource(server.resource, timeout=2000) as instrument:
            instrument.read_termination = instrument.write_termination = "\n"
            assert instrument.query("*IDN?") == EchoInstrument.identity
            assert [instrument.query(f":ECHO? {n}") for n in range(5)] == ["0", "1", "2", "3", "4"]


def test_bytes_on_a_socket():
    with Server(EchoInstrument()) as server, connect(server) as client:
        client.sendall(b"*ES")
        client.sendall(b"E 7\r\n\n*ESE?\n:ECHO? a;:ECHO? b\n:SOUR:VOLT 1\n*IDN")
        assert receive(client, 6) == b"7\na;b\n"
        client.sendall(b"?\r\n")
        assert receive(client, 16) == b"MEMHIL,ECHO,0,1\n"
        assert server.instrument.messages == ["*ESE 7", "*ESE?", ":ECHO? a;:ECHO? b", ":SOUR:VOLT 1", "*IDN?"]


def test_half_a_message_is_not_carried_out():
    """A client that dies while it sends: ':SOUR:VOLT 10' may have been the beginning of ':SOUR:VOLT 10e-3'."""
    with Server(EchoInstrument()) as server:
        with connect(server) as client:
            client.sendall(b"*CLS\n:SOUR:VOLT 10")
            wait_until(lambda: server.instrument.messages)
        wait_until(lambda: not server.connections)
        assert server.instrument.messages == ["*CLS"]


@pytest.mark.parametrize("transport", ["socket", "hislip"])
def test_listens_on_this_machine_alone(transport):
    with Server(EchoInstrument(), transport) as server, closing(socket.socket()) as other:
        other.settimeout(1)
        # All of 127.0.0.0/8 is this machine on Linux: a server on every address would answer there.
        assert other.connect_ex(("127.0.0.2", port_of(server))) != 0


@pytest.mark.parametrize("transport", ["socket", "hislip"])
def test_clients_do_not_wait_for_each_other(transport):
    with Server(EchoInstrument(), transport) as server:
        with Link.open(server.resource, timeout=5) as slow, Link.open(server.resource, timeout=5) as quick:
            wait_until(lambda: server.connections == 2)
            server.faults.next(Fault.DELAY, matching="slow", seconds=0.5)
            answers = []
            thread = threading.Thread(target=lambda: answers.append(slow.query(":ECHO? slow")))
            started = time.monotonic()
            thread.start()
            wait_until(lambda: server.faults.happened)
            assert [quick.query(f":ECHO? {n}") for n in range(10)] == [str(n) for n in range(10)]
            assert time.monotonic() - started < 0.45 and not answers
            thread.join()
            assert answers == ["slow"] and time.monotonic() - started >= 0.5
        wait_until(lambda: server.connections == 0)


def test_messages_are_carried_out_one_at_a_time():
    """Two servers whose instruments share a device under test share a lock as well."""

    class Slow(EchoInstrument):
        inside, most = 0, 0

        def handle(self, message):
            Slow.inside += 1
            Slow.most = max(Slow.most, Slow.inside)
            time.sleep(0.002)
            Slow.inside -= 1
            return super().handle(message)

    lock = threading.Lock()
    with Server(Slow(), lock=lock) as smu, Server(Slow(), lock=lock) as matrix:
        links = [Link.open(resource, timeout=5) for resource in (smu.resource, smu.resource, matrix.resource)]
        threads = [threading.Thread(target=lambda k=k: [k.query("*IDN?") for _ in range(20)]) for k in links]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for link in links:
            link.close()
    assert Slow.most == 1
    assert len(smu.instrument.messages) == 40 and len(matrix.instrument.messages) == 20


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_nothing_is_left_behind(transport):
    files, threads = open_files(), threading.active_count()
    for _ in range(3):
        server = Server(EchoInstrument(), transport)
        server.start()
        server.start()
        link = Link.open(server.resource, timeout=0.05)
        link.query("*IDN?", patience=1.0)
        # One client waits for a late answer, another has just left, when the server stops.
        server.faults.next(Fault.DELAY, seconds=60.0)
        with pytest.raises(LinkTimeout):
            link.query("*IDN?")
        started = time.monotonic()
        server.stop()
        server.stop()
        assert time.monotonic() - started < 1.0
        link.close()
    assert threading.active_count() == threads
    assert open_files() == files


def test_stops_although_a_client_takes_no_answers():
    files = open_files()
    with Server(EchoInstrument()) as server, connect(server) as client:
        client.settimeout(0.3)
        with pytest.raises(TimeoutError):
            while True:
                client.sendall(b":ECHO? " + b"x" * 50_000 + b"\n")
        started = time.monotonic()
        server.stop()
        assert time.monotonic() - started < 1.0
    assert open_files() == files


@pytest.mark.filterwarnings("error::pytest.PytestUnraisableExceptionWarning", "error::ResourceWarning")
@pytest.mark.parametrize("transport", ["socket", "hislip"])
def test_stops_while_clients_come(transport, caplog):
    files = open_files()
    for _ in range(30):
        with Server(EchoInstrument(), transport) as server, closing(socket.socket()) as client:
            client.setblocking(False)
            client.connect_ex(("127.0.0.1", port_of(server)))
            server.stop()
    gc.collect()
    assert open_files() == files
    assert not caplog.records


def test_start_again_on_the_same_port():
    server = Server(EchoInstrument()).start()
    port = port_of(server)
    server.stop()
    with pytest.raises(InputError, match="not running"):
        _ = server.resource
    with Server(server.instrument, port=port) as again, Link.open(again.resource, timeout=1) as link:
        assert link.query("*IDN?") == EchoInstrument.identity
        with pytest.raises(InputError, match=f"port {port}"):
            Server(EchoInstrument(), port=port).start()


def test_bad_parameters():
    with pytest.raises(InputError, match="did you mean 'hislip'"):
        Server(EchoInstrument(), "hislop")
    with pytest.raises(InputError, match="port 70000"):
        Server(EchoInstrument(), port=70000)


def test_mistake_in_a_model_cuts_its_client_off(caplog):
    with Server(EchoInstrument()) as server, Link.open(server.resource, timeout=1) as other:
        with Link.open(server.resource, timeout=1) as link, pytest.raises(LinkLost):
            link.query(":FAIL;*IDN?")
        assert str(server.error) == "a mistake in the model" and "':FAIL;*IDN?'" in caplog.text
        assert other.query(":ECHO? still here") == "still here"


def test_serial_clients_come_and_go():
    with Server(EchoInstrument(), "serial") as server:
        for n in range(3):
            with Link.open(server.resource, timeout=1) as link:
                assert link.query(f":ECHO? {n}") == str(n)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_serves_until_a_signal(number):
    script = Path(__file__).with_name("echo_instrument.py")
    with subprocess.Popen([sys.executable, script, "socket"], stdout=subprocess.PIPE, text=True) as process:
        try:
            resource = process.stdout.readline().strip()
            with Link.open(resource, timeout=5) as link:
                assert link.query("*IDN?") == EchoInstrument.identity
                process.send_signal(number)
                assert process.wait(5) == 0
        finally:
            process.kill()


# HiSLIP, byte by byte. Headers are 'HS', type, control code, parameter, payload length (IVI-6.1 table 3).


def header(kind, control=0, parameter=0, payload=b""):
    return b"HS" + struct.pack("!BBIQ", kind, control, parameter, len(payload)) + payload


@pytest.fixture
def hislip():
    """Server, synchronous and asynchronous connection of an initialized session (IVI-6.1 6.1)."""
    with Server(EchoInstrument(), "hislip") as server, connect(server) as synchronous, connect(server) as asynchronous:
        synchronous.sendall(header(0, 0, 0x0100_7878, b"hislip0"))
        answer = receive(synchronous, 16)
        assert answer[:6] == b"HS\x01\x00\x01\x00" and answer[8:] == bytes(8)
        asynchronous.sendall(header(17, 0, int.from_bytes(answer[6:8], "big")))
        assert receive(asynchronous, 16) == header(18, 0, int.from_bytes(b"VB", "big"))
        yield server, synchronous, asynchronous


def test_hislip_answers_carry_the_number_of_the_question(hislip):
    _, synchronous, _ = hislip
    synchronous.sendall(header(7, 0, 0xFFFF_FF00, b":ECHO? abc\n"))
    assert receive(synchronous, 20) == header(7, 0, 0xFFFF_FF00, b"abc\n")
    synchronous.sendall(header(6, 1, 0xFFFF_FF02, b":ECHO? in ") + header(7, 0, 0xFFFF_FF04, b"two"))
    assert receive(synchronous, 23) == header(7, 0, 0xFFFF_FF04, b"in two\n")


def test_hislip_cuts_long_answers_as_agreed(hislip):
    _, synchronous, asynchronous = hislip
    asynchronous.sendall(header(15, 0, 0, struct.pack("!Q", 20)))
    assert receive(asynchronous, 24) == header(16, 0, 0, struct.pack("!Q", 1 << 20))
    synchronous.sendall(header(7, 0, 2, b":ECHO? 123456789"))
    expected = header(6, 0, 2, b"1234") + header(6, 0, 2, b"5678") + header(7, 0, 2, b"9\n")
    assert receive(synchronous, len(expected)) == expected


def test_hislip_status_says_that_an_answer_waits(hislip):
    _, synchronous, asynchronous = hislip
    asynchronous.sendall(header(21, 0, 0))
    assert receive(asynchronous, 16) == header(22, 0)
    synchronous.sendall(header(7, 0, 2, b":ECHO? 1"))
    receive(synchronous, 18)
    asynchronous.sendall(header(21, 0, 2))
    assert receive(asynchronous, 16) == header(22, 0x10)
    asynchronous.sendall(header(21, 1, 2))
    assert receive(asynchronous, 16) == header(22, 0)


def test_hislip_device_clear(hislip):
    """IVI-6.1 6.12: what is under way is forgotten, between the two halves of the clear nothing is carried out."""
    server, synchronous, asynchronous = hislip
    server.faults.next(Fault.DELAY, seconds=30.0)
    synchronous.sendall(header(7, 0, 2, b":ECHO? late") + header(6, 0, 4, b":ECHO? begun"))
    wait_until(lambda: server.faults.happened)
    asynchronous.sendall(header(19))
    assert receive(asynchronous, 16) == header(23)
    synchronous.sendall(header(7, 0, 6, b":ECHO? lost") + header(8) + header(7, 0, 0xFFFF_FF00, b":ECHO? new"))
    assert receive(synchronous, 36) == header(9) + header(7, 0, 0xFFFF_FF00, b"new\n")
    assert server.instrument.cleared == 1
    assert server.instrument.messages == [":ECHO? late", ":ECHO? new"]


def test_hislip_refuses_what_it_does_not_know(hislip):
    server, synchronous, asynchronous = hislip
    for connection, kind in ((synchronous, 12), (asynchronous, 4)):
        connection.sendall(header(kind))
        assert receive(connection, 16 + 25) == header(3, 1, 0, b"Unrecognized Message Type")
    with connect(server) as stranger:
        stranger.sendall(header(17, 0, 0xBEEF))
        assert receive(stranger, 47) == header(2, 3, 0, b"Invalid initialization sequence")
        assert stranger.recv(1) == b""
    with connect(server) as stranger:
        stranger.sendall(b"GET / HTTP/1.1\r\n\r\n")
        assert stranger.recv(1) == b""


def test_hislip_session_ends_with_either_connection(hislip):
    server, synchronous, asynchronous = hislip
    asynchronous.close()
    assert synchronous.recv(1) == b""
    wait_until(lambda: server.connections == 0)


def test_hislip_through_pyvisa():
    with (
        Server(EchoInstrument(), "hislip") as server,
        pyvisa.ResourceManager("@py").open_resource(server.resource, timeout=2000) as instrument,
    ):
        assert instrument.query("*IDN?").strip() == EchoInstrument.identity
        assert instrument.read_stb() == 0
        instrument.clear()
        assert instrument.query("*OPC?").strip() == "1"
        assert server.instrument.cleared == 1


# Faults.


def test_faults_happen_to_what_they_match():
    faults = Faults()
    faults.next(Fault.DROP, matching="ECHO", times=2)
    faults.next(Fault.DISCONNECT, matching="*RST")
    faults.every(3, Fault.DELAY, matching="READ", seconds=0.1)
    messages = ["*IDN?", ":ECHO? 1", ":ECHO? 2", ":ECHO? 3", "*RST"] + [f":READ? {n}" for n in range(7)]
    for message in messages:
        if not faults.disconnects(message):
            faults.for_answer(message)
    assert faults.happened == [
        (Fault.DROP, ":ECHO? 1"), (Fault.DROP, ":ECHO? 2"), (Fault.DISCONNECT, "*RST"),
        (Fault.DELAY, ":READ? 2"), (Fault.DELAY, ":READ? 5"),
    ]  # fmt: skip
    faults.clear()
    assert all(faults.for_answer(message) is None for message in messages)


def test_faults_of_answers_wait_for_one():
    with Server(EchoInstrument()) as server, Link.open(server.resource, timeout=1) as link:
        server.faults.next(Fault.GARBAGE, data=b"changed")
        link.write("*CLS")
        assert link.query("*OPC?") == "changed"


@pytest.mark.parametrize(
    ("call", "word"),
    [
        (lambda f: f.next(Fault.DELAY), "seconds"),
        (lambda f: f.next(Fault.HALF, seconds=-1.0), "seconds -1"),
        (lambda f: f.next(Fault.DELAY, seconds=float("inf")), "seconds inf"),
        (lambda f: f.next(Fault.DROP, times=0), "0 times"),
        (lambda f: f.every(0, Fault.DROP), "0-th"),
    ],
)
def test_faults_that_cannot_be(call, word):
    faults = Faults()
    with pytest.raises(InputError, match=word):
        call(faults)
    assert faults.for_answer("*IDN?") is None
