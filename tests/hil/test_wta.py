import numpy as np
import pytest
from PIL import Image
from sklearn.cluster import KMeans

from hil.config import validated
from hil.data.datasets import load
from hil.errors import InputError
from hil.runs.interrupt import Interrupted, StopRequest
from hil.runs.run import Run
from hil.spiking.host import HostCore
from hil.training.settings import split
from hil.training.wta import WtaConfig, WtaTraining
from hil.training.wta_measures import efficiency, weight_contrast
from hil.training.wta_readout import tallied
from sim.crossbar.pulse_step import PulseStepArray

DIGITS = load("digits")
QUICK = {"neurons": 50, "epochs": 8, "seeds": 1, "batch": 200, "curve": 4}


def trained(folder, config, dataset=DIGITS):
    with Run.create(folder, WtaTraining.kind, config) as run:
        training = WtaTraining(validated(WtaConfig, config, "test"), dataset, run)
        training.play()
        rows, pictures = training.rows(), training.draw()
    return training, {row.text.strip(): row for row in rows}, pictures


@pytest.mark.pictures
@pytest.mark.parametrize("model", ["lhb&alpha=0.02", "nlsb&alpha=0.04&gamma=1", "nlhb&alpha=0.05&gamma=3&nstop=200"])
def test_neurons_find_the_digits_without_labels(tmp_path, model):
    config = {"train": QUICK, "device": {"uri": f"sim:rram?model={model}"}}
    _, rows, pictures = trained(tmp_path / "run", config)
    assert rows["test accuracy"].value > 55
    assert rows["control: untrained"].value < 18
    assert rows["control: shuffled labels"].value < 30
    assert [p.name for p in pictures] == ["fields.png", "learning.png"]
    assert min(Image.open(pictures[0]).size) > 200


def test_a_stopped_run_ends_with_the_same_weights(tmp_path, monkeypatch):
    neuron = {"theta_plus": 0.1, "theta_plus_end": 0.01, "theta_mean": "zero", "tie": "margin"}
    rule = {"pulse_probability": 0.8, "pulse_probability_end": 0.2}
    config = {"train": QUICK | {"epochs": 2, "readout": "probability"}, "neuron": neuron, "stdp": rule}
    whole, expected, _ = trained(tmp_path / "whole", config)
    stops = iter([False, False, True] + [False] * 1000)

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
        assert [r.value for r in training.rows()] == [r.value for r in expected.values()]
    (name,) = (n for n in whole._loop.arrays if n.startswith("w/"))
    assert np.array_equal(training._loop.arrays[name], whole._loop.arrays[name])


@pytest.mark.parametrize("more", ["", "&dac_bits=4&adc_bits=8"])
def test_the_same_driver_trains_through_the_host_core(tmp_path, monkeypatch, more):
    """A handful of digits on a noisy array with wires, event by event on the host; and through converters."""
    noisy = f"sim:rram?alpha=0.05&c2c=0.05&read_noise=0.01&r_wire=0.1{more}"
    config = {
        "train": {"neurons": 6, "epochs": 0.02, "seeds": 1, "labelling": 15, "curve": 0},
        "device": {"uri": noisy},
        "data": {"evaluate": "holdout", "holdout": 0.01},
    }
    used = []
    present = HostCore.present
    monkeypatch.setattr(HostCore, "present", lambda self, *a: used.append(1) or present(self, *a))
    training, rows, _ = trained(tmp_path / "run", config)
    assert used
    assert np.ptp(training._loop.arrays["w/trained #0"]) > 0.1
    assert "holdout accuracy" in rows


def test_the_initial_weight_is_the_paper_s_unless_the_device_says_otherwise(tmp_path):
    with Run.create(tmp_path / "run", WtaTraining.kind, {}) as run:
        for uri, expected in (("sim:rram", 0.8), ("sim:rram?w0=0.3", 0.3)):
            config = validated(WtaConfig, {"device": {"uri": uri}}, "test")
            with WtaTraining(config, DIGITS, run)._open(0).device as device:
                assert isinstance(device, PulseStepArray)
                assert device.weights == pytest.approx(expected)


def test_a_neuron_gets_the_class_it_answers_most_and_never_one_that_was_not_shown():
    labels = np.array([1, 1, 1, 2])
    counts = np.array([[2, 0, 0, 0], [2, 0, 0, 1], [2, 0, 3, 0], [3, 1, 2, 0]])
    #                   3 > 2, 1 > 0, 2 > 1, 1/3 > 0; class 0 has no digit
    for piece in (1, 3, 4):
        (readout,) = tallied(lambda here: counts[here], (labels,), 3, piece)
        assert readout.labels.tolist() == [2, 2, 2, 1]
        # P(class | neuron): mean spikes to class 1 over mean spikes to classes 1 and 2
        assert readout.shares[:, 1] == pytest.approx([2 / 5, 0, (5 / 3 - 2 / 3) / 3, 1])
        assert readout.shares.sum(axis=1) == pytest.approx(1)
    (mute,) = tallied(lambda here: 0 * counts[here], (labels,), 3, 4)
    assert mute.labels.tolist() == [-1] * 4 and not mute.shares.any()


def test_weight_contrast_is_what_k_means_finds():
    rng = np.random.default_rng(0)
    weights = np.concatenate([rng.normal(0.2, 0.1, 900), rng.normal(0.7, 0.15, 400)]).reshape(13, 100)
    centres = KMeans(2, n_init=10, random_state=0).fit(weights.reshape(-1, 1)).cluster_centers_
    assert weight_contrast(weights) == pytest.approx(abs(centres[0, 0] - centres[1, 0]), rel=1e-3)
    assert weight_contrast(np.array([[0.3]])) == 0.0
    assert weight_contrast(np.full((3, 4), 0.8)) == pytest.approx(0.0, abs=1e-12)


def test_training_duration_and_efficiency_are_eqs_6_and_7():
    """One accuracy in both: the last, or the best; the crossing of 99 % lies on the line between two points."""
    images, accuracy = [100, 200, 300, 400], [0.5, 0.8, 0.795, 0.7]
    duration, value = efficiency(images, accuracy)
    assert duration == pytest.approx((100 + 100 * (0.693 - 0.5) / 0.3) / 400)
    assert value == pytest.approx((0.7 + 1 - duration) / 2)
    duration, value = efficiency(images, accuracy, best=True)
    assert duration == pytest.approx((100 + 100 * (0.792 - 0.5) / 0.3) / 400)
    assert value == pytest.approx((0.8 + 1 - duration) / 2)
    assert efficiency([10, 20], [0.3, 0.3]) == (0.5, pytest.approx(0.4))


def test_the_curve_is_measured_on_held_out_digits(tmp_path, monkeypatch):
    """With a fraction held out no point of the curve sees a test digit."""
    config = {"train": QUICK | {"epochs": 1, "curve_images": 50}, "data": {"holdout": 0.2}}
    training, rows, _ = trained(tmp_path / "run", config)
    images, labels = training._curve_digits(0)
    held = split(DIGITS, 0.2, 0)[1]
    assert np.array_equal(images, DIGITS.train_images[held]) and np.array_equal(labels, DIGITS.train_labels[held])
    assert "4 points of the learning curve, 50 held-out digits each" in rows["training duration"].note
    (first, *_), run = training.run.metrics(), training.run
    assert (first["accuracy"] / 2).is_integer()  # 50 digits
    assert len(run.metrics()) == 4


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"neuron": {"reset": "some"}}, "neuron.reset = 'some'"),
        ({"neuron": {"treshold": 1}}, "unknown parameter 'neuron.treshold'.*did you mean 'threshold'"),
        ({"data": {"evaluate": "holdout"}}, "data.holdout = 0 leaves no image to evaluate on"),
        ({"device": {"uri": "sim:rram?rows=10"}}, "has 10 rows, the images of 'digits' have 64 pixels"),
        ({"device": {"uri": "sim:flca"}}, "sim:flca does not say by which pulses a cell is programmed"),
    ],
)
def test_a_configuration_that_does_not_fit_is_one_sentence(tmp_path, config, message):
    with pytest.raises(InputError, match=message):
        trained(tmp_path / "run", config)
