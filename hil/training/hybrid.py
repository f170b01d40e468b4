"""`hil train hybrid`: weights trained in software, written with their errors, the last layer trained on in place."""

from __future__ import annotations

from typing import Annotated, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from hil.config import CliFlag, Section
from hil.fraction import Fraction
from hil.insitu.layers import Matrix
from hil.insitu.software import Batch, Batches, software
from hil.insitu.updates import GradientPulses
from hil.runs.results import Row, beside, repeated
from hil.training.backprop import BackpropSettings, BackpropTraining
from hil.training.insitu import LOADED, NetworkTrainee
from hil.training.insitu_settings import ENOUGH, NetworkData
from hil.training.loop import presentation_order, presentations
from hil.training.settings import DeviceSettings, split
from hil.writing.plan import WritePlan


class HybridSettings(BackpropSettings):
    """Section [train]."""

    levels: Annotated[int, CliFlag("Conductance levels of a cell, 15.")] = Field(
        15,
        ge=2,
        le=2**16,
        description="conductance levels of a cell, to which weights are rounded",
    )
    tolerance: Annotated[Fraction, CliFlag("Error that the write leaves, of the range.")] = Field(
        0.1, gt=0, lt=1, description="error that the write may leave, fraction of the conductance range"
    )
    software_epochs: float | None = Field(
        None, gt=0, description="passes of the training in software; one, or as many as show 30,000, if not given"
    )
    software_lr: float = Field(0.5, gt=0, description="learning rate of the training in software")


class HybridConfig(Section):
    """Configuration of `hil train hybrid`."""

    data: NetworkData = Field(default_factory=NetworkData)
    device: DeviceSettings = Field(
        default_factory=lambda: DeviceSettings(uri="sim:rram?alpha=0.005&c2c=0.3&synapse=differential")
    )
    train: HybridSettings = Field(default_factory=HybridSettings)


class HybridTraining(BackpropTraining):
    """Train in software, write with errors, mend in place: the last layer alone learns, a few pulses a cell.

    Printed beside the accuracy: the weights as written, the last layer mended with shuffled labels, and, without
    errors of cells, the last layer trained on in software behind the hidden layers as they are in the array.

    \b
    hil train hybrid                                              # bundled digits, 64-54-10
    hil train hybrid --layers 784,100,10 --dataset mnist --data-dir DIR --tolerance 20% --faults 10%
    """

    kind = "train hybrid"
    config_model: ClassVar[type[Section]] = HybridConfig
    _trained: tuple[int, list[Matrix]] | None = None

    @property
    def software_note(self) -> str:
        """What the software does."""
        return f"training in software, rate {self.config.train.software_lr:g}, weights not rounded, no device"

    def rule(self) -> GradientPulses:
        """Gradient descent in pulses, of the last layer."""
        train = self.config.train
        return GradientPulses(
            train.lr, lr_end=train.lr_end, momentum=train.momentum, rounding=train.rounding, most=train.most,
            last_only=True,
        )  # fmt: skip

    def first(self, seed: int, trainee: NetworkTrainee) -> None:
        """Write the weights of software."""
        self._write(trainee, self._rounded(self.trained_in_software(seed)))

    def trained_in_software(self, seed: int) -> list[Matrix]:
        """Weights of a training of its own, not that of the images by which the array is mended; made once a seed."""
        if self._trained is None or self._trained[0] != seed:
            train, data = self.config.train, self.dataset
            kept, _ = split(data, self.config.data.holdout, seed)
            passes = train.software_epochs or max(1, round(ENOUGH / len(kept)))
            shown = presentations("train.software_epochs", passes, len(kept), data.classes, 1)
            order = kept[presentation_order(len(kept), shown, seed)]
            targets = data.train_labels[order][:, None] == np.arange(data.classes)
            batches = self.batches(order, targets, train.batch)
            self._trained = seed, self._descent(self.start(seed), batches, train.software_lr)
        return self._trained[1]

    def load(self, seed: int, trainee: NetworkTrainee, x: Matrix, labels: NDArray[np.int64]) -> dict[str, float]:
        """Write the weights, and train the last layer on in software behind what the array makes of the images."""
        weights = self.trained_in_software(seed)
        rounded = self._rounded(weights)
        self._write(trainee, rounded)
        stage = next(s for s in self.stages() if (s.role, s.seed) == ("trained", seed))
        order, images, network = stage.order, self.dataset.train_images, trainee.network

        def behind(here: slice) -> Batch:
            return network.hidden(self.images(images[order[here]])), stage.targets[here].astype(float)

        batches = Batches(len(order), self.config.train.batch, behind)
        last = self._descent(rounded[-1:], batches, self.config.train.lr)
        return {
            "float": self.percent(weights, x, labels),
            "levels": self.percent(rounded, x, labels),
            "digital": self.percent(last, network.hidden(x), labels),
        }

    def rows(self) -> list[Row]:
        """As of every training in place, and the steps on the way."""
        rows = super().rows()
        if self.config.train.controls:
            name = f"control {self.config.data.evaluate} accuracy"
            told = {
                "levels": ("rounded", f"software, {self.config.train.levels} levels a cell, no device"),
                "digital": ("last layer in software", "the same images and steps, hidden layers in the array"),
            }
            at = next(k for k, row in enumerate(rows) if row.conditions.get("baseline") == "software") + 1
            rows[at:at] = [
                beside(repeated(name, self.outcomes(LOADED, key), "%", note=note), "baseline", words)
                for key, (words, note) in told.items()
            ]
        return rows

    def controls(self) -> list[tuple[str, str, str]]:
        """Random weights, mending with labels that say nothing, and weights as written."""
        found = [("untrained", "untrained", "random weights, nothing written")]
        if self.config.train.controls:
            error = f"not mended; errors of up to {self.config.train.tolerance:.3g} of the range"
            found += [
                ("shuffled", "shuffled labels", "written; last layer mended with permuted labels"),
                (LOADED, "written", error),
            ]
        return found

    def _rounded(self, weights: list[Matrix]) -> list[Matrix]:
        most, steps = self.config.train.weight_max, self.config.train.levels - 1
        return [np.rint(w / most * steps) / steps * most for w in weights]

    def _write(self, trainee: NetworkTrainee, weights: list[Matrix]) -> None:
        for layer, w in zip(trainee.network.layers, weights, strict=True):
            plan = WritePlan(source="weights", device=layer.device.name, tolerance=self.config.train.tolerance)
            layer.write(w, plan)

    def _descent(self, start: list[Matrix], batches: Batches, lr: float) -> list[Matrix]:
        train = self.config.train
        return software(start, batches, bias=train.bias, lr=lr, lr_end=1.0, momentum=0.0, limit=train.weight_max)
