"""Options that several verbs share, and how flags become keys of a configuration."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from hil.cli import checks
from hil.runs.stopping import refuse_with_resume as refuse_with_resume  # verbs name it beside their options

Json = Annotated[
    str | None,
    typer.Option(
        "--json",
        metavar="FILE",
        callback=checks.output_file,
        help="Write the result rows as JSON; - for standard output.",
    ),
]
Config = Annotated[
    Path | None, typer.Option("--config", metavar="FILE", help="TOML file with sections [data], [device], ...")
]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="SECTION.KEY=VALUE", help="Set any key of the configuration; may be repeated."),
]
RunFolder = Annotated[
    Path | None,
    typer.Option(
        "--run",
        metavar="DIR",
        callback=checks.output_folder,
        help="Folder of the run (default: runs/NAME-001, -002, ...).",
    ),
]
Resume = Annotated[
    Path | None, typer.Option("--resume", metavar="DIR", help="Go on with a stopped or killed run, exactly.")
]
PlayAgain = Annotated[
    bool,
    typer.Option(
        "--play-again",
        help="With --resume: let a sample have a second time what was being played on it when the run was cut off.",
    ),
]
Live = Annotated[
    bool,
    typer.Option("--live", help="Serve a page of the run while it goes on, on this machine alone, as `hil lab watch`."),
]
DataDir = Annotated[
    Path | None, typer.Option("--data-dir", metavar="DIR", help="Folder with IDX files (mnist, emnist).")
]
Seed = Annotated[int | None, typer.Option("--seed", help="First seed.")]


def resolve(config: Path | None, settings: list[str] | None, flags: dict[str, Any]) -> dict[str, Any]:
    """Lay a TOML file, then --set, then flags (``section.key`` -> value, None if not given) over each other."""
    from hil.config import load_toml, with_settings
    from hil.errors import InputError

    result = with_settings(load_toml(config) if config else {}, settings or [])
    for path, value in flags.items():
        if value is not None:
            *sections, key = path.split(".")
            table = result
            for section in sections:
                table = table.setdefault(section, {})
                if not isinstance(table, dict):
                    raise InputError(f"configuration: {section} = {table!r} is a value, not a section")
            table[key] = str(value) if isinstance(value, Path) else value
    return result
