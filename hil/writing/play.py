"""A write from what is asked to what comes out: started, resumed, stopped."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hil.backends import check_address, open_device
from hil.config import validated
from hil.device import Unsupported
from hil.energy.meter import during, metering
from hil.energy.report import energy_section
from hil.errors import HilError
from hil.files import replacing
from hil.runs.interrupt import Interrupted, StopRequest
from hil.runs.metadata import Metadata
from hil.runs.outcome import Outcome
from hil.runs.progress import Progress
from hil.runs.results import Rows
from hil.runs.run import Run, new_path
from hil.runs.stopping import resumable
from hil.synapses.catalogue import with_synapse
from hil.writing.plan import WritePlan
from hil.writing.report import draw, rows, weight_rows
from hil.writing.targets import Targets, read
from hil.writing.write import PROGRAMMING, Verification, Write

KIND = "program"
"""The verb, and what its run folders are called."""

TARGETS, WRITTEN = "targets.npz", "written.npz"
"""Files of a run folder: what was asked, as it was read; and what every cell has come to."""

STATE = "device."
"""Prefix of the device's own state in a checkpoint."""


def start(settings: Mapping[str, Any], path: Path | None = None, metadata: Metadata | None = None) -> Outcome:
    """Write targets into a device, in a new run folder, the next free one unless `path` names it.

    Raises
    ------
    InputError
        If something that was asked for cannot be used; nothing has been driven.
    Interrupted
        On Ctrl-C, SIGTERM or SIGHUP; the message says how to go on.
    """
    plan = validated(WritePlan, settings, f"hil {KIND}")
    targets = read(Path(plan.source), plan.layer)
    check_address(with_synapse(plan.device, plan.synapse), defaults=_size(targets))
    stem = f"{KIND}-{Path(plan.source).stem}"
    with Run.create(path or new_path(stem), KIND, {KIND: plan.model_dump(mode="json")}, metadata) as run:
        try:
            with replacing(run.path / TARGETS) as file:
                targets.save(file)
            return _completed(plan, targets, run)
        except (HilError, MemoryError):
            if run.checkpoint() is None:
                (run.path / TARGETS).unlink(missing_ok=True)
                run.discard()
            raise


def restart(path: Path) -> Outcome:
    """Go on with the write in a folder from its last verification."""
    with Run.resume(path, KIND) as run:
        plan = validated(WritePlan, run.config.get(KIND, {}), f"{path}/config.toml")
        return _completed(plan, read(run.path / TARGETS), run)


def _completed(plan: WritePlan, targets: Targets, run: Run) -> Outcome:
    address = with_synapse(plan.device, plan.synapse)
    with (
        resumable(run.path, KIND, run.set_state),
        metering(run.account, plan.energy),
        during(PROGRAMMING),
        open_device(address, defaults=_size(targets)) as device,
    ):
        run.set_state("running")
        write = Write(*targets.on(device, plan), plan, lambda write: _save(run, write, sample=True))
        _recall(run, write)
        _play(write, run)
        table = rows(write, run.metrics()) + weight_rows(write, device, targets)
        table += energy_section(run.account, plan.energy)
        with replacing(run.path / WRITTEN) as file:
            np.savez(
                file, target=write.target, conductance=write.conductance, error=write.error, pulses=write.pulses,
                fate=write.fate,
            )  # fmt: skip
        figure = draw(write, run.metrics(), run.figure(f"{KIND}.png"))
        run.save_results(table)
        run.set_state("finished")
    return Outcome(run.path, Rows(table, str(run.path)), (figure,))


def _play(write: Write, run: Run) -> None:
    """Verify and pulse until all is over; a checkpoint after every verification."""
    cells = int((~np.isnan(write.target)).sum())
    with StopRequest() as stop, Progress(cells, "cells") as progress:
        for seen in write.rounds():
            run.metric(**vars(seen))
            _save(run, write)
            progress.describe(f"verification {seen.number}")
            progress.advance(cells - seen.unsettled - progress.done)
            if stop.requested and not write.done:
                run.set_state("stopped")
                raise Interrupted(f"stopped after verification {seen.number}: {_told(seen)}")


def _told(seen: Verification) -> str:
    return f"{seen.within:,} cells within the tolerance, {seen.unsettled:,} to go"


def _save(run: Run, write: Write, *, sample: bool = False) -> None:
    """Checkpoint of the write, and of the device where it can tell its state; with `sample` only where it cannot."""
    try:
        state: dict[str, NDArray[Any]] = write.device.snapshot()
    except Unsupported:
        state = {}
    if not (sample and state):
        run.save_checkpoint({**write.state(), **{f"{STATE}{name}": array for name, array in state.items()}}, {})


def _recall(run: Run, write: Write) -> None:
    """Go back to a checkpoint, if there is one.

    A sample that cannot be restored is what it is: pulses that were played after the checkpoint were counted in it
    already, and the next read shows what they did.
    """
    saved = run.checkpoint()
    if saved is None:
        return
    arrays = saved[0]
    own = {name.removeprefix(STATE): array for name, array in arrays.items() if name.startswith(STATE)}
    if own:
        write.device.restore(own)
    write.recall({name: array for name, array in arrays.items() if not name.startswith(STATE)})
    if not own:
        write.look_again()


def _size(targets: Targets) -> dict[str, int]:
    return {"rows": targets.values.shape[0], "cols": targets.values.shape[1]}
