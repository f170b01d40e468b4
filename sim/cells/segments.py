"""Segments of a waveform in the form that the compiled kernels of all laws take: contiguous, read-only arrays."""

from __future__ import annotations

from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray


class Segments(NamedTuple):
    """T segments of known line voltages, none floating, for the kernels of a law.

    Attributes
    ----------
    duration, rows, cols
        As in `hil.waveform.Waveform`; read-only.
    level : (T,) array
        Voltage that all rows share, NaN where they differ: a column at that voltage is at rest.
    again : bool
        Whether the first segment continues the one before: no pulse begins with it, even where voltages differ (in an
        array with floating lines they move with the cells).
    """

    duration: NDArray[np.float64]
    rows: NDArray[np.float64]
    cols: NDArray[np.float64]
    level: NDArray[np.float64]
    again: bool

    @classmethod
    def of(cls, duration: NDArray[Any], rows: NDArray[Any], cols: NDArray[Any], again: bool, book: bool) -> Self:
        """Make segments of a waveform's arrays; with `book`, `level` marks columns without any voltage as at rest."""
        if book:
            level = np.where(rows.min(axis=1) == rows.max(axis=1), rows[:, 0], np.nan)
        else:
            level = np.full(len(duration), np.nan)
        return cls(_fixed(duration), _fixed(rows), _fixed(cols), _fixed(level), again)

    def alone(self, t: int) -> Self:
        """One of them; it goes on with what was driven before if it is driven alike."""
        here, before = slice(t, t + 1), slice(t - 1, t)
        same = t > 0 and all(np.array_equal(lines[here], lines[before]) for lines in (self.rows, self.cols))
        duration, rows, cols, level = (_fixed(a[here]) for a in (self.duration, self.rows, self.cols, self.level))
        return type(self)(duration, rows, cols, level, bool(same))

    def of_columns(self, columns: slice) -> Self:
        """Segments for some of the columns alone."""
        return self._replace(cols=_fixed(self.cols[:, columns]))


def _fixed(array: NDArray[Any]) -> NDArray[Any]:
    """A contiguous, read-only view: one type of argument, so that numba compiles every kernel once."""
    array = np.ascontiguousarray(array).view()
    array.flags.writeable = False
    return array
