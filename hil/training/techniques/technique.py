"""`Technique`: base of short drivers, which say what they measure, their controls, and how a stage plays."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Generic

import numpy as np
from numpy.typing import NDArray

from hil.data.datasets import Dataset
from hil.errors import InputError
from hil.insitu.layers import Matrix
from hil.runs.interrupt import how_to_continue
from hil.runs.results import Row, beside, repeated
from hil.runs.run import Run
from hil.spiking.encoding import intensities
from hil.training.driver import Driver, Seeded
from hil.training.loop import Learner, Stage, TrainingLoop, stage_key
from hil.training.sanity import ControlledResult, Doubts
from hil.training.settings import split

TRAINED = "trained"
"""Role of the stages that the headline number is of."""


@dataclass(frozen=True)
class Measure:
    """A number that a stage leaves, and what it is.

    Attributes
    ----------
    key : str
        Its key in what `Technique.measured` returns.
    name, unit, note : str
        Of the row.
    baseline : str
        Name under which it stands below the headline, if it is the same quantity by other means; else "".
    """

    key: str
    name: str
    unit: str = ""
    note: str = ""
    baseline: str = ""


class Technique(Seeded, Driver, Generic[Learner]):
    """A training whose stages each leave a few numbers: played, resumed, reported beside controls, drawn.

    Attributes
    ----------
    headline : Measure
        The number that is judged; more is better.
    review : str or None
        What a review says of it, printed beside it.
    controls : mapping of str to str
        Roles of the stages that are controls, and what is done in them; the first is the control of the headline.
    more : sequence of Measure
        Further numbers of the trained stages.
    hint : str
        What to do where the headline cannot be told from a control.
    """

    headline: ClassVar[Measure]
    review: ClassVar[str | None] = None
    controls: ClassVar[Mapping[str, str]]
    more: ClassVar[Sequence[Measure]] = ()
    hint: ClassVar[str] = "show more (--epochs), or take a device with less spread"

    config: Any

    def __init__(self, config: Any, dataset: Dataset, run: Run) -> None:
        """Check that the configuration makes sense for the data; see `prepare`."""
        self.config, self.run = config, run
        self.dataset = self.prepare(dataset)
        self.loop: TrainingLoop[Learner] = TrainingLoop(run, self.open, self.batch)

    def prepare(self, dataset: Dataset) -> Dataset:
        """Check configuration and data; give back the data as they are used."""
        return dataset

    @property
    def batch(self) -> int:
        """How many are shown at once."""
        return int(self.config.train.batch)

    @abstractmethod
    def open(self, seed: int) -> Learner:
        """Open the devices of a seed."""

    @abstractmethod
    def stages(self) -> list[Stage]:
        """All stages: for every seed one of the role `TRAINED`, and one of each control."""

    @abstractmethod
    def measured(self, stage: Stage, trainee: Learner) -> dict[str, Any]:
        """Numbers that a stage leaves, the headline's among them; arrays go into ``self.loop.arrays``."""

    def play(self) -> None:
        """Play every stage that is still to be played."""
        self.loop.play(self.stages(), self.after_batch, self._measure, how_to_continue(self.kind, self.run.path))

    def after_batch(self, stage: Stage, trainee: Learner, done: int) -> None:
        """Measure a point of the learning curve, where there is one."""

    def values(self, role: str, key: str) -> list[float]:
        """A number of all seeds after the stage with this role."""
        return [self.loop.outcomes[stage_key(role, seed)][key] for seed in self.seeds]

    def headline_note(self) -> str:
        """What the headline is of, in a few words."""
        return self.headline.note

    def rows(self) -> list[Row]:
        """The headline beside its controls, then what else was measured."""
        head, first = self.headline, next(iter(self.controls))
        mine = self.values(TRAINED, head.key)
        told = f"{self.headline_note()}; seeds {self.seeds[0]} to {self.seeds[-1]}; control: {first}"
        rows = [
            repeated(
                head.name, mine, head.unit, control=float(np.mean(self.values(first, head.key))),
                reference=self.review, note=told, headline=True,
            )
        ]  # fmt: skip
        for role, note in self.controls.items():
            row = repeated(f"control {head.name}", self.values(role, head.key), head.unit, note=note)
            rows.append(beside(row, "control", role))
        for measure in self.more:
            row = repeated(measure.name, self.values(TRAINED, measure.key), measure.unit, note=measure.note)
            rows.append(beside(row, "baseline", measure.baseline) if measure.baseline else row)
        return rows

    @property
    def counted(self) -> int | None:
        """How many images the headline is a share of; None where it is none."""
        return None

    def judge(self, doubts: Doubts) -> None:
        """The headline beside every control."""
        head = self.headline
        for role in self.controls:
            mine, theirs = self.values(TRAINED, head.key), self.values(role, head.key)
            doubts.compare(ControlledResult(head.name, mine, theirs, role, head.unit, self.counted), self.hint)

    def draw(self) -> list[Path]:
        """Draw the learning curve, if there is one, and the technique's own pictures."""
        from hil import plots

        drawn, metrics = [], self.run.metrics()
        if metrics:
            drawn.append(self.run.figure("learning.png"))
            series = {
                f"seed {s}": [(m["images"], m["accuracy"]) for m in metrics if m["seed"] == s] for s in self.seeds
            }
            plots.save_curves(series, self.levels(), drawn[-1], f"{self.kind}: held-out images")
        return drawn + self.pictures()

    def levels(self) -> dict[str, float]:
        """Horizontal lines of the learning curve by name, %."""
        return {"chance": 100 / self.dataset.classes}

    @abstractmethod
    def pictures(self) -> list[Path]:
        """Draw the technique's own pictures."""

    def images(self, images: NDArray[np.uint8]) -> Matrix:
        """Intensities 0..1 of images."""
        return intensities(images, self.dataset.full_scale)

    def held(self, seed: int) -> tuple[Matrix, NDArray[np.int64]]:
        """Held-out training images of a seed for its learning curve, ``train.curve_images`` at most, with labels."""
        chosen = split(self.dataset, self.config.data.holdout, seed)[1][: self.config.train.curve_images]
        return self.images(self.dataset.train_images[chosen]), self.dataset.train_labels[chosen]

    def judged(self, seed: int) -> tuple[Matrix, NDArray[np.int64]]:
        """Images that accuracies of a seed are reported on, and their labels."""
        images, labels = self.config.data.evaluation(self.dataset, seed)
        return self.images(images), labels

    def require_held_out(self, dataset: Dataset) -> None:
        """Refuse to evaluate on held-out images where there are none."""
        data = self.config.data
        if data.evaluate == "holdout" and round(data.holdout * len(dataset.train_images)) < 1:
            raise InputError(f"data.holdout = {data.holdout:g} leaves no image to evaluate on: hold some out")

    def point_due(self, stage: Stage, done: int) -> bool:
        """Whether a point of the learning curve is due after so many presentations of a stage."""
        points, total = self.config.train.curve, len(stage.order)
        before = max(0, done - self.batch)
        return points > 0 and stage.role == TRAINED and before * points // total != done * points // total

    def _measure(self, stage: Stage, trainee: Learner) -> None:
        self.loop.outcomes[stage.key] = self.measured(stage, trainee)


def percent(answers: NDArray[np.int64], labels: NDArray[np.int64]) -> float:
    """Accuracy, %."""
    return float((answers == labels).mean() * 100)
