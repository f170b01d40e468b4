"""The stages of a loop: each is one `hil` command with a folder of its own, built from what the earlier ones left.

A stage never computes anything itself. What it runs is what a user would type, so that every part of the report names
the command that repeats it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hil.loop.loop import Loop

Words = Sequence[str]
"""What follows `hil` on the command line."""

STEPS = "lhb,nlsb,nlhb"
"""Laws of one step a pulse, as the emulator tabulates them."""


@dataclass(frozen=True)
class LoopStage:
    """One part of a loop.

    Attributes
    ----------
    name : str
        Its folder in the loop's own.
    title : str
        Heading in the report.
    question : str
        What it answers, one sentence.
    words : callable
        The command, from the loop so far, without where its results go.
    wanted : callable
        Whether there is anything to do, from the loop so far.
    keeps : str
        How it is told where its results go: ``run`` (a run folder), ``build`` or ``json``.
    resumes : str
        The verb that goes on with its run folder where it was stopped; empty where it is begun anew.
    beside : bool
        Whether it goes on while the stages after it run, which do not need it.
    """

    name: str
    title: str
    question: str
    words: Callable[[Loop], Words]
    wanted: Callable[[Loop], bool] = lambda loop: True
    keeps: str = "run"
    resumes: str = ""
    beside: bool = False

    def command(self, loop: Loop) -> list[str]:
        """The whole command, with where its results go."""
        folder = str(loop.folder(self.name))
        where = {
            "run": ["--run", folder],
            "build": ["--out", folder, "--json", f"{folder}/rows.json"],
            "json": ["--out", f"{folder}/figure.png", "--json", f"{folder}/rows.json"],
        }
        return [*self.words(loop), *where[self.keeps]]


def stages(loop: Loop) -> Iterator[LoopStage]:
    """All stages of a loop in their order."""
    yield LoopStage(
        "measure", "Measurement", "What does the device do under trains of pulses?", _measure,
        lambda loop: bool(loop.plan.device), resumes="characterize",
    )  # fmt: skip
    yield LoopStage(
        "data", "Data", "What does the file hold?", _import, lambda loop: loop.plan.source != "" and loop.reads_a_file,
    )  # fmt: skip
    yield LoopStage(
        "fit", "Fit", "Which device model explains the data, with which parameters?",
        lambda loop: ["fit", loop.data, "--model", ",".join(loop.plan.models)],
    )  # fmt: skip
    yield LoopStage(
        "check", "Check on held-back data",
        "Does the model predict readings that its fit has not seen?",
        _check, lambda loop: not loop.populations,
    )  # fmt: skip
    yield LoopStage(
        "pulses", "Pulses on the fitted model",
        "The emulator plays steps, not differential equations: what are the steps of the fitted model?",
        _pulses, lambda loop: not loop.emulated(loop.fitted), resumes="characterize",
    )  # fmt: skip
    yield LoopStage(
        "steps", "Steps of the fitted model", "Which law of steps is closest to the fitted model?",
        lambda loop: ["fit", str(loop.folder("pulses")), "--model", STEPS],
        lambda loop: not loop.emulated(loop.fitted),
    )  # fmt: skip
    yield from _on_every_device(loop)
    yield LoopStage(
        "program", "Programming", "Can cells be written to wanted conductances, and verified?",
        lambda loop: ["characterize", "ispp", "--device", loop.plan.program],
        lambda loop: bool(loop.plan.program), resumes="characterize",
    )  # fmt: skip


def _on_every_device(loop: Loop) -> Iterable[LoopStage]:
    """Stages that run on the fitted model and on each of its emulators."""
    yield LoopStage(
        "curves", "The same pulses on each device", "Do model and emulator follow the same curve?", _curves,
        resumes="characterize",
    )  # fmt: skip
    for engine in loop.plan.emulators:
        yield LoopStage(
            f"compare-{engine}", f"Model against {engine}, cell by cell",
            f"How far apart are the conductances of sim: and fpga:{engine} after every pulse?",
            partial(_compare, engine=engine), keeps="json",
        )  # fmt: skip
    yield LoopStage(
        "build", "Bitstream", "Does the network fit on the board with this device's tables in it, and how fast is it?",
        _build, lambda loop: bool(loop.plan.board), keeps="build", beside=True,
    )  # fmt: skip
    for name in ("sim", *loop.plan.emulators):
        yield LoopStage(
            f"train-{name}", f"Training on {loop.spoken(name)}", "What does a network of such cells learn?",
            partial(_train, name=name), resumes=f"train {loop.plan.driver}",
        )  # fmt: skip


def _measure(loop: Loop) -> Words:
    return ["characterize", "ltp", "--device", loop.plan.device, *loop.plan.limits]


def _import(loop: Loop) -> Words:
    return ["import", loop.plan.source, *loop.plan.columns]


def _check(loop: Loop) -> Words:
    share = f"{loop.plan.hold_back:g}"
    return ["fit", loop.data, "--model", loop.winner, "--hold-back", share, "--no-profile"]


def _pulses(loop: Loop) -> Words:
    amplitude, width = loop.pulse()
    settings = {"amplitude": amplitude, "width": width, "pulses": loop.STEPS_A_TRAIN, "cycles": 1}
    return ["characterize", "ltp", "--device", loop.uri_of(loop.median(loop.fitted)), *_set(settings)]


def _curves(loop: Loop) -> Words:
    # Emulators of the network's size: what is compiled for it once serves the training too.
    size = f"&rows={loop.rows}&cols={loop.plan.neurons}"
    uris = [loop.alike, *(f"{loop.uri(engine)}{size}" for engine in loop.plan.emulators)]
    devices = [word for uri in uris for word in ("--device", uri)]
    return ["characterize", "ltp", *devices, *_set({"pulses": 100, "cycles": 1})]


def _compare(loop: Loop, engine: str) -> Words:
    size = ["--rows", str(loop.rows), "--cols", str(loop.plan.neurons), "--pulses", str(loop.plan.pulses)]
    return ["compare", "--device", loop.alike, "--device", loop.uri(engine), *size]


def _train(loop: Loop, name: str) -> Words:
    plan = loop.plan
    seeds = min(plan.check_seeds, plan.seeds) if name in plan.emulators[1:] else plan.seeds
    numbers = {"neurons": plan.neurons, "epochs": plan.epochs, "seeds": seeds, "seed": plan.seed}
    flags = [word for flag, value in numbers.items() for word in (f"--{flag}", f"{value:g}")]
    data = ["--dataset", plan.dataset, *(["--data-dir", plan.data_dir] if plan.data_dir else [])]
    return ["train", plan.driver, "--device", loop.uri(name), *data, *flags]


def _build(loop: Loop) -> Words:
    size = ["--rows", str(loop.rows), "--cols", str(loop.plan.neurons)]
    return ["fpga", "build", "--board", loop.plan.board, *size, "--preset", str(loop.median(loop.model))]


def _set(settings: dict[str, float]) -> list[str]:
    return [word for name, value in settings.items() for word in ("--set", f"{name}={value:.12g}")]
