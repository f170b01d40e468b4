"""HDF5: vectors of one length in any group are the columns of a table; a table with fields is taken as it is."""

from __future__ import annotations

import io
from typing import Any

import numpy as np

from hil.errors import InputError
from hil.importing.formats.format import Content
from hil.importing.formats.matlab import table_of
from hil.importing.raw import RawFile
from hil.importing.request import Request

NAME = "HDF5 file"


def recognise(content: Content) -> bool:
    """Its signature."""
    return content.data.startswith(b"\x89HDF\r\n\x1a\n")


def read(content: Content, request: Request) -> RawFile:
    """All data sets."""
    try:
        import h5py
    except ImportError:
        raise InputError(f"{content.path} is an HDF5 file: export it as CSV, or pip install 'memhil[files]'") from None
    found: dict[str, Any] = {}
    try:
        with h5py.File(io.BytesIO(content.data), "r") as file:

            def note(name: str, item: Any) -> None:
                if isinstance(item, h5py.Dataset):
                    found[name.replace("/", ".")] = np.asarray(item)

            file.visititems(note)
    except Exception as error:  # a damaged file raises a dozen kinds
        raise InputError(f"{content.path} is a damaged HDF5 file: {str(error).splitlines()[0]}") from None
    return table_of(content, NAME, found)
