"""`hil train rstdp`: spike-timing plasticity that a reward turns around; nobody says which answer would be right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from hil.backends import open_device
from hil.config import CliFlag, Section
from hil.data.datasets import Dataset
from hil.device import Device
from hil.errors import InputError
from hil.insitu.layers import Matrix
from hil.insitu.spiking import spike_trains
from hil.needs import require_memory
from hil.runs.devices import SOLE, Devices, States
from hil.synapses.mapping import Mapping as WeightMapping
from hil.training.loop import Stage, Trainee, presentation_order, presentations, stage_key
from hil.training.readout import nearest_class_mean
from hil.training.sanity import compare_cells
from hil.training.settings import EPOCHS, LARGEST_SEED, DataSettings, DeviceSettings, Seed, Seeds, split
from hil.training.techniques.technique import TRAINED, Measure, Technique, percent

ENOUGH = 15_000
"""Presentations that a small data set is repeated for, unless told otherwise."""

MEMORY = 500
"""Answers over which the share of right ones is averaged."""

_FIRST, _SHOWN, _ASKED, _PULSES = 31, 32, 33, 34


class RewardSettings(Section):
    """Section [train]."""

    seed: Seed = Field(0, ge=0, le=LARGEST_SEED, description="first seed: order, spikes, first weights, device spread")
    seeds: Seeds = Field(3, ge=1, le=10_000, description="number of seeds, for the spread")
    epochs: Annotated[float | None, EPOCHS] = Field(
        None, gt=0, description="passes through the training images; if not given, one or as many as show 15,000"
    )
    neurons: Annotated[int, CliFlag("Neurons of each class.")] = Field(
        10, ge=1, le=10_000, description="neurons of each class, one a column"
    )
    steps: int = Field(12, ge=1, le=10_000, description="time steps that an image is shown")
    threshold: float = Field(
        0.25, gt=0, description="of the neurons, part of the mean total intensity of an image times the steps"
    )
    decay: float = Field(0.95, ge=0, le=1, description="what is left of a membrane after a step")
    rate: Annotated[float, CliFlag("Probability of a pulse on a cell that is eligible.")] = Field(
        0.6, gt=0, le=1, description="probability of a pulse on a cell that is eligible, at full strength"
    )
    depression: float = Field(0.5, ge=0, le=1, description="the same for rows that were silent, part of it")
    batch: int = Field(200, ge=1, description="images between looks at Ctrl-C and checkpoints")
    curve: int = Field(10, ge=0, description="points of the learning curve; 0 for none")
    curve_images: int = Field(500, ge=1, description="held-out images that a point is measured on, at most")


class RewardConfig(Section):
    """Configuration of `hil train rstdp`."""

    data: DataSettings = Field(default_factory=DataSettings)
    device: DeviceSettings = Field(
        default_factory=lambda: DeviceSettings(uri="sim:rram?model=nlsb&alpha=0.02&gamma=1&c2c=0.3&d2d=0.1")
    )
    train: RewardSettings = Field(default_factory=RewardSettings)


@dataclass(frozen=True)
class FirstSpike:
    """The neuron that fired first: its column, and the step, or the last step where none fired.

    Attributes
    ----------
    column : int
        The first to fire; where none did, the one with the highest membrane.
    step : int
        Steps that were shown by then.
    fired : bool
        Whether it fired.
    """

    column: int
    step: int
    fired: bool


def first_to_fire(currents: Matrix, threshold: float, decay: float) -> FirstSpike:
    """Leaky integration of (steps, neurons) currents up to the first membrane at its threshold; the highest wins."""
    membrane = np.zeros(currents.shape[1])
    for step, given in enumerate(currents, start=1):
        membrane = decay * membrane + given
        if membrane.max() >= threshold:
            return FirstSpike(int(membrane.argmax()), step, True)
    return FirstSpike(int(membrane.argmax()), len(currents), False)


class RewardTrainee(Trainee):
    """A device whose columns are neurons; the first to fire answers, and is rewarded or punished.

    Attributes
    ----------
    hits : float
        Share of right answers, lately.
    """

    def __init__(self, device: Device, driver: RstdpTraining, seed: int) -> None:
        """Put neurons on the columns."""
        super().__init__(Devices({SOLE: device}))
        self.mapping = WeightMapping.of(device, 1.0)
        self.hits, self._driver, self._seed = 0.0, driver, seed

    def check(self, stage: Stage) -> None:
        """Compare rows with pixels."""
        data = self._driver.dataset
        if self.device.rows != data.inputs:
            raise InputError(f"{self.device.name} has {self.device.rows} rows, '{data.name}' has {data.inputs} pixels")

    def reset(self) -> None:
        """Pristine cells, then a few pulses by lot, so that columns differ."""
        super().reset()
        self.hits = 1.0 / self._driver.dataset.classes
        luck = np.random.default_rng([self._seed, _FIRST])
        self.device.program(luck.integers(-10, 11, self.device.cells))

    def snapshot(self) -> States:
        """State of the device, and how many answers were right lately."""
        states = super().snapshot()
        states[SOLE]["hits"] = np.array(self.hits)
        return states

    def restore(self, states: States) -> None:
        """Return to a snapshot."""
        kept = dict(states[SOLE])
        self.hits = float(kept.pop("hits"))
        super().restore({SOLE: kept})

    def show(self, stage: Stage, here: slice) -> None:
        """Answer one image after the other; each answer is followed by its reward."""
        train, data = self._driver.config.train, self._driver.dataset
        for place in range(here.start, here.stop):
            which = int(stage.order[place])
            spikes = self._driver.spikes(which, [self._seed, _SHOWN, place])
            answer = self.answer(spikes)
            right = answer.column % data.classes == data.train_labels[which]
            luck = np.random.default_rng([self._seed, _PULSES, place])
            reward = {TRAINED: right, "always rewarded": True, "random reward": bool(luck.random() < self.hits)}
            if answer.fired:
                seen = spikes[: answer.step].max(axis=0) > 0
                strength = (1.0 - self.hits) if reward[stage.role] else self.hits
                odds = train.rate * strength * np.where(seen, 1.0, train.depression)
                way = np.where(seen, 1, -1) * (1 if reward[stage.role] else -1)
                counts = np.zeros(self.device.cells, np.int64)
                counts[:, answer.column] = way * (luck.random(seen.shape) < odds)
                if counts.any():
                    self.device.program(counts)
            self.hits += (float(right) - self.hits) / MEMORY

    def answer(self, spikes: Matrix) -> FirstSpike:
        """What one image, (steps, rows) of spikes, is taken for."""
        train = self._driver.config.train
        return first_to_fire(self.mapping.through(self.device, spikes, 1.0), self._driver.threshold, train.decay)

    def answers(self, images: NDArray[np.uint8]) -> tuple[NDArray[np.int64], float]:
        """Columns that answer, and the share of images for which one fired."""
        found = [self.answer(self._driver.drawn(x, [self._seed, _ASKED, k])) for k, x in enumerate(images)]
        return np.array([a.column for a in found]), float(np.mean([a.fired for a in found]))


class RstdpTraining(Technique[RewardTrainee]):
    """Learn from right and wrong alone: the first neuron to fire answers, and its reward says which way its cells go.

    Rows that fired before the neuron did are eligible. A right answer potentiates them and depresses the others, a
    wrong one does the opposite; both fade as answers become right (Mozafari et al. 2018). Beside the accuracy: no
    training, rewards by lot, and rewards whatever the answer.

    \b
    hil train rstdp                                               # bundled digits, 10 neurons a class
    hil train rstdp --device "sim:rram?alpha=0.02&c2c=0.5" --neurons 4
    """

    kind = "train rstdp"
    config_model: ClassVar[type[Section]] = RewardConfig
    headline = Measure("accuracy", "accuracy", "%", "the first neuron to fire answers")
    controls: ClassVar[Mapping[str, str]] = {
        "untrained": "random first weights",
        "random reward": "rewarded by lot, as often as answers are right",
        "always rewarded": "plain spike-timing plasticity",
    }
    more: ClassVar[Sequence[Measure]] = (
        Measure("nearest", "accuracy", "%", "no device", "nearest class mean"),
        Measure("fired", "images for which a neuron fires", "%"),
        Measure("moved", "cells that moved", "%", "from their first weights"),
    )
    hint = "show more images (--epochs), or set train.threshold so that one neuron fires for most images"

    def prepare(self, dataset: Dataset) -> Dataset:
        """Set the threshold by the mean image."""
        self.require_held_out(dataset)
        train = self.config.train
        cells = dataset.inputs * dataset.classes * train.neurons
        require_memory(f"train.neurons = {train.neurons}: {cells:,} weights", 100.0 * cells)
        total = float(dataset.train_images.sum(dtype=np.int64)) / (dataset.full_scale * len(dataset.train_images))
        self.threshold = train.threshold * total * train.steps
        return dataset

    def open(self, seed: int) -> RewardTrainee:
        """A column a neuron; column c answers class c modulo the classes."""
        data = self.dataset
        cols = data.classes * self.config.train.neurons
        device = open_device(self.config.device.uri, defaults={"rows": data.inputs, "cols": cols, "seed": seed})
        with Devices({SOLE: device}).closed_on_failure():
            return RewardTrainee(device, self, seed)

    def stages(self) -> list[Stage]:
        """For every seed: untrained, trained, and two kinds of wrong reward."""
        found, train, data = [], self.config.train, self.dataset
        for seed in self.seeds:
            kept, _ = split(data, self.config.data.holdout, seed)
            passes = train.epochs or max(1, round(ENOUGH / len(kept)))
            shown = presentations("train.epochs", passes, len(kept), 0, 3 * train.seeds)
            order = kept[presentation_order(len(kept), shown, seed)]
            roles = {"untrained": order[:0], TRAINED: order, "random reward": order, "always rewarded": order}
            found += [Stage(role, seed, True, shown_here) for role, shown_here in roles.items()]
        return found

    def spikes(self, which: int, key: list[int]) -> Matrix:
        """(steps, rows) spikes of a training image."""
        return self.drawn(self.dataset.train_images[which], key)

    def drawn(self, image: NDArray[np.uint8], key: list[int]) -> Matrix:
        """(steps, rows) spikes of an image."""
        trains = spike_trains(self.images(image[None]), self.config.train.steps, "bernoulli", key)
        return np.concatenate(list(trains))

    def after_batch(self, stage: Stage, trainee: RewardTrainee, done: int) -> None:
        """Accuracy on held-out training images."""
        held = split(self.dataset, self.config.data.holdout, stage.seed)[1][: self.config.train.curve_images]
        if self.point_due(stage, done) and len(held):
            columns, _ = trainee.answers(self.dataset.train_images[held])
            right = percent(columns % self.dataset.classes, self.dataset.train_labels[held])
            self.run.metric(seed=stage.seed, images=done, accuracy=right)

    def measured(self, stage: Stage, trainee: RewardTrainee) -> dict[str, Any]:
        """Ask, without learning."""
        data, found = self.dataset, trainee.mapping.weights(trainee.device.read())
        images, labels = self.config.data.evaluation(data, stage.seed)
        columns, fired = trainee.answers(images)
        name = f"w/{stage.key}"
        if stage.role in ("untrained", TRAINED):
            self.loop.arrays[name] = found
        kept = split(data, self.config.data.holdout, stage.seed)[0]
        nearest = nearest_class_mean(
            self.images(data.train_images[kept]), data.train_labels[kept], self.images(images), range(data.classes)
        )
        before = self.loop.arrays[f"w/{stage_key('untrained', stage.seed)}"]
        return {
            "accuracy": percent(columns % data.classes, labels), "fired": 100 * fired,
            "nearest": percent(nearest, labels), "moved": 100 * float(compare_cells(before, found)["moved"]),
        }  # fmt: skip

    @property
    def counted(self) -> int:
        """Images that accuracies are counted on."""
        return len(self.judged(self.seeds[0])[1])

    def pictures(self) -> list[Path]:
        """Draw what each neuron has learned, classes side by side."""
        from hil import plots

        path = self.run.figure("fields.png")
        weights = self.loop.arrays[f"w/{stage_key(TRAINED, self.seeds[0])}"][:, :100]
        plots.save_fields(weights, self.dataset.shape, path, f"{self.kind}, seed {self.seeds[0]}: weights by column")
        return [path]
