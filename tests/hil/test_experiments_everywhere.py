"""Every experiment on every kind of device and cell; the fits by themselves."""

import numpy as np
import pytest
from experiment_runner import play

from hil.backends import open_device
from hil.device import Unsupported
from hil.errors import InputError
from hil.experiments import catalogue, fits
from hil.experiments.endurance import first_failure
from hil.experiments.forming import ramp
from hil.experiments.stdp_window import spike_pair

SMALL = {
    "array": {"writes": 2},
    "iv": {"stairs": 12},
    "ltp": {"pulses": 5, "cycles": 1},
    "stdp": {"delays": [-0.01, 0.01]},
    "ppf": {"intervals": [0.01, 0.1]},
    "desensitisation": {"pulses": 3, "pauses": [0.1]},
    "retention": {"reads": 4, "last": 1.0},
    "endurance": {"cycles": 3, "pulses": 2},
    "ispp": {"levels": 2, "range_pulses": 20, "max_pulses": 30, "settle": 0.2},
    "forming": {"allowed": True, "stop": 0.7},
}
DEVICES = ["sim:rram", "sim:flca", "sim:flca-pair", "sim:flca-step", "fpga:golden", "fpga:golden?cell=flca"]


@pytest.mark.parametrize("uri", DEVICES)
@pytest.mark.parametrize("name", catalogue.EXPERIMENTS.names())
def test_every_experiment_runs_on_every_device_and_draws(name, uri, tmp_path):
    experiment, records, _ = play(name, uri, **SMALL.get(name, {}))
    assert {len(column) for column in records.values()} == {len(records["time"])}
    assert len(records["time"]) > 0
    assert all(row.name for row in experiment.analyse(records))
    if uri != "sim:rram":
        return
    experiment.draw({uri: records, "again": records}, tmp_path / "figure.png")
    assert (tmp_path / "figure.png").read_bytes()[:4] == b"\x89PNG"


@pytest.mark.parametrize("name", ["iv", "ltp", "ispp", "endurance"])
def test_only_the_row_of_the_chosen_cell_is_driven(name, monkeypatch):
    device = open_device("sim:rram?rows=3&cols=2")
    before, driven, drive = device.weights, [], device._play

    def spy(waveform):
        driven.append(waveform)
        return drive(waveform)

    monkeypatch.setattr(device, "_play", spy)
    play(name, "sim:rram", device=device, row=2, col=1, **SMALL.get(name, {}))
    assert any(waveform.rows[:, 2].any() for waveform in driven)
    assert not any(waveform.rows[:, :2].any() or waveform.cols.any() for waveform in driven)
    assert (device.weights[:2] == before[:2]).all()
    with pytest.raises(InputError, match=r"row = 3: sim:rram has 3, give 0 .. 2"):
        play(name, "sim:rram?rows=3", row=3, **SMALL.get(name, {}))


def test_currents_are_those_of_the_chosen_cell():
    device = open_device("sim:rram?rows=2&cols=2&d2d_r=0.5")
    _, records, _ = play("retention", "sim:rram", device=device, row=1, col=1, **SMALL["retention"])
    assert records["conductance"][-1] == pytest.approx(device.conductance[1, 1])


def test_the_post_pulse_is_on_the_column_of_the_chosen_cell(monkeypatch):
    device = open_device("sim:rram?rows=2&cols=2")
    driven, drive = [], device._play
    monkeypatch.setattr(device, "_play", lambda waveform: driven.append(waveform) or drive(waveform))
    play("stdp", "sim:rram", device=device, row=0, col=1, **SMALL["stdp"])
    assert any(waveform.cols[:, 1].any() for waveform in driven)
    assert not any(waveform.cols[:, 0].any() or waveform.rows[:, 1].any() for waveform in driven)


def test_off_grid_values_are_rounded_or_refused_as_asked():
    _, records, _ = play("iv", "fpga:golden?cell=flca", amplitudes=[0.0999], **SMALL["iv"])
    with open_device("fpga:golden?cell=flca") as device:
        steps = records["voltage"] / device.limits.v_step
    assert steps == pytest.approx(np.round(steps), abs=1e-6)
    with pytest.raises(InputError, match="is not a multiple of the voltage step"):
        play("iv", "fpga:golden?cell=flca", amplitudes=[0.0999], quantise=False, **SMALL["iv"])


def test_a_device_that_cannot_reset_is_prepared_by_trains_or_refused(monkeypatch):
    def refuse():
        raise Unsupported("a sample cannot be reset")

    device = open_device("sim:rram")
    monkeypatch.setattr(device, "reset", refuse)
    _, records, _ = play("stdp", "sim:rram", device=device, prepare_pulses=3, **SMALL["stdp"])
    assert device.time > 12e-3
    assert len(records["delay"]) == 2
    device = open_device("sim:rram")
    monkeypatch.setattr(device, "reset", refuse)
    with pytest.raises(InputError, match="a sample cannot be reset; use 'train' or 'none'"):
        play("stdp", "sim:rram", device=device, prepare="reset", **SMALL["stdp"])


@pytest.mark.parametrize("delay", [-3e-3, -1e-3, -0.4e-3, 0.0, 0.4e-3, 1e-3, 3e-3])
def test_a_spike_pair_drives_each_line_for_its_width_at_its_time(delay):
    pair = spike_pair(1.0, 0.5, 1e-3, delay)
    row, col = (np.flatnonzero(table[:, 0]) for table in (pair.rows, pair.cols))
    assert pair.starts[col[0]] - pair.starts[row[0]] == pytest.approx(delay, abs=1e-12)
    assert pair.duration[row].sum() == pytest.approx(1e-3)
    assert pair.duration[col].sum() == pytest.approx(1e-3)
    assert (pair.rows.max(), pair.cols.max()) == (1.0, 0.5)


def test_an_exponential_is_found_without_starting_values():
    t = np.geomspace(0.01, 100, 40)
    for tau, amplitude, offset in ((0.5, -3.0, 7.0), (20.0, 1e-6, 1e-5)):
        fit = fits.exponential(t, offset + amplitude * np.exp(-t / tau))
        assert (fit.tau, fit.amplitude, fit.offset) == pytest.approx((tau, amplitude, offset), rel=1e-4)
    assert fits.exponential(t, np.full(40, 2.0)) is None
    assert fits.exponential(t[:3], t[:3]) is None
    noisy = 1 + np.exp(-t / 3) + 0.01 * np.random.default_rng(1).standard_normal(40)
    assert fits.exponential(t, noisy).tau == pytest.approx(3, rel=0.1)


def test_a_power_law_is_a_line_in_log_log():
    t = np.geomspace(0.1, 1e4, 20)
    fit = fits.power(t, 3e-6 * t**-0.05)
    assert (fit.factor, fit.exponent) == pytest.approx((3e-6, -0.05))
    assert fits.power(t[:2], t[:2]) is None


@pytest.mark.parametrize("alpha", [-1.0, 0.0, 0.6, 1.0, 3.0])
@pytest.mark.parametrize(("first", "last"), [(1e-6, 1e-4), (1e-4, 1e-6)])
def test_nonlinearity_is_the_exponent_of_its_definition(alpha, first, last):
    w = np.linspace(0, 1, 101)
    g = first ** (1 - w) * last**w if alpha == 0 else (first**alpha * (1 - w) + last**alpha * w) ** (1 / alpha)
    found = fits.nonlinear_train(g)
    assert found.alpha == pytest.approx(alpha, abs=1e-3)
    assert found.rms < 1e-3


def test_a_train_that_changes_nothing_has_no_nonlinearity():
    assert fits.nonlinear_train(np.full(10, 1e-5)) is None


def test_the_first_failure_is_the_first_of_enough_in_a_row():
    rng = np.random.default_rng(0)
    for _ in range(300):
        ratio, need = rng.choice([0.5, 1.5, np.nan], size=rng.integers(0, 12)), int(rng.integers(1, 4))
        bad = [not r >= 1.0 for r in ratio]
        slow = next((k for k in range(len(bad) - need + 1) if all(bad[k : k + need])), None)
        assert first_failure(ratio, 1.0, need) == slow


def test_a_ramp_never_goes_beyond_its_end():
    assert ramp(0.5, 0.8, 0.1) == pytest.approx([0.5, 0.6, 0.7, 0.8])
    assert ramp(0.5, 0.79, 0.1) == pytest.approx([0.5, 0.6, 0.7])
    assert ramp(1.0, 1.0, 0.1) == [1.0]
