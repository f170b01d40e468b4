"""An evaluation from what is asked to what comes out: started, resumed, stopped."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from hil.config import load_toml, validated
from hil.data.datasets import load
from hil.energy.meter import metering
from hil.energy.report import energy_section
from hil.errors import HilError, InputError, nearest
from hil.evaluation.report import doubts, draw, rows
from hil.evaluation.settings import EvaluateConfig
from hil.evaluation.stages import Evaluation
from hil.evaluation.subject import SUBJECTS, Subject
from hil.files import replacing
from hil.runs.interrupt import StopRequest
from hil.runs.metadata import Metadata
from hil.runs.outcome import Outcome
from hil.runs.progress import Progress
from hil.runs.results import Rows
from hil.runs.run import Run, new_path
from hil.runs.stopping import resumable

KIND = "evaluate"
"""The verb, and what its run folders are called."""

CONFUSION = "confusion.npz"
"""File of a run folder: (seeds, classes, classes) by step, images of a class that got an answer."""

HINT = "write it more finely (--tolerance), take a device with less noise, or look at its maps with hil program"


def start(settings: Mapping[str, Any], path: Path | None = None, metadata: Metadata | None = None) -> Outcome:
    """Evaluate a trained network or a run, in a new run folder, the next free one unless `path` names it.

    Raises
    ------
    InputError
        If something that was asked for cannot be used.
    Interrupted
        On Ctrl-C, SIGTERM or SIGHUP; the message says how to go on.
    """
    config = validated(EvaluateConfig, _with_data(settings), f"hil {KIND}")
    source = Path(config.evaluate.source)
    kind = subject_kind(source)
    stem = f"{KIND}-{source.stem or 'run'}"
    with Run.create(path or new_path(stem), KIND, config.model_dump(mode="json"), metadata) as run:
        try:
            return _completed(config, kind, run)
        except (HilError, MemoryError):
            if run.checkpoint() is None:
                run.discard()
            raise


def restart(path: Path) -> Outcome:
    """Go on with the evaluation in a folder after its last whole seed."""
    with Run.resume(path, KIND) as run:
        config = validated(EvaluateConfig, run.config, f"{path}/config.toml")
        return _completed(config, subject_kind(Path(config.evaluate.source)), run)


def subject_kind(path: Path) -> type[Subject]:
    """What an existing file or folder is; `InputError` where it is nothing that can be evaluated."""
    if not path.exists():
        raise InputError(f"no file or run folder {path}")
    kinds, problems = SUBJECTS.found()
    for kind in kinds.values():
        if kind.recognises(path):
            return kind
    for problem in problems.values():
        raise problem
    raise InputError(f"{path} is nothing that can be evaluated {nearest(path.name, kinds)}")


def _with_data(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings with the data set of the run that is evaluated, where none is named."""
    values = {name: dict(part) for name, part in settings.items()}
    source, data = values.get("evaluate", {}).get("source"), values.setdefault("data", {})
    if source and data.get("dataset") is None and (Path(source) / "config.toml").is_file():
        own = load_toml(Path(source) / "config.toml").get("data", {})
        values["data"] = {**{key: own[key] for key in ("dataset", "dir") if key in own}, **data}
    return values


def _completed(config: EvaluateConfig, kind: type[Subject], run: Run) -> Outcome:
    data = load(config.data_set(), config.data.dir)
    subject = kind.load(Path(config.evaluate.source), data, config)
    count = min(config.evaluate.images or len(data.test_labels), len(data.test_labels))
    images, labels = data.test_images[:count], data.test_labels[:count]
    saved = run.checkpoint()
    done: list[dict[str, Any]] = [] if saved is None else saved[1]["seeds"]
    seeds = range(config.evaluate.seed, config.evaluate.seed + config.evaluate.seeds)
    with resumable(run.path, KIND, run.set_state), metering(run.account, config.energy):
        run.set_state("running")
        print(f"{run.path}: {config.evaluate.source} on {config.device.uri}, '{data.name}'", file=sys.stderr)
        with StopRequest() as stop, Progress(len(seeds), "seeds", start=len(done)) as progress:
            evaluation = Evaluation(subject, images, labels, data.classes, config, progress.describe)
            for seed in seeds[len(done) :]:
                done.append(evaluation.play(seed, stop).as_json())
                run.save_checkpoint({}, {"seeds": done})
                progress.advance(1)
                if stop.requested and len(done) < len(seeds):
                    raise KeyboardInterrupt
        table = rows(done, labels, subject.notes, config.program.tolerance)
        table += energy_section(run.account, config.energy)
        table += doubts(done, labels, HINT)
        with replacing(run.path / CONFUSION) as file:
            arrays: dict[str, Any] = {
                step.replace(" ", "_"): np.array([seed["confusion"][step] for seed in done]) for step in
                done[0]["confusion"]
            }  # fmt: skip
            np.savez(file, **arrays)
        figure = draw(done, data.class_names, run.figure(f"{KIND}.png"))
        run.save_results(table)
        run.set_state("finished")
    return Outcome(run.path, Rows(table, str(run.path)), (figure,))
