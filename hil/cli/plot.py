"""`hil plot`: a paper's figures from a sweep."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from hil.cli import checks, options


def plot(
    paper: Annotated[str, typer.Argument(metavar="PAPER", help="Such as brivio2021.")],
    sweep: Annotated[Path, typer.Argument(metavar="SWEEP", help="Folder of a sweep made from the paper's file.")],
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", callback=checks.output_folder, help="Where to draw (default: SWEEP/figures)."),
    ] = None,
    json: options.Json = None,
) -> None:
    """Draw a paper's figures from a sweep, and print their numbers.

    \b
    hil sweep examples/brivio_dynamics.toml --set data.dir=DIR --folder sweeps/brivio
    hil plot brivio2021 sweeps/brivio
    """
    from hil.errors import InputError
    from hil.reproduction.papers import find_paper
    from hil.runs.results import report

    draw = find_paper(paper).from_sweep
    if draw is None:
        raise InputError(f"'{paper}' is not drawn from a sweep: use hil reproduce {paper}")
    rows, pictures = draw(sweep, out or sweep / "figures")
    report(rows, f"{paper}: {sweep}", json)
    for picture in pictures:
        print(f"picture: {picture}", file=sys.stderr)
