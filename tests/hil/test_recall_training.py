"""`hil train recall` and `hil train patterns`: rows beside their controls, the same bits after a stop, refusals."""

import os
import signal

import numpy as np
import pytest

import hil
from hil.errors import HilError
from hil.runs.interrupt import Interrupted
from hil.training.alpha_trainee import AlphaTrainee

SMALL = {
    "recall": {"dataset": "digits", "seeds": 1, "epochs": 1, "network": {"duration": 5e-6, "gap": 2e-6},
               "train": {"cues": 1, "controls": False}},
    "patterns": {"dataset": "digits", "seeds": 1, "network": {"duration": 5e-6, "gap": 2e-6, "rate": 2e6},
                 "train": {"neurons": 20, "iterations": 12, "tests": 1, "controls": False}},
}  # fmt: skip


@pytest.fixture(autouse=True)
def empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("driver", SMALL)
def test_a_training_that_was_stopped_ends_in_the_same_bits(driver, monkeypatch):
    device = "sim:rram?alpha=0.05&c2c=20%"
    whole = hil.train(driver, device=device, run="whole", **SMALL[driver])
    calls, show = iter(range(10**6)), AlphaTrainee.teach

    def stopped(self, stage, number):
        answer = show(self, stage, number)
        if next(calls) == 6:
            os.kill(os.getpid(), signal.SIGINT)
        return answer

    monkeypatch.setattr(AlphaTrainee, "teach", stopped)
    with pytest.raises(Interrupted, match=f"hil train {driver} --resume cut"):
        hil.train(driver, device=device, run="cut", **SMALL[driver])
    assert hil.train(driver, resume="cut").rows == whole.rows
    with np.load("whole/checkpoint.npz") as one, np.load("cut/checkpoint.npz") as other:
        assert set(one.files) == set(other.files) and any("weight" in name for name in one.files)
        assert all(np.array_equal(one[name], other[name]) for name in one.files)
    assert len(whole.figures) >= 1 and all(path.stat().st_size > 3000 for path in whole.figures)


@pytest.mark.slow
def test_four_patterns_are_completed_from_halves_on_a_device_with_spread():
    outcome = hil.train(
        "recall", device="sim:rram?alpha=0.05&c2c=20%&d2d=10%", seeds=1, epochs=2, train={"cues": 1, "controls": False}
    )
    row = outcome.rows["half cues completed"]
    assert row.value == 100.0 and row.control == 0.0 and row.n == 1
    assert outcome.rows["rate of the missing half"].value > 0.5
    assert outcome.rows["rate of the worst other pattern"].value <= 0.05


@pytest.mark.parametrize(
    "device",
    [
        "sim:rram?alpha=0.05",
        "sim:flca?phi_max=0.01",
        "fpga:golden",
        pytest.param("visa:virtual", marks=pytest.mark.slow),
    ],
)
def test_three_neurons_learn_on_every_back_end(device):
    """Two patterns of two pixels: synapses between pixels of one pattern grow, those between the others do not.

    Half of a pulse also reaches cells that are not meant: an FLCA cell has no threshold, and moves.
    """
    images, labels = np.array([[[255, 255, 0]], [[0, 255, 255]]], np.uint8), np.array([0, 1])
    np.savez("tiny.npz", x_train=images, y_train=labels, x_test=images, y_test=labels)
    outcome = hil.train(
        "recall", device=device, dataset="tiny.npz", seeds=1, epochs=2, network={"duration": 5e-6, "gap": 5e-6},
        train={"cues": 1, "controls": False},
    )  # fmt: skip
    with np.load(outcome.path / "checkpoint.npz") as kept:
        weights = kept["weights"]
    linked = [weights[i, j] for i, j in ((0, 1), (1, 0), (1, 2), (2, 1))]
    assert np.mean(linked) > 1.8 * np.mean([weights[0, 2], weights[2, 0]]) and np.mean(linked) > 1e-6
    assert outcome.rows["half cues completed"].control == 0.0


@pytest.mark.parametrize(
    ("driver", "settings", "sentence"),
    [
        ("recall", {"dataset": "lines3x3"}, "has fewer"),
        ("recall", {"device": "sim:rram?rows=9"}, "1024 x 1024 are needed"),
        ("recall", {"device": "sim:flca"}, "by which pulses a cell is programmed"),
        ("patterns", {"neurons": 0}, "neurons = 0 must be >= 1"),
        ("patterns", {"network": {"initial": 1e-3}}, "must not be above the bound"),
    ],
)
def test_what_cannot_be_is_one_sentence(driver, settings, sentence):
    with pytest.raises(HilError, match=sentence):
        hil.train(driver, **settings)
