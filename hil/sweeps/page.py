"""One page for a sweep: its points with spread and control, the picture of them, the grid, how to repeat it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from html import escape
from pathlib import Path
from tempfile import TemporaryDirectory

from hil import notebook, pages
from hil.runs.interrupt import how_to_continue
from hil.runs.run import summary as run_summary
from hil.sweeps.summary import picture, summary
from hil.sweeps.sweep import load, saved_tasks

MARK = "results.sqlite"
"""File that a sweep's folder holds."""


def page(folder: Path) -> str:
    """Page of the sweep in a folder, finished or not; `InputError` if it holds none, or is damaged."""
    return pages.page(f"{folder.name}: a sweep", list(_body(folder)))


def _body(folder: Path) -> Iterator[str]:
    tasks = saved_tasks(folder)
    rows, quantity = summary(tasks, load(folder))
    left = sum(not task.done for task in tasks)
    yield f"<p>hil sweep of hil {escape(tasks[0].kind)}: {len(tasks) - left} of {len(tasks)} tasks done</p>"
    if left:
        words = how_to_continue("sweep", folder)
        yield f"<p class=warning>{left} tasks are missing, so points may be missing or change: {escape(words)}</p>"
    if rows:
        yield pages.results(rows, f"{quantity}, mean and standard deviation over seeds")
        drawn = picture(rows, quantity)
        if drawn is not None:
            with TemporaryDirectory() as scratch:
                yield pages.picture(drawn.draw(Path(scratch)))
    axes = {name: list(dict.fromkeys(str(task.axes[name].label) for task in tasks)) for name in tasks[0].axes}
    yield notebook.table(["axis", "points"], [(name, ", ".join(points)) for name, points in axes.items()], "Grid")
    yield "<h3>Made by</h3>"
    yield pages.command(f"hil sweep FILE.toml    # then: hil sweep --resume {folder}")
    yield pages.folded("Settings of the first task", json.dumps(dict(tasks[0].config), indent=1))
    lines = "\n".join(f"{task.id}  {'done' if task.done else 'to do'}  {task.label}" for task in tasks)
    yield pages.folded(f"{len(tasks)} tasks, each a run folder in {folder / 'tasks'}", lines)
    meta = next((run_summary(folder / "tasks" / task.id)[0] for task in tasks if task.done), None)
    if meta is not None:
        yield from pages.origin(meta)
