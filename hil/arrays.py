"""Conversion of numbers from outside to numpy arrays: anything that is no number is refused in one sentence."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hil.errors import InputError, shortened
from hil.files import reason
from hil.needs import require_memory

MOST_VALUES = 1 << 30
"""Values of one table at most: 8 GiB of float64."""

_KINDS = {"U": "text", "S": "bytes", "b": "truth values", "c": "complex numbers", "M": "dates", "m": "time spans"}


def archive(path: Path) -> dict[str, NDArray[Any]]:
    """All arrays of an archive of numpy (.npz) by name, in its order.

    Raises
    ------
    InputError
        If there is no such file, it is none, it holds Python objects, or its arrays would not fit into memory.
    """
    try:
        with zipfile.ZipFile(path) as zipped:
            require_memory(f"{path}: its arrays", float(sum(member.file_size for member in zipped.infolist())))
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except FileNotFoundError:
        raise InputError(f"no file {path}") from None
    except OSError as error:
        raise InputError(f"{path} cannot be read: {reason(error)}") from None
    except InputError:
        raise
    except Exception as error:  # a damaged archive raises a dozen kinds, from zipfile's to struct's
        objects = ": it holds Python objects" if "allow_pickle" in str(error) else ""
        raise InputError(f"{path} is no archive of arrays{objects}") from None


def numbers(values: ArrayLike, what: str) -> NDArray[np.float64]:
    """Real numbers as float64; `InputError` naming `what` for text, truth values, complex numbers or ragged lists."""
    array = _array(values, what)
    if array.dtype.kind not in "iuf" and array.size:
        raise InputError(f"{what} holds {_kind(array)}, real numbers are expected")
    return array.astype(np.float64, copy=False)


def truths(values: ArrayLike, what: str) -> NDArray[np.bool_]:
    """Truth values as bool; `InputError` naming `what` unless they are true, false, 0 or 1."""
    array = _array(values, what)
    if array.dtype.kind == "b":
        return array
    if array.size and (array.dtype.kind not in "iuf" or not np.isin(array, (0, 1)).all()):
        raise InputError(f"{what} holds {_kind(array)}, true or false is expected")
    return array.astype(np.bool_, copy=False)


def number(value: float, what: str, finite: bool = True) -> float:
    """One number, finite unless told otherwise; `InputError` naming `what` if it is none."""
    array = numbers(value, what)
    if array.ndim or (finite and not np.isfinite(array)):
        raise InputError(f"{what} {shortened(repr(value))} must be one {'finite ' * finite}number")
    return float(array)


def whole(value: int, what: str, least: int = 1, most: int = MOST_VALUES) -> int:
    """One whole number from `least` to `most`; `InputError` naming `what` otherwise."""
    if not isinstance(value, int | np.integer) or isinstance(value, bool) or not least <= value <= most:
        raise InputError(f"{what} {shortened(repr(value))} must be a whole number from {least:,} to {most:,}")
    return int(value)


def _array(values: ArrayLike, what: str) -> NDArray[Any]:
    try:
        return np.asarray(values)
    except (ValueError, TypeError, OverflowError) as error:
        raise InputError(f"{what} is no array: {str(error).partition('. ')[0]}") from None


def _kind(array: NDArray[Any]) -> str:
    shown = shortened(repr(array.flat[0]), 40)
    return f"{_KINDS.get(array.dtype.kind, f'values of type {array.dtype}')} ({shown})"
