"""Folders with a folder for every class, alone or below ``train`` and ``test``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from hil.errors import InputError

PARTS: Mapping[str, tuple[str, ...]] = {
    "train": ("train", "training"),
    "test": ("test", "testing", "val", "valid", "validation"),
}
"""Names of folders with the two parts, in small letters."""


@dataclass(frozen=True)
class ClassFolders:
    """Files by class.

    Attributes
    ----------
    train, test : list of (Path, str)
        File and name of its class; `test` is None where there is no such part.
    """

    train: list[tuple[Path, str]]
    test: list[tuple[Path, str]] | None


def holds(folder: Path, endings: Iterable[str]) -> bool:
    """Whether a folder has such files in the folders below it, one or two levels down."""
    wanted = set(endings)
    levels = ("*/*", "*/*/*")
    return any(file.suffix.lower() in wanted for level in levels for file in folder.glob(level) if _seen(file))


def found(folder: Path, endings: Iterable[str]) -> ClassFolders:
    """List the files with such endings by class, in order of their names.

    Raises
    ------
    InputError
        If a part is named twice, a test part has no training part, or there is no such file.
    """
    wanted = set(endings)
    parts: dict[str, Path] = {}
    for below in _folders(folder):
        for part, names in PARTS.items():
            if below.name.lower() in names:
                if part in parts:
                    raise InputError(f"{folder} has two {part} parts, {parts[part].name} and {below.name}")
                parts[part] = below
    if "train" not in parts:
        if parts:
            raise InputError(f"{folder} has a folder {parts['test'].name} and none called train")
        return ClassFolders(_of_classes(folder, wanted), None)
    test = _of_classes(parts["test"], wanted) if "test" in parts else None
    return ClassFolders(_of_classes(parts["train"], wanted), test)


def _of_classes(folder: Path, wanted: set[str]) -> list[tuple[Path, str]]:
    files = [
        (file, below.name)
        for below in _folders(folder)
        for file in sorted(below.iterdir())
        if file.suffix.lower() in wanted and _seen(file)
    ]
    if not files:
        raise InputError(f"{folder} has no folder of a class with files {', '.join(sorted(wanted))}")
    return files


def _folders(folder: Path) -> list[Path]:
    return sorted(below for below in folder.iterdir() if below.is_dir() and not below.name.startswith("."))


def _seen(file: Path) -> bool:
    return file.is_file() and not file.name.startswith(".")
