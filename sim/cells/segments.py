"""Segments of a waveform, as the compiled kernels of all laws take them."""

from __future__ import annotations

from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray


class Segments(NamedTuple):
    """Segments without floating lines, as the compiled kernels take them.

    Attributes
    ----------
    duration, rows, cols
        As in `hil.waveform.Waveform`; read-only.
    level : (T,) array
        Voltage that all rows share, NaN where they differ: a column at that voltage is at rest.
    again : bool
        Whether the first of them goes on with what was driven before, so that no pulse begins with it even where
        voltages differ: those between floating lines move with the cells.
    """

    duration: NDArray[np.float64]
    rows: NDArray[np.float64]
    cols: NDArray[np.float64]
    level: NDArray[np.float64]
    again: bool

    @classmethod
    def of(cls, duration: NDArray[Any], rows: NDArray[Any], cols: NDArray[Any], again: bool, book: bool) -> Self:
        """Lay segments out; without `book`, no column counts as at rest."""
        if book:
            level = np.where(rows.min(axis=1) == rows.max(axis=1), rows[:, 0], np.nan)
        else:
            level = np.full(len(duration), np.nan)
        return cls(_fixed(duration), _fixed(rows), _fixed(cols), _fixed(level), again)

    def of_columns(self, columns: slice) -> Self:
        """The same for some columns."""
        return self._replace(cols=_fixed(self.cols[:, columns]))


def _fixed(array: NDArray[Any]) -> NDArray[Any]:
    """Contiguous and read-only, so that every compiled kernel is built for one type of argument."""
    array = np.ascontiguousarray(array).view()
    array.flags.writeable = False
    return array
