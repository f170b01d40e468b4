"""`SurrogateNetwork`: leaky neurons trained through time, with a smooth curve in place of a spike's derivative."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from torch import Tensor

from hil.torch.adam import AdamModel, Matrix

Trains = Callable[[Matrix, int], Iterable[Matrix]]
"""Input spikes (B, inputs) step by step for intensities (B, inputs) and the number of the presentation."""


class SurrogateNetwork(AdamModel):
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
        super().__init__(start, lr=lr, limit=limit, torch_device=torch_device)
        self._trains, self._decay, self._slope, self._binary = trains, decay, slope, binary
        self._scales = [1.0] * len(start) if scales is None else list(scales)

    def forward(self, trains: Iterable[Matrix]) -> Tensor:
        """(B, classes) mean membrane of the outputs for input spikes step by step."""
        weights = [self.used(p) for p in self.parameters]
        membranes: list[Any] = [0.0] * len(weights)
        total, steps = 0.0, 0
        for spikes in trains:
            current: Any = self.tensor(spikes)
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
        return self.cross_entropy(self.forward(trains), one_hot)

    def batch_loss(self, x: Matrix, one_hot: Matrix, number: int) -> Tensor:
        """Loss of the spikes of a batch of intensities."""
        return self.loss(self._trains(x, number), one_hot)

    def used(self, parameter: Tensor) -> Tensor:
        """The parameter, or the largest weight with its sign."""
        if not self._binary:
            return parameter
        signs = torch.where(parameter >= 0, self.limit, -self.limit).to(parameter)
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
