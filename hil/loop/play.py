"""A loop from what is asked to its report: stages are started, resumed, stopped, and skipped where they are done."""

from __future__ import annotations

import shlex
import shutil
import sys
import time
from pathlib import Path
from typing import Any

from hil.config import validated
from hil.errors import HilError, InputError
from hil.files import read_json, write_json
from hil.loop.loop import Loop, require_drive
from hil.loop.plan import LoopPlan
from hil.loop.report import STATE, save_report, summary_rows
from hil.loop.running import Beside, awaited, begun, processor_time, stop
from hil.loop.stages import LoopStage, stages
from hil.runs.outcome import Outcome
from hil.runs.results import Rows
from hil.runs.run import Run, new_path, summary
from hil.runs.stopping import resumable

KIND = "loop"
"""The verb, and what its run folders are called."""


def start(plan: LoopPlan, path: Path | None = None) -> Outcome:
    """Run a loop in a new folder, the next free one unless `path` names it.

    Raises
    ------
    InputError
        If something that was asked for cannot be used, or a stage fails; `restart` goes on with that stage.
    Interrupted
        On Ctrl-C, SIGTERM or SIGHUP; the message says how to go on.
    """
    plan.check()
    if plan.source and not Path(plan.source).is_file():
        require_drive(Path(plan.source))
    stem = Path(plan.source).stem if plan.source else plan.device.partition("?")[0].replace(":", "-").replace("/", "_")
    with Run.create(path or new_path(f"{KIND}-{stem}"), KIND, {"loop": plan.model_dump(mode="json")}) as run:
        return _completed(plan, run)


def restart(path: Path) -> Outcome:
    """Go on with the loop in a folder: finished stages are kept, one that was stopped goes on."""
    with Run.resume(path, KIND) as run:
        return _completed(validated(LoopPlan, run.config.get("loop", {}), f"{path}/config.toml"), run)


def _completed(plan: LoopPlan, run: Run) -> Outcome:
    loop = Loop(plan, run.path)
    with resumable(run.path, KIND, run.set_state):
        run.set_state("running")
        beside: dict[str, tuple[LoopStage, Beside]] = {}
        try:
            for stage in stages(loop):
                if not stage.wanted(loop) or history(loop).get(stage.name, {}).get("state") == "finished":
                    continue
                if any(running.failed for _, running in beside.values()):
                    break
                if stage.name == "fit":
                    require_drive(Path(loop.data))
                if stage.beside:
                    beside[stage.name] = stage, _begin(stage, loop)
                else:
                    _play(stage, loop)
            for name in list(beside):
                _await(*beside.pop(name), loop)
        finally:
            for stage, running in beside.values():
                stop(running.child)
                _record(stage, running.command, loop, running.seconds, 0.0, 130)
        rows = summary_rows(loop)
        run.save_results(rows)
        report = save_report(loop, rows, run.meta())
        run.set_state("finished")
    return Outcome(run.path, Rows(rows, f"{run.path}"), (report,))


def history(loop: Loop) -> dict[str, dict[str, Any]]:
    """What has run so far: command, seconds and state by the name of the stage, in their order."""
    file = loop.path / STATE
    return dict(read_json(file)) if file.exists() else {}


def _prepared(stage: LoopStage, loop: Loop) -> tuple[list[str], list[str]]:
    """A stage's command and what is run now; its folder is made new, unless that goes on with it."""
    folder, command = loop.folder(stage.name), stage.command(loop)
    words = _resumed(stage, folder) or command
    if words is command:
        shutil.rmtree(folder, ignore_errors=True)
        if stage.keeps != "run":
            folder.mkdir(parents=True)
    aside = " (beside what follows)" * stage.beside
    print(f"-- {stage.title}{aside}: {stage.question}\n   hil {shlex.join(words)}", file=sys.stderr)
    return command, words


def _play(stage: LoopStage, loop: Loop) -> None:
    """Run a stage; `HilError` if its command fails."""
    command, words = _prepared(stage, loop)
    began, busy, code = time.monotonic(), processor_time(), 1
    try:
        code = _run(words, loop.path / f"{stage.name}.txt")
    finally:
        _record(stage, command, loop, time.monotonic() - began, processor_time() - busy, code)
    _require(code, stage, loop)


def _begin(stage: LoopStage, loop: Loop) -> Beside:
    """Begin a stage that goes on beside others."""
    command, words = _prepared(stage, loop)
    return Beside(command, begun(words, loop.path / f"{stage.name}.txt"))


def _await(stage: LoopStage, running: Beside, loop: Loop) -> None:
    """Wait for a stage that was begun before others; `HilError` if its command fails."""
    began, busy, code = time.monotonic(), processor_time(), 1
    try:
        code = awaited(running.child)
    finally:
        waited = time.monotonic() - began
        _record(stage, running.command, loop, running.seconds, processor_time() - busy, code, waited=waited)
    _require(code, stage, loop)


def _record(
    stage: LoopStage, command: list[str], loop: Loop, seconds: float, processor: float, code: int,
    waited: float | None = None,
) -> None:  # fmt: skip
    """Keep what a stage took and how it ended, on top of what earlier tries took."""
    done = history(loop)
    before = done.get(stage.name, {})
    done[stage.name] = {
        "command": command,
        "seconds": round(before.get("seconds", 0.0) + seconds, 2),
        "processor": round(before.get("processor", 0.0) + processor, 2),
        "state": "finished" if code == 0 else "failed" if code == 2 else "stopped",
        **({} if waited is None else {"waited": round(waited, 2)}),
    }
    write_json(loop.path / STATE, done)


def _require(code: int, stage: LoopStage, loop: Loop) -> None:
    if code == 130:
        raise KeyboardInterrupt
    if code:
        raise HilError(
            f"{loop.path}: the stage '{stage.name}' failed, its reason stands above; "
            f"when that is mended, go on with: hil {KIND} --resume {shlex.quote(str(loop.path))}"
        )


def _resumed(stage: LoopStage, folder: Path) -> list[str]:
    """Command that goes on with a stage that was stopped; empty if it is begun anew.

    `InputError` if its folder is damaged: it may hold what was measured on a sample, which is not given it twice.
    """
    if not stage.resumes or not (folder / "config.toml").exists():
        return []
    meta = summary(folder)[0]
    if "problem" in meta:
        raise InputError(f"{folder} is damaged: {meta['problem']}; remove it to begin this stage anew")
    return [*stage.resumes.split(), "--resume", str(folder)]


def _run(words: list[str], output: Path) -> int:
    """Run `hil` with these words; its exit code."""
    return awaited(begun(words, output))
