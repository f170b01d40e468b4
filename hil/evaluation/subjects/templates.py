"""Layers that `hil train stdp` has trained: a column a class, compared by their currents."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar, Self

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
from hil.spiking.encoding import intensities
from hil.training.readout import READOUTS, Readout, winners
from hil.training.stdp import StdpConfig

LAYERS = "layers"
"""Name of its matrix."""


@dataclass(frozen=True, eq=False)
class Templates(Subject):
    """A run of `hil train stdp`: the conductances of its layers, its first seed, and the readout that it reports."""

    weights: dict[str, Matrix]
    readout: str
    config: StdpConfig
    dataset: Dataset
    signed: ClassVar[bool] = False

    @classmethod
    def recognises(cls, path: Path) -> bool:
        """By the kind in its meta.json."""
        return path.is_dir() and summary(path)[0].get("kind") == "train stdp"

    @classmethod
    def load(cls, path: Path, dataset: Dataset, config: EvaluateConfig) -> Self:
        """From its checkpoint."""
        with Run(path) as run:
            own: StdpConfig = validated(with_energy(StdpConfig), run.config, f"{path}/config.toml")
            saved = run.checkpoint()
        stage = f"trained #{own.train.seed}"
        if saved is None or f"g/{stage}" not in saved[0]:
            raise InputError(f"{path} has not been trained to its end yet: hil train stdp --resume {path}")
        g = saved[0][f"g/{stage}"].astype(np.float64)
        if g.shape != (dataset.inputs, dataset.classes):
            raise InputError(
                f"{path} has {g.shape[0]} inputs and {g.shape[1]} layers, '{dataset.name}' has {dataset.inputs} pixels "
                f"and {dataset.classes} classes"
            )
        held = saved[1]["outcomes"][stage].get("holdout", {})
        best = max(READOUTS, key=lambda name: held.get(name, 0.0))
        return cls({LAYERS: g}, best if own.train.readout == "select" else own.train.readout, own, dataset)

    def with_weights(self, weights: dict[str, Matrix]) -> Self:
        """The readout stays."""
        return replace(self, weights=weights)

    def conductances(self, name: str, device: Device) -> Matrix:
        """As they are where the device reaches them; else from the lowest to the highest over its range."""
        own, g = device.programming, self.weights[name]
        if own is None:
            raise InputError(f"{device.name} does not say its range of conductances: weights have no place there")
        if own.g_min <= g.min() and g.max() <= own.g_max:
            return g
        return own.g_min + (own.g_max - own.g_min) * (g - g.min()) / (float(np.ptp(g)) or 1.0)

    def alone(self, images: NDArray[np.uint8], seed: int) -> None:
        """The readouts are those of a device."""

    def answers(self, devices: Mapping[str, Device], images: NDArray[np.uint8], seed: int) -> Answers:
        """The layer that its readout finds."""
        data, train = self.dataset, self.config.train
        device = devices[LAYERS]
        known = intensities(data.train_images[: train.calibration], data.full_scale)
        readout = Readout(device, known, train.v_read or device.read_voltage)
        scores = readout.scores(intensities(images, data.full_scale))[self.readout]
        return winners(scores, np.random.default_rng([seed, 4]))
