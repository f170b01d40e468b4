import os
import time

import pytest
import serial
from echo import Echo

from gateware.geometry import Geometry
from gateware.host.cxxrtl import CxxrtlTransport, open_cxxrtl
from gateware.host.pty_server import PtyServer
from gateware.host.pysim import open_pysim

GEOMETRY = Geometry(4, 4)
TEXT = b"\0\0hello\0" + bytes(range(256)) + b"\0"


@pytest.fixture(scope="module")
def compiled(tmp_path_factory):
    """Open the compiled echo; it is compiled once."""
    folder = tmp_path_factory.mktemp("cache")

    def open_echo():
        before = os.environ.get("MEMHIL_CACHE")
        os.environ["MEMHIL_CACHE"] = str(folder)
        try:
            return open_cxxrtl(GEOMETRY, Echo)
        finally:
            del os.environ["MEMHIL_CACHE"]
            if before is not None:
                os.environ["MEMHIL_CACHE"] = before

    return open_echo


def everything(transport):
    data = b""
    while not transport.idle:
        data += transport.receive(60.0)
    return data


def test_bytes_through_the_compiled_design(compiled):
    with compiled() as echo:
        for text in (TEXT, b"", b"one\0two\0three\0"):
            echo.send(text)
            assert everything(echo) == text
        assert echo.receive(60.0) == b""
        assert echo.cycles > Echo.DELAY * len(TEXT)


def test_both_simulators_take_as_many_cycles(compiled):
    cycles = []
    for transport in (compiled(), open_pysim(GEOMETRY, Echo)):
        with transport:
            transport.send(b"ab\0")
            data = b""
            while b"\0" not in data:
                data += transport.receive(60.0)
            assert data == b"ab\0"
            everything(transport)
            cycles.append(transport.cycles)
    # Each stops at the end of its own slice, at most one slice after the last byte.
    assert cycles[1] - cycles[0] in range(50)


def test_many_replies_at_once_are_all_received(compiled):
    with compiled() as echo:
        text = b"\1\0" * 40_000
        echo.send(text)
        assert everything(echo) == text


def test_a_second_opening_takes_the_library_that_is_there(compiled):
    compiled().close()
    start = time.monotonic()
    compiled().close()
    assert time.monotonic() - start < 1


def test_simulations_do_not_share_state(compiled):
    with compiled() as one, compiled() as other:
        one.send(b"x")
        assert one.receive(0.0) in (b"", b"x")
        assert other.cycles == 0


def test_a_closed_simulation_may_be_closed_again(compiled):
    echo = compiled()
    assert isinstance(echo, CxxrtlTransport)
    echo.close()
    echo.close()


def test_a_pty_looks_like_a_serial_port(compiled):
    with PtyServer(compiled()) as server:
        for _ in range(2):  # a client may go and another come
            with serial.Serial(server.path, 1_000_000, timeout=10, exclusive=True) as port:
                port.write(TEXT)
                assert port.read(len(TEXT)) == TEXT
        assert not server.wait(0.01)


def test_a_failing_engine_ends_the_server(compiled):
    class Broken:
        idle = True

        def send(self, data):
            raise RuntimeError("no more")

        def close(self):
            pass

    with PtyServer(Broken()) as server, serial.Serial(server.path) as port:
        port.write(b"x")
        assert server.wait(10)
        assert str(server.error) == "no more"
