"""Classes of images on paired inputs: one column a class (or a group of classes) responds to its own images.

The response adds to what the pairs pass. On weights that begin at the flux where an input alone holds them, nothing but
a coincidence of two lit pixels and a response moves a weight, so a column averages the pairs of its own images and of
no other. Devices that take a `phi0` are opened there unless their address says otherwise.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hil.backends import open_device
from hil.data.datasets import Dataset
from hil.errors import InputError
from hil.pill.pairs import PairedCore
from hil.pill.protocol import pair_count, pair_indices
from hil.runs.devices import SOLE
from hil.runs.results import Row, beside, repeated
from hil.runs.run import Run
from hil.spiking.encoding import intensities
from hil.synapses.synapse import driven
from hil.training.driver import Seeded
from hil.training.energy import energy_rows
from hil.training.loop import Stage, TrainingLoop, labelled_stages, presentations, stage_key
from hil.training.pair_template import pair_template
from hil.training.pill_readout import READOUTS, PairReadout
from hil.training.pill_settings import PairedTrainee, PillConfig, columns_of, flipped, still_cells
from hil.training.readout import class_means, nearest_class_mean, winners
from hil.training.sanity import UNKNOWN, ControlledResult, DeviceFacts, Doubts, compare_cells, repeatability
from hil.training.settings import split

HELD = 1.0
"""Flux that 1 V holds (A / D of eq 4) in s, as of ``sim:flca?preset=pill`` and `sim:pill`."""

CURVE_IMAGES = 1000
"""Held-out images that a point of the learning curve is measured on."""

ENERGY_IMAGES = 20
"""Images that energies are averaged over."""

SIGNS = {"highest": 1.0, "lowest": -1.0}
"""Whether the column with the highest or the lowest score recognises the image."""

Scores = dict[str, dict[str, float]]
"""Accuracy in % by readout and sign."""


class ClassesTask(Seeded):
    """One run on images with classes."""

    def __init__(self, config: PillConfig, dataset: Dataset, run: Run) -> None:
        """Check that the configuration makes sense for the data."""
        self.config, self.dataset, self.run = config, dataset, run
        self.columns = columns_of(config.train.columns, dataset)
        if round(config.data.holdout * len(dataset.train_images)) < 1:
            raise InputError(
                f"data.holdout = {config.data.holdout:g} leaves no image to select on: hold some of "
                f"{len(dataset.train_images)} out"
            )
        column_of = np.full(dataset.classes, -1)
        for column, members in enumerate(self.columns):
            column_of[members] = column
        self._train_columns, self._test_columns = column_of[dataset.train_labels], column_of[dataset.test_labels]
        for labels, part in ((self._train_columns, "training"), (self._test_columns, "test")):
            if not (labels >= 0).any():
                raise InputError(
                    f"train.columns = {config.train.columns!r}: no {part} image shows any of these classes"
                )
        self._shown(len(dataset.train_images))
        self._loop = TrainingLoop(run, self._open, config.train.batch)

    def stages(self) -> list[Stage]:
        """For every seed: untrained (no images at all), trained, and shuffled labels."""
        stages = []
        for seed in self.seeds:
            kept, _ = split(self.dataset, self.config.data.holdout, seed)
            shown, labels = self._shown(len(kept)), self._train_columns
            stages += labelled_stages(seed, kept, shown, labels, len(self.columns), self.config.train.controls)
        return stages

    def play(self, how_to_resume: str) -> None:
        """Train every stage that is still to be trained."""
        self._loop.play(self.stages(), self._curve_point, self._evaluate, how_to_resume)

    def accuracies(self, role: str, images: str, readout: str, sign: str) -> list[float]:
        """Accuracy in % of every seed: role `trained`, ...; images `test`, `corrupted` or `holdout`."""
        return [self._loop.outcomes[stage_key(role, seed)][images][readout][sign] for seed in self.seeds]

    def selected(self) -> tuple[str, str]:
        """Readout and sign that are reported: the best on the held-out training images over all seeds."""
        asked = self.config.train.readout
        readouts = READOUTS if asked == "select" else (asked,)
        choices = [(name, sign) for name in readouts for sign in SIGNS]
        return max(choices, key=lambda c: sum(self.accuracies("trained", "holdout", *c)))

    def rows(self) -> list[Row]:
        """Report accuracies beside their controls, then energies."""
        images, train = self.config.data.evaluate, self.config.train
        readout, sign = self.selected()
        how = "best on held-out images" if train.readout == "select" else "named in the configuration"
        shown = self._shown(len(split(self.dataset, self.config.data.holdout, self.seeds[0])[0]))
        note = f"readout '{readout}', {sign}, {how}; {shown:,} presentations; seeds {self.seeds[0]}..{self.seeds[-1]}"
        if train.flipped:
            note += f"; {train.flipped:.0%} of the pixels inverted while training"
        rows = [self._row(f"{images} accuracy", "trained", images, readout, sign, note)]
        if train.flipped_test:
            note = f"{train.flipped_test:.0%} of the pixels of these images inverted"
            told = self._row("accuracy on corrupted images", "trained", "corrupted", readout, sign, note)
            rows.append(replace(told, label=f"{images} accuracy, corrupted images"))
        for name in READOUTS:
            chosen = {sign: sum(self.accuracies("trained", "holdout", name, sign)) for sign in SIGNS}
            best = max(SIGNS, key=chosen.__getitem__)
            held = np.mean(self.accuracies("trained", "holdout", name, best))
            told = self._row("accuracy by readout", "trained", images, name, best, f"{best}; held-out {held:.2f} %")
            rows.append(beside(told, "readout", name))
        told = self._row("control accuracy", "untrained", images, readout, sign, "pristine device")
        rows.append(beside(told, "control", "untrained"))
        if train.controls:
            told = self._row("control accuracy", "shuffled", images, readout, sign, "same training")
            rows.append(beside(told, "control", "shuffled labels"))
        return [*rows, *self._baseline_rows(), *self._energy_rows()]

    def judge(self, doubts: Doubts) -> None:
        """Cells that do not move, columns that end alike, accuracy beside its controls."""
        images, (readout, sign), seed = self.config.data.evaluate, self.selected(), self.seeds[0]
        outcomes = [self._loop.outcomes[stage_key("trained", s)] for s in self.seeds]
        device, protocol = DeviceFacts(**self._loop.outcomes.get("device", UNKNOWN)), self.config.protocol
        apart = "the response changes nothing: raise protocol.response"
        if protocol.timing == "after":
            apart = f"the device does not see the delay of the response, {protocol.delay:g} s: it has no timing window"
        doubts.cells([o.get("cells") for o in outcomes], still_cells(protocol, device), apart)
        kept, held = split(self.dataset, self.config.data.holdout, seed)
        labels = self._test_columns if images == "test" else self._train_columns[held]
        labels, names = labels[labels >= 0], self._column_names()
        doubts.classes(names, self._train_columns[kept], labels)
        told = [o["answered"][readout][sign] if "answered" in o else None for o in outcomes]
        doubts.answers(told, names, f"{len(labels):,} images")
        role, words = ("shuffled", "shuffled labels") if self.config.train.controls else ("untrained", "untrained")
        mine, control = (self.accuracies(r, images, readout, sign) for r in ("trained", role))
        hint = "show more images (--epochs), or raise protocol.response"
        doubts.accuracy(ControlledResult(f"{images} accuracy", mine, control, words, images=len(labels)), labels, hint)

    def _column_names(self) -> list[str]:
        return ["+".join(self.dataset.class_names[c] for c in members) for members in self.columns]

    def draw(self) -> list[Path]:
        """Draw maps of the weights, seen from the pixels, and the learning curve."""
        from hil import plots

        data, drawn = self.dataset, [self.run.figure("maps.png")]
        pixels = self._pixels(data.train_images)
        means = class_means(pixels, self._train_columns, range(len(self.columns)))
        title = f"{self.config.device.uri}, '{data.name}', seed {self.seeds[0]}: mean conductance of a pixel's pairs"
        maps = self._loop.arrays[f"g/{stage_key('trained', self.seeds[0])}"]
        plots.save_maps(maps, means, data.shape, self._column_names(), drawn[0], title)
        metrics = self.run.metrics()
        if metrics:
            readout, sign = self.selected()
            levels = {"chance": 100 / len(self.columns)}
            if self.config.train.controls:
                levels["shuffled labels"] = float(np.mean(self.accuracies("shuffled", "holdout", readout, sign)))
            drawn.append(self.run.figure("learning.png"))
            series = {
                f"seed {s}": [(m["images"], m["accuracy"][readout][sign]) for m in metrics if m["seed"] == s]
                for s in self.seeds
            }
            plots.save_curves(series, levels, drawn[-1], f"held-out images, readout '{readout}', {sign}")
        return drawn

    def _open(self, seed: int) -> PairedTrainee:
        data, protocol, columns = self.dataset, self.config.protocol, len(self.columns)
        phi0 = protocol.amplitude * HELD
        defaults = {"rows": pair_count(data.inputs), "cols": columns, "seed": seed, "phi0": phi0}
        defaults["log"] = str(self.run.command_log)
        device = open_device(self.config.device.uri, defaults=defaults)
        protocols = dict.fromkeys(("untrained", "trained", "shuffled"), protocol)
        flips = self.config.train.flipped
        return PairedTrainee(device, protocols, data.train_images, data.full_scale, columns, flips)

    def _shown(self, kept: int) -> int:
        train = self.config.train
        stages = train.seeds * (2 if train.controls else 1)
        return presentations("train.epochs", train.epochs, kept, len(self.columns), stages)

    def _pixels(self, images: NDArray[np.uint8]) -> NDArray[np.float64]:
        return intensities(images, self.dataset.full_scale)

    def _curve_point(self, stage: Stage, trainee: PairedTrainee, done: int) -> None:
        points, total = self.config.train.curve, len(stage.order)
        if points == 0 or stage.role != "trained":
            return
        before = done - min(self.config.train.batch, done)
        if before * points // total == done * points // total:
            return
        kept, held = split(self.dataset, self.config.data.holdout, stage.seed)
        readout = self._readout(stage, trainee.core(stage), kept[: min(CURVE_IMAGES, self.config.train.calibration)])
        scores = self._score(readout, self._held_out(held[:CURVE_IMAGES]), stage.seed)
        self.run.metric(seed=stage.seed, images=done, accuracy=scores)

    def _evaluate(self, stage: Stage, trainee: PairedTrainee) -> None:
        kept, held = split(self.dataset, self.config.data.holdout, stage.seed)
        core, data, outcome = trainee.core(stage), self.dataset, {}
        if stage.role == "untrained":
            self._loop.arrays[f"g0/{stage.seed}"] = core.conductances().mean(axis=0)
        readout = self._readout(stage, core, kept[: self.config.train.calibration])
        outcome["holdout"] = self._score(readout, self._held_out(held), stage.seed)
        judged = self._held_out(held)
        if self.config.data.evaluate == "test":
            judged = (self._pixels(data.test_images), self._test_columns)
            outcome["test"] = self._score(readout, judged, stage.seed)
        fraction = self.config.train.flipped_test
        if fraction:
            # numbers that no training image has, the same for every stage
            numbers = self._shown(len(kept)) + np.arange(len(judged[0]))
            noisy = flipped(judged[0], fraction, stage.seed, numbers)
            outcome["corrupted"] = self._score(readout, (noisy, judged[1]), stage.seed)
        self._loop.outcomes[stage.key] = outcome
        self._keep_evidence(stage, readout, trainee, judged)
        if stage.role == "trained" and stage.seed == self.seeds[0]:
            self._loop.arrays[f"g/{stage.key}"] = seen_from_pixels(core.conductances(), core.inputs)
            self._loop.outcomes["energy"] = self._energies(core, stage)

    def _keep_evidence(
        self,
        stage: Stage,
        readout: PairReadout,
        trainee: PairedTrainee,
        judged: tuple[NDArray[np.float64], NDArray[np.int64]],
    ) -> None:
        """Keep what `judge` needs: cells before and after, answers, the device."""
        outcome, g = self._loop.outcomes[stage.key], readout.conductance
        if stage.role == "untrained":
            outcome["repeat"] = repeatability(g, trainee.core(stage).conductances())
        elif stage.role == "trained":
            mean, repeat = self._loop.arrays[f"g0/{stage.seed}"], self._loop.outcomes[
                stage_key("untrained", stage.seed)].get("repeat", 0.0)  # fmt: skip
            # All pristine conductances would weigh more than the rest of a checkpoint; their means per column do not.
            found = compare_cells(np.broadcast_to(mean, g.shape), g, repeat)
            same = np.abs(g.mean(axis=0) - mean) <= 1e-9 * mean + repeat / np.sqrt(len(g))
            outcome["cells"] = found | {"moved": 0.0} if same.all() else found
            known = judged[0][judged[1] >= 0]
            scores = readout.scores(known)
            outcome["answered"] = {
                name: {
                    sign: np.unique(winners(factor * s, np.random.default_rng([stage.seed, 4]))).tolist()
                    for sign, factor in SIGNS.items()
                }
                for name, s in scores.items()
            }
            self._loop.outcomes["device"] = asdict(DeviceFacts.of(trainee.device))

    def _held_out(self, chosen: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        return self._pixels(self.dataset.train_images[chosen]), self._train_columns[chosen]

    def _readout(self, stage: Stage, core: PairedCore, chosen: NDArray[np.int64]) -> PairReadout:
        return PairReadout(core, self._loop.arrays[f"g0/{stage.seed}"], self._pixels(self.dataset.train_images[chosen]))

    @staticmethod
    def _score(readout: PairReadout, judged: tuple[NDArray[np.float64], NDArray[np.int64]], seed: int) -> Scores:
        pixels, columns = judged[0][judged[1] >= 0], judged[1][judged[1] >= 0]
        return {
            name: {
                sign: float((winners(factor * s, np.random.default_rng([seed, 4])) == columns).mean() * 100)
                for sign, factor in SIGNS.items()
            }
            for name, s in readout.scores(pixels).items()
        }

    def _row(self, name: str, stage: str, images: str, readout: str, sign: str, note: str) -> Row:
        control = None
        if stage == "trained" and self.config.train.controls:
            control = float(np.mean(self.accuracies("shuffled", images, readout, sign)))
        return repeated(name, self.accuracies(stage, images, readout, sign), "%", control=control, note=note)

    def _baseline_rows(self) -> list[Row]:
        clean = "no device: exact means of the same images"
        return [
            self._baseline("nearest class mean", nearest_class_mean, clean),
            self._baseline("pair template", pair_template, f"{clean}, all pairs, zero-mean, unit norm"),
        ]

    def _baseline(self, name: str, classify: Callable[..., NDArray[np.int64]], note: str) -> Row:
        data, values, columns = self.dataset, [], list(range(len(self.columns)))
        note += ", clean" if self.config.train.flipped else ""
        for seed in self.seeds:
            kept, held = split(data, self.config.data.holdout, seed)
            judged, truth = self._held_out(held)
            if self.config.data.evaluate == "test":
                judged, truth = self._pixels(data.test_images), self._test_columns
            train = self._pixels(data.train_images[kept])
            guess = classify(train, self._train_columns[kept], judged[truth >= 0], columns)
            values.append(float((guess == truth[truth >= 0]).mean() * 100))
        return beside(repeated("baseline accuracy", values, "%", note=note), "baseline", name)

    def _energies(self, core: PairedCore, stage: Stage) -> dict[str, float]:
        """Mean energies of an image in the weights of all columns, J."""
        shown = stage.order[:ENERGY_IMAGES]
        pixels, protocol = self._pixels(self.dataset.train_images[shown]), core.protocol
        array, responses = driven(core.device, stage.targets[: len(shown)])
        g, trained, read = array.read(), 0.0, 0.0
        for image, response in zip(pixels, responses, strict=True):
            quiet = np.square(protocol.across(image[None])[0]) @ g
            alone = np.square(protocol.across(0.0 * image[None], -protocol.response_voltage)[0]) @ g
            both = np.square(protocol.across(image[None], -protocol.response_voltage)[0]) @ g
            responding = quiet + alone if protocol.timing == "after" else both
            trained += protocol.width * np.where(response, responding, quiet).sum()
            read += core.device.read_width * (core.read_voltage / protocol.amplitude) ** 2 * quiet.sum()
        return {"train": float(trained / len(shown)), "read": float(read / len(shown)), "v_read": core.read_voltage}

    def _energy_rows(self) -> list[Row]:
        energy = self._loop.outcomes.get("energy")
        if energy is None:
            return []
        where = f"in the weights of all {len(self.columns)} columns as they are at the end; their pairs not counted"
        read = f"{energy['v_read']:g} V a lit pixel, {where}"
        return [
            *energy_rows("energy to show an image", {SOLE: energy["train"]}, where),
            *energy_rows("energy to read an image", {SOLE: energy["read"]}, read),
        ]


def seen_from_pixels(g: NDArray[np.float64], inputs: int) -> NDArray[np.float64]:
    """Mean conductance of all pairs that a pixel is part of, (inputs, cols), of (pairs, cols)."""
    first, second = pair_indices(inputs)
    sums = [np.bincount(first, c, inputs) + np.bincount(second, c, inputs) for c in g.T]
    return np.array(sums).T / (inputs - 1)
