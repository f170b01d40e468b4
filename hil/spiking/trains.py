"""Spike trains: times and lines of spikes, of one presentation or of many packed together."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hil.errors import InputError


@dataclass(frozen=True, eq=False)
class SpikeTrain:
    """Spikes on numbered lines, sorted by time, then by line.

    Attributes
    ----------
    time : (N,) array
        s, >= 0.
    line : (N,) array of int
        Row of an input spike, neuron of an output spike.
    """

    time: NDArray[np.float64]
    line: NDArray[np.integer]

    def __post_init__(self) -> None:
        """Sort and check."""
        time, line = np.asarray(self.time, dtype=np.float64), np.asarray(self.line, dtype=np.int64)
        if time.ndim != 1 or time.shape != line.shape:
            raise InputError(f"a spike train needs as many times as lines, not {time.shape} and {line.shape}")
        if not ((time >= 0) & (time < np.inf)).all() or (line < 0).any():
            raise InputError("a spike train needs finite times >= 0 s and lines >= 0")
        order = np.lexsort((line, time))
        object.__setattr__(self, "time", time[order])
        object.__setattr__(self, "line", line[order])

    def counts(self, lines: int) -> NDArray[np.int64]:
        """Spikes on each of `lines` lines."""
        return np.bincount(self.line, minlength=lines)

    def __len__(self) -> int:
        """Count the spikes."""
        return len(self.time)

    def __eq__(self, other: object) -> bool:
        """Compare spike by spike."""
        if not isinstance(other, SpikeTrain):
            return NotImplemented
        return np.array_equal(self.time, other.time) and np.array_equal(self.line, other.line)


@dataclass(frozen=True, eq=False)
class SpikeBatch:
    """Many spike trains in three arrays: train b has the spikes ``start[b]`` to ``start[b + 1]``.

    Attributes
    ----------
    time : (N,) array
        s; sorted within a train.
    line : (N,) array of int32
        Row.
    start : (B + 1,) array of int
        Where each train begins.
    """

    time: NDArray[np.float64]
    line: NDArray[np.int32]
    start: NDArray[np.int64]

    @classmethod
    def of(cls, trains: Iterable[SpikeTrain]) -> SpikeBatch:
        """Pack spike trains."""
        trains = list(trains)
        start = np.cumsum([0, *(len(train) for train in trains)])
        time = np.concatenate([np.zeros(0), *(train.time for train in trains)])
        line = np.concatenate([np.zeros(0, np.int64), *(train.line for train in trains)]).astype(np.int32)
        return cls(time, line, start)

    def __len__(self) -> int:
        """Count the trains."""
        return len(self.start) - 1

    def __getitem__(self, index: int) -> SpikeTrain:
        """One train; an index beyond the end raises `IndexError`."""
        index = range(len(self))[index]
        part = slice(self.start[index], self.start[index + 1])
        return SpikeTrain(self.time[part], self.line[part])
