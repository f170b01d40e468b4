"""`hil train som`: a self-organising map whose distances come out of the array, by one more row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
from hil.needs import require_memory
from hil.runs.devices import SOLE, Devices
from hil.synapses.mapping import Mapping as WeightMapping
from hil.training.loop import Stage, Trainee, presentation_order, presentations, stage_key
from hil.training.readout import nearest_class_mean
from hil.training.settings import EPOCHS, LARGEST_SEED, DataSettings, DeviceSettings, Seed, Seeds, split
from hil.training.techniques.technique import TRAINED, Measure, Technique, percent

NO_ROW = "no distance row"
"""Role of the stages that compare products alone, without the row of squared norms."""

FOLLOWED = 2000
"""Pulses, at most, by which cells of the last row come to their first squared norms."""

_FIRST, _PULSES = 61, 62


class MapSettings(Section):
    """Section [train]."""

    seed: Seed = Field(0, ge=0, le=LARGEST_SEED, description="first seed: order, first weights, device spread")
    seeds: Seeds = Field(3, ge=1, le=10_000, description="number of seeds, for the spread")
    epochs: Annotated[float, EPOCHS] = Field(6.0, gt=0, description="passes through the training images")
    side: Annotated[int, CliFlag("Units along a side of the map.")] = Field(
        8, ge=2, le=1000, description="units along a side of the map"
    )
    rate: float = Field(1.0, gt=0, le=1, description="probability of a pulse on the best unit for a fully lit pixel")
    rate_end: float = Field(0.1, gt=0, le=1, description="that probability at the end over that at the beginning")
    radius: float | None = Field(None, gt=0, description="of the neighbourhood at first; half a side if not given")
    radius_end: float = Field(0.6, gt=0, description="of the neighbourhood at the end, units")
    batch: int = Field(100, ge=1, description="images between looks at Ctrl-C and checkpoints")
    curve: int = Field(6, ge=0, description="points of the learning curve; 0 for none")
    curve_images: int = Field(500, ge=1, description="held-out images that a point is measured on, at most")


class MapConfig(Section):
    """Configuration of `hil train som`."""

    data: DataSettings = Field(default_factory=DataSettings)
    device: DeviceSettings = Field(
        default_factory=lambda: DeviceSettings(uri="sim:rram?model=nlsb&alpha=0.03&gamma=1&c2c=0.3&d2d=0.1")
    )
    train: MapSettings = Field(default_factory=MapSettings)


def grid_of(side: int) -> NDArray[np.float64]:
    """(units, units) distances of the units of a square map, in units."""
    places = np.stack(np.meshgrid(np.arange(side), np.arange(side), indexing="ij"), -1).reshape(-1, 2)
    found: NDArray[np.float64] = np.hypot(*(places[:, None] - places[None]).transpose(2, 0, 1))
    return found


def ring_of(units: int) -> NDArray[np.float64]:
    """(units, units) distances of the units of a closed ring, in units."""
    apart = np.abs(np.arange(units)[:, None] - np.arange(units)[None])
    return np.minimum(apart, units - apart).astype(np.float64)


class MapTrainee(Trainee):
    """Units on the columns of a device; the last row holds their squared norms.

    The current of column j, driven with x on the rows and ``-norm / 2`` on the last one, is ``x w_j - |w_j|^2 / 2``:
    largest for the unit that is nearest to x (Wang et al. 2022, Nat. Commun. 13, 2289), as
    ``|x - w|^2 = |x|^2 - 2 (x w - |w|^2 / 2)``.

    Cells get pulses up with a probability of ``rate h x`` and down with ``rate h (1 - x)``, h the neighbourhood of the
    best unit, without being read: for cells with soft bounds, whose steps are ``alpha (1 - w)`` and ``-alpha w``, the
    mean of that is ``alpha rate h (x - w)``, the map's own rule.
    """

    def __init__(
        self, device: Device, inputs: Matrix, apart: NDArray[np.float64], settings: MapSettings, radius: float,
        norm: float, seed: int,
    ) -> None:  # fmt: skip
        """Take over a device of (inputs + 1) x units cells; `norm` is the squared norm of a full cell of the last."""
        super().__init__(Devices({SOLE: device}))
        self.mapping, self.norm = WeightMapping.of(device, 1.0), norm
        self._inputs, self._apart, self._settings, self._radius, self._seed = inputs, apart, settings, radius, seed
        self._step = 0.0

    def check(self, stage: Stage) -> None:
        """`open` has asked for the size."""

    def reset(self) -> None:
        """Pristine cells, what a pulse does, first weights by lot, and their squared norms."""
        super().reset()
        device, ones = self.device, np.ones(self.device.cells, np.int64)
        before = self.weights()
        device.program(ones)
        self._step = float(np.median(self.weights() - before))
        if not self._step > 0:
            raise InputError(f"{device.name}: a pulse up raises no cell; take cells that a pulse moves by a step")
        luck = np.random.default_rng([self._seed, _FIRST])
        device.program(luck.integers(-12, 13, device.cells))
        for _ in range(FOLLOWED):
            if not self._follow(np.arange(device.cols)):
                break

    def show(self, stage: Stage, here: slice) -> None:
        """Find the best unit of one image after the other, and pulse its neighbourhood."""
        train, total = self._settings, len(stage.order)
        for place in range(here.start, here.stop):
            share, x = place / total, self._inputs[stage.order[place]]
            best = int(self.nearest(x[None], stage.role != NO_ROW)[0])
            radius = self._radius * (train.radius_end / self._radius) ** share
            reach = np.exp(-(self._apart[best] ** 2) / (2 * radius**2)) * train.rate * train.rate_end**share
            luck = np.random.default_rng([self._seed, _PULSES, place])
            drawn = luck.random((2, len(x), len(reach)))
            up = drawn[0] < x[:, None] * reach
            down = drawn[1] < (1.0 - x[:, None]) * reach
            counts = np.zeros(self.device.cells, np.int64)
            counts[:-1] = up.astype(np.int64) - down
            self.device.program(counts)
            self._follow(np.flatnonzero(reach > 1e-3))

    def nearest(self, x: Matrix, by_distance: bool = True) -> NDArray[np.int64]:
        """(B,) unit that is nearest to each of (B, inputs), or that has the largest product with it."""
        last = np.full((len(x), 1), -self.norm / 2 if by_distance else 0.0)
        driven = np.hstack([x, last])
        most = np.abs(driven).max(axis=1, keepdims=True)
        return self.mapping.through(self.device, driven, np.where(most > 0, most, 1.0)).argmax(axis=1)

    def weights(self) -> Matrix:
        """(inputs + 1, units) weights as they are read."""
        return self.mapping.weights(self.device.read())

    def _follow(self, units: NDArray[np.int64]) -> bool:
        """One pulse a cell of the last row towards the squared norm of its unit, where it is off; whether any was."""
        w = self.weights()[:, units]
        off = np.clip((w[:-1] ** 2).sum(axis=0) / self.norm, 0.0, 1.0) - w[-1]
        counts = np.zeros(self.device.cells, np.int64)
        counts[-1, units] = np.sign(off) * (np.abs(off) > self._step / 2)
        if counts.any():
            self.device.program(counts)
        return bool(counts.any())

    def snapshot(self) -> dict[str, dict[str, NDArray[Any]]]:
        """State of the device, and what a pulse does."""
        states = super().snapshot()
        states[SOLE]["step"] = np.array(self._step)
        return states

    def restore(self, states: dict[str, dict[str, NDArray[Any]]]) -> None:
        """Return to a snapshot."""
        kept = dict(states[SOLE])
        self._step = float(kept.pop("step"))
        super().restore({SOLE: kept})


class MapTraining(Technique[MapTrainee]):
    """What maps of all shapes share: a device with a row more than inputs, stages, controls."""

    controls: ClassVar[Mapping[str, str]] = {
        "untrained": "first weights, by lot",
        NO_ROW: "trained and asked by products alone, without the row of squared norms",
    }

    def units(self) -> NDArray[np.float64]:
        """(units, units) distances of the units of the map."""
        return grid_of(self.config.train.side)

    def open(self, seed: int) -> MapTrainee:
        """A column a unit, a row an input and one for the squared norms."""
        data, train, apart = self.dataset, self.config.train, self.units()
        x = self.images(data.train_images)
        defaults = {"rows": data.inputs + 1, "cols": len(apart), "seed": seed}
        device = open_device(self.config.device.uri, defaults=defaults)
        with Devices({SOLE: device}).closed_on_failure():
            if device.cells != (data.inputs + 1, len(apart)):
                raise InputError(
                    f"{device.name} has {device.rows} x {device.cols} cells, the map needs {data.inputs + 1} x "
                    f"{len(apart)}"
                )
            radius = train.radius or apart.max() / (2 * 2**0.5)
            return MapTrainee(device, x, apart, train, radius, float((x**2).sum(axis=1).max()) or 1.0, seed)

    def stages(self) -> list[Stage]:
        """For every seed: untrained, trained, and trained without the row of squared norms."""
        found, train, data = [], self.config.train, self.dataset
        for seed in self.seeds:
            kept, _ = split(data, self.config.data.holdout, seed)
            shown = presentations("train.epochs", train.epochs, len(kept), 0, 2 * train.seeds)
            order = kept[presentation_order(len(kept), shown, seed)]
            found += [Stage("untrained", seed, True, order[:0]), Stage(TRAINED, seed, True, order),
                      Stage(NO_ROW, seed, True, order)]  # fmt: skip
        return found


class SomTraining(MapTraining):
    """Map images onto a plane of units, without labels: the nearest unit and its neighbours move towards an image.

    Distances are one product of the array, by a row of squared norms (Wang et al. 2022). After training, a unit has the
    class of most training images nearest to it. Beside the accuracy: first weights, and products without that row.

    \b
    hil train som                                                 # bundled digits on 8 x 8 units
    hil train som --side 12 --dataset mnist --data-dir DIR --epochs 0.3
    hil train tour                                                # the same on a ring: a travelling salesman
    """

    kind = "train som"
    config_model: ClassVar[type[Section]] = MapConfig
    headline = Measure("accuracy", "accuracy", "%", "class of the nearest unit")
    more: ClassVar[Sequence[Measure]] = (
        Measure("nearest", "accuracy", "%", "no device", "nearest class mean"),
        Measure("exact", "best units found", "%", "that are the nearest by the weights as read"),
        Measure("quantisation", "distance to the nearest unit", "", "mean, pixels 0..1"),
        Measure("before", "distance to the nearest unit, untrained", "", "mean, pixels 0..1"),
        Measure("torn", "topographic error", "%", "images whose two nearest units are no neighbours"),
    )
    hint = "show more images (--epochs), or take more units (--side)"

    def prepare(self, dataset: Dataset) -> Dataset:
        """Refuse maps that do not fit into memory."""
        self.require_held_out(dataset)
        units = self.config.train.side**2
        require_memory(f"train.side = {self.config.train.side}: {units:,} units", 100.0 * units * dataset.inputs)
        return dataset

    def measured(self, stage: Stage, trainee: MapTrainee) -> dict[str, Any]:
        """Label the units by training images, then ask."""
        data, by_distance = self.dataset, stage.role != NO_ROW
        kept = split(data, self.config.data.holdout, stage.seed)[0]
        x, labels = self.judged(stage.seed)
        training = self.images(data.train_images[kept])
        names = _majority(trainee.nearest(training, by_distance), data.train_labels[kept], data.classes,
                          trainee.device.cols)  # fmt: skip
        found, w = trainee.nearest(x, by_distance), trainee.weights()[:-1].T
        apart = np.sqrt(np.maximum((x**2).sum(1)[:, None] - 2 * x @ w.T + (w**2).sum(1)[None], 0.0))
        two = np.argsort(apart, axis=1)[:, :2]
        if stage.role == TRAINED:
            self.loop.arrays[f"w/{stage.key}"] = w.T
        mean = nearest_class_mean(training, data.train_labels[kept], x, range(data.classes))
        first = self.loop.outcomes.get(stage_key("untrained", stage.seed), {})
        return {
            "accuracy": percent(names[found], labels),
            "nearest": percent(mean, labels),
            "exact": 100 * float((found == two[:, 0]).mean()),
            "quantisation": float(apart.min(axis=1).mean()),
            "before": first.get("quantisation", float(apart.min(axis=1).mean())),
            "torn": 100 * float((self.units()[two[:, 0], two[:, 1]] > 1.5).mean()),
        }

    @property
    def counted(self) -> int:
        """Images that accuracies are counted on."""
        return len(self.judged(self.seeds[0])[1])

    def after_batch(self, stage: Stage, trainee: MapTrainee, done: int) -> None:
        """Accuracy on held-out training images."""
        if not self.point_due(stage, done):
            return
        x, labels = self.held(stage.seed)
        kept = split(self.dataset, self.config.data.holdout, stage.seed)[0]
        if len(x):
            names = _majority(trainee.nearest(self.images(self.dataset.train_images[kept])),
                              self.dataset.train_labels[kept], self.dataset.classes, trainee.device.cols)  # fmt: skip
            self.run.metric(seed=stage.seed, images=done, accuracy=percent(names[trainee.nearest(x)], labels))

    def pictures(self) -> list[Path]:
        """Draw what every unit has learned, in its place."""
        from hil import plots

        path, side = self.run.figure("map.png"), self.config.train.side
        weights = self.loop.arrays[f"w/{stage_key(TRAINED, self.seeds[0])}"]
        title = f"{self.kind}, '{self.dataset.name}', seed {self.seeds[0]}"
        plots.save_fields(weights, self.dataset.shape, path, title, across=side)
        return [path]


def _majority(units: NDArray[np.int64], labels: NDArray[np.int64], classes: int, count: int) -> NDArray[np.int64]:
    """(count,) class of most images of each unit; -1 for a unit that none is nearest to."""
    votes = np.zeros((count, classes), np.int64)
    np.add.at(votes, (units, labels), 1)
    return np.where(votes.sum(axis=1) > 0, votes.argmax(axis=1), -1)
