"""The resumable loop that both two-pulse drivers share: stages of images, played batch by batch on one device.

Whatever ends the process, the run goes on from its last checkpoint and ends with bit-identical weights: the order of
images depends on the seed alone, and a checkpoint holds the exact state of the device.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hil.device import Device, Unsupported
from hil.encoding import intensities
from hil.errors import InputError
from hil.interrupt import Interrupted, StopRequest
from hil.progress import Progress
from hil.runs import Run
from hil.training.protocol import Protocol

CHECKPOINT_EVERY = 2.0
"""Seconds between checkpoints; one is written at the end of every stage as well."""

_DEVICE = "device/"


@dataclass(frozen=True, eq=False)
class Stage:
    """A stretch of training.

    Attributes
    ----------
    name : str
        Shown beside the progress bar.
    seed : int
        Which device (and repeat) it belongs to.
    fresh : bool
        Whether the device is reset before it.
    order : (N,) array of int
        Images in the order of presentation.
    is_target : (N, cols) array of bool
        Whether the n-th presented image counts as the target of each column.
    """

    name: str
    seed: int
    fresh: bool
    order: NDArray[np.int64]
    is_target: NDArray[np.bool_]


class TrainingLoop:
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
        open_for_seed: Callable[[int], Device],
        images: NDArray[np.uint8],
        full_scale: int,
        protocol: Protocol,
        batch: int,
    ) -> None:
        """Load the checkpoint of `run`, if it has one."""
        self.run, self.protocol, self.batch = run, protocol, batch
        self._open_for_seed, self._images, self._full_scale = open_for_seed, images, full_scale
        self.outcomes: dict[str, Any] = {}
        self.arrays: dict[str, NDArray] = {}
        self._stages: Sequence[Stage] = ()
        self._stage, self._done, self._device_state = 0, 0, {}
        saved = run.checkpoint()
        if saved is not None:
            arrays, info = saved
            self._stage, self._done, self.outcomes = info["stage"], info["done"], info["outcomes"]
            self._device_state = {k.removeprefix(_DEVICE): v for k, v in arrays.items() if k.startswith(_DEVICE)}
            self.arrays = {k: v for k, v in arrays.items() if not k.startswith(_DEVICE)}

    def play(
        self,
        stages: Sequence[Stage],
        after_batch: Callable[[Stage, Device, int], None],
        after_stage: Callable[[Stage, Device], None],
        how_to_resume: str,
    ) -> None:
        """Play all stages that are still to be played.

        `after_batch(stage, device, images done)` and `after_stage(stage, device)` may measure and record.

        Raises
        ------
        Interrupted
            On Ctrl-C or SIGTERM, after the batch at hand; everything done so far is saved.
        """
        self._stages = stages
        total = sum(len(stage.order) for stage in stages)
        before = sum(len(stage.order) for stage in stages[: self._stage]) + self._done
        device: Device | None = None
        open_seed: int | None = None
        try:
            with StopRequest() as stop, Progress(total, "images", start=before) as progress:
                for stage in stages[self._stage :]:
                    if device is None or open_seed != stage.seed:
                        if device is not None:
                            device.close()
                        device, open_seed = self._open_for_seed(stage.seed), stage.seed
                        self._require_fit(device, stage)
                    progress.describe(stage.name)
                    self._begin(stage, device)
                    self._play_stage(stage, device, progress, stop, after_batch, how_to_resume)
                    after_stage(stage, device)
                    self._stage, self._done = self._stage + 1, 0
                    self._save(device)
        finally:
            if device is not None:
                device.close()

    def _begin(self, stage: Stage, device: Device) -> None:
        if self._device_state:
            device.restore(self._device_state)
            self._device_state = {}
        if stage.fresh and self._done == 0:
            device.reset()

    def _play_stage(
        self,
        stage: Stage,
        device: Device,
        progress: Progress,
        stop: StopRequest,
        after_batch: Callable[[Stage, Device, int], None],
        how_to_resume: str,
    ) -> None:
        saved = time.monotonic()
        while self._done < len(stage.order):
            here = slice(self._done, self._done + self.batch)
            pixels = intensities(self._images[stage.order[here]], self._full_scale)
            device.apply(self.protocol.waveform(pixels, stage.is_target[here]))
            self._done += len(pixels)
            progress.advance(len(pixels))
            after_batch(stage, device, self._done)
            stopping = stop.requested
            if stopping or time.monotonic() - saved > CHECKPOINT_EVERY:
                self._save(device)
                saved = time.monotonic()
            if stopping:
                self.run.set_state("stopped")
                raise Interrupted(f"stopped after {progress.done:,} of {progress.total:,} images; {how_to_resume}")

    def _save(self, device: Device) -> None:
        """Write a checkpoint; where the device cannot tell its state, one that goes back to its last reset."""
        stage, done = self._stage, self._done
        try:
            state = device.snapshot()
        except Unsupported:
            fresh = [k for k, s in enumerate(self._stages[: stage + 1]) if s.fresh or k == 0]
            state, done, stage = {}, 0, stage if stage == len(self._stages) else fresh[-1]
        arrays = {**self.arrays, **{_DEVICE + name: array for name, array in state.items()}}
        self.run.save_checkpoint(arrays, {"stage": stage, "done": done, "outcomes": self.outcomes})

    def _require_fit(self, device: Device, stage: Stage) -> None:
        """Check size and limits with a fully lit image before anything is driven."""
        wanted = stage.is_target.shape[1]
        if device.cols != wanted:
            raise InputError(
                f"{device.name} has {device.cols} columns, {wanted} layers are to be trained: cols={wanted}"
            )
        device.limits.check(self.protocol.waveform(np.ones((1, device.rows)), np.ones((1, wanted), dtype=bool)))


def presentation_order(images: int, count: int, seed: int) -> NDArray[np.int64]:
    """Order of `count` presentations of `images` images: random permutations one after the other, from the seed."""
    epochs = -(-count // images)
    orders = [np.random.default_rng([seed, 1, epoch]).permutation(images) for epoch in range(epochs)]
    return np.concatenate([*orders, np.zeros(0, np.int64)])[:count].astype(np.int64)
