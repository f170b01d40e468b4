"""Base of the drivers that train networks of several layers in place: devices, stages, controls, rows, pictures.

A driver says which rule turns errors into pulses (`InsituTraining.rule`) and what is printed of it. Each layer is a
device of its own, opened from the address of section [device] with the layer's size and a seed of its own.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from hil.backends import address_parameters
from hil.data.datasets import Dataset
from hil.errors import InputError
from hil.insitu.layers import ArrayLayer, Matrix
from hil.insitu.network import ArrayNetwork, starting_weights
from hil.insitu.software import Batches, passed_through
from hil.insitu.updates import Rule, TrainingStep
from hil.needs import require_memory
from hil.runs.devices import Devices, States
from hil.runs.interrupt import how_to_continue
from hil.runs.results import Row, beside, repeated
from hil.runs.run import Run
from hil.spiking.encoding import intensities
from hil.training.array_layers import open_layers
from hil.training.driver import Driver, Seeded
from hil.training.insitu_settings import NetworkSettings, fitted
from hil.training.loop import Stage, Trainee, TrainingLoop, labelled_stages, presentations, stage_key
from hil.training.readout import nearest_class_mean
from hil.training.sanity import UNKNOWN, ControlledResult, DeviceFacts, Doubts, compare_cells
from hil.training.settings import split

LOADED = "loaded"
"""Role of the stage in which weights trained in software are written into the devices."""


class NetworkTrainee(Trainee):
    """Layers of weights in devices, shown images in batches."""

    def __init__(
        self, devices: Devices, layers: Sequence[ArrayLayer], rule: Rule, inputs: Callable[[NDArray[np.int64]], Matrix],
        settings: NetworkSettings, seed: int, start: Sequence[Matrix], first: Callable[[NetworkTrainee], None],
    ) -> None:  # fmt: skip
        """Take over the layers of a seed, and their first weights; `first` is called before the first batch.

        `inputs` gives what the network is shown for the numbers of training images.
        """
        super().__init__(devices)
        self.network, self.rule, self.seed = ArrayNetwork(layers), rule, seed
        self._settings, self._start, self._first, self._inputs = settings, start, first, inputs

    def check(self, stage: Stage) -> None:
        """`ArrayLayer` has compared the sizes; nothing else can be wrong."""

    def reset(self) -> None:
        """Pristine cells, what a pulse is worth, and first weights."""
        super().reset()
        self.rule.reset()
        for layer, start in zip(self.network.layers, self._start, strict=True):
            layer.given = 0
            ones = np.ones(layer.device.cells, np.int64)
            for _ in range(self._settings.zero_shift):
                layer.move(ones)
                layer.move(-ones)
            layer.pulse = self._settings.pulse or layer.calibrate()
            layer.start(start)

    def show(self, stage: Stage, here: slice) -> None:
        """Learn from a batch."""
        if here.start == 0:
            self._first(self)
        shown = self._inputs(stage.order[here])
        step = TrainingStep(here.start, here.start / len(stage.order), self.seed)
        self.rule.learn(self.network, shown, stage.targets[here].astype(float), step)

    def snapshot(self) -> States:
        """States of the devices, and what layers and rule know besides."""
        states = super().snapshot()
        for place, (layer, state) in enumerate(zip(self.network.layers, states.values(), strict=True)):
            state |= {f"layer.{name}": array for name, array in layer.state().items()}
            state |= {f"rule.{name}": array for name, array in self.rule.state(place).items()}
        return states

    def restore(self, states: States) -> None:
        """Return to a snapshot."""
        parts = ("layer.", "rule.")
        super().restore({n: {k: v for k, v in s.items() if not k.startswith(parts)} for n, s in states.items()})
        for place, (layer, state) in enumerate(zip(self.network.layers, states.values(), strict=True)):
            own, of_rule = ({k[len(p) :]: v for k, v in state.items() if k.startswith(p)} for p in parts)
            layer.resume(own)
            self.rule.resume(place, of_rule)


class InsituTraining(Seeded, Driver):
    """Stages, controls, rows and pictures of a network that is trained in place."""

    config_model: ClassVar[Any]
    hint: ClassVar[str] = "show more images (--epochs), another rate, or a device with finer steps"

    def __init__(self, config: Any, dataset: Dataset, run: Run) -> None:
        """Check that the configuration makes sense for the data."""
        train = config.train
        self.sizes = train.sizes(dataset)
        data = fitted(dataset, self.sizes[0], config.data.crop)
        self.config, self.dataset, self.run = config, data, run
        if config.data.evaluate == "holdout" and round(config.data.holdout * len(data.train_images)) < 1:
            raise InputError(f"data.holdout = {config.data.holdout:g} leaves no image to evaluate on: hold some out")
        if train.faults:
            _require_faults(config.device.uri, train.faults)
        weights = sum(a * b for a, b in pairwise(self.sizes))
        require_memory(f"train.layers = {','.join(map(str, self.sizes))}: {weights:,} weights", 100.0 * weights)
        self._loop = TrainingLoop(run, self._open, self.batch)

    @property
    @abstractmethod
    def batch(self) -> int:
        """Images that the rule is shown at once."""

    @property
    @abstractmethod
    def software_note(self) -> str:
        """What `software` does, in a few words."""

    @abstractmethod
    def rule(self) -> Rule:
        """Build the rule as configured."""

    @abstractmethod
    def software(self, start: Sequence[Matrix], batches: Callable[[int], Batches]) -> list[Matrix]:
        """Weights of the same network trained in floating point; `batches` gives its data in batches of a size."""

    def first(self, seed: int, trainee: NetworkTrainee) -> None:
        """Do what is to be done to layers with random weights before they are shown the first batch."""

    def start(self, seed: int) -> list[Matrix]:
        """Random weights of a seed to begin with."""
        return starting_weights(self.sizes, self.config.train.bias, seed, self.config.train.weight_max)

    def stages(self) -> list[Stage]:
        """For every seed: untrained, trained, shuffled labels, and weights of software loaded."""
        found = []
        train, data = self.config.train, self.dataset
        for seed in self.seeds:
            kept, _ = split(data, self.config.data.holdout, seed)
            shown = presentations("train.epochs", train.passes(len(kept)), len(kept), data.classes, 2 * train.seeds)
            found += labelled_stages(seed, kept, shown, data.train_labels, data.classes, train.controls)
            if train.controls:
                found.append(Stage(LOADED, seed, True, kept[:0]))
        return found

    def play(self) -> None:
        """Train every stage that is still to be trained."""
        resume = how_to_continue(self.kind, self.run.path)
        self._loop.play(self.stages(), self._curve_point, self._evaluate, resume)

    def accuracies(self, role: str) -> list[float]:
        """Accuracy in % of every seed after the stage with this role."""
        return self.outcomes(role, "accuracy")

    def rows(self) -> list[Row]:
        """Accuracy beside its controls, then what it took."""
        images, shown = self.config.data.evaluate, len(self.stages()[1].order)
        shape = "-".join(map(str, self.sizes))
        untrained = float(np.mean(self.accuracies("untrained")))
        name = f"{images} accuracy"
        note = (
            f"{shape} in place, {shown:,} presentations; seeds {self.seeds[0]} to {self.seeds[-1]}; control: untrained"
        )
        rows = [repeated(name, self.accuracies("trained"), "%", control=untrained, note=note, headline=True)]
        for role, words, told in self.controls():
            rows.append(beside(repeated(f"control {name}", self.accuracies(role), "%", note=told), "control", words))
        if self.config.train.controls:
            told = self.software_note
            rows.append(beside(repeated(f"control {name}", self.outcomes(LOADED, "float"), "%", note=told),
                               "baseline", "software"))  # fmt: skip
        rows.append(beside(repeated("baseline accuracy", self._nearest(), "%", note="no device"),
                           "baseline", "nearest class mean"))  # fmt: skip
        per_cell = [given / self._cells for given in self.outcomes("trained", "pulses")]
        rows.append(repeated("pulses a cell", per_cell, note=f"of {self._cells:,} cells, first weights included"))
        rows.append(repeated("weight a pulse", self.outcomes("trained", "pulse"), note="first layer, as measured"
                             if self.config.train.pulse is None else "as given"))  # fmt: skip
        rows.append(repeated("device time", self.outcomes("trained", "time"), "s", note="longest of the layers'"))
        return rows

    def judge(self, doubts: Doubts) -> None:
        """Cells that do not move, classes that are never answered, accuracy beside its controls."""
        data, images = self.dataset, self.config.data.evaluate
        trained = [self._loop.outcomes[stage_key("trained", s)] for s in self.seeds]
        device = DeviceFacts(**self._loop.outcomes.get("device", UNKNOWN))
        doubts.cells(
            [o["cells"] for o in trained], f"the rule gives the cells of {device.name} no pulse: raise the rate"
        )
        labels = self.config.data.evaluation(self.dataset, self.seeds[0])[1]
        kept = split(data, self.config.data.holdout, self.seeds[0])[0]
        doubts.classes(data.class_names, data.train_labels[kept], labels)
        doubts.answers([o["answered"] for o in trained], data.class_names, f"{len(labels):,} images")
        name, mine = f"{images} accuracy", self.accuracies("trained")
        for role, words, _ in self.controls():
            if role == LOADED:
                continue
            result = ControlledResult(name, mine, self.accuracies(role), words, images=len(labels))
            doubts.accuracy(result, labels, self.hint)

    def draw(self) -> list[Path]:
        """Draw the learning curve and the weights of the first layer."""
        from hil import plots

        drawn = [self.run.figure("weights.png")]
        weights = self._loop.arrays[f"w0/{stage_key('trained', self.seeds[0])}"][: self.dataset.inputs, :100]
        title = f"{self.config.device.uri}, '{self.dataset.name}': weights of the first layer, seed {self.seeds[0]}"
        plots.save_fields(weights, self.dataset.shape, drawn[0], title, signed=True)
        metrics = self.run.metrics()
        if metrics:
            drawn.append(self.run.figure("learning.png"))
            series = {
                f"seed {s}": [(m["images"], m["accuracy"]) for m in metrics if m["seed"] == s] for s in self.seeds
            }
            levels = {"chance": 100 / self.dataset.classes}
            if self.config.train.controls:
                levels |= {"software": float(np.mean(self.outcomes(LOADED, "float"))),
                           "loaded": float(np.mean(self.accuracies(LOADED)))}  # fmt: skip
            plots.save_curves(series, levels, drawn[-1], "held-out images, trained in place")
        return drawn

    def controls(self) -> list[tuple[str, str, str]]:
        """Role, name and note of every control that is printed."""
        found = [("untrained", "untrained", "first weights")]
        if self.config.train.controls:
            found += [("shuffled", "shuffled labels", "the same training, labels permuted"),
                      (LOADED, "loaded", "weights of software, written and verified instead")]  # fmt: skip
        return found

    def outcomes(self, role: str, name: str) -> list[float]:
        """What was found of every seed after the stage with this role."""
        return [self._loop.outcomes[stage_key(role, seed)][name] for seed in self.seeds]

    @property
    def _cells(self) -> int:
        return int(self._loop.outcomes["cells"])

    def _open(self, seed: int) -> NetworkTrainee:
        train = self.config.train
        more = {"log": str(self.run.command_log)} | ({"stuck_off": train.faults} if train.faults else {})
        devices, layers = open_layers(
            self.config.device.uri, list(pairwise(self.sizes)), seed, weight_max=train.weight_max, bias=train.bias,
            backward=train.backward, **more,
        )  # fmt: skip
        return NetworkTrainee(
            devices, layers, self.rule(), self.shown, train, seed, self.start(seed), partial(self.first, seed)
        )

    def shown(self, chosen: NDArray[np.int64]) -> Matrix:
        """Inputs of the network for these training images."""
        return self.images(self.dataset.train_images[chosen])

    def images(self, images: NDArray[np.uint8]) -> Matrix:
        """Inputs of the network for images: intensities 0..1."""
        return intensities(images, self.dataset.full_scale)

    def _curve_point(self, stage: Stage, trainee: NetworkTrainee, done: int) -> None:
        points, total = self.config.train.curve, len(stage.order)
        before = max(0, done - self.batch)
        if points == 0 or stage.role != "trained" or before * points // total == done * points // total:
            return
        held = split(self.dataset, self.config.data.holdout, stage.seed)[1][: self.config.train.curve_images]
        if len(held):
            right = trainee.network.answers(self.images(self.dataset.train_images[held]))
            accuracy = float((right == self.dataset.train_labels[held]).mean() * 100)
            self.run.metric(seed=stage.seed, images=done, accuracy=accuracy)

    def _evaluate(self, stage: Stage, trainee: NetworkTrainee) -> None:
        outcome: dict[str, Any] = {}
        images, labels = self.config.data.evaluation(self.dataset, stage.seed)
        x = self.images(images)
        if stage.role == LOADED:
            outcome |= self.load(stage.seed, trainee, x, labels)
        answers = trainee.network.answers(x)
        outcome |= {"accuracy": _percent(answers, labels), "answered": np.unique(answers).tolist()}
        layers = trainee.network.layers
        read = [layer.weights() for layer in layers]
        outcome |= {
            "pulses": sum(layer.given for layer in layers),
            "pulse": layers[0].pulse,
            "time": max(layer.device.time for layer in layers),
        }
        if stage.role == "untrained":
            self._loop.arrays[f"start/{stage.seed}"] = read[0]
        if stage.role == "trained":
            outcome["cells"] = compare_cells(self._loop.arrays[f"start/{stage.seed}"], read[0], 0.0)
            self._loop.arrays |= {f"w{place}/{stage.key}": w for place, w in enumerate(read)}
            self._loop.outcomes["device"] = asdict(DeviceFacts.of(layers[0].device))
            self._loop.outcomes["cells"] = sum(layer.cells for layer in layers)
        self._loop.outcomes[stage.key] = outcome

    def load(self, seed: int, trainee: NetworkTrainee, x: Matrix, labels: NDArray[np.int64]) -> dict[str, float]:
        """Write weights of software into the devices; return what they reach in software on these images, in %."""
        weights = self.trained_in_software(seed)
        for layer, w in zip(trainee.network.layers, weights, strict=True):
            layer.write(w)
        return {"float": self.percent(weights, x, labels)}

    def trained_in_software(self, seed: int) -> list[Matrix]:
        """Weights of the software's training on what a seed is shown."""
        stage = next(s for s in self.stages() if (s.role, s.seed) == ("trained", seed))
        return self.software(self.start(seed), partial(self.batches, stage.order, stage.targets))

    def batches(self, order: NDArray[np.int64], targets: NDArray[np.bool_], size: int) -> Batches:
        """Training images in this order, (N,), with their targets, (N, classes), `size` a batch."""
        return Batches(len(order), size, lambda here: (self.shown(order[here]), targets[here].astype(float)))

    def percent(self, weights: Sequence[Matrix], x: Matrix, labels: NDArray[np.int64]) -> float:
        """Accuracy of weights in software, %."""
        return _percent(passed_through(weights, x, self.config.train.bias)[-1].argmax(axis=1), labels)

    def _nearest(self) -> list[float]:
        data, values = self.dataset, []
        for seed in self.seeds:
            kept = split(data, self.config.data.holdout, seed)[0]
            images, labels = self.config.data.evaluation(self.dataset, seed)
            train, test = self.images(data.train_images[kept]), self.images(images)
            values.append(
                _percent(nearest_class_mean(train, data.train_labels[kept], test, range(data.classes)), labels)
            )
        return values


def _require_faults(uri: str, faults: float) -> None:
    """Refuse faults of cells that cannot stick, or that the address has stuck in another number."""
    parameters = address_parameters(uri)
    if "stuck_off" not in type(parameters).model_fields:
        raise InputError(
            f"train.faults = {faults:g}: cells of {uri} cannot be made to stick; leave it out, or take a simulated "
            "device"
        )
    if "stuck_off" in parameters.model_fields_set:
        raise InputError(f"train.faults = {faults:g}: {uri} says stuck_off itself; give one of the two")


def _percent(answers: NDArray[np.int64], labels: NDArray[np.int64]) -> float:
    return float((answers == labels).mean() * 100)
