"""`hil characterize stdp --overlap`: pre on channel 1, post on channel 2, as the bare device."""

import numpy as np
import pytest

import hil
from hil.experiments.stdp_window import PARTS, spike_pair

PULSES = {"amplitude": 1.2, "amplitude_negative": 0.7, "prepare_pulses": 2}
DELAYS = [-1.5e-3, -0.37e-3, -0.1e-3, 0.1e-3, 0.5e-3, 0.93e-3]
NOISE = 2e-3


def window(device, tmp_path, **more):
    run = tmp_path / f"run{len(list(tmp_path.iterdir()))}"
    return hil.characterize(
        "stdp", device=device, overlap=True, run=run, **(PULSES | {"delays": DELAYS} | more)
    ).records


def test_pulses_that_overlap_are_measured_where_one_ends():
    pair = spike_pair(1.0, 0.8, 1e-3, 0.3e-3, ends=True)
    assert pair.measure.tolist() == [False, True, True]
    np.testing.assert_allclose(pair.rows[:, 0] - pair.cols[:, 0], [1.0, 0.2, -0.8])
    np.testing.assert_allclose(pair.duration, [0.3e-3, 0.7e-3, 0.3e-3])


@pytest.mark.parametrize(("model", "width"), [("2602B", 1e-3), ("B2902A", 2e-3)])
def test_the_window_is_that_of_the_device(model, width, tmp_path):
    want = window("sim:vteam", tmp_path, width=width)
    seen = window(f"visa:virtual?model={model}&channels=2&dut=sim:vteam&watchdog=false", tmp_path, width=width)
    assert np.ptp(want["change"]) > 0.05, "the delay tells"
    np.testing.assert_allclose(seen["change"], want["change"], atol=2e-5)  # six digits on the wire
    np.testing.assert_allclose(seen["delay"], DELAYS)


def test_with_noise_it_is_within_two_standard_deviations(tmp_path):
    want = window("sim:vteam", tmp_path)
    uri = f"visa:virtual?model=2602B&channels=2&dut=sim:vteam&watchdog=false&relative_noise={NOISE}"
    seen = window(uri, tmp_path)
    z = (seen["change"] - want["change"]) / (NOISE * np.sqrt(2) * (1 + want["change"]))
    assert np.abs(z).max() < 2.0 and np.sqrt((z**2).mean()) > 0.2, z


def test_the_command(hil, tmp_path):
    uri = "visa:virtual?model=2602B&channels=2&dut=sim:vteam&watchdog=false"
    words = ["--set", "amplitude=1.2", "--set", "prepare_pulses=2", "--commands", "-", "--dry-run"]
    code, out, err = hil("characterize", "stdp", "--overlap", "--device", uri, *words)
    assert code == 0, err
    assert f"{2 * len(PARTS)} blocks" in out
    assert out.count("trigger.timer[5].delay = ") == sum(part < 1 for part in PARTS if part not in (0.5,)), out
    code, _, err = hil("characterize", "ltp", "--overlap", "--device", "sim:rram")
    assert code == 2 and "overlap" in err and "Traceback" not in err
