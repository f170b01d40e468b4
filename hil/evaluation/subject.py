"""`Subject`: something trained, whose weights can be written into devices and whose answers come from these."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from hil.data.datasets import Dataset
from hil.device import Device
from hil.evaluation.settings import EvaluateConfig
from hil.plugins import Registry

Matrix = NDArray[np.float64]

Answers = NDArray[np.int64]
"""(B,) class of every image."""


class Subject(ABC):
    """Weights by the name of their matrix, and how they answer.

    Attributes
    ----------
    weights : dict
        (rows, columns) matrices by name, in any unit and of any sign.
    notes : tuple of str
        What was assumed when it was read.
    """

    signed: ClassVar[bool] = True
    """Whether weights have both signs, so that a weight needs two cells."""

    weights: dict[str, Matrix]
    notes: tuple[str, ...] = ()

    @classmethod
    @abstractmethod
    def recognises(cls, path: Path) -> bool:
        """Whether an existing file or run folder is of this kind."""

    @classmethod
    @abstractmethod
    def load(cls, path: Path, dataset: Dataset, config: EvaluateConfig) -> Self:
        """Read it; `InputError` in one sentence where it does not fit the data, or is damaged."""

    @abstractmethod
    def with_weights(self, weights: dict[str, Matrix]) -> Self:
        """The same with other weights."""

    @abstractmethod
    def conductances(self, name: str, device: Device) -> Matrix:
        """(rows, columns) conductances of the weights of a matrix on a device, S, with their signs.

        `InputError` where the device cannot hold them.
        """

    @abstractmethod
    def alone(self, images: NDArray[np.uint8], seed: int) -> Answers | None:
        """Answers without any device, in floating point; None where only a device answers."""

    @abstractmethod
    def answers(self, devices: Mapping[str, Device], images: NDArray[np.uint8], seed: int) -> Answers:
        """Answers by devices, one for each matrix, that hold `conductances`."""

    def shuffled(self, seed: int) -> Self:
        """Control: the weights of every matrix at other places in it."""
        rng = np.random.default_rng([seed, 9])
        return self.with_weights({
            name: rng.permutation(matrix.ravel()).reshape(matrix.shape) for name, matrix in self.weights.items()
        })  # fmt: skip


SUBJECTS: Registry[type[Subject]] = Registry("hil.subjects", "kind of trained network", base=f"{__name__}:Subject")
"""All kinds of all packages."""
