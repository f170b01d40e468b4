"""A sample is only driven as it was set up for: limit, terminals, mains, one session at a time, the right instrument.

The current that the sample really had is taken from the simulated device itself, not from what was answered.
"""

import os
import pty
import re
import subprocess
import sys
import threading
import time
import tty

import pytest
from lab_bench import LOW, MODELS, PULSE, currents_of, virtual

from hil.backends import open_device
from hil.errors import InputError
from hil.limits import LimitError
from instruments.link.errors import InUse, LinkTimeout, ProtocolError
from instruments.safety.lock import ResourceLock, normalised
from instruments.virtual.bench import Bench

# ---- the limit holds with every train


@pytest.mark.parametrize("model", MODELS)
def test_after_a_reset_no_train_is_played_at_another_limit(model):
    with virtual(model, LOW, i_max=1e-6, v_read=5e-4) as device:
        device.apply(PULSE)
        seen = currents_of(device.bench.dut)
        device.bench.smu.instrument.reset()
        with pytest.raises(ProtocolError, match="was expected: the instrument was reset, switched off or changed"):
            device.apply(PULSE)
        assert not device.bench.smu.instrument.output
        assert max(seen, default=0.0) <= 1e-6


CHANGES = [
    ("2450", "SOUR:VOLT:ILIM 1e-3"), ("2450", "SENS:CURR:RANG 1e-3"), ("2450", "SOUR:VOLT:RANG 20"),
    ("2450", "SENS:CURR:RSEN ON"), ("2450", "ROUT:TERM REAR"), ("2450", "SENS:CURR:NPLC 1"),
    ("2450", "SENS:CURR:RANG:AUTO ON"), ("2461", "SOUR:VOLT:ILIM 1e-3"), ("2400", ":SENS:CURR:PROT 1e-3"),
    ("2400", ":ROUT:TERM REAR"), ("2400", ":SYST:RSEN ON"), ("2400", ":SOUR:VOLT:PROT 160"),
    ("2602B", "smua.source.limiti = 1e-3"), ("2602B", "smua.sense = 1"), ("2602B", "smua.measure.rangei = 1e-3"),
    ("B2901A", ":SENS:CURR:PROT 1e-3"), ("B2901A", ":SENS:REM 1"), ("B2901A", ":SOUR:VOLT:RANG 20"),
]  # fmt: skip


@pytest.mark.parametrize(("model", "message"), CHANGES)
def test_what_somebody_changed_between_two_trains_is_noticed_before_the_output_goes_on(model, message):
    with virtual(model, LOW, i_max=1e-6, v_read=5e-4) as device:
        device.apply(PULSE)
        device.bench.smu.instrument.handle(message)
        seen = currents_of(device.bench.dut)
        with pytest.raises(ProtocolError, match=r"changed by somebody|terminals=front or rear"):
            device.apply(PULSE)
        assert not any(seen)


# ---- one session at a time


def test_a_second_session_is_refused_by_the_process_that_holds_the_first():
    with Bench("2450", "sim:rram") as bench:
        uri = f"visa:{bench.smu.resource}?v_max=2&i_max=1e-6&watchdog=false"
        with open_device(uri), pytest.raises(InUse, match=rf"channel 1, is in use by process {os.getpid()} \(.*since"):
            open_device(uri.replace("127.0.0.1", "localhost").replace("TCPIP::", "tcpip0::"))
        with open_device(uri) as device:
            device.apply(PULSE)


def test_the_lock_of_a_killed_process_is_released():
    hold = "import sys, time; from instruments.safety.lock import ResourceLock; "
    hold += "lock = ResourceLock(sys.argv[1], 'channel 1'); print('held', flush=True); time.sleep(60)"
    resource = f"TCPIP::192.0.2.1::{os.getpid()}::SOCKET"
    with subprocess.Popen([sys.executable, "-c", hold, resource], stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout.readline() == "held\n"
        with pytest.raises(InUse, match=f"in use by process {other.pid} "):
            ResourceLock(resource, "channel 1")
        ResourceLock(resource, "channel 2").close()
        other.kill()
        other.wait()
        ResourceLock(resource, "channel 1").close()


@pytest.mark.parametrize(
    "names",
    [
        ("TCPIP::127.0.0.1::5025::SOCKET", "tcpip0::localhost::5025::socket"),
        ("TCPIP::192.0.2.7::INSTR", "TCPIP0::192.0.2.7::inst0::INSTR"),
        ("GPIB::24::INSTR", "GPIB0::24", "gpib0::24::instr"),
        ("USB0::0x05E6::0x2450::0440::INSTR", "USB::0x05e6::0x2450::0440"),
    ],
)
def test_one_instrument_has_one_name(names):
    assert len({normalised(name) for name in names}) == 1


def test_links_to_a_serial_port_are_that_port(tmp_path):
    (tmp_path / "by-id").symlink_to("/dev/null")
    assert normalised(f"ASRL{tmp_path}/by-id::INSTR") == normalised("asrl/dev/null::INSTR") == "ASRL/dev/null"


# ---- terminals, mains, how it is reached


@pytest.mark.parametrize("model", ["2400", "2450", "2461"])
@pytest.mark.parametrize("terminals", ["front", "rear"])
def test_terminals_are_set_after_the_reset_and_those_found_are_kept(model, terminals):
    with Bench(model, "sim:rram", dut_terminals=terminals) as bench:
        uri = f"visa:{bench.smu.resource}?v_max=2&i_max=1e-3&watchdog=false"
        bench.smu.instrument.handle(f"ROUT:TERM {terminals}")
        with open_device(uri) as device:
            assert device.read()[0, 0] == pytest.approx(bench.dut.truth.conductance[0, 0], rel=1e-5)
        bench.smu.instrument.handle("ROUT:TERM " + {"front": "REAR", "rear": "FRON"}[terminals])
        with open_device(f"{uri}&terminals={terminals}") as device:
            assert device.read()[0, 0] == pytest.approx(bench.dut.truth.conductance[0, 0], rel=1e-5)


def test_terminals_that_somebody_changed_before_the_first_train_are_asked_for():
    with virtual("2450") as device:
        device.bench.smu.instrument.handle("ROUT:TERM REAR")
        with pytest.raises(ProtocolError, match="terminals=front or rear"):
            device.read()


@pytest.mark.parametrize("model", ["2602B", "B2901A"])
def test_terminals_of_a_model_without_a_choice(model):
    with pytest.raises(LimitError, match=f"terminals = rear: a {model} has one set of terminals"):
        virtual(model, terminals="rear")


@pytest.mark.parametrize("model", MODELS)
def test_the_mains_are_asked_for_and_a_wrong_frequency_is_told_by_its_parameter(model):
    with Bench(model, "sim:rram") as bench:
        bench.smu.instrument.line_frequency = 60.0
        uri = f"visa:{bench.smu.resource}?v_max=2&i_max=1e-3&watchdog=false"
        with open_device(uri) as device:
            assert device.smu.settings.line_frequency == 60.0
            device.apply(PULSE)
        with open_device(f"{uri}&line_frequency=50") as device, pytest.raises(ProtocolError, match="line_frequency=50"):
            device.apply(PULSE)


def test_another_serial_number_is_refused():
    with Bench("2450", "sim:rram") as bench:
        uri = f"visa:{bench.smu.resource}?v_max=2&i_max=1e-3&watchdog=false&serial_number="
        number = bench.smu.instrument.identity.split(",")[2]
        with open_device(uri + number):
            pass
        with pytest.raises(InputError, match="serial_number = 999, the instrument that answers is 'KEITHLEY"):
            open_device(uri + "999")


def carriage_returns(instrument):
    """A 2400 on RS-232 as it comes from the factory: messages and answers end with CR (14-14)."""
    ours, theirs = pty.openpty()
    tty.setraw(ours)
    tty.setraw(theirs)

    def serve():
        received = b""
        while True:
            try:
                received += os.read(ours, 4096)
            except OSError:
                return
            while found := re.search(rb"[\r\n]", received):
                message, received = received[: found.start()], received[found.end() :]
                answer = instrument.handle(message.decode())
                if answer is not None:
                    os.write(ours, answer.encode() + b"\r")

    threading.Thread(target=serve, daemon=True).start()
    return f"ASRL{os.ttyname(theirs)}::INSTR"


def test_terminator_and_speed_reach_the_link_and_the_watchdog():
    with Bench("2400", "sim:rram") as bench:
        resource = carriage_returns(bench.smu.instrument)
        with pytest.raises(LinkTimeout, match="ends with another terminator: give terminator=cr"):
            open_device(f"visa:{resource}?v_max=2&i_max=1e-3&timeout=0.3")
        with open_device(f"visa:{resource}?v_max=2&i_max=1e-3&terminator=%0D&watchdog=false") as device:
            device.apply(PULSE)
        with open_device(f"visa:{resource}?v_max=2&i_max=1e-3&terminator=cr&baud_rate=57600") as device:
            device.apply(PULSE)
            bench.smu.instrument.handle(":OUTP ON")
            device.smu._guard._tell("arm")
            end = time.monotonic() + 10.0
            while bench.smu.instrument.output and time.monotonic() < end:
                time.sleep(0.05)
            assert not bench.smu.instrument.output, "the watchdog must speak as the program does"
