"""`hil examples`: the examples that come with the package, listed and copied to where they can be edited."""

from __future__ import annotations

import shutil
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path
from typing import Annotated

import typer

from hil.errors import InputError, nearest

KINDS = (".toml", ".py")
"""Endings of examples: configurations and sweeps, and scripts."""

SHARED = "share/memhil/examples/"
"""Where a wheel puts them below the prefix of its environment (``data-files`` in pyproject.toml)."""


def examples(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME ...]", help="Examples to copy; all are listed without one.")
    ] = None,
    to: Annotated[
        Path | None, typer.Option("--to", metavar="DIR", help="Folder to copy to; the current one if not given.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Copy all of them.")] = False,
) -> None:
    """List the examples, or copy some of them here: configurations, sweeps and scripts, each with its command.

    \b
    hil examples
    hil examples stdp_digits.toml && hil train stdp --config stdp_digits.toml
    hil examples --all --to examples
    """
    from hil.runs.results import Row, report

    found = {path.name: path for path in shipped()}
    if not names and not everything:
        if to is not None:
            raise InputError(f"--to {to}: say which examples to copy, or --all")
        rows = [Row(name, None, note=_first_words(path)) for name, path in found.items()]
        report(rows, "copy one with hil examples NAME", heads={"quantity": "example", "note": "what it is"})
        return
    for name in names or ():
        if name not in found:
            raise InputError(f"no example '{name}' {nearest(name, found)}")
    folder = Path() if to is None else to
    targets = {folder / name: found[name] for name in (found if everything else names or ())}
    for target in targets:
        if target.exists():
            raise InputError(f"{target} exists already: name another folder, --to DIR")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for target, source in targets.items():
            shutil.copyfile(source, target)
            print(f"example: {target}")
    except OSError as error:
        raise InputError(f"--to {folder} cannot be written: {error.strerror or error}") from None


def shipped() -> list[Path]:
    """All examples, of the installed wheel or of the source tree; `InputError` where neither has them."""
    source = Path(__file__).parents[2]
    if (source / "pyproject.toml").is_file() and (source / "examples").is_dir():
        return sorted(path for path in (source / "examples").iterdir() if path.suffix in KINDS)
    try:
        listed = files("memhil") or []
    except PackageNotFoundError:
        listed = []
    places = [Path(str(file.locate())).resolve() for file in listed if SHARED in file.as_posix()]
    found = sorted(path for path in places if path.suffix in KINDS and path.is_file())
    if not found:
        raise InputError("this installation came without its examples: they are in the folder examples of the source")
    return found


def _first_words(path: Path) -> str:
    """First sentence or line that an example says of itself."""
    line = path.read_text(encoding="utf-8").lstrip('"# ').partition("\n")[0]
    return line.removesuffix('"""').strip()
