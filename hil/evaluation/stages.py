"""One seed of an evaluation: devices opened, set, programmed, left alone; what they answer at every step."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hil.abilities import Identified, Settable
from hil.backends import open_device
from hil.device import Device
from hil.energy.meter import during
from hil.errors import InputError
from hil.evaluation.settings import EvaluateConfig
from hil.evaluation.subject import Answers, Subject
from hil.runs.interrupt import StopRequest
from hil.synapses.catalogue import with_synapse
from hil.synapses.mapping import cell_targets
from hil.training.settings import seed_of
from hil.waveform import Waveform
from hil.writing.plan import WritePlan
from hil.writing.write import PROGRAMMING, Fate, Write

FLOAT, MAPPED, PROGRAMMED = "floating point", "mapped", "programmed"
"""Steps, beside those after a time."""

LONGEST_REAL_WAIT = 600.0
"""Rest that hardware is left alone for, s: its time is ours."""


@dataclass(frozen=True)
class SeedOutcome:
    """Outcome of one seed.

    Attributes
    ----------
    accuracy, control : dict
        By step, %: of the weights, and of shuffled ones at the same step where these were evaluated.
    confusion : dict
        By step, (classes, classes) images of a class that got an answer.
    writing : dict
        By matrix: cells, within, pulses, energy ... of its write-verify; empty where none was asked for.
    """

    accuracy: dict[str, float] = field(default_factory=dict)
    control: dict[str, float] = field(default_factory=dict)
    confusion: dict[str, list[list[int]]] = field(default_factory=dict)
    writing: dict[str, dict[str, float]] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """For a checkpoint."""
        return asdict(self)


class Evaluation:
    """What is evaluated on which images, and how.

    Parameters
    ----------
    subject : Subject
        The weights, and how they answer.
    images, labels : arrays
        Test images.
    classes : int
        Number of classes.
    config : EvaluateConfig
        All settings.
    say : callable
        Is told what is being done.
    """

    def __init__(
        self,
        subject: Subject,
        images: NDArray[np.uint8],
        labels: NDArray[np.int64],
        classes: int,
        config: EvaluateConfig,
        say: Callable[[str], object] = lambda text: None,
    ) -> None:
        """Nothing is opened yet."""
        self.subject, self.images, self.labels, self.classes = subject, images, labels, classes
        self.config, self._say = config, say
        synapse = config.device.synapse
        asked = "synapse=" in config.device.uri
        self.uri = with_synapse(
            config.device.uri, synapse or ("differential" if subject.signed and not asked else None)
        )

    def play(self, seed: int, stop: StopRequest | None = None) -> SeedOutcome:
        """All steps of one seed; `KeyboardInterrupt` where the user stops it between two verifications."""
        found, shuffled = SeedOutcome(), self.subject.shuffled(seed)
        self._note(found, FLOAT, self.subject.alone(self.images, seed), shuffled.alone(self.images, seed))
        with self._opened(seed) as devices:
            exact = self._set(devices, shuffled)
            with during("shuffled weights, inference", seed):
                control = shuffled.answers(devices, self.images, seed) if exact else None
            if exact:
                self._set(devices, self.subject)
                self._note(found, MAPPED, self._answers(devices, seed, MAPPED), control)
            if not self.config.evaluate.exact:
                with during(PROGRAMMING, seed):
                    self._program(devices, found, exact, stop)
                self._note(found, PROGRAMMED, self._answers(devices, seed, PROGRAMMED), control)
            elif not exact:
                raise InputError(f"{self.uri}: cells of this device cannot be set without pulses; leave out --exact")
            before = 0.0
            for text, after in self.config.evaluate.times.items():
                self._wait(devices, after - before)
                before = after
                self._note(found, f"after {text}", self._answers(devices, seed, f"after {text}"), control)
        return found

    def _answers(self, devices: Mapping[str, Device], seed: int, step: str) -> Answers:
        """Answers of the devices at a step, whose images are counted for its energy."""
        with during(f"{step}, inference", seed) as account:
            if account is not None:
                account.count("image", len(self.images))
            return self.subject.answers(devices, self.images, seed)

    @contextmanager
    def _opened(self, seed: int) -> Iterator[dict[str, Device]]:
        """A device for every matrix, each with a seed of its own."""
        with ExitStack() as stack:
            devices = {}
            for name, matrix in self.subject.weights.items():
                own = seed if len(self.subject.weights) == 1 else seed_of(name, seed)
                defaults = {"rows": matrix.shape[0], "cols": matrix.shape[1], "seed": own}
                devices[name] = stack.enter_context(open_device(self.uri, defaults=defaults))
                if devices[name].cells != matrix.shape:
                    raise InputError(
                        f"{self.uri} has {devices[name].rows} x {devices[name].cols} weights, '{name}' needs "
                        f"{matrix.shape[0]} x {matrix.shape[1]}: leave out rows and cols"
                    )
            yield devices

    def _set(self, devices: Mapping[str, Device], subject: Subject) -> bool:
        """Put all cells at the weights of a subject without pulses; False, and nothing done, where a device cannot."""
        asked = {name: cell_targets(device, subject.conductances(name, device)) for name, device in devices.items()}
        if not all(isinstance(array, Settable) for array, _ in asked.values()):
            return False
        for array, target in asked.values():
            assert isinstance(array, Settable)
            array.set_conductances(target)
        return True

    def _program(
        self, devices: Mapping[str, Device], found: SeedOutcome, pristine: bool, stop: StopRequest | None
    ) -> None:
        """Write all matrices by write-verify, from pristine cells where they were set before."""
        for name, device in devices.items():
            if pristine:
                device.reset()
            array, target = cell_targets(device, self.subject.conductances(name, device))
            plan = WritePlan(source=self.config.evaluate.source, device=self.uri, **vars(self.config.program))
            write = Write(array, target, plan)
            for seen in write.rounds():
                self._say(f"{name}: verification {seen.number}, {seen.within:,} of {target.size:,} cells")
                if stop is not None and stop.requested:
                    raise KeyboardInterrupt
            found.writing[name] = _told(write)

    def _wait(self, devices: Mapping[str, Device], duration: float) -> None:
        for device in devices.values():
            array = getattr(device, "array", device)
            if isinstance(array, Identified) and duration > LONGEST_REAL_WAIT:
                raise InputError(
                    f"{device.name} is hardware, whose time is ours: evaluate it again when {duration:g} s have passed"
                )
            array.apply(Waveform.rest(duration, array.rows, array.cols))

    def _note(self, found: SeedOutcome, step: str, answers: Answers | None, control: Answers | None) -> None:
        if answers is None:
            return
        found.accuracy[step] = float((answers == self.labels).mean() * 100)
        if control is not None:
            found.control[step] = float((control == self.labels).mean() * 100)
        table = np.zeros((self.classes, self.classes), np.int64)
        np.add.at(table, (self.labels, answers), 1)
        found.confusion[step] = table.tolist()
        self._say(f"{step}: {found.accuracy[step]:.2f} %")


def _told(write: Write) -> dict[str, float]:
    """What a write has come to."""
    told = write.fate != Fate.UNTOLD
    return {
        "cells": int(told.sum()), "within": int((write.fate == Fate.REACHED).sum()),
        "given_up": int((write.fate == Fate.GIVEN_UP).sum()), "pulses": int(write.pulses[told].sum()),
        "error": float(np.sqrt(np.mean(write.error[told] ** 2)) / write.goal.span * 100),
        "meant": float(write.energy[0]), "half": float(write.energy[1]), "time": write.elapsed,
        "verifications": write.round,
    }  # fmt: skip
