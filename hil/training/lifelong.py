"""`hil train lifelong`: one layer learns one class after another, by the timing of its responses alone.

Section 4 and Figure 7 of Zivasatienraj & Doolittle (2023). The raw map of an honest pair is dominated by what all
images have in common; what the layer has learned shows against a reference layer, which sees the same images and always
gets the timing of "other" images. So the array has two columns: the layer, and its reference. A layer forgets within
about 1 / (Dn T) images, so the default device is a pair with a larger Dn than the one that classifies best.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BeforeValidator, Field

from hil.config import CliFlag, Section
from hil.data.datasets import Dataset
from hil.errors import InputError, nearest
from hil.needs import require_memory
from hil.runs.interrupt import how_to_continue
from hil.runs.results import Row, repeated
from hil.runs.run import Run
from hil.spiking.encoding import intensities
from hil.training.driver import Driver, Seeded
from hil.training.loop import Stage, Trainee, TrainingLoop, presentation_order, presentations, stage_key
from hil.training.protocol import Protocol, WaveformTrainee, protocol_bytes
from hil.training.readout import class_means
from hil.training.sanity import EQUAL, UNKNOWN, ControlledResult, DeviceFacts, Doubts, compare_cells, repeatability
from hil.training.settings import (
    LARGEST_SEED,
    DataSettings,
    DeviceSettings,
    Seed,
    Seeds,
    open_for,
    plain_name,
    split_names,
)

LAYER, REFERENCE = 0, 1


def _names(value: Any) -> Any:
    """Names from ``A,B`` or a list; a whole number is the name of a class as well."""
    if isinstance(value, str):
        return tuple(plain_name(part) for part in split_names(value) if part.strip())
    parts = list(value) if isinstance(value, list | tuple) else [value]
    return tuple(str(part) if type(part) is int else part for part in parts)


class LifelongSettings(Section):
    """Section [train]."""

    targets: Annotated[
        tuple[str, ...], BeforeValidator(_names), CliFlag("Classes to learn one after another.", metavar="A,B,...")
    ] = Field(("4", "7", "2"), min_length=1, description='class names, learned in this order; "a,b" in quotes')
    images: Annotated[int, CliFlag("Images per target.")] = Field(3000, ge=1, description="images presented per target")
    seed: Seed = Field(0, ge=0, le=LARGEST_SEED, description="first seed")
    seeds: Seeds = Field(3, ge=1, le=10_000, description="number of seeds")
    batch: int = Field(128, ge=1, description="images in one waveform")
    frames: int = Field(10, ge=1, description="frames per target in the animation")
    shuffled: bool = Field(False, description="responses by permuted labels: the control, which must learn nothing")


class LifelongConfig(Section):
    """Configuration of `hil train lifelong`."""

    data: DataSettings = Field(default_factory=DataSettings)
    device: DeviceSettings = DeviceSettings(uri="sim:flca-pair?preset=lifelong")
    train: LifelongSettings = Field(default_factory=LifelongSettings)
    protocol: Protocol = Field(default_factory=Protocol)


class LifelongTraining(Seeded, Driver):
    """Train one layer on one class after another and watch its weights morph.

    A reference layer beside it never gets the target's timing; the picture is the difference of the two.

    \b
    hil train lifelong --targets 4,7,2
    """

    kind = "train lifelong"
    config_model = LifelongConfig

    def __init__(self, config: LifelongConfig, dataset: Dataset, run: Run) -> None:
        """Find the targets among the classes."""
        self.config, self.dataset, self.run = config, dataset, run
        train = config.train
        count = presentations("train.images", train.images, len(train.targets), 2, train.seeds)
        together = min(train.batch, count)
        what = f"train.batch = {train.batch}: one waveform of {together:,} images"
        require_memory(what, protocol_bytes(together, dataset.inputs + 2))
        shown = np.unique(dataset.train_labels)
        if len(shown) < 2:
            raise InputError(f"'{dataset.name}' has training images of one class: a target needs others beside it")
        for name in config.train.targets:
            if name not in dataset.class_names:
                raise InputError(f"train.targets: '{dataset.name}' has no class '{name}' "
                                 f"{nearest(name, dataset.class_names)}")  # fmt: skip
            if dataset.class_names.index(name) not in shown:
                raise InputError(f"train.targets: '{dataset.name}' has no training image of '{name}'")
        pixels = intensities(dataset.train_images, dataset.full_scale)
        self._means = class_means(pixels, dataset.train_labels, range(dataset.classes))
        self._loop = TrainingLoop(run, self._open, config.train.batch)
        if not self._loop.planned:
            raise InputError(f"{run.path} holds a checkpoint of an earlier version of this driver: begin a new run")

    def stages(self) -> list[Stage]:
        """For every seed an untrained stage, then one per target; only the first target begins on a pristine device."""
        train, labels = self.config.train, self.dataset.train_labels
        stages = []
        for seed in self.seeds:
            if train.shuffled:
                labels = np.random.default_rng([seed, 3]).permutation(self.dataset.train_labels)
            order = presentation_order(len(labels), train.images * len(train.targets), seed)
            stages.append(Stage("untrained", seed, True, order[:0], np.zeros((0, 2), bool)))
            for k, name in enumerate(train.targets):
                shown = order[k * train.images : (k + 1) * train.images]
                hit = labels[shown] == self.dataset.class_names.index(name)
                is_target = np.stack([hit, np.zeros_like(hit)], axis=1)
                stages.append(Stage("target", seed, k == 0, shown, is_target, target=name, step=k))
        return stages

    def play(self) -> None:
        """Learn every target that is still to be learned."""
        resume = how_to_continue(self.kind, self.run.path)
        self._loop.play(self.stages(), self._frame, self._compare, resume)

    def found(self, step: int) -> list[dict[str, Any]]:
        """Correlations of the map after the target of this place in the list, one entry a seed."""
        return [self._loop.outcomes[stage_key("target", seed, step)] for seed in self.seeds]

    def rows(self) -> list[Row]:
        """How well the layer's map matches the mean image of each target, beside the best other class."""
        rows = []
        for k, name in enumerate(self.config.train.targets):
            found = self.found(k)
            hits = sum(f["best"] == name for f in found)
            raw = ", ".join(f["raw_best"] for f in found)
            rows.append(
                repeated(
                    "correlation with the target's mean image",
                    [f["own"] for f in found],
                    control=float(np.mean([f["other"] for f in found])),
                    note=f"layer minus reference; best match is the target in {hits} of {len(found)} seeds "
                    f"(control: best other class); the raw layer alone matches {raw}",
                    label=f"{k + 1}. target {name}: correlation with its mean image",
                    headline=True,
                ).under(target=name, place=k + 1)
            )
        return rows

    def judge(self, doubts: Doubts) -> None:
        """Mean images without contrast, cells that do not move, maps that match no target."""
        train, protocol, seeds = self.config.train, self.config.protocol, self.seeds
        flat = [n for n in train.targets if np.ptp(self._means[self.dataset.class_names.index(n)]) < EQUAL]
        if flat:
            listed = ", ".join(f"'{name}'" for name in flat)
            doubts.cause(
                f"the mean image of {listed} is the same in all pixels: no map can match it; take other targets"
            )
        device = DeviceFacts(**self._loop.outcomes.get("device", UNKNOWN))
        last = [self._loop.outcomes[stage_key("target", seed, len(train.targets) - 1)] for seed in seeds]
        doubts.cells(
            [found["cells"] for found in last],
            device.still(protocol.amplitude, protocol.width, "protocol.amplitude"),
            f"the device does not tell a delay of {protocol.target_delay:g} s from one of {protocol.other_delay:g} s; "
            f"its window: hil characterize stdp-window --device '{self.config.device.uri}'",
        )
        for k, name in enumerate(train.targets):
            found = [self._loop.outcomes[stage_key("target", seed, k)] for seed in seeds]
            match = f"correlation with the mean image of target '{name}'"
            both = [f["own"] for f in found], [f["other"] for f in found]
            hint = "show more images (--images), or take a device that changes faster"
            doubts.compare(ControlledResult(match, *both, "the best other class", unit=""), hint)

    def draw(self) -> list[Path]:
        """Draw the morphing map of the first seed as an animation and as a contact sheet."""
        from hil import plots

        kept = [(stage, done) for stage in self.stages() for done in self._loop.outcomes["frames"].get(stage.key, [])]
        frames, shape = np.array([self._loop.arrays[_frame_name(*frame)] for frame in kept]), self.dataset.shape
        labels = [f"{stage.target} @ {done:,}" for stage, done in kept]
        drawn = [self.run.figure("lifelong.png"), self.run.figure("lifelong.gif")]
        title = f"{self.config.device.uri}, '{self.dataset.name}': conductance of the layer minus its reference"
        plots.save_contact_sheet(frames, labels, shape, drawn[0], title)
        plots.save_animation(frames, shape, drawn[1])
        return drawn

    def _open(self, seed: int) -> WaveformTrainee:
        data = self.dataset
        device = open_for(self.config.device.uri, data, 2, seed, self.run.command_log)
        return WaveformTrainee(device, self.config.protocol, data.train_images, data.full_scale)

    def _frame(self, stage: Stage, trainee: Trainee, done: int) -> None:
        """Keep a frame whenever another of the stage's `frames` parts is done."""
        parts, total = self.config.train.frames, len(stage.order)
        before = done - min(self.config.train.batch, done)
        if stage.seed != self.seeds[0] or before * parts // total == done * parts // total:
            return
        self._loop.arrays[_frame_name(stage, done)] = self._difference(trainee.device.read())
        kept = self._loop.outcomes.setdefault("frames", {}).setdefault(stage.key, [])
        if done not in kept:  # a stage that had to begin anew comes here again
            kept.append(done)

    def _compare(self, stage: Stage, trainee: Trainee) -> None:
        g, names = trainee.device.read(), self.dataset.class_names
        if stage.role == "untrained":
            self._loop.arrays[f"g0/{stage.seed}"] = g
            self._loop.outcomes[stage.key] = {"repeat": repeatability(g, trainee.device.read())}
            self._loop.outcomes["device"] = asdict(DeviceFacts.of(trainee.device))
            return
        own = names.index(stage.target)
        match, raw = self._correlations(self._difference(g)), self._correlations(g[:, LAYER])
        self._loop.outcomes[stage.key] = {
            "own": float(match[own]),
            "other": float(np.nanmax(np.delete(match, own))),
            "best": names[int(np.nanargmax(match))],
            "raw_best": names[int(np.nanargmax(raw))],
            "cells": compare_cells(
                self._loop.arrays[f"g0/{stage.seed}"],
                g,
                self._loop.outcomes[stage_key("untrained", stage.seed)]["repeat"],
            ),
        }

    @staticmethod
    def _difference(g: NDArray[np.float64]) -> NDArray[np.float64]:
        return g[:, LAYER] - g[:, REFERENCE]

    def _correlations(self, image: NDArray[np.float64]) -> NDArray[np.float64]:
        """Pearson correlation of a map with the mean image of every class, over the pixels that have a reading.

        0 for a map or a mean image without contrast, NaN for a class without any training image.
        """
        known = np.isfinite(image)
        means, centred = self._means[:, known], image[known]
        means = means - means.sum(axis=1, keepdims=True) / max(1, known.sum())
        centred = centred - centred.sum() / max(1, known.sum())
        norm = np.sqrt((centred**2).sum() * (means**2).sum(axis=1))
        # what is left of equal pixels after subtracting their mean is rounding
        contrast = (np.ptp(self._means, axis=1) > EQUAL) & (norm > 0)
        told = np.divide(means @ centred, norm, out=np.zeros(len(means)), where=contrast)
        return np.where(np.isnan(self._means[:, 0]), np.nan, told)


def _frame_name(stage: Stage, done: int) -> str:
    """Name of the array with the frame of a stage after `done` images."""
    return f"frame/{stage.key}/{done}"
