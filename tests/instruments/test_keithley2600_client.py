"""An independent client: the package keithley2600, which asks a 2602B what there is, on the virtual bench."""

import logging
import warnings

import numpy as np
import pytest
from client_bench import ohms_law, served

pytest.importorskip("pyvisa_py")


@pytest.fixture
def opened():
    """The dut, the instrument, and the driver on it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        package = pytest.importorskip("keithley2600")
    logging.getLogger("keithley2600.keithley_driver").setLevel(logging.WARNING)
    with served("2602B") as (dut, instrument, resource):
        client = package.Keithley2600(resource, visa_library="@py", write_termination="\n", timeout=5000)
        yield dut, instrument, client
        client.disconnect()


def test_source_measure_and_limits(opened):
    dut, smu, client = opened
    assert client.connected and not smu.output
    for row, channel in enumerate((client.smua, client.smub)):
        assert channel.source.limiti == 1
        channel.source.limiti = 1e-3
        client.apply_voltage(channel, 0.5)
        assert client.measure_current(channel) == pytest.approx(ohms_law(dut, 0.5, row), rel=1e-5)
        assert client.measure_voltage(channel) == 0.5
        assert channel.measure.iv() == (pytest.approx(ohms_law(dut, 0.5, row), rel=1e-5), 0.5)
        channel.source.limiti = 1e-6
        assert channel.measure.i() == pytest.approx(1e-6) and channel.source.compliance is True
    assert client.read_error_queue() == []
    client.smua.source.levelv = 500
    with pytest.raises(AttributeError, match="read-only"):
        client.smua.source.compliance = True
    assert [entry[0] for entry in client.read_error_queue()] == [1101]
    with pytest.raises(AttributeError, match="nonsense"):
        _ = client.smua.source.nonsense
    client.smua.source.output = client.smua.OUTPUT_OFF
    client.smub.source.output = client.smub.OUTPUT_OFF
    assert client.localnode.linefreq == 50 and not smu.output


def test_sweeps(opened):
    dut, _, client = opened
    levels = [0.1, 0.2, 0.3, 0.4]
    for channel in (client.smua, client.smub):
        channel.source.limiti = 1e-3
    volts, amps = client.voltage_sweep_single_smu(client.smub, levels, t_int=1e-3, delay=-1, pulsed=False)
    np.testing.assert_allclose(volts, levels)
    np.testing.assert_allclose(amps, [ohms_law(dut, v, 1) for v in levels], rtol=1e-5)
    v1, i1, v2, i2 = client.voltage_sweep_dual_smu(
        client.smua, client.smub, levels, levels[::-1], t_int=1e-3, delay=-1, pulsed=True
    )
    np.testing.assert_allclose([v1, v2], [levels, levels[::-1]])
    np.testing.assert_allclose(i1, [ohms_law(dut, v, 0) for v in levels], rtol=1e-5)
    np.testing.assert_allclose(i2, [ohms_law(dut, v, 1) for v in levels[::-1]], rtol=1e-5)
    assert client.read_error_queue() == []
    assert client.smua.source.levelv == 0, "pulsed: the level comes back"
