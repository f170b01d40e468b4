"""Drivers that train networks in place: what they learn beside controls, resumes to the same bits, other back ends."""

import os
import signal

import numpy as np
import pytest

import hil
from hil.errors import InputError
from hil.runs.interrupt import Interrupted
from hil.training.insitu import NetworkTrainee

SMALL = {"seeds": 1, "layers": "64,12,10", "curve": 2}
DRIVERS = {
    "backprop": {"momentum": 0.5, "epochs": 1.0},
    "stellar": {"batch": 20, "epochs": 0.5, "gain": 6.0},
    "hybrid": {"levels": 5, "software_epochs": 2.0, "epochs": 1.0, "tolerance": 0.2},
}


def train(driver, run, device=None, **train):
    return hil.train(driver, config={"train": SMALL | DRIVERS[driver] | train}, run=run, device=device)


def accuracies(outcome):
    """Test accuracy by what it is of, "" for the training itself."""
    rows = [row for row in outcome.rows if row.name.endswith("accuracy")]
    return {row.conditions.get("control", row.conditions.get("baseline", "")): row.value for row in rows}


@pytest.mark.pictures
@pytest.mark.parametrize("driver", DRIVERS)
def test_a_training_that_was_stopped_ends_in_the_same_bits(driver, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    whole = train(driver, "whole")
    found = accuracies(whole)
    assert found[""] > found["untrained"] + 15 and found[""] > found["shuffled labels"] + 10
    calls, show = iter(range(10**6)), NetworkTrainee.show

    def stopped(self, stage, here):
        show(self, stage, here)
        if next(calls) == 15:
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(NetworkTrainee, "show", stopped)
    with pytest.raises(Interrupted, match=f"hil train {driver} --resume cut"):
        train(driver, "cut")
    assert hil.train(driver, resume="cut").rows == whole.rows
    assert all(path.stat().st_size > 5000 for path in whole.figures) and len(whole.figures) == 2


def test_faulty_cells_are_trained_around_but_not_loaded_around(tmp_path, monkeypatch):
    """Half of the cells stuck: what is loaded falls, what is trained in place does not (Li et al. 2018)."""
    monkeypatch.chdir(tmp_path)
    config = {"train": {"seeds": 1, "epochs": 8, "faults": 0.5, "layers": "64,32,10"}}
    found = accuracies(hil.train("backprop", config=config, run="half"))
    assert found[""] > found["loaded"] + 10
    assert found["software"] > 80 > 30 > found["shuffled labels"]
    (tmp_path / "mended").mkdir()
    mended = accuracies(train("hybrid", "mended/run", faults=0.3, epochs=4))
    assert mended[""] > mended["written"] + 3 and mended["shuffled labels"] < mended["written"]


VTEAM = "sim:vteam?r_off=5e4&x0=0.2&pulse_steps=50&synapse=differential"
GOLDEN = "fpga:golden?alpha=0.02&synapse=differential"


@pytest.mark.parametrize(
    ("driver", "device", "layers"),
    [
        ("backprop", VTEAM, "64,10"),
        ("stellar", VTEAM, "64,10"),
        ("backprop", GOLDEN, "64,10"),
        pytest.param("backprop", GOLDEN, "64,12,10", marks=pytest.mark.slow),
        pytest.param("stellar", GOLDEN, "64,12,10", marks=pytest.mark.slow),
        pytest.param("hybrid", GOLDEN, "64,12,10", marks=pytest.mark.slow),
    ],
)
def test_the_same_driver_trains_other_back_ends(driver, device, layers, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = accuracies(train(driver, "run", device, layers=layers, epochs=1.0 if "," in layers[3:] else 0.5))
    assert found[""] > found["untrained"] + 15 and found[""] > found["shuffled labels"] + 15


def test_errors_that_go_back_through_the_array_teach_the_same(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    device = "sim:rram?alpha=0.01&synapse=differential"
    read, array = (accuracies(train("backprop", by, device, backward=by)) for by in ("read", "array"))
    assert array[""] == pytest.approx(read[""], abs=1.0)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"layers": "64,ten,10"}, "give 2 to 21 whole numbers of at least 1, inputs first"),
        ({"layers": "64,12,9"}, "ends with 9, 'digits' has 10 classes"),
        ({"layers": "63,12,10"}, "begins with 63, images of 'digits' have 64 pixels"),
        ({"layers": "81,12,10"}, "cannot be scaled to 9 x 9"),
        ({"layers": "64,10000000,10"}, "train.layers"),
    ],
)
def test_layers_that_do_not_fit_are_refused_before_a_run(settings, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=message):
        train("backprop", "run", **settings)
    assert not (tmp_path / "run").exists()


def test_devices_that_cannot_be_trained_so_are_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="synapse=differential"):
        train("backprop", "run", "sim:rram")
    with pytest.raises(InputError, match="cannot be made to stick"):
        train("backprop", "run", "fpga:golden?synapse=differential", faults=0.1)
    with pytest.raises(InputError, match="says stuck_off itself; give one of the two"):
        train("backprop", "run", "sim:rram?stuck_off=5%&synapse=differential", faults=0.1)


def test_the_first_weights_are_the_seeds(tmp_path, monkeypatch):
    """Whatever was trained before: three seeds in one run are those of three runs."""
    monkeypatch.chdir(tmp_path)
    one = [accuracies(train("backprop", f"seed{k}", seed=k, seeds=1))[""] for k in (0, 1)]
    both = train("backprop", "both", seeds=2)
    assert accuracies(both)[""] == pytest.approx(np.mean(one))
