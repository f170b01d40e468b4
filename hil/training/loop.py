"""The resumable loop that all drivers share: stages of images, shown batch by batch to one device or several.

Whatever ends the process, the run goes on from its last checkpoint and ends with bit-identical weights: the order of
images depends on the seed alone, and a checkpoint holds the exact state of all devices.

Where a device cannot tell its state, a run goes on from the last reset of all. A sample that can be neither set back
nor reset would be given again what it has had: such a run is refused (`hil.runs.sending`).
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from hil.device import Device, Unsupported
from hil.energy.meter import during
from hil.errors import InputError
from hil.needs import require_memory
from hil.runs.devices import Devices, States, flattened, gathered
from hil.runs.interrupt import Interrupted, StopRequest
from hil.runs.progress import Progress
from hil.runs.run import Run
from hil.runs.sending import Sent, noted, require_answered

EVALUATION, PREPARATION = "evaluation", "preparation"
"""Parts of a run, in its energy (`hil.energy`): what was learned is read; cells are brought to where they begin."""

CHECKPOINT_EVERY = 2.0
"""Seconds between checkpoints; one is written at the end of every stage as well."""


@dataclass(frozen=True, eq=False)
class Stage:
    """A stretch of training. What it is stands in its fields; its `key` and `name` are made from them, never read.

    Attributes
    ----------
    role : str
        What the driver does with it, such as "trained" or "shuffled".
    seed : int
        Which device (and repeat) it belongs to.
    fresh : bool
        Whether the device is reset before it.
    order : (N,) array of int
        Images in the order of presentation.
    is_target : (N, cols) array of bool or None
        Whether the n-th presented image counts as the target of each column, where training is supervised.
    target : str or None
        Name of the class that is learned, where there is one at a time; any text.
    step : int or None
        Place among the stages of one role and seed, where there are several.
    """

    role: str
    seed: int
    fresh: bool
    order: NDArray[np.int64]
    is_target: NDArray[np.bool_] | None = None
    target: str | None = None
    step: int | None = None

    @property
    def key(self) -> str:
        """What the stage leaves behind is kept under it: another one for every stage of a run."""
        return stage_key(self.role, self.seed, self.step)

    @property
    def name(self) -> str:
        """Shown beside the progress bar."""
        return f"{self.role} #{self.seed}" if self.target is None else f"{self.role} {self.target} #{self.seed}"

    @property
    def targets(self) -> NDArray[np.bool_]:
        """`is_target`, for what trains supervised stages alone."""
        if self.is_target is None:
            raise ValueError(f"stage {self.key} says nothing about targets")
        return self.is_target


def stage_key(role: str, seed: int, step: int | None = None) -> str:
    """`Stage.key` of the stage with this role, seed and step."""
    return f"{role} #{seed}" if step is None else f"{role} #{seed}.{step}"


class Trainee(ABC):
    """Devices and the way images are shown to them.

    Attributes
    ----------
    devices : Devices
        All that the run drives.
    """

    def __init__(self, devices: Devices) -> None:
        """Take over the devices of a run."""
        self.devices = devices

    @property
    def device(self) -> Device:
        """The device, where there is one."""
        return self.devices.sole

    @abstractmethod
    def check(self, stage: Stage) -> None:
        """Raise `InputError` if the devices do not fit the stage, before anything is driven."""

    @abstractmethod
    def show(self, stage: Stage, here: slice) -> None:
        """Present the images ``stage.order[here]`` and let the devices learn."""

    def snapshot(self) -> States:
        """Exact state of every device, and of what the host keeps for it; `Unsupported` where one cannot tell it."""
        return self.devices.snapshot()

    def restore(self, states: States) -> None:
        """Return to a snapshot; `InputError` if it is one of other devices."""
        self.devices.restore(states)

    def reset(self) -> None:
        """Begin anew."""
        self.devices.reset()


Learner = TypeVar("Learner", bound=Trainee)
"""The trainee of a loop, as its driver's callbacks see it."""


class TrainingLoop(Generic[Learner]):
    """Plays stages, checkpoints, stops and resumes.

    Attributes
    ----------
    outcomes : dict
        JSON-serialisable results so far, filled by the callbacks and kept in the checkpoint.
    arrays : dict
        Arrays so far, likewise.
    """

    def __init__(
        self,
        run: Run,
        open_for_seed: Callable[[int], Learner],
        batch: int,
    ) -> None:
        """Load the checkpoint of `run`, if it has one."""
        require_answered(run, _verb(run))
        self.run, self.batch, self._open_for_seed = run, batch, open_for_seed
        self.outcomes: dict[str, Any] = {}
        self.arrays: dict[str, NDArray[Any]] = {}
        self._stages: Sequence[Stage] = ()
        self._stage, self._done = 0, 0
        self._states: States = {}
        self._saved_plan: list[Any] | None = None
        saved = run.checkpoint()
        if saved is not None:
            arrays, info = saved
            self._stage, self._done, self.outcomes = info["stage"], info["done"], info["outcomes"]
            self._saved_plan = info.get("plan")
            self._states, self.arrays = gathered(arrays, info.get("devices"))

    def play(
        self,
        stages: Sequence[Stage],
        after_batch: Callable[[Stage, Learner, int], None],
        after_stage: Callable[[Stage, Learner], None],
        how_to_resume: str,
    ) -> None:
        """Play all stages that are still to be played.

        `after_batch(stage, trainee, images done)` and `after_stage(stage, trainee)` may measure and record.

        Raises
        ------
        Interrupted
            On Ctrl-C, SIGTERM or SIGHUP, after the batch at hand; everything done so far is saved.
        InputError
            If the checkpoint is one of other stages.
        """
        self._stages = stages
        self._require_same_plan()
        total = sum(len(stage.order) for stage in stages)
        before = sum(len(stage.order) for stage in stages[: self._stage]) + self._done
        trainee: Learner | None = None
        open_seed: int | None = None
        try:
            with (
                StopRequest() as stop,
                Progress(total, "images", start=before) as progress,
                ExitStack() as given_once,
            ):
                advice = how_to_resume
                for stage in stages[self._stage :]:
                    if stage.fresh:
                        given_once.close()
                        advice = how_to_resume
                    with self._preparing(stage):
                        if trainee is None or open_seed != stage.seed:
                            if trainee is not None:
                                trainee.devices.close()
                            trainee, open_seed = self._open_for_seed(stage.seed), stage.seed
                            trainee.check(stage)
                            if self._would_be_given_twice(trainee):
                                given_once.enter_context(self._noted(stage, trainee))
                                advice = ""
                        progress.describe(stage.name)
                        self._take_up(trainee)
                    self._begin(stage, trainee)
                    self._play_stage(stage, trainee, progress, stop, after_batch, advice)
                    with during(EVALUATION, stage.seed):
                        after_stage(stage, trainee)
                    self._stage, self._done = self._stage + 1, 0
                    self._save(trainee)
        finally:
            if trainee is not None:
                trainee.devices.close()

    @property
    def planned(self) -> bool:
        """False where the checkpoint does not tell its stages, as earlier versions of this program wrote it."""
        return not (self._stage or self._done) or self._saved_plan is not None

    @property
    def _plan(self) -> list[list[Any]]:
        return [[stage.key, stage.target, len(stage.order)] for stage in self._stages]

    def _require_same_plan(self) -> None:
        if self._saved_plan not in (None, self._plan) or self._stage > len(self._stages):
            raise InputError(
                f"{self.run.path} holds a checkpoint of other stages than its configuration and data ask for: "
                "give it back the data it began with, or begin a new run"
            )

    def _would_be_given_twice(self, trainee: Trainee) -> bool:
        """Whether a resume would show images again to cells that were neither set back nor reset."""
        if self._stages[self._last_reset(self._stage)].fresh:
            return False
        try:
            trainee.snapshot()
        except Unsupported:
            return True
        return False

    def _noted(self, stage: Stage, trainee: Trainee) -> AbstractContextManager[None]:
        names = ", ".join(device.name for device in trainee.devices.values())
        sent = Sent(names, f"'{stage.name}'", f"{len(stage.order):,} images", (self._stage, self._done))
        return noted(self.run, _verb(self.run), list(trainee.devices.values()), sent)

    def _last_reset(self, stage: int) -> int:
        """Number of the stage before which the cells were last reset; 0 where they never were."""
        return max(k for k, s in enumerate(self._stages[: stage + 1]) if s.fresh or k == 0)

    @contextmanager
    def _preparing(self, stage: Stage) -> Iterator[None]:
        """Count what is done before a stage as a part of its own; not what was done before the checkpoint already."""
        again = self._done > 0 or (self._stage > 0 and self._stages[self._stage - 1].seed == stage.seed)
        undone, account = bool(self._states) and again, self.run.account
        kept = deepcopy(account.tallies)
        with during(PREPARATION, stage.seed):
            yield
        if undone:
            account.tallies.clear()
            account.tallies.update(kept)

    def _take_up(self, trainee: Trainee) -> None:
        if self._states:
            trainee.restore(self._states)
            self._states = {}

    def _begin(self, stage: Stage, trainee: Trainee) -> None:
        if stage.fresh and self._done == 0:
            with during(PREPARATION, stage.seed):
                trainee.reset()

    def _play_stage(
        self,
        stage: Stage,
        trainee: Learner,
        progress: Progress,
        stop: StopRequest,
        after_batch: Callable[[Stage, Learner, int], None],
        how_to_resume: str,
    ) -> None:
        saved = time.monotonic()
        while self._done < len(stage.order):
            here = slice(self._done, min(self._done + self.batch, len(stage.order)))
            with during(stage.role, stage.seed) as account:
                trainee.show(stage, here)
                if account is not None:
                    account.count("image", here.stop - here.start)
            self._done = here.stop
            progress.advance(here.stop - here.start)
            with during(EVALUATION, stage.seed):
                after_batch(stage, trainee, self._done)
            stopping = stop.requested
            if stopping or time.monotonic() - saved > CHECKPOINT_EVERY:
                self._save(trainee)
                saved = time.monotonic()
            if stopping:
                self.run.set_state("stopped")
                told = f"stopped after {progress.done:,} of {progress.total:,} images"
                raise Interrupted("; ".join(filter(None, (told, how_to_resume))))

    def _save(self, trainee: Trainee) -> None:
        """Write a checkpoint; where a device cannot tell its state, one that goes back to the last reset of all."""
        stage, done = self._stage, self._done
        try:
            states = trainee.snapshot()
        except Unsupported:
            states, done, stage = {}, 0, stage if stage == len(self._stages) else self._last_reset(stage)
        arrays = {**self.arrays, **flattened(states)}
        info = {"stage": stage, "done": done, "outcomes": self.outcomes, "plan": self._plan, "devices": list(states)}
        self.run.save_checkpoint(arrays, info)


def _verb(run: Run) -> str:
    return str(run.meta().get("kind", "train"))


def presentations(setting: str, epochs: float, images: int, columns: int, stages: int) -> int:
    """Number of presentations in `epochs` passes through `images`, at least one.

    `NeedError` if their order and targets, `columns` a presentation in each of `stages` stages, do not fit into memory.
    """
    count = epochs * images
    what = f"{setting} = {epochs:g}: the order of {count:,.4g} presentations in each of {stages:,} stages"
    require_memory(what, count * (8.0 + columns) * stages)
    return max(1, round(count))


def presentation_order(images: int, count: int, seed: int) -> NDArray[np.int64]:
    """Order of `count` presentations of `images` images: random permutations one after the other, from the seed."""
    epochs = -(-count // images)
    orders = [np.random.default_rng([seed, 1, epoch]).permutation(images) for epoch in range(epochs)]
    return np.concatenate([*orders, np.zeros(0, np.int64)])[:count].astype(np.int64)


def labelled_stages(
    seed: int, kept: NDArray[np.int64], shown: int, labels: NDArray[np.int64], columns: int, controls: bool
) -> list[Stage]:
    """Stages of a seed: untrained (no images at all), trained, and, with `controls`, trained on shuffled labels.

    Parameters
    ----------
    seed : int
        Of the orders and of the shuffling.
    kept : (M,) array of int
        Images that are trained on.
    shown : int
        Presentations of them.
    labels : (N,) array of int
        Column that is the target of each of all images; another number for none.
    columns : int
        How many columns there are.
    controls : bool
        Whether the last of them is wanted.
    """
    order = kept[presentation_order(len(kept), shown, seed)]
    shuffled = labels.copy()
    shuffled[kept] = np.random.default_rng([seed, 3]).permutation(labels[kept])
    plan = [("untrained", order[:0], labels), ("trained", order, labels)]
    plan += [("shuffled", order, shuffled)] if controls else []
    return [Stage(role, seed, True, o, told[o][:, None] == np.arange(columns)) for role, o, told in plan]
