"""One page for a run of any kind, or for several: state, results, figures, how it was made and how to repeat it."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path

from hil import notebook, pages
from hil.errors import InputError
from hil.files import read_text
from hil.runs.interrupt import how_to_continue
from hil.runs.listing import Listed
from hil.runs.run import read_metrics
from hil.runs.sides import ALIKE, Sides

MOST_POINTS = 20
"""Points of a learning curve that are listed; of more, the first and the last."""


def run_page(folders: Sequence[Path]) -> str:
    """Page of the runs in these folders, the numbers of several side by side first.

    `InputError` if one is damaged.
    """
    runs = [Listed.read(path) for path in folders]
    for run in runs:
        if run.problem is not None:
            raise InputError(f"{run.path} is damaged: {run.problem}")
    title = ", ".join(run.path.name for run in runs)
    body = list(_side_by_side(runs)) if len(runs) > 1 else []
    for run in runs:
        body += [f"<h2>{escape(run.path.name)}</h2>"] if len(runs) > 1 else []
        body += _run(run)
    return pages.page(title, body)


def _side_by_side(runs: Sequence[Listed]) -> Iterator[str]:
    sides, names = Sides(runs), [run.path.name for run in runs]
    yield notebook.table(["quantity", *names], [(name, *cells) for name, cells in sides.numbers()], "Side by side")
    differs = sides.differences()
    if differs:
        yield notebook.table(["what differs", *names], [(name, *cells) for name, cells in differs])
    else:
        yield f"<p>{escape(ALIKE)}</p>"


def _run(run: Listed) -> Iterator[str]:
    meta, path = run.meta, run.path
    state = str(meta["state"])
    yield f"<p>hil {escape(str(meta.get('kind', '')))}, {escape(state)}</p>"
    if state != "finished":
        yield f"<p class=warning>It is {escape(state)}, so numbers may be missing: {escape(_more(run))}</p>"
    told = {name: ", ".join(text) if name == "tags" else text for name, text in run.metadata.given().items()}
    if told:
        yield notebook.table(["what", ""], [(name, str(text)) for name, text in told.items()])
    if run.rows:
        yield pages.results(run.rows, "Results")
    pictures = sorted((path / "figures").glob("*"))
    yield from (pages.picture(file) for file in pictures if file.suffix.lower() in pages.MIME)
    others = [str(file) for file in pictures if file.suffix.lower() not in pages.MIME]
    if others:
        yield f"<p class=note>not shown: {escape(', '.join(others))}</p>"
    yield "<h3>Made by</h3>"
    yield pages.command(shlex.join(map(str, meta.get("command", ["hil"]))))
    if (path / "config.toml").exists():
        yield pages.folded("Configuration, all settings", read_text(path / "config.toml"))
    points = read_metrics(path)
    if points:
        shown = points if len(points) <= MOST_POINTS else [*points[: MOST_POINTS // 2], *points[-MOST_POINTS // 2 :]]
        yield pages.folded(f"{len(points)} points measured on the way", "\n".join(map(str, shown)))
    yield from pages.origin(meta)


def _more(run: Listed) -> str:
    return how_to_continue(str(run.meta.get("kind", "")), run.path)
