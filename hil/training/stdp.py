"""`hil train stdp`: layers side by side, each trained by spike timing to recognise one class.

Section 4 of Zivasatienraj & Doolittle (2023). Rows are pixels, columns are layers. `Protocol` says what is driven,
`READOUTS` how the layers are compared. Every run trains the same number of seeds with true labels and, as a control,
with shuffled ones.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from hil.config import CliFlag, Section
from hil.data.datasets import Dataset
from hil.device import Device
from hil.errors import InputError
from hil.needs import require_memory
from hil.runs.devices import SOLE
from hil.runs.interrupt import how_to_continue
from hil.runs.results import Row, beside, repeated
from hil.runs.run import Run
from hil.spiking.encoding import intensities
from hil.synapses.synapse import cell_conductances
from hil.training.driver import Driver, Seeded
from hil.training.energy import energy_rows, paper_rows, pulse_energy
from hil.training.loop import Stage, Trainee, TrainingLoop, labelled_stages, presentations, stage_key
from hil.training.protocol import Protocol, WaveformTrainee, protocol_bytes
from hil.training.readout import READOUTS, Readout, class_means, nearest_class_mean, winners
from hil.training.sanity import UNKNOWN, ControlledResult, DeviceFacts, Doubts, compare_cells, repeatability
from hil.training.settings import EPOCHS, LARGEST_SEED, DataSettings, DeviceSettings, Seed, Seeds, open_for, split

V_READ = 1e-3
"""Voltage of a fully lit pixel when reading, V, where the device resolves it."""

CURVE_IMAGES = 1000
"""Held-out images that a point of the learning curve is measured on."""


class TrainSettings(Section):
    """Section [train]."""

    seed: Seed = Field(0, ge=0, le=LARGEST_SEED, description="first seed: order of images, split, device spread")
    seeds: Seeds = Field(3, ge=1, le=10_000, description="number of seeds, for the spread")
    epochs: Annotated[float, EPOCHS] = Field(
        1.0, gt=0, description="passes through the training images; fractions allowed"
    )
    batch: int = Field(256, ge=1, description="images in one waveform")
    readout: Annotated[
        Literal["select", "raw", "total", "centred", "relative", "contrast"],
        CliFlag("select, raw, total, centred, relative or contrast; see docs/training.md."),
    ] = Field("select", description="reported readout; 'select' takes the best on held-out training images")
    controls: bool = Field(True, description="train with shuffled labels as well")
    calibration: int = Field(5000, ge=1, description="unlabelled training images that normalise the readouts")
    curve: int = Field(10, ge=0, description="points of the learning curve; 0 for none")
    v_read: float | None = Field(
        None, gt=0, description="fully lit pixel when reading, V; 1 mV, or near it on the device's grid, if not given"
    )


class StdpConfig(Section):
    """Configuration of `hil train stdp`."""

    data: DataSettings = Field(default_factory=DataSettings)
    device: DeviceSettings = Field(default_factory=DeviceSettings)
    train: TrainSettings = Field(default_factory=TrainSettings)
    protocol: Protocol = Field(default_factory=Protocol)


class StdpTraining(Seeded, Driver):
    """Train one layer a class by spike timing: input pulse, delay, response pulse.

    Every row is a pixel, every column a layer. The delay between an image and the response pulse on a column tells
    whether the image shows the column's class; nothing addresses a single weight. Accuracy is printed beside its
    controls: no training, shuffled labels, nearest class mean.

    \b
    hil train stdp                                     # bundled digits, under a minute
    hil train stdp --dataset mnist --data-dir DIR --epochs 0.25 --run runs/four
    hil train stdp --config examples/stdp_digits.toml --set train.seed=7
    hil train stdp --resume runs/four                  # after Ctrl-C, or anything worse
    """

    kind = "train stdp"
    config_model = StdpConfig

    def __init__(self, config: StdpConfig, dataset: Dataset, run: Run) -> None:
        """Check that the configuration makes sense for the data."""
        self.config, self.dataset, self.run = config, dataset, run
        train, data = config.train, config.data
        if (train.readout == "select" or data.evaluate == "holdout") and round(data.holdout * self._available) < 1:
            raise InputError(
                f"data.holdout = {data.holdout:g} leaves no image to select on: hold some out or name train.readout"
            )
        shown = self._shown(self._available - round(data.holdout * self._available))
        lines, together = dataset.inputs + dataset.classes, min(train.batch, shown)
        require_memory(
            f"train.batch = {train.batch}: one waveform of {together:,} images", protocol_bytes(together, lines)
        )
        self._loop = TrainingLoop(run, self._open, train.batch)

    @property
    def _available(self) -> int:
        return len(self.dataset.train_images)

    def stages(self) -> list[Stage]:
        """For every seed: untrained (no images at all), trained, and shuffled labels."""
        stages = []
        for seed in self.seeds:
            kept, _ = split(self.dataset, self.config.data.holdout, seed)
            shown, labels = self._shown(len(kept)), self.dataset.train_labels
            stages += labelled_stages(seed, kept, shown, labels, self.dataset.classes, self.config.train.controls)
        return stages

    def play(self) -> None:
        """Train every stage that is still to be trained; see `TrainingLoop.play`."""
        resume = how_to_continue(self.kind, self.run.path)
        self._loop.play(self.stages(), self._curve_point, self._evaluate, resume)

    def maps(self, role: str = "trained") -> NDArray[np.float64]:
        """Conductance of the first seed after the stage with `role`, (rows, layers), S."""
        return self._loop.arrays[f"g/{stage_key(role, self.seeds[0])}"]

    def accuracies(self, role: str, images: str, readout: str) -> list[float]:
        """Accuracy in % of every seed: role `trained`, ...; images `test` or `holdout`."""
        return [self._loop.outcomes[stage_key(role, seed)][images][readout] for seed in self.seeds]

    def selected(self) -> str:
        """Readout that is reported: as configured, or best on the held-out training images over all seeds."""
        if self.config.train.readout != "select":
            return self.config.train.readout
        return max(READOUTS, key=lambda name: sum(self.accuracies("trained", "holdout", name)))

    def rows(self) -> list[Row]:
        """Report accuracies beside their controls, then energies."""
        return self._accuracy_rows() + self._energy_rows()

    def judge(self, doubts: Doubts) -> None:
        """Cells that do not move or do not tell the delays apart, data without contrast, accuracy beside controls."""
        data, protocol, seed = self.dataset, self.config.protocol, self.seeds[0]
        images, readout, device = (
            self.config.data.evaluate,
            self.selected(),
            DeviceFacts(**self._loop.outcomes.get("device", UNKNOWN)),
        )
        outcomes = [self._loop.outcomes[stage_key("trained", s)] for s in self.seeds]
        means = class_means(self._pixels(data.train_images), data.train_labels, range(data.classes))
        doubts.mean_images(data.name, means)
        doubts.cells(
            [outcome.get("cells") for outcome in outcomes],
            device.still(protocol.amplitude, protocol.width, "protocol.amplitude"),
            f"the device does not tell a delay of {protocol.target_delay:g} s from one of {protocol.other_delay:g} s; "
            f"its window: hil characterize stdp-window --device '{self.config.device.uri}'",
        )
        labels = self._judged(seed)[1]
        kept = split(data, self.config.data.holdout, seed)[0]
        told = [outcome.get("answered", {}).get(readout) for outcome in outcomes]
        doubts.answers(told, data.class_names, f"{len(labels):,} images")
        doubts.classes(data.class_names, data.train_labels[kept], labels)
        name, values = f"{images} accuracy", self.accuracies("trained", images, readout)
        role, words = ("shuffled", "shuffled labels") if self.config.train.controls else ("untrained", "untrained")
        hint = "show more images (--epochs), try other delays, or a device with less noise"
        control = self.accuracies(role, images, readout)
        doubts.accuracy(ControlledResult(name, values, control, words, images=len(labels)), labels, hint)

    def draw(self) -> list[Path]:
        """Draw conductance maps, learning curve and protocol into the run's folder."""
        from hil import plots

        data, config, figure = self.dataset, self.config, self.run.figure
        pixels = self._pixels(data.train_images)
        means = class_means(pixels, data.train_labels, range(data.classes))
        drawn = [figure("maps.png"), figure("protocol.png")]
        title = f"{config.device.uri}, '{data.name}', seed {self.seeds[0]}: conductance after training"
        plots.save_maps(self.maps(), means, data.shape, data.class_names, drawn[0], title)
        first = pixels[:1], (data.train_labels[:1, None] == np.arange(data.classes))
        plots.save_protocol(config.protocol.waveform(*first), drawn[1])
        metrics = self.run.metrics()
        if metrics:
            readout = self.selected()
            levels = {"chance": 100 / data.classes}
            if config.train.controls:
                levels["shuffled labels"] = float(np.mean(self.accuracies("shuffled", "holdout", readout)))
            drawn.append(figure("learning.png"))
            series = {
                f"seed {s}": [(m["images"], m["accuracy"][readout]) for m in metrics if m["seed"] == s]
                for s in self.seeds
            }
            plots.save_curves(series, levels, drawn[-1], f"held-out images, readout '{readout}'")
        return drawn

    def _open(self, seed: int) -> WaveformTrainee:
        data = self.dataset
        device = open_for(self.config.device.uri, data, data.classes, seed, self.run.command_log)
        return WaveformTrainee(device, self.config.protocol, data.train_images, data.full_scale)

    def _shown(self, kept: int) -> int:
        train = self.config.train
        stages = train.seeds * (2 if train.controls else 1)
        return presentations("train.epochs", train.epochs, kept, self.dataset.classes, stages)

    def _pixels(self, images: NDArray[np.uint8]) -> NDArray[np.float64]:
        return intensities(images, self.dataset.full_scale)

    def _curve_point(self, stage: Stage, trainee: Trainee, done: int) -> None:
        points, total = self.config.train.curve, len(stage.order)
        if points == 0 or stage.role != "trained":
            return
        before = done - min(self.config.train.batch, done)
        if before * points // total == done * points // total:
            return
        kept, held = split(self.dataset, self.config.data.holdout, stage.seed)
        chosen = held[:CURVE_IMAGES]
        if not len(chosen):
            return
        readout = self._readout(trainee.device, kept[:CURVE_IMAGES])
        scores = self._score(readout, self.dataset.train_images[chosen], self.dataset.train_labels[chosen], stage.seed)
        self.run.metric(seed=stage.seed, images=done, accuracy=scores)

    def _evaluate(self, stage: Stage, trainee: Trainee) -> None:
        kept, held = split(self.dataset, self.config.data.holdout, stage.seed)
        readout = self._readout(trainee.device, kept[: self.config.train.calibration])
        data, outcome = self.dataset, dict[str, object]()
        if len(held):
            outcome["holdout"] = self._score(readout, data.train_images[held], data.train_labels[held], stage.seed)
        if self.config.data.evaluate == "test":
            outcome["test"] = self._score(readout, data.test_images, data.test_labels, stage.seed)
        g = trainee.device.read()
        self._loop.arrays[f"g/{stage.key}"] = g
        self._loop.outcomes[stage.key] = outcome
        if stage.role == "untrained":
            outcome["repeat"] = repeatability(readout.conductance, g)
        elif stage.role == "trained":
            pristine = stage_key("untrained", stage.seed)
            repeat = self._loop.outcomes[pristine].get("repeat", 0.0)
            outcome["cells"] = compare_cells(self._loop.arrays[f"g/{pristine}"], g, repeat)
            outcome["answered"] = self._answered(readout, stage.seed)
            self._loop.outcomes["device"] = asdict(DeviceFacts.of(trainee.device))
        if stage.role == "trained" and stage.seed == self.seeds[0]:
            cells = cell_conductances(trainee.device)
            self._loop.outcomes["energy"] = self._energies(cells, stage, self._v_read(trainee.device))

    def _readout(self, device: Device, chosen: NDArray[np.int64]) -> Readout:
        return Readout(device, self._pixels(self.dataset.train_images[chosen]), self._v_read(device))

    def _v_read(self, device: Device) -> float:
        """Voltage of a fully lit pixel such that every grey value is on the device's grid."""
        grid = self.dataset.full_scale * device.limits.v_step
        return self.config.train.v_read or (grid * max(1, round(V_READ / grid)) if grid else V_READ)

    def _score(
        self, readout: Readout, images: NDArray[np.uint8], labels: NDArray[np.int64], seed: int
    ) -> dict[str, float]:
        guesses = self._guesses(readout, images, seed)
        return {name: float((guess == labels).mean() * 100) for name, guess in guesses.items()}

    def _guesses(self, readout: Readout, images: NDArray[np.uint8], seed: int) -> dict[str, NDArray[np.int64]]:
        luck = np.random.default_rng([seed, 4])
        return {name: winners(s, luck) for name, s in readout.scores(self._pixels(images)).items()}

    def _judged(self, seed: int) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        """Images and labels that accuracies are reported on."""
        data = self.dataset
        if self.config.data.evaluate == "test":
            return data.test_images, data.test_labels
        held = split(data, self.config.data.holdout, seed)[1]
        return data.train_images[held], data.train_labels[held]

    def _answered(self, readout: Readout, seed: int) -> dict[str, list[int]]:
        """Classes that are answered at all, by readout."""
        return {name: np.unique(g).tolist() for name, g in self._guesses(readout, self._judged(seed)[0], seed).items()}

    def _energies(self, g: NDArray[np.float64], stage: Stage, v_read: float) -> dict[str, float]:
        """Mean energies of the first presented images on the trained cells (rows, columns), one layer, J."""
        pixels = self._pixels(self.dataset.train_images[stage.order[:CURVE_IMAGES]])
        protocol = self.config.protocol
        drive = protocol.amplitude**2 * protocol.width
        layers = self.dataset.classes
        lit = (pixels**2 @ g).sum(axis=1).mean() / layers
        return {
            "train": float(drive * (lit + g.sum() / layers)),
            "read": float(v_read**2 * protocol.width * lit),
            "v_read": v_read,
            "r_min": float(1.0 / g.max()),
        }

    def _accuracy_rows(self) -> list[Row]:
        images = self.config.data.evaluate
        chosen, kept = self.selected(), split(self.dataset, self.config.data.holdout, self.seeds[0])[0]
        how = "named in the configuration" if self.config.train.readout != "select" else "best on held-out images"
        shown = self._shown(len(kept))

        def row(name: str, stage: str, readout: str, note: str) -> Row:
            control = None
            if stage == "trained" and self.config.train.controls:
                control = float(np.mean(self.accuracies("shuffled", images, readout)))
            return repeated(name, self.accuracies(stage, images, readout), "%", control=control, note=note)

        rows = [
            row(
                f"{images} accuracy", "trained", chosen,
                f"readout '{chosen}', {how}; {shown:,} presentations; seeds {self.seeds[0]} to {self.seeds[-1]}; "
                "control: shuffled labels",
            )
        ]  # fmt: skip
        for name in READOUTS:
            told = row("accuracy by readout", "trained", name, self._holdout_note(name))
            rows.append(beside(told, "readout", name))
        told = row("control accuracy", "untrained", chosen, "pristine device, ties decided by chance")
        rows.append(beside(told, "control", "untrained"))
        if self.config.train.controls:
            told = row("control accuracy", "shuffled", chosen, "same training, labels permuted")
            rows.append(beside(told, "control", "shuffled labels"))
        return [*rows, self._baseline_row()]

    def _holdout_note(self, name: str) -> str:
        if not self.config.data.holdout or self.config.data.evaluate == "holdout":
            return ""
        return f"held-out {np.mean(self.accuracies('trained', 'holdout', name)):.2f} %"

    def _baseline_row(self) -> Row:
        data, values = self.dataset, []
        for seed in self.seeds:
            kept, test = split(data, self.config.data.holdout, seed)[0], self._judged(seed)
            guess = nearest_class_mean(
                self._pixels(data.train_images[kept]),
                data.train_labels[kept],
                self._pixels(test[0]),
                list(range(data.classes)),
            )
            values.append(float((guess == test[1]).mean() * 100))
        row = repeated("baseline accuracy", values, "%", note="no device: exact means of the same images")
        return beside(row, "baseline", "nearest class mean")

    def _energy_rows(self) -> list[Row]:
        energy, protocol = self._loop.outcomes["energy"], self.config.protocol
        worst = pulse_energy(self.dataset.inputs, protocol.amplitude, protocol.width, energy["r_min"], 2)
        shown = (
            "one layer, its trained weights, actual pixels + full response, G constant in a pulse; control: every "
            "pixel fully lit, lowest resistance"
        )
        read = f"one layer, one {energy['v_read']:g} V read of {protocol.width:g} s, actual pixels"
        return [
            *energy_rows("energy per training image", {SOLE: energy["train"]}, shown, control=worst),
            *energy_rows("energy per inference", {SOLE: energy["read"]}, read),
            *paper_rows(),
        ]
