"""Layers trained in place: products, gradients and pulses against plain numpy, closed forms and finite differences."""

from itertools import pairwise

import numpy as np
import pytest

from hil.backends import open_device
from hil.data.datasets import load
from hil.data.scaling import scaled
from hil.device import Unsupported
from hil.errors import InputError
from hil.insitu.layers import ArrayLayer
from hil.insitu.network import ArrayNetwork, softmax, starting_weights
from hil.insitu.software import Batches, passed_through, software
from hil.insitu.updates import GradientPulses, SignPulses, TrainingStep

PAIR = "sim:rram?alpha=0.01&synapse=differential"


def layer(inputs, outputs, uri=PAIR, scatter=25, **settings):
    """A layer whose weights have been scattered by pulses."""
    device = open_device(uri, rows=inputs + settings.get("bias", False), cols=outputs)
    device.program(np.random.default_rng(3).integers(-scatter, scatter + 1, device.cells))
    return ArrayLayer(device, inputs, outputs, **settings)


@pytest.mark.parametrize("uri", [PAIR, PAIR + "&d2d=20%&d2d_r=10%&stuck_off=20%", "fpga:golden?synapse=differential"])
@pytest.mark.parametrize("bias", [False, True])
def test_forward_and_backward_are_products_with_the_weights_as_read(uri, bias):
    found = layer(6, 4, uri, bias=bias, weight_max=2.0)
    w = found.weights()
    assert np.abs(w).max() <= 2.0 and np.ptp(w) > 0.3
    rng = np.random.default_rng(0)
    x, delta = rng.uniform(0, 9, (5, 6)), rng.normal(0, 1, (5, 4))
    x[2], delta[3] = 0.0, 0.0
    wanted = x @ w[:6] + (w[6] if bias else 0.0)
    assert found.forward(x) == pytest.approx(wanted, abs=2e-5)
    assert found.backward(delta) == pytest.approx(delta @ w[:6].T, abs=2e-5)
    assert found.gradient(x, delta)[:6] == pytest.approx(x.T @ delta / 5)


@pytest.mark.parametrize("uri", [PAIR + "&d2d_r=10%", "sim:vteam?synapse=differential"])
def test_errors_go_back_through_the_array_as_through_the_weights_that_are_read(uri):
    found = layer(6, 4, uri, backward="array", bias=True)
    delta = np.random.default_rng(0).normal(0, 1, (5, 4))
    assert found.backward(delta) == pytest.approx(delta @ found.weights()[:6].T, abs=2e-5)


def test_products_of_an_image_do_not_depend_on_what_else_is_in_the_batch():
    found = layer(6, 4)
    x = np.random.default_rng(0).uniform(0, 1, (7, 6)) * np.logspace(-3, 3, 7)[:, None]
    assert found.forward(x) == pytest.approx(np.vstack([found.forward(x[k : k + 1]) for k in range(7)]), rel=1e-12)


def test_errors_are_the_derivatives_of_the_cross_entropy():
    layers = [layer(5, 7, bias=True), layer(7, 3, bias=True)]
    network = ArrayNetwork(layers)
    rng = np.random.default_rng(1)
    x, one_hot = rng.uniform(0, 1, (6, 5)), np.eye(3)[rng.integers(0, 3, 6)]
    weights = [each.weights() for each in layers]

    def loss(changed):
        return -np.log((softmax(passed_through(changed, x, True)[-1]) * one_hot).sum(axis=1)).mean()

    passed = network.forward(x)
    assert passed[-1] == pytest.approx(passed_through(weights, x, True)[-1], abs=1e-5)
    errors = network.errors(passed, softmax(passed[-1]) - one_hot)
    for place, each in enumerate(layers):
        gradient = each.gradient(passed[place], errors[place])
        for index in [(0, 0), (2, 1), (5, 2)]:
            up, down = ([w.copy() for w in weights] for _ in range(2))
            up[place][index] += 1e-6
            down[place][index] -= 1e-6
            assert gradient[index] == pytest.approx((loss(up) - loss(down)) / 2e-6, rel=1e-3, abs=1e-5)


@pytest.mark.parametrize("more", ["", "&read_noise=0.5%", "&stuck_off=40%", "&d2d=20%&c2c=30%"])
def test_a_pulse_of_a_pair_of_linear_cells_is_worth_two_steps(more):
    device = open_device(PAIR + more, rows=40, cols=30)
    found = ArrayLayer(device, 40, 30, weight_max=1.5)
    before = found.weights()
    assert found.calibrate() == pytest.approx(1.5 * 2 * 0.01, rel=0.05 if more else 1e-6)
    assert found.weights() == pytest.approx(before, abs=0.08)
    assert found.given == 2 * 2 * 40 * 30


def test_cells_that_do_not_move_cannot_be_calibrated():
    device = open_device(PAIR + "&stuck_off=100%", rows=4, cols=3)
    with pytest.raises(Unsupported, match="move no weight"):
        ArrayLayer(device, 4, 3).calibrate()


def test_first_weights_are_near_what_is_asked_for():
    found = layer(30, 20, scatter=0)
    found.calibrate()
    wanted = starting_weights([30, 20], False, 0, 1.0)[0]
    found.start(wanted)
    assert np.abs(found.weights() - wanted).max() <= found.pulse / 2 * 1.01
    assert wanted.std() == pytest.approx((1 / 30) ** 0.5, rel=0.1)


def test_pulses_of_a_step_round_as_they_say():
    wanted = np.full((200, 300), -1.3)
    rule = GradientPulses(1.0)
    drawn = rule.counts(wanted, TrainingStep(50, 0.1, 7), 0)
    assert set(np.unique(drawn)) == {-2, -1} and drawn.mean() == pytest.approx(-1.3, abs=4 * 0.46 / 245)
    assert (drawn == GradientPulses(1.0).counts(wanted, TrainingStep(50, 0.9, 7), 0)).all()
    for other in (TrainingStep(51, 0.1, 7), TrainingStep(50, 0.1, 8)):
        assert (drawn != rule.counts(wanted, other, 0)).any()
    assert (drawn != rule.counts(wanted, TrainingStep(50, 0.1, 7), 1)).any()
    step = TrainingStep(0, 0.0, 0)
    some = np.array([[-9.6, -0.51, -0.49, 0.2, 0.6, 4.4]])
    assert GradientPulses(1.0, rounding="nearest", most=5).counts(some, step, 0).tolist() == [[-5, -1, 0, 0, 1, 4]]
    assert GradientPulses(1.0, rounding="sign").counts(some, step, 0).tolist() == [[-1, -1, 0, 0, 1, 1]]


def test_exact_steps_in_the_array_are_those_of_software():
    """With steps so fine that rounding does not matter, an array learns what floating point learns."""
    uri = "sim:rram?alpha=0.00002&g_min=1e-9&synapse=differential"
    layers = [ArrayLayer(open_device(uri, rows=a, cols=b), a, b) for a, b in ((8, 6), (6, 3))]
    start = starting_weights([8, 6, 3], False, 1, 1.0)
    for each, w in zip(layers, start, strict=True):
        each.calibrate()
        each.start(w, most=10**6)
    rng = np.random.default_rng(2)
    batches = [(rng.uniform(0, 1, (5, 8)), np.eye(3)[rng.integers(0, 3, 5)]) for _ in range(40)]
    rule, network = GradientPulses(0.5, lr_end=0.1, momentum=0.5, rounding="nearest", most=10**5), ArrayNetwork(layers)
    for number, (x, one_hot) in enumerate(batches):
        rule.learn(network, x, one_hot, TrainingStep(number, number / 40, 0))
    trained = software(start, batches, bias=False, lr=0.5, lr_end=0.1, momentum=0.5, limit=1.0)
    moved = max(np.abs(w - s).max() for w, s in zip(trained, start, strict=True))
    for each, w in zip(layers, trained, strict=True):
        assert np.abs(each.weights() - w).max() < 2e-3 < 0.1 < moved


def test_signs_alone_set_on_one_image_and_reset_on_the_next():
    """By hand, one layer: outputs off by more than the threshold pulse the weights of lit inputs."""
    found = layer(4, 3, scatter=0)
    network, rule = ArrayNetwork([found]), SignPulses(target=1.0, threshold=0.5, lit=0.3)
    cells = found.device.array
    before = cells.read()
    x = np.array([[0.0, 0.2, 0.5, 1.0]])
    rule.learn(network, x, np.eye(3)[[1]], TrainingStep(0, 0.0, 0))
    step = 0.01 * (100e-6 - 1e-6)
    plus_of_the_right_class = np.zeros((4, 6))
    plus_of_the_right_class[2:, 2] = step
    assert cells.read() - before == pytest.approx(plus_of_the_right_class, abs=1e-9)
    rule.learn(network, x, np.eye(3)[[1]], TrainingStep(1, 0.0, 0))
    both = plus_of_the_right_class.copy()
    both[2:, 3] = -step
    assert cells.read() - before == pytest.approx(both, abs=1e-9)
    assert found.given == 4
    rule = SignPulses(target=1.0, threshold=0.5, lit=0.3, alternate=False)
    rule.learn(network, x, np.eye(3)[[1]], TrainingStep(0, 0.0, 0))
    assert found.given == 8


def test_the_order_of_images_decides_which_ones_set_whatever_the_batches():
    rng = np.random.default_rng(0)
    x, one_hot = rng.uniform(0, 1, (9, 6)), np.eye(3)[rng.integers(0, 3, 9)]
    reads = []
    for cuts in ([0, 9], [0, 2, 5, 9]):
        layers = [layer(6, 5), layer(5, 3)]
        rule = SignPulses(target=1.0, threshold=0.1, hidden_threshold=0.0)
        for low, high in pairwise(cuts):
            rule.learn(ArrayNetwork(layers), x[low:high], one_hot[low:high], TrainingStep(low, 0.0, 0))
        reads.append([each.weights() for each in layers])
    for one, other in zip(*reads, strict=True):
        assert (one == other).all()


def test_layers_say_what_does_not_fit():
    with pytest.raises(InputError, match="synapse=differential"):
        ArrayLayer(open_device("sim:rram", rows=4, cols=3), 4, 3)
    with pytest.raises(InputError, match="4 x 3 weights, a layer of 4 inputs and a bias and 3 outputs needs 5 x 3"):
        ArrayLayer(open_device(PAIR, rows=4, cols=3), 4, 3, bias=True)
    bridge = ArrayLayer(open_device("sim:rram?synapse=bridge", rows=4, cols=3), 4, 3)
    with pytest.raises(Unsupported, match="SET alone"):
        bridge.move(np.ones((4, 3), int), "set")


def test_smaller_images_are_means_of_areas():
    slice_of = load("mnist-slice")
    half = scaled(slice_of, (14, 14))
    whole = slice_of.train_images.reshape(-1, 14, 2, 14, 2).mean(axis=(2, 4))
    assert np.abs(half.train_images.reshape(-1, 14, 14) - whole).max() <= 0.5
    assert (half.shape, half.full_scale, half.inputs) == ((14, 14), 255, 196)
    small = scaled(slice_of, (8, 8), crop=4)
    middle = slice_of.test_images.reshape(-1, 28, 28)[:, 4:24, 4:24]
    assert small.test_images.mean() == pytest.approx(middle.mean(), rel=0.01)
    first = (middle[:, 0:2, 0:2].sum(axis=(1, 2)) + middle[:, 2, :2].sum(1) / 2 + middle[:, :2, 2].sum(1) / 2
             + middle[:, 2, 2] / 4) / 6.25  # fmt: skip
    assert np.abs(small.test_images[:, 0] - first).max() <= 0.5
    with pytest.raises(InputError, match="cannot be scaled to 21 x 21"):
        scaled(slice_of, (21, 21), crop=4)


def test_letters_have_one_wrong_pixel_at_most():
    letters = load("letters3x3")
    images, labels = letters.train_images, letters.train_labels
    assert images.shape == (30, 9) and np.bincount(labels).tolist() == [10, 10, 10]
    assert len(np.unique(images, axis=0)) == 30
    for letter in range(3):
        mine = images[labels == letter]
        assert (mine != mine[0]).sum(axis=1).tolist() == [0] + [1] * 9
        assert ["".join(".#"[p] for p in mine[0][3 * k : 3 * k + 3]) for k in range(3)] == list(
            {"z": ("###", ".#.", "###"), "v": ("#.#", "#.#", ".#."), "n": (".#.", "#.#", "#.#")}[
                letters.class_names[letter]
            ]
        )


def test_a_rule_forgets_the_steps_before_a_reset():
    """Else the control with shuffled labels would begin with the momentum of the training before it."""
    rng = np.random.default_rng(0)
    x, one_hot = rng.uniform(0, 1, (5, 6)), np.eye(3)[rng.integers(0, 3, 5)]
    rule, ends = GradientPulses(0.5, momentum=0.9, rounding="nearest"), []
    for _ in range(2):
        mine = layer(6, 3)
        mine.calibrate()
        for number in range(10):
            rule.learn(ArrayNetwork([mine]), x, one_hot, TrainingStep(number, 0.0, 0))
        ends.append(mine.weights())
        assert rule.state(0)
        rule.reset()
        assert not rule.state(0)
    assert (ends[0] == ends[1]).all()


def test_batches_that_are_made_when_asked_for_teach_what_all_of_them_teach():
    rng = np.random.default_rng(0)
    x, one_hot = rng.uniform(0, 1, (17, 6)), np.eye(3)[rng.integers(0, 3, 17)]
    lazy = Batches(17, 5, lambda here: (x[here], one_hot[here]))
    whole = [(x[at : at + 5], one_hot[at : at + 5]) for at in range(0, 17, 5)]
    settings = {"bias": True, "lr": 0.5, "lr_end": 0.1, "momentum": 0.5, "limit": 1.0}
    start = starting_weights([6, 4, 3], True, 0, 1.0)
    assert len(lazy) == 4
    for one, other in zip(software(start, lazy, **settings), software(start, whole, **settings), strict=True):
        assert (one == other).all()


def test_lines_without_a_reading_are_no_answer(monkeypatch):
    found = layer(4, 3)
    monkeypatch.setattr(found.device, "mvm", lambda v, reverse=False: np.full((len(v), 3), np.nan))
    with pytest.raises(InputError, match="has no reading of some lines, their current is at the compliance"):
        ArrayNetwork([found]).answers(np.ones((2, 4)))
