"""MATLAB files (.mat): vectors of one length are the columns of a table, matrices and structures are looked into."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from hil.errors import InputError
from hil.importing.formats.format import Content
from hil.importing.raw import Fact, RawFile, RawTable
from hil.importing.request import Request

NAME = "MATLAB file"


def recognise(content: Content) -> bool:
    """The first words of a version 5 to 7.3 file."""
    return content.data.startswith(b"MATLAB ")


def read(content: Content, request: Request) -> RawFile:
    """Vectors of one length, side by side."""
    variables = _new(content) if content.data.startswith(b"MATLAB 7.3") else _old(content)
    return table_of(content, NAME, variables)


def _old(content: Content) -> Mapping[str, Any]:
    from scipy.io import loadmat

    try:
        found: Mapping[str, Any] = loadmat(io.BytesIO(content.data), squeeze_me=True, struct_as_record=True)
    except Exception as error:  # a damaged file raises a dozen kinds
        raise InputError(f"{content.path} is a damaged MATLAB file: {str(error).splitlines()[0]}") from None
    return {name: value for name, value in found.items() if not name.startswith("__")}


def _new(content: Content) -> Mapping[str, Any]:
    try:
        import h5py
    except ImportError:
        raise InputError(
            f"{content.path} is a MATLAB file of version 7.3: save it with -v7, or pip install 'memhil[files]'"
        ) from None
    try:
        with h5py.File(io.BytesIO(content.data), "r") as file:
            return {name: np.asarray(item) for name, item in _leaves(file)}
    except Exception as error:
        raise InputError(f"{content.path} is a damaged MATLAB file: {str(error).splitlines()[0]}") from None


def _leaves(group: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    for name, item in group.items():
        if name.startswith("#"):
            continue
        where = f"{path}.{name}" if path else name
        if hasattr(item, "items"):
            yield from _leaves(item, where)
        else:
            yield where, item


def table_of(content: Content, name: str, variables: Mapping[str, Any]) -> RawFile:
    """Vectors of one length as a table, numbers alone as facts.

    Raises
    ------
    InputError
        If no two vectors are as long as each other.
    """
    vectors: dict[str, np.ndarray] = {}
    facts = []
    for label, value in _flat(variables):
        if value.ndim == 0 or value.size == 1:
            facts.append(Fact(0, label.rpartition(".")[2], f"{value.ravel()[0]}"))
        elif value.ndim == 1:
            vectors[label.rpartition(".")[2] if label.rpartition(".")[2] not in vectors else label] = value
        elif value.ndim == 2 and max(value.shape) > 1:
            columns = value if value.shape[0] >= value.shape[1] else value.T
            for k in range(columns.shape[1]):
                vectors[label if columns.shape[1] == 1 else f"{label}({k + 1})"] = columns[:, k]
    lengths: dict[int, list[str]] = {}
    for label, vector in vectors.items():
        lengths.setdefault(len(vector), []).append(label)
    chosen = max(
        lengths.values(), key=lambda labels: (len(labels) > 1, len(labels) * len(vectors[labels[0]])), default=[]
    )
    if len(chosen) < 2:
        shown = ", ".join(f"{label} ({len(vector)})" for label, vector in list(vectors.items())[:8])
        raise InputError(
            f"{content.path}: no two of its variables are vectors of one length ({shown or 'none is a vector'})"
        )
    count = len(vectors[chosen[0]])
    rows = [[repr(float(vectors[label][k])) for label in chosen] for k in range(count)]
    lines = list(range(1, count + 1))
    return RawFile(name, "", [RawTable(chosen, [""] * len(chosen), rows, lines, header=0)], facts)


def _flat(variables: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, np.ndarray]]:
    """Numbers of all variables, structures looked into."""
    for name, value in variables.items():
        array = np.asarray(value)
        label = f"{path}.{name}" if path else name
        if array.dtype.names:
            for field in array.dtype.names:
                item = array[field]
                yield from _flat({field: item.item() if item.size == 1 and item.dtype == object else item}, label)
        elif array.dtype.kind in "iuf":
            yield label, array.squeeze()
