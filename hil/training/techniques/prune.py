"""`hil train prune`: spike-timing learning whose weak connections are cut and whose strong ones get few levels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from hil.backends import open_device
from hil.config import CliFlag
from hil.data.datasets import Dataset
from hil.device import Device
from hil.errors import InputError
from hil.fraction import Fraction
from hil.programming import Programming
from hil.runs.devices import SOLE, Devices, States
from hil.runs.results import Row, beside, repeated
from hil.spiking.encoding import SpikeCode
from hil.spiking.host import spiking
from hil.spiking.neurons import Lif
from hil.spiking.rules import Rule
from hil.training.loop import Stage
from hil.training.sanity import ControlledResult, Doubts
from hil.training.wta import PRISTINE_WEIGHT, WtaTraining
from hil.training.wta_settings import NeuronSettings, WtaConfig, WtaSettings
from hil.training.wta_trainee import SpikingTrainee
from hil.writing.plan import WritePlan
from hil.writing.write import Write

UNPRUNED, AT_RANDOM = "unpruned", "cut at random"
"""Roles of the controls that are trained."""

CONTROLS = {
    UNPRUNED: "the same training, all connections kept, no levels",
    AT_RANDOM: "as many connections cut, whichever; the same levels",
}


class PruneSettings(WtaSettings):
    """Section [train]."""

    pruned: Annotated[Fraction, CliFlag("Connections that are cut by the end, 50%.")] = Field(
        0.5, ge=0, lt=1, description="connections that are cut by the end"
    )
    levels: Annotated[int, CliFlag("Conductance levels of the connections that are kept.")] = Field(
        4, ge=2, le=4096, description="conductance levels of the connections that are kept"
    )
    periods: int = Field(4, ge=1, le=10_000, description="times that is cut and rounded, the last at the end")


class PruneConfig(WtaConfig):
    """Configuration of `hil train prune`."""

    train: PruneSettings = Field(default_factory=PruneSettings)
    neuron: NeuronSettings = Field(default_factory=lambda: NeuronSettings(theta_plus=0.02))


def cuts(weights: NDArray[np.float64], cut: NDArray[np.bool_], count: int) -> NDArray[np.bool_]:
    """Mark the `count` weakest connections, those already cut among them; of equals those that come first."""
    keyed = np.where(cut, -1.0, weights).ravel()
    found = np.zeros(keyed.size, bool)
    found[np.argsort(keyed, kind="stable")[:count]] = True
    return (found | cut.ravel()).reshape(cut.shape)


def rounded(weights: NDArray[np.float64], cut: NDArray[np.bool_], levels: int) -> NDArray[np.float64]:
    """Weights 0..1 at the nearest of so many equally spaced levels from 0 to 1; 0 where a connection is cut."""
    return np.where(cut, 0.0, np.rint(np.clip(weights, 0.0, 1.0) * (levels - 1)) / (levels - 1))


class PruningTrainee(SpikingTrainee):
    """A spiking layer whose connections are cut and rounded from time to time.

    Attributes
    ----------
    cut : (rows, neurons) array of bool
        Connections that are cut: their cells are brought to their lowest conductance again at the end of each period.
    """

    def __init__(
        self, device: Device, lif: Lif, stdp: Rule, code: SpikeCode, dataset: Dataset, seed: int,
        settings: PruneSettings,
    ) -> None:  # fmt: skip
        """Put neurons on the device's columns; nothing is cut yet."""
        super().__init__(device, lif, stdp, code, dataset, seed)
        self._settings, self._luck = settings, seed
        self.cut = np.zeros((self.core.rows, self.core.neurons), bool)

    def show(self, stage: Stage, here: slice) -> None:
        """Learn from a batch; at the end of a period, cut and round."""
        super().show(stage, here)
        periods, total = self._settings.periods, len(stage.order)
        if stage.role != UNPRUNED and here.start * periods // total != here.stop * periods // total:
            self.prune(stage.role, here.stop / total)

    def prune(self, role: str, share: float) -> None:
        """Cut the weakest connections, a share of all that shall be cut, and write what is kept to its level."""
        weights, device = self.core.weights(), self.device
        ranked = weights if role != AT_RANDOM else np.random.default_rng([self._luck, 41]).random(weights.shape)
        self.cut = cuts(ranked, self.cut, round(self._settings.pruned * share * self.cut.size))
        self.core.flush()
        own: Programming | None = device.programming
        if own is None:
            raise InputError(f"{device.name} does not say its range of conductances: nothing can be cut there")
        targets = np.full(device.cells, np.nan)
        levels = rounded(weights, self.cut, self._settings.levels)
        targets[:, : self.core.neurons] = own.g_min + (own.g_max - own.g_min) * levels
        tolerance = min(0.02, 0.25 / (self._settings.levels - 1))
        write = Write(device, targets, WritePlan(source="weights", device=device.name, tolerance=tolerance))
        for _ in write.rounds():
            pass
        theta, course = self.core.theta, self.core.course.saved()
        self.core = spiking(device, self.lif, self.stdp)
        self.core.theta = theta
        self.core.course.resume(course)

    def snapshot(self) -> States:
        """The spiking layer's, and what is cut."""
        states = super().snapshot()
        states[SOLE]["cut"] = self.cut
        return states

    def restore(self, states: States) -> None:
        """Return to a snapshot."""
        kept = dict(states[SOLE])
        self.cut = kept.pop("cut").astype(bool)
        super().restore({SOLE: kept})

    def reset(self) -> None:
        """Pristine cells and thresholds, nothing cut."""
        super().reset()
        self.cut = np.zeros((self.core.rows, self.core.neurons), bool)


class PruneTraining(WtaTraining):
    """Learn without labels as `hil train wta`, cut the weakest connections as it goes, and round what is kept.

    At the end of each period the weakest connections are brought to the lowest conductance and the others to the
    nearest of a few levels (Rathi et al. 2019). Beside the accuracy: the same training with all connections, and with
    as many cut at random.

    \b
    hil train prune                                               # bundled digits, 50 % cut, 4 levels
    hil train prune --pruned 90% --levels 2 --dataset mnist --data-dir DIR --neurons 100
    """

    kind = "train prune"
    config_model: ClassVar[Any] = PruneConfig

    def stages(self) -> list[Stage]:
        """As of `hil train wta`, then the controls."""
        found = []
        for stage in super().stages():
            found.append(stage)
            if stage.role == "trained":
                found += [replace(stage, role=role) for role in CONTROLS]
        return found

    def rows(self) -> list[Row]:
        """As of `hil train wta`, with accuracies of the controls, and what was cut."""
        rows, images = super().rows(), self.config.data.evaluate
        settings = self.config.train
        rows[0] = replace(
            rows[0], control=float(np.mean(self.accuracies_of(UNPRUNED))), reference="the same as fully connected",
            headline=True, note=f"{settings.pruned:.0%} cut, {settings.levels} levels; {rows[0].note}"
            .replace("control: untrained", f"control: {UNPRUNED}"),
        )  # fmt: skip
        controls = [
            beside(repeated(f"control {images} accuracy", self.accuracies_of(role), "%", note=note), "control", role)
            for role, note in CONTROLS.items()
        ]
        conducts = [self._found("trained", s)["conducts"] / self._found(UNPRUNED, s)["conducts"] for s in self.seeds]
        spiked = [self._found("trained", s)["spikes"] for s in self.seeds]
        more = [
            repeated("connections cut", [100 * self._found("trained", s)["cut"] for s in self.seeds], "%"),
            repeated("read energy of an input spike", conducts, note=f"over that of {UNPRUNED}; by conductances"),
            repeated("output spikes per digit, pruned", spiked),
        ]
        return [rows[0], *controls, *rows[1:], *more]

    def judge(self, doubts: Doubts) -> None:
        """As of `hil train wta`; and whether it matters which connections are cut."""
        super().judge(doubts)
        labels = self.config.data.evaluation(self.dataset, self.seeds[0])[1]
        result = ControlledResult(
            f"{self.config.data.evaluate} accuracy", self.accuracies_of("trained"), self.accuracies_of(AT_RANDOM),
            AT_RANDOM, images=len(labels),
        )  # fmt: skip
        doubts.compare(result, "cut more connections (--pruned), so that it matters which")

    def _found(self, role: str, seed: int) -> dict[str, Any]:
        return self._loop.outcomes[f"{role} #{seed}"]

    def accuracies_of(self, role: str) -> Sequence[float]:
        """Accuracy in % of every seed after the stages with this role."""
        return [self._found(role, seed)["accuracy"] for seed in self.seeds]

    def _open(self, seed: int) -> PruningTrainee:
        config, data = self.config, self.dataset
        defaults = {"rows": data.inputs, "cols": config.train.neurons, "seed": seed, "w0": PRISTINE_WEIGHT}
        device = open_device(config.device.uri, defaults=defaults)
        with Devices({SOLE: device}).closed_on_failure():
            lif, rule = config.neuron.lif(self._mean_intensity, seed), config.stdp.learning_rule(seed)
            return PruningTrainee(device, lif, rule, config.code, data, seed, config.train)

    def _curve_point(self, stage: Stage, trainee: SpikingTrainee, done: int) -> None:
        if stage.role == "trained":
            super()._curve_point(stage, trainee, done)

    def _evaluate(self, stage: Stage, trainee: SpikingTrainee) -> None:
        super()._evaluate(stage, trainee)
        own = trainee.device.programming
        if isinstance(trainee, PruningTrainee) and own is not None:
            weights = trainee.core.weights()
            conducts = own.g_min + np.where(trainee.cut, 0.0, weights) * (own.g_max - own.g_min)
            outcome = self._loop.outcomes[stage.key]
            outcome |= {"cut": float(trainee.cut.mean()), "conducts": float(conducts.mean())}
