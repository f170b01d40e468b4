"""`hil sweep`: run a training driver over a grid of settings."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hil.cli import checks, options
from hil.errors import InputError
from hil.runs.stopping import refuse_with_resume, resumable

if TYPE_CHECKING:
    from distributed import Client

    from hil.runs.results import Row
    from hil.sweeps.file import Task

WORKERS = 1024
"""Processes at most."""

SCHEMES = ("tcp", "tls", "ws", "wss")
"""Ways of talking to a scheduler."""

PATIENCE = 5.0
"""Seconds within which a scheduler must be heard of."""

ROOT = Path("sweeps")
"""Where sweeps are kept unless the user names another place."""


def sweep(
    file: Annotated[Path | None, typer.Argument(metavar="[FILE.toml]", help="Driver, base settings and axes.")] = None,
    scheduler: Annotated[
        str | None, typer.Option(metavar="tcp://HOST:8786", help="Dask scheduler whose workers run the tasks.")
    ] = None,
    workers: Annotated[int | None, typer.Option(help="Processes on this machine (default: one a processor).")] = None,
    folder: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            callback=checks.output_folder,
            help="Folder of the sweep (default: sweeps/NAME-001, -002, ...).",
        ),
    ] = None,
    resume: Annotated[Path | None, typer.Option(metavar="DIR", help="Run what is missing of a sweep.")] = None,
    settings: options.Settings = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only print the grid.")] = False,
    json: options.Json = None,
) -> None:
    """Run a training driver over a grid of settings, in parallel, and compare the points.

    Every task has its own run folder. Whatever ends a worker, only its task is run again; whatever ends the sweep,
    --resume runs only what is missing. With --scheduler, the workers must see the sweep's folder under the same path
    and run one task at a time (dask worker --nthreads 1).

    \b
    hil sweep examples/stdp_sweep.toml --dry-run
    hil sweep examples/stdp_sweep.toml --workers 2 --folder sweeps/one
    hil sweep --resume sweeps/one
    """
    from hil.runs.results import report
    from hil.runs.run import new_path
    from hil.sweeps import file as sweep_file
    from hil.sweeps import sweep as sweeps

    _check_workers(workers, scheduler)
    if resume is not None:
        refuse_with_resume({"FILE.toml": file, "--folder": folder, "--set": settings})
        (name, tasks), farm = (resume.name, sweeps.saved_tasks(resume)), []
    elif file is not None:
        (name, tasks), farm = sweep_file.read(file, settings or []), sweep_file.farm(file)
    else:
        raise InputError("name a sweep file, or a sweep to continue: --resume DIR")
    if dry_run:
        heads = {"quantity": "point", "value": "state", "note": "settings"}
        report(_grid(tasks), f"{name}: {len(tasks)} tasks of 'hil {tasks[0].kind}'", json, heads)
        return
    if scheduler is not None:
        _reach(scheduler)
    path = resume or folder or new_path(name, ROOT)
    opened = sweeps.Sweep.resume(path) if resume else sweeps.Sweep.create(path, tasks, farm)
    with opened, resumable(opened.path, "sweep"):
        left = sum(not task.done for task in opened.tasks())
        print(f"{path}: {left} of {len(tasks)} tasks to run", file=sys.stderr)
        if left:
            with dask_client(scheduler, workers) as client:
                sweeps.play(opened, client)
    _show(path, tasks, json)


def _show(path: Path, tasks: Sequence[Task], json: str | None) -> None:
    """Report all points, draw them, and say where the rest is."""
    from hil.runs.results import report
    from hil.sweeps import sweep as sweeps
    from hil.sweeps.summary import picture, summary

    rows, quantity = summary(tasks, sweeps.load(path))
    report(rows, f"{path}: {quantity}", json, {"quantity": "point"})
    drawn = picture(rows, quantity)
    if drawn is not None:
        (path / "figures").mkdir(exist_ok=True)
        print(f"picture: {drawn.draw(path / 'figures')}", file=sys.stderr)
    print(f"all rows: {path / 'results.sqlite'}; one page: hil report {path}", file=sys.stderr)


def _check_workers(workers: int | None, scheduler: str | None) -> None:
    if workers is not None and (scheduler or not 1 <= workers <= WORKERS):
        raise InputError(
            f"--workers {workers}: give 1 or more processes, {WORKERS} at most, and no --scheduler beside them"
        )


def _reach(scheduler: str) -> None:
    """Raise `InputError` unless something listens at the scheduler's address, before anything waits for it."""
    import socket
    from urllib.parse import urlsplit

    try:
        parts = urlsplit(scheduler)
        host, port = parts.hostname, parts.port
    except ValueError:
        parts, host, port = urlsplit(""), None, None
    if parts.scheme not in SCHEMES or not host or not port:
        raise InputError(f"--scheduler {scheduler}: write tcp://HOST:PORT, such as tcp://127.0.0.1:8786")
    try:
        socket.create_connection((host, port), timeout=PATIENCE).close()
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(f"--scheduler {scheduler} cannot be reached: {reason[:1].lower()}{reason[1:]}") from None


@contextmanager
def dask_client(scheduler: str | None = None, workers: int | None = None) -> Iterator[Client]:
    """Client of a Dask scheduler or, where none is named, of one on this machine alone, which ends with it."""
    try:
        from distributed import Client, LocalCluster
    except ImportError:
        raise InputError("sweeps need Dask: pip install 'memhil[sweep]'") from None
    import logging

    for name in ("distributed", "distributed.client", "tornado"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    if scheduler is not None:
        try:
            client = Client(scheduler, timeout=10, set_as_default=False)
        except (OSError, ValueError) as error:
            raise InputError(f"--scheduler {scheduler}: {error}") from None
        with client:
            found = client.scheduler_info(n_workers=-1)["workers"].values()
            if any(worker["nthreads"] > 1 for worker in found):
                raise InputError(f"--scheduler {scheduler}: start its workers with --nthreads 1")
            print(f"{scheduler}: {len(found)} workers; those that join later help as well", file=sys.stderr)
            yield client
        return
    with (
        LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            processes=True,
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",  # None means port 8787, and a warning where it is taken
            silence_logs=logging.CRITICAL,
            memory_limit=0,
            preload="hil.sweeps.sweep",
        ) as cluster,
        Client(cluster, set_as_default=False) as client,
    ):
        yield client


def _grid(tasks: Sequence[Task]) -> list[Row]:
    from hil.runs.results import Row

    rows = []
    for task in tasks:
        settings = [f"{k}={v}" for point in task.axes.values() for k, v in point.settings.items()]
        axes = {name: point.label for name, point in task.axes.items()}
        done = Row("state", "done" if task.done else "to do", note=" ".join(settings), label=task.label)
        rows.append(done.under(**axes))
    return rows
