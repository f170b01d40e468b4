"""`hil train wta`: unsupervised winner-take-all learning from spikes by STDP (Brivio et al. 2021).

Every neuron is a column. Digits are shown as spikes; whoever fires first inhibits the others and programs its column by
the STDP rule. Nobody tells it the class: after training, each neuron gets the class of training digits that it answers
most, and a digit is classified by its most active neuron.
"""

from __future__ import annotations

import re
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hil.backends import address_parameters, open_device
from hil.data.datasets import Dataset
from hil.errors import InputError
from hil.needs import require_memory
from hil.runs.interrupt import how_to_continue
from hil.runs.results import Row, beside, repeated
from hil.runs.run import Run
from hil.spiking.encoding import intensities
from hil.training.driver import Driver, Seeded
from hil.training.learned import of_spiking_layer
from hil.training.loop import Stage, TrainingLoop, presentation_order, presentations, stage_key
from hil.training.readout import nearest_class_mean
from hil.training.sanity import UNKNOWN, ControlledResult, DeviceFacts, Doubts, compare_cells, repeatability
from hil.training.settings import split
from hil.training.wta_measures import efficiency, weight_contrast
from hil.training.wta_readout import DECIDES, KINDS, Kind, NeuronAnswers, tallied
from hil.training.wta_settings import WtaConfig
from hil.training.wta_trainee import SpikingTrainee

ENOUGH = 30_000
"""Presentations that a small data set is repeated for, unless told otherwise."""

PRISTINE_WEIGHT = 0.8
"""Weight before training, as in the paper, unless the device's address says otherwise."""

AT_ONCE = 10_000
"""Labelling digits whose spikes are held in memory together."""

ROLES = ("untrained", "trained")

_LABELLING, _TESTING = 10**8, 2 * 10**8


class WtaTraining(Seeded, Driver):
    """Learn without labels: spikes in, the winning neuron's cells follow its inputs.

    Each neuron is a column. After training it gets the class that it answers most, and a digit is classified by its
    most active neuron.

    \b
    hil train wta                                      # bundled digits
    hil train wta --dataset mnist --data-dir DIR --device "sim:rram?alpha=0.002" --neurons 500
    """

    kind = "train wta"
    config_model = WtaConfig

    def __init__(self, config: WtaConfig, dataset: Dataset, run: Run) -> None:
        """Check that the configuration makes sense for the data."""
        self.config, self.dataset, self.run = config, dataset, run
        if config.data.evaluate == "holdout" and round(config.data.holdout * len(dataset.train_images)) < 1:
            raise InputError(f"data.holdout = {config.data.holdout:g} leaves no image to evaluate on: hold some out")
        total = int(dataset.train_images.sum(dtype=np.int64))
        self._mean_intensity = total / (dataset.full_scale * len(dataset.train_images))
        self._require_room()
        self._loop = TrainingLoop(run, self._open, config.train.batch)

    def stages(self) -> list[Stage]:
        """For every seed: untrained, then trained."""
        stages = []
        for seed in self.seeds:
            kept, _ = split(self.dataset, self.config.data.holdout, seed)
            order = kept[presentation_order(len(kept), self._shown(len(kept)), seed)]
            stages += [Stage("untrained", seed, True, order[:0]), Stage("trained", seed, True, order)]
        return stages

    def _shown(self, kept: int) -> int:
        train = self.config.train
        return presentations("train.epochs", train.epochs or max(1, round(ENOUGH / kept)), kept, 0, train.seeds)

    def _require_room(self) -> None:
        """Refuse what would not fit into memory: weights, spikes of the images that are shown at once, their counts."""
        train, code, data = self.config.train, self.config.code, self.dataset
        self._shown(len(data.train_images))
        neurons = f"train.neurons = {train.neurons}"
        require_memory(f"{neurons}: {data.inputs * train.neurons:,} weights", 24.0 * data.inputs * train.neurons)
        shown = (train.batch, min(train.labelling, AT_ONCE))
        together = max(len(data.test_images), *(min(n, len(data.train_images)) for n in shown))
        require_memory(f"{neurons}: the spikes of {together:,} images, counted", 8.0 * together * train.neurons)
        bright = self._mean_intensity / data.inputs
        rate = min(code.f_min * (1 - bright) + code.f_max * bright, 1 / code.shortest)
        spikes = together * data.inputs * max(1.0, code.duration * rate)
        require_memory(f"code.duration = {code.duration:g}: {spikes:,.3g} spikes of {together:,} images", 24 * spikes)

    def play(self) -> None:
        """Train every seed that is still to be trained."""
        resume = how_to_continue(self.kind, self.run.path)
        self._loop.play(self.stages(), self._curve_point, self._evaluate, resume)

    def rows(self) -> list[Row]:
        """Accuracy beside its controls, then what the paper measures of a training."""
        images, train = self.config.data.evaluate, self.config.train
        n = train.neurons
        outcomes = [self._loop.outcomes[stage_key("trained", seed)] for seed in self.seeds]
        pristine = [self._loop.outcomes[stage_key("untrained", seed)]["accuracy"] for seed in self.seeds]
        shuffled = [o["shuffled"] for o in outcomes]
        shown = len(self.stages()[1].order)
        rows = [
            repeated(
                f"{images} accuracy", [o["accuracy"] for o in outcomes], "%", control=float(np.mean(pristine)),
                note=f"{n} neurons, {DECIDES[train.readout]}; {shown:,} presentations without labels; seeds "
                f"{self.seeds[0]} to {self.seeds[-1]}; control: untrained",
            ),
            *(
                beside(repeated("accuracy by readout", values, "%", note=DECIDES[kind]), "readout", kind)
                for kind in KINDS if kind != train.readout
                if (values := [o["by"][kind] for o in outcomes if "by" in o])
            ),
            beside(
                repeated("control accuracy", pristine, "%", note="same weights everywhere, same labelling"),
                "control", "untrained",
            ),
            beside(
                repeated("control accuracy", shuffled, "%", note="trained; permuted labels for the neurons"),
                "control", "shuffled labels",
            ),
            beside(
                repeated("baseline accuracy", self._baseline(), "%", note="no device"),
                "baseline", "nearest class mean",
            ),
            repeated("weight contrast", [o["contrast"] for o in outcomes], note="distance of the two k-means centres"),
            repeated("output spikes per digit", [o["spikes"] for o in outcomes]),
            repeated("digits without any output spike", [o["silent"] for o in outcomes], "%"),
        ]  # fmt: skip
        return rows + self._reference_rows(outcomes) + self._duration_rows()

    def judge(self, doubts: Doubts) -> None:
        """Neurons that do not fire, cells that do not move, accuracy beside its controls."""
        data, images = self.dataset, self.config.data.evaluate
        pristine, outcomes = ([self._loop.outcomes[stage_key(r, s)] for s in self.seeds] for r in ROLES)
        cells = [outcome.get("cells") for outcome in outcomes]
        silent = float(np.mean([outcome["silent"] for outcome in outcomes])) / 100
        busy = float(np.mean([outcome.get("busy", 0.0) for outcome in outcomes]))
        starts = [found["start"] for found in cells if found is not None]
        loud = "raise neuron.threshold or neuron.inhibition; a class is told only by who fires more"
        doubts.firing(silent, busy, self._mute(starts), loud)
        device = DeviceFacts(**self._loop.outcomes.get("device", UNKNOWN))
        still = (
            f"the rule's pulses do not change the cells of {device.name}: its steps are too small (alpha), its cells "
            "are stuck, or the rule asks for no pulse"
        )
        doubts.cells(cells if silent < 1 else [], still)
        labels = self.config.data.evaluation(self.dataset, self.seeds[0])[1]
        doubts.classes(
            data.class_names, data.train_labels[split(data, self.config.data.holdout, self.seeds[0])[0]], labels
        )
        doubts.answers([outcome.get("answered") for outcome in outcomes], data.class_names, f"{len(labels):,} images")
        hint = "show more images (--epochs), or take finer steps of the device"
        mine = [outcome["accuracy"] for outcome in outcomes]
        for name, control in (("untrained", [p["accuracy"] for p in pristine]),
                              ("shuffled labels", [o["shuffled"] for o in outcomes])):  # fmt: skip
            doubts.accuracy(
                ControlledResult(f"{images} accuracy", mine, control, name, images=len(labels)), labels, hint
            )

    def _mute(self, starts: list[float]) -> str:
        """Why no neuron may fire."""
        uri, threshold = self.config.device.uri, self.config.neuron.lif(self._mean_intensity, 0).threshold
        start = float(np.mean(starts)) if starts else PRISTINE_WEIGHT
        if start < 0.75 * PRISTINE_WEIGHT:
            lower = f"neuron.threshold (to {threshold * max(start, 0.01) / PRISTINE_WEIGHT:.2g} in proportion)"
            meant = f"the threshold of {threshold:.3g} full weights is meant for {PRISTINE_WEIGHT}"
            if "w0" not in type(address_parameters(uri)).model_fields:
                return (
                    f"the cells begin at a weight of {start:.2g}, and {meant}: let them begin higher, or lower {lower}"
                )
            told = re.sub(r"\bw0=[^&]*", f"w0={PRISTINE_WEIGHT}", uri)
            if told == uri:
                told += f"{'&' if '?' in uri else '?'}w0={PRISTINE_WEIGHT}"
            return (
                f"the cells begin at a weight of {start:.2g} (w0 of the device or its preset), and {meant}: give "
                f"--device '{told}', or lower {lower}"
            )
        return f"the threshold of {threshold:.3g} full weights is not reached: lower neuron.threshold"

    def draw(self) -> list[Path]:
        """Draw receptive fields and the learning curve."""
        from hil import plots

        drawn = [self.run.figure("fields.png")]
        weights = self._loop.arrays[f"w/{stage_key('trained', self.seeds[0])}"]
        title = f"{self.config.device.uri}, '{self.dataset.name}': weights of the first neurons"
        plots.save_fields(weights[:, :100], self.dataset.shape, drawn[0], title)
        metrics = self.run.metrics()
        if metrics:
            drawn.append(self.run.figure("learning.png"))
            series = {
                f"seed {s}": [(m["images"], m["accuracy"]) for m in metrics if m["seed"] == s] for s in self.seeds
            }
            levels = {"chance": 100 / self.dataset.classes}
            plots.save_curves(series, levels, drawn[-1], f"{self.config.data.evaluate} digits, most active neuron")
        return drawn

    def measured(self, seed: int, trained: bool = True) -> dict[str, Any]:
        """What was found about the array of a seed, before or after training: accuracy, shuffled, contrast, ..."""
        return self._loop.outcomes[stage_key("trained" if trained else "untrained", seed)]

    def weights(self) -> NDArray[np.float32]:
        """(rows, neurons) weights of the first seed at the end."""
        return self._loop.arrays[f"w/{stage_key('trained', self.seeds[0])}"]

    def _open(self, seed: int) -> SpikingTrainee:
        config, data = self.config, self.dataset
        columns = config.train.neurons + (config.neuron.reference == "column")
        defaults = {"rows": data.inputs, "cols": columns, "seed": seed, "w0": PRISTINE_WEIGHT}
        defaults["log"] = str(self.run.command_log)
        device = open_device(config.device.uri, defaults=defaults)
        lif, rule = config.neuron.lif(self._mean_intensity, seed), config.stdp.learning_rule(seed)
        return SpikingTrainee(device, lif, rule, config.code, data, seed)

    def _curve_digits(self, seed: int) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        """Held-out training digits if there are any, so that nothing is read off the test set; else as evaluated."""
        held = split(self.dataset, self.config.data.holdout, seed)[1]
        if not len(held):
            return self.config.data.evaluation(self.dataset, seed)
        return self.dataset.train_images[held], self.dataset.train_labels[held]

    def _labelled(self, trainee: SpikingTrainee, seed: int, count: int) -> list[NeuronAnswers]:
        """What neurons answered to training digits, with true and with permuted labels."""
        kept = split(self.dataset, self.config.data.holdout, seed)[0][:count]
        labels = self.dataset.train_labels[kept]
        permuted = np.random.default_rng([seed, 3]).permutation(labels)

        def respond(here: slice) -> NDArray[np.int64]:
            return trainee.responses(self.dataset.train_images[kept[here]], _LABELLING + here.start)

        return tallied(respond, (labels, permuted), self.dataset.classes, AT_ONCE)

    def _guess(self, readout: NeuronAnswers, counts: NDArray[np.int64], seed: int, kind: Kind) -> NDArray[np.int64]:
        """Class of every digit; chance decides ties, and everything where no neuron has answered."""
        return readout.guess(kind, counts, np.random.default_rng([seed, 4]))

    def _curve_point(self, stage: Stage, trainee: SpikingTrainee, done: int) -> None:
        points, total = self.config.train.curve, len(stage.order)
        before = max(0, done - self.config.train.batch)
        if points == 0 or before * points // total == done * points // total:
            return
        images, labels = self._curve_digits(stage.seed)
        images, labels = images[: self.config.train.curve_images], labels[: self.config.train.curve_images]
        count = min(self.config.train.curve_labelling, self.config.train.labelling)
        readout, _ = self._labelled(trainee, stage.seed, count)
        guess = self._guess(readout, trainee.responses(images, _TESTING), stage.seed, self.config.train.readout)
        contrast = weight_contrast(trainee.core.weights())
        self.run.metric(seed=stage.seed, images=done, accuracy=float((guess == labels).mean() * 100), contrast=contrast)

    def _evaluate(self, stage: Stage, trainee: SpikingTrainee) -> None:
        images, labels = self.config.data.evaluation(self.dataset, stage.seed)
        readout, permuted = self._labelled(trainee, stage.seed, self.config.train.labelling)
        counts, kind = trainee.responses(images, _TESTING), self.config.train.readout
        guesses = {each: self._guess(readout, counts, stage.seed, each) for each in KINDS}
        weights = trainee.core.weights()
        trainee.core.flush()
        self._loop.outcomes[stage.key] = {
            "accuracy": float((guesses[kind] == labels).mean() * 100),
            "by": {each: float((guess == labels).mean() * 100) for each, guess in guesses.items()},
            "shuffled": float((self._guess(permuted, counts, stage.seed, kind) == labels).mean() * 100),
            "contrast": weight_contrast(weights),
            "spikes": float(counts.sum(axis=1).mean()),
            "silent": float((counts.sum(axis=1) == 0).mean() * 100),
        }
        if trainee.core.reference is not None:
            self._loop.outcomes[stage.key]["reference"] = asdict(trainee.core.reference)
        if stage.role == "trained":
            core, programming = trainee.core, trainee.device.programming
            kept = of_spiking_layer(weights, core.theta, programming, readout.labels, readout.shares)
            self._loop.arrays.update({f"{name}/{stage.key}": array for name, array in kept.items()})
        self._keep_evidence(stage, trainee, weights, counts, guesses[kind])

    def _keep_evidence(
        self,
        stage: Stage,
        trainee: SpikingTrainee,
        weights: NDArray[np.float64],
        counts: NDArray[np.int64],
        guess: NDArray[np.int64],
    ) -> None:
        """Keep what `judge` needs: weights before and after, spikes, answers, the device."""
        outcome, pristine = self._loop.outcomes[stage.key], f"w0/{stage.seed}"
        if stage.role == "untrained":
            self._loop.arrays[pristine] = weights
            outcome["repeat"] = repeatability(weights, trainee.core.weights())
            return
        before = self._loop.arrays.pop(pristine, None)
        if before is not None:  # a checkpoint of an earlier version has none
            repeat = self._loop.outcomes[stage_key("untrained", stage.seed)].get("repeat", 0.0)
            outcome["cells"] = compare_cells(before, weights, repeat)
        outcome["busy"] = float((counts > 0).mean())
        outcome["answered"] = np.unique(guess).tolist()
        self._loop.outcomes["device"] = asdict(DeviceFacts.of(trainee.device))

    def _baseline(self) -> list[float]:
        data, values = self.dataset, []
        for seed in self.seeds:
            kept = split(data, self.config.data.holdout, seed)[0]
            images, labels = self.config.data.evaluation(self.dataset, seed)
            train, test = (intensities(x, data.full_scale) for x in (data.train_images[kept], images))
            guess = nearest_class_mean(train, data.train_labels[kept], test, range(data.classes))
            values.append(float((guess == labels).mean() * 100))
        return values

    def _reference_rows(self, outcomes: list[dict[str, Any]]) -> list[Row]:
        """What the reference column cost."""
        costs = [o["reference"] for o in outcomes if "reference" in o]
        if not costs:
            return []
        cells, share = costs[0]["cells"], 100 / self.config.train.neurons
        residue = np.mean([cost["residue"] for cost in costs])
        note = f"{cells} more cells (+{share:.2g} %), one more current a read; subtracts a weight of {residue:.2g}"
        return [repeated("pulses to set the reference column", [cost["pulses"] for cost in costs], note=note)]

    def _duration_rows(self) -> list[Row]:
        """Training duration (eq 6) and efficiency (eq 7) from the learning curve."""
        curves = [[m for m in self.run.metrics() if m["seed"] == seed] for seed in self.seeds]
        if not all(curves):
            return []
        durations, efficiencies = zip(
            *(
                efficiency([m["images"] for m in c], [m["accuracy"] / 100 for m in c])
                for c in curves
            ), strict=True,
        )  # fmt: skip
        digits = len(self._curve_digits(self.seeds[0])[0][: self.config.train.curve_images])
        where = "held-out" if self.config.data.holdout else self.config.data.evaluate
        note = f"from {len(curves[0])} points of the learning curve, {digits:,} {where} digits each"
        told = f"eq 6: part of the digits to 99 % of the curve's last accuracy; {note}"
        return [
            repeated("training duration", durations, note=told),
            repeated("efficiency", efficiencies, note=f"eq 7: mean of that accuracy and 1 - duration; {note}"),
        ]
