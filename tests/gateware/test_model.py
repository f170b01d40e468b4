"""Device models as tables: what is loaded into the emulator."""

import json

import numpy as np
import pytest

from gateware.model import FlcaScale, bin_weights, curve_tables, memductance, rram_tables
from hil.backends import open_device
from hil.errors import InputError
from hil.presets import FORMAT
from sim.cells.rram import RramParameters

FAMILIES = [
    {"model": "lhb", "alpha": 0.02, "alpha_dep": 0.01},
    {"model": "nlsb", "alpha": 0.05, "gamma": 3.0},
    {"model": "nlhb", "alpha": 0.02, "gamma": 1.5, "nstop": 300.0, "alpha_dep": 0.03, "nstop_dep": 100.0},
]


def closed_form(p):
    """Eqs 1-3 of Brivio et al. (2021), from the paper."""
    dep = p.alpha if p.alpha_dep is None else p.alpha_dep
    gamma, nstop_dep = p.gamma, p.nstop if p.nstop_dep is None else p.nstop_dep
    if p.model == "lhb":
        return (lambda w: p.alpha + 0 * w), (lambda w: dep + 0 * w)
    if p.model == "nlsb":
        return (lambda w: p.alpha * (1 - w) ** gamma), (lambda w: dep * w**gamma)
    pairs = (p.alpha, p.nstop), (dep, nstop_dep)
    up, down = (1 - (1 + (gamma - 1) * alpha * stop) ** (-1 / (gamma - 1)) for alpha, stop in pairs)
    return (
        lambda w: p.alpha / up * (1 - w * up) ** gamma,
        lambda w: dep / down * (1 - (1 - w) * down) ** gamma,
    )


@pytest.mark.parametrize("values", FAMILIES, ids=lambda values: values["model"])
@pytest.mark.parametrize("state_bits", [8, 11, 16])
def test_entries_are_the_steps_at_the_centres_of_the_bins(values, state_bits):
    p = RramParameters(**values)
    tables, w = rram_tables(p, state_bits, True), bin_weights(state_bits)
    unit = ((1 << state_bits) - 1) * 2.0 ** (16 - state_bits)
    for entries, step in zip((tables.potentiation, tables.depression), closed_form(p), strict=True):
        assert np.abs(entries / unit - step(w)).max() <= 0.5 / unit * (1 + 1e-9)


def test_bins_of_8_bits_are_the_states():
    assert np.array_equal(bin_weights(8), np.arange(256) / 255)


@pytest.mark.parametrize("state_bits", [9, 12, 16])
def test_the_centre_of_a_bin_is_the_mean_of_its_states(state_bits):
    states = np.arange(1 << state_bits).reshape(256, -1) / ((1 << state_bits) - 1)
    assert bin_weights(state_bits) == pytest.approx(states.mean(axis=1), abs=1e-15)


def test_the_memductance_is_linear():
    assert np.array_equal(memductance(), np.arange(256))


def test_a_whole_step_crosses_the_range():
    """alpha = 1, and NL-HB steps beyond the range, are held at it; nothing is lost, since states are clipped there."""
    for values in ({"alpha": 1.0}, {"model": "nlhb", "alpha": 1.0, "gamma": 1.0, "nstop": 0.5}):
        for state_bits in (8, 16):
            with open_device("fpga:golden", w0=0.0, state_bits=state_bits, **values) as device:
                drive(device, 1.0)
                assert device.states[0, 0] == (1 << state_bits) - 1


@pytest.mark.parametrize("values", FAMILIES, ids=lambda values: values["model"])
def test_pulse_trains_follow_the_simulated_device(values):
    """100 up, 100 down with 16 bits: each step is off by its bin's width times its slope, and by its rounding."""
    with open_device("sim:rram", w0=0.1, **values) as simulated:
        expected = pulse_train(simulated)
    with open_device("fpga:golden", w0=0.1, state_bits=16, **values) as emulated:
        found = pulse_train(emulated)
    assert np.ptp(expected) > 0.3 * (1e-4 - 1e-6)
    assert np.abs(found - expected).max() < 0.01 * (1e-4 - 1e-6)


def test_stochastic_rounding_is_right_on_average():
    """Steps of 0.2 of a state: none at all to the nearest, the right number of them at random."""
    alpha, cells, pulses = 0.2 / 255, 400, 50
    with open_device("fpga:golden", rows=cells, cols=1, alpha=alpha, w0=0.2) as device:
        start = device.states.astype(int)
        for _ in range(pulses):
            drive(device, 1.0)
        moved = device.states - start
        # 400 independent counts of 50 draws at p = 0.2: their mean is known to 0.14.
        assert abs(moved.mean() - 0.2 * pulses) < 5 * np.sqrt(pulses * 0.2 * 0.8 / cells)
        for _ in range(pulses):
            drive(device, -1.0)
        assert abs((device.states - start).mean()) < 5 * np.sqrt(2 * pulses * 0.2 * 0.8 / cells)


def drive(device, voltage):
    from hil.waveform import Waveform

    pulse = Waveform.pulse(np.full(device.rows, voltage), np.zeros(device.cols), width=1e-6)
    device.apply(pulse + Waveform.rest(1e-6, device.rows, device.cols))


def pulse_train(device):
    conductances = []
    for voltage in [1.0] * 100 + [-1.0] * 100:
        drive(device, voltage)
        conductances.append(device.read()[0, 0])
    return np.array(conductances)


# ---- measured curves


def measured(pulses=60):
    """A device whose steps shrink as it goes: up by 6 % of what is left, down by 8 %."""
    up = [2e-6]
    for _ in range(pulses):
        up.append(up[-1] + 0.06 * (1e-4 - up[-1]))
    down = [up[-1]]
    for _ in range(pulses):
        down.append(down[-1] - 0.08 * (down[-1] - 1e-6))
    return up, down


def test_a_measured_device_is_retraced():
    up, down = measured()
    parameters = {"model": "curve", "potentiation": tuple(up), "depression": tuple(down), "state_bits": 16}
    with open_device("fpga:golden", **parameters) as device:
        low, high = device.programming.g_min, device.programming.g_max
        assert (low, high) == (min(up[0], down[-1]), max(up[-1], down[0]))
        device.write_states(np.array([[round((up[0] - low) / (high - low) * 65535)]]))
        for curve, voltage in ((up, 1.0), (down, -1.0)):
            for wanted in curve[1:]:
                drive(device, voltage)
                assert device.read()[0, 0] == pytest.approx(wanted, abs=0.01 * (high - low))


@pytest.mark.parametrize(
    ("potentiation", "depression", "words"),
    [
        ([1e-6], [2e-6, 1e-6], "potentiation must have at least 2"),
        ([1e-6, 3e-6, 2e-6], [2e-6, 1e-6], r"potentiation\[2\] = 2e-06 S must be above the value before it, 3e-06 S"),
        ([1e-6, 2e-6], [1e-6, 1e-6], r"depression\[1\] = 1e-06 S must be below"),
        ([0.0, 2e-6], [2e-6, 1e-6], r"potentiation\[0\] = 0 S must be finite and > 0"),
        ([1e-6, np.inf], [2e-6, 1e-6], r"potentiation\[1\] = inf S"),
    ],
)
def test_curves_that_are_none_are_refused(potentiation, depression, words):
    with pytest.raises(InputError, match=words):
        curve_tables(potentiation, depression, 8, True)


# ---- what is too small


def test_steps_that_are_lost_are_refused():
    with pytest.raises(InputError, match=r"alpha = 1e-06 is too small .* at least 7.6e-06 of the range"):
        rram_tables(RramParameters(alpha=1e-6), 8, True)
    with pytest.raises(InputError, match=r"alpha = 0.001 never moves a state of 8 bits.*rounding=stochastic"):
        rram_tables(RramParameters(alpha=0.001), 8, False)
    with pytest.raises(InputError, match=r"alpha_dep = 0.001 never moves"):
        rram_tables(RramParameters(alpha=0.01, alpha_dep=0.001), 8, False)
    rram_tables(RramParameters(alpha=0.001), 8, True)
    rram_tables(RramParameters(alpha=0.001), 10, False)


@pytest.mark.parametrize("state_bits", [8, 10, 16])
def test_the_least_step_to_the_nearest_does_move_a_state(state_bits):
    alpha = 0.5001 / ((1 << state_bits) - 1)
    with open_device("fpga:golden", alpha=alpha, state_bits=state_bits, rounding="nearest") as device:
        before = int(device.states[0, 0])
        drive(device, 1.0)
        assert device.states[0, 0] == before + 1


# ---- FLCA


@pytest.mark.parametrize("D", [0.0, 0.03, 1.0, 70.0])
def test_the_widths_are_those_of_the_coefficients(D):
    scale = FlcaScale(A=1.0, D=D, phi_max=0.1, state_bits=16, v_step=0.1 / 4080)
    shortest, longest = scale.widths()
    assert 0 < shortest < longest
    assert scale.coefficients(shortest)[0] == 64
    gain, decay = scale.coefficients(min(longest, 1e9))
    assert gain < 1 << 24
    assert decay <= 1 << 24


def test_coefficients_are_those_of_the_closed_form():
    scale = FlcaScale(A=2.0, D=0.5, phi_max=0.2, state_bits=12, v_step=1e-4)
    tau = (1 - np.exp(-0.5 * 0.3)) / 0.5
    assert scale.coefficients(0.3) == (round(65536 * tau * 2.0 * 1e-4 / (0.2 / 4095)), round(2**24 * 0.5 * tau))


def test_a_flux_that_no_voltage_moves_is_refused():
    with pytest.raises(InputError, match="phi_max = 1e\\+06 V s is too large for D = 1 /s"):
        FlcaScale(A=1.0, D=1.0, phi_max=1e6, state_bits=16, v_step=0.1 / 4080).widths()


# ---- preset files


def write(tmp_path, content):
    path = tmp_path / "model.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def test_a_preset_file_sets_parameters_and_the_address_wins(tmp_path):
    path = write(tmp_path, {"format": FORMAT, "model": "rram", "parameters": {"model": "nlsb", "alpha": 0.04}})
    with open_device(f"fpga:golden?preset={path}&gamma=2", defaults={"alpha": 0.5, "rows": 3}) as device:
        p = device.parameters
        assert (p.cell, p.model, p.alpha, p.gamma, p.rows) == ("step", "nlsb", 0.04, 2.0, 3)


def test_a_measured_curve_comes_from_a_file(tmp_path):
    up, down = measured()
    path = write(tmp_path, {"format": FORMAT, "model": "curve", "potentiation": up, "depression": down})
    with open_device(f"fpga:golden?preset={path}") as device:
        assert device.programming.g_max == max(up)
        assert np.array_equal(device.tables.potentiation, curve_tables(up, down, 8, True).potentiation)


def test_an_flca_memristor_comes_from_a_file(tmp_path):
    path = write(tmp_path, {"format": FORMAT, "model": "flca", "parameters": {"D": 3.0, "R": [200.0, 1e5]}})
    with open_device(f"fpga:golden?preset={path}") as device:
        assert (device.parameters.cell, device.parameters.D, device.parameters.R) == ("flca", 3.0, (200.0, 1e5))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "is not a valid JSON file"),
        ([], "its 'format' must be 'memhil-model/1'"),
        ({"format": "memhil-model/2"}, "its 'format' must be 'memhil-model/1'"),
        ({"format": FORMAT, "model": "rrram"}, "unknown model 'rrram' .*did you mean 'rram'"),
        ({"format": FORMAT, "model": "rram"}, "model 'rram' needs 'parameters'"),
        ({"format": FORMAT, "model": "rram", "parameters": {}, "x": 1}, "unknown key 'x'"),
        ({"format": FORMAT, "model": "rram", "parameters": 7}, "'parameters' must be an object"),
        ({"format": FORMAT, "model": "rram", "parameters": {"alpa": 1}}, "unknown parameter 'alpa'"),
        ({"format": FORMAT, "model": "rram", "parameters": {"alpha": 7}}, "alpha = 7 must be <= 1"),
        ({"format": FORMAT, "model": "curve", "potentiation": [1e-6]}, "model 'curve' needs 'depression'"),
        (
            {"format": FORMAT, "model": "curve", "potentiation": ["x"], "depression": []},
            "'potentiation' must be a list of conductances",
        ),
        (
            {"format": FORMAT, "model": "curve", "potentiation": [2e-6, 1e-6], "depression": [2e-6, 1e-6]},
            r"potentiation\[1\]",
        ),
    ],
)
def test_files_that_are_no_model_are_refused(tmp_path, content, words):
    with pytest.raises(InputError, match=words):
        open_device(f"fpga:golden?preset={write(tmp_path, content)}")


def test_a_law_without_tables_is_refused_with_those_that_have_some(tmp_path):
    path = write(tmp_path, {"format": FORMAT, "model": "vteam", "parameters": {"v_on": -0.3}})
    words = r"model\.json is a model for sim:vteam, not for fpga:golden \(known: curve, flca, rram\)$"
    with pytest.raises(InputError, match=words):
        open_device(f"fpga:golden?preset={path}")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match=r"no preset file .*nowhere\.json"):
        open_device(f"fpga:golden?preset={tmp_path / 'nowhere.json'}")
    with pytest.raises(InputError, match="cannot be read: is a directory"):
        (tmp_path / "folder.json").mkdir()
        open_device(f"fpga:golden?preset={tmp_path / 'folder.json'}")


def test_devices_without_preset_files_say_so():
    with pytest.raises(InputError, match="preset files are not read by this device"):
        open_device("sim:flca-pair?preset=x.json")


def test_a_curve_and_its_values_go_together():
    with pytest.raises(InputError, match="a model 'curve' goes with"):
        open_device("fpga:golden?model=curve")
    with pytest.raises(InputError, match="a model 'curve' goes with"):
        open_device("fpga:golden?potentiation=1e-6,2e-6")
