"""`hil train binary-snn`: spikes of 0 and 1, weights of -1 and 1, each a pair of cells of which one conducts (XNOR)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from pydantic import Field

from hil.config import Section
from hil.insitu.layers import ERASED, ArrayLayer, Matrix
from hil.training.insitu_settings import NetworkData
from hil.training.settings import DeviceSettings
from hil.training.techniques.surrogate import SurrogateSettings, SurrogateTraining
from hil.training.techniques.technique import Measure


class BinarySettings(SurrogateSettings):
    """Section [train]."""

    mend: int = Field(0, ge=0, le=0, description="none: a binary weight is written once, by pulses to the end")
    lr: float = Field(0.01, gt=0, description="learning rate of Adam, on the host")


class BinaryConfig(Section):
    """Configuration of `hil train binary-snn`."""

    data: NetworkData = Field(default_factory=NetworkData)
    device: DeviceSettings = Field(
        default_factory=lambda: DeviceSettings(
            uri="sim:rram?model=nlsb&alpha=0.05&gamma=2&c2c=0.5&d2d=0.2&read_noise=0.05&synapse=differential"
        )
    )
    train: BinarySettings = Field(default_factory=BinarySettings)


class BinarySnn(SurrogateTraining):
    """Train a binary spiking network: weights of one size, so that cells need two states and no exact pulses.

    Needs the extra torch. Weights are used by their signs while training (the gradient goes to what is behind them) and
    written by pulses to the end, never read: one cell of a pair conducts and the other does not, an XNOR cell. The
    default cells are non-linear, asymmetric and noisy on purpose.

    \b
    hil train binary-snn                                          # bundled digits, 64-54-10, 16 steps
    hil train binary-snn --layers 784,200,10 --dataset mnist --data-dir DIR
    """

    kind = "train binary-snn"
    config_model: ClassVar[type[Section]] = BinaryConfig
    headline = Measure("accuracy", "accuracy in spikes", "%", "binary weights, written by pulses to the end")
    controls: ClassVar = {
        "untrained": "random signs, written the same way",
        "shuffled labels": "the same training, labels permuted",
    }
    more: ClassVar[Sequence[Measure]] = tuple(m for m in SurrogateTraining.more if m.key != "written")
    binary = True

    def scales(self) -> list[float]:
        """1 / sqrt(inputs) a layer: what would be its threshold over that of a neuron with one weight."""
        return [1.0 / (math.sqrt(inputs) * self.config.train.weight_max) for inputs in self.sizes[:-1]]

    def write(self, layer: ArrayLayer, weights: Matrix) -> None:
        """All cells to one of their two ends, without looking."""
        whole = math.ceil(ERASED * 2.0 * layer.mapping.high / layer.pulse)
        layer.move((whole * np.sign(weights)).astype(np.int64))
