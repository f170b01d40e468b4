"""A loop from what is asked to its report: stages are started, resumed, stopped, and skipped where they are done."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from hil.config import validated
from hil.errors import HilError, InputError
from hil.files import read_json, write_json
from hil.loop.loop import Loop
from hil.loop.plan import LoopPlan
from hil.loop.report import STATE, save_report, summary_rows
from hil.loop.stages import LoopStage, stages
from hil.runs.outcome import Outcome
from hil.runs.results import Rows
from hil.runs.run import Run, new_path, summary
from hil.runs.stopping import resumable

KIND = "loop"
"""The verb, and what its run folders are called."""

PATIENCE = 120.0
"""How long a stage may take to stop where nothing is lost, s."""


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
        for stage in stages(loop):
            if stage.wanted(loop):
                _play(stage, loop)
        rows = summary_rows(loop)
        run.save_results(rows)
        report = save_report(loop, rows, run.meta())
        run.set_state("finished")
    return Outcome(run.path, Rows(rows, f"{run.path}"), (report,))


def history(loop: Loop) -> dict[str, dict[str, Any]]:
    """What has run so far: command, seconds and state by the name of the stage, in their order."""
    file = loop.path / STATE
    return dict(read_json(file)) if file.exists() else {}


def _play(stage: LoopStage, loop: Loop) -> None:
    """Run a stage unless it is done; `InputError` if its command fails."""
    done = history(loop)
    if done.get(stage.name, {}).get("state") == "finished":
        return
    folder = loop.folder(stage.name)
    command = stage.command(loop)
    words = _resumed(stage, folder) or command
    if words is command:
        shutil.rmtree(folder, ignore_errors=True)
        if stage.keeps != "run":
            folder.mkdir(parents=True)
    spent, worked = (done.get(stage.name, {}).get(key, 0.0) for key in ("seconds", "processor"))
    print(f"-- {stage.title}: {stage.question}\n   hil {shlex.join(words)}", file=sys.stderr)
    began, busy = time.monotonic(), _processor_time()
    code = 1
    try:
        code = _run(words, loop.path / f"{stage.name}.txt")
    finally:
        spent, worked = spent + time.monotonic() - began, worked + _processor_time() - busy
        state = "finished" if code == 0 else "failed" if code == 2 else "stopped"
        done[stage.name] = {
            "command": command, "seconds": round(spent, 2), "processor": round(worked, 2), "state": state
        }  # fmt: skip
        write_json(loop.path / STATE, done)
    if code == 130:
        raise KeyboardInterrupt
    if code:
        raise HilError(
            f"{loop.path}: the stage '{stage.name}' failed, its reason stands above; "
            f"when that is mended, go on with: hil {KIND} --resume {shlex.quote(str(loop.path))}"
        )


def _processor_time() -> float:
    """Seconds of processor time of all stages so far."""
    used = os.times()
    return used.children_user + used.children_system


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
    """Run `hil` with these words; its table goes to `output`, what it says meanwhile to the screen. The exit code."""
    with output.open("a", encoding="utf-8") as file:
        try:
            child = subprocess.Popen([sys.executable, "-m", "hil", *words], stdin=subprocess.DEVNULL, stdout=file)
        except OSError as error:
            raise InputError(f"a stage cannot be started: {error.strerror or error}") from error
        try:
            return child.wait()
        except BaseException:
            with suppress(OSError):
                child.terminate()  # a second request to stop, where Ctrl-C reached it too: it stops once
            try:
                child.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
            raise
