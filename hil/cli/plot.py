"""`hil plot`: figures of runs drawn again, fit for a paper; or a paper's figures from a sweep."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from hil.cli import checks, options

if TYPE_CHECKING:
    from hil.runs.listing import Listed
    from hil.style import Style

Scale = Literal["linear", "log"]

Look = Annotated[
    Literal["paper", "screen"] | None, typer.Option("--style", help="paper, or screen as in the run's own figures.")
]
Ending = Annotated[
    Literal["png", "pdf", "svg"] | None,
    typer.Option("--format", help="Of the files (default: pdf for paper, else png)."),
]
Width = Annotated[
    Literal["one", "two"] | None, typer.Option("--width", help="Columns of a journal: one is 3.5 in, two 7.2 in.")
]
Size = Annotated[
    str | None, typer.Option("--size", metavar="WxH", help="Width and height of the figure, in, such as 3.5x2.6.")
]
Font = Annotated[float | None, typer.Option("--font", min=3, max=72, metavar="PT", help="Size of letters, points.")]
Dots = Annotated[float | None, typer.Option("--dpi", min=20, max=2400, help="Of a PNG (default: 600 for paper).")]
X = Annotated[Scale | None, typer.Option("--x", help="linear or log, for quantities along x.")]
Y = Annotated[Scale | None, typer.Option("--y", help="linear or log, for quantities along y.")]
Root = Annotated[Path, typer.Option("--root", metavar="DIR", help="Where the run folders are.")]


def plot(
    words: Annotated[
        list[str],
        typer.Argument(metavar="RUN [RUN ...] | PAPER SWEEP", help="Runs, or a paper and a sweep of its file."),
    ],
    look: Look = None,
    ending: Ending = None,
    width: Width = None,
    size: Size = None,
    font: Font = None,
    dpi: Dots = None,
    x: X = None,
    y: Y = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", callback=checks.output_folder, help="Where to draw (default: RUN/figures)."),
    ] = None,
    root: Root = Path("runs"),
    json: options.Json = None,
) -> None:
    """Draw the figures of runs again from what they keep; characterizations of one kind are laid over each other.

    Fits have their data beside the models; a paper's figure of them leaves out the residuals.

    Letters in PDF and SVG stay letters. A paper's name in place of a run draws that paper's figures from a sweep.

    \b
    hil plot ltp-sim-rram-001 --style paper                        # 3.5 in wide, PDF
    hil plot measured-001 iv-sim-vteam-001 --style paper --width two --out figures
    hil plot retention-sim-flca-001 --x linear --y log --format svg --font 9
    hil plot fit-data-001 --style paper --y log                    # measured beside the models
    hil plot brivio2021 sweeps/brivio                              # after hil sweep examples/brivio_dynamics.toml
    """
    from hil import style
    from hil.runs.listing import is_run

    chosen = style.named(look == "paper", ending=ending, width=width, size=_inches(size), font=font, dpi=dpi, x=x, y=y)
    with style.used(chosen):
        runs = len(words) != 2 or any(is_run(word, root) for word in words)
        pictures = _runs(words, out, root, chosen) if runs else _paper(words, out, json)
    for picture in pictures:
        print(f"picture: {picture}", file=sys.stderr)


def _paper(words: list[str], out: Path | None, json: str | None) -> list[Path]:
    """Draw a paper's figures from a sweep, and print their numbers."""
    from hil.errors import InputError
    from hil.reproduction.papers import find_paper
    from hil.runs.results import report

    paper = find_paper(words[0])
    if paper.from_sweep is None:
        raise InputError(f"'{words[0]}' is not drawn from a sweep: use hil reproduce {words[0]}")
    sweep = Path(words[1])
    rows, pictures = paper.from_sweep(sweep, out or sweep / "figures")
    report(rows, f"{words[0]}: {sweep}", json)
    return pictures


def _runs(names: list[str], out: Path | None, root: Path, chosen: Style) -> list[Path]:
    """Draw runs again, those of one experiment over each other."""
    from hil.errors import InputError
    from hil.experiments.redrawing import draw_again
    from hil.files import reason
    from hil.runs.listing import Listed, find_run

    runs = [Listed.read(find_run(name, root)) for name in names]
    for run in runs:
        if run.problem is not None:
            raise InputError(f"{run.path} is damaged: {run.problem}")
        if not run.meta.get("experiment") and run.kind != "fit" and (chosen.x or chosen.y):
            raise InputError(f"--x and --y are for characterizations and fits: {run.path} is a run of 'hil {run.kind}'")
    folder = out or runs[0].path / "figures"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder} cannot be made: {reason(error)}") from None
    measured = [run for run in runs if run.meta.get("experiment")]
    pictures = draw_again(measured, folder) if measured else []
    for run in runs:
        if not run.meta.get("experiment"):
            pictures += _other(run, folder, named=len(runs) > 1)
    return pictures


def _other(run: Listed, folder: Path, named: bool) -> list[Path]:
    """Draw a training or a fit again; `named` puts the name of the run before those of a fit's pictures."""
    from hil import pictures
    from hil.errors import InputError
    from hil.training import play

    if run.kind == "fit":
        kept = pictures.kept(run.path)
        head = f"{run.path.name}-" if named else ""
        return [picture.model_copy(update={"name": head + picture.name}).draw(folder) for picture in kept]
    if not run.kind.startswith("train "):
        raise InputError(f"{run.path}: a run of 'hil {run.kind}' keeps nothing to draw again; see {run.path}/figures")
    return play.draw_again(run.path, folder)


def _inches(size: str | None) -> tuple[float, float] | None:
    """Width and height from ``3.5x2.6``."""
    from hil.errors import InputError

    if size is None:
        return None
    try:
        width, height = (float(part) for part in size.lower().split("x"))
    except ValueError:
        width = height = -1.0
    if not (0.5 <= width <= 50 and 0.5 <= height <= 50):
        raise InputError(f"--size {size}: write width x height in inches, 0.5 to 50 each, such as 3.5x2.6")
    return width, height
