"""An independent client: PyMeasure's own drivers, through pyvisa-py and a real socket, work the virtual bench."""

import warnings

import pytest

from hil.backends import open_device
from instruments.virtual.catalogue import make
from instruments.virtual.dut import Dut
from instruments.virtual.server import Server

pytest.importorskip("pyvisa_py")
SERIES = 1e3


@pytest.fixture(scope="module")
def keithley():
    """PyMeasure's Keithley drivers; importing them takes seconds."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pytest.importorskip("pymeasure")
        from pymeasure.instruments import keithley

    return keithley


@pytest.fixture
def bench():
    """Open a driver class on the virtual instrument of a model; everything is closed at the end."""
    opened = []

    def start(model, driver):
        dut = Dut(open_device("sim:rram?g_min=1e-5&g_max=1e-4"), series=SERIES)
        server = Server(make(model, dut), "socket").start()
        opened.append(server)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            client = driver(
                server.resource, visa_library="@py", timeout=3000, write_termination="\n", read_termination="\n"
            )
        opened.append(client.adapter)
        return dut, server.instrument, client

    yield start
    for thing in reversed(opened):
        (thing.stop if hasattr(thing, "stop") else thing.close)()


def ohms_law(dut, volts):
    return volts / (SERIES + 1 / dut.truth.conductance[0, 0])


def test_2400(bench, keithley):
    dut, smu, client = bench("2400", keithley.Keithley2400)
    assert not smu.output, "connecting changes no output"
    client.source_mode = "voltage"
    client.compliance_current = 1e-3
    client.source_voltage = 0.5
    client.enable_source()
    assert client.source_enabled and smu.output
    assert client.current == pytest.approx(ohms_law(dut, 0.5), rel=1e-5)
    client.compliance_current = 1e-5
    assert float(client.ask(":READ?").split(",")[1]) == pytest.approx(1e-5, rel=1e-5)
    # PyMeasure 0.16 measures with MEASure?, which brings the limit of a 2400 back to 105 uA (2400S-900-01 17-2).
    assert client.current == pytest.approx(ohms_law(dut, 0.5), rel=1e-5)
    assert client.compliance_current == pytest.approx(105e-6)
    assert client.check_errors() == []
    client.write(":SOUR:FUNC:SHAP PULS")
    client.write(":SOUR:VOLT 500")
    assert [error[0] for error in client.check_errors()] == [-113, -222]
    client.shutdown()
    assert client.ask("*OPC?").strip() == "1"
    assert not smu.output and smu.channel.level == 0


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_2450(bench, keithley):
    dut, smu, client = bench("2450", keithley.Keithley2450)
    assert not smu.output
    client.apply_voltage(voltage_range=2, compliance_current=1e-3)
    client.measure_current(nplc=0.1, current=1e-3, auto_range=False)
    client.source_voltage = -0.4
    client.enable_source()
    assert client.current == pytest.approx(ohms_law(dut, -0.4), rel=1e-5)
    assert client.compliance_current == pytest.approx(1e-3) and client.source_voltage == pytest.approx(-0.4)
    assert client.check_errors() == []
    client.source_voltage = 5
    client.write("SOUR:PULS:TR:VOLT 0,1,1e-3,1")
    assert [error[0] for error in client.check_errors()] == [-222, -113]
    client.disable_source()
    assert not client.source_enabled and not smu.output
    client.enable_source()
    client.shutdown()
    assert client.ask("*OPC?").strip() == "1"
    assert not smu.output and smu.channel.level == 0
    assert client.check_errors() == []


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_2600(bench, keithley):
    dut, smu, client = bench("2612B", keithley.Keithley2600)
    channel = client.ChA
    channel.source_mode = "voltage"
    channel.source_voltage_range = 2
    channel.compliance_current = 1e-3
    channel.source_voltage = 0.5
    channel.source_output = "ON"
    assert channel.source_output == "ON" and smu.output
    assert channel.current == pytest.approx(ohms_law(dut, 0.5), rel=1e-4)
    assert channel.resistance == pytest.approx(SERIES + 1 / dut.truth.conductance[0, 0], rel=1e-4)
    assert channel.check_errors() == []
    channel.source_voltage = 150
    client.write("smua.source.nonsense = 1")
    assert [error[0] for error in client.check_errors()] == [1101, -286]
    channel.shutdown()
    assert client.ask("*OPC?").strip() == "1"
    assert not smu.output and smu.smus[0].channel.level == 0


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_2602b_channel_b(bench, keithley):
    dut, smu, client = bench("2602B", keithley.Keithley2600)
    dut.connect({0}, {1}, "2")
    channel = client.ChB
    channel.source_mode = "voltage"
    channel.compliance_current = 1e-3
    channel.source_voltage_range = 1
    channel.source_voltage = 0.5
    channel.source_output = "ON"
    assert channel.source_output == "ON" and smu.smus[1].channel.output and not smu.smus[0].channel.output
    assert channel.current == pytest.approx(ohms_law(dut, 0.5), rel=1e-4)
    assert channel.voltage == pytest.approx(0.5)
    sweep = []
    for volts in (-0.4, -0.2, 0.2, 0.4):
        channel.source_voltage = volts
        sweep.append(channel.current)
    assert sweep == pytest.approx([ohms_law(dut, v) for v in (-0.4, -0.2, 0.2, 0.4)], rel=1e-4)
    channel.compliance_current = 1e-6
    assert channel.current == pytest.approx(1e-6) and channel.compliance_current == pytest.approx(1e-6)
    assert channel.check_errors() == []
    channel.source_voltage = 30
    assert [error[0] for error in client.check_errors()] == [1101]
    channel.shutdown()
    assert client.ask("*OPC?").strip() == "1" and not smu.output
