"""Trained networks and runs on devices: the same answers where cells are exact, less where they are not, controls."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

import hil
from hil.data.datasets import load
from hil.errors import InputError
from hil.evaluation import play
from hil.evaluation.settings import seconds
from hil.networks.files import read_network
from hil.networks.layers import Convolution
from hil.networks.network import LayeredNetwork
from hil.synapses.catalogue import with_synapse


@pytest.fixture(scope="module")
def network(tmp_path_factory) -> Path:
    """A dense network for the bundled digits whose hidden layer is drawn and whose last one is a ridge regression."""
    data = load("digits")
    x = data.train_images / 16
    first = np.random.default_rng(0).normal(0, 0.3, (24, 64))
    bias = np.full(24, 0.1)
    hidden = np.maximum(x @ first.T + bias, 0)
    told = np.eye(10)[data.train_labels]
    last = np.linalg.solve(hidden.T @ hidden + np.eye(24), hidden.T @ told).T
    path = tmp_path_factory.mktemp("net") / "net.npz"
    np.savez(path, **{"a.weight": first, "a.bias": bias, "b.weight": last})
    return path


def evaluated(source: Path, run: Path, device: str = "sim:rram", **settings):
    sections = {"evaluate": {"source": str(source), "seeds": 1, **settings}, "device": {"uri": device}}
    return play.start({**sections, "data": {"dataset": "digits"}}, run)


def direct(path: Path) -> float:
    """Accuracy by plain numpy."""
    data, arrays = load("digits"), np.load(path)
    hidden = np.maximum(data.test_images / 16 @ arrays["a.weight"].T + arrays["a.bias"], 0)
    return float(((hidden @ arrays["b.weight"].T).argmax(axis=1) == data.test_labels).mean() * 100)


def test_exact_cells_answer_as_floating_point_does_and_drift_costs(network, tmp_path):
    done = evaluated(network, tmp_path / "r", "sim:rram?drift=0.3&drift_spread=1", exact=True, after="1d,1y")
    rows = done.rows
    assert rows["accuracy floating point"].value == pytest.approx(direct(network))
    assert rows["accuracy mapped"].value == pytest.approx(direct(network), abs=0.6)
    assert rows["accuracy after 1y"].value < rows["accuracy mapped"].value - 10
    assert all(rows[f"accuracy {step}"].control < 30 for step in ("floating point", "mapped", "after 1d"))
    assert rows["lost from mapped to after 1d"].value > 0
    with np.load(tmp_path / "r/confusion.npz") as file:
        table = file["mapped"][0]
    assert table.sum() == 360
    assert 100 * np.trace(table) / 360 == pytest.approx(rows["accuracy mapped"].value)


def test_programming_is_told_in_pulses_energy_and_time(network, tmp_path):
    done = evaluated(network, tmp_path / "r", "sim:rram?d2d=10%", images=100)
    rows = done.rows
    assert rows["cells within tolerance"].value == 100
    assert rows["error"].value < 2
    assert rows["accuracy programmed"].value == pytest.approx(rows["accuracy floating point"].value, abs=4)
    assert rows["pulses a cell"].value > 50
    assert rows["energy of the pulses"].value > 0
    assert rows["device time of programming"].value > 0


def test_an_emulator_answers_like_the_simulation(network, tmp_path):
    rows = evaluated(network, tmp_path / "r", "fpga:golden", exact=True).rows
    assert rows["accuracy mapped"].value == pytest.approx(direct(network), abs=1.5)


def test_reading_once_gives_what_products_give(network, tmp_path):
    here = evaluated(network, tmp_path / "a", exact=True)
    there = evaluated(network, tmp_path / "b", exact=True, forward="read")
    assert here.rows["accuracy mapped"].value == there.rows["accuracy mapped"].value


@pytest.mark.parametrize(("driver", "more"), [("wta", {"neurons": 40, "epochs": 1}), ("stdp", {"device": "sim:rram"})])
def test_a_run_of_ours_answers_on_another_device_as_on_its_own(tmp_path, driver, more):
    settings = {"seeds": 1, "run": tmp_path / "run", **more}
    if driver == "stdp":
        settings |= {"amplitude": 1.2, "epochs": 0.3}
    run = hil.train(driver, **settings)
    own = run.rows["test accuracy"].value
    rows = play.start(
        {"evaluate": {"source": str(tmp_path / "run"), "seeds": 1, "exact": True}}, tmp_path / "evaluated"
    ).rows
    assert rows["accuracy mapped"].value == pytest.approx(own, abs=8)
    if own > 40:
        assert rows["accuracy mapped"].control < own - 15


FALLING = {
    "train": {"readout": "probability"},
    "neuron": {"theta_plus": 0.1, "theta_plus_end": 0.01, "theta_mean": "zero"},
    "stdp": {"pulse_probability_end": 0.5},
}


@pytest.mark.parametrize("device", ["sim:rram", "fpga:golden?annealing=on"])
def test_a_run_that_decides_by_probability_is_evaluated_by_it(tmp_path, device):
    """Also on an emulator: nothing falls any more, so that it need not have what falls, but thresholds below 0."""
    run = hil.train("wta", seeds=1, run=tmp_path / "run", config=FALLING, neurons=40, epochs=2)
    own, other = run.rows["test accuracy"].value, run.rows["readout winner"].value
    rows = evaluated(tmp_path / "run", tmp_path / "evaluated", device, exact=True).rows
    assert own > 50 and other != own
    assert rows["accuracy mapped"].value == pytest.approx(own, abs=8)


def test_what_cannot_be_evaluated_is_told_in_one_sentence(network, tmp_path):
    for source, settings, told in (
        (tmp_path / "none.pt", {}, "no file or run folder"),
        (tmp_path, {}, "is nothing that can be evaluated"),
        (network, {"after": "1x"}, "'1x' is no time; give a number with s, min, h, d, w or y"),
        (network, {"after": "1d,1h"}, "give times above 0 in order"),
        (network, {"activation": "gelu"}, "give one of identity, relu"),
    ):
        with pytest.raises(InputError, match=told):
            evaluated(source, tmp_path / "r", **settings)
        assert not (tmp_path / "r").exists()
    with pytest.raises(InputError, match=r"takes 64 inputs and is given 784"):
        play.start({"evaluate": {"source": str(network)}, "data": {"dataset": "mnist-slice"}}, tmp_path / "r")
    with pytest.raises(InputError, match="no data set is named"):
        play.start({"evaluate": {"source": str(network)}}, tmp_path / "r")
    with pytest.raises(InputError, match="cells of this device cannot be set without pulses"):
        evaluated(network, tmp_path / "r", "sim:vteam?pulse_steps=50", exact=True)


def test_an_evaluation_goes_on_after_its_last_whole_seed(network, tmp_path, monkeypatch):
    settings = {"exact": True, "seeds": 2, "images": 50}
    whole = evaluated(network, tmp_path / "whole", "sim:rram?d2d_r=20%", **settings).rows
    real, calls = play.Evaluation.play, []

    def once(self, seed, stop=None):
        calls.append(seed)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return real(self, seed, stop)

    monkeypatch.setattr(play.Evaluation, "play", once)
    with pytest.raises(hil.runs.interrupt.Interrupted, match="hil evaluate --resume"):
        evaluated(network, tmp_path / "cut", "sim:rram?d2d_r=20%", **settings)
    monkeypatch.setattr(play.Evaluation, "play", real)
    assert [row.value for row in play.restart(tmp_path / "cut").rows] == [row.value for row in whole]


def test_times_and_synapses_as_they_are_written():
    assert (seconds("1d"), seconds("90 min"), seconds("3600"), seconds("1e3s")) == (86400, 5400, 3600, 1000)
    assert with_synapse("sim:rram", "differential") == "sim:rram?synapse=differential"
    assert with_synapse("sim:rram?seed=3", "single") == "sim:rram?seed=3&synapse=single"
    assert with_synapse("sim:rram?synapse=ratio", None) == "sim:rram?synapse=ratio"
    with pytest.raises(InputError, match="give one of them"):
        with_synapse("sim:rram?synapse=ratio", "single")
    with pytest.raises(InputError, match="no synapse 'doubel'"):
        with_synapse("sim:rram", "doubel")


class TestModelsOfTorch:
    def test_a_module_answers_as_torch_does(self, tmp_path):
        torch = pytest.importorskip("torch")
        nn = torch.nn
        torch.manual_seed(0)
        model = nn.Sequential(
            nn.Conv2d(1, 3, (3, 2), padding=(1, 0), stride=2), nn.ReLU(), nn.AvgPool2d(2, 1), nn.Flatten(),
            nn.Linear(27, 6, bias=False), nn.BatchNorm1d(6), nn.Dropout(), nn.Sigmoid(), nn.Linear(6, 4), nn.Softmax(1),
        ).double()  # fmt: skip
        for _ in range(3):
            model(torch.rand(20, 1, 8, 8).double())
        model.eval()
        torch.save(model, tmp_path / "m.pt")
        found = read_network(tmp_path / "m.pt")
        x = np.random.default_rng(0).random((5, 64))
        expected = model[:-1](torch.from_numpy(x.reshape(5, 1, 8, 8))).detach().numpy()
        np.testing.assert_allclose(found.forward(x, (8, 8)), expected, atol=1e-12)
        first = found.matrices[0]
        assert isinstance(first, Convolution)
        assert [m.matrix.shape for m in found.matrices] == [(6, 3), (27, 6), (6, 4)]

    def test_a_state_dict_is_a_chain_of_dense_layers(self, tmp_path):
        torch = pytest.importorskip("torch")
        model = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.Tanh(), torch.nn.Linear(3, 2)).double()
        torch.save(model.state_dict(), tmp_path / "s.pt")
        x = np.random.default_rng(0).random((5, 4))
        found: LayeredNetwork = read_network(tmp_path / "s.pt", "tanh")
        np.testing.assert_allclose(found.forward(x, (2, 2)), model(torch.from_numpy(x)).detach().numpy(), atol=1e-12)
        assert found.notes == ("tanh between layers: a state_dict does not say",)

    def test_what_is_no_model_is_told_in_one_sentence(self, tmp_path):
        torch = pytest.importorskip("torch")
        nn = torch.nn
        for content, told in (
            ({"a.weight": torch.zeros(2, 2, 3, 3)}, "tells no stride"),
            ({"a.weight": torch.zeros(3)}, "is no dense layer"),
            ({"a.weight": torch.full((2, 2), torch.nan)}, "no finite number"),
            ([1, 2], "holds a list, a state_dict was expected"),
            (nn.Sequential(nn.Linear(2, 2), nn.GELU()), "holds neither a state_dict nor"),
            (nn.Sequential(nn.Softmax(1), nn.Linear(2, 2)), "softmax before the end"),
            (nn.Sequential(nn.ReLU()), "no layer with a matrix"),
        ):
            torch.save(content, tmp_path / "m.pt")
            with pytest.raises(InputError, match=told):
                read_network(tmp_path / "m.pt")


def test_without_torch_its_files_are_refused_and_others_are_read(tmp_path, monkeypatch):
    from hil.networks.files import read_network

    for name in [n for n in sys.modules if n.partition(".")[0] == "torch" or n.startswith("hil.torch")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "torch", None)
    (tmp_path / "m.pt").write_bytes(b"x")
    with pytest.raises(InputError, match=r"models of torch need the extra torch: pip install 'memhil\[torch\]'"):
        read_network(tmp_path / "m.pt")
    np.savez(tmp_path / "m.npz", **{"a.weight": np.eye(3)})
    assert [layer.name for layer in read_network(tmp_path / "m.npz").matrices] == ["a"]
