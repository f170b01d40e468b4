"""Drivers of `hil.training.techniques` and the perceptron: controls, resumes to the same bits, independent oracles."""

import numpy as np
import pytest

import hil
from hil.backends import open_device
from hil.data.datasets import load
from hil.errors import InputError
from hil.insitu.layers import ArrayLayer
from hil.insitu.network import ArrayNetwork
from hil.insitu.software import SoftwareNetwork
from hil.insitu.spiking import SpikingArrays, balanced_thresholds, latest, operations, spike_trains
from hil.insitu.updates import DeltaPulses, TrainingStep
from hil.runs.run import Run
from hil.training import loop
from hil.training.insitu import NetworkTrainee
from hil.training.techniques.mapped import MappedTrainee
from hil.training.techniques.pavlov import PavlovTrainee
from hil.training.techniques.prune import PruningTrainee, cuts, rounded
from hil.training.techniques.rstdp import RewardTrainee, first_to_fire
from hil.training.techniques.som import MapTrainee


class Killed(BaseException):
    """The process ends where it is, as after kill -9: nothing is saved any more."""


CASES = {
    "perceptron": ({"train": {"epochs": 15}}, NetworkTrainee, 8),
    "noise-injection": ({"train": {"epochs": 3.0, "layers": "64,16,10"}}, MappedTrainee, 30),
    "ann2snn": ({"train": {"epochs": 3.0, "layers": "64,16,10", "steps": 24}}, MappedTrainee, 30),
    "surrogate": ({"train": {"epochs": 3.0, "layers": "64,16,10", "steps": 6, "mend": 200}}, MappedTrainee, 30),
    "binary-snn": ({"train": {"epochs": 3.0, "layers": "64,16,10", "steps": 6}}, MappedTrainee, 30),
    "rstdp": ({"train": {"epochs": 0.5, "neurons": 2, "batch": 50, "rate": 1.0}}, RewardTrainee, 12),
    "prune": (
        {"data": {"holdout": 0.2}, "train": {"epochs": 2.0, "neurons": 20, "batch": 100, "curve": 2}},
        PruningTrainee,
        30,
    ),
    "som": ({"train": {"epochs": 0.3, "side": 5, "batch": 50, "curve": 2}}, MapTrainee, 4),
    "tour": ({"train": {"epochs": 15.0, "units": 2, "batch": 16}}, MapTrainee, 8),
    "lstm": ({"train": {"epochs": 2.0, "units": 8}}, MappedTrainee, 30),
    "pavlov": ({}, PavlovTrainee, 4),
    "reservoir": ({"train": {"epochs": 3.0}}, MappedTrainee, 30),
}
IDEAL = ("loaded", "unpruned")
"""Controls that nothing was taken from: not to be beaten."""
TORCH = ("surrogate", "binary-snn", "lstm")
"""Driver: settings of a short run of one seed, its trainee, and after how many batches it is killed."""

HEAVY = ("rstdp", "surrogate", "tour", "binary-snn", "som", "reservoir")
"""Drivers whose short runs are not short enough for every run of the tests."""
DRIVERS = [pytest.param(name, marks=pytest.mark.slow) if name in HEAVY else name for name in CASES]


def small(driver, run, **more):
    """A short run."""
    if driver in TORCH:
        pytest.importorskip("torch")
    config = CASES[driver][0]
    return hil.train(driver, config=config | {"train": config.get("train", {}) | {"seeds": 1}}, run=run, **more)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Short runs by driver, each made once."""
    made = {}

    def run(driver):
        if driver not in made:
            made[driver] = small(driver, tmp_path_factory.mktemp(driver) / "run")
        return made[driver]

    return run


def accuracies(outcome):
    """The headline's number by what it is of, "" for the technique itself."""
    head = next(row for row in outcome.rows if row.headline)
    rows = [row for row in outcome.rows if row.name in (head.name, f"control {head.name}")]
    return {row.conditions.get("control", ""): row.value for row in rows}


@pytest.mark.pictures
@pytest.mark.parametrize("driver", DRIVERS)
def test_a_training_that_was_killed_ends_in_the_same_bits(driver, whole, tmp_path, monkeypatch):
    uncut = whole(driver)
    calls, show = iter(range(10**6)), CASES[driver][1].show

    def killed(self, stage, here):
        if next(calls) == CASES[driver][2]:
            raise Killed
        show(self, stage, here)

    monkeypatch.setattr(loop, "CHECKPOINT_EVERY", 0.0)
    monkeypatch.setattr(CASES[driver][1], "show", killed)
    with pytest.raises(Killed):
        small(driver, tmp_path / "cut")
    monkeypatch.setattr(CASES[driver][1], "show", show)
    assert hil.train(driver, resume=tmp_path / "cut").rows == uncut.rows
    assert uncut.figures and all(path.stat().st_size > 5000 for path in uncut.figures)


@pytest.mark.parametrize("driver", DRIVERS)
def test_a_technique_beats_its_controls_and_tells_its_energy(driver, whole):
    found = accuracies(whole(driver))
    controls = {name: value for name, value in found.items() if name}
    assert controls and all(found[""] > value for name, value in controls.items() if name not in IDEAL)
    assert any("energy" in row.name and row.value > 0 for row in whole(driver).rows)


def layer_of(weights, alpha=0.02, **more):
    """A layer in exact cells whose weights are these, as near as its pulses come."""
    uri = f"sim:rram?alpha={alpha}&synapse=differential" + "".join(f"&{k}={v}" for k, v in more.items())
    inputs, outputs = weights.shape
    layer = ArrayLayer(open_device(uri, defaults={"rows": inputs, "cols": outputs}), inputs, outputs)
    layer.pulse = layer.calibrate()
    layer.start(weights)
    return layer


def test_the_delta_rule_moves_every_weight_by_the_sign_of_its_summed_error():
    """Prezioso et al. (2015): Delta = sum over patterns of (t - f) f' x; one pulse by its sign."""
    letters = load("letters3x3")
    x, luck = 2.0 * letters.train_images - 1.0, np.random.default_rng(3)
    one_hot = np.eye(3)[letters.train_labels]
    layer = layer_of(luck.uniform(-0.4, 0.4, (9, 3)))
    before = layer.weights()
    DeltaPulses(gain=0.7, target=0.85).learn(ArrayNetwork([layer]), x, one_hot, TrainingStep(0, 0.0, 0))
    wanted = np.zeros((9, 3))
    for image, right in zip(x, one_hot, strict=True):
        for k in range(3):
            f = np.tanh(0.7 * image @ before[:, k])
            wanted[:, k] += (0.85 * (1 if right[k] else -1) - f) * (1 - f**2) * image
    assert layer.weights() - before == pytest.approx(0.04 * np.sign(wanted), abs=1e-9)


def test_blind_writing_keeps_a_cells_own_spread_and_nothing_else():
    """Cells are never read: a cell whose resistance is larger by a factor conducts less by it (ratio 5 to 1)."""
    wanted = np.random.default_rng(4).uniform(-1, 1, (12, 7))
    exact = layer_of(np.zeros((12, 7)), 0.01, g_min=2e-5, g_max=1e-4)
    exact.write_blindly(wanted)
    assert exact.weights() == pytest.approx(wanted, abs=0.5001 * 0.01)
    spread = layer_of(np.zeros((12, 7)), 0.01, g_min=2e-5, g_max=1e-4, d2d_r=0.3, seed=5)
    spread.pulse = exact.pulse
    spread.write_blindly(wanted)
    error = spread.weights() - wanted
    cells = 0.25 + np.stack([np.maximum(wanted, 0), np.maximum(-wanted, 0)])
    mean, variance = np.exp(0.3**2 / 2), np.exp(0.3**2) * np.expm1(0.3**2)
    expected = np.sqrt((variance * (cells**2).sum(axis=0) + ((mean - 1) * (cells[0] - cells[1])) ** 2).mean())
    assert np.sqrt((error**2).mean()) == pytest.approx(expected, rel=0.2)


def test_rates_are_the_activations_of_the_rectified_network_over_the_largest():
    """Constant inputs, reset by subtraction: after T steps a count is T a / m, to within one spike and its delay."""
    luck, steps = np.random.default_rng(8), 400
    weights = [luck.normal(0, 0.3, (6, 9)), luck.normal(0, 0.3, (9, 7)), luck.normal(0, 0.3, (7, 4))]
    layers = [layer_of(np.clip(w, -1, 1), 0.005) for w in weights]
    x = luck.random((5, 6))
    first = np.maximum(x @ layers[0].weights(), 0)
    second = np.maximum(first @ layers[1].weights(), 0)
    thresholds = balanced_thresholds([first, second], 1.0)
    assert np.cumprod(thresholds) == pytest.approx([first.max(), second.max()])
    last = latest(SpikingArrays(layers, thresholds).play(spike_trains(x, steps, "constant", [0])))
    assert np.abs(last.fired[1] - steps * first / first.max()).max() <= 1.0
    assert np.abs(last.fired[2] - steps * second / second.max()).max() <= 0.03 * steps
    outputs = second / second.max() @ layers[2].weights()
    assert last.outputs / steps == pytest.approx(outputs, abs=0.03)
    assert operations(last.fired, (9, 7, 4)) == pytest.approx(
        (last.fired[0].sum() * 9 + last.fired[1].sum() * 7 + last.fired[2].sum() * 4) / 5
    )


def test_drawn_spikes_have_the_rate_of_their_pixel():
    x = np.array([[0.0, 0.3, 1.0]])
    counts = sum(spike_trains(x, 4000, "bernoulli", [1, 2]))
    assert counts[0, 0] == 0 and counts[0, 2] == 4000
    assert counts[0, 1] == pytest.approx(1200, abs=4 * (4000 * 0.3 * 0.7) ** 0.5)


def test_the_gradient_with_noise_is_that_at_the_noisy_weights():
    """Finite differences of the cross-entropy at the perturbed weights; the step is added to the clean ones."""
    luck = np.random.default_rng(6)
    start, noise = [luck.normal(0, 0.3, (5, 4)), luck.normal(0, 0.3, (4, 3))], luck.normal(0, 0.2, (5, 4))
    x, one_hot = luck.random((6, 5)), np.eye(3)[luck.integers(0, 3, 6)]

    def loss(first):
        y = np.maximum(x @ first, 0) @ start[1]
        return -np.mean(np.log(np.exp(y) / np.exp(y).sum(1, keepdims=True))[one_hot > 0])

    network = SoftwareNetwork(
        start, bias=False, lr=1.0, lr_end=1.0, momentum=0.0, limit=9.0,
        perturb=lambda w, layer, number: w + (noise if layer == 0 else 0.0),
    )  # fmt: skip
    network.learn(x, one_hot, 0, 0.0)
    step = np.zeros((5, 4))
    for k in np.ndindex(5, 4):
        bump = np.zeros((5, 4))
        bump[k] = 1e-6
        step[k] = (loss(start[0] + noise + bump) - loss(start[0] + noise - bump)) / 2e-6
    assert network.weights[0] == pytest.approx(start[0] - step, abs=1e-7)


def test_the_first_membrane_at_its_threshold_answers():
    """v = 0.5 v + I: 3, then 4.5 of the first; the second is at 4 in the second step, before the first is."""
    currents = np.array([[3.0, 1.0], [2.4, 3.9], [9.0, 0.0]])
    answer = first_to_fire(currents, 4.2, 0.5)
    assert (answer.column, answer.step, answer.fired) == (1, 2, True)
    tired = first_to_fire(currents[:2], 50.0, 0.5)
    assert (tired.column, tired.step, tired.fired) == (1, 2, False)


@pytest.mark.parametrize("right", [True, False])
def test_a_reward_turns_the_rule_around(right, tmp_path):
    """Rows that fired before the neuron go up on a right answer and down on a wrong one, silent rows against them."""
    from hil.training.loop import Stage
    from hil.training.techniques.rstdp import RewardConfig, RstdpTraining

    data = load("digits")
    config = RewardConfig(
        device={"uri": "sim:rram?alpha=0.02"}, train={"neurons": 1, "rate": 1.0, "depression": 1.0, "steps": 4}
    )
    with Run.create(tmp_path / "run", "train rstdp", {}) as run:
        driver = RstdpTraining(config, data, run)
        trainee = driver.open(0)
        trainee.reset()
        trainee.hits = 0.0 if right else 1.0
        which = next(k for k in range(60) if answer_of(driver, trainee, k) == right)
        before, shown = trainee.device.read(), driver.spikes(which, [0, 32, 0])
        answer = trainee.answer(shown)
        trainee.show(Stage("trained", 0, True, np.array([which])), slice(0, 1))
        moved = (trainee.device.read() - before) / 0.02 / 99e-6
        seen = shown[: answer.step].any(axis=0)
        wanted = np.where(seen, 1.0, -1.0) * (1 if right else -1)
        assert moved[:, answer.column] == pytest.approx(wanted, abs=1e-6)
        assert np.abs(np.delete(moved, answer.column, axis=1)).max() < 1e-9
        trainee.devices.close()


def answer_of(driver, trainee, which):
    """Whether an image, as it is shown first, is answered rightly by a neuron that fires."""
    answer = trainee.answer(driver.spikes(which, [0, 32, 0]))
    return answer.column == driver.dataset.train_labels[which] if answer.fired else None


def test_the_weakest_are_cut_and_stay_cut():
    weights = np.array([[0.9, 0.1], [0.4, 0.2]])
    first = cuts(weights, np.zeros((2, 2), bool), 1)
    assert first.tolist() == [[False, True], [False, False]]
    again = cuts(np.array([[0.05, 0.8], [0.4, 0.2]]), first, 2)
    assert again.tolist() == [[True, True], [False, False]]
    assert rounded(weights, again, 3).tolist() == [[0.0, 0.0], [0.5, 0.0]]


def test_a_pruned_run_has_the_levels_that_were_asked_for(whole):
    with Run.resume(whole("prune").path, "train prune") as run:
        weights = run.checkpoint()[0]["w/trained #0"]
    assert (weights < 0.0201).mean() >= 0.5
    assert np.abs(weights * 3 - np.rint(weights * 3)).max() < 3 * 0.021


@pytest.mark.parametrize(
    ("driver", "device"),
    [
        pytest.param("perceptron", "fpga:golden?alpha=0.02&synapse=differential", marks=pytest.mark.slow),
        ("pavlov", "fpga:golden?alpha=0.02"),
        ("pavlov", "sim:vteam?pulse_steps=50"),
        pytest.param("pavlov", "visa:virtual?matrix=707B", marks=pytest.mark.slow),
    ],
)
def test_other_back_ends_learn_the_same(driver, device, tmp_path):
    if device.startswith("visa:"):
        pytest.importorskip("pyvisa")
    short = {"pairings": 6, "extinctions": 4} if device.startswith("visa:") else {}
    outcome = hil.train(driver, config={"train": {"seeds": 1} | short}, run=tmp_path / "run", device=device)
    found = accuracies(outcome)
    assert found[""] > max(value for name, value in found.items() if name not in ("", *IDEAL)) * 1.3


@pytest.mark.parametrize(
    ("driver", "settings", "sentence"),
    [
        ("tour", {"data": {"dataset": "digits"}}, "a tour needs 4 to 100 cities of two pixels"),
        ("pavlov", {"data": {"dataset": "digits"}}, "a bell and food are two"),
        ("reservoir", {"train": {"layers": "32,10"}}, "size of a reservoir's readout follows"),
        ("noise-injection", {"device": {"uri": "sim:rram"}}, "synapse=differential"),
        ("som", {"train": {"side": 1000}, "data": {"dataset": "shapes32"}}, "train.side = 1000"),
        ("pavlov", {"device": {"uri": "sim:rram?rows=3"}}, "rows=2, cols=1 are needed"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence_before_a_run(driver, settings, sentence, tmp_path):
    with pytest.raises(InputError, match=sentence) as refused:
        hil.train(driver, config=settings, run=tmp_path / "run")
    assert "\n" not in str(refused.value) and not (tmp_path / "run").exists()
