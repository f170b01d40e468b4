"""A session with a virtual 2450 on a real socket: what goes wrong is told by its cause, and the output is off."""

import time

import numpy as np
import pytest

from hil.backends import open_device
from hil.errors import InputError
from hil.limits import LimitError
from hil.waveform import Waveform
from instruments.device import SmuDevice
from instruments.link.clock import RealClock
from instruments.link.errors import ContactError, InstrumentError, LinkTimeout, ProtocolError
from instruments.link.link import Link
from instruments.safety.guard import GuardError
from instruments.safety.limits import SafetyLimits
from instruments.smu.driver import ChannelSettings
from instruments.smu.session import Smu
from instruments.virtual.dut import Dut
from instruments.virtual.faults import Fault
from instruments.virtual.k2450 import K2450
from instruments.virtual.server import Server


class Recorder(K2450):
    """Keeps what it hears, and answers some messages otherwise than a 2450 would."""

    def __init__(self, dut, **answers):
        super().__init__(dut)
        self.heard, self.answers = [], answers

    def handle(self, message):
        self.heard.append(message)
        return self.answers[message] if message in self.answers else super().handle(message)


@pytest.fixture
def bench():
    with open_device("sim:rram") as device:
        device.apply(Waveform.rest(1e-3))  # loads the compiled model, which takes longer than a link may wait
        with Server(Recorder(Dut(device))) as server:
            yield server


@pytest.fixture
def smu(bench):
    with Link.open(bench.resource, timeout=0.3) as link:
        smu = Smu(link, ChannelSettings(1e-3, 1.5), SafetyLimits(1.5, 1e-3))
        yield smu
        smu.close()


def device_on(smu, **options):
    return SmuDevice("visa:test", smu, 1, 1, clock=RealClock(), guard=None, **options)


PULSE = Waveform.pulse(1.2, width=2e-3, measure=True)


def test_an_error_names_the_message_that_caused_it(bench, smu):
    device = device_on(smu)
    device.read()

    def refuse(message, handle=bench.instrument.handle):
        return handle("NONSENSE" if message.startswith("SOUR:LIST") else message)

    bench.instrument.handle = refuse
    with pytest.raises(InstrumentError) as caught:
        device.apply(PULSE)
    assert caught.value.code == -113
    assert caught.value.command.startswith("SOUR:LIST:VOLT")
    assert not bench.instrument.output


def test_a_setting_that_reads_back_otherwise_stops_everything(bench, smu):
    bench.instrument.answers["SOUR:VOLT:ILIM 1e-3"] = None  # heard, and not obeyed
    with pytest.raises(ProtocolError, match=r"'SOUR:VOLT:ILIM\?' reads back '1.050000E-04', '0.001' was expected"):
        device_on(smu).apply(PULSE)
    assert not any(message.startswith(("INIT", "OUTP ON")) for message in bench.instrument.heard)


def test_a_timeout_in_a_train_leaves_the_output_off(bench, smu):
    device = device_on(smu)
    device.read()
    bench.faults.next(Fault.DROP, matching="*OPC?")
    with pytest.raises(LinkTimeout, match=r"\*OPC"):
        device.apply(PULSE)
    assert not bench.instrument.output
    assert np.isfinite(device.read()).all(), "the next exchange is in step"


@pytest.mark.parametrize("voltage", [1.5001, -1.5001, 3.0])
def test_nothing_is_sent_for_a_waveform_beyond_a_limit(bench, smu, voltage):
    device = device_on(smu)
    heard = len(bench.instrument.heard)
    for waveform in (
        Waveform.pulse(voltage, width=2e-3),
        PULSE + Waveform.pulse(voltage, width=2e-3),
        PULSE + Waveform.pulse(1.0, width=1e-5),
        PULSE + Waveform.pulse(1.0, -1.0, width=2e-3),
    ):
        with pytest.raises(LimitError):
            device.apply(waveform)
        with pytest.raises(LimitError):
            device.explain(waveform)
    assert len(bench.instrument.heard) == heard


def test_a_dry_run_lists_what_is_sent_and_sends_nothing(bench, smu):
    device = device_on(smu)
    heard = len(bench.instrument.heard)
    waveform = Waveform.train(1.2, width=1e-3, period=5e-3, count=3, measure=True)
    promised = device.explain(waveform)
    assert len(bench.instrument.heard) == heard
    device.apply(waveform)
    sent = [m for m in bench.instrument.heard[heard:] if m != smu.driver.error_query]
    assert sent == promised


def test_an_instrument_in_another_language_is_left_alone():
    with open_device("sim:rram") as cell, Server(Recorder(Dut(cell), **{"*LANG?": "TSP"})) as server:
        with Link.open(server.resource) as link, pytest.raises(ProtocolError, match=r"LANG.*TSP"):
            Smu(link, ChannelSettings(1e-3, 1.0), SafetyLimits(1.0, 1e-3))
        assert set(server.instrument.heard) <= {"*IDN?", "*LANG?"}


def test_an_unknown_instrument_is_refused():
    with (
        open_device("sim:rram") as cell,
        Server(Recorder(Dut(cell), **{"*IDN?": "ACME,TOASTER 9,0,1"})) as server,
        Link.open(server.resource) as link,
        pytest.raises(InputError, match="no driver for 'ACME,TOASTER 9,0,1'"),
    ):
        Smu(link, ChannelSettings(1e-3, 1.0), SafetyLimits(1.0, 1e-3))


def test_without_its_watchdog_no_output_goes_on(bench):
    with open_device(f"visa:{bench.resource}?v_max=1.5&i_max=1e-3") as device:
        device.read()
        guard = device.smu._guard
        guard._process.kill()
        guard._process.wait()
        heard = len(bench.instrument.heard)
        with pytest.raises(GuardError, match=r"the watchdog of .* is gone: the output stays off"):
            device.apply(PULSE)
        assert not any(message.startswith(("INIT", "OUTP")) for message in bench.instrument.heard[heard:])


def test_pulses_are_counted_over_the_session(bench):
    with open_device(f"visa:{bench.resource}?v_max=1.5&i_max=1e-3&pulses_max=3") as device:
        device.apply(PULSE + Waveform.rest(2e-3) + PULSE)
        device.read()
        with pytest.raises(LimitError, match="4 pulses in this session are more than pulses_max = 3"):
            device.apply(PULSE + Waveform.rest(2e-3) + PULSE)
        device.apply(PULSE)


def test_an_output_that_stays_on_is_told_and_left_to_the_watchdog(bench):
    with open_device(f"visa:{bench.resource}?v_max=1.5&i_max=1e-3") as device:
        device.read()
        bench.instrument.channel.stuck = True
        with pytest.raises(ProtocolError, match=r"'OUTP\?' reads back '1', '0.0' was expected"):
            device.apply(PULSE)
        assert device.smu._guard._armed
        bench.instrument.channel.stuck = False
        end = time.monotonic() + 5.0
        while bench.instrument.output and time.monotonic() < end:
            time.sleep(0.05)
        assert not bench.instrument.output
        time.sleep(1.0)  # until the watchdog says that it is done
        with pytest.raises(GuardError, match="the watchdog switched the output off"):
            device.apply(PULSE)


@pytest.mark.parametrize(("fault", "word"), [("contact_open", "open"), ("contact_short", "short")])
def test_a_sample_without_contact_is_refused_after_a_read(bench, fault, word):
    with open_device(f"visa:{bench.resource}?v_max=1.5&i_max=1e-3&contact_floor=1e-7") as device:
        port = bench.instrument.channel.dut.port("1")
        setattr(port, fault, True)
        with pytest.raises(ContactError, match=f"row 0, column 0: .* is {word}; a contact has 1e-07 A .. 0.001 A"):
            device.apply(PULSE)
        setattr(port, fault, False)
    with open_device(f"visa:{bench.resource}?v_max=1.5&i_max=1e-3&contact_floor=1e-7") as device:
        device.apply(PULSE)
