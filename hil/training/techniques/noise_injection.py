"""`hil train noise-injection`: training with noise on the weights, for cells that are written without verification."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar

import numpy as np
from pydantic import Field

from hil.config import CliFlag, Section
from hil.fraction import Fraction
from hil.insitu.layers import ArrayLayer, Matrix
from hil.insitu.network import ArrayNetwork, starting_weights
from hil.insitu.software import Perturbation, SoftwareNetwork, passed_through
from hil.training.insitu_settings import NetworkData
from hil.training.loop import Stage
from hil.training.settings import DeviceSettings
from hil.training.techniques.mapped import MappedSettings, MappedTrainee, MappedTraining
from hil.training.techniques.technique import Measure, percent


class NoiseSettings(MappedSettings):
    """Section [train]."""

    lr: Annotated[float, CliFlag("Learning rate of the training on the host.")] = Field(
        1.0, gt=0, description="learning rate of the training on the host"
    )
    noise: Annotated[Fraction, CliFlag("Noise of a cell's conductance while training, 20%.")] = Field(
        0.2, ge=0, le=2, description="standard deviation of a cell's conductance while training, part of it"
    )


class NoiseConfig(Section):
    """Configuration of `hil train noise-injection`."""

    data: NetworkData = Field(default_factory=NetworkData)
    device: DeviceSettings = Field(
        default_factory=lambda: DeviceSettings(
            uri="sim:rram?alpha=0.01&g_min=2e-5&g_max=1e-4&d2d_r=0.4&synapse=differential"
        )
    )
    train: NoiseSettings = Field(default_factory=NoiseSettings)


class NoiseInjection(MappedTraining):
    """Train with noise on every cell, then write without looking into cells that differ from each other.

    Pairs of cells hold a weight one-sided, the other cell at its lowest conductance, so that its share of the noise
    grows as the on/off ratio falls. Cells are erased and counted up, never read: what their spread does to the weights
    stays. Beside the accuracy: no training, and the same training without noise.

    \b
    hil train noise-injection                                     # 40 % spread, on/off ratio 5
    hil train noise-injection --layers 784,100,10 --dataset mnist --data-dir DIR --noise 40%
    hil train noise-injection --device "sim:rram?alpha=0.01&g_min=5e-5&d2d_r=0.2&synapse=differential"
    """

    kind = "train noise-injection"
    config_model: ClassVar[type[Section]] = NoiseConfig
    headline = Measure("accuracy", "accuracy in the array", "%", "trained with noise, written blindly")
    review = "+10 points (40 % variation, distance 0.5)"
    controls: ClassVar = {
        "without noise": "the same training, no noise in it; written the same way",
        "untrained": "random weights, written the same way",
    }
    more: ClassVar[Sequence[Measure]] = (
        Measure("float", "accuracy", "%", "trained with noise; floating point, no cells", "software"),
        Measure("error", "error of a weight as written", "", "root mean square, of the largest weight"),
    )
    hint = "train with more noise (--noise), or take cells that differ less or have a larger on/off ratio"

    def model(self, seed: int, stage: Stage) -> SoftwareNetwork:
        """A perceptron, with noise unless the stage is the control without."""
        train = self.config.train
        start = starting_weights(self.sizes, self.bias, seed, train.weight_max)
        perturb = None if stage.role == "without noise" or not train.noise else self._noise(seed)
        return SoftwareNetwork(
            start, bias=self.bias, lr=train.lr, lr_end=0.1, momentum=0.0, limit=train.weight_max, perturb=perturb
        )

    def measured(self, stage: Stage, trainee: MappedTrainee) -> dict[str, Any]:
        """Write and ask."""
        model: Any = trainee.model(stage)
        x, labels = self.judged(stage.seed)
        for layer, w in zip(trainee.layers, model.weights, strict=True):
            layer.pulse = layer.calibrate()
            layer.write_blindly(w)
        found = [layer.weights() for layer in trainee.layers]
        self.keep_weights(stage, found)
        self.loop.outcomes["ratio"] = _ratio(trainee.layers[0])
        square = np.concatenate([((a - b) ** 2).ravel() for a, b in zip(found, model.weights, strict=True)])
        return {
            "accuracy": percent(ArrayNetwork(trainee.layers).answers(x), labels),
            "float": percent(passed_through(model.weights, x, self.bias)[-1].argmax(axis=1), labels),
            "error": float(np.sqrt(square.mean())) / self.config.train.weight_max,
        }

    def _noise(self, seed: int) -> Perturbation:
        """Both cells of a one-sided pair times 1 + noise N(0, 1), drawn anew in every step."""
        train = self.config.train
        rest = 1.0 / (self._on_off(seed) - 1.0)

        def perturbed(w: Matrix, layer: int, number: int) -> Matrix:
            luck = np.random.default_rng([seed, 21, layer, number])
            up, down = (rest + np.maximum(s * w, 0.0) / train.weight_max for s in (1.0, -1.0))
            spread = train.noise * train.weight_max * np.hypot(up, down)
            return w + spread * luck.standard_normal(w.shape)

        return perturbed

    def _on_off(self, seed: int) -> float:
        """Ratio of a cell's highest conductance to its lowest."""
        if "ratio" not in self.loop.outcomes:
            trainee = self.open(seed)
            trainee.devices.close()
            self.loop.outcomes["ratio"] = _ratio(trainee.layers[0])
        return float(self.loop.outcomes["ratio"])


def _ratio(layer: ArrayLayer) -> float:
    """On/off ratio of the cells of a layer."""
    own: Any = layer.cell_programming
    return float(own.g_max / own.g_min)
