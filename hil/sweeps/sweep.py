"""Sweeps: one training driver over a grid of settings, its tasks spread over processes or machines by Dask.

SWEEP/results.sqlite   the grid and every result row; only the process that runs the sweep writes it
SWEEP/tasks/ID/        the run folder of a task, as `hil train` makes it, and its log.txt
SWEEP/lock             held while a process works on the sweep

A task is done once its rows are in the table: they and the mark are one transaction, so whatever ends a worker, the
scheduler or the sweep itself, no row is lost or doubled. A task cut short goes on from its run folder's checkpoint.
"""

from __future__ import annotations

import json
import os
import platform
import signal
import sqlite3
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import CancelledError
from contextlib import closing, redirect_stderr, suppress
from dataclasses import asdict
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, Self

from filelock import FileLock, Timeout

from hil.config import validated
from hil.data.datasets import load as load_dataset
from hil.errors import HilError, InputError
from hil.runs import sending
from hil.runs.interrupt import Interrupted, StopRequest, how_to_continue
from hil.runs.progress import Progress
from hil.runs.results import Row
from hil.runs.run import Run, summary
from hil.sweeps.farm import Farm
from hil.sweeps.file import ROW_FIELDS, Point, Task, find_driver
from hil.training.driver import Driver

if TYPE_CHECKING:
    from distributed import Client

LOCK_PATIENCE = 60.0
"""Seconds that a task waits for a process, left over from before, to let go of its run folder."""

_TABLES = f"""
CREATE TABLE IF NOT EXISTS tasks (task TEXT PRIMARY KEY, kind TEXT, axes TEXT, config TEXT, done TEXT);
CREATE TABLE IF NOT EXISTS farm (uri TEXT PRIMARY KEY);
CREATE TABLE IF NOT EXISTS rows (task TEXT, row INTEGER, {", ".join(ROW_FIELDS)}, PRIMARY KEY (task, row));
"""


class Sweep:
    """One sweep folder, locked for this process; a context manager. Use `Sweep.create` or `Sweep.resume`."""

    def __init__(self, path: Path) -> None:
        """Lock the folder and open its table; `InputError` if another process works on it."""
        self.path = path
        self._lock = FileLock(path / "lock")
        try:
            self._lock.acquire(timeout=0)
        except Timeout:
            raise InputError(f"{path} is in use by another process: wait for it or choose another --folder") from None
        self._table = sqlite3.connect(path / "results.sqlite")
        self._table.execute("PRAGMA journal_mode = WAL")
        self._table.executescript(_TABLES)
        there = _columns(self._table)
        with self._table:
            for name in ROW_FIELDS:
                if name not in there:  # a sweep of an older version
                    self._table.execute(f"ALTER TABLE rows ADD COLUMN {name}")

    @classmethod
    def create(cls, path: Path, tasks: Sequence[Task], farm: Sequence[str] = ()) -> Self:
        """Start a sweep, on the devices of a farm if there is one; `InputError` if the folder already holds one."""
        path.mkdir(parents=True, exist_ok=True)
        sweep = cls(path)
        if sweep.tasks():
            sweep.close()
            raise InputError(f"{path} already holds a sweep: continue it with --resume {path} or choose another folder")
        texts = [(json.dumps({n: asdict(p) for n, p in t.axes.items()}), json.dumps(t.config)) for t in tasks]
        rows = [(task.id, task.kind, *text) for task, text in zip(tasks, texts, strict=True)]
        with sweep._table:
            sweep._table.executemany("INSERT INTO tasks VALUES (?, ?, ?, ?, NULL)", rows)
            sweep._table.executemany("INSERT INTO farm VALUES (?)", [(uri,) for uri in farm])
        return sweep

    @classmethod
    def resume(cls, path: Path) -> Self:
        """Open a sweep that was stopped or killed."""
        saved_tasks(path)
        return cls(path)

    def tasks(self) -> list[Task]:
        """All tasks in the order of the grid."""
        return _tasks(self._table)

    @property
    def farm(self) -> Farm:
        """Devices that share the tasks, all free."""
        found = self._table.execute("SELECT uri FROM farm ORDER BY rowid").fetchall()
        return Farm([uri for (uri,) in found], self.path.resolve() / "tasks")

    def finish(self, task: Task, rows: Sequence[Row]) -> None:
        """Keep the rows of a task and mark it done, in one transaction."""
        values = [(task.id, number, *_values(row)) for number, row in enumerate(rows)]
        names = ", ".join(("task", "row", *ROW_FIELDS))
        with self._table:
            self._table.executemany(f"INSERT INTO rows ({names}) VALUES (?, ?{', ?' * len(ROW_FIELDS)})", values)
            now = time.strftime("%Y-%m-%dT%H:%M:%S%z")
            self._table.execute("UPDATE tasks SET done = ? WHERE task = ?", (now, task.id))

    def close(self) -> None:
        """Let go of the table and the folder."""
        self._table.close()
        self._lock.release()

    def __enter__(self) -> Self:
        """Use the sweep in a with statement."""
        return self

    def __exit__(self, *_: object) -> None:
        """Let go of the folder on every way out."""
        self.close()


def saved_tasks(path: Path) -> list[Task]:
    """Grid of a sweep folder, in use or not."""
    tasks = _look(path, _tasks)
    if not tasks:
        raise InputError(f"{path} holds no sweep")
    return tasks


def load(path: Path) -> list[dict[str, Any]]:
    """All result rows of a sweep folder, in use or not: the label of every axis, task, row number, the row's fields.

    ``conditions`` is a JSON text; fields that an older sweep did not have are missing.
    """
    axes = {task.id: {name: point.label for name, point in task.axes.items()} for task in saved_tasks(path)}
    query = "SELECT rows.* FROM rows JOIN tasks USING (task) ORDER BY tasks.rowid, row"
    names = _look(path, _columns)
    found = _look(path, lambda table: table.execute(query).fetchall())
    return [{**axes[values[0]], **dict(zip(names, values, strict=True))} for values in found]


def play(sweep: Sweep, client: Client) -> None:
    """Run every task that is not done on the workers of a Dask client.

    Raises
    ------
    Interrupted
        On Ctrl-C, SIGTERM or SIGHUP; what is done is kept.
    HilError
        If the scheduler is lost or, once all other tasks are done, if a task cannot be run.
    """
    tasks = sweep.tasks()
    waiting = [task for task in tasks if not task.done]
    resume = how_to_continue("sweep", sweep.path)
    ended: SimpleQueue[Any] = SimpleQueue()
    failures: list[tuple[Task, Exception]] = []
    running: dict[Any, Task] = {}
    farm, driver = sweep.farm, find_driver(tasks[0].kind)
    folder = sweep.path.resolve() / "tasks"
    with StopRequest() as stop, Progress(len(tasks), "tasks", start=len(tasks) - len(waiting)) as progress:
        while True:
            waiting = _begin(
                waiting, farm, lambda task, config: _submit(client, driver, config, folder / task.id, ended), running
            )
            if not running:
                break
            try:
                future = ended.get(timeout=0.2)
            except Empty:
                if stop.requested:
                    client.cancel(list(running), force=True)
                    raise Interrupted(
                        f"stopped after {progress.done:,} of {progress.total:,} tasks; {resume}"
                    ) from None
                continue
            task = running.pop(future)
            try:
                rows = future.result()
            except CancelledError:
                raise HilError(f"the Dask scheduler was lost after {progress.done:,} tasks; {resume}") from None
            except Exception as error:
                _failed(task, error, farm, waiting, failures)
                continue
            device = farm.device(task)
            sweep.finish(task, [row.under(device=device) for row in rows] if device else rows)
            farm.release(task)
            progress.describe(task.label)
            progress.advance(1)
    if waiting:
        failures += [(task, HilError(_without_device(farm))) for task in waiting]
    if failures:
        _complain(failures, f"the others are kept, {resume}")


def _submit(
    client: Client, driver: type[Driver], config: Mapping[str, Any], folder: Path, ended: SimpleQueue[Any]
) -> Any:
    """Give a task to a worker; its future comes back through `ended`."""
    future = client.submit(run_task, driver, config, folder, pure=False)
    future.add_done_callback(ended.put)
    return future


def _begin(
    waiting: list[Task], farm: Farm, submit: Callable[[Task, Mapping[str, Any]], Any], running: dict[Any, Task]
) -> list[Task]:
    """Submit every task whose device is free; those that have to wait."""
    left = []
    for task in waiting:
        config = None if farm.full else farm.config(task)
        if config is None:
            left.append(task)
        else:
            running[submit(task, config)] = task
    return left


def _failed(
    task: Task, error: Exception, farm: Farm, waiting: list[Task], failures: list[tuple[Task, Exception]]
) -> None:
    """Note a failure; of a farm, its device gets no other task, and the task another device if it left no trace."""
    device = farm.device(task)
    if device is None or not isinstance(error, HilError):
        failures.append((task, error))
        return
    farm.lose(task, str(error))
    print(f"{device} is out of the farm: '{task.label}' failed on it: {error}", file=sys.stderr)
    if farm.hopeless(task):
        failures.append((task, error))
    else:
        waiting.append(task)


def _without_device(farm: Farm) -> str:
    told = "; ".join(f"{uri}: {reason}" for uri, reason in farm.lost.items())
    return f"no device of the farm is left for it ({told})"


def run_task(driver: type[Driver], config: Mapping[str, Any], folder: Path) -> list[Row]:
    """Run a task in a worker as `hil train` does, from its checkpoint if it has one; progress goes to log.txt.

    A run that finished but whose rows were lost on their way is not run again.
    """
    folder.mkdir(parents=True, exist_ok=True)
    meta, rows = summary(folder)
    if "problem" in meta:
        raise InputError(f"{folder} is damaged: {meta['problem']}; remove it to run the task again")
    if meta["state"] == "finished":
        return rows
    with (folder / "log.txt").open("a", buffering=1, encoding="utf-8") as log, redirect_stderr(log):
        print(f"process {os.getpid()} on {platform.node()}", file=log)
        values: Any = validated(driver.config_model, config, str(folder))
        dataset = load_dataset(values.data.dataset, values.data.dir)
        with suppress(Timeout), FileLock(folder / "lock", timeout=LOCK_PATIENCE):
            pass
        begun = (folder / "config.toml").is_file()
        with Run.resume(folder, driver.kind) if begun else Run.create(folder, driver.kind, config) as run:
            try:
                rows, _ = driver(values, dataset, run).complete()
            except (HilError, MemoryError):
                if run.checkpoint() is None and sending.left(run.path) is None:
                    run.discard()
                raise
    return rows


def dask_setup(worker: object) -> None:
    """Leave Ctrl-C and a closed terminal, which reach all processes there, to the one that runs the sweep.

    Dask calls this in every worker that preloads the module.
    """
    for number in {signal.SIGINT, getattr(signal, "SIGHUP", signal.SIGINT)}:
        signal.signal(number, signal.SIG_IGN)


def _complain(failures: Sequence[tuple[Task, Exception]], advice: str) -> None:
    from distributed.scheduler import KilledWorker

    for _, error in failures:
        if not isinstance(error, HilError | KilledWorker):
            raise error
    task, error = failures[0]
    reason = "every worker that ran it died" if isinstance(error, KilledWorker) else str(error)
    raise HilError(f"{len(failures)} of all tasks failed, the first '{task.label}': {reason}; {advice}")


def _look(path: Path, query: Callable[[sqlite3.Connection], list[Any]]) -> list[Any]:
    file = path / "results.sqlite"
    if not file.is_file():
        return []
    try:
        with closing(sqlite3.connect(file)) as table:
            return query(table)
    except sqlite3.DatabaseError as error:
        raise InputError(f"{file} is not the table of a sweep: {error}") from None


def _columns(table: sqlite3.Connection) -> list[str]:
    """Names of the columns of result rows."""
    return [str(column[1]) for column in table.execute("PRAGMA table_info(rows)")]


def _values(row: Row) -> list[Any]:
    """Fields of a row as the table holds them."""
    fields = {**asdict(row), "conditions": json.dumps(dict(row.conditions)), "headline": int(row.headline)}
    return [fields[name] for name in ROW_FIELDS]


def _tasks(table: sqlite3.Connection) -> list[Task]:
    found = table.execute("SELECT task, kind, axes, config, done IS NOT NULL FROM tasks ORDER BY rowid")
    return [
        Task(task, kind, {n: Point(**p) for n, p in json.loads(axes).items()}, json.loads(config), bool(done))
        for task, kind, axes, config, done in found
    ]
