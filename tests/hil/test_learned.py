"""What a training has learned leaves it as CSV, npz and MATLAB: conductances, weights, thresholds, labels."""

import numpy as np
import pytest
from scipy.io import loadmat

from hil.config import validated
from hil.data.datasets import load
from hil.experiments import tables
from hil.runs.run import Run
from hil.training.learned import learned
from hil.training.stdp import StdpConfig, StdpTraining
from hil.training.wta import WtaConfig, WtaTraining

DIGITS = load("digits")


def finished(folder, driver, model, config):
    with Run.create(folder, driver.kind, config) as run:
        training = driver(validated(model, config, "test"), DIGITS, run)
        training.complete(draw=False)
    return training


def test_weights_of_every_seed_of_a_spiking_layer_are_exported_in_siemens_and_as_shares(tmp_path):
    device = {"uri": "sim:rram?alpha=0.05&g_min=2e-6&g_max=5e-5"}
    config = {"device": device, "train": {"seeds": 2, "neurons": 6, "epochs": 0.05, "curve": 0}}
    finished(tmp_path / "run", WtaTraining, WtaConfig, config)
    found = learned(tmp_path / "run")
    for seed in (0, 1):
        weight, g = found[f"weight_trained_{seed}"], found[f"conductance_trained_{seed}"]
        assert weight.values.shape == g.values.shape == (64, 6) and (weight.unit, g.unit) == ("", "S")
        assert g.values == pytest.approx(2e-6 + weight.values * 4.8e-5, rel=1e-6)
        assert set(found[f"label_trained_{seed}"].values) <= set(range(-1, 10))
        assert found[f"threshold_trained_{seed}"].values.shape == (6,)
    assert np.ptp(found["weight_trained_0"].values) > 0.1
    assert not np.array_equal(found["weight_trained_0"].values, found["weight_trained_1"].values)
    written = {path.name: path for path in tables.export_csv(tmp_path / "run", tmp_path / "csv")}
    lines = written["conductance_trained_1_S.csv"].read_text().splitlines()
    assert lines[0].startswith("# conductance_trained_1: rows x columns")
    assert lines[1].split(",")[0] == "column0_S"
    read = np.loadtxt(written["conductance_trained_1_S.csv"], delimiter=",", skiprows=2)
    assert np.array_equal(read, found["conductance_trained_1"].values)
    with np.load(tables.export_npz(tmp_path / "run", tmp_path / "x.npz")) as content:
        assert np.array_equal(content["weight_trained_1"], found["weight_trained_1"].values)
    content = loadmat(tables.export_mat(tmp_path / "run", tmp_path / "x.mat"))
    assert np.array_equal(content["conductance_trained_0_S"], found["conductance_trained_0"].values)


def test_layers_taught_by_waveforms_export_what_their_devices_read(tmp_path):
    config = {"device": {"uri": "sim:flca-step"}, "train": {"seeds": 1, "epochs": 0.05, "batch": 64, "curve": 0}}
    training = finished(tmp_path / "run", StdpTraining, StdpConfig, config)
    found = learned(tmp_path / "run")
    assert {"conductance_untrained_0", "conductance_trained_0"} <= found.keys()
    assert np.array_equal(found["conductance_trained_0"].values, training.maps("trained"))
    assert not np.array_equal(found["conductance_trained_0"].values, found["conductance_untrained_0"].values)


def test_a_run_that_has_learned_nothing_has_no_weights(tmp_path):
    with Run.create(tmp_path / "fit", "fit", {}) as run:
        run.save_results([])
        run.set_state("finished")
    assert learned(tmp_path / "fit") == {}
    assert tables.export_csv(tmp_path / "fit", tmp_path / "csv") == []
