"""Refuses what leaves the range of float64: a simulated array never holds or returns a value that is not finite."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hil.limits import LimitError


class _OutOfRange(Exception):
    """An array holds a value that is not finite."""


@contextmanager
def within_range(what: str) -> Iterator[None]:
    """Turn what `require_finite` finds, or a network without a solution, into a `LimitError` that begins with `what`.

    The caller brings its states back to where they were.
    """
    try:
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            yield
    except _OutOfRange as found:
        raise LimitError(
            f"{what} is out of the range of float64 ({found}): lower the voltages, or shorten it"
        ) from None
    except np.linalg.LinAlgError:
        raise LimitError(
            f"{what} leaves the range of float64 (the voltages of floating lines have no solution): "
            "lower the voltages, or drive more lines"
        ) from None


def require_finite(arrays: Mapping[str, NDArray[Any]]) -> None:
    """Check, inside `within_range`, that all floating-point arrays are finite."""
    for name, array in arrays.items():
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise _OutOfRange(f"{name} would be {array[~np.isfinite(array)].flat[0]:g}")
