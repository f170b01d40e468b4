"""`hil train surrogate`: a spiking network trained through time in torch, then written into arrays."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from importlib.util import find_spec
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from hil.config import CliFlag, Section
from hil.data.datasets import Dataset
from hil.errors import InputError
from hil.fraction import Fraction
from hil.insitu.layers import ArrayLayer, Matrix
from hil.insitu.network import softmax, starting_weights
from hil.insitu.spiking import Code, SpikingArrays, Spoken, operations, spike_trains
from hil.insitu.updates import whole_pulses
from hil.training.insitu_settings import NetworkData
from hil.training.loop import Stage
from hil.training.settings import DeviceSettings
from hil.training.techniques.mapped import MappedSettings, MappedTrainee, MappedTraining
from hil.training.techniques.technique import Measure, percent
from hil.writing.plan import WritePlan

if TYPE_CHECKING:
    from hil.torch.surrogate import SurrogateNetwork

AT_ONCE = 500
"""Images whose membranes are held together."""

_TRAIN, _TEST, _MEND = 23, 24, 25


class SurrogateSettings(MappedSettings):
    """Section [train]."""

    lr: Annotated[float, CliFlag("Learning rate of Adam, on the host.")] = Field(
        0.003, gt=0, description="learning rate of Adam, on the host"
    )
    steps: Annotated[int, CliFlag("Time steps that an image is shown.")] = Field(
        16, ge=1, le=10_000, description="time steps that an image is shown"
    )
    code: Annotated[Code, CliFlag("bernoulli (spikes) or constant (a current): how pixels go in.")] = Field(
        "bernoulli", description="how pixels go in: spikes drawn by their intensity, or a constant current"
    )
    decay: float = Field(0.9, ge=0, le=1, description="what is left of a membrane after a step")
    slope: float = Field(10.0, gt=0, description="of the fast sigmoid that stands for a spike's derivative")
    tolerance: Annotated[Fraction, CliFlag("Error that the write leaves, of the range.")] = Field(
        0.2, gt=0, lt=1, description="error that the write may leave, fraction of the conductance range"
    )
    mend: Annotated[int, CliFlag("Training images by which the last layer is mended in place.")] = Field(
        5000, ge=0, description="training images by which the last layer is mended in place; 0 for none"
    )
    mend_lr: float = Field(0.3, gt=0, description="learning rate of the mending")
    accelerator: str = Field("cpu", description="where torch computes: cpu, cuda, ...")


class SurrogateConfig(Section):
    """Configuration of `hil train surrogate`."""

    data: NetworkData = Field(default_factory=NetworkData)
    device: DeviceSettings = Field(
        default_factory=lambda: DeviceSettings(uri="sim:rram?alpha=0.005&c2c=0.3&d2d=0.1&synapse=differential")
    )
    train: SurrogateSettings = Field(default_factory=SurrogateSettings)


class SurrogateTraining(MappedTraining):
    """Train spiking neurons through time with surrogate gradients, write the weights, mend the last layer in place.

    Needs the extra torch. Leaky neurons learn in software, their weights are written with errors, then the last layer
    gets pulses by the gradient of its own outputs. Beside the accuracy: no training, shuffled labels, the network in
    software, and the weights as written.

    \b
    hil train surrogate                                           # bundled digits, 64-54-10, 16 steps
    hil train surrogate --layers 784,100,10 --dataset mnist --data-dir DIR --tolerance 10%
    hil train surrogate --code constant --steps 8
    """

    kind = "train surrogate"
    config_model: ClassVar[type[Section]] = SurrogateConfig
    headline = Measure("accuracy", "accuracy in spikes", "%", "written, last layer mended in place")
    controls: ClassVar = {
        "untrained": "random weights, written; last layer not mended",
        "shuffled labels": "the same training and mending, labels permuted",
    }
    more: ClassVar[Sequence[Measure]] = (
        Measure("written", "accuracy in spikes", "%", "not mended", "written"),
        Measure("float", "accuracy in spikes", "%", "no device", "software"),
        Measure("spikes", "spikes an image", "", "inputs and hidden units, all steps"),
        Measure("operations", "synaptic operations an image", "", "all steps; a product takes one a weight"),
        Measure("pulses", "pulses a cell", "", "writing and mending"),
    )
    hint = "train longer (--epochs), show images for more steps (--steps), or write more exactly (--tolerance)"
    binary: ClassVar[bool] = False

    def prepare(self, dataset: Dataset) -> Dataset:
        """Ask for torch before any work."""
        require_torch(self.kind)
        return super().prepare(dataset)

    def scales(self) -> list[float]:
        """What each layer's products are multiplied by."""
        return [1.0] * (len(self.sizes) - 1)

    def model(self, seed: int, stage: Stage) -> SurrogateNetwork:
        """Leaky neurons, from random weights."""
        from hil.torch.surrogate import SurrogateNetwork

        train = self.config.train
        start = starting_weights(self.sizes, False, seed, train.weight_max)
        return SurrogateNetwork(
            start, partial(self.trains, _TRAIN, seed), decay=train.decay, lr=train.lr, limit=train.weight_max,
            slope=train.slope, binary=self.binary, scales=self.scales(), torch_device=train.accelerator,
        )  # fmt: skip

    def trains(self, purpose: int, seed: int, x: Matrix, number: int) -> Any:
        """Input spikes of a batch."""
        train = self.config.train
        return spike_trains(x, train.steps, train.code, [seed, purpose, number])

    def write(self, layer: ArrayLayer, weights: Matrix) -> None:
        """Write by write-verify, to within the tolerance."""
        plan = WritePlan(source="weights", device=layer.device.name, tolerance=self.config.train.tolerance)
        layer.write(weights, plan)

    def measured(self, stage: Stage, trainee: MappedTrainee) -> dict[str, Any]:
        """Write, ask, mend, ask again."""
        model: Any = trainee.model(stage)
        for layer, w in zip(trainee.layers, model.weights, strict=True):
            layer.pulse = layer.calibrate()
            self.write(layer, w)
        x, labels = self.judged(stage.seed)
        written, _, _ = self.asked(trainee, x, labels, stage.seed)
        if stage.role != "untrained" and self.config.train.mend:
            self._mend(stage, trainee)
        accuracy, spikes, done = self.asked(trainee, x, labels, stage.seed)
        self.keep_weights(stage, [layer.weights() for layer in trainee.layers])
        cells = sum(layer.cells for layer in trainee.layers)
        return {
            "accuracy": accuracy, "written": written, "float": self._in_software(model, x, labels, stage.seed),
            "spikes": spikes, "operations": done, "pulses": sum(layer.given for layer in trainee.layers) / cells,
        }  # fmt: skip

    def asked(
        self, trainee: MappedTrainee, x: Matrix, labels: NDArray[np.int64], seed: int
    ) -> tuple[float, float, float]:
        """Accuracy in %, spikes and synaptic operations an image."""
        answers, spikes, done = [], 0.0, 0.0
        for at in range(0, len(x), AT_ONCE):
            mean, last = self._outputs(trainee, self.trains(_TEST, seed, x[at : at + AT_ONCE], at))
            answers.append(mean.argmax(axis=1))
            spikes += float(sum(f.sum() for f in last.fired))
            done += operations(last.fired, self.sizes[1:]) * len(mean)
        return percent(np.concatenate(answers), labels), spikes / len(x), done / len(x)

    def _outputs(self, trainee: MappedTrainee, trains: Any) -> tuple[Matrix, Spoken]:
        """(B, classes) mean membranes of the outputs, and the last step."""
        train = self.config.train
        arrays = SpikingArrays(
            trainee.layers, [1.0] * (len(self.sizes) - 2), decay=train.decay, scales=self.scales()
        )  # fmt: skip
        steps = list(arrays.play(iter(trains)))
        return np.mean([spoken.outputs for spoken in steps], axis=0), steps[-1]

    def _in_software(self, model: SurrogateNetwork, x: Matrix, labels: NDArray[np.int64], seed: int) -> float:
        answers: Sequence[Any] = [
            model.forward(self.trains(_TEST, seed, x[at : at + AT_ONCE], at)).argmax(dim=1).cpu().numpy()
            for at in range(0, len(x), AT_ONCE)
        ]
        return percent(np.concatenate(answers), labels)

    def _mend(self, stage: Stage, trainee: MappedTrainee) -> None:
        """Pulse the last layer by the gradient of its outputs, the spikes behind it taken as they came."""
        train, last = self.config.train, trainee.layers[-1]
        weighing = _weight_of_a_step(train.steps, train.decay)
        for at in range(0, min(train.mend, len(stage.order)), train.batch):
            here = slice(at, at + train.batch)
            hidden, given = [], []
            arrays = SpikingArrays(trainee.layers, [1.0] * (len(self.sizes) - 2), decay=train.decay,
                                   scales=self.scales())  # fmt: skip
            before: Matrix | float = 0.0
            for spoken in arrays.play(iter(self.trains(_MEND, stage.seed, self.shown(stage.order[here]), at))):
                hidden.append(spoken.fired[-1] - before)
                before = spoken.fired[-1]
                given.append(spoken.outputs)
            seen = np.tensordot(weighing, np.array(hidden), 1) * self.scales()[-1]
            delta = softmax(np.mean(given, axis=0)) - stage.targets[here]
            wanted = -train.mend_lr * last.gradient(seen, delta) / last.pulse
            luck = np.random.default_rng([stage.seed, _MEND, 1, at])
            last.move(whole_pulses(wanted, "stochastic", 3, luck))


def require_torch(kind: str) -> None:
    """Refuse what cannot be done without torch, before any work."""
    if find_spec("torch") is None:
        raise InputError(f"hil {kind} needs the extra torch: pip install 'memhil[torch]'")


def _weight_of_a_step(steps: int, decay: float) -> NDArray[np.float64]:
    """What a hidden spike in each step adds to the mean membrane of an output, for a weight of 1."""
    return np.array([sum(decay**k for k in range(steps - t)) for t in range(steps)]) / steps
