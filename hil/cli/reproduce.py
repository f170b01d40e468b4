"""`hil reproduce`: figures and numbers of papers, beside ours, with verdicts."""

from __future__ import annotations

import json as jsonlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hil.cli import options
from hil.runs.stopping import refuse_with_resume, resumable

if TYPE_CHECKING:
    from hil.reproduction.papers import Paper
    from hil.reproduction.play import ReproduceConfig
    from hil.runs.run import Run

PAPER_WIDTH = 200
"""Characters a line where the table does not go to a terminal."""

Root = Annotated[Path, typer.Option("--root", metavar="DIR", help="Where the list looks for run folders.")]


def reproduce(
    paper: Annotated[str | None, typer.Argument(metavar="[PAPER]", help="Such as flca; none lists all.")] = None,
    only: Annotated[str | None, typer.Option(metavar="KEY,...", help="Only these figures, such as 3C,4.")] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Under two minutes: fewer repeats, bundled data.")] = False,
    data_dir: options.DataDir = None,
    run: options.RunFolder = None,
    resume: options.Resume = None,
    root: Root = Path("runs"),
    json: options.Json = None,
) -> None:
    """Reproduce a paper: every figure and number we cover, what we find, an independent check, a control, a verdict.

    A verdict follows from the row's numbers by the rules of docs/reproduction.md. Finished figures are kept: after
    Ctrl-C, --resume makes the rest.

    \b
    hil reproduce                            # list, with the state of every figure
    hil reproduce flca --quick
    hil reproduce flca --data-dir DIR        # with MNIST, some minutes
    hil reproduce flca --only 3C,4 --json -
    hil reproduce brivio2021 --data-dir DIR  # an hour on one core; Ctrl-C and --resume as you like
    """
    from hil.errors import InputError
    from hil.reproduction.papers import find_paper, papers

    asked = {"PAPER": paper, "--only": only, "--quick": quick or None, "--data-dir": data_dir, "--run": run}
    if resume is not None:
        refuse_with_resume(asked)
        return _play(*_resumed(resume), fresh=False, json=json)
    if paper is None:
        extra = [name for name, value in asked.items() if value]
        if extra:
            raise InputError(f"{', '.join(extra)} without a paper: name one of {', '.join(papers())}")
        return _list(root, json)
    return _play(*_started(find_paper(paper), only, quick, data_dir, run), fresh=True, json=json)


def _list(root: Path, json: str | None) -> None:
    from hil.reproduction.papers import papers
    from hil.reproduction.play import listing
    from hil.runs.results import report

    report(listing(papers(), root), "papers", json, {"quantity": "figure", "value": "state"})


def _started(
    paper: Paper, only: str | None, quick: bool, data_dir: Path | None, run: Path | None
) -> tuple[Paper, ReproduceConfig, Run]:
    from hil.errors import InputError
    from hil.reproduction.play import KIND, ReproduceConfig
    from hil.runs.run import Run, new_path

    keys = [figure.key for figure in paper.select(_keys(only))] if only is not None else []
    if data_dir is not None and not data_dir.is_dir():
        raise InputError(f"--data-dir {data_dir} is no folder")
    config = ReproduceConfig(
        paper=paper.key,
        only=tuple(keys),
        quick=quick,
        data_dir=str(data_dir) if data_dir else None,
    )
    folder = Run.create(run or new_path(f"reproduce-{paper.key}"), KIND, config.model_dump(mode="json"))
    return paper, config, folder


def _resumed(path: Path) -> tuple[Paper, ReproduceConfig, Run]:
    from hil.config import validated
    from hil.reproduction.papers import find_paper
    from hil.reproduction.play import KIND, ReproduceConfig
    from hil.runs.run import Run

    folder = Run.resume(path, KIND)
    config = validated(ReproduceConfig, folder.config, f"{path}/config.toml")
    return find_paper(config.paper), config, folder


def _play(paper: Paper, config: ReproduceConfig, folder: Run, *, fresh: bool, json: str | None) -> None:
    from rich.console import Console

    from hil.errors import HilError
    from hil.reproduction.play import FINDINGS, KIND, Reproduction, as_json, table, tally

    with folder, resumable(folder.path, KIND, folder.set_state):
        try:
            reproduction = Reproduction(paper, config, folder)
            print(f"{folder.path}: {paper.citation}", file=sys.stderr)
            reproduction.play(lambda line: print(line, file=sys.stderr))
        except HilError:
            begun = any((folder.path / name).exists() for name in (FINDINGS, "training"))
            if fresh and not begun:
                folder.discard()
            raise
    rows = reproduction.rows()
    console = Console(file=sys.stderr if json == "-" else sys.stdout, highlight=False)
    if not console.is_terminal:
        console.width = PAPER_WIDTH
    console.print(table(rows, f"{folder.path}: {tally(rows)}"), markup=False)
    if json is not None:
        _write(jsonlib.dumps(as_json(rows, config), indent=1) + "\n", json)
    for picture in sorted((folder.path / "figures").glob("*.png")):
        print(f"picture: {picture}", file=sys.stderr)
    print(f"table: {folder.path / 'table.md'}", file=sys.stderr)


def _keys(only: str) -> list[str]:
    from hil.errors import InputError

    keys = [key.strip() for key in only.split(",") if key.strip()]
    if not keys:
        raise InputError(f"--only '{only}' names no figure, such as 3C,4")
    return keys


def _write(text: str, target: str) -> None:
    from hil.errors import InputError
    from hil.files import write_text

    if target == "-":
        sys.stdout.write(text)
        return
    try:
        write_text(target, text)
    except InputError as error:
        raise InputError(f"--json {error}") from None
