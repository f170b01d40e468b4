"""Waveforms: what is driven on every line of a crossbar, and for how long.

A waveform is piecewise constant. It is a table with one line a segment: how long, which voltage on every row (word
line), which on every column (bit line), and whether the column currents are wanted. NaN is a line left floating.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hil.arrays import MOST_VALUES, number, numbers, truths, whole
from hil.errors import InputError
from hil.needs import NeedError, require_memory

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FLOATING = np.nan
"""The voltage of a line that is left floating (high impedance)."""

MANY_LINES = 12
"""Lines beyond which a waveform is drawn as its range instead of one trace a line."""


class Resolution(Protocol):
    """The steps in which a device resolves voltages (V) and durations (s), 0 for any; `hil.limits.Limits` is one."""

    @property
    def v_step(self) -> float: ...  # noqa: D102

    @property
    def time_step(self) -> float: ...  # noqa: D102


@dataclass(frozen=True, eq=False, repr=False, init=False)
class Waveform:
    """Piecewise-constant drive of all lines of a crossbar.

    Parameters
    ----------
    duration : (T,) array
        Length of every segment in s, each > 0 and finite.
    rows : (T, R) array
        Voltage of every row in V; NaN leaves the row floating.
    cols : (T, C) array
        Voltage of every column in V; NaN leaves the column floating.
    measure : (T,) array of bool
        Segments in which the column currents are wanted.

    Raises
    ------
    InputError
        If shapes do not agree, a duration is not positive and finite, a voltage is infinite, or anything is no number.

    Notes
    -----
    The arrays are read-only; writeable ones are copied, so nothing changes under a waveform. A two-terminal cell sees
    ``V_row - V_col``, so every timing rule (paired pulses, spike timing, half-select) is nothing but a table of these
    voltages. ``a + b`` plays `b` after `a`, ``3 * a`` plays `a` three times, ``a[2:5]`` is a slice of segments.
    """

    duration: NDArray[np.float64]
    rows: NDArray[np.float64]
    cols: NDArray[np.float64]
    measure: NDArray[np.bool_]

    def __init__(self, duration: ArrayLike, rows: ArrayLike, cols: ArrayLike, measure: ArrayLike) -> None:
        """Convert, check and freeze the arrays."""
        given = {"duration": duration, "rows": rows, "cols": cols}
        duration, rows, cols = (numbers(values, field) for field, values in given.items())
        measure = truths(measure, "measure")
        shapes = (duration.shape, rows.shape, cols.shape, measure.shape)
        if duration.ndim != 1 or rows.ndim != 2 or cols.ndim != 2 or measure.ndim != 1:
            raise InputError(f"a waveform needs duration (T,), rows (T, R), cols (T, C), measure (T,), not {shapes}")
        if not len(duration) == len(rows) == len(cols) == len(measure):
            raise InputError(f"duration, rows, cols and measure differ in their number of segments: {shapes}")
        if rows.shape[1] == 0 or cols.shape[1] == 0:
            raise InputError(f"a waveform needs at least one row and one column, not {rows.shape[1]} x {cols.shape[1]}")
        bad = ~((duration > 0) & (duration < np.inf))
        if bad.any():
            t = int(np.flatnonzero(bad)[0])
            raise InputError(f"segment {t}: duration {duration[t]} s must be positive and finite")
        for kind, voltages in (("row", rows), ("column", cols)):
            if voltages.size and _any_infinite(voltages):
                t, line = (int(k) for k in np.argwhere(np.isinf(voltages))[0])
                raise InputError(f"segment {t}, {kind} {line}: {voltages[t, line]} V must be finite, or NaN to float")
        for field, array in (("duration", duration), ("rows", rows), ("cols", cols), ("measure", measure)):
            object.__setattr__(self, field, _frozen(array))

    @classmethod
    def pulse(cls, rows: ArrayLike, cols: ArrayLike = 0.0, *, width: float, measure: bool = False) -> Waveform:
        """One segment: `rows` (V, scalar or (R,)) and `cols` (V, scalar or (C,)) held for `width` seconds."""
        return cls([width], _line(rows, "rows"), _line(cols, "cols"), [measure])

    @classmethod
    def rest(cls, duration: float, rows: int = 1, cols: int = 1) -> Waveform:
        """All `rows` x `cols` lines at 0 V for `duration` seconds."""
        rows, cols = whole(rows, "rows", least=0), whole(cols, "cols", least=0)
        return cls.pulse(np.zeros(rows), np.zeros(cols), width=duration)

    @classmethod
    def train(
        cls,
        rows: ArrayLike,
        cols: ArrayLike = 0.0,
        *,
        width: float,
        period: float,
        count: int,
        measure: bool = False,
    ) -> Waveform:
        """`count` pulses of `width` seconds, one every `period` seconds, all lines at 0 V in between.

        A period equal to the width gives back-to-back pulses; a shorter one raises `InputError`.
        """
        width, period = number(width, "width"), number(period, "period")
        if whole(count, "count", least=0, most=2**63 - 1) < 1:
            raise InputError(f"count {count}: a train needs at least one pulse")
        if period < width:
            raise InputError(f"period {period} s is shorter than the pulse width {width} s")
        pulse = cls.pulse(rows, cols, width=width, measure=measure)
        if period == width:
            return pulse * count
        return (pulse + cls.rest(period - width, *pulse.lines)) * count

    @classmethod
    def triangle(
        cls, peak: float, trough: float | None = None, *, step: float, dwell: float, cycles: int = 1
    ) -> Waveform:
        """Staircase 0 -> `peak` -> `trough` -> 0 on one row, every step measured: an I-V sweep.

        Parameters
        ----------
        peak, trough : float
            Turning points in V; the trough is ``-peak`` unless given, 0 for a one-sided sweep.
        step : float
            Largest height of a stair in V, > 0; stairs are evenly spaced between turning points.
        dwell : float
            Time on every stair in s.
        cycles : int
            Number of loops.
        """
        peak, step = number(peak, "peak"), number(step, "step", finite=False)
        trough = -peak if trough is None else number(trough, "trough")
        if not step > 0:
            raise InputError(f"step {step} V must be positive")
        if not np.isfinite(step):
            raise InputError(f"step {step} V must be finite")
        if whole(cycles, "cycles", least=0) < 1:
            raise InputError(f"cycles {cycles}: a sweep needs at least one loop")
        require_segments(2 * (abs(peak) + abs(trough)) / step * cycles, 1, 1)
        stairs = [np.zeros(1)]
        for start, stop in ((0.0, peak), (peak, trough), (trough, 0.0)):
            count = int(np.ceil(abs(stop - start) / step - 1e-9))
            stairs.append(np.linspace(start, stop, count + 1)[1:])
        return cls.samples(np.concatenate(stairs), dwell=dwell, measure=True) * cycles

    @classmethod
    def samples(
        cls, rows: ArrayLike, cols: ArrayLike = 0.0, *, dwell: ArrayLike, measure: ArrayLike = False
    ) -> Waveform:
        """Arbitrary samples: `rows` (T,) or (T, R) and `cols` scalar, (T,) or (T, C) in V, `dwell` seconds each.

        `dwell` and `measure` are one value for all samples or one a sample.
        """
        table = np.atleast_1d(numbers(rows, "rows"))
        columns = numbers(cols, "cols")
        columns = np.full(len(table), columns) if columns.ndim == 0 else columns
        table, columns = (t[:, None] if t.ndim == 1 else t for t in (table, columns))
        duration, measured = numbers(dwell, "dwell"), truths(measure, "measure")
        for name, shape in (("dwell", duration.shape), ("measure", measured.shape)):
            if shape not in ((), (len(table),)):
                raise InputError(f"{name} of shape {shape}: give one value, or one for each of {len(table)} samples")
        return cls(np.broadcast_to(duration, len(table)), table, columns, np.broadcast_to(measured, len(table)))

    @classmethod
    def concat(cls, parts: Iterable[Waveform]) -> Waveform:
        """Play `parts` one after another; all must drive the same number of lines."""
        parts = list(parts)
        if not parts:
            raise InputError("nothing to concatenate: give at least one waveform")
        for part in parts:
            if part.lines != parts[0].lines:
                raise InputError(f"cannot join waveforms of {parts[0].lines} and {part.lines} (rows, columns)")
        return cls(*(np.concatenate([getattr(p, f) for p in parts]) for f in ("duration", "rows", "cols", "measure")))

    @property
    def lines(self) -> tuple[int, int]:
        """Number of rows and of columns."""
        return self.rows.shape[1], self.cols.shape[1]

    @property
    def total(self) -> float:
        """Length of the whole waveform in s."""
        return float(self.duration.sum())

    @property
    def starts(self) -> NDArray[np.float64]:
        """(T,) start of every segment in s, the first at 0."""
        return np.concatenate([[0.0], np.cumsum(self.duration)[:-1]]) if len(self) else np.zeros(0)

    def fan_out(self, rows: ArrayLike, cols: ArrayLike = 0.0) -> Waveform:
        """Spread a one-row, one-column waveform over many lines.

        Row `r` carries ``rows[r]`` times the row's voltage and column `c` ``cols[c]`` times the column's; a NaN
        factor leaves that line floating.
        """
        if self.lines != (1, 1):
            raise InputError(f"fan_out spreads a 1 x 1 waveform, this one drives {self.lines[0]} x {self.lines[1]}")
        return Waveform(self.duration, self.rows * _line(rows, "rows"), self.cols * _line(cols, "cols"), self.measure)

    def quantised(self, limits: Resolution) -> Waveform:
        """Round voltages and durations to what a device resolves.

        Rounding is the caller's choice, never a device's: `Limits.check` raises on a waveform off the device's grid.

        Raises
        ------
        InputError
            If a segment would round to no time at all.
        """
        rows, cols, duration = self.rows, self.cols, self.duration
        if limits.v_step > 0:
            rows = np.round(rows / limits.v_step) * limits.v_step
            cols = np.round(cols / limits.v_step) * limits.v_step
        if limits.time_step > 0:
            steps = np.round(duration / limits.time_step)
            if (steps == 0).any():
                t = int(np.flatnonzero(steps == 0)[0])
                raise InputError(f"segment {t}: {duration[t]} s is below half a time step of {limits.time_step} s")
            duration = steps * limits.time_step
        return Waveform(duration, rows, cols, self.measure)

    def plot(self, axes: Axes | None = None) -> Axes:
        """Draw voltage against time (needs matplotlib): rows blue, columns red, floating stretches left blank.

        More than a dozen lines of a kind are drawn as the range of their voltages.
        """
        from matplotlib import pyplot

        if axes is None:
            _, axes = pyplot.subplots(figsize=(8, 3), layout="constrained")
        edges = np.append(self.starts, self.total)
        for kind, table, colour in (("row", self.rows, "C0"), ("column", self.cols, "C3")):
            lines = table.shape[1]
            label = kind if lines == 1 else f"{lines} {kind}s"
            if lines <= MANY_LINES:
                for line in range(lines):
                    name = label if line == 0 else ""
                    axes.stairs(table[:, line], edges, baseline=None, color=colour, alpha=0.8, label=name)
            else:
                low, high = np.fmin.reduce(table, axis=1), np.fmax.reduce(table, axis=1)
                axes.stairs(high, edges, baseline=low, fill=True, color=colour, alpha=0.4, label=label)
        axes.set(xlabel="time (s)", ylabel="voltage (V)")
        axes.legend(loc="best", frameon=False)
        return axes

    def __len__(self) -> int:
        """Count the segments."""
        return len(self.duration)

    def __add__(self, other: Waveform) -> Waveform:
        """Play `other` after this waveform."""
        return Waveform.concat([self, other]) if isinstance(other, Waveform) else NotImplemented

    def __mul__(self, count: int) -> Waveform:
        """Play this waveform `count` times."""
        if not isinstance(count, int | np.integer):
            return NotImplemented
        if count < 1:
            raise InputError(f"cannot repeat a waveform {count} times: give a whole number >= 1")
        require_segments(min(count, 1e300) * len(self), *self.lines)
        return Waveform(
            np.tile(self.duration, count),
            np.tile(self.rows, (count, 1)),
            np.tile(self.cols, (count, 1)),
            np.tile(self.measure, count),
        )

    __rmul__ = __mul__

    def __getitem__(self, segments: int | slice) -> Waveform:
        """Cut out one segment or a slice of segments; an index beyond the end raises `IndexError`."""
        if not isinstance(segments, slice):
            index = range(len(self))[segments]
            segments = slice(index, index + 1)
        return Waveform(self.duration[segments], self.rows[segments], self.cols[segments], self.measure[segments])

    def __eq__(self, other: object) -> bool:
        """Compare segment by segment; floating lines equal floating lines."""
        if not isinstance(other, Waveform):
            return NotImplemented
        return (
            np.array_equal(self.duration, other.duration)
            and np.array_equal(self.rows, other.rows, equal_nan=True)
            and np.array_equal(self.cols, other.cols, equal_nan=True)
            and np.array_equal(self.measure, other.measure)
        )

    __array_ufunc__ = None

    def __repr__(self) -> str:
        """Say what is driven in one line."""
        head = f"Waveform({len(self)} segment{'s' * (len(self) != 1)}, {self.lines[0]} x {self.lines[1]} lines"
        driven = [v[~np.isnan(v)] for v in (self.rows, self.cols)]
        voltages = np.concatenate([v.ravel() for v in driven])
        span = f", {voltages.min():g}..{voltages.max():g} V" if voltages.size else ""
        floating = int(np.isnan(self.rows).any(0).sum() + np.isnan(self.cols).any(0).sum())
        notes = f", {floating} lines floating at times" if floating else ""
        return f"{head}, {self.total:g} s{span}, {int(self.measure.sum())} measured{notes})"

    def _repr_html_(self) -> str:
        """Sketch it over a table of its first segments, for a notebook."""
        from hil import notebook

        return notebook.waveform(self)


COPIES = 4
"""How often a waveform is in memory at once while it is joined, rounded to a device's grid and placed on its lines."""


def require_segments(segments: float, rows: int, cols: int) -> None:
    """Raise `NeedError` where that many segments do not fit into memory, or are more than any table may have."""
    require_memory(f"a waveform of {segments:,.4g} segments", COPIES * segments * (8.0 * (1 + rows + cols) + 1))
    values = segments * (rows + cols)
    if values > MOST_VALUES:
        raise NeedError(f"a waveform of {segments:,.4g} segments has {values:,.4g} voltages, {MOST_VALUES:,} at most")


def _frozen(array: NDArray[Any]) -> NDArray[Any]:
    """Give back `array` itself only if nobody can write to its memory, else a read-only copy."""
    owner: object = array
    while isinstance(owner, np.ndarray) and not owner.flags.writeable:
        owner = owner.base
    if owner is None:
        return array
    array = array.copy()
    array.flags.writeable = False
    return array


def _line(voltages: ArrayLike, what: str) -> NDArray[np.float64]:
    return np.atleast_1d(numbers(voltages, what)).reshape(1, -1)


def _any_infinite(voltages: NDArray[np.float64]) -> bool:
    """Look for infinities in one or two passes over what may be hundreds of megabytes."""
    low, high = voltages.min(), voltages.max()
    if np.isnan(low):
        return bool(np.isinf(voltages).any())
    return not (low > -np.inf and high < np.inf)
