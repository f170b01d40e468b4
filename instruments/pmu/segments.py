"""Takes a waveform apart into the segments of a pulse card: ramps and flats of all channels in step.

Every change of level is a ramp of `rise` s at the beginning of its segment, so a pulse is as wide, at half its height,
as the waveform says. A measured segment has one reading, the mean over `WINDOW` of its flat.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hil.limits import LimitError
from hil.waveform import Waveform

STEP = 10e-9
"""Resolution of a segment's time, s (4200A-KXCI-907-01, ``:PMU:SARB:SEQ:TIME``)."""

SHORTEST = 20e-9
"""Shortest segment, s (the same)."""

LONGEST = 1.0
"""Longest segment that is sent, s; this driver's."""

MOST = 2048
"""PulseSegments of one execution on a channel; this driver's, the manual takes more through ``:ADD``."""

AT_ONCE = 128
"""Values of one ``:PMU:SARB:SEQ`` command, so segments of a sequence here (the same)."""

WINDOW = (0.5, 0.9)
"""Part of a flat that is measured: its settled half, without the edge."""

HOST_REST = 1.0
"""Rests at least this long are waited for by the host, with the outputs off, s."""


@dataclass(frozen=True, eq=False)
class PulseSegments:
    """One execution.

    Attributes
    ----------
    time : (N,) array
        Lengths, s.
    start, stop : (N, channels) array
        Voltages, V.
    owner : (N,) array of int
        Segment of the waveform whose current a flat measures; -1 where it measures none.
    before : float
        Rest that the host waits for first, s.
    """

    time: NDArray[np.float64]
    start: NDArray[np.float64]
    stop: NDArray[np.float64]
    owner: NDArray[np.int64]
    before: float = 0.0

    @property
    def measured(self) -> NDArray[np.bool_]:
        """Which segments have a reading."""
        return self.owner >= 0

    def unit(self) -> int:
        """PulseSegments after which all repeats itself, at most `AT_ONCE`; all of them where nothing does."""
        rows = np.column_stack([self.time, self.start, self.stop, self.measured])
        for length in range(1, min(AT_ONCE, len(rows) // 2) + 1):
            if len(rows) % length == 0 and (rows.reshape(-1, length, rows.shape[1]) == rows[:length]).all():
                return length
        return len(rows)


def executions(waveform: Waveform, *, channels: int, rise: float, split: bool, narrowest: float) -> list[PulseSegments]:
    """PulseSegments of a waveform on one cell, one entry an execution.

    Parameters
    ----------
    waveform : Waveform
        1 x 1.
    channels : int
        2: the row on channel 1, the column on channel 2; 1: their difference on channel 1.
    rise : float
        Of a ramp, s.
    split : bool
        Whether every excursion from 0 V is an execution of its own, measured in all its flats.
    narrowest : float
        Shortest flat that is measured, s.

    Raises
    ------
    LimitError
        For a floating line, a segment too short for its ramp or too long, or too many of them.
    """
    made: list[PulseSegments] = []
    part = _Part(channels, rise, split, narrowest)
    before = 0.0
    for t in range(len(waveform)):
        level = _level(waveform, t, channels)
        duration, measured = float(waveform.duration[t]), bool(waveform.measure[t])
        resting = not level.any() and not measured
        if resting and duration >= HOST_REST:
            made += part.taken(before)
            before = (before if not part.played else 0.0) + duration
            part = _Part(channels, rise, split, narrowest)
            continue
        if resting and split and part.played:
            part.add(t, level, duration, measured)
            made += part.taken(before)
            before, part = 0.0, _Part(channels, rise, split, narrowest)
            continue
        part.add(t, level, duration, measured)
    made += part.taken(before)
    if not part.played and before:
        made.append(
            PulseSegments(np.zeros(0), np.zeros((0, channels)), np.zeros((0, channels)), np.zeros(0, int), before)
        )
    return made


def _level(waveform: Waveform, t: int, channels: int) -> NDArray[np.float64]:
    row, col = float(waveform.rows[t, 0]), float(waveform.cols[t, 0])
    if np.isnan(row) or np.isnan(col):
        raise LimitError(f"segment {t}: a line is left floating, the channels of the card are never open here")
    return np.array([row, col]) if channels == 2 else np.array([row - col])


class _Part:
    """PulseSegments of one execution, as they are put together."""

    def __init__(self, channels: int, rise: float, split: bool, narrowest: float) -> None:
        self._zero, self._rise, self._split, self._narrowest = np.zeros(channels), rise, split, narrowest
        self._now = self._zero
        self._found: list[tuple[float, NDArray[np.float64], NDArray[np.float64], int]] = []

    @property
    def played(self) -> bool:
        """Whether there is anything but rest."""
        return any(start.any() or stop.any() or owner >= 0 for _, start, stop, owner in self._found)

    def add(self, t: int, level: NDArray[np.float64], duration: float, measured: bool) -> None:
        """Append a segment of the waveform."""
        flat = duration
        if (level != self._now).any():
            flat = round((duration - self._rise) / STEP) * STEP
            self._found.append((self._rise, self._now, level, -1))
        owner = t if measured or (self._split and level.any()) else -1
        least = max(SHORTEST, self._narrowest) if owner >= 0 else SHORTEST
        if flat < least - STEP / 2:
            raise LimitError(
                f"segment {t}: {duration:g} s leaves a flat of {flat:g} s after the ramp of {self._rise:g} s, "
                f"{least:g} s are needed{' to measure on it' if owner >= 0 else ''}"
            )
        if flat > LONGEST:
            raise LimitError(f"segment {t}: {flat:g} s away from 0 V, or measured, is longer than {LONGEST:g} s")
        last = self._found[-1] if self._found else None
        stands = (
            last is not None and owner < 0 and last[3] < 0 and (last[1] == level).all() and (last[2] == level).all()
        )
        if stands and last is not None and last[0] + flat <= LONGEST:
            self._found[-1] = (round((last[0] + flat) / STEP) * STEP, level, level, -1)
            return
        self._found.append((flat, level, level, owner))
        self._now = level

    def taken(self, before: float) -> list[PulseSegments]:
        """All of it, back at 0 V, as an execution; nothing where nothing is played."""
        if not self.played:
            return []
        if self._now.any():
            self._found.append((self._rise, self._now, self._zero, -1))
        if len(self._found) > MOST:
            raise LimitError(f"{len(self._found)} segments without a rest of {HOST_REST:g} s: one execution has {MOST}")
        time, start, stop, owner = zip(*self._found, strict=True)
        return [PulseSegments(np.array(time), np.array(start), np.array(stop), np.array(owner, np.int64), before)]
