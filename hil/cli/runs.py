"""`hil runs`: what was run before, and what came out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hil.cli import options

app = typer.Typer()
Root = Annotated[Path, typer.Option("--root", metavar="DIR", help="Where the run folders are.")]


@app.callback(invoke_without_command=True)
def runs(context: typer.Context, root: Root = Path("runs"), json: options.Json = None) -> None:
    """List past runs; `hil runs show NAME` shows one."""
    context.obj = root
    if context.invoked_subcommand is not None:
        return
    from hil.runs.results import Row, report, warnings_in
    from hil.runs.run import find_runs, summary

    rows = []
    for path in find_runs(root):
        meta, results = summary(path)
        if "problem" in meta:
            rows.append(Row(path.name, None, note=f"damaged: {meta['problem']}"))
            continue
        state, started = meta["state"], meta.get("started", "")[:19]
        first = results[0] if results else Row("", None)
        rows.append(
            Row(
                path.name,
                first.value,
                first.unit,
                first.std,
                first.n,
                first.control,
                note="; ".join([f"{state}, {started}, {first.name}", *(f"warning: {w}" for w in warnings_in(results))]),
            )
        )
    report(rows or [Row("no runs yet", None, note="start one with: hil train stdp")], f"runs in {root}", json)


@app.command()
def show(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="Name or folder of a run.")],
    json: options.Json = None,
) -> None:
    """Show one run: state, configuration, results, pictures."""
    import sys

    from hil.errors import InputError, nearest
    from hil.files import read_text
    from hil.runs.interrupt import how_to_continue
    from hil.runs.results import report
    from hil.runs.run import find_runs, read_metrics, summary

    marks = ("config.toml", "meta.json")
    path = next((p for p in (context.obj / name, Path(name)) if any((p / mark).exists() for mark in marks)), None)
    if path is None:
        raise InputError(f"no run '{name}' {nearest(name, [p.name for p in find_runs(context.obj)])}")
    meta, rows = summary(path)
    if "problem" in meta:
        raise InputError(f"{path} is damaged: {meta['problem']}")
    out = sys.stderr if json == "-" else sys.stdout
    state = meta["state"]
    print(f"{path}: {state}, started {meta.get('started', 'at an unknown time')}", file=out)
    print(f"command: {' '.join(map(str, meta.get('command', [])))}", file=out)
    print(f"versions: {', '.join(f'{k} {v}' for k, v in meta.get('versions', {}).items())}\n", file=out)
    print(read_text(path / "config.toml"), file=out)
    points = read_metrics(path)
    if points:
        print(f"metrics: {len(points)} points in {path / 'metrics.jsonl'}, the last: {points[-1]}\n", file=out)
    if rows or json:
        report(rows, "results", json)
    for picture in sorted((path / "figures").glob("*")):
        print(f"picture: {picture}", file=out)
    if state != "finished" and "kind" in meta:
        print(how_to_continue(meta["kind"], path), file=out)
