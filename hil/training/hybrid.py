"""`hil train hybrid`: weights trained in software, written with their errors, the last layer trained on in place."""

from __future__ import annotations

from typing import Annotated, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from hil.config import CliFlag, Section
from hil.fraction import Fraction
from hil.insitu.layers import Matrix
from hil.insitu.software import in_batches
from hil.insitu.updates import GradientPulses
from hil.runs.results import Row, beside, repeated
from hil.training.backprop import BackpropSettings, BackpropTraining
from hil.training.insitu import LOADED, NetworkTrainee
from hil.training.insitu_settings import ENOUGH, NetworkData
from hil.training.loop import presentation_order
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
    hint = "show more images (--epochs), another rate, or a device with finer steps"

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
        self._write(trainee, self._rounded(seed))

    def trained_in_software(self, seed: int) -> list[Matrix]:
        """Weights of a training of its own, not that of the images by which the array is mended."""
        train, data = self.config.train, self.dataset
        kept, _ = split(data, self.config.data.holdout, seed)
        passes = train.software_epochs or max(1, round(ENOUGH / len(kept)))
        order = kept[presentation_order(len(kept), max(1, round(passes * len(kept))), seed)]
        x, one_hot = self.images(data.train_images[order]), np.eye(data.classes)[data.train_labels[order]]
        return self._descent(self.start(seed), x, one_hot, train.software_lr)

    def load(self, seed: int, trainee: NetworkTrainee, x: Matrix, labels: NDArray[np.int64]) -> dict[str, float]:
        """Write the weights, and train the last layer on in software behind what the array makes of the images."""
        weights, rounded = self.trained_in_software(seed), self._rounded(seed)
        self._write(trainee, rounded)
        stage = next(s for s in self.stages() if (s.role, s.seed) == ("trained", seed))
        shown = self.images(self.dataset.train_images[stage.order])
        hidden, seen = (trainee.network.forward(images)[-2] for images in (shown, x))
        last = self._descent(rounded[-1:], hidden, stage.targets.astype(float), self.config.train.lr)
        digital = self.percent(last, seen, labels)
        return {
            "float": self.percent(weights, x, labels),
            "levels": self.percent(rounded, x, labels),
            "digital": digital,
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

    def _rounded(self, seed: int) -> list[Matrix]:
        train = self.config.train
        most, steps = train.weight_max, train.levels - 1
        return [np.rint(w / most * steps) / steps * most for w in self.trained_in_software(seed)]

    def _write(self, trainee: NetworkTrainee, weights: list[Matrix]) -> None:
        for layer, w in zip(trainee.network.layers, weights, strict=True):
            plan = WritePlan(source="weights", device=layer.device.name, tolerance=self.config.train.tolerance)
            layer.write(w, plan)

    def _descent(self, start: list[Matrix], x: Matrix, one_hot: Matrix, lr: float) -> list[Matrix]:
        train = self.config.train
        return in_batches(
            start, x, one_hot, train.batch, bias=train.bias, lr=lr, lr_end=1.0, momentum=0.0, limit=train.weight_max
        )
