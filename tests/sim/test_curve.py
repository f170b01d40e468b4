"""`sim:curve`: the measured train comes out again, noisy points are smoothed or refused, and it agrees with `fpga:`."""

import json

import numpy as np
import pytest

from hil.backends import open_device
from hil.contract import DeviceContract
from hil.errors import InputError
from hil.presets import FORMAT
from hil.waveform import Waveform

UP = (2e-6, 5e-6, 9e-6, 1.5e-5, 1.9e-5, 2.1e-5)
DOWN = (1.8e-5, 1.2e-5, 8e-6, 4e-6, 2e-6)


def text(points):
    return ",".join(f"{g:.12g}" for g in points)


def train(device, v, count):
    seen = []
    for _ in range(count):
        device.apply(Waveform.pulse(v, width=1e-6))
        seen.append(device.conductance[0, 0])
    return np.array(seen)


def test_the_measured_train_comes_out_again():
    with open_device("sim:curve?w0=0", potentiation=UP, depression=DOWN) as device:
        assert device.conductance[0, 0] == pytest.approx(UP[0])
        assert train(device, 1.2, 5) == pytest.approx(UP[1:])
        # beyond the last point a step is that of the last one, up to the highest conductance
        assert train(device, 1.2, 3) == pytest.approx([UP[-1]] * 3)
    with open_device("sim:curve", potentiation=UP, depression=DOWN, w0=(DOWN[0] - 2e-6) / 1.9e-5) as device:
        assert train(device, -1.2, 4) == pytest.approx(DOWN[1:])


def test_steps_between_the_points_are_interpolated():
    with open_device("sim:curve", potentiation=UP, depression=DOWN, w0=(7e-6 - 2e-6) / 1.9e-5) as device:
        assert train(device, 1.2, 1) == pytest.approx([7e-6 + (4e-6 + 6e-6) / 2])
        device.reset()
        # from 8 uS the measured step is 4 uS, from 4 uS 2 uS: from 7 uS 3.5 uS
        assert train(device, -1.2, 1) == pytest.approx([7e-6 - 3.5e-6])


def test_it_is_read_from_the_file_that_an_emulator_reads(tmp_path):
    path = tmp_path / "cell.json"
    path.write_text(json.dumps({"format": FORMAT, "model": "curve", "potentiation": UP, "depression": DOWN}))
    with (
        open_device(f"sim:curve?preset={path}&w0=0") as ours,
        open_device(f"fpga:golden?preset={path}&state_bits=16&w0=0&rounding=nearest") as theirs,
    ):
        assert (ours.programming.g_min, ours.programming.g_max) == (theirs.programming.g_min, theirs.programming.g_max)
        for v in (1.2,) * 5 + (-1.2,) * 4:
            for device in (ours, theirs):
                device.apply(Waveform.pulse(v, width=1e-6))
            # the emulator takes the step at the centre of one of 256 bins
            assert ours.conductance[0, 0] == pytest.approx(theirs.read()[0, 0], abs=0.02 * 1.9e-5)


def noisy(seed=2, count=80, noise=4e-7):
    clean = 2e-6 + 5e-5 * (1 - np.exp(-np.arange(count) / 30))
    rng = np.random.default_rng(seed)
    return clean, clean + noise * rng.standard_normal(count), clean[::-1] + noise * rng.standard_normal(count)


def test_noisy_points_are_refused_with_the_smoothing_that_helps():
    clean, up, down = noisy()
    with pytest.raises(
        InputError, match=r"^sim:curve: .*potentiation\[\d+\].*smooth.*smoothing=(\d+) of sim:curve"
    ) as refused:
        open_device("sim:curve", potentiation=text(up), depression=text(down))
    assert "\n" not in str(refused.value)
    with open_device("sim:curve", potentiation=text(up), depression=text(down), smoothing=20, w0=0) as device:
        seen = train(device, 1.2, 79)
    assert np.abs(seen - clean[1:]).max() < 1e-6  # what smoothing leaves of 0.4 uS of noise, summed over the train
    assert np.sqrt(np.mean((seen - clean[1:]) ** 2)) < 0.75 * 4e-7


def test_smoothing_leaves_a_parabola_as_it_is():
    n = np.arange(30)
    up, down = 1e-6 + 1e-7 * n + 1e-9 * n**2, 5e-6 - 1e-7 * n
    made = [
        open_device("sim:curve?w0=0", potentiation=up.tolist(), depression=down.tolist(), smoothing=s) for s in (0, 7)
    ]
    one, other = (train(device, 1.2, 20) for device in made)
    assert one == pytest.approx(other, rel=1e-9)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"potentiation": "1e-6"}, "potentiation must have at least 2"),
        ({"potentiation": "1e-6,0"}, r"potentiation\[1\] = 0 S must be finite and > 0"),
        ({"depression": "1e-6,2e-6"}, r"depression\[1\] = 2e-06 S must be below the value before it"),
        ({"smoothing": -1}, "smoothing = -1 must be >= 0"),
        ({"potentiation": "1e-6,x"}, "potentiation"),
    ],
)
def test_what_is_no_curve_is_refused(given, told):
    with pytest.raises(InputError, match=told):
        open_device("sim:curve", **given)


class TestCurve(DeviceContract):
    def open(self, rows, cols):
        return open_device("sim:curve", rows=rows, cols=cols, potentiation=UP, depression=DOWN)


class TestVariableCurve(DeviceContract):
    def open(self, rows, cols):
        return open_device("sim:curve?d2d=0.1&c2c=0.2&levels=32&drift=0.02", rows=rows, cols=cols)

    tolerance, settling = 1e-5, 0.2
