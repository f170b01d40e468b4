"""GPIB and USBTMC: pyvisa-py's own sessions on bindings that are faked (`fake_buses`), in processes of their own.

So the watchdog comes over the bus as well. What is faked is linux-gpib and PyUSB, not pyvisa-py, not the wire.
"""

import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest
from kill_bench import WITHIN, SlowTrains, wait_until

from hil.backends import open_device
from hil.waveform import Waveform
from instruments.virtual.bench import sample
from instruments.virtual.catalogue import make
from instruments.virtual.dut import Dut
from instruments.virtual.faults import Fault
from instruments.virtual.server import Server

pytest.importorskip("pyvisa_py")
BUSES = Path(__file__).with_name("fake_buses")
USB = "USB0::0x05E6::0x2450::04407378::INSTR"
RESOURCES = {"gpib": "GPIB0::24::INSTR", "usb": USB}
MODELS = {"gpib": "2400", "usb": "2450"}


@contextmanager
def over(bus, server, *words):
    """A Python process for which the server's instrument is on that bus."""
    port = server.resource.split("::")[2]
    there = {"gpib": {"FAKE_GPIB": f"24={port}"}, "usb": {"FAKE_USB": f"0x05e6:0x2450:04407378={port}"}}[bus]
    environment = os.environ | {"PYTHONPATH": str(BUSES)} | there
    with subprocess.Popen([sys.executable, *words], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True) as process:  # fmt: skip
        try:
            yield process
        finally:
            process.kill()


def said(bus, server, code):
    with over(bus, server, "-c", code) as process:
        words, complaint = process.communicate(timeout=60)
    assert process.returncode == 0, complaint
    return words


@contextmanager
def served(instrument):
    with Server(instrument) as server:
        yield server
    assert server.error is None


SESSION = """
from hil.backends import open_device
from hil.waveform import Waveform
with open_device("visa:{resource}?v_max=2&i_max=1e-3&{more}") as device:
    train = Waveform.train(0.5, width=5e-3, period=10e-3, count=60, measure=True)
    print(device.identity, *device.apply(train).currents.ravel())
"""


@pytest.mark.parametrize("bus", [pytest.param("gpib", marks=pytest.mark.slow), "usb"])
def test_a_whole_session_with_its_watchdog(bus):
    """60 readings are more than a packet of USB and than one transfer; the last ones are as right as the first."""
    device = sample("sim:rram", 1, 1, 0)
    with served(make(MODELS[bus], Dut(device))) as server:
        with open_device(f"visa:{server.resource}?v_max=2&i_max=1e-3&watchdog=false") as plain:
            want = plain.apply(Waveform.train(0.5, width=5e-3, period=10e-3, count=60, measure=True)).currents
        device.reset()
        words = said(bus, server, SESSION.format(resource=RESOURCES[bus], more=""))
        assert f"MODEL {MODELS[bus]}" in words
        assert [float(w) for w in words.split()[-60:]] == pytest.approx(want.ravel(), rel=1e-6)
        assert not server.instrument.output


LATE = """
from instruments.link.errors import LinkTimeout
from instruments.link.link import Link
with Link.open("{resource}", timeout=0.3) as link:
    print(link.query("*IDN?"))
    try:
        print("wrong:", link.query(":SYST:LFR?"))
    except LinkTimeout as error:
        print("late:", error)
    print(link.query("*IDN?"), link.query("*OPC?"))
"""


@pytest.mark.parametrize("bus", RESOURCES)
def test_a_late_answer_is_not_the_next_ones(bus):
    with served(make(MODELS[bus], Dut(sample("sim:rram", 1, 1, 0)))) as server:
        server.faults.next(Fault.DELAY, seconds=0.5, matching=":SYST:LFR?")
        lines = said(bus, server, LATE.format(resource=RESOURCES[bus])).splitlines()
        assert lines[1].startswith(f"late: {RESOURCES[bus]}") and "MODEL" in lines[0]
        assert lines[2].startswith(lines[0]) and lines[2].endswith(" 1")


@pytest.mark.slow
@pytest.mark.parametrize("bus", RESOURCES)
def test_a_program_that_is_killed_leaves_the_output_off(bus):
    """The watchdog opens the bus for itself."""
    with open_device("sim:rram") as device, served(SlowTrains(Dut(device))) as server:
        code = SESSION.format(resource=RESOURCES[bus], more="timeout=5")
        with over(bus, server, "-c", code) as process:
            assert wait_until(lambda: server.instrument.output or process.poll() is not None, 20.0)
            assert process.poll() is None, process.stderr.read()
            os.kill(process.pid, signal.SIGKILL)
            assert wait_until(lambda: not server.instrument.output, WITHIN)


def test_nobody_at_that_address():
    with served(make("2400", Dut(sample("sim:rram", 1, 1, 0)))) as server:
        code = "from instruments.link.link import Link; Link.open('GPIB0::9::INSTR', timeout=0.3).query('*IDN?')"
        with over("gpib", server, "-c", code) as process:
            _, complaint = process.communicate(timeout=60)
        assert process.returncode == 1 and "GPIB0::9::INSTR" in complaint.splitlines()[-1]
