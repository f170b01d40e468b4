"""What was done to one cell, and what was seen: trains, decays and sweeps; `files` and `records` read them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hil.errors import InputError
from hil.importing.noise import ReadingNoise

Kind = Literal["train", "decay", "sweep"]

FLAT = 0.02
"""Share of the largest voltage of a sweep below which a current says too little about the conductance."""


@dataclass(frozen=True, eq=False)
class Measurement:
    """The history of one cell: segments of constant voltage, and conductances seen at the end of some of them.

    It has one or several stretches. Within one nothing is missing; what happened to the cell between two is not known.

    Attributes
    ----------
    kind : str
        ``train``, ``decay`` or ``sweep``.
    source : str
        Where it comes from, for messages.
    voltage, duration : (T,) arrays
        Cell voltage (V) and length (s, 0 or more) of every segment; gapless but for `begins`.
    seen : (K,) array of int
        Segments at whose end the conductance is known, in order.
    conductance : (K,) array
        What was seen, S, > 0.
    axis : (K,) array
        What the conductance is drawn against: number of the pulse, or time in s.
    read_voltage : (K,) array
        Voltage of the reading, V, where a current was measured; NaN where a conductance was.
    reads : (T,) array of bool, optional
        Segments that only read: they drive the cell, but are no pulses to a model that counts pulses.
    notes : tuple of str
        What was left out, in words.
    begins : tuple of int
        First segment of every stretch, ascending; the first is 0.
    reading : ReadingNoise, optional
        Uncertainty of a single reading, where each conductance is the mean of several.

    Raises
    ------
    InputError
        If the arrays do not fit together, or a value is impossible.
    """

    kind: Kind
    source: str
    voltage: NDArray[np.float64]
    duration: NDArray[np.float64]
    seen: NDArray[np.int64]
    conductance: NDArray[np.float64]
    axis: NDArray[np.float64]
    read_voltage: NDArray[np.float64]
    reads: NDArray[np.bool_] | None = None
    notes: tuple[str, ...] = ()
    begins: tuple[int, ...] = (0,)
    reading: ReadingNoise | None = None

    def __post_init__(self) -> None:
        """Check what everything after this relies on."""
        if len(self.voltage) != len(self.duration) or len(self.seen) != len(self.conductance):
            raise InputError(f"{self.source}: voltages and durations, and readings and conductances, must be as many")
        if len(self.seen) < 2:
            left = f", {'; '.join(self.notes)}" if self.notes else ""
            count = f"{len(self.seen) or 'no'} reading{'s' * (not len(self.seen))}"
            raise InputError(f"{self.source}: {count} cannot be fitted; give at least 2{left}")
        for name, values, good in (
            ("voltage", self.voltage, np.isfinite(self.voltage)),
            ("duration", self.duration, np.isfinite(self.duration) & (self.duration >= 0)),
            ("conductance", self.conductance, np.isfinite(self.conductance) & (self.conductance > 0)),
        ):
            if not good.all():
                k = int(np.flatnonzero(~good)[0])
                allowed = {"voltage": "finite", "duration": "finite and >= 0", "conductance": "finite and > 0"}[name]
                raise InputError(f"{self.source}: {name} number {k + 1} is {values[k]:g}, it must be {allowed}")
        if any(first == end for first, end in self.readings):
            raise InputError(f"{self.source}: a stretch without any reading tells nothing; leave it out")

    def __len__(self) -> int:
        """Count the readings."""
        return len(self.seen)

    @property
    def readings(self) -> list[tuple[int, int]]:
        """First reading of every stretch, and the one after its last."""
        edges = np.searchsorted(self.seen, [*self.begins, len(self.voltage)]).tolist()
        return list(pairwise(edges))

    @property
    def time(self) -> NDArray[np.float64]:
        """(K,) time of every reading since the start, s."""
        return np.cumsum(self.duration)[self.seen]

    @property
    def pulses(self) -> NDArray[np.float64]:
        """(T,) voltage of every segment that is a pulse, 0 in the others, V."""
        return self.voltage if self.reads is None else np.where(self.reads, 0.0, self.voltage)

    def amplitudes(self, sign: int) -> NDArray[np.float64]:
        """Different magnitudes of pulses of one sign, V, ascending; equal to 1 in 10^6 counts as the same."""
        found = np.sort(np.abs(self.pulses[np.sign(self.pulses) == sign]))
        return found[np.concatenate([[True], np.diff(found) > 1e-6 * found[1:]])] if len(found) else found


def joined(parts: Sequence[Measurement], source: str) -> Measurement:
    """Put the stretches of one cell together, each with a start of its own; they must be of one kind."""
    offsets = np.cumsum([0, *(len(m.voltage) for m in parts[:-1])]).tolist()
    kinds = {m.kind for m in parts}
    if len(kinds) > 1:
        raise InputError(f"{source}: {' and '.join(sorted(kinds))} are fitted apart from each other")
    some = any(m.reads is not None for m in parts)
    reads = [np.zeros(len(m.voltage), bool) if m.reads is None else m.reads for m in parts]
    columns = ("voltage", "duration", "conductance", "axis", "read_voltage")
    together = {name: np.concatenate([getattr(m, name) for m in parts]) for name in columns}
    return Measurement(
        kinds.pop(), source, together["voltage"], together["duration"],
        np.concatenate([m.seen + offset for m, offset in zip(parts, offsets, strict=True)]),
        together["conductance"], together["axis"], together["read_voltage"], np.concatenate(reads) if some else None,
        tuple(dict.fromkeys(note for m in parts for note in m.notes)),
        tuple(first + offset for m, offset in zip(parts, offsets, strict=True) for first in m.begins),
        parts[0].reading,
    )  # fmt: skip


def train(
    voltage: ArrayLike,
    width: ArrayLike,
    conductance: ArrayLike,
    *,
    rest: ArrayLike = 0.0,
    number: ArrayLike | None = None,
    source: str = "train",
) -> Measurement:
    """Pulses, each followed by `rest` seconds at 0 V and a reading.

    Parameters
    ----------
    voltage, width, conductance : (N,) sequences of float
        V (0 for a reading without a pulse), s, S; a conductance of NaN is a pulse without a reading.
    rest : float or (N,) sequence of float
        Time between the end of the pulse and the reading, s.
    number : (N,) sequence of float, optional
        What the readings are drawn against; 1, 2, ... if not given.
    source : str
        Name for messages.
    """
    v, w, g = (np.asarray(values, dtype=np.float64) for values in (voltage, width, conductance))
    rests = np.broadcast_to(np.asarray(rest, dtype=np.float64), v.shape)
    volts = np.stack([v, np.zeros_like(v)], axis=1).ravel()
    seconds = np.stack([w, rests], axis=1).ravel()
    axis = np.arange(1, len(v) + 1, dtype=np.float64) if number is None else np.asarray(number, dtype=np.float64)
    good = ~np.isnan(g)
    seen = (2 * np.arange(len(v)) + 1)[good]
    return Measurement("train", source, volts, seconds, seen, g[good], axis[good], np.full(len(seen), np.nan))


def decay(time: ArrayLike, conductance: ArrayLike, source: str = "decay") -> Measurement:
    """Readings of a cell that nothing drives: `time` in s, rising; `conductance` in S."""
    t, g = np.asarray(time, dtype=np.float64), np.asarray(conductance, dtype=np.float64)
    seconds = _steps(t, source, first=0.0)
    return Measurement("decay", source, np.zeros(len(t)), seconds, np.arange(len(t)), g, t, np.full(len(t), np.nan))


def sweep(time: ArrayLike, voltage: ArrayLike, current: ArrayLike, source: str = "sweep") -> Measurement:
    """Samples of a cell under any voltage: the voltage since the sample before (V), the current at the end of it (A).

    A current of NaN is a sample without a reading: its voltage drives the cell.
    Samples below `FLAT` of the largest voltage drive the cell and are not fitted: a quotient of two noises. A current
    against its voltage is refused, unless it is there.
    """
    t, v, i = (np.asarray(values, dtype=np.float64) for values in (time, voltage, current))
    for name, values, good in (("voltage_V", v, np.isfinite(v)), ("current_A", i, ~np.isinf(i))):
        if not good.all():
            k = int(np.flatnonzero(~good)[0])
            raise InputError(f"{source}: {name} number {k + 1} is {values[k]:g}, it must be finite")
    seconds = _steps(t, source, first=float(np.median(np.diff(t))) if len(t) > 1 else 0.0)
    known = np.flatnonzero(~np.isnan(i))
    seen = known[telling(v[known], i[known], source)]
    return Measurement("sweep", source, v, seconds, seen, i[seen] / v[seen], t[seen], v[seen])


def telling(voltage: NDArray[np.float64], current: NDArray[np.float64], source: str) -> NDArray[np.bool_]:
    """(N,) which samples of a sweep tell a conductance; `InputError` where one of these flows against its voltage."""
    enough = np.abs(voltage) > FLAT * np.abs(voltage).max(initial=0.0)
    against = np.flatnonzero(enough & (current * voltage <= 0))
    if len(against):
        k = int(against[0])
        raise InputError(
            f"{source}: sample {k + 1} is {current[k]:g} A at {voltage[k]:g} V, no positive conductance; "
            "leave out samples below the offset of the instrument"
        )
    return enough


def _steps(time: NDArray[np.float64], source: str, first: float) -> NDArray[np.float64]:
    """Time since the reading before, s; `first` before the first one."""
    if not np.isfinite(time).all():
        raise InputError(f"{source}: time_s number {int(np.flatnonzero(~np.isfinite(time))[0]) + 1} must be finite")
    back = np.flatnonzero(np.diff(time) <= 0)
    if len(back):
        k = int(back[0]) + 1
        raise InputError(f"{source}: time_s number {k + 1}, {time[k]:g} s, must be above the one before it")
    return np.concatenate([[first], np.diff(time)])[: len(time)]
