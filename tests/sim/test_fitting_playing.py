"""A measured window on a device's own neurons: the rectangle that stands for it, and networks that learn by it."""

import tomllib

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

import hil
from hil.backends import address_parameters, open_device
from hil.errors import InputError
from hil.presets import read
from hil.spiking.rules import Stdp
from hil.training.wta_settings import WtaConfig
from sim.fitting.playing import HEIGHT, WIDTH, PlayedOnSpikes, play_on_spikes
from sim.fitting.window import fit_window

DELAYS = np.concatenate([-np.geomspace(2e-3, 0.08, 12)[::-1], np.geomspace(2e-3, 0.08, 12)])
CHANGES = np.where(DELAYS > 0, 0.459 * np.exp(-DELAYS / 0.0163), -0.276 * np.exp(DELAYS / 0.0348))
WINDOW = fit_window(DELAYS, CHANGES, "x")


def played(uri, pairs=1):
    found = play_on_spikes(WINDOW, uri, pairs)
    assert isinstance(found, PlayedOnSpikes)
    return found, WtaConfig.model_validate(tomllib.loads(found.toml("from a test")))


def test_the_rectangle_is_the_nearest_one_in_least_squares():
    t, step = np.linspace(0.0, 40.0, 400_001, retstep=True)
    curve = np.exp(-t)

    def off(width):
        inside = t < width
        return step * np.sum((curve - np.where(inside, curve[inside].mean(), 0.0)) ** 2)

    best = minimize_scalar(off, bounds=(0.3, 4.0), method="bounded", options={"xatol": 1e-6})
    assert pytest.approx(best.x, abs=2e-3) == WIDTH
    assert pytest.approx(curve[t < best.x].mean(), abs=1e-3) == HEIGHT


def test_a_pulse_on_the_emulator_is_as_high_as_the_rectangle():
    found, config = played("fpga:golden?alpha=0.3&g_min=2e-6&g_max=5e-5")
    rule = config.stdp.learning_rule()
    assert isinstance(rule, Stdp) and rule.window == pytest.approx(WIDTH * 0.0163, rel=1e-3)
    assert found.cell["g_min"] == 2e-6 and config.device.uri.count("alpha=") == 1
    for uri in (
        config.device.uri + "&state_bits=16",
        f"sim:rram?{'&'.join(f'{k}={v}' for k, v in found.cell.items())}",
    ):
        with open_device(uri) as device:
            for sign, amount in ((1, 0.459), (-1, 0.276)):
                device.reset()
                before = device.read()[0, 0]
                device.program([[sign]])
                assert device.read()[0, 0] / before - 1 == pytest.approx(sign * HEIGHT * amount, abs=2e-3)


def test_the_emulators_tick_slows_down_with_the_window():
    _, config = played("fpga:golden?tick=2e-6")
    slower = WIDTH * 0.0163 / 60e-6
    assert address_parameters(config.device.uri).tick == pytest.approx(slower * 2e-6, rel=1e-3)
    assert config.code.duration == pytest.approx(slower * 350e-6, rel=1e-3)
    assert config.neuron.inhibition == pytest.approx(slower * 10e-6, rel=1e-3)


def test_many_pairs_make_a_change_together():
    one, ten = played("fpga:golden")[0].cell, played("fpga:golden", 10)[0].cell
    assert ten["alpha"] == pytest.approx(one["alpha"] / 10) and ten["alpha_dep"] == pytest.approx(one["alpha_dep"] / 10)
    alone, shared = (played("sim:rram?alpha=0.002", n)[1].stdp for n in (1, 10))
    assert shared.n_minus == pytest.approx(alone.n_minus / 10)


def test_what_no_single_pulse_can_do_is_said():
    large = fit_window(DELAYS, 8 * CHANGES, "x")
    assert "give --pairs" in play_on_spikes(large, "fpga:golden")
    assert isinstance(play_on_spikes(large, "fpga:golden", 8), PlayedOnSpikes)
    assert "smaller steps" in play_on_spikes(WINDOW, "sim:rram?alpha=0.01", 60).notes[0]
    with pytest.raises(InputError, match="--pairs 0 must be at least 1"):
        play_on_spikes(WINDOW, "sim:rram", 0)


def learned(path, uri, epochs, seeds=1):
    """Mean accuracy of networks that play the window, untrained, and trained with permuted labels, %."""
    settings = tomllib.loads(play_on_spikes(WINDOW, uri).toml("from a test"))
    train = {"curve": 0, "labelling": 600, "neurons": 10, "epochs": epochs, "seeds": seeds}
    rows = hil.train("wta", config={**settings, "train": train}, run=path).rows
    return rows[0].value, rows[0].control, rows[2].value


def test_a_network_learns_by_the_window_on_the_neurons_of_the_emulator(tmp_path):
    accuracy, untrained, shuffled = learned(tmp_path / "run", "fpga:golden", 0.35)
    assert untrained < 20 and shuffled < 20 and accuracy > 40


def test_a_network_learns_by_the_pair_rule(tmp_path):
    accuracy, untrained, shuffled = learned(tmp_path / "run", "sim:rram?alpha=0.01", 1, seeds=3)
    assert untrained < 20 and shuffled < 20 and accuracy > 28


@pytest.mark.slow
def test_the_gateware_learns_the_same_weights(tmp_path):
    golden = learned(tmp_path / "a", "fpga:golden", 0.35)
    assert golden == learned(tmp_path / "b", "fpga:cxxrtl", 0.35)


def test_the_command_writes_settings_and_the_cell(tmp_path, monkeypatch):
    from typer.testing import CliRunner

    from hil.cli.main import build

    monkeypatch.chdir(tmp_path)
    lines = [f"{1e3 * t:.4f},{100 * c:.4f}" for t, c in zip(DELAYS, CHANGES, strict=True)]
    (tmp_path / "stdp.csv").write_text("\n".join(["dt (ms),dW (%)", *lines]))
    done = CliRunner().invoke(
        build(), ["fit", "stdp.csv", "--play", "fpga:golden", "--pairs", "2", "--out", "wta.toml"]
    )
    assert done.exit_code == 0, done.output
    config = WtaConfig.model_validate(tomllib.loads((tmp_path / "wta.toml").read_text()))
    cell = read(tmp_path / "runs" / "fit-stdp-001" / "window.json")
    assert cell.model == "rram"
    assert address_parameters(config.device.uri).alpha == pytest.approx(cell.parameters()["alpha"], rel=1e-4)
