"""All formats, in the order in which they are asked; a new one is its file and a name here."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

from hil.importing.formats.format import Content, Format
from hil.importing.raw import RawFile
from hil.importing.request import Request
from hil.importing.text import decode
from hil.importing.text import load as load_bytes

BINARY = ("excel", "matlab", "hdf5")
"""Formats that are no text."""

TEXT = ("easyexpert", "arc_one", "labview", "igor", "gamry", "kickstart", "quick_iv", "clarius", "savetxt", "plain")
"""Formats that are text; the last takes whatever holds a table."""


def load(path: Path, request: Request) -> RawFile:
    """Read the tables of a file, in the format that its content is of."""
    data = load_bytes(path)
    for name in BINARY:
        form = _format(name)
        content = Content(path, data)
        if form.recognise(content):
            return form.read(content, request)
    text, encoding = decode(path, data)
    content = Content(path, data, text, encoding)
    form = next(form for form in map(_format, TEXT) if form.recognise(content))
    return form.read(content, request)


def _format(name: str) -> Format:
    module: Any = import_module(f"hil.importing.formats.{name}")
    return module
