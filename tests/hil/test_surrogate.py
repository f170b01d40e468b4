"""Spiking networks trained through time in torch: the gradient by hand, the same network in cells, XNOR cells."""

import numpy as np
import pytest

from hil.backends import open_device
from hil.insitu.layers import ArrayLayer
from hil.insitu.spiking import SpikingArrays, spike_trains
from hil.training.techniques.binary_snn import BinarySnn
from hil.training.techniques.lstm import unrolled
from hil.training.techniques.surrogate import _weight_of_a_step

torch = pytest.importorskip("torch")
from hil.torch.recurrent import LstmNetwork  # noqa: E402
from hil.torch.surrogate import SurrogateNetwork  # noqa: E402

STEPS, DECAY, SLOPE = 7, 0.8, 5.0


@pytest.fixture
def case():
    """Weights of two layers, inputs and classes, and their spikes."""
    luck = np.random.default_rng(1)
    weights = [luck.normal(0, 0.5, (6, 5)), luck.normal(0, 0.5, (5, 3))]
    x, one_hot = luck.random((4, 6)), np.eye(3)[luck.integers(0, 3, 4)]
    return weights, one_hot, list(spike_trains(x, STEPS, "bernoulli", [2]))


def network(weights, **more):
    settings = {"decay": DECAY, "lr": 0.01, "limit": 9.0, "slope": SLOPE} | more
    return SurrogateNetwork(weights, lambda x, number: x, **settings)


def by_hand(weights, one_hot, trains):
    """Backpropagation through time of ``v <- decay v + s W - fired``, spelled out in numpy."""
    first, second = weights
    v, u, total, tape = 0.0, 0.0, 0.0, []
    for s in trains:
        v = DECAY * v + s @ first
        fired = (v >= 1).astype(float)
        tape.append((s, v - 1, fired))
        v, u = v - fired, DECAY * u + fired @ second
        total = total + u
    y = total / STEPS
    p = np.exp(y) / np.exp(y).sum(1, keepdims=True)
    dy = (p - one_hot) / len(one_hot) / STEPS
    grads, du, dv = [np.zeros_like(w) for w in weights], 0.0, 0.0
    for s, over, fired in reversed(tape):
        du = DECAY * du + dy
        grads[1] += fired.T @ du
        through = (du @ second.T - dv) / (1 + SLOPE * np.abs(over)) ** 2
        dv_before = through + dv  # of the membrane before the threshold was taken off
        grads[0] += s.T @ dv_before
        dv = DECAY * dv_before
    return grads


def test_the_gradient_is_backpropagation_through_time_by_hand(case):
    weights, one_hot, trains = case
    net = network(weights)
    net.loss(trains, one_hot).backward()
    for parameter, wanted in zip(net.parameters, by_hand(weights, one_hot, trains), strict=True):
        assert parameter.grad.numpy() == pytest.approx(wanted, rel=1e-9, abs=1e-12)


def layer_of(weights, bias=False):
    inputs, outputs = weights.shape
    layer = ArrayLayer(
        open_device("sim:rram?alpha=0.0005&synapse=differential", defaults={"rows": inputs, "cols": outputs}),
        inputs - bias, outputs, bias=bias,
    )  # fmt: skip
    layer.pulse = layer.calibrate()
    layer.start(np.clip(weights, -1, 1))
    return layer


def test_cells_and_torch_play_the_same_network(case):
    weights, _, trains = case
    layers = [layer_of(w) for w in weights]
    arrays = SpikingArrays(layers, [1.0], decay=DECAY, scales=[1.0, 0.5])
    outputs = np.mean([spoken.outputs for spoken in arrays.play(iter(trains))], axis=0)
    net = network([layer.weights() for layer in layers], scales=[1.0, 0.5])
    assert outputs == pytest.approx(net.forward(trains).detach().numpy(), abs=1e-9)


def test_a_step_of_the_mending_has_the_weight_that_torch_finds(case):
    """d(mean membrane)/d(weight) of the outputs: hidden spikes weighed by what is left of them until the end."""
    weights, _, trains = case
    net = network(weights)
    net.forward(trains)[:, 0].sum().backward()
    hidden, v = [], 0.0
    for s in trains:
        v = DECAY * v + s @ weights[0]
        hidden.append((v >= 1).astype(float))
        v = v - hidden[-1]
    found = np.tensordot(_weight_of_a_step(STEPS, DECAY), np.array(hidden), 1).sum(axis=0)
    assert found == pytest.approx(net.parameters[1].grad.numpy()[:, 0], abs=1e-12)


def test_a_pair_of_cells_is_an_xnor_of_a_bit_and_its_input():
    """Bits of -1 and 1: a column's product is 2 popcount(xnor) - n, whatever the cells' steps are."""
    luck = np.random.default_rng(4)
    bits, inputs = luck.choice([-1.0, 1.0], (11, 4)), luck.choice([-1.0, 1.0], (6, 11))
    uri = "sim:rram?model=nlsb&alpha=0.05&gamma=1&c2c=0.5&d2d=0.3&synapse=differential"
    layer = ArrayLayer(open_device(uri, defaults={"rows": 11, "cols": 4}), 11, 4)
    layer.pulse = layer.calibrate()
    for _ in range(5):
        BinarySnn.write(None, layer, bits)
    agree = (inputs[:, :, None] == bits[None]).sum(axis=1)
    assert layer.forward(inputs) == pytest.approx(2.0 * agree - 11, abs=0.05)


def test_the_cell_is_torchs_own_and_the_same_in_arrays():
    """torch.nn.LSTM with its gates reordered (i, f, g, o there), and `unrolled` in exact cells."""
    luck, units, inputs = np.random.default_rng(5), 4, 3
    gates, readout = luck.normal(0, 0.4, (inputs + units + 1, 4 * units)), luck.normal(0, 0.4, (units + 1, 2))
    x = luck.random((6, 5, inputs))
    theirs = torch.nn.LSTM(inputs, units, batch_first=True, dtype=torch.float64)
    i, f, o, g = np.split(gates, 4, axis=1)
    ours = np.hstack([i, f, g, o])
    with torch.no_grad():
        theirs.weight_ih_l0.copy_(torch.tensor(ours[:inputs].T))
        theirs.weight_hh_l0.copy_(torch.tensor(ours[inputs:-1].T))
        theirs.bias_ih_l0.copy_(torch.tensor(ours[-1]))
        theirs.bias_hh_l0.zero_()
    h = theirs(torch.tensor(x))[0][:, -1].detach().numpy()
    wanted = np.hstack([h, np.ones((6, 1))]) @ readout
    net = LstmNetwork([gates, readout], lr=0.01, limit=9.0)
    assert net.forward(x).detach().numpy() == pytest.approx(wanted, abs=1e-12)
    layers = [layer_of(gates, bias=True), layer_of(readout, bias=True)]
    exact = LstmNetwork([layer.weights() for layer in layers], lr=0.01, limit=9.0)
    assert unrolled(layers, x) == pytest.approx(exact.forward(x).detach().numpy(), abs=1e-9)


def test_what_was_learned_comes_back_with_its_moments(case):
    weights, one_hot, trains = case
    one = network(weights, binary=True, limit=1.0)
    for _ in range(3):
        one.learn(trains, one_hot, 0, 0.0)
    two = network(weights, binary=True, limit=1.0)
    two.resume(one.state())
    for net in (one, two):
        net.learn(trains, one_hot, 0, 0.0)
    assert all((a == b).all() for a, b in zip(one.state().values(), two.state().values(), strict=True))
    assert {abs(w) for w in one.weights[0].ravel()} == {1.0}
