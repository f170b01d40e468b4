"""The training drivers on the emulator: nothing in them knows what they train."""

import numpy as np
import pytest
from test_carriers import need_a_compiler

from hil.config import validated
from hil.data.datasets import load
from hil.runs.interrupt import Interrupted, StopRequest
from hil.runs.run import Run
from hil.training.stdp import StdpConfig, StdpTraining
from hil.training.wta import WtaConfig, WtaTraining

DIGITS = load("digits")


def trained(folder, driver, model, config):
    with Run.create(folder, driver.kind, config) as run:
        training = driver(validated(model, config, "test"), DIGITS, run)
        training.play()
        return training, {row.text.strip(): row.value for row in training.rows()}


def wta(uri, **train):
    quick = {"neurons": 50, "epochs": 4, "seeds": 1, "curve": 0, "labelling": 1000}
    return {"train": quick | train, "device": {"uri": uri}}


@pytest.mark.parametrize("model", ["lhb&alpha=0.02", "nlsb&alpha=0.04&gamma=1", "nlhb&alpha=0.05&gamma=3&nstop=200"])
def test_neurons_on_chip_find_the_digits_as_the_simulated_ones_do(tmp_path, model):
    results = [
        trained(tmp_path / kind, WtaTraining, WtaConfig, wta(f"{kind}:{name}?model={model}"))[1]
        for kind, name in (("sim", "rram"), ("fpga", "golden"))
    ]
    for rows in results:
        assert rows["test accuracy"] > 50
        assert rows["control: untrained"] < 18
    # One seed each, with other rounding: accuracies of single runs lie some 2 points apart.
    assert abs(results[0]["test accuracy"] - results[1]["test accuracy"]) < 8
    assert results[0]["output spikes per digit"] == pytest.approx(results[1]["output spikes per digit"], rel=0.1)


PLAIN = {"neuron": {"theta_plus": 0.1}}
FALLING = {
    "neuron": {"theta_plus": 0.4, "theta_plus_end": 0.04, "theta_mean": "zero", "tie": "margin"},
    "stdp": {"pulse_probability": 0.9, "pulse_probability_end": 0.1},
}


@pytest.mark.parametrize(("more", "how"), [("", PLAIN), ("&tie=margin&annealing=on", FALLING)])
def test_a_stopped_run_ends_with_the_same_weights(tmp_path, monkeypatch, more, how):
    """Rounding at random, adaptive thresholds, the layout of columns by rank: all in the checkpoint, or redone."""
    config = wta(f"fpga:golden?alpha=0.02{more}", epochs=0.5, batch=100) | how
    whole, expected = trained(tmp_path / "whole", WtaTraining, WtaConfig, config)
    stops = iter([False, True] + [False] * 1000)

    class Answers:
        def __get__(self, instance, owner):
            return next(stops)

        def __set__(self, instance, value):
            pass

    monkeypatch.setattr(StopRequest, "requested", Answers(), raising=False)
    model = validated(WtaConfig, config, "test")
    with Run.create(tmp_path / "cut", WtaTraining.kind, config) as run, pytest.raises(Interrupted):
        WtaTraining(model, DIGITS, run).play()
    with Run.resume(tmp_path / "cut", WtaTraining.kind) as run:
        training = WtaTraining(model, DIGITS, run)
        training.play()
        assert {row.text.strip(): row.value for row in training.rows()} == expected
    name = "w/trained #0"
    assert np.array_equal(training._loop.arrays[name], whole._loop.arrays[name])


@pytest.mark.parametrize("carrier", ["golden", pytest.param("cxxrtl", marks=pytest.mark.slow)])
def test_the_two_pulse_protocol_leaves_the_conductances_of_the_simulated_memristor(tmp_path, carrier):
    """Bound of test_device: 0.5 states a pulse and a little, over two pulses an image, at the steepest of G(phi)."""
    if carrier == "cxxrtl":
        need_a_compiler()
    train = {"seeds": 1, "epochs": 0.2, "curve": 0, "controls": False, "readout": "raw", "v_read": 0.1}
    maps = []
    for uri in ("sim:flca?phi0=0.02&phi_max=0.1", f"fpga:{carrier}?cell=flca&state_bits=16&phi0=0.02&phi_max=0.1"):
        training, _ = trained(tmp_path / uri[:3], StdpTraining, StdpConfig, {"train": train, "device": {"uri": uri}})
        maps.append(training.maps())
    images = len(training.stages()[-1].order)
    off = (2 * images * (0.5 + 4080 / 2**17 + 2.0**-8) + 1) * 0.1 / 65535
    lowest = 1 / maps[0] - 1e6 * off
    steepest = 1e6 / np.maximum(lowest, 100.0) ** 2
    assert (np.abs(maps[1] - maps[0]) <= steepest * off * (1 + 1e-6)).all()
    assert np.ptp(maps[0]) > 0.3 * maps[0].max()
