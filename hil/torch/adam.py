"""`AdamModel`: arrays that torch trains by Adam on the host, resumable in the same bits, to be written into devices."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

Matrix = NDArray[np.float64]


class AdamModel(ABC):
    """Matrices of weights within a range, moved by Adam along the gradient of a loss.

    Parameters
    ----------
    start : sequence of arrays
        Weights to begin with.
    lr : float
        Learning rate.
    limit : float
        Magnitude of the largest weight that a device holds.
    torch_device : str
        Where torch computes, such as ``cpu`` or ``cuda``.
    """

    def __init__(self, start: Sequence[Matrix], *, lr: float, limit: float, torch_device: str = "cpu") -> None:
        """Begin with these weights."""
        self.at = torch.device(torch_device)
        self.parameters = [nn.Parameter(torch.tensor(w, dtype=torch.float64, device=self.at)) for w in start]
        self.limit = limit
        self._adam = torch.optim.Adam(self.parameters, lr=lr)

    @property
    def weights(self) -> list[Matrix]:
        """Weights as they are used."""
        return [self.used(p).detach().cpu().numpy().copy() for p in self.parameters]

    def used(self, parameter: Tensor) -> Tensor:
        """What a computation uses of a parameter."""
        return parameter

    @abstractmethod
    def batch_loss(self, x: Matrix, one_hot: Matrix, number: int) -> Tensor:
        """Loss of the batch of this number."""

    def learn(self, x: Matrix, one_hot: Matrix, number: int, share: float) -> None:
        """Take the step of this number on (B, inputs) and (B, classes)."""
        self._adam.zero_grad()
        self.batch_loss(x, one_hot, number).backward()
        self._adam.step()
        with torch.no_grad():
            for parameter in self.parameters:
                parameter.clamp_(-self.limit, self.limit)

    def tensor(self, x: NDArray[Any]) -> Tensor:
        """An array where torch computes."""
        found: Tensor = torch.as_tensor(x, dtype=torch.float64, device=self.at)
        return found

    def cross_entropy(self, outputs: Tensor, one_hot: Matrix) -> Tensor:
        """Mean cross-entropy of (B, classes) outputs."""
        labels = torch.as_tensor(one_hot.argmax(axis=1), device=self.at)
        return nn.functional.cross_entropy(outputs, labels)

    def state(self) -> dict[str, NDArray[Any]]:
        """What a checkpoint needs: weights and Adam's moments."""
        kept: dict[str, NDArray[Any]] = {}
        for place, parameter in enumerate(self.parameters):
            kept[f"w{place}"] = parameter.detach().cpu().numpy().copy()
            for name, value in self._adam.state[parameter].items():
                kept[f"{name}{place}"] = value.detach().cpu().numpy().copy()
        return kept

    def resume(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Take back `state`."""
        with torch.no_grad():
            for place, parameter in enumerate(self.parameters):
                parameter.copy_(torch.as_tensor(state[f"w{place}"]))
                names = [name for name in ("step", "exp_avg", "exp_avg_sq") if f"{name}{place}" in state]
                for name in names:
                    value = torch.as_tensor(state[f"{name}{place}"])
                    self._adam.state[parameter][name] = value if name == "step" else value.to(self.at)
