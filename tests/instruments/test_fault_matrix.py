"""Whatever goes wrong on the way: the right error within its deadline, no busy loop, and the next answer is right."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest
from echo_instrument import EchoInstrument
from hypothesis import given, settings
from hypothesis import strategies as st

from instruments.link.errors import LinkError, LinkLost, LinkTimeout, ProtocolError
from instruments.link.link import Link
from instruments.virtual.faults import Fault
from instruments.virtual.server import TRANSPORTS, Server

TIMEOUT = 0.25
SLACK = 0.4
BUSY = 0.2
LATE = TIMEOUT + 0.1


@pytest.fixture(params=TRANSPORTS)
def bench(request):
    with Server(EchoInstrument(), request.param) as server, Link.open(server.resource, timeout=TIMEOUT) as link:
        yield server, link, request.param


@contextmanager
def watched(shortest=0.0, longest=SLACK):
    """Check how long the block takes, and that it does not spin meanwhile."""
    wall, cpu = time.monotonic(), time.thread_time()
    yield
    wall, cpu = time.monotonic() - wall, time.thread_time() - cpu
    assert shortest <= wall <= longest
    assert cpu < max(BUSY * wall, 0.03), f"{cpu} s of {wall} s"


@contextmanager
def echo_process(transport="socket"):
    """A server that can be killed; yields its process and resource name."""
    script = Path(__file__).with_name("echo_instrument.py")
    with subprocess.Popen([sys.executable, script, transport], stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process, process.stdout.readline().strip()
        finally:
            process.kill()


@pytest.mark.parametrize(
    ("fault", "options"),
    [(Fault.DROP, {}), (Fault.DELAY, {"seconds": LATE}), (Fault.HALF, {"seconds": LATE})],
    ids=["dropped", "late", "half, then the rest"],
)
def test_no_whole_answer_in_time(bench, fault, options):
    server, link, _ = bench
    server.faults.next(fault, **options)
    with watched(TIMEOUT, TIMEOUT + SLACK), pytest.raises(LinkTimeout) as told:
        link.query(":ECHO? 123456")
    assert link.resource in str(told.value) and ":ECHO? 123456" in str(told.value) and "0.25 s" in str(told.value)
    for word in ("next", "one after"):
        assert link.query(f":ECHO? {word}") == word
    assert not link.lost


def test_half_an_answer_and_never_the_rest(bench):
    server, link, transport = bench
    server.faults.next(Fault.HALF)
    with watched(TIMEOUT, TIMEOUT + SLACK), pytest.raises(LinkTimeout, match="only '1234'"):
        link.query(":ECHO? 12345")
    if transport == "hislip":
        # The header promised bytes that never come; what does come cannot be told from them.
        with watched(longest=2 * SLACK + 1.0), pytest.raises(LinkLost):
            link.query(":ECHO? next")
        assert link.lost
    else:
        assert link.query(":ECHO? next") == "next"


@pytest.mark.parametrize("data", [b"\xff\xfe\x80", b"\x00\x01", "µA".encode(), b"7\x80"])
def test_garbage(bench, data):
    server, link, _ = bench
    server.faults.next(Fault.GARBAGE, data=data)
    with watched(longest=TIMEOUT), pytest.raises(ProtocolError) as told:
        link.query(":ECHO? 1")
    assert link.resource in str(told.value) and ":ECHO? 1" in str(told.value)
    assert link.query(":ECHO? next") == "next"


def test_more_answers_than_questions():
    """What nobody asked for is noticed before the next question, and is not its answer."""
    with Server(EchoInstrument()) as server, Link.open(server.resource, timeout=TIMEOUT) as link:
        server.faults.next(Fault.GARBAGE, data=b"1\n2\n3")
        assert link.query(":ECHO? 1") == "1"
        assert link.query(":ECHO? next") == "next"


def test_question_that_was_only_written(bench):
    _, link, _ = bench
    link.write(":ECHO? forgotten")
    assert link.query(":ECHO? next") == "next"


def test_disconnected(bench):
    server, link, _ = bench
    server.faults.next(Fault.DISCONNECT)
    with watched(longest=TIMEOUT), pytest.raises(LinkLost, match=":ECHO"):
        link.query(":ECHO? 1")
    assert link.lost
    for attempt in (lambda: link.query("*IDN?"), lambda: link.write("*RST"), link.clear):
        with watched(longest=0.1), pytest.raises(LinkLost):
            attempt()
    assert server.instrument.messages == [":ECHO? 1"]


def test_disconnected_between_questions():
    with Server(EchoInstrument()) as server, Link.open(server.resource, timeout=TIMEOUT) as link:
        link.query("*IDN?")
        server.faults.next(Fault.DISCONNECT, matching="*CLS")
        link.write("*CLS")
        time.sleep(0.05)
        with watched(longest=TIMEOUT), pytest.raises(LinkLost):
            link.query("*IDN?")


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_killed_server(transport):
    with echo_process(transport) as (process, resource), Link.open(resource, timeout=5.0) as link:
        assert link.query(":ECHO? alive") == "alive"
        killer = threading.Timer(0.3, process.kill)
        killer.start()
        # Not a question for this instrument: it never answers.
        with watched(0.2, 0.3 + 2 * SLACK), pytest.raises(LinkLost):
            link.query(":NOTHING?")
        killer.join()
        with pytest.raises(LinkLost):
            link.query("*IDN?")


@pytest.mark.parametrize("name", ["TCPIP::127.0.0.1::{}::SOCKET", "TCPIP::127.0.0.1::hislip0,{}::INSTR"])
def test_dead_port(name):
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        port = listener.getsockname()[1]
    with watched(longest=SLACK), pytest.raises(LinkLost, match=str(port)):
        Link.open(name.format(port), timeout=TIMEOUT)


def test_missing_serial_port():
    with pytest.raises(LinkLost, match="nosuchport"):
        Link.open("ASRL/dev/nosuchport::INSTR")


@contextmanager
def peer(talk):
    """A socket server of one connection that does `talk(connection)` in a thread."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)

        def serve():
            connection, _ = listener.accept()
            with connection:
                talk(connection)

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"TCPIP::127.0.0.1::{listener.getsockname()[1]}::SOCKET"
        thread.join()


def test_peer_that_takes_nothing():
    done = threading.Event()
    with peer(lambda _: done.wait(10)) as resource, Link.open(resource, timeout=TIMEOUT) as link:
        # Between them, the two machines' buffers hold a few megabytes.
        with watched(TIMEOUT, TIMEOUT + 3 * SLACK), pytest.raises(LinkLost, match="not taken"):
            for _ in range(200):
                link.write("A" * 200_000)
        done.set()
        assert link.lost


def test_peer_that_never_ends_its_answer():
    def babble(connection):
        connection.recv(100)
        with suppress(OSError):
            while True:
                connection.sendall(b"x" * 100)
                time.sleep(0.005)

    with peer(babble) as resource, Link.open(resource, timeout=TIMEOUT) as link:
        with watched(TIMEOUT, TIMEOUT + SLACK), pytest.raises(LinkTimeout):
            link.query("*IDN?")
        with watched(longest=1.0 + SLACK), pytest.raises(LinkLost):
            link.query("*IDN?")


def test_late_answer_that_looks_like_the_number_of_the_link(bench):
    """The link's first number is 2: an old answer that is the same must not pass for being in step."""
    server, link, _ = bench
    server.faults.next(Fault.DELAY, seconds=TIMEOUT + 0.03, matching=":ECHO? 2")
    server.faults.next(Fault.DELAY, seconds=0.1, matching="*ESE 2;*ESE?")
    with pytest.raises(LinkTimeout):
        link.query(":ECHO? 2")
    assert [link.query(f":ECHO? {n}") for n in range(50, 55)] == ["50", "51", "52", "53", "54"]


def test_instrument_that_stays_silent_is_lost_within_bounds():
    with Server(EchoInstrument()) as server, Link.open(server.resource, timeout=TIMEOUT) as link:
        server.faults.every(1, Fault.DROP)
        with pytest.raises(LinkTimeout):
            link.query("*IDN?")
        with watched(1.0, 1.0 + SLACK), pytest.raises(LinkLost, match="no way back"):
            link.query("*IDN?")
        assert link.lost


def test_a_train_that_outlasts_its_deadline_is_waited_for():
    """An interrupted question may be answered until its own deadline; only then does the link begin to give up."""
    with Server(EchoInstrument()) as server, Link.open(server.resource, timeout=TIMEOUT) as link:
        server.faults.next(Fault.DELAY, seconds=1.6)
        with interrupted_after(0.1), pytest.raises(KeyboardInterrupt):
            link.query(":ECHO? train", patience=2.0)
        assert link.query(":ECHO? next") == "next"


@contextmanager
def interrupted_after(seconds):
    """Press Ctrl-C once."""
    timer = threading.Timer(seconds, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    yield
    timer.join()


def test_interrupt(bench):
    server, link, _ = bench
    server.faults.next(Fault.DELAY, seconds=0.5)
    with interrupted_after(0.1), watched(0.05, 0.1 + SLACK), pytest.raises(KeyboardInterrupt):
        link.query(":ECHO? slow", patience=10.0)
    # Switching off does not wait until the link is in step.
    with watched(longest=0.1):
        link.write(":OUTP OFF")
    assert link.query(":ECHO? next") == "next"
    assert ":OUTP OFF" in server.instrument.messages


def test_tsp_gets_back_in_step_with_print():
    with Server(EchoInstrument()) as server, Link.open(server.resource, timeout=TIMEOUT, sync="tsp") as link:
        server.faults.next(Fault.DELAY, seconds=LATE)
        with pytest.raises(LinkTimeout):
            link.query('print("first")')
        assert link.query('print("second")') == "second"
        assert server.instrument.messages[:2] == ['print("first")', 'print("sync-2")']
        assert not any("*ESE" in message for message in server.instrument.messages)


FAULTS = st.one_of(
    st.just((Fault.DROP, {})),
    st.builds(lambda s: (Fault.DELAY, {"seconds": s}), st.floats(0.0, 0.1)),
    st.builds(lambda s: (Fault.HALF, {"seconds": s}), st.none() | st.floats(0.0, 0.1)),
    st.builds(lambda d: (Fault.GARBAGE, {"data": b"\xff" + d}), st.binary(max_size=8)),
    st.just((Fault.DISCONNECT, {})),
)


@pytest.mark.parametrize("transport", TRANSPORTS)
@settings(max_examples=4, deadline=None)
@given(plan=st.lists(st.none() | FAULTS, min_size=50, max_size=50))
def test_every_answer_that_is_given_is_the_right_one(transport, plan):
    with Server(EchoInstrument(), transport) as server:
        link, right = Link.open(server.resource, timeout=0.04), 0
        for number, fault in enumerate(plan):
            if fault and not (transport == "serial" and fault[0] is Fault.DISCONNECT):
                server.faults.next(fault[0], matching=f"#{number}#", **fault[1])
            if link.lost:
                link.close()
                link = Link.open(server.resource, timeout=0.04)
            try:
                answer = link.query(f":ECHO? #{number}#{number * 7919}")
            except LinkError:
                continue
            assert answer == f"#{number}#{number * 7919}"
            right += 1
        link.close()
    assert right >= sum(fault is None for fault in plan) // 2
