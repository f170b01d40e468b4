"""The link itself: names, messages, deadlines, blocks, the state it leaves an instrument in."""

import socket
import subprocess
import sys
import time

import pytest
import pyvisa
from echo_instrument import EchoInstrument

from hil.errors import InputError
from instruments.link.answers import block, block_length
from instruments.link.command_log import CommandLog
from instruments.link.errors import LinkLost, LinkTimeout, ProtocolError
from instruments.link.link import Link
from instruments.link.wire import OtherWire
from instruments.virtual.faults import Fault
from instruments.virtual.server import TRANSPORTS, Server

TIMEOUT = 0.5


@pytest.fixture(params=TRANSPORTS)
def bench(request):
    with Server(EchoInstrument(), request.param) as server, Link.open(server.resource, timeout=TIMEOUT) as link:
        yield server, link


def test_connecting_and_leaving_sends_nothing(bench):
    server, link = bench
    link.close()
    link.close()
    assert server.instrument.messages == []


def test_exchange(bench):
    server, link = bench
    link.write(":SOUR:VOLT 0.1")
    assert link.query("*IDN?") == "MEMHIL,ECHO,0,1"
    assert link.query(":ECHO? two words") == "two words"
    assert server.instrument.messages == [":SOUR:VOLT 0.1", "*IDN?", ":ECHO? two words"]


def test_long_messages_and_answers(bench):
    server, link = bench
    word = "0123456789" * 3000
    assert link.query(f":ECHO? {word}", patience=2.0) == word
    link.write(f":SOUR:LIST:VOLT {word}")
    assert link.query("*OPC?") == "1"
    assert server.instrument.messages[1] == f":SOUR:LIST:VOLT {word}"


@pytest.mark.parametrize("data", [b"", b"\n", b"a\n\r\nb", bytes(range(256)) * 40])
def test_block(bench, data):
    _, link = bench
    assert link.query_block(f":BLOCK? {data.hex()}", patience=2.0) == data
    assert link.query(":ECHO? next") == "next"


@pytest.mark.parametrize("word", ["12.5", "#x12", "#0abc", "#2ab0", "#13ab", "#12abc"])
def test_what_is_no_block(bench, word):
    """The last two announce more, and fewer, bytes than there are."""
    _, link = bench
    with pytest.raises((ProtocolError, LinkTimeout), match="ECHO"):
        link.query_block(f":ECHO? {word}")
    assert link.query(":ECHO? next") == "next"


@pytest.mark.parametrize(
    ("received", "length"),
    [(b"", None), (b"#", None), (b"#1", None), (b"#15", None), (b"#15ab\ncd", None), (b"#15ab\ncd\n", 9), (b"#10\n", 4),
     (b"#210abcdefghij\r\n#", 16)],
)  # fmt: skip
def test_length_of_a_block(received, length):
    assert block_length(received, b"\n") == length


def test_data_of_a_block():
    assert block(b"#15ab\ncd") == b"ab\ncd"
    for wrong in (b"", b"#", b"#15abc", b"#12abc", b"1.0"):
        with pytest.raises(ValueError, match="block"):
            block(wrong)


def test_no_small_packet_waits_for_another():
    with Server(EchoInstrument()) as server, Link.open(server.resource) as link:
        assert link._wire._source.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        started = time.monotonic()
        for n in range(20):
            link.write("*CLS")
            link.write("*CLS")
            assert link.query(f":ECHO? {n}") == str(n)
        # With Nagle's algorithm every round takes 40 ms.
        assert time.monotonic() - started < 0.5


def test_patience_belongs_to_one_question(bench):
    server, link = bench
    server.faults.next(Fault.DELAY, seconds=TIMEOUT + 0.2)
    assert link.query(":ECHO? slow", patience=2.0) == "slow"
    assert link.query(":ECHO? quick") == "quick"


def test_register_used_to_get_in_step_is_left_zero(bench):
    server, link = bench
    server.faults.next(Fault.DROP)
    with pytest.raises(LinkTimeout):
        link.query(":ECHO? 1")
    assert link.query("*ESE?") == "0"
    first, second, last = server.instrument.messages[1:-1]
    assert (first, second, last) == ("*ESE 2;*ESE?", "*ESE 3;*ESE?", "*ESE 0")


@pytest.mark.parametrize("text", ["", "*IDN?\n", "*RST\n:OUTP ON", "5 µA", "a\rb", "\x00"])
def test_what_is_not_one_message(bench, text):
    server, link = bench
    for send in (link.write, link.query, link.query_block):
        with pytest.raises(InputError, match="not one message"):
            send(text)
    assert server.instrument.messages == []


@pytest.mark.parametrize("patience", [-1.0, float("inf"), float("nan"), None])
def test_patience_that_is_none(bench, patience):
    server, link = bench
    with pytest.raises(InputError, match="patience"):
        link.query("*IDN?", patience=patience)
    assert server.instrument.messages == []


@pytest.mark.parametrize("timeout", [0, -1.0, float("inf"), float("nan"), None])
def test_timeout_that_is_none(timeout):
    with pytest.raises(InputError, match="timeout"):
        Link.open("TCPIP::127.0.0.1::5025::SOCKET", timeout=timeout)


@pytest.mark.parametrize(
    ("resource", "word"),
    [("dmm", "dmm"), ("TCPIP::127.0.0.1::port::SOCKET", "port"), ("TCPIP::127.0.0.1::hislip0,x::INSTR", "x"), ("", "")],
)
def test_malformed_resource_name(resource, word):
    with pytest.raises(InputError, match=f"resource '.*{word}"):
        Link.open(resource)


def test_other_bad_parameters():
    with pytest.raises(InputError, match="did you mean 'scpi'"):
        Link.open("TCPIP::127.0.0.1::5025::SOCKET", sync="scpy")
    with pytest.raises(InputError, match="terminator"):
        Link.open("TCPIP::127.0.0.1::5025::SOCKET", terminator="")
    with pytest.raises(InputError, match="VISA library"):
        Link.open("TCPIP::127.0.0.1::5025::SOCKET", library="/no/such/library.so")


def test_closed_link(bench):
    _, link = bench
    link.close()
    assert not link.lost
    for use in (lambda: link.query("*IDN?"), lambda: link.write("*RST"), link.clear):
        with pytest.raises(LinkLost, match="closed"):
            use()


def test_two_links_are_independent(bench):
    server, link = bench
    if "ASRL" in link.resource:
        pytest.skip("a serial line has one user")
    with Link.open(server.resource, timeout=TIMEOUT) as other:
        assert other.query(":ECHO? b") == "b"
    assert link.query(":ECHO? a") == "a"


def test_clear_forgets_what_is_on_the_way(bench):
    server, link = bench
    server.faults.next(Fault.DELAY, seconds=0.7)
    with pytest.raises(LinkTimeout):
        link.query(":ECHO? late")
    link.clear()
    assert link.query(":ECHO? next") == "next"
    assert server.instrument.cleared == ("hislip" in link.resource)


def test_hislip_clear_cuts_a_long_answer_short():
    with Server(EchoInstrument(), "hislip") as server, Link.open(server.resource, timeout=TIMEOUT) as link:
        for fault, options in ((Fault.DELAY, {"seconds": 30.0}), (Fault.HALF, {"seconds": 0.6})):
            server.faults.next(fault, **options)
            with pytest.raises(LinkTimeout):
                link.query(":ECHO? 123456")
            if fault is Fault.HALF:
                time.sleep(0.2)
            link.clear()
            assert link.query(":ECHO? next") == "next"
            assert not link.lost


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_wire_for_libraries_that_cannot_be_watched(transport):
    """VXI-11, GPIB, USB and other VISA libraries share one wire; here it runs on what the bench has."""
    with Server(EchoInstrument(), transport) as server:
        visa = pyvisa.ResourceManager("@py").open_resource(server.resource)
        wire = OtherWire(visa, ends=transport == "hislip", terminator="\n")
        log = CommandLog.memory()
        with Link(wire, server.resource, timeout=0.2, sync="scpi", log=log, terminator="\n") as link:
            assert link.query("*IDN?") == "MEMHIL,ECHO,0,1"
            server.faults.next(Fault.DELAY, seconds=0.3)
            with pytest.raises(LinkTimeout):
                link.query(":ECHO? late")
            assert link.query(":ECHO? next") == "next"
            assert link.query_block(":BLOCK? 0a410a") == b"\nA\n"


def test_serial_settings():
    class CarriageReturns(EchoInstrument):
        def handle(self, message):
            answer = super().handle(message)
            return answer and answer + "\r"

    with (
        Server(CarriageReturns(), "serial") as server,
        Link.open(server.resource, timeout=TIMEOUT, terminator="\r\n", baud_rate=57600) as link,
    ):
        assert link._wire._source.baudrate == 57600
        assert link.query(":ECHO? 1") == "1"
        server.faults.next(Fault.DROP)
        with pytest.raises(LinkTimeout):
            link.query(":ECHO? 2")
        assert link.query(":ECHO? 3") == "3"


def test_importing_the_link_loads_no_visa():
    code = "import sys, instruments.link.link; sys.exit('pyvisa' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
