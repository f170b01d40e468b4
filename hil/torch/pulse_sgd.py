"""`PulseSGD`: gradient descent whose steps are pulses on the cells of crossbar layers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.optim import Optimizer

from hil.errors import InputError
from hil.insitu.updates import Rounding, whole_pulses
from hil.torch.linear import CrossbarLinear


class PulseSGD(Optimizer):
    """Stochastic gradient descent: weights in devices by their pulses, all other parameters on the host.

    A weight is to change by ``-lr * gradient``; one pulse of the device changes it by about `pulse`. The number of
    pulses is the quotient, rounded.

    Parameters
    ----------
    model : torch.nn.Module
        Its `CrossbarLinear` layers (those inside `CrossbarConv2d` too) are pulsed; its other parameters get plain
        gradient descent with the same rate.
    lr : float
        Learning rate.
    pulse : float, optional
        Weight that a pulse stands for; a hundredth of the range if not given.
    rounding : str
        ``stochastic``: up with the probability of the fraction, right on average; ``nearest``; ``sign``: one pulse
        where the quotient is beyond one half, as threshold updates do.
    seed : int
        Of stochastic rounding.
    most : int
        Pulses of a cell a step at most.

    Attributes
    ----------
    pulses : int
        Given so far, of all cells.
    """

    def __init__(
        self,
        model: nn.Module,
        lr: float = 0.1,
        *,
        pulse: float | None = None,
        rounding: Rounding = "stochastic",
        seed: int = 0,
        most: int = 100,
    ) -> None:
        """Find the layers of the model."""
        if rounding not in ("stochastic", "nearest", "sign"):
            raise InputError(f"rounding = {rounding}: give stochastic, nearest or sign")
        if not lr > 0:
            raise InputError(f"lr = {lr:g} must be above 0")
        self.layers = [layer for layer in model.modules() if isinstance(layer, CrossbarLinear)]
        if not self.layers:
            raise InputError("the model has no CrossbarLinear or CrossbarConv2d layer: torch.optim.SGD trains it")
        self.pulse, self.rounding, self.most = pulse, rounding, most
        self.pulses = 0
        self._random = np.random.default_rng(seed)
        mine = {id(layer.weight) for layer in self.layers}
        others = [parameter for parameter in model.parameters() if id(parameter) not in mine]
        groups = [{"params": [layer.weight for layer in self.layers]}, {"params": others}]
        super().__init__([group for group in groups if group["params"]], {"lr": lr})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:
        """Pulse every layer, and read it; return the loss of the closure, if there is one."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for layer in self.layers:
            if layer.weight.grad is not None:
                counts = self.counts(layer)
                if counts.any():
                    layer.array.program(counts)
                    self.pulses += int(np.abs(counts).sum())
                    layer.read()
        for group in self.param_groups[1:]:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    parameter.sub_(group["lr"] * parameter.grad)
        return loss

    def counts(self, layer: CrossbarLinear) -> NDArray[np.int64]:
        """(in, out) pulses of the cells of a layer for its gradient, positive ones potentiate."""
        pulse = self.pulse or (layer.mapping.high - layer.mapping.low) / 100
        gradient: Any = layer.weight.grad
        wanted = -self.param_groups[0]["lr"] / pulse * gradient.detach().cpu().double().numpy().T
        return whole_pulses(wanted, self.rounding, self.most, self._random)
