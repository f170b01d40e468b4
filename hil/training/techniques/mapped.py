"""`MappedTraining`: a network that learns on the host and is then written into arrays and measured there."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from hil.config import CliFlag
from hil.data.datasets import Dataset
from hil.insitu.layers import ArrayLayer, Matrix
from hil.runs.devices import Devices, States
from hil.training.array_layers import open_layers
from hil.training.insitu_settings import NetworkData, ShapeSettings, fitted
from hil.training.loop import Stage, Trainee, presentation_order, presentations
from hil.training.settings import split
from hil.training.techniques.technique import TRAINED, Technique

SHUFFLED = "shuffled labels"
"""Role of the stages whose labels are permuted."""

HOST = "host."
"""Prefix of the arrays of a checkpoint that belong to what learns on the host."""


class HostModel(Protocol):
    """What learns on the host."""

    def learn(self, x: Matrix, one_hot: Matrix, number: int, share: float) -> None:
        """Take the step of this number on (B, inputs) and (B, classes); `share` of the training is behind, 0 .. 1."""

    def state(self) -> dict[str, Any]:
        """What a checkpoint needs, as arrays."""

    def resume(self, state: Mapping[str, Any]) -> None:
        """Take back `state`."""


class MappedTrainee(Trainee):
    """Arrays that wait for their weights, and a model on the host that is shown the images.

    Attributes
    ----------
    layers : list of ArrayLayer
        Arrays of the network's layers.
    """

    def __init__(
        self, devices: Devices, layers: list[ArrayLayer], make: Callable[[Stage], HostModel],
        inputs: Callable[[NDArray[np.int64]], Matrix],
    ) -> None:  # fmt: skip
        """Take over the arrays; `make` builds the model of a stage, `inputs` gives images by their numbers."""
        super().__init__(devices)
        self.layers = layers
        self._make, self._inputs = make, inputs
        self._model: HostModel | None = None
        self._kept: dict[str, NDArray[Any]] = {}

    def check(self, stage: Stage) -> None:
        """`ArrayLayer` has compared the sizes; nothing else can be wrong."""

    def model(self, stage: Stage) -> HostModel:
        """Build the model of a stage, or take the one that is being trained."""
        if self._model is None:
            self._model = self._make(stage)
            if self._kept:
                self._model.resume(self._kept)
        return self._model

    def show(self, stage: Stage, here: slice) -> None:
        """Let the model learn from a batch."""
        one_hot = stage.targets[here].astype(float)
        self.model(stage).learn(self._inputs(stage.order[here]), one_hot, here.start, here.start / len(stage.order))

    def reset(self) -> None:
        """Pristine cells; the next stage's model is another."""
        super().reset()
        self._model, self._kept = None, {}
        for layer in self.layers:
            layer.given = 0

    def snapshot(self) -> States:
        """States of the devices, and that of the model beside the first of them."""
        states = super().snapshot()
        own = self._kept if self._model is None else self._model.state()
        next(iter(states.values())).update({f"{HOST}{name}": array for name, array in own.items()})
        return states

    def restore(self, states: States) -> None:
        """Return to a snapshot; the model is built when its stage goes on."""
        own = {k: v for state in states.values() for k, v in state.items() if k.startswith(HOST)}
        super().restore({n: {k: v for k, v in s.items() if k not in own} for n, s in states.items()})
        self._model, self._kept = None, {name[len(HOST) :]: array for name, array in own.items()}


class MappedSettings(ShapeSettings):
    """Section [train] of a driver whose network learns on the host, without the technique's own."""

    batch: Annotated[int, CliFlag("Images a step.")] = Field(50, ge=1, description="images a step")
    lr: Annotated[float, CliFlag("Learning rate of the training on the host.")] = Field(
        0.3, gt=0, description="learning rate of the training on the host"
    )


class MappedTraining(Technique[MappedTrainee]):
    """Stages of a network that learns on the host: untrained, trained, and other trainings as controls.

    A technique's `controls` begin with ``untrained``; every other one is shown the same images in the same order, with
    permuted labels if it is `SHUFFLED`.
    """

    bias: ClassVar[bool] = False

    def prepare(self, dataset: Dataset) -> Dataset:
        """Scale images to the first layer."""
        self.sizes = self.config.train.sizes(dataset)
        data: NetworkData = self.config.data
        self.require_held_out(dataset)
        return fitted(dataset, self.sizes[0], data.crop)

    @abstractmethod
    def model(self, seed: int, stage: Stage) -> HostModel:
        """Build what learns in a stage of a seed, from random weights."""

    def open(self, seed: int) -> MappedTrainee:
        """Open an array for every layer."""
        train = self.config.train
        devices, layers = open_layers(
            self.config.device.uri, self.shapes(), seed, weight_max=train.weight_max, bias=self.bias
        )
        return MappedTrainee(devices, layers, lambda stage: self.model(seed, stage), self.shown)

    def shapes(self) -> list[tuple[int, int]]:
        """Inputs and outputs of every array."""
        return list(pairwise(self.sizes))

    def shown(self, chosen: NDArray[np.int64]) -> Matrix:
        """Inputs of the network for these training images."""
        return self.images(self.dataset.train_images[chosen])

    def stages(self) -> list[Stage]:
        """For every seed: untrained, trained, and the other controls."""
        data, train, found = self.dataset, self.config.train, []
        for seed in self.seeds:
            kept, _ = split(data, self.config.data.holdout, seed)
            count = presentations("train.epochs", train.passes(len(kept)), len(kept), data.classes, 2 * train.seeds)
            order = kept[presentation_order(len(kept), count, seed)]
            targets = data.train_labels[order][:, None] == np.arange(data.classes)
            found.append(Stage("untrained", seed, True, order[:0], targets[:0]))
            permuted = np.random.default_rng([seed, 3]).permutation(data.train_labels[kept])
            labels = data.train_labels.copy()
            labels[kept] = permuted
            shuffled = labels[order][:, None] == np.arange(data.classes)
            for role in (TRAINED, *(role for role in self.controls if role != "untrained")):
                found.append(Stage(role, seed, True, order, shuffled if role == SHUFFLED else targets))
        return found

    @property
    def counted(self) -> int:
        """Images that accuracies are counted on."""
        return len(self.judged(self.seeds[0])[1])

    def headline_note(self) -> str:
        """Layers and presentations."""
        shown = len(next(stage for stage in self.stages() if stage.role == TRAINED).order)
        return f"{self.headline.note}; {'-'.join(map(str, self.sizes))}, {shown:,} presentations on the host"

    def keep_weights(self, stage: Stage, weights: Sequence[Matrix]) -> None:
        """Keep the weights as they are read of a trained stage, for the picture."""
        if stage.role == TRAINED:
            self.loop.arrays[f"w0/{stage.key}"] = weights[0]

    def pictures(self) -> list[Path]:
        """Draw the weights of the first layer."""
        from hil import plots

        path = self.run.figure("weights.png")
        weights = self.loop.arrays[f"w0/{TRAINED} #{self.seeds[0]}"][: self.dataset.inputs, :100]
        title = f"{self.config.device.uri}, '{self.dataset.name}': weights of the first layer, seed {self.seeds[0]}"
        plots.save_fields(weights, self.dataset.shape, path, title, signed=True)
        return [path]


def in_parts(answer: Callable[[Matrix], NDArray[np.int64]], x: Matrix, at_once: int = 1000) -> NDArray[np.int64]:
    """(B,) answers for (B, inputs), so many at once."""
    return np.concatenate([answer(x[at : at + at_once]) for at in range(0, len(x), at_once)])
