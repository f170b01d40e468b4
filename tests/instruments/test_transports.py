"""Ways to an instrument that are not here: a Prologix adapter is faked on a socket; GPIB and USB say what they lack."""

import socket
import threading

import pytest

from hil.backends import open_device
from hil.errors import InputError
from hil.waveform import Waveform
from instruments.link.errors import LinkLost, LinkTimeout
from instruments.link.link import Link
from instruments.virtual.bench import sample
from instruments.virtual.catalogue import make
from instruments.virtual.dut import Dut

pytest.importorskip("pyvisa")
prologix = pytest.importorskip("pyvisa_py.prologix")


class Adapter:
    """A Prologix GPIB-ETHERNET (its manual, 6.x: ``++addr``, ``++read eoi``) with instruments at GPIB addresses.

    Everything but ``++`` lines goes to the instrument that is addressed; its answer waits until ``++read``.
    """

    def __init__(self, instruments):
        self.instruments, self.waiting, self.heard, self.silent = instruments, {}, [], False
        self._address = 0
        self._server = socket.create_server(("127.0.0.1", 0))
        self.resource = f"PRLGX-TCPIP::127.0.0.1::{self._server.getsockname()[1]}::INTFC"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with client, client.makefile("rwb") as lines:
                try:
                    for line in lines:
                        self._take(line, lines)
                except OSError:
                    pass

    def _take(self, line, lines):
        text = line.decode("latin-1").strip()
        self.heard.append(text)
        if text.startswith("++addr"):
            self._address = int(text.split()[1])
        elif text.startswith("++read") and not self.silent:
            answer = self.waiting.pop(self._address, None)
            if answer is not None:
                lines.write(answer.encode() + b"\n")
                lines.flush()
        elif text and not text.startswith("++"):
            answer = self.instruments[self._address].handle(text)
            if answer is not None:
                self.waiting[self._address] = answer

    def close(self):
        self._server.close()


@pytest.fixture
def adapter():
    duts = [Dut(sample("sim:rram", 1, 1, 0)) for _ in range(2)]  # compiled before anybody waits for it
    made = Adapter({24: make("2400", duts[0]), 7: make("2450", duts[1])})
    yield made
    made.close()


def test_an_instrument_behind_a_prologix_adapter(adapter):
    with Link.open("GPIB0::24::INSTR", gateway=adapter.resource, timeout=1.0) as link:
        assert "MODEL 2400" in link.query("*IDN?")
        link.write(":SOUR:VOLT:RANG 2")
        assert float(link.query(":SOUR:VOLT:RANG?")) == 2.0
        assert "++mode 1" in adapter.heard and "++auto 0" in adapter.heard and "++addr 24" in adapter.heard
    assert not prologix._PrologixIntfcSession.boards, "the adapter is let go of with the link"
    with Link.open("GPIB0::7::INSTR", gateway=adapter.resource, timeout=1.0) as link:
        assert "MODEL 2450" in link.query("*IDN?")


def test_a_silent_instrument_behind_it_is_a_timeout_and_no_hang(adapter):
    with Link.open("GPIB0::24::INSTR", gateway=adapter.resource, timeout=0.3) as link:
        adapter.silent = True
        with pytest.raises((LinkTimeout, LinkLost)):
            link.query("*IDN?")
        adapter.silent = False
        adapter.waiting.clear()
        assert "MODEL 2400" in link.query("*IDN?"), "and in step again"


def test_a_whole_session_over_it(adapter):
    """Set up, a train, off: what a 2400 with GPIB alone needs."""
    uri = f"visa:GPIB0::24::INSTR?gateway={adapter.resource}&v_max=2&i_max=1e-3&watchdog=false"
    with open_device(uri) as device:
        response = device.apply(Waveform.train(0.5, width=5e-3, period=10e-3, count=2, measure=True))
        assert response.currents.shape == (2, 1)
    assert not adapter.instruments[24].output


def test_what_is_no_adapter_or_not_there_is_told():
    with pytest.raises(InputError, match="give a Prologix adapter"):
        Link.open("GPIB0::24::INSTR", gateway="TCPIP::127.0.0.1::1234::SOCKET")
    with pytest.raises(LinkLost, match="cannot connect"):
        Link.open("GPIB0::24::INSTR", gateway="PRLGX-TCPIP::127.0.0.1::1::INTFC", timeout=0.3)
    prologix._PrologixIntfcSession.boards.clear()  # pyvisa-py 0.8 keeps one that it could not open


@pytest.mark.parametrize("resource", ["GPIB9::24::INSTR", "USB0::0x05E6::0x2450::04407378::INSTR"])
def test_without_the_packages_of_a_transport_one_sentence_says_so(resource):
    """Gpib-ctypes and pyusb are not installed everywhere; where they are, nobody answers."""
    with pytest.raises((InputError, LinkLost)) as told:
        Link.open(resource, timeout=0.3).query("*IDN?")
    assert str(told.value).count("\n") == 0 and resource in str(told.value)
