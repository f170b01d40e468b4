"""An independent client: QCoDeS's own drivers source, measure, sweep and limit on the virtual bench."""

import warnings
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest
from client_bench import ohms_law, served

pytest.importorskip("pyvisa_py")
pytestmark = pytest.mark.filterwarnings("ignore")


HOMES = ("HOME", "USERPROFILE", "APPDATA", "LOCALAPPDATA", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "IPYTHONDIR")


@pytest.fixture(scope="module")
def drivers(tmp_path_factory):
    """QCoDeS's Keithley drivers, with a home of their own: it keeps logs and a data base there."""
    home, before = tmp_path_factory.mktemp("home"), _left_in_the_home()
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in HOMES:
            patch.setenv(name, str(home))
        pytest.importorskip("qcodes")
        import qcodes
        from qcodes.instrument_drivers import Keithley

        qcodes.config["core"]["db_location"] = str(home / "qcodes.db")
        yield Keithley
        qcodes.Instrument.close_all()
    assert _left_in_the_home() == before, "the tests keep out of the user's home"


def _left_in_the_home():
    return sorted(Path.home().glob(".qcodes/**/*")) + sorted(Path.home().glob("*.db"))


@pytest.fixture
def opened(drivers):
    """Open the driver of a model: the dut, the instrument, and the driver."""
    with ExitStack() as stack:

        def start(model):
            dut, instrument, resource = stack.enter_context(served(model))
            client = getattr(drivers, f"Keithley{model}")(f"k{model}", resource, visalib="@py")
            stack.callback(client.close)
            return dut, instrument, client

        yield start


class Linear:
    """A linear sweep as QCoDeS's drivers want it (qcodes.dataset.LinSweep)."""

    def __init__(self, param, start, stop, num_points, delay=0.0):
        self.param, self.num_points, self.delay = param, num_points, delay
        self._points = np.linspace(start, stop, num_points)

    def get_setpoints(self):
        return self._points


def test_2400(opened):
    dut, smu, client = opened("2400")
    assert not smu.output, "connecting changes no output"
    client.mode("VOLT")
    client.compliancei(1e-3)
    client.volt(0.5)
    with pytest.raises(RuntimeError, match="output off"):
        client.curr()
    client.output(1)
    assert client.curr() == pytest.approx(ohms_law(dut, 0.5), rel=1e-5) and client.volt() == 0.5
    assert client.resistance() == pytest.approx(0.5 / ohms_law(dut, 0.5), rel=1e-5)
    sweep = []
    for volts in np.linspace(-0.4, 0.4, 5):
        client.volt(volts)
        sweep.append(client.curr())
    np.testing.assert_allclose(sweep, [ohms_law(dut, v) for v in np.linspace(-0.4, 0.4, 5)], rtol=1e-5, atol=1e-12)
    client.compliancei(1e-6)
    assert client.curr() == pytest.approx(1e-6) and client.compliancei() == pytest.approx(1e-6)
    assert client.ask("SYST:ERR?").startswith("0,")
    client.write("SOUR:VOLT 500")
    assert client.ask("SYST:ERR?").startswith("-222")
    client.output(0)
    assert client.ask("*OPC?") == "1" and not smu.output


def test_2450(opened):
    dut, smu, client = opened("2450")
    assert not smu.output and client.line_frequency() == "50"
    client.source_function("voltage")
    client.sense_function("current")
    client.source.limit(1e-3)
    client.source.voltage(0.5)
    client.sense.four_wire_measurement(False)
    client.sense.nplc(0.1)
    with client.output_enabled.set_to(True):
        assert client.sense.current() == pytest.approx(ohms_law(dut, 0.5), rel=1e-5)
        assert client.source.limit_tripped() is False
        client.source.sweep_setup(0, 0.4, 5)
        np.testing.assert_allclose(client.sense.sweep(), [ohms_law(dut, v) for v in np.linspace(0, 0.4, 5)], rtol=1e-5)
    assert client.ask("*OPC?") == "1" and not smu.output
    with client.buffer("mine", 100) as buffer, client.output_enabled.set_to(True):
        client.source.limit(1e-6)
        assert client.sense.current() == pytest.approx(1e-6) and client.source.limit_tripped() is True
        assert buffer.size() == 100 and buffer.number_of_readings() == 1
    assert client.ask("SYST:ERR?").startswith("0,")
    client.source.voltage(500)
    assert client.ask("SYST:ERR?").startswith("-222")
    client.terminals("rear")
    client.reset()
    assert client.terminals() == "FRON"


def test_2602b_both_channels(opened):
    dut, smu, client = opened("2602B")
    assert not smu.output
    for row, channel in enumerate((client.smua, client.smub)):
        assert channel.limiti() == 1.0, "the default (2600BS-901-01 9-244)"
        channel.mode("voltage")
        channel.limiti(1e-3)
        channel.volt(0.5)
        channel.output(True)
        assert channel.curr() == pytest.approx(ohms_law(dut, 0.5, row), rel=1e-5)
        assert channel.curr.measurement_status.name == "NORMAL"
        assert channel.volt() == 0.5 and channel.res() == pytest.approx(0.5 / ohms_law(dut, 0.5, row), rel=1e-5)
        channel.limiti(1e-6)
        assert channel.curr() == pytest.approx(1e-6)
        assert channel.curr.measurement_status.name == "CURRENT_COMPLIANCE_ERROR"
        channel.limiti(1e-3)
        channel.nplc(0.01)
        channel.setup_fastsweep(Linear(channel.volt, -0.4, 0.4, 5))
        wanted = [ohms_law(dut, v, row) for v in np.linspace(-0.4, 0.4, 5)]
        np.testing.assert_allclose(channel.fastsweep(), wanted, rtol=1e-5, atol=1e-12)
    client.smua.setup_fastsweep(Linear(client.smua.volt, 0.1, 0.4, 4), Linear(client.smub.volt, 0, 0.2, 3, 1e-3))
    wanted = [[ohms_law(dut, v) for v in np.linspace(0.1, 0.4, 4)]] * 3
    np.testing.assert_allclose(client.smua.fastsweep(), wanted, rtol=1e-5)
    client.smub.timetrace_npts(4)
    np.testing.assert_allclose(client.smub.timetrace(), ohms_law(dut, 0.2, 1), rtol=1e-5)
    client.smua.volt(41)
    assert client.ask("errorqueue.next()").startswith("1.10100e+03")
    client.reset()
    assert client.ask("errorqueue.count") == "0.00000e+00" and not smu.output
