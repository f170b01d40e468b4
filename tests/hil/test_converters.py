"""Converters in front of simulation, emulator and virtual instruments: products and reads by their codes."""

import numpy as np
import pytest

from hil.abilities import Identified, Parametrised, PulseChoosing, Thresholded
from hil.backends import open_device
from hil.contract import DeviceContract
from hil.errors import InputError
from hil.limits import LimitError
from hil.spiking.host import HostCore
from hil.spiking.neurons import Lif
from hil.spiking.rules import Stdp
from hil.waveform import Waveform


def opened(uri, rows=4, cols=3, **more):
    return open_device(uri, rows=rows, cols=cols, **more)


def nearest(values, bits, full_scale):
    """Mid-tread codes of a converter with a sign, in the unit of the values."""
    levels = np.linspace(-1, 1, 2**bits - 1) * full_scale
    return levels[np.abs(values[..., None] - levels).argmin(axis=-1)]


def test_case_38_of_the_users():
    """8-bit ADC and 4-bit DAC on an array of 6 x 5 cells: products and reads at the nearest codes."""
    exact, coarse = (opened(f"sim:rram?w0=0.37&d2d_r=0.2{more}", 6, 5) for more in ("", "&adc_bits=8&dac_bits=4"))
    v = exact.read_voltage * np.random.default_rng(1).uniform(-1, 1, (20, 6))
    g_max, driven = exact.programming.g_max, nearest(v, 4, exact.read_voltage)
    full_scale = 6 * g_max * np.abs(v).max(axis=1)
    expected = np.array([nearest(i, 8, most) for i, most in zip(exact.mvm(driven), full_scale, strict=True)])
    assert coarse.mvm(v) == pytest.approx(expected, rel=1e-9, abs=1e-18)
    assert coarse.read() == pytest.approx(nearest(exact.read(), 8, g_max), rel=1e-9)
    assert np.abs(coarse.read() - exact.read()).max() > g_max / 1000 and not coarse.clipped


def test_a_given_range_clips_and_says_so():
    device = opened("sim:rram?w0=1&adc_bits=6&adc_range=1e-7")
    g = 1e-4
    assert device.mvm([[1e-4, 0, 0, 0]])[0] == pytest.approx(np.rint(1e-4 * g / (1e-7 / 31)) * 1e-7 / 31)
    assert device.mvm([[2e-3, 0, 0, 0]])[0] == pytest.approx(1e-7) and device.clipped == 3
    answer = device.apply(
        Waveform.samples([[1e-4, 0, 0, 0], [5e-3, 0, 0, 0]], np.zeros((2, 3)), dwell=1e-6, measure=True)
    )
    assert answer.tripped.tolist() == [False, True] and answer.currents[1] == pytest.approx(1e-7)


@pytest.mark.parametrize("bits", [4, 6, 8, 10])
def test_the_error_of_a_converter_is_that_of_its_steps(bits):
    """Uniform within half a step: a standard deviation of a step over the root of 12."""
    exact, coarse = (opened(f"sim:rram?w0=0.5&d2d_r=0.3{more}", 16, 12) for more in ("", f"&adc_bits={bits}"))
    v = 1e-3 * np.random.default_rng(bits).uniform(0.2, 1, (200, 16))
    step = 16 * 1e-4 * np.abs(v).max(axis=1, keepdims=True) / (2 ** (bits - 1) - 1)
    error = (coarse.mvm(v) - exact.mvm(v)) / step
    assert np.abs(error).max() <= 0.5 + 1e-9 and error.std() == pytest.approx(12**-0.5, rel=0.1)


def test_calibration_takes_offsets_away_and_uses_the_range():
    exact = opened("sim:rram?w0=0.1&d2d_r=0.2", 32, 6)
    device = opened("sim:rram?w0=0.1&d2d_r=0.2&adc_bits=8&adc_offset=5&adc_noise=0.5", 32, 6)
    v = 1e-3 * np.random.default_rng(0).uniform(0, 1, (300, 32))
    before = np.abs(device.mvm(v) - exact.mvm(v)).mean()
    found = device.calibrate(v)
    after = np.abs(device.mvm(v) - exact.mvm(v)).mean()
    assert found.adc_range == pytest.approx(exact.mvm(v).max()) and found.clipped == 0
    assert np.abs(found.offsets).max() > 1 and after < before / 10 and after < found.step
    tight = device.calibrate(v, percentile=50)
    assert tight.clipped == pytest.approx(0.5, abs=0.01) and tight.step < found.step
    with pytest.raises(InputError, match="no current"):
        device.calibrate(np.zeros((1, 32)))


def test_offsets_of_inputs_are_on_every_line_and_stay():
    """Read off by a product of silent inputs: what every row's offset drives through its cells."""
    uri = "sim:rram?w0=0.5&d2d_r=0.3"
    exact, device = opened(uri, 6, 8), opened(f"{uri}&dac_bits=6&dac_offset=2&converter_seed=4", 6, 8)
    silent = device.mvm(np.zeros((3, 6)))
    assert np.array_equal(silent[0], silent[2]) and np.abs(silent).min() > 0
    offsets = np.linalg.lstsq(exact.conductance.T, silent[0], rcond=None)[0] / (exact.read_voltage / 31)
    assert exact.conductance.T @ (offsets * exact.read_voltage / 31) == pytest.approx(silent[0], rel=1e-9)
    assert 0.5 < np.sqrt(np.mean(offsets**2)) < 5
    v = nearest(exact.read_voltage * np.random.default_rng(2).uniform(-1, 1, (5, 6)), 6, exact.read_voltage)
    assert device.mvm(v) == pytest.approx(exact.mvm(v) + silent[0], rel=1e-9)
    assert device.read() == pytest.approx(exact.read() + silent[0] / exact.read_voltage, rel=1e-9)
    back = device.mvm(np.zeros((1, 8)), reverse=True)
    assert np.abs(back).min() > 0
    with pytest.raises(InputError, match="dac_offset = 2: give dac_bits as well"):
        opened("sim:rram?dac_offset=2")


def test_noise_of_converters_is_theirs_and_resumes():
    device = opened("sim:rram?w0=0.5&dac_bits=8&dac_noise=2&adc_bits=12&adc_noise=3&converter_seed=5")
    state = device.snapshot()
    first = device.mvm(np.full((500, 4), 1e-3))
    step = 4 * 1e-4 * 1e-3 / 2047
    of_inputs = 2 * (1e-3 / 127) * 5.05e-5 * 2
    assert first.std(axis=0) == pytest.approx(np.hypot(3 * step, of_inputs), rel=0.1)
    device.restore(state)
    assert np.array_equal(device.mvm(np.full((500, 4), 1e-3)), first)
    assert not np.array_equal(device.mvm(np.full((500, 4), 1e-3)), first)
    with pytest.raises(InputError, match="conversions"):
        device.restore(device.array.snapshot())


@pytest.mark.parametrize("uri", ["sim:vteam?pulse_steps=20", "fpga:golden", "sim:rram?r_wire=3&selector=exponential"])
def test_they_stand_in_front_of_any_device(uri):
    """Also backwards, and as far as they know each other's abilities."""
    joint = "&" if "?" in uri else "?"
    exact, coarse = opened(uri, 3, 2), opened(f"{uri}{joint}adc_bits=7", 3, 2)
    g_max, v = exact.programming.g_max, exact.read_voltage
    assert coarse.read() == pytest.approx(nearest(exact.read(), 7, g_max), rel=1e-6)
    drive = np.array([[v, 0, v]])
    assert coarse.mvm(drive)[0] == pytest.approx(nearest(exact.mvm(drive)[0], 7, 3 * g_max * v), rel=1e-6)
    for ability in (Identified, Parametrised, PulseChoosing, Thresholded):
        assert isinstance(coarse, ability) == isinstance(exact, ability)
    if uri.startswith("sim"):
        back = np.array([[v, v]])
        found = coarse.mvm(back, reverse=True)[0]
        assert found == pytest.approx(nearest(exact.mvm(back, reverse=True)[0], 7, 2 * g_max * v), rel=1e-6)


def test_they_stand_in_front_of_instruments():
    """A virtual source-measure unit on one cell, whose pulses are chosen for what the converters need."""
    pytest.importorskip("pyvisa")
    uri = "visa:virtual?dut=sim:rram&v_max=1.5&i_max=1e-3&watchdog=false"
    with open_device(uri) as exact:
        g, v = float(exact.read()[0, 0]), exact.read_voltage
    with open_device(f"{uri}&adc_bits=5&adc_range={1.7 * g * v}") as coarse:
        expected = nearest(np.array([g]), 5, 1.7 * g)
        assert coarse.read()[0] == pytest.approx(expected, rel=1e-9) and abs(expected[0] / g - 1) > 0.01
        assert isinstance(coarse, Identified) and coarse.identity == exact.identity


def test_a_spiking_core_reads_through_them():
    """4 bits of 8 rows: weights are told in sevenths, and the compiled core that knows no converters is not offered."""
    device = opened("sim:rram?w0=0.4&d2d_r=0.1&adc_bits=4", 8, 3)
    core = device.spiking(Lif(threshold=2.0), Stdp())
    assert isinstance(core, HostCore)
    p = device.programming
    told = core.weights() * (p.g_max - p.g_min) + p.g_min
    assert told * 7 / p.g_max == pytest.approx(np.rint(told * 7 / p.g_max), abs=1e-6)


@pytest.mark.parametrize(
    "given, told",
    [
        ("adc_bits=1", "adc_bits"),
        ("adc_range=1e-6", "adc_range = 1e-06: give adc_bits as well"),
        ("dac_noise=1", "dac_noise = 1: give dac_bits"),
        ("adc_bit=8", "adc_bit"),
    ],
)
def test_what_makes_no_converter_is_refused(given, told):
    with pytest.raises(InputError, match=told):
        opened(f"sim:rram?{given}")


def test_inputs_beyond_the_range_are_refused_and_cells_without_a_range_need_one():
    with pytest.raises(LimitError, match=r"segment 1, row 2: 0\.3 V is beyond dac_range = 0\.2 V"):
        opened("sim:rram?dac_bits=4&dac_range=0.2").mvm([[0, 0, 0, 0], [0, 0.1, 0.3, 0]])


class TestRramBehindConverters(DeviceContract):
    tolerance = 2e-4

    def open(self, rows, cols):
        return open_device("sim:rram?model=nlsb&alpha=0.05&adc_bits=18&dac_bits=12", rows=rows, cols=cols)
