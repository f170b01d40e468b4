"""`SurrogateNetwork`: leaky neurons trained through time, with a smooth curve in place of a spike's derivative."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

Matrix = NDArray[np.float64]
Trains = Callable[[Matrix, int], Iterable[Matrix]]
"""Input spikes (B, inputs) step by step for intensities (B, inputs) and the number of the presentation."""


class SurrogateNetwork:
    """Layers of leaky integrate-and-fire neurons, ``v <- decay v + scale I``, learned by backpropagation through time.

    A spike is a step function of ``v - 1``, and takes 1 off the membrane; backwards its derivative is that of a fast
    sigmoid, ``1 / (1 + slope |v - 1|)^2`` (Zenke & Ganguli 2018, Neural Comput. 30, 1514; Neftci et al. 2019, IEEE
    Signal Process. Mag. 36, 51). Outputs integrate and do not fire; the loss is the cross-entropy of their mean.

    Parameters
    ----------
    start : sequence of (inputs, outputs) arrays
        Weights to begin with.
    trains : callable
        Gives the input spikes of a batch.
    decay : float
        What is left of a membrane after a step.
    lr : float
        Learning rate of Adam.
    limit : float
        Magnitude of the largest weight that a device holds.
    slope : float
        Of the fast sigmoid.
    binary : bool
        Whether weights are used as ``limit`` times their sign, the gradient going to what is behind it (Courbariaux et
        al. 2015, BinaryConnect).
    scales : sequence of float, optional
        What each layer's products are multiplied by; 1 if not given.
    torch_device : str
        Where torch computes, such as ``cpu`` or ``cuda``.
    """

    def __init__(
        self, start: Sequence[Matrix], trains: Trains, *, decay: float, lr: float, limit: float, slope: float = 10.0,
        binary: bool = False, scales: Sequence[float] | None = None, torch_device: str = "cpu",
    ) -> None:  # fmt: skip
        """Begin with these weights."""
        self._at = torch.device(torch_device)
        self._parameters = [nn.Parameter(torch.tensor(w, dtype=torch.float64, device=self._at)) for w in start]
        self._adam = torch.optim.Adam(self._parameters, lr=lr)
        self._trains, self._decay, self._limit, self._slope, self._binary = trains, decay, limit, slope, binary
        self._scales = [1.0] * len(start) if scales is None else list(scales)

    @property
    def weights(self) -> list[Matrix]:
        """(inputs, outputs) weights as they are used, of every layer."""
        return [self._used(p).detach().cpu().numpy().copy() for p in self._parameters]

    def forward(self, trains: Iterable[Matrix]) -> Tensor:
        """(B, classes) mean membrane of the outputs for input spikes step by step."""
        weights = [self._used(p) for p in self._parameters]
        membranes: list[Any] = [0.0] * len(weights)
        total, steps = 0.0, 0
        for spikes in trains:
            current: Any = torch.as_tensor(spikes, dtype=torch.float64, device=self._at)
            for place, w in enumerate(weights):
                membranes[place] = self._decay * membranes[place] + self._scales[place] * (current @ w)
                if place < len(weights) - 1:
                    current = _Spike.apply(membranes[place] - 1.0, self._slope)
                    membranes[place] = membranes[place] - current
            total, steps = total + membranes[-1], steps + 1
        found: Tensor = total / steps
        return found

    def loss(self, trains: Iterable[Matrix], one_hot: Matrix) -> Tensor:
        """Mean cross-entropy of the outputs."""
        labels = torch.as_tensor(one_hot.argmax(axis=1), device=self._at)
        return nn.functional.cross_entropy(self.forward(trains), labels)

    def learn(self, x: Matrix, one_hot: Matrix, number: int, share: float) -> None:
        """Take the step of this number on (B, inputs) intensities and (B, classes)."""
        self._adam.zero_grad()
        self.loss(self._trains(x, number), one_hot).backward()
        self._adam.step()
        with torch.no_grad():
            for parameter in self._parameters:
                parameter.clamp_(-self._limit, self._limit)

    def state(self) -> dict[str, NDArray[Any]]:
        """What a checkpoint needs: weights and Adam's moments."""
        kept: dict[str, NDArray[Any]] = {}
        for place, parameter in enumerate(self._parameters):
            kept[f"w{place}"] = parameter.detach().cpu().numpy().copy()
            for name, value in self._adam.state[parameter].items():
                kept[f"{name}{place}"] = value.detach().cpu().numpy().copy()
        return kept

    def resume(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Take back `state`."""
        with torch.no_grad():
            for place, parameter in enumerate(self._parameters):
                parameter.copy_(torch.as_tensor(state[f"w{place}"]))
                names = [name for name in ("step", "exp_avg", "exp_avg_sq") if f"{name}{place}" in state]
                for name in names:
                    value = torch.as_tensor(state[f"{name}{place}"])
                    self._adam.state[parameter][name] = value if name == "step" else value.to(self._at)

    def _used(self, parameter: Tensor) -> Tensor:
        if not self._binary:
            return parameter
        signs = torch.where(parameter >= 0, self._limit, -self._limit).to(parameter)
        return parameter + (signs - parameter).detach()


class _Spike(torch.autograd.Function):
    """A step forward, the derivative of a fast sigmoid backward."""

    @staticmethod
    def forward(ctx: Any, over: Tensor, slope: float) -> Tensor:
        """1 where a membrane is at its threshold or over it."""
        ctx.save_for_backward(over)
        ctx.slope = slope
        return (over >= 0).to(over)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        """Through the fast sigmoid."""
        (over,) = ctx.saved_tensors
        return grad / (1.0 + ctx.slope * over.abs()) ** 2, None
