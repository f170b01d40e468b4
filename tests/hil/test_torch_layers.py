"""Layers of torch on devices: the same numbers as torch gives for the weights that are read, and learning by pulses."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from hil.backends import open_device
from hil.errors import InputError

torch = pytest.importorskip("torch")
from hil.torch import CrossbarConv2d, CrossbarLinear, PulseSGD  # noqa: E402
from hil.writing.write import Fate  # noqa: E402

DEVICES = ["sim:rram", "sim:rram?d2d=20%&seed=3", "fpga:golden"]


def shuffled(uri: str, rows: int, cols: int):
    """A device whose cells have been programmed at random."""
    device = open_device(uri, rows=rows, cols=cols)
    device.program(np.random.default_rng(1).integers(0, 30, (rows, cols)))
    return device


@pytest.mark.parametrize("uri", DEVICES)
def test_forward_and_backward_are_those_of_the_weights_that_are_read(uri):
    layer = CrossbarLinear(5, 3, shuffled(uri, 5, 3), weight_max=2.0, x_max=1.5)
    layer.bias.data.uniform_(-1, 1)
    torch.manual_seed(0)
    x = torch.rand(4, 2, 5, dtype=torch.float64, requires_grad=True)
    twin = torch.nn.Linear(5, 3, dtype=torch.float64)
    twin.load_state_dict({"weight": layer.weight.detach().double(), "bias": layer.bias.detach().double()})
    y, wanted = layer(x), twin(x)
    assert 0 < float(layer.weight.detach().max()) <= 2.0
    torch.testing.assert_close(y, wanted, rtol=0, atol=2e-6)
    grads = torch.autograd.grad(y.sin().sum(), [x, layer.weight, layer.bias])
    others = torch.autograd.grad(y.detach().cos().mul(wanted).sum(), [x, twin.weight, twin.bias])
    for mine, theirs in zip(grads, others, strict=True):
        torch.testing.assert_close(mine.double(), theirs, rtol=0, atol=1e-5)


def test_a_convolution_is_torchs():
    torch.manual_seed(0)
    layer = CrossbarConv2d(2, 3, (3, 2), shuffled("sim:rram", 12, 3), stride=(2, 1), padding=(1, 0))
    x = torch.rand(2, 2, 7, 6)
    kernel = layer.crossbar.weight.reshape(3, 2, 3, 2)
    wanted = torch.nn.functional.conv2d(x, kernel, layer.crossbar.bias, stride=(2, 1), padding=(1, 0))
    torch.testing.assert_close(layer(x), wanted, rtol=0, atol=2e-6)


def test_a_trained_layer_is_written_within_the_tolerance_and_its_state_comes_back():
    torch.manual_seed(0)
    trained = torch.nn.Linear(6, 4)
    trained.weight.data.abs_()
    layer = CrossbarLinear.from_linear(trained, "sim:rram?d2d=10%", tolerance=0.02)
    most = float(trained.weight.detach().max())
    assert float((layer.weight - trained.weight).detach().abs().max()) <= 0.02 * most * (1 + 1e-5)
    x = torch.rand(3, 6)
    assert float((layer(x) - trained(x)).abs().max()) <= 6 * 0.02 * most
    again = CrossbarLinear(6, 4, "sim:rram?d2d=10%&seed=5", weight_max=most)
    again.load_state_dict(layer.state_dict())
    assert (
        float((torch.from_numpy(again.mapping.weights(again.array.read())).T - layer.weight).abs().max()) > 0.1 * most
    )
    report = again.program()
    assert (report.fate == Fate.REACHED).all()
    assert float((again.weight - layer.weight).abs().max()) <= 0.02 * most * (1 + 1e-5)


def test_weights_of_both_signs_need_a_device_that_holds_them():
    with pytest.raises(InputError, match="below 0: this device holds weights of one sign"):
        CrossbarLinear.from_linear(torch.nn.Linear(4, 3), "sim:rram")


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: CrossbarLinear(4, 3, open_device("sim:rram?rows=3&cols=3")), "needs 4 x 3"),
        (lambda: CrossbarLinear(4, 3, "sim:rram", weight_max=0), "weight_max = 0 must be above 0"),
        (lambda: CrossbarLinear(4, 3, "sim:rram", x_max=-1), "x_max = -1 must be above 0"),
        (lambda: PulseSGD(torch.nn.Linear(2, 2)), "no CrossbarLinear"),
        (lambda: PulseSGD(CrossbarLinear(2, 2, "sim:rram"), rounding="up"), "rounding = up"),
        (lambda: PulseSGD(CrossbarLinear(2, 2, "sim:rram"), lr=0), "lr = 0 must be above 0"),
    ],
)
def test_what_cannot_be_is_refused(make, sentence):
    with pytest.raises(InputError, match=sentence):
        make()


@pytest.mark.parametrize("rounding", ["stochastic", "nearest", "sign"])
def test_pulses_are_the_gradient_rounded(rounding):
    layer = CrossbarLinear(40, 50, "sim:rram")
    optimiser = PulseSGD(layer, lr=0.1, pulse=0.01, rounding=rounding, most=3)
    layer.weight.grad = torch.full_like(layer.weight, -0.17)
    counts = optimiser.counts(layer)
    if rounding == "stochastic":
        assert set(np.unique(counts)) == {1, 2}
        assert counts.mean() == pytest.approx(1.7, abs=5 * 0.46 / np.sqrt(counts.size))
    else:
        assert (counts == {"nearest": 2, "sign": 1}[rounding]).all()
    layer.weight.grad = torch.full_like(layer.weight, 100.0)
    assert (optimiser.counts(layer) == {"sign": -1}.get(rounding, -3)).all()


def test_a_users_own_loop_learns_by_pulses():
    """Regression to weights that the device can hold, beside a layer that gets no pulse and one with other targets."""
    torch.manual_seed(2)
    wanted = 0.1 + 0.8 * torch.rand(3, 8)
    x = torch.rand(200, 8)
    y = x @ wanted.T

    def trained(targets, lr: float) -> float:
        layer = CrossbarLinear(8, 3, "sim:rram?d2d=5%&c2c=30%", bias=False)
        optimiser = PulseSGD(layer, lr=lr, pulse=0.01)
        for epoch in range(12):
            order = torch.randperm(200, generator=torch.Generator().manual_seed(epoch))
            for batch in order.split(20):
                optimiser.zero_grad()
                torch.nn.functional.mse_loss(layer(x[batch]), targets[batch]).backward()
                optimiser.step()
        return float(torch.nn.functional.mse_loss(layer(x), y))

    loss, control = trained(y, 2.0), trained(y, 1e-9)
    shuffled_loss = trained(y[torch.randperm(200)], 2.0)
    assert loss < 0.1 * control
    assert loss < 0.1 * shuffled_loss


def test_parameters_that_no_device_holds_get_plain_descent():
    model = torch.nn.Sequential(CrossbarLinear(3, 2, "sim:rram"), torch.nn.Linear(2, 1))
    optimiser = PulseSGD(model, lr=0.5)
    before = {name: value.detach().clone() for name, value in model.named_parameters()}
    model(torch.rand(4, 3)).sum().backward()
    optimiser.step()
    for name, value in model.named_parameters():
        if name != "0.weight":
            torch.testing.assert_close(value.detach(), before[name] - 0.5 * value.grad)
    held = torch.from_numpy(model[0].mapping.weights(model[0].array.read())).T.to(model[0].weight)
    torch.testing.assert_close(model[0].weight.detach(), held)


def test_the_page_on_torch_runs_and_learns():
    text = (Path(__file__).parents[2] / "docs/torch.md").read_text(encoding="utf-8")
    told: dict = {}
    exec(re.search(r"```python\n(.*?)```", text, re.DOTALL)[1], told)
    shuffled = float(
        (told["data"].test_labels == np.random.default_rng(0).permutation(told["data"].test_labels)).mean()
    )
    assert told["accuracy"] > 0.6 > shuffled + 0.3
    assert told["pulses"] > 0
    most = float(told["layer"].weight.abs().max())
    assert float((told["written"].weight - told["layer"].weight).detach().abs().max()) <= 2 * 0.02 * most * 1.01
