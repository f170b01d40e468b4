"""`hil train lstm`: a long short-term memory cell whose gates are one product of an array, step after step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from hil.config import CliFlag, Section
from hil.data.datasets import Dataset
from hil.errors import InputError
from hil.fraction import Fraction
from hil.insitu.layers import ArrayLayer, Matrix
from hil.training.insitu_settings import NetworkData
from hil.training.loop import Stage
from hil.training.settings import DeviceSettings
from hil.training.techniques.mapped import SHUFFLED, MappedSettings, MappedTrainee, MappedTraining, in_parts
from hil.training.techniques.surrogate import require_torch
from hil.training.techniques.technique import Measure, percent
from hil.writing.plan import WritePlan

if TYPE_CHECKING:
    from hil.torch.recurrent import LstmNetwork


class LstmSettings(MappedSettings):
    """Section [train]."""

    hidden: ClassVar[tuple[int, ...]] = ()

    lr: Annotated[float, CliFlag("Learning rate of Adam, on the host.")] = Field(
        0.01, gt=0, description="learning rate of Adam, on the host"
    )
    units: Annotated[int, CliFlag("Memories of the cell.")] = Field(
        24, ge=1, le=4096, description="memories of the cell"
    )
    weight_max: float = Field(2.0, gt=0, description="weight at the end of the conductance range")
    tolerance: Annotated[Fraction, CliFlag("Error that the write leaves, of the range.")] = Field(
        0.02, gt=0, lt=1, description="error that the write may leave, fraction of the conductance range"
    )
    accelerator: str = Field("cpu", description="where torch computes: cpu, cuda, ...")


class LstmConfig(Section):
    """Configuration of `hil train lstm`."""

    data: NetworkData = Field(default_factory=NetworkData)
    device: DeviceSettings = Field(
        default_factory=lambda: DeviceSettings(uri="sim:rram?alpha=0.005&c2c=0.3&d2d=0.1&synapse=differential")
    )
    train: LstmSettings = Field(default_factory=LstmSettings)


def unrolled(layers: Sequence[ArrayLayer], x: Matrix) -> Matrix:
    """(B, classes) outputs at the end of (B, steps, inputs) sequences, both products in arrays."""
    gates, readout = layers
    units = readout.device.rows - 1
    h, c = np.zeros((len(x), units)), np.zeros((len(x), units))
    for step in range(x.shape[1]):
        i, f, o, g = np.split(gates.forward(np.hstack([x[:, step], h])), 4, axis=1)
        c = _sigmoid(f) * c + _sigmoid(i) * np.tanh(g)
        h = _sigmoid(o) * np.tanh(c)
    return readout.forward(h)


def _sigmoid(x: Matrix) -> Matrix:
    return 1.0 / (1.0 + np.exp(-x))


class LstmTraining(MappedTraining):
    """Read images row by row with a long short-term memory cell: four gates in one product of an array.

    Needs the extra torch. Trained through time in software, written by write-verify, then every step of the sequence is
    a product of the array with [row, h, 1]. Beside the accuracy: no training, shuffled labels, the network in software,
    and the same arrays shown the last row alone.

    \b
    hil train lstm                                                # bundled digits, 8 steps of 8 pixels
    hil train lstm --dataset mnist --data-dir DIR --units 48 --epochs 1
    """

    kind = "train lstm"
    config_model: ClassVar[type[Section]] = LstmConfig
    bias = True
    headline = Measure("accuracy", "accuracy", "%", "both matrices in arrays")
    controls: ClassVar[Mapping[str, str]] = {
        "untrained": "random weights, written", SHUFFLED: "the same training, labels permuted",
    }  # fmt: skip
    more: ClassVar[Sequence[Measure]] = (
        Measure("float", "accuracy", "%", "no device", "software"),
        Measure("last", "accuracy", "%", "the same arrays, without the rows before", "last row alone"),
        Measure("turned", "accuracy", "%", "the same arrays, rows from the bottom to the top", "rows turned around"),
    )
    hint = "train longer (--epochs), take more memories (--units), or write more exactly (--tolerance)"

    def prepare(self, dataset: Dataset) -> Dataset:
        """A step is a row of an image."""
        require_torch(self.kind)
        self.require_held_out(dataset)
        train = self.config.train
        if train.layers is not None:
            raise InputError(
                f"train.layers = {train.layers}: the size of a cell follows from train.units, leave it out"
            )
        self.sizes = [dataset.shape[1] + train.units, 4 * train.units, dataset.classes]
        return dataset

    def shapes(self) -> list[tuple[int, int]]:
        """Gates, and the readout."""
        units = self.config.train.units
        return [(self.sizes[0], 4 * units), (units, self.sizes[-1])]

    def images(self, images: NDArray[np.uint8]) -> Matrix:
        """(B, rows, columns) intensities."""
        return super().images(images).reshape(-1, *self.dataset.shape)

    def model(self, seed: int, stage: Stage) -> LstmNetwork:
        """A cell with random weights, whose gates that forget are open."""
        from hil.torch.recurrent import LstmNetwork

        train, start = self.config.train, []
        for place, (inputs, outputs) in enumerate(self.shapes()):
            luck = np.random.default_rng([seed, 81, place])
            w = np.vstack([luck.normal(0, inputs**-0.5, (inputs, outputs)), np.zeros((1, outputs))])
            start.append(np.clip(w, -train.weight_max, train.weight_max))
        start[0][-1, train.units : 2 * train.units] = min(1.0, train.weight_max)
        return LstmNetwork(start, lr=train.lr, limit=train.weight_max, torch_device=train.accelerator)

    def measured(self, stage: Stage, trainee: MappedTrainee) -> dict[str, Any]:
        """Write, and read the images row by row."""
        model: Any = trainee.model(stage)
        plan = WritePlan(source="weights", device=trainee.layers[0].device.name, tolerance=self.config.train.tolerance)
        for layer, w in zip(trainee.layers, model.weights, strict=True):
            layer.write(w, plan)
        x, labels = self.judged(stage.seed)
        if stage.role != SHUFFLED:
            self.loop.arrays[f"gates/{stage.key}"] = trainee.layers[0].weights()

        def asked(shown: Matrix) -> float:
            return percent(in_parts(lambda part: unrolled(trainee.layers, part).argmax(axis=1), shown), labels)

        software = in_parts(lambda part: model.forward(part).argmax(dim=1).cpu().numpy(), x)
        return {
            "accuracy": asked(x), "last": asked(x[:, -1:]), "turned": asked(x[:, ::-1]),
            "float": percent(software, labels),
        }  # fmt: skip

    def pictures(self) -> list[Any]:
        """Draw the weights of the gates, inputs down, gates across."""
        from hil import plots

        path = self.run.figure("gates.png")
        weights = self.loop.arrays[f"gates/trained #{self.seeds[0]}"]
        title = f"{self.kind}, seed {self.seeds[0]}: gates i, f, o, g"
        plots.save_fields(
            np.stack([part.ravel() for part in np.split(weights, 4, axis=1)], axis=1),
            (weights.shape[0], weights.shape[1] // 4), path, title, signed=True, across=4,
        )  # fmt: skip
        return [path]
