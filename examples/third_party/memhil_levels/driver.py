"""`hil train templates`: the mean image of a class is written into its column, once, by counted pulses.

A column answers with the current of the image's lit pixels; the nearest template, ``max of x w - |w|^2 / 2`` with the
weights w as they are read, is the answer. With shuffled labels all templates are alike: that is the control.
"""

from pathlib import Path
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from hil import Device, plots
from hil.config import CliFlag, Section
from hil.data.datasets import Dataset
from hil.device import Unsupported
from hil.runs.results import Row, repeated
from hil.runs.run import Run
from hil.spiking.encoding import intensities
from hil.training.driver import Driver
from hil.training.readout import class_means
from hil.training.settings import DataSettings, DeviceSettings, Seed, Seeds, open_for, split


class TemplateSettings(Section):
    """Section [train]."""

    seed: Seed = Field(0, ge=0, description="first seed: images that are held out, shuffled labels, device spread")
    seeds: Seeds = Field(3, ge=1, description="number of seeds, for the spread")
    pulses: Annotated[int, CliFlag("Pulses from a dark to a fully lit template.")] = Field(
        15, ge=1, le=10_000, description="pulses for a pixel that is fully lit in all images of the class"
    )


class TemplateConfig(Section):
    """Configuration of `hil train templates`."""

    data: DataSettings = DataSettings()
    device: DeviceSettings = DeviceSettings(uri="levels:array")
    train: TemplateSettings = TemplateSettings()


class TemplatesTraining(Driver):
    """Write the mean image of every class into a column, by counted pulses.

    \b
    hil train templates --device "levels:array?levels=4" --pulses 3
    """

    kind = "train templates"
    config_model = TemplateConfig

    def __init__(self, config: TemplateConfig, dataset: Dataset, run: Run) -> None:
        """Take up what earlier starts of the run have found."""
        self.config, self.dataset, self.run = config, dataset, run
        arrays, found = run.checkpoint() or ({}, {})
        self.weights, self.found = dict(arrays), dict(found)

    @property
    def seeds(self) -> range:
        """All seeds of the run."""
        return range(self.config.train.seed, self.config.train.seed + self.config.train.seeds)

    def play(self) -> None:
        """Write and measure every seed that is not done yet, with true and with shuffled labels."""
        data = self.dataset
        for seed in self.seeds:
            if str(seed) in self.found:
                continue
            kept, held = split(data, self.config.data.holdout, seed)
            labels = data.train_labels[kept]
            shuffled = np.random.default_rng([seed, 3]).permutation(labels)
            tested = (data.test_images, data.test_labels)
            if self.config.data.evaluate == "holdout":
                tested = (data.train_images[held], data.train_labels[held])
            told = []
            for shown in (labels, shuffled):
                with open_for(self.config.device.uri, data, data.classes, seed) as device:
                    self._write(device, data.train_images[kept], shown)
                    told.append(100 * float((self._answers(device, tested[0]) == tested[1]).mean()))
                    self.weights.setdefault(f"w/{seed}", device.read())
            self.found[str(seed)] = told
            self.run.save_checkpoint(self.weights, self.found)

    def rows(self) -> list[Row]:
        """Accuracy beside that with shuffled labels."""
        true, shuffled = zip(*(self.found[str(seed)] for seed in self.seeds), strict=True)
        name = f"{self.config.data.evaluate} accuracy"
        return [
            repeated(name, true, "%", control=float(np.mean(shuffled)), note="control: shuffled labels", headline=True)
        ]

    def draw(self) -> list[Path]:
        """Draw the templates of the first seed as they are read."""
        path = self.run.figure("templates.png")
        plots.save_fields(self.weights[f"w/{self.seeds[0]}"], self.dataset.shape, path, "templates as they are read")
        return [path]

    def _write(self, device: Device, images: NDArray[np.uint8], labels: NDArray[np.int64]) -> None:
        pixels = intensities(images, self.dataset.full_scale)
        means = class_means(pixels, labels, range(self.dataset.classes))
        device.program(np.rint(self.config.train.pulses * np.nan_to_num(means.T)))

    def _answers(self, device: Device, images: NDArray[np.uint8]) -> NDArray[np.int64]:
        steps = device.programming
        if steps is None:
            raise Unsupported(f"{device.name} does not say which conductances its weights 0 and 1 have")
        pixels, span = intensities(images, self.dataset.full_scale), steps.g_max - steps.g_min
        products = device.mvm(device.read_voltage * pixels) / device.read_voltage
        seen = (products - steps.g_min * pixels.sum(axis=1, keepdims=True)) / span
        weights = (device.read() - steps.g_min) / span
        return np.asarray((seen - 0.5 * (weights**2).sum(axis=0)).argmax(axis=1))
