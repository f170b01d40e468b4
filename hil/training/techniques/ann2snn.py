"""`hil train ann2snn`: a rectified network becomes one of integrate-and-fire neurons, with its thresholds balanced."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from hil.config import CliFlag, Section
from hil.fraction import Fraction
from hil.insitu.layers import Matrix
from hil.insitu.network import ArrayNetwork, starting_weights
from hil.insitu.software import SoftwareNetwork, passed_through
from hil.insitu.spiking import Code, SpikingArrays, balanced_thresholds, operations, spike_trains
from hil.training.insitu_settings import NetworkData
from hil.training.loop import Stage, stage_key
from hil.training.settings import DeviceSettings
from hil.training.techniques.mapped import MappedSettings, MappedTrainee, MappedTraining
from hil.training.techniques.technique import TRAINED, Measure, percent
from hil.writing.plan import WritePlan

AT_ONCE = 1000
"""Images whose membranes are held together."""

CALIBRATION = 2000
"""Training images on which thresholds are balanced, at most."""


class ConversionSettings(MappedSettings):
    """Section [train]."""

    steps: Annotated[int, CliFlag("Time steps that an image is shown.")] = Field(
        128, ge=1, le=100_000, description="time steps that an image is shown"
    )
    code: Annotated[Code, CliFlag("bernoulli (spikes) or constant (a current): how pixels go in.")] = Field(
        "bernoulli", description="how pixels go in: spikes drawn by their intensity, or a constant current"
    )
    share: float = Field(0.999, gt=0, le=1, description="of the activations that count as the largest; the rest is cut")
    tolerance: Annotated[Fraction, CliFlag("Error that the write leaves, of the range.")] = Field(
        0.02, gt=0, lt=1, description="error that the write may leave, fraction of the conductance range"
    )


class ConversionConfig(Section):
    """Configuration of `hil train ann2snn`."""

    data: NetworkData = Field(default_factory=NetworkData)
    device: DeviceSettings = Field(
        default_factory=lambda: DeviceSettings(uri="sim:rram?alpha=0.01&c2c=0.3&d2d=0.1&synapse=differential")
    )
    train: ConversionSettings = Field(default_factory=ConversionSettings)


class Ann2Snn(MappedTraining):
    """Convert a trained network into spikes: no biases, no negative inputs, rectified units, thresholds balanced.

    Trained in software by the rules of Cao et al. (2015), written into arrays, then played by integrate-and-fire
    neurons on the host. Beside its accuracy after all steps: the network itself, in floating point and in the arrays,
    random weights, and thresholds that are not balanced.

    \b
    hil train ann2snn                                             # bundled digits, 64-54-10
    hil train ann2snn --layers 784,100,10 --dataset mnist --data-dir DIR --steps 256
    hil train ann2snn --code constant --steps 32                  # pixels as currents
    """

    kind = "train ann2snn"
    config_model: ClassVar[type[Section]] = ConversionConfig
    headline = Measure("accuracy", "accuracy in spikes", "%", "after all steps")
    review = "almost no loss"
    controls: ClassVar = {"untrained": "random weights, written and played the same way"}
    more: ClassVar[Sequence[Measure]] = (
        Measure(
            "one",
            "accuracy in spikes",
            "%",
            "every threshold is 1, as one weight of 1 a step fires",
            "thresholds not balanced",
        ),
        Measure("analog", "accuracy", "%", "rectified units on the same arrays", "same arrays, no spikes"),
        Measure("float", "accuracy", "%", "the same network, no device", "software"),
        Measure("loss", "accuracy lost by spikes", "points", "same arrays without spikes, minus with them"),
        Measure("needed", "time steps to within a point", "", "of the accuracy on the same arrays without spikes"),
        Measure("spikes", "spikes an image", "", "inputs and hidden units, all steps"),
        Measure("operations", "synaptic operations an image", "", "all steps; a product takes one a weight"),
    )
    hint = "show images for more steps (--steps), or train longer (--epochs)"

    def model(self, seed: int, stage: Stage) -> SoftwareNetwork:
        """A perceptron without biases."""
        train = self.config.train
        start = starting_weights(self.sizes, False, seed, train.weight_max)
        return SoftwareNetwork(start, bias=False, lr=train.lr, lr_end=0.1, momentum=0.0, limit=train.weight_max)

    def measured(self, stage: Stage, trainee: MappedTrainee) -> dict[str, Any]:
        """Write, balance, play."""
        model: Any = trainee.model(stage)
        plan = WritePlan(source="weights", device=trainee.layers[0].device.name, tolerance=self.config.train.tolerance)
        for layer, w in zip(trainee.layers, model.weights, strict=True):
            layer.write(w, plan)
        self.keep_weights(stage, [layer.weights() for layer in trainee.layers])
        x, labels = self.judged(stage.seed)
        network = ArrayNetwork(trainee.layers)
        thresholds = self._thresholds(stage.seed, network)
        same = [1.0] * len(thresholds)
        curve, spikes, done = self.played(trainee, thresholds, x, labels, stage.seed)
        analog = percent(network.answers(x), labels)
        self.loop.arrays[f"curve/{stage.key}"] = curve
        good = np.flatnonzero(curve >= analog - 1.0)
        return {
            "accuracy": float(curve[-1]),
            "one": float(self.played(trainee, same, x, labels, stage.seed)[0][-1]),
            "analog": analog,
            "float": percent(passed_through(model.weights, x, False)[-1].argmax(axis=1), labels),
            "loss": analog - float(curve[-1]),
            "needed": float(good[0] + 1) if len(good) else float(len(curve) + 1),
            "spikes": spikes,
            "operations": done,
        }

    def played(
        self, trainee: MappedTrainee, thresholds: Sequence[float], x: Matrix, labels: NDArray[np.int64], seed: int
    ) -> tuple[NDArray[np.float64], float, float]:
        """Accuracy in % after every step, spikes and synaptic operations an image."""
        train = self.config.train
        right, spikes, done = np.zeros(train.steps), 0.0, 0.0
        for at in range(0, len(x), AT_ONCE):
            part, wanted = x[at : at + AT_ONCE], labels[at : at + AT_ONCE]
            trains = spike_trains(part, train.steps, train.code, [seed, 22, at])
            fired: Sequence[Matrix] = ()
            for spoken in SpikingArrays(trainee.layers, thresholds).play(trains):
                right[spoken.step - 1] += (spoken.outputs.argmax(axis=1) == wanted).sum()
                fired = spoken.fired
            spikes += float(sum(f.sum() for f in fired))
            done += operations(fired, self.sizes[1:]) * len(part)
        return 100 * right / len(x), spikes / len(x), done / len(x)

    def levels(self) -> dict[str, float]:
        """What the network has without spikes."""
        return {"chance": 100 / self.dataset.classes, "no spikes": float(np.mean(self.values(TRAINED, "analog")))}

    def pictures(self) -> list[Path]:
        """Draw accuracy against time steps, and the weights."""
        from hil import plots

        path = self.run.figure("steps.png")
        curves = {f"seed {s}": self.loop.arrays[f"curve/{stage_key(TRAINED, s)}"] for s in self.seeds}
        series = {name: list(enumerate(map(float, curve), start=1)) for name, curve in curves.items()}
        plots.save_curves(series, self.levels(), path, f"{self.kind}: accuracy in spikes", along="time steps")
        return [path, *super().pictures()]

    def _thresholds(self, seed: int, network: ArrayNetwork) -> list[float]:
        """Balance on training images alone."""
        order = next(s.order for s in self.stages() if (s.role, s.seed) == (TRAINED, seed))
        hidden = network.forward(self.shown(np.unique(order)[:CALIBRATION]))[1:-1]
        return balanced_thresholds(hidden, self.config.train.share)
