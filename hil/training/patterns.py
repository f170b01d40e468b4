"""`hil train patterns`: memristive neurons tell patterns apart without being told: Type 2 of Zhou et al. (2022).

Inputs reach all neurons through plastic synapses on the device's cells; each neuron inhibits all others through its
partner. A neuron's label is the pattern that it has answered most in training; a pattern is what the neuron with most
spikes says.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field

from hil.config import CliFlag, Section
from hil.data.datasets import Dataset
from hil.errors import InputError
from hil.needs import require_memory
from hil.runs.interrupt import how_to_continue
from hil.runs.results import Row, beside, repeated
from hil.runs.run import Run
from hil.spiking.alpha.cells import Update
from hil.spiking.alpha.settings import AlphaNetworkSettings
from hil.training.alpha_trainee import UPDATE, AlphaTrainee, PatternData, lit_patterns, open_alpha
from hil.training.driver import Driver, Seeded
from hil.training.loop import Stage, TrainingLoop, stage_key
from hil.training.patterns_measures import by_vote, by_winner, labels_of
from hil.training.settings import DeviceSettings, Seed, Seeds

NETWORK = AlphaNetworkSettings(
    bound=24e-6, initial=12e-6, inhibition=200e-6, delay_min=0.0, delay_max=2e-6, strobe=0.0, rate=0.2e6, u_pre=10e-9,
    u_post=-0.1e-9, tau_stdp=3e-6,
)  # fmt: skip
"""The text's values; bound and rate, which it leaves out, are ours."""


class PatternsSettings(Section):
    """Section [train]."""

    seed: Seed = Field(0, ge=0, description="first seed: weights, delays, trains, device spread")
    seeds: Seeds = Field(3, ge=1, description="number of seeds, for the spread")
    neurons: Annotated[int, CliFlag("Excitatory neurons, one a column.")] = Field(
        320, ge=1, le=100_000, description="excitatory neurons, one a column of the device"
    )
    iterations: Annotated[int, CliFlag("Presentations in training.")] = Field(
        70, ge=1, le=1_000_000, description="presentations in training; patterns in turn"
    )
    tests: int = Field(20, ge=1, le=10_000, description="test presentations of each pattern")
    controls: Annotated[bool, CliFlag("Also train without potentiation, and without learning at all.")] = Field(
        True, description="whether the controls are trained"
    )
    update: Annotated[Update, UPDATE] = Field("pulses", description="how changes become conductances")


class PatternsConfig(BaseModel):
    """Configuration of `hil train patterns`."""

    data: PatternData = PatternData(dataset="thin32")
    device: DeviceSettings = DeviceSettings(uri="sim:rram?alpha=0.001")
    network: AlphaNetworkSettings = NETWORK
    train: PatternsSettings = PatternsSettings()


class PatternsTraining(Seeded, Driver):
    """Tell patterns apart by the neurons that answer them, without labels in training.

    1024 inputs, 320 memristive neurons with an inhibitory partner each (Zhou et al. 2022). Controls that see the same
    spikes and are labelled in the same way: no potentiation, and no learning at all. The neuron with most spikes
    decides (the paper's measure); voting by label says little, for it is right without any learning.

    \b
    hil train patterns
    hil train patterns --device "sim:rram?alpha=0.0005&c2c=20%" --seeds 12
    hil train patterns --dataset four32 --iterations 40        # thicker lines, which share more pixels
    """

    kind = "train patterns"
    config_model = PatternsConfig

    def __init__(self, config: PatternsConfig, dataset: Dataset, run: Run) -> None:
        """Take the patterns."""
        self.config, self.dataset, self.run = config, dataset, run
        self.patterns = lit_patterns(dataset.train_images, dataset.train_labels, dataset.full_scale)
        if len(self.patterns) < 2:
            raise InputError(f"'{dataset.name}' has one class: telling patterns apart needs two or more")
        cells = self.patterns.shape[1] * config.train.neurons
        require_memory(f"train.neurons = {config.train.neurons}: {cells:,} weights", 40.0 * cells)
        self._loop = TrainingLoop(run, self._open, 1)

    @property
    def variants(self) -> dict[str, AlphaNetworkSettings]:
        """Settings of the network by the role of a stage."""
        mine = self.config.network
        found = {"trained": mine}
        if self.config.train.controls:
            found["no potentiation"] = mine.model_copy(update={"u_pre": 0.0})
            found["no learning"] = mine.model_copy(update={"u_pre": 0.0, "u_post": 0.0})
        return found

    def stages(self) -> list[Stage]:
        """For every seed and variant: presentations of the patterns in turn."""
        order = np.arange(self.config.train.iterations) % len(self.patterns)
        return [Stage(role, seed, True, order) for seed in self.seeds for role in self.variants]

    def play(self) -> None:
        """Train every stage that is still to be trained."""
        self._loop.play(self.stages(), lambda *_: None, self._evaluate, how_to_continue(self.kind, self.run.path))

    def _open(self, seed: int) -> AlphaTrainee:
        train = self.config.train
        device = open_alpha(self.config.device.uri, self.patterns.shape[1], train.neurons, seed)
        return _Counting(device, self.patterns.astype(float), self.variants, False, train.update, seed)

    def _evaluate(self, stage: Stage, trainee: AlphaTrainee) -> None:
        """Label the neurons by their spikes in training, then show all patterns again, without learning."""
        assert isinstance(trainee, _Counting)
        labels, tests, count = labels_of(trainee.counted), self.config.train.tests, len(self.patterns)
        network = trainee.tested(stage)
        winner, vote, spikes = np.zeros((tests, count)), np.zeros((tests, count)), 0
        for turn in range(tests):
            for which in range(count):
                counts = trainee.answer(network, trainee.patterns[which], turn * count + which).counts
                winner[turn, which] = by_winner(counts, labels, which)
                vote[turn, which] = by_vote(counts, labels, which, count)
                spikes += int(counts.sum())
        self._loop.outcomes[stage.key] = {
            "winner": 100 * float(winner.mean()), "vote": 100 * float(vote.mean()), "spikes": spikes / winner.size,
            "by pattern": (100 * winner.mean(axis=0)).tolist(), "labelled": float((labels >= 0).mean()),
        }  # fmt: skip
        if stage.seed == self.seeds[0]:
            self._loop.arrays[f"w/{stage.role}"] = network.weights.astype(np.float32)
            self._loop.arrays[f"labels/{stage.role}"] = labels

    def measured(self, role: str, what: str) -> list[float]:
        """One number a seed: ``winner`` or ``vote``, percent; ``spikes`` a test presentation."""
        return [float(self._loop.outcomes[stage_key(role, seed)][what]) for seed in self.seeds]

    def rows(self) -> list[Row]:
        """Accuracy by winner and by vote, each beside its controls."""
        train, rows = self.config.train, []
        named = {"winner": "accuracy of the winner", "vote": "accuracy of the vote"}
        last = list(self.variants)[-1]
        for what, name in named.items():
            control = float(np.mean(self.measured(last, what))) if last != "trained" else None
            shown = f"{train.iterations} presentations, {train.tests} tests of each of {len(self.patterns)} patterns; "
            note = shown + f"seeds {self.seeds[0]} to {self.seeds[-1]}; control: {last}"
            if what == "vote":
                note = "label with most spikes a neuron; control: " + last
            rows.append(
                repeated(
                    name, self.measured("trained", what), "%", control=control, note=note, headline=what == "winner"
                )
            )
            rows += [
                beside(repeated(name, self.measured(role, what), "%"), "control", role)
                for role in self.variants
                if role != "trained"
            ]
        chance = 100 / len(self.patterns)
        rows.append(Row("chance", chance, "%", note="any label"))
        rows.append(repeated("output spikes of a test presentation", self.measured("trained", "spikes")))
        return rows

    def draw(self) -> list[Path]:
        """Draw mean weights of the neurons of each label, and what learning changed of them."""
        from hil.training.patterns_figure import save_labels

        path = self.run.figure("labels.png")
        arrays: dict[str, NDArray[Any]] = self._loop.arrays
        names = [self.dataset.class_names[label] for label in np.unique(self.dataset.train_labels)]
        save_labels(names, arrays["w/trained"], arrays["labels/trained"], self.dataset.shape, path)
        return [path]


class _Counting(AlphaTrainee):
    """One that counts the spikes of each neuron (P, N) under each pattern in training."""

    @property
    def counted(self) -> NDArray[np.int64]:
        """Counts so far."""
        return self._counts

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._counts = np.zeros((len(self.patterns), self.device.cols), np.int64)

    def show(self, stage: Stage, here: slice) -> None:
        for number in range(here.start, here.stop):
            self._counts[stage.order[number]] += self.teach(stage, number).counts

    def snapshot(self) -> Any:
        states = super().snapshot()
        next(iter(states.values()))["counts"] = self._counts
        return states

    def restore(self, states: Any) -> None:
        super().restore({name: {k: v for k, v in state.items() if k != "counts"} for name, state in states.items()})
        counts = next(iter(states.values())).get("counts")
        self._counts = np.zeros_like(self._counts) if counts is None else counts.astype(np.int64)

    def reset(self) -> None:
        super().reset()
        self._counts = np.zeros_like(self._counts)
