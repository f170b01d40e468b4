"""`hil report`: one page of a run, or of several, that a browser shows without any network."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from hil.cli import checks
from hil.errors import InputError


def report(
    names: Annotated[list[str], typer.Argument(metavar="RUN ...", help="Names or folders of runs, of any kind.")],
    out: Annotated[
        str | None,
        typer.Option(
            "--out",
            metavar="FILE",
            callback=checks.output_file,
            help="Page to write; RUN/report.html if not given, - for standard output.",
        ),
    ] = None,
    root: Annotated[Path, typer.Option("--root", metavar="DIR", help="Where the run folders are.")] = Path("runs"),
) -> None:
    """Write one HTML page of a run: results with controls and warnings, every figure, how to repeat it, versions.

    The page loads nothing: it can be mailed. Several runs stand side by side first, then one after the other.

    \b
    hil report ltp-sim-rram-001
    hil report wta-digits-001 wta-digits-002 --out compared.html
    """
    from hil.files import write_text
    from hil.runs.listing import find_run
    from hil.runs.page import run_page

    folders = [find_run(name, root) for name in names]
    if out is None and len(folders) > 1:
        raise InputError(f"a page of {len(folders)} runs is in none of their folders: name a file, --out FILE")
    target = folders[0] / "report.html" if out is None else Path(out)
    if (folders[0] / "stages.json").exists() and len(folders) == 1:
        raise InputError(f"{folders[0]} is a loop, which writes a page of its own: {folders[0] / 'report.html'}")
    page = run_page(folders)
    if out == "-":
        sys.stdout.write(page)
        return
    write_text(target, page)
    print(f"page: {target}")
