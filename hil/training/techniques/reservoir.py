"""`hil train reservoir`: volatile cells that remember the pixels of a short train; only a readout is trained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
from hil.insitu.network import ArrayNetwork, starting_weights
from hil.insitu.software import SoftwareNetwork, passed_through
from hil.needs import require_memory
from hil.runs.devices import Devices
from hil.training.array_layers import open_layers
from hil.training.insitu_settings import NetworkData
from hil.training.loop import Stage
from hil.training.sanity import ControlledResult, Doubts
from hil.training.settings import DeviceSettings, seed_of, split
from hil.training.techniques.mapped import SHUFFLED, MappedSettings, MappedTrainee, MappedTraining
from hil.training.techniques.technique import TRAINED, Measure, percent
from hil.waveform import Waveform

AT_ONCE = 200
"""Images of one waveform."""


class ReservoirSettings(MappedSettings):
    """Section [train]."""

    hidden: ClassVar[tuple[int, ...]] = ()

    readout: Annotated[str, CliFlag("Address of the readout's array.", metavar="URI")] = Field(
        "sim:rram?alpha=0.005&c2c=0.3&d2d=0.1&synapse=differential", description="address of the readout's array"
    )
    pixels: Annotated[int, CliFlag("Pixels that one cell is shown, one after the other.")] = Field(
        4, ge=1, le=1000, description="pixels that one cell is shown, one after the other"
    )
    amplitude: float = Field(0.1, gt=0, description="pulse of a lit pixel, V")
    read: float = Field(0.01, gt=0, description="pulse by which a cell is read at the end, V")
    width: float = Field(1e-3, gt=0, description="width of a pulse, s")
    gap: float = Field(0.5e-3, gt=0, description="rest after a pulse, s")
    rest: float = Field(0.1, gt=0, description="rest between images, s; in it the cells forget")
    lit: float = Field(0.5, gt=0, lt=1, description="intensity 0..1 from which on a pixel is a pulse")


class ReservoirConfig(Section):
    """Configuration of `hil train reservoir`."""

    data: NetworkData = Field(default_factory=NetworkData)
    device: DeviceSettings = Field(
        default_factory=lambda: DeviceSettings(uri="sim:flca?kind=volatile&D=400&d2d=0.05&read_noise=0.01")
    )
    train: ReservoirSettings = Field(default_factory=ReservoirSettings)


def trains_of(images: NDArray[np.bool_], shape: tuple[int, int], pixels: int) -> NDArray[np.bool_]:
    """(B, cells, pixels) trains of binary images: parts of their rows, then of their columns, padded with dark."""
    square = images.reshape(-1, *shape)
    found = []
    for turned in (square, square.transpose(0, 2, 1)):
        more = -turned.shape[2] % pixels
        found.append(np.pad(turned, ((0, 0), (0, 0), (0, more))).reshape(len(images), -1, pixels))
    return np.concatenate(found, axis=1)


class Reservoir:
    """One row of volatile cells, each on a column of its own: trains go in, a read pulse tells their states."""

    def __init__(self, device: Device, settings: ReservoirSettings) -> None:
        """Take over the device."""
        self.device, self._settings = device, settings

    def waveform(self, trains: NDArray[np.bool_]) -> Waveform:
        """Pulses of (B, cells, pixels) trains, each image followed by a read pulse and a rest."""
        s, (count, cells, pixels) = self._settings, trains.shape
        segments = 2 * pixels + 2
        columns = np.zeros((count, segments, cells))
        columns[:, 0 : 2 * pixels : 2] = -s.amplitude * trains.transpose(0, 2, 1)
        columns[:, -2] = -s.read
        duration = np.tile([*[s.width, s.gap] * pixels, s.width, s.rest], count)
        measured = np.tile(np.arange(segments) == segments - 2, count)
        rows = np.zeros((count * segments, 1))
        return Waveform(duration, rows, columns.reshape(-1, cells), measured)

    def states(self, trains: NDArray[np.bool_]) -> Matrix:
        """(B, cells) currents of the read pulse, A."""
        parts = (trains[at : at + AT_ONCE] for at in range(0, len(trains), AT_ONCE))
        return np.concatenate([self.device.apply(self.waveform(part)).currents for part in parts])


class ReservoirTraining(MappedTraining):
    """Classify images by what volatile cells remember of their pixels; a linear readout alone is trained.

    Rows and columns of an image go into the cells as short trains of pulses, some pixels a cell, and a read pulse tells
    the state of each (Du et al. 2017, Midya et al. 2019). The readout is trained in software and written into an array.
    Beside its accuracy: no training, shuffled labels, and readouts of the last pixel of every train, which is all that
    a cell without memory could tell, and of all pixels.

    \b
    hil train reservoir                                           # bundled digits, 4 pixels a cell
    hil train reservoir --dataset mnist --data-dir DIR --epochs 1
    hil train reservoir --device sim:diffusive --set train.amplitude=1 --set train.read=0.1 --set train.width=0.08 \\
        --set train.gap=0.008 --set train.rest=20
    """

    kind = "train reservoir"
    config_model: ClassVar[type[Section]] = ReservoirConfig
    bias = True
    headline = Measure("accuracy", "accuracy", "%", "readout in an array")
    controls: ClassVar[Mapping[str, str]] = {
        "untrained": "random readout",
        SHUFFLED: "the same training, labels permuted",
    }
    more: ClassVar[Sequence[Measure]] = (
        Measure("float", "accuracy", "%", "the same states; floating point", "readout in software"),
        Measure("last", "accuracy", "%", "no memory: last pixel of every train; floating point", "last pixels"),
        Measure("pixels", "accuracy", "%", "no reservoir: every pixel, binary; floating point", "all pixels"),
        Measure(
            "states", "states told apart", "", "trains of a cell whose mean states differ by more than their spread"
        ),
    )
    hint = "take cells that forget more slowly than a train lasts, or train longer (--epochs)"

    def prepare(self, dataset: Dataset) -> Dataset:
        """One input of the readout a cell."""
        train = self.config.train
        data = dataset
        self.require_held_out(data)
        if train.layers is not None:
            raise InputError(f"train.layers = {train.layers}: the size of a reservoir's readout follows, leave it out")
        dark = np.zeros((1, data.inputs), bool)
        self.cells = trains_of(dark, data.shape, train.pixels).shape[1]
        self.sizes = [self.cells, data.classes]
        count = len(data.train_images) + len(data.test_images)
        require_memory(f"the states of {self.cells:,} cells for {count:,} images", 8.0 * count * self.cells)
        self._states: dict[int, tuple[Matrix, Matrix]] = {}
        return data

    def open(self, seed: int) -> MappedTrainee:
        """Open the readout's array and the reservoir, and find the states of all images."""
        train, data = self.config.train, self.dataset
        readout, layers = open_layers(train.readout, self.shapes(), seed, weight_max=train.weight_max, bias=self.bias)
        with readout.closed_on_failure():
            defaults = {"rows": 1, "cols": self.cells, "seed": seed_of("reservoir", seed)}
            device = open_device(self.config.device.uri, defaults=defaults)
            devices = Devices({**readout, "reservoir": device})
            with devices.closed_on_failure():
                if device.cells != (1, self.cells):
                    raise InputError(
                        f"{device.name} has {device.rows} x {device.cols} cells, the images need 1 x {self.cells}"
                    )
                reservoir, kept = Reservoir(device, train), split(data, self.config.data.holdout, seed)[0]
                found = [reservoir.states(self.trains(x)) for x in (data.train_images, data.test_images)]
                mean, std = found[0][kept].mean(axis=0), found[0][kept].std(axis=0)
                scaled = [np.clip((x - mean) / np.where(std > 0, std, 1.0) / 3.0, -1.0, 1.0) for x in found]
                self._states = {seed: (scaled[0], scaled[1])}
        return MappedTrainee(
            devices, layers, lambda stage: self.model(seed, stage), lambda chosen: self._states[seed][0][chosen]
        )

    def trains(self, images: NDArray[np.uint8]) -> NDArray[np.bool_]:
        """(B, cells, pixels) trains of images."""
        lit = self.images(images) >= self.config.train.lit
        return trains_of(lit, self.dataset.shape, self.config.train.pixels)

    def model(self, seed: int, stage: Stage) -> SoftwareNetwork:
        """A linear readout."""
        return self.linear(seed, self.sizes[0])

    def linear(self, seed: int, inputs: int) -> SoftwareNetwork:
        """Build a readout of so many inputs, from random weights."""
        train = self.config.train
        start = starting_weights([inputs, self.sizes[1]], True, seed, train.weight_max)
        return SoftwareNetwork(start, bias=True, lr=train.lr, lr_end=0.1, momentum=0.0, limit=train.weight_max)

    def measured(self, stage: Stage, trainee: MappedTrainee) -> dict[str, Any]:
        """Write the readout, ask, and train readouts of what there is without the reservoir."""
        model: Any = trainee.model(stage)
        layer = trainee.layers[0]
        layer.write(model.weights[0])
        _, labels = self.config.data.evaluation(self.dataset, stage.seed)
        x = self._judged_rows(stage.seed, *self._states[stage.seed])
        found: dict[str, Any] = {
            "accuracy": percent(ArrayNetwork([layer]).answers(x), labels),
            "float": percent(passed_through(model.weights, x, True)[-1].argmax(axis=1), labels),
        }
        if stage.role == TRAINED:
            trains = [self.trains(x) for x in (self.dataset.train_images, self.dataset.test_images)]
            binary = [np.where(self.images(x) >= self.config.train.lit, 1.0, -1.0)
                      for x in (self.dataset.train_images, self.dataset.test_images)]  # fmt: skip
            last = [np.where(x[:, :, -1], 1.0, -1.0) for x in trains]
            self.loop.arrays[f"w0/{stage.key}"] = layer.weights()
            found |= {"last": self._without(stage, last, labels), "pixels": self._without(stage, binary, labels),
                      "states": _told_apart(trains[0], self._states[stage.seed][0])}  # fmt: skip
        return found

    def _without(self, stage: Stage, inputs: Sequence[Matrix], labels: NDArray[np.int64]) -> float:
        """Accuracy in % of a readout of other inputs, trained in the same steps, in floating point."""
        model, size = self.linear(stage.seed, inputs[0].shape[1]), self.config.train.batch
        for at in range(0, len(stage.order), size):
            here = slice(at, at + size)
            model.learn(inputs[0][stage.order[here]], stage.targets[here].astype(float), at, at / len(stage.order))
        x = self._judged_rows(stage.seed, *inputs)
        return percent(passed_through(model.weights, x, True)[-1].argmax(axis=1), labels)

    def _judged_rows(self, seed: int, train: Matrix, test: Matrix) -> Matrix:
        """What accuracies are reported on, of something that all training and test images have."""
        data = self.config.data
        return test if data.evaluate == "test" else train[split(self.dataset, data.holdout, seed)[1]]

    @property
    def counted(self) -> int:
        """Images that accuracies are counted on."""
        return len(self.config.data.evaluation(self.dataset, self.seeds[0])[1])

    def judge(self, doubts: Doubts) -> None:
        """Beside every control, and beside what a cell without memory tells."""
        super().judge(doubts)
        mine, theirs = self.values(TRAINED, "accuracy"), self.values(TRAINED, "last")
        doubts.compare(
            ControlledResult(self.headline.name, mine, theirs, "last pixels", images=self.counted), self.hint
        )

    def pictures(self) -> list[Any]:
        """Draw the states of the first cell after every train."""
        from hil import plots

        path = self.run.figure("readout.png")
        weights = self.loop.arrays[f"w0/{TRAINED} #{self.seeds[0]}"][:-1]
        title = f"{self.kind}, seed {self.seeds[0]}: weights of the readout by cell"
        plots.save_fields(weights, (2, self.cells // 2), path, title, signed=True, across=1)
        return [path]


def _told_apart(trains: NDArray[np.bool_], states: Matrix) -> float:
    """Mean over cells of how many trains have means that differ by more than the spread within them."""
    codes = trains @ (1 << np.arange(trains.shape[2])[::-1])
    found = []
    for cell in range(trains.shape[1]):
        groups = [states[codes[:, cell] == code, cell] for code in np.unique(codes[:, cell])]
        within = float(np.mean([group.std() for group in groups]))
        means = np.sort([group.mean() for group in groups])
        found.append(1 + int((np.diff(means) > max(within, 1e-9)).sum()))
    return float(np.mean(found))
