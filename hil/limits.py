"""Limits: what a device survives and resolves, checked before anything is driven."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hil.arrays import MOST_VALUES, number, whole
from hil.errors import InputError
from hil.waveform import Waveform

GRID_TOLERANCE = 1e-6
"""How far off the grid, in steps, a voltage or duration may lie: room for rounding in float64, no more."""


class LimitError(InputError):
    """A waveform asks for more than the device survives or resolves; nothing has been driven."""


_NUMBERS = ("v_min", "v_max", "v_cell", "i_max", "width_min", "width_max", "time_step", "v_step")


@dataclass(frozen=True)
class Limits:
    """What a device survives and resolves.

    Attributes
    ----------
    v_min, v_max : float
        Range of every line's voltage, V.
    v_cell : float
        Largest |V_row - V_col| across any cell, V.
    i_max : float
        Compliance current, A. Reaching it is reported in `Response.tripped`; it is not a property of a waveform.
    width_min, width_max : float
        Range of a segment's duration, s.
    time_step : float
        Durations are multiples of it, s; 0 for any duration.
    v_step : float
        Voltages are multiples of it, V; 0 for any voltage.
    channels : int or None
        How many different voltages other than 0 V can be driven at once; None for one on every line.
    """

    v_min: float = -np.inf
    v_max: float = np.inf
    v_cell: float = np.inf
    i_max: float = np.inf
    width_min: float = 0.0
    width_max: float = np.inf
    time_step: float = 0.0
    v_step: float = 0.0
    channels: int | None = None

    def __post_init__(self) -> None:
        """Refuse limits that nothing can satisfy."""
        for field in _NUMBERS:
            object.__setattr__(self, field, number(getattr(self, field), field, finite=False))
        if not self.v_min <= 0.0 <= self.v_max:
            raise InputError(f"v_min {self.v_min} V .. v_max {self.v_max} V must include 0 V")
        if not 0.0 <= self.width_min <= self.width_max:
            raise InputError(
                f"width_min {self.width_min} s .. width_max {self.width_max} s is not a range of durations"
            )
        for field in ("v_cell", "i_max", "time_step", "v_step"):
            if not getattr(self, field) >= 0:
                raise InputError(f"{field} {getattr(self, field)} must not be negative")
        if self.channels is not None and whole(self.channels, "channels", least=-MOST_VALUES) < 1:
            raise InputError(f"channels {self.channels}: a device drives at least one voltage")

    def check(self, waveform: Waveform) -> None:
        """Raise `LimitError` naming the first segment, line and value that is out of range; never change anything."""
        self._check_durations(waveform.duration)
        self._check_lines("row", waveform.rows)
        self._check_lines("column", waveform.cols)
        if np.isfinite(self.v_cell):
            self._check_cells(waveform)
        if self.channels is not None:
            self._check_channels(waveform, self.channels)

    def admit(self, voltages: NDArray[np.float64], duration: float) -> bool:
        """Whether it is plain that lines at these voltages, all others at 0 V, are within limits for `duration` s.

        Far quicker than `check`, which is to say what is wrong where this is False; it may be False without a reason.
        """
        if self.v_step or self.time_step or self.channels is not None or not voltages.size:
            return False
        low, high = float(voltages.min()), float(voltages.max())
        if not -np.inf < low <= high < np.inf:
            return False
        if not (self.v_min <= low <= high <= self.v_max and self.width_min <= duration <= self.width_max):
            return False
        return max(high, 0.0) <= self.v_cell and -min(low, 0.0) <= self.v_cell

    def _check_durations(self, duration: NDArray[np.float64]) -> None:
        slack = GRID_TOLERANCE * self.time_step
        bad = (duration < self.width_min - slack) | (duration > self.width_max + slack)
        if bad.any():
            t = int(np.flatnonzero(bad)[0])
            raise LimitError(
                f"segment {t}: duration {duration[t]:g} s is outside {self.width_min:g} s .. {self.width_max:g} s"
            )
        off = _off_grid(duration, self.time_step)
        if off is not None:
            t = int(off[0])
            raise LimitError(
                f"segment {t}: duration {duration[t]:.9g} s is not a multiple of the time step {self.time_step:g} s; "
                "round it with Waveform.quantised(limits)"
            )

    def _check_lines(self, kind: str, voltages: NDArray[np.float64]) -> None:
        if not voltages.size:
            return
        with np.errstate(invalid="ignore"):
            low, high = _range(voltages)
            slack = GRID_TOLERANCE * self.v_step
            v_min, v_max = self.v_min - slack, self.v_max + slack
            if low < v_min or high > v_max:
                t, line = (int(k) for k in np.argwhere((voltages < v_min) | (voltages > v_max))[0])
                raise LimitError(
                    f"segment {t}, {kind} {line}: {voltages[t, line]:g} V is outside "
                    f"{self.v_min:g} V .. {self.v_max:g} V"
                )
        off = _off_grid(voltages, self.v_step)
        if off is not None:
            t, line = (int(k) for k in off)
            raise LimitError(
                f"segment {t}, {kind} {line}: {voltages[t, line]:.9g} V is not a multiple of the voltage step "
                f"{self.v_step:g} V; round it with Waveform.quantised(limits)"
            )

    def _check_cells(self, waveform: Waveform) -> None:
        rows, cols = waveform.rows, waveform.cols
        (row_low, row_high), (col_low, col_high) = _range(rows, axis=1), _range(cols, axis=1)
        highest = self.v_cell * (1 + 4 * np.finfo(np.float64).eps) + GRID_TOLERANCE * self.v_step
        with np.errstate(invalid="ignore"):
            bad = (row_high - col_low > highest) | (col_high - row_low > highest)
        if bad.any():
            t = int(np.flatnonzero(bad)[0])
            across = rows[t][:, None] - cols[t][None, :]
            r, c = np.unravel_index(int(np.nanargmax(np.abs(across))), across.shape)
            raise LimitError(
                f"segment {t}, row {r}, column {c}: {across[r, c]:g} V across the cell is outside "
                f"{-self.v_cell:g} V .. {self.v_cell:g} V"
            )

    def _check_channels(self, waveform: Waveform, channels: int) -> None:
        lines = np.nan_to_num(np.concatenate([waveform.rows, waveform.cols], axis=1), nan=0.0)
        lines = np.sort(np.round(lines / self.v_step) if self.v_step else lines, axis=1)
        fresh = np.ones_like(lines, dtype=bool)
        fresh[:, 1:] = np.diff(lines, axis=1) != 0
        count = (fresh & (lines != 0)).sum(axis=1)
        if (count > channels).any():
            t = int(np.flatnonzero(count > channels)[0])
            raise LimitError(
                f"segment {t}: {count[t]} different voltages at once, the device drives at most {channels} besides 0 V"
            )


def _range(voltages: NDArray[np.float64], axis: int | None = None) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Lowest and highest voltage of driven lines; NaN only where none is driven.

    The plain reductions are several times as fast as those that pass over NaN.
    """
    low, high = voltages.min(axis=axis), voltages.max(axis=axis)
    if np.isnan(low).any():
        low, high = np.fmin.reduce(voltages, axis=axis), np.fmax.reduce(voltages, axis=axis)
    return low, high


def _off_grid(values: NDArray[np.float64], step: float) -> NDArray[np.int64] | None:
    """Index of the first value that is no multiple of `step`, or None; NaN is on every grid."""
    if step <= 0:
        return None
    steps = values / step
    rounding = np.abs(steps) * 4 * np.finfo(np.float64).eps
    off = np.abs(steps - np.round(steps)) > np.maximum(GRID_TOLERANCE, rounding)
    return np.argwhere(off)[0] if off.any() else None
