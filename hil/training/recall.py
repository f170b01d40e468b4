"""`hil train recall`: an associative memory of memristive neurons, asked with halves of what it has seen.

The network of Type 1 of Zhou et al. (2022): inputs one to one, recurrent synapses under STDP on the device's cells, a
shared inhibition. Half cues, which the paper leaves to future work, are completed where the recurrent excitation comes
after the inhibition, the inhibition lies in a window that the overlap of the patterns predicts, and a strobe ends each
presentation (docs/recall.md).
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field

from hil.config import CliFlag, Section
from hil.data.datasets import Dataset
from hil.data.outlines import SIZE, drawn, random_pixels
from hil.errors import InputError
from hil.runs.interrupt import how_to_continue
from hil.runs.results import Row, beside, repeated
from hil.runs.run import Run
from hil.spiking.alpha.cells import Update
from hil.spiking.alpha.settings import AlphaNetworkSettings
from hil.training.alpha_trainee import UPDATE, AlphaTrainee, PatternData, lit_patterns, open_alpha
from hil.training.driver import Driver, Seeded
from hil.training.loop import Stage, TrainingLoop, presentations, stage_key
from hil.training.recall_measures import KINDS, CompletionWindow, cue, score, shares
from hil.training.settings import EPOCHS, DeviceSettings, Seed, Seeds

PAPER_INHIBITION = {"inhibition": 20e-6}
"""Inhibition of the text, all else as it is."""

PAPER_SETTING = {
    "bound": 13e-6, "inhibition": 20e-6, "delay_min": 0.0, "delay_max": 0.0, "strobe": 0.0, "rate": 2e6,
    "tau_stdp": 3e-6,
}  # fmt: skip
"""The text, with a bound and a rate, which it leaves out, for which each pattern is told from the others."""


class RecallSettings(Section):
    """Section [train]."""

    seed: Seed = Field(0, ge=0, description="first seed: delays, trains, cues, device spread")
    seeds: Seeds = Field(3, ge=1, description="number of seeds, for the spread")
    epochs: Annotated[float, EPOCHS] = Field(10.0, gt=0, description="passes through the patterns")
    patterns: Annotated[
        Literal["dataset", "shapes", "random"], CliFlag("dataset, or drawn anew: shapes, random (pixels).")
    ] = Field("dataset", description="the data set's, nine shapes turned and shifted, or random pixels")
    count: Annotated[int, CliFlag("Number of patterns that are drawn.")] = Field(
        4, ge=2, le=64, description="number of patterns that are drawn"
    )
    draw: Annotated[int, CliFlag("Seed of their drawing.")] = Field(0, ge=0, description="seed of their drawing")
    cues: int = Field(2, ge=1, le=100, description="half cues of each pattern and kind (random, top, left)")
    controls: Annotated[bool, CliFlag("Also train without delays and as the paper does.")] = Field(
        True, description="whether the controls that need a training of their own are trained"
    )
    update: Annotated[Update, UPDATE] = Field("pulses", description="how changes become conductances")


class RecallConfig(BaseModel):
    """Configuration of `hil train recall`."""

    data: PatternData = PatternData()
    device: DeviceSettings = DeviceSettings(uri="sim:rram?alpha=0.05")
    network: AlphaNetworkSettings = AlphaNetworkSettings()
    train: RecallSettings = RecallSettings()


class RecallTraining(Seeded, Driver):
    """Remember patterns in recurrent memristive synapses, and complete halves of them.

    1024 memristive neurons of Zhou et al. (2022), one a pixel. After training, half of a pattern is shown: it is
    completed where the missing half fires at 30 % or more of the cued rate, and no other pattern at more than 5 %.
    Controls: no training, no delay in the recurrent synapses, the paper's inhibition (20 uA), and its whole setting.

    \b
    hil train recall
    hil train recall --device "sim:rram?alpha=0.004&c2c=20%&d2d=10%&read_noise=2%"
    hil train recall --patterns shapes --draw 7 --seeds 5           # a set of four that nobody has seen
    hil train recall --patterns random --count 8
    hil train recall --resume runs/recall-four32-001
    """

    kind = "train recall"
    config_model = RecallConfig

    def __init__(self, config: RecallConfig, dataset: Dataset, run: Run) -> None:
        """Take the patterns."""
        self.config, self.dataset, self.run = config, dataset, run
        self.names, self.patterns, self.width = self._drawn()
        dark = [self.names[k] for k in range(len(self.names)) if self.patterns[k].sum() < 2]
        if dark or len(self.patterns) < 2:
            raise InputError(
                f"'{dataset.name}': a memory needs at least two patterns of two lit pixels or more, and "
                + (f"{dark[0]} has fewer" if dark else f"it has {len(self.patterns)}")
            )
        self._loop = TrainingLoop(run, self._open, 1)

    def _drawn(self) -> tuple[list[str], NDArray[np.bool_], int]:
        train, data = self.config.train, self.dataset
        if train.patterns == "shapes":
            return (*drawn(train.count, train.draw), SIZE)
        if train.patterns == "random":
            return [f"pattern {k}" for k in range(train.count)], random_pixels(train.count, train.draw), SIZE
        lit = lit_patterns(data.train_images, data.train_labels, data.full_scale)
        return [data.class_names[label] for label in np.unique(data.train_labels)], lit, data.shape[1]

    @property
    def variants(self) -> dict[str, AlphaNetworkSettings]:
        """Settings of the network by the role of a stage."""
        mine = self.config.network
        found = {"untrained": mine, "trained": mine}
        if self.config.train.controls:
            found["no delay"] = mine.model_copy(update={"delay_min": 0.0, "delay_max": 0.0})
            found["paper's inhibition"] = mine.model_copy(update=PAPER_INHIBITION)
            found["paper's setting"] = mine.model_copy(update=PAPER_SETTING)
        return found

    def stages(self) -> list[Stage]:
        """For every seed: no training, training, and the controls; patterns in turn."""
        count = len(self.patterns)
        shown = presentations("train.epochs", self.config.train.epochs, count, 0, len(self.seeds) * len(self.variants))
        order = np.arange(shown) % count
        return [
            Stage(role, seed, True, order[:0] if role == "untrained" else order)
            for seed in self.seeds
            for role in self.variants
        ]

    def play(self) -> None:
        """Train every stage that is still to be trained."""
        self._loop.play(self.stages(), lambda *_: None, self._evaluate, how_to_continue(self.kind, self.run.path))

    def _open(self, seed: int) -> AlphaTrainee:
        pixels = self.patterns.shape[1]
        device = open_alpha(self.config.device.uri, pixels, pixels, seed)
        return AlphaTrainee(device, self.patterns.astype(float), self.variants, True, self.config.train.update, seed)

    def _evaluate(self, stage: Stage, trainee: AlphaTrainee) -> None:
        """Whole patterns, then half cues, one after the other without a reset."""
        network, number, cues = trainee.tested(stage), 0, []
        maps = np.zeros((len(self.patterns), self.patterns.shape[1]))
        for which, pattern in enumerate(self.patterns):
            maps[which] = trainee.answer(network, pattern.astype(float), number).counts
            number += 1
        halves = np.zeros((len(KINDS), *maps.shape))
        for k, kind in enumerate(KINDS):
            for which, pattern in enumerate(self.patterns):
                for turn in range(self.config.train.cues):
                    rng = np.random.default_rng([stage.seed, 8, k, which, turn])
                    shown = cue(pattern, kind, self.width, rng)
                    counts = trainee.answer(network, shown.astype(float), number).counts
                    number += 1
                    halves[k, which] = counts
                    cues.append(score(counts, self.patterns, which, shown).as_json())
        self._loop.outcomes[stage.key] = {"cues": cues, "shares": [shares(m, self.patterns).tolist() for m in maps],
                                          "outside": self._outside(maps)}  # fmt: skip
        self._loop.arrays[f"whole/{stage.key}"], self._loop.arrays[f"halves/{stage.key}"] = maps, halves
        if stage.seed == self.seeds[0] and stage.role == "trained":
            self._loop.arrays["weights"] = network.weights.astype(np.float32)

    def _outside(self, maps: NDArray[np.float64]) -> float:
        """Part of the spikes under whole patterns that lies outside of the pattern that is shown, in percent."""
        inside = sum(float(m[p].sum()) for m, p in zip(maps, self.patterns, strict=True))
        return 100 * (1 - inside / float(maps.sum())) if maps.any() else 0.0

    def measured(self, role: str, what: str) -> list[float]:
        """One number a seed: ``completed`` in percent of its cues, or the mean or worst of a score."""
        found = [self._loop.outcomes[stage_key(role, seed)] for seed in self.seeds]
        if what == "outside":
            return [float(outcome["outside"]) for outcome in found]
        values = [[float(each[what]) for each in outcome["cues"]] for outcome in found]
        if what == "completed":
            return [100 * float(np.mean(each)) for each in values]
        return [float(max(each)) if what == "other" else float(np.mean(each)) for each in values]

    def on_the_diagonal(self, role: str) -> list[float]:
        """One number a seed: patterns that more spikes lie on than on any other pattern when they are shown whole."""
        found = [np.array(self._loop.outcomes[stage_key(role, seed)]["shares"]) for seed in self.seeds]
        return [
            float((np.diag(shares) > 0).astype(int) @ (shares.argmax(axis=1) == np.arange(len(shares))))
            for shares in found
        ]

    def rows(self) -> list[Row]:
        """Completion beside its controls, the window, and what whole patterns do."""
        control = float(np.mean(self.measured("untrained", "completed")))
        cues = len(self._loop.outcomes[stage_key("trained", self.seeds[0])]["cues"])
        window, network = CompletionWindow.of(self.patterns, self.config.network), self.config.network
        rows = [
            repeated(
                "half cues completed", self.measured("trained", "completed"), "%", control=control, headline=True,
                note=f"{cues} cues a seed of {len(self.patterns)} patterns; seeds {self.seeds[0]} to {self.seeds[-1]}; "
                "control: untrained",
            )
        ]  # fmt: skip
        rows += [
            beside(repeated("half cues completed", self.measured(role, "completed"), "%"), "control", role)
            for role in self.variants
            if role != "trained"
        ]
        for what, name, note in (
            ("missing", "rate of the missing half", "of the cued half; 0.30 counts as completed"),
            ("other", "rate of the worst other pattern", "of the cued half, worst cue of a seed; 0.05 at most"),
        ):
            alone = float(np.mean(self.measured("untrained", what)))
            rows.append(
                repeated(name, self.measured("trained", what), control=alone, note=f"{note}; control: untrained")
            )
        outside = float(np.mean(self.measured("untrained", "outside")))
        rows += [
            repeated("spikes outside a whole pattern", self.measured("trained", "outside"), "%", control=outside),
            Row("inhibition over bound", network.inhibition / network.bound, note=str(window)),
        ]  # fmt: skip
        return rows

    def draw(self) -> list[Path]:
        """Draw what is remembered: patterns, whole recalls, half cues, and the heat map of Figure 6."""
        from hil.training.recall_figures import save_heat_map, save_recall

        drawn_to = [self.run.figure("recall.png"), self.run.figure("heatmap.png")]
        key = stage_key("trained", self.seeds[0])
        save_recall(
            self.names, self.patterns, self._loop.arrays[f"whole/{key}"], self._loop.arrays[f"halves/{key}"],
            self.width, drawn_to[0],
        )  # fmt: skip
        heat: dict[str, Any] = {
            role: np.array(self._loop.outcomes[stage_key(role, self.seeds[0])]["shares"]) for role in self.variants
        }
        save_heat_map(self.names, heat, drawn_to[1])
        return drawn_to
