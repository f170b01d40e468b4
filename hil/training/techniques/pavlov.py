"""`hil train pavlov`: a bell that food has followed makes one cell conduct, until the bell has rung alone."""

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
from hil.insitu.updates import whole_pulses
from hil.runs.devices import SOLE, Devices
from hil.synapses.mapping import Mapping as WeightMapping
from hil.training.loop import Stage, Trainee, stage_key
from hil.training.settings import LARGEST_SEED, DataSettings, DeviceSettings, Seed, Seeds
from hil.training.techniques.technique import TRAINED, Measure, Technique
from hil.writing.plan import WritePlan
from hil.writing.write import Write

BELL, FOOD = np.array([1.0, 0.0]), np.array([0.0, 1.0])
PAIRING, EXTINCTION = "pairing", "extinction"

UNPAIRED = "unpaired"
"""Role of the stages in which bell and food take turns and never come together."""


class StimulusData(DataSettings):
    """Section [data]."""

    dataset: Annotated[str, CliFlag("stimuli; two pixels, the second of which is the food.", metavar="NAME")] = Field(
        "stimuli", description="name of the data set, or path of a file or folder, see docs/datasets.md"
    )


class PavlovSettings(Section):
    """Section [train]."""

    seed: Seed = Field(0, ge=0, le=LARGEST_SEED, description="first seed: device spread, rounding to pulses")
    seeds: Seeds = Field(5, ge=1, le=10_000, description="number of seeds, for the spread")
    pairings: Annotated[int, CliFlag("Trials with bell and food together.")] = Field(
        30, ge=1, le=100_000, description="trials with bell and food together"
    )
    extinctions: Annotated[int, CliFlag("Trials with the bell alone, afterwards.")] = Field(
        60, ge=1, le=100_000, description="trials with the bell alone, afterwards"
    )
    rate: float = Field(0.15, gt=0, le=1, description="of learning, part of the error a trial")
    threshold: float = Field(0.5, gt=0, lt=1, description="current at which the neuron responds, of a full cell's")
    batch: int = Field(10, ge=1, description="trials between looks at Ctrl-C and checkpoints")


class PavlovConfig(Section):
    """Configuration of `hil train pavlov`."""

    data: StimulusData = Field(default_factory=StimulusData)
    device: DeviceSettings = Field(
        default_factory=lambda: DeviceSettings(uri="sim:rram?alpha=0.02&c2c=0.3&d2d=0.2&read_noise=0.02")
    )
    train: PavlovSettings = Field(default_factory=PavlovSettings)


class PavlovTrainee(Trainee):
    """Two cells on one column: the bell's learns, the food's is written once."""

    def __init__(self, device: Device, settings: PavlovSettings, seed: int) -> None:
        """Take over a device of two rows and one column."""
        super().__init__(Devices({SOLE: device}))
        self.mapping, self._settings, self._seed = WeightMapping.of(device, 1.0), settings, seed
        self.responses: list[float] = []
        self._step = 0.0

    def check(self, stage: Stage) -> None:
        """`open` has asked for the size."""

    def reset(self) -> None:
        """What a pulse does, then a weak cell for the bell and a strong one for the food."""
        super().reset()
        self.responses = []
        before = self._read()
        self.device.program(np.ones(self.device.cells, np.int64))
        self._step = float(np.median(self._read() - before))
        if not self._step > 0:
            raise InputError(f"{self.device.name}: a pulse up raises no cell; take cells that a pulse moves by a step")
        targets = self.mapping.conductances(np.array([[0.1], [0.9]]))
        write = Write(self.device, targets, WritePlan(source="weights", device=self.device.name, tolerance=0.03))
        for _ in write.rounds():
            pass

    def show(self, stage: Stage, here: slice) -> None:
        """One trial after the other; before each, what the bell alone calls forth."""
        for place in range(here.start, here.stop):
            self.responses.append(self.current(BELL))
            bell, food = self.trial(stage.role, place)
            if bell:
                wanted = self._settings.rate * (float(food) - self.current(BELL)) / self._step
                luck = np.random.default_rng([self._seed, 71, place])
                counts = np.zeros(self.device.cells, np.int64)
                counts[0, 0] = whole_pulses(np.array([wanted]), "stochastic", 10_000, luck)[0]
                self.device.program(counts)

    def trial(self, role: str, place: int) -> tuple[bool, bool]:
        """Whether the bell rings in a trial, and whether there is food."""
        if place >= self._settings.pairings * (2 if role == UNPAIRED else 1):
            return True, False
        return (True, True) if role == TRAINED else (place % 2 == 0, place % 2 == 1)

    def current(self, stimulus: NDArray[np.float64]) -> float:
        """Current of the column for a stimulus, of that of a full cell."""
        return float(self.mapping.through(self.device, stimulus[None], 1.0)[0, 0])

    def snapshot(self) -> dict[str, dict[str, NDArray[Any]]]:
        """State of the device, and what was measured."""
        states = super().snapshot()
        states[SOLE] |= {"responses": np.array(self.responses), "step": np.array(self._step)}
        return states

    def restore(self, states: dict[str, dict[str, NDArray[Any]]]) -> None:
        """Return to a snapshot."""
        kept = dict(states[SOLE])
        self.responses, self._step = kept.pop("responses").tolist(), float(kept.pop("step"))
        super().restore({SOLE: kept})

    def _read(self) -> NDArray[np.float64]:
        return self.mapping.weights(self.device.read())


class PavlovTraining(Technique[PavlovTrainee]):
    """Condition a reflex: food calls it forth, the bell does so after both have come together, and forgets it alone.

    The bell's cell moves by the error of its prediction, ``rate (food - current)`` in whole pulses, whenever the bell
    rings (Rescorla & Wagner 1972). Beside the response to the bell: no trial at all, and bell and food in turns.

    \b
    hil train pavlov
    hil train pavlov --device "sim:vteam?pulse_steps=50" --pairings 60
    """

    kind = "train pavlov"
    config_model: ClassVar[type[Section]] = PavlovConfig
    headline = Measure("response", "response to the bell after pairing", "", "current over the neuron's threshold")
    controls: ClassVar[Mapping[str, str]] = {
        UNPAIRED: "bell and food in turns, each as often", "untrained": "no trial",
    }  # fmt: skip
    more: ClassVar[Sequence[Measure]] = (
        Measure("food", "response to food", "", "current over the threshold; written once"),
        Measure("first", "pairings until the bell is answered"),
        Measure("after", "response to the bell after extinction", "", "current over the threshold"),
        Measure("last", "bells alone until none is answered"),
    )
    hint = "give more trials (--pairings), or take a device with finer steps"

    def prepare(self, dataset: Dataset) -> Dataset:
        """Refuse data of other stimuli."""
        if dataset.inputs != 2:
            raise InputError(f"'{dataset.name}' has {dataset.inputs} pixels: a bell and food are two")
        return dataset

    def open(self, seed: int) -> PavlovTrainee:
        """Two rows, one column."""
        device = open_device(self.config.device.uri, defaults={"rows": 2, "cols": 1, "seed": seed})
        with Devices({SOLE: device}).closed_on_failure():
            if device.cells != (2, 1):
                raise InputError(f"{device.name} has {device.rows} x {device.cols} cells: rows=2, cols=1 are needed")
            return PavlovTrainee(device, self.config.train, seed)

    def stages(self) -> list[Stage]:
        """For every seed: no trial, pairing then extinction, the same unpaired."""
        found, train = [], self.config.train
        for seed in self.seeds:
            for role, trials in (("untrained", 0), (TRAINED, train.pairings), (UNPAIRED, 2 * train.pairings)):
                count = trials + train.extinctions if trials else 0
                found.append(Stage(role, seed, True, np.zeros(count, np.int64)))
        return found

    def measured(self, stage: Stage, trainee: PavlovTrainee) -> dict[str, Any]:
        """Responses over the threshold."""
        train = self.config.train
        responses = np.array([*trainee.responses, trainee.current(BELL)]) / train.threshold
        self.loop.arrays[f"responses/{stage.key}"] = responses
        paired = train.pairings * (2 if stage.role == UNPAIRED else 1) if stage.role != "untrained" else 0
        answered = np.flatnonzero(responses[: paired + 1] >= 1)
        silent = np.flatnonzero(responses[paired:] < 1)
        return {
            "response": float(responses[paired]),
            "food": trainee.current(FOOD) / train.threshold,
            "first": float(answered[0]) if len(answered) else float(paired + 1),
            "after": float(responses[-1]),
            "last": float(silent[0]) if len(silent) else float(train.extinctions + 1),
        }

    def pictures(self) -> list[Path]:
        """Draw the responses along the trials."""
        from hil import plots

        path = self.run.figure("responses.png")
        found = {r: [self.loop.arrays[f"responses/{stage_key(r, s)}"] for s in self.seeds] for r in (TRAINED, UNPAIRED)}
        plots.save_lines(
            found, {"threshold": 1.0}, path, f"{self.kind}: {self.config.device.uri}", "trial", "response to the bell"
        )
        return [path]
