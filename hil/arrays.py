"""Conversion of numbers from outside to numpy arrays: anything that is no number is refused in one sentence."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hil.errors import InputError, shortened

MOST_VALUES = 1 << 30
"""Values of one table at most: 8 GiB of float64."""

_KINDS = {"U": "text", "S": "bytes", "b": "truth values", "c": "complex numbers", "M": "dates", "m": "time spans"}


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
