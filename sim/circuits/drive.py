"""What the sources of a circuit do: piecewise-constant voltages, for one circuit or for a batch of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hil.errors import InputError
from hil.waveform import Waveform


@dataclass(frozen=True, eq=False, init=False)
class Drive:
    """Piecewise-constant voltages of named sources, in T segments.

    Parameters
    ----------
    duration : (..., T) array
        Length of every segment in s, each >= 0 and finite; a segment of 0 s does nothing, so that one batch can hold
        pulses with and without a gap.
    voltage : mapping of str to (..., T) array
        Voltage of every source in V, by its name; NaN leaves it floating (switched off).

    Raises
    ------
    InputError
        If the shapes cannot be broadcast together, a duration is negative or not finite, or a voltage is infinite.

    Notes
    -----
    The leading axes are a batch of independent runs of the same circuit; all arrays are broadcast to one shape
    ``batch + (T,)``.
    """

    duration: NDArray[np.float64]
    voltage: Mapping[str, NDArray[np.float64]]

    def __init__(self, duration: ArrayLike, voltage: Mapping[str, ArrayLike]) -> None:
        """Broadcast, check and freeze the arrays."""
        length = np.atleast_1d(np.asarray(duration, dtype=np.float64))
        given = {name: np.atleast_1d(np.asarray(v, dtype=np.float64)) for name, v in voltage.items()}
        try:
            length, *levels = np.broadcast_arrays(length, *given.values())
        except ValueError:
            shapes = {name: v.shape for name, v in given.items()}
            raise InputError(f"duration {length.shape} and voltages {shapes} do not broadcast to (..., T)") from None
        if length.shape[-1] == 0 or length.size == 0:
            raise InputError("a drive needs at least one segment")
        bad = ~((length >= 0) & (length < np.inf))
        if bad.any():
            where = np.argwhere(bad)[0]
            raise InputError(f"segment {where[-1]}: duration {length[tuple(where)]} s must be >= 0 and finite")
        for name, level in zip(given, levels, strict=True):
            if np.isinf(level).any():
                where = np.argwhere(np.isinf(level))[0]
                raise InputError(
                    f"source '{name}', segment {where[-1]}: {level[tuple(where)]} V must be finite, or NaN to float"
                )
        object.__setattr__(self, "duration", _read_only(length))
        frozen = {name: _read_only(level) for name, level in zip(given, levels, strict=True)}
        object.__setattr__(self, "voltage", MappingProxyType(frozen))

    @classmethod
    def of(cls, waveform: Waveform, rows: Sequence[str], cols: Sequence[str] = ()) -> Self:
        """Let the rows of a `hil.waveform.Waveform` drive the sources `rows`, and its columns the sources `cols`.

        Without `cols` the columns must be at 0 V throughout: ground.

        Raises
        ------
        InputError
            If the names do not match the lines of the waveform one to one.
        """
        if len(rows) != waveform.lines[0]:
            raise InputError(f"{len(rows)} sources {list(rows)} for a waveform of {waveform.lines[0]} rows")
        if cols and len(cols) != waveform.lines[1]:
            raise InputError(f"{len(cols)} sources {list(cols)} for a waveform of {waveform.lines[1]} columns")
        if not cols and not (waveform.cols == 0).all():
            raise InputError("the waveform drives its columns: name the sources they are in cols=")
        if len({*rows, *cols}) < len(rows) + len(cols):
            raise InputError(f"sources {[*rows, *cols]}: one of them is named twice")
        lines = dict(zip([*rows, *cols], [*waveform.rows.T, *(waveform.cols.T if cols else ())], strict=True))
        return cls(waveform.duration, lines)

    @property
    def batch(self) -> tuple[int, ...]:
        """Shape of the batch, () for a single run."""
        return self.duration.shape[:-1]

    def __len__(self) -> int:
        """Count the segments."""
        return self.duration.shape[-1]


def _read_only(array: NDArray[np.float64]) -> NDArray[np.float64]:
    array = np.array(array)
    array.flags.writeable = False
    return array
