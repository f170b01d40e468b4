"""`Driver`: base of all training drivers, as `hil train` and `hil sweep` run them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, ClassVar

from pydantic import BaseModel

from hil.data.datasets import Dataset
from hil.energy.figures import EnergySettings, with_energy
from hil.energy.meter import metering
from hil.energy.report import energy_section
from hil.runs.results import Row
from hil.runs.run import Run
from hil.runs.sending import played_again
from hil.training.sanity import Doubts


class Seeded:
    """What is repeated for the seeds of its section [train]."""

    config: Any

    @property
    def seeds(self) -> range:
        """All seeds of the run."""
        return range(self.config.train.seed, self.config.train.seed + self.config.train.seeds)


class Driver(ABC):
    """One training run: made from its configuration, its data and its run folder, all checked."""

    kind: ClassVar[str]
    """The verb that starts and resumes it, such as "train stdp"."""

    config_model: ClassVar[type[BaseModel]]
    """Its configuration, with at least the sections [data] and [device]; [energy] is added where it has none."""

    run: Run

    def __init_subclass__(cls, **more: Any) -> None:
        """Add the section [energy] to the configuration."""
        super().__init_subclass__(**more)
        if "config_model" in cls.__dict__:
            cls.config_model = with_energy(cls.config_model)

    @abstractmethod
    def __init__(self, config: Any, dataset: Dataset, run: Run) -> None:
        """Check that the configuration makes sense for the data; `InputError` if not."""

    @abstractmethod
    def play(self) -> None:
        """Train, from the last checkpoint if there is one; `Interrupted` if the user stops it."""

    @abstractmethod
    def rows(self) -> list[Row]:
        """Report every number beside its control."""

    @abstractmethod
    def draw(self) -> list[Path]:
        """Draw the pictures into the run folder and return their paths."""

    def judge(self, doubts: Doubts) -> None:  # noqa: B027 - a driver may leave it to the checks of its rows
        """Report what the results stand on: cells, spikes, answers, controls; see `hil.training.sanity`."""

    def complete(self, draw: bool = True) -> tuple[list[Row], list[Path]]:
        """Train to the end, then leave rows, warnings among them, and, unless told otherwise, pictures in the run."""
        self.run.set_state("running")
        figures = getattr(getattr(self, "config", None), "energy", EnergySettings())
        with metering(self.run.account, figures):
            self.play()
        rows, doubts = self.rows(), Doubts()
        self.judge(doubts)
        rows += doubts.rows(rows)
        rows += energy_section(self.run.account, figures)
        rows += played_again(self.run.meta())
        self.run.save_results(rows)
        pictures = self.draw() if draw else []
        self.run.set_state("finished")
        return rows, pictures
