"""Checks of command-line options before any work is done: finite numbers, files and folders that can be written."""

from __future__ import annotations

import math
import os
from pathlib import Path

import typer

PICTURES = (".png", ".pdf", ".svg", ".jpg", ".jpeg", ".tif", ".tiff", ".webp", ".eps", ".ps")
"""Endings of picture files."""


def finite(value: float | None) -> float | None:
    """Refuse infinities and NaN, which slip through the range of an option."""
    if value is not None and not math.isfinite(value):
        raise typer.BadParameter(f"{value} is not a finite number")
    return value


def output_file(value: str | None) -> str | None:
    """Refuse what `--json` cannot write in the end; ``-`` is standard output."""
    if value is not None and value != "-":
        _writable(Path(value))
    return value


def picture_file(value: Path | None) -> Path | None:
    """Refuse a file that no picture can be written to."""
    if value is not None:
        if value.suffix.lower() not in PICTURES:
            raise typer.BadParameter(f"{value} does not end like a picture, such as .png ({', '.join(PICTURES)})")
        _writable(value)
    return value


def output_folder(value: Path | None) -> Path | None:
    """Refuse a folder that cannot be made or written to."""
    if value is None:
        return value
    try:
        if value.exists() and not value.is_dir():
            raise typer.BadParameter(f"{value} is no folder")
        there = next(place for place in (value, *value.absolute().parents) if place.exists())
    except OSError as error:
        raise typer.BadParameter(f"{value} cannot be made: {(error.strerror or str(error)).lower()}") from None
    if not there.is_dir():
        raise typer.BadParameter(f"{value} cannot be made: {there} is no folder")
    if not os.access(there, os.W_OK | os.X_OK):
        raise typer.BadParameter(f"{value} cannot be made: {there} may not be written to")
    return value


def _writable(path: Path) -> None:
    try:
        exists, is_folder, parent = path.exists(), path.is_dir(), path.parent.is_dir()
    except OSError as error:
        raise typer.BadParameter(f"{path} cannot be written: {(error.strerror or str(error)).lower()}") from None
    if is_folder:
        raise typer.BadParameter(f"{path} is a folder, a file was expected")
    if not parent:
        raise typer.BadParameter(f"{path} cannot be written: there is no folder {path.parent}")
    if not os.access(path if exists else path.parent, os.W_OK):
        raise typer.BadParameter(f"{path} cannot be written: permission denied")
