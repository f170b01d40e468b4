"""A user's own files as data sets: ``--dataset PATH`` or ``--dataset "PATH?option=value&..."``.

Each kind of file is a `DataReader`, found by the entry points ``hil.data_readers``; the first that recognises a path
reads it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import unquote

from pydantic import Field

from hil.config import Section, validated
from hil.data.datasets import Dataset
from hil.data.labelled import TEST
from hil.errors import InputError
from hil.files import reason
from hil.fraction import Fraction
from hil.plugins import Registry

LARGEST = 1 << 31
"""Bytes of a file at most."""


class ReadSettings(Section):
    """Options that every kind of file has."""

    test: Fraction = Field(TEST, gt=0, lt=1, description="fraction for testing, where the files name no test part")


class DataReader(ABC):
    """One kind of file or folder that holds labelled samples."""

    options: ClassVar[type[ReadSettings]] = ReadSettings
    """What may follow the question mark."""

    looks: ClassVar[str]
    """What such a path looks like, for the message where none is recognised."""

    @abstractmethod
    def recognises(self, path: Path) -> bool:
        """Whether an existing path is of this kind, by its name and what lies in it; nothing is read in full."""

    @abstractmethod
    def read(self, path: Path, name: str, options: Any) -> Dataset:
        """Read it into a data set of that name; `InputError` with one sentence where it cannot."""


READERS: Registry[type[DataReader]] = Registry("hil.data_readers", "data reader", base=f"{__name__}:DataReader")
"""All readers of all packages."""


def is_path(text: str) -> bool:
    """Whether the name of a data set is a path: one that exists, has a folder in it, or ends like a file."""
    place, _ = _address(text)
    try:
        return place.exists() or len(place.parts) > 1 or bool(place.suffix)
    except OSError:
        return True


def load_path(text: str, known: frozenset[str] = frozenset()) -> Dataset:
    """Read the data set that a path with options names.

    Parameters
    ----------
    text : str
        ``PATH`` or ``PATH?option=value&option=value``.
    known : frozenset of str
        Names of other data sets: this one is not called so.

    Raises
    ------
    InputError
        If there is no such path, no reader recognises it, an option is unknown, or the reader refuses it.
    """
    path, given = _address(text)
    try:
        if not path.exists():
            raise InputError(f"no data set, file or folder {path}")
        if path.is_file() and path.stat().st_size > LARGEST:
            raise InputError(f"{path} is larger than any data set may be: {LARGEST:,} bytes")
        readers, problems = READERS.found()
        for name in readers:
            reader = readers[name]()
            if reader.recognises(path):
                options = validated(reader.options, given, f"{path}, read as '{name}'")
                title = path.name or path.resolve().name or "folder"
                return reader.read(path, f"{title}-files" if title in known else title, options)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {reason(error)}") from None
    for problem in problems.values():
        raise problem
    looks = "; ".join(readers[name].looks for name in readers)
    raise InputError(f"{path} is no data set of a known kind: give {looks}")


def _address(text: str) -> tuple[Path, dict[str, str]]:
    """Path and options; a question mark in the name of an existing path is part of it."""
    whole = Path(text)
    try:
        if "?" not in text or whole.exists():
            return whole, {}
    except (OSError, ValueError):
        raise InputError(f"{text!r} is no name of a file") from None
    place, _, query = text.partition("?")
    options: dict[str, str] = {}
    for item in filter(None, query.split("&")):
        name, equals, value = item.partition("=")
        if not equals or not name:
            raise InputError(f"data set '{text}': '{item}' is no option; write NAME=VALUE")
        if name in options:
            raise InputError(f"data set '{text}': option '{name}' is given twice")
        options[name] = unquote(value)
    return Path(place), options
