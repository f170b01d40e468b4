"""Layers of neurons that `hil train wta` has trained."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from hil.config import validated
from hil.data.datasets import Dataset
from hil.device import Device
from hil.energy.figures import with_energy
from hil.errors import InputError
from hil.evaluation.settings import EvaluateConfig
from hil.evaluation.subject import Answers, Matrix, Subject
from hil.runs.run import Run, summary
from hil.spiking.host import spiking
from hil.training.wta_readout import class_by_shares, class_of_winner
from hil.training.wta_settings import WtaConfig

LAYER = "layer"
"""Name of its matrix."""

FIRST = 3 * 10**8
"""Number of the first presentation, which training and its own evaluation do not use."""


@dataclass(frozen=True, eq=False)
class SpikingLayer(Subject):
    """A run of `hil train wta`: weights, thresholds and labels of its neurons, its first seed.

    `shares` are P(class | neuron), where the run decides by them.
    """

    weights: dict[str, Matrix]
    theta: NDArray[np.float64]
    labels: NDArray[np.int64]
    shares: NDArray[np.float64] | None
    config: WtaConfig
    dataset: Dataset
    signed: ClassVar[bool] = False

    @classmethod
    def recognises(cls, path: Path) -> bool:
        """By the kind in its meta.json."""
        return path.is_dir() and summary(path)[0].get("kind") == "train wta"

    @classmethod
    def load(cls, path: Path, dataset: Dataset, config: EvaluateConfig) -> Self:
        """From its checkpoint."""
        with Run(path) as run:
            own: WtaConfig = validated(with_energy(WtaConfig), run.config, f"{path}/config.toml")
            saved = run.checkpoint()
        stage = f"trained #{own.train.seed}"
        arrays: dict[str, NDArray[Any]] = {} if saved is None else saved[0]
        missing = [name for name in ("w", "theta", "label") if f"{name}/{stage}" not in arrays]
        if missing:
            raise InputError(f"{path} has not been trained to its end yet: hil train wta --resume {path}")
        if own.neuron.reference == "column":
            raise InputError(f"{path} was trained with neuron.reference = column, which belongs to its own array")
        weights = arrays[f"w/{stage}"].astype(np.float64)
        if len(weights) != dataset.inputs:
            raise InputError(f"{path} has {len(weights)} inputs, the images of '{dataset.name}' {dataset.inputs}")
        shares = arrays[f"share/{stage}"] if own.train.readout == "probability" else None
        return cls({LAYER: weights}, arrays[f"theta/{stage}"], arrays[f"label/{stage}"], shares, own, dataset)

    def with_weights(self, weights: dict[str, Matrix]) -> Self:
        """Thresholds and labels stay."""
        return replace(self, weights=weights)

    def conductances(self, name: str, device: Device) -> Matrix:
        """Weight 0 is the lowest conductance, weight 1 the highest."""
        own = device.programming
        if own is None:
            raise InputError(f"{device.name} does not say its range of conductances: weights have no place there")
        return own.g_min + (own.g_max - own.g_min) * self.weights[name]

    def alone(self, images: NDArray[np.uint8], seed: int) -> None:
        """Spikes need a device."""

    def answers(self, devices: Mapping[str, Device], images: NDArray[np.uint8], seed: int) -> Answers:
        """The class by the run's own readout; nothing is learned."""
        data, own = self.dataset, self.config
        total = int(data.train_images.sum(dtype=np.int64)) / (data.full_scale * len(data.train_images))
        # Nothing falls, moves or is drawn any more: a device need not have what the training took for that.
        lif = replace(own.neuron.lif(total, own.train.seed), theta_plus_end=None, theta_plus=0.0, theta_mean="free")
        core = spiking(devices[LAYER], lif, own.stdp.learning_rule(own.train.seed).constant())
        core.theta = self.theta
        numbers = np.arange(len(images)) + FIRST
        counts = core.present_images(images, data.full_scale, own.code, own.train.seed, numbers, False)
        luck = np.random.default_rng([seed, 4])
        if self.shares is not None:
            return class_by_shares(self.shares, counts, luck)
        return class_of_winner(self.labels, counts, data.classes, luck)
