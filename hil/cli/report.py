"""`hil report`: one page of a run, a sweep, a loop or a build, or of several runs, that needs no network."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import Annotated

import typer

from hil.cli import checks
from hil.cli.completion import run_names
from hil.errors import InputError
from hil.plugins import Registry

PAGES: Registry[ModuleType] = Registry("hil.pages", "kind of folder", ModuleType)
"""Modules that make pages of folders that are no runs: ``MARK``, a file that tells one, and ``page(folder)``."""


def report(
    names: Annotated[
        list[str],
        typer.Argument(
            metavar="RUN ...",
            help="Names or folders of runs, or a folder of a sweep or a build.",
            autocompletion=run_names,
        ),
    ],
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
    """Write one HTML page: results with controls and warnings, every figure, how to repeat it, versions.

    Of any run (training, characterization, import, fit, reproduction), of a sweep or of a build. The page loads
    nothing: it can be mailed. Several runs stand side by side first, then one after the other.

    \b
    hil report ltp-sim-rram-001
    hil report wta-digits-001 wta-digits-002 --out compared.html
    hil report sweeps/stdp_sweep-001
    hil report build/ulx3s-85f
    """
    from hil.runs.listing import find_run
    from hil.runs.page import run_page

    if len(names) == 1 and (module := _other(Path(names[0]))) is not None:
        folder = Path(names[0])
        _write(module.page(folder), folder / "report.html", out)
        return
    folders = [find_run(name, root) for name in names]
    if out is None and len(folders) > 1:
        raise InputError(f"a page of {len(folders)} runs is in none of their folders: name a file, --out FILE")
    if (folders[0] / "stages.json").exists() and len(folders) == 1:
        raise InputError(f"{folders[0]} is a loop, which writes a page of its own: {folders[0] / 'report.html'}")
    _write(run_page(folders), folders[0] / "report.html", out)


def _other(folder: Path) -> ModuleType | None:
    """Module that makes pages of such a folder, if it is not one of a run."""
    from hil.runs.listing import MARKS

    if not folder.is_dir() or any((folder / mark).exists() for mark in MARKS):
        return None
    return next((module for name in PAGES.names() if (folder / (module := PAGES.find(name)).MARK).exists()), None)


def _write(page: str, target: Path, out: str | None) -> None:
    from hil.files import write_text

    if out == "-":
        sys.stdout.write(page)
        return
    target = target if out is None else Path(out)
    write_text(target, page)
    print(f"page: {target}")
