"""Independent clients on both channels at once: one cell lies between them, with drivers that are not ours."""

import warnings

import pytest

from hil.backends import open_device
from instruments.virtual.catalogue import make
from instruments.virtual.dut import Dut
from instruments.virtual.server import Server

pytest.importorskip("pyvisa_py")
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture
def served():
    """A model with a cell between HI 1 and HI 2: the dut, the instrument and its resource."""
    servers = []

    def start(model):
        dut = Dut(open_device("sim:rram?g_min=1e-5&g_max=1e-4"))
        dut.connect({0}, (), "1")
        dut.connect({1}, (), "2")
        dut.play([0.0], [1e-3])  # loads the compiled model, which takes longer than a client may wait
        server = Server(make(model, dut), "socket").start()
        servers.append(server)
        return dut, server.instrument, server.resource

    yield start
    for server in servers:
        server.stop()
        assert server.error is None


@pytest.mark.parametrize(
    ("a", "b"),
    [(0.3, -0.2), pytest.param(0.0, 0.4, marks=pytest.mark.slow), pytest.param(0.4, 0.4, marks=pytest.mark.slow)],
)
def test_pymeasure_sources_both_ends_of_a_cell(served, a, b):
    pytest.importorskip("pymeasure")
    from pymeasure.instruments.keithley import Keithley2600

    dut, smu, resource = served("2602B")
    client = Keithley2600(resource, visa_library="@py", timeout=3000, write_termination="\n", read_termination="\n")
    try:
        for channel, volts in ((client.ChA, a), (client.ChB, b)):
            channel.source_mode, channel.compliance_current = "voltage", 1e-3
            channel.source_voltage, channel.source_output = volts, "ON"
        wanted = (a - b) * float(dut.truth.conductance[0, 0])
        assert client.ChA.current == pytest.approx(wanted, rel=1e-4, abs=1e-12)
        assert client.ChB.current == pytest.approx(-wanted, rel=1e-4, abs=1e-12)
        client.ChA.shutdown()
        client.ChB.shutdown()
        assert client.ChA.source_output == client.ChB.source_output == "OFF" and not smu.output
    finally:
        client.adapter.close()


@pytest.mark.parametrize(
    ("model", "driver"), [("2602B", "Keithley.Keithley2602B"), ("B2902A", "Keysight.KeysightB2962A")]
)
def test_qcodes_sources_both_ends_of_a_cell(served, model, driver, tmp_path, monkeypatch):
    """The B2962A's driver knows no measurement: the cell's current is what the other end of the bench sees."""
    for name in ("HOME", "USERPROFILE", "XDG_CONFIG_HOME", "XDG_DATA_HOME"):
        monkeypatch.setenv(name, str(tmp_path))
    pytest.importorskip("qcodes")
    from qcodes import instrument_drivers

    dut, smu, resource = served(model)
    room, name = driver.split(".")
    __import__(f"qcodes.instrument_drivers.{room}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        client = getattr(getattr(instrument_drivers, room), name)(f"pair{model}", resource, visalib="@py")
    try:
        g = float(dut.truth.conductance[0, 0])
        if model == "2602B":
            for channel, volts in ((client.smua, 0.3), (client.smub, -0.2)):
                channel.mode("voltage")
                channel.limiti(1e-3)
                channel.volt(volts)
                channel.output(True)
            assert client.smua.curr() == pytest.approx(0.5 * g, rel=1e-4)
            assert client.smub.curr() == pytest.approx(-0.5 * g, rel=1e-4)
        else:
            for channel, volts in ((client.ch1, 0.3), (client.ch2, -0.2)):
                channel.source_voltage(volts)
                channel.enable("on")
            assert client.ch1.current() == pytest.approx(0.5 * g, rel=1e-4)
            assert client.ch2.current() == pytest.approx(-0.5 * g, rel=1e-4)
        assert smu.output
    finally:
        client.close()
