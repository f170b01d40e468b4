"""What others met in the lab, from public trackers, held against this program; docs/lab.md lists all of it.

Each test names the report: project and number.
"""

import os
import re
import time
import tty

import pytest

from hil.backends import open_device
from hil.waveform import Waveform
from instruments.link.errors import LinkError
from instruments.link.link import Link
from instruments.plan import Plan
from instruments.smu.driver import ChannelSettings
from instruments.smu.models import driver_for, models
from instruments.virtual.catalogue import make
from instruments.virtual.faults import Fault
from instruments.virtual.server import Server

pytest.importorskip("pyvisa")
pytest.importorskip("pyvisa_py")
TRAIN = Waveform.train(0.5, width=2e-3, period=4e-3, count=3, measure=True)
PLAN = Plan.train(0.5, 10e-3, 20e-3, 3)
SETTINGS = ChannelSettings(1e-3, 2.0)


@pytest.fixture
def served():
    with Server(make("2450"), "socket") as server:
        yield server


def test_opening_a_link_sends_nothing_not_even_a_device_clear(served):
    """Qcodes 564, 565: a device clear at every opening froze instruments."""
    heard, cleared = [], []
    handle, clear = served.instrument.handle, served.instrument.clear
    served.instrument.handle = lambda message: (heard.append(message), handle(message))[1]
    served.instrument.clear = lambda: (cleared.append(1), clear())[1]
    Link.open(served.resource).close()
    time.sleep(0.05)
    assert not heard and not cleared


def test_an_answer_that_nobody_took_is_not_taken_for_the_next():
    """Qcodes 1672, 611: after a restart, or in a loop, the answers were those of earlier questions."""
    with Server(make("2450"), "serial") as server:
        path = server.resource.removeprefix("ASRL").removesuffix("::INSTR")
        port = os.open(path, os.O_RDWR | os.O_NOCTTY)
        tty.setraw(port)
        os.write(port, b"SYST:LFR?\n")  # a program that dies before it reads
        time.sleep(0.1)
        with Link.open(server.resource) as link:
            assert "MODEL 2450" in link.query("*IDN?")
            assert link.query("SYST:LFR?") == "50"
        os.close(port)


def test_a_second_question_that_is_answered_like_the_first_is_noticed(served):
    """Pyvisa 112: behind a Prologix adapter the next query returned the string of the one before."""
    served.faults.next(Fault.DROP)
    with Link.open(served.resource, timeout=0.2) as link:
        with pytest.raises(LinkError):
            link.query("SYST:LFR?")
        assert "MODEL 2450" in link.query("*IDN?")


def test_a_reading_is_never_asked_for_while_the_output_is_off():
    """Qcodes 1149: a snapshot read with the output off, error 803, and the instrument was stuck."""
    for model in ("2400", "2450"):
        with open_device(f"visa:virtual?model={model}&watchdog=false&v_max=2") as device:
            sent = []
            handle = device.bench.smu.instrument.handle
            device.bench.smu.instrument.handle = lambda message, handle=handle, sent=sent: (
                sent.append(message), handle(message))[1]  # fmt: skip
            device.read()
            first = next(k for k, text in enumerate(sent) if "READ?" in text or "INIT" in text)
            assert any("OUTP" in text and "ON" in text for text in sent[:first]) or "AUTO" in " ".join(sent[:first])


@pytest.mark.parametrize("model", sorted(models()))
def test_the_format_of_readings_is_set_and_not_assumed(model):
    """Qcodes 1876: what READ? gives depended on what a program before had set."""
    driver, spec = models()[model]
    said = " ".join(m.text for m in (*driver(spec).prepare(SETTINGS), *driver(spec).play(PLAN, SETTINGS)))
    assert re.search(r'FORM:ELEM|TRAC:DATA\? 1,\d+,"defbuffer1",\w+|printbuffer\(', said)


@pytest.mark.parametrize("model", sorted(models()))
def test_no_train_defines_a_buffer(model):
    """SweepMe instrument-drivers 152: a buffer more each time, until a 2450 crashed; see also test_soak.py."""
    driver, spec = models()[model]
    said = " ".join(m.text for m in driver(spec).play(PLAN, SETTINGS))
    assert "TRAC:MAKE" not in said and "makebuffer" not in said


@pytest.mark.parametrize("model", sorted(models()))
def test_what_waits_for_a_train_waits_as_long_as_it_is(model):
    """Qcodes 136, tektronix tm_devices 277, pymeasure 186: fixed timeouts, or a status bit that never came."""
    driver, spec = models()[model]
    long = Plan.train(0.5, 0.5, 1.0, 20)
    said = driver(spec).play(long, SETTINGS)
    assert max(message.patience for message in said) >= long.total


def test_integration_times_are_of_the_mains_that_there_are():
    """Qcodes 1684 (50 Hz in a timeout), SweepMe instrument-drivers 233 (power line cycles taken for seconds)."""
    with open_device("visa:virtual?watchdog=false&v_max=2") as device:
        assert device.smu.settings.mains == 50.0
        assert "SYST:LFR?" in device.smu._line.log.sent


@pytest.mark.parametrize("maker", ["KEITHLEY INSTRUMENTS INC.", "KEITHLEY INSTRUMENTS", "Keithley Instruments"])
def test_makers_write_themselves_in_several_ways(maker):
    """Basil 126: newer firmware left out ``INC.``, and a driver was not found any more."""
    assert driver_for(f"{maker},MODEL 2450,1,1.7").spec.model == "2450"


def test_an_instrument_that_is_switched_off_is_told_within_the_timeout(served):
    """Pyvisa 213 (30 s), pyvisa-py 83 (for ever, or an empty string)."""
    with Link.open(served.resource, timeout=0.3) as link:
        served.stop()
        began = time.monotonic()
        with pytest.raises(LinkError):
            link.query("*IDN?")
        assert time.monotonic() - began < 2.0


def test_readings_are_numbers_whatever_the_transport():
    """Pymeasure 1280: the same value was a text over GPIB and a number over a serial port."""
    found = []
    for transport in ("socket", "hislip", "serial"):
        with open_device(f"visa:virtual?watchdog=false&v_max=2&transport={transport}") as device:
            found.append(device.apply(TRAIN).currents)
    assert all(each.dtype == float and (each == found[0]).all() for each in found)
