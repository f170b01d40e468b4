"""Voltage trains for one or two source channels: levels held one after another, and where currents are measured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hil.errors import InputError
from hil.limits import GRID_TOLERANCE, LimitError


class PulseTrain(NamedTuple):
    """A regular train: `repeats` pulses from `base` to `level` V, each `width` s long, one every `period` s."""

    base: float
    level: float
    width: float
    period: float
    repeats: int


@dataclass(frozen=True, eq=False, init=False)
class Plan:
    """A train between HI and LO of one channel: the voltage of every step, its length, and whether it is measured.

    Attributes
    ----------
    level : (T,) array
        Source voltage of every step, V.
    duration : (T,) array
        How long it is held, s, > 0.
    measure : (T,) array of bool
        Whether the current at the end of the step is wanted.

    Raises
    ------
    InputError
        If the arrays differ in length, nothing is played, or a value is not finite.
    """

    level: NDArray[np.float64]
    duration: NDArray[np.float64]
    measure: NDArray[np.bool_]

    def __init__(self, level: ArrayLike, duration: ArrayLike, measure: ArrayLike) -> None:
        """Convert and check the arrays."""
        for name, array in _steps(level, duration, measure, ()).items():
            object.__setattr__(self, name, array)

    @classmethod
    def train(
        cls, level: float, width: float, period: float, count: int, *, base: float = 0.0, measure: bool = True
    ) -> Plan:
        """`count` pulses, each followed by the rest of its period at `base`; the pulses are measured, not the rests."""
        return cls(
            np.tile([level, base], count), np.tile([width, period - width], count), np.tile([measure, False], count)
        )

    def __len__(self) -> int:
        """Count the steps."""
        return len(self.level)

    @property
    def total(self) -> float:
        """Length in s."""
        return float(self.duration.sum())

    @property
    def across(self) -> NDArray[np.float64]:
        """(T, 1) voltages that a cell may see: one."""
        return self.level[:, None]

    def ticks(self, time_step: float) -> tuple[float, NDArray[np.int64]]:
        """Longest tick of which every duration is a whole number, and those numbers.

        Raises
        ------
        LimitError
            If a duration is no multiple of `time_step`, s.
        """
        steps = self.duration / time_step
        whole = np.round(steps).astype(np.int64)
        off = np.abs(steps - whole) > np.maximum(GRID_TOLERANCE, np.abs(steps) * 1e-12)
        if off.any() or (whole < 1).any():
            t = int(np.flatnonzero(off | (whole < 1))[0])
            raise LimitError(f"step {t}: {self.duration[t]:.9g} s is not a multiple of {time_step:g} s")
        unit = int(np.gcd.reduce(whole))
        return unit * time_step, whole // unit

    def pulses(self) -> PulseTrain | None:
        """Describe the plan as a regular train of two-step pulses, measured on the pulses only; None if it is none."""
        if len(self) < 2 or len(self) % 2:
            return None
        level, duration, measure = (a.reshape(-1, 2) for a in (self.level, self.duration, self.measure))
        same = (level == level[0]).all() and (duration == duration[0]).all() and (measure == measure[0]).all()
        if not same or measure[0, 1] or level[0, 0] == level[0, 1]:
            return None
        width = float(duration[0, 0])
        return PulseTrain(float(level[0, 1]), float(level[0, 0]), width, float(duration[0].sum()), len(level))


@dataclass(frozen=True, eq=False, init=False)
class PairPlan:
    """A train for two channels of one instrument, whose LO terminals are joined: both play it step by step together.

    Attributes
    ----------
    level : (T, 2) array
        Voltage of every step on channel 1 and on channel 2, V, both against LO.
    duration : (T,) array
        How long it is held, s, > 0; the same for both.
    measure : (T, 2) array of bool
        Which channel's current at the end of the step is wanted.

    Raises
    ------
    InputError
        If the arrays do not go together, nothing is played, or a value is not finite.
    """

    level: NDArray[np.float64]
    duration: NDArray[np.float64]
    measure: NDArray[np.bool_]

    def __init__(self, level: ArrayLike, duration: ArrayLike, measure: ArrayLike) -> None:
        """Convert and check the arrays."""
        for name, array in _steps(level, duration, measure, (2,)).items():
            object.__setattr__(self, name, array)

    def __len__(self) -> int:
        """Count the steps."""
        return len(self.level)

    @property
    def total(self) -> float:
        """Length in s."""
        return float(self.duration.sum())

    @property
    def measured(self) -> NDArray[np.bool_]:
        """(T,) steps at whose end any current is wanted."""
        found: NDArray[np.bool_] = np.any(self.measure, axis=1)
        return found

    @property
    def across(self) -> NDArray[np.float64]:
        """(T, 3) voltages that a cell may see, V: between HI 1 and LO, HI 2 and LO, HI 1 and HI 2.

        A cell whose lines stay where they are in the train sees one of these columns, of either sign, or nothing.
        """
        return np.column_stack([self.level, self.level[:, 0] - self.level[:, 1]])

    def channel(self, k: int) -> Plan:
        """What channel `k`, from 1, plays; measured where any of the two is: they go on together."""
        return Plan(self.level[:, k - 1], self.duration, self.measured)

    def ticks(self, time_step: float) -> tuple[float, NDArray[np.int64]]:
        """As `Plan.ticks`."""
        return self.channel(1).ticks(time_step)


def _steps(
    level: ArrayLike, duration: ArrayLike, measure: ArrayLike, each: tuple[int, ...]
) -> dict[str, NDArray[np.float64] | NDArray[np.bool_]]:
    """Arrays of a plan, checked and read-only; a step's level and measure have the shape `each`."""
    level, duration = (np.array(values, dtype=np.float64) for values in (level, duration))
    measure = np.array(measure, dtype=np.bool_)
    shape = (*duration.shape, *each)
    if not level.shape == measure.shape == shape or duration.ndim != 1 or not len(duration):
        raise InputError(f"a plan needs steps: level, duration, measure of shapes {level.shape}, {duration.shape}, "
                         f"{measure.shape}")  # fmt: skip
    floating = ~np.isfinite(level).reshape(len(level), -1).all(axis=1)
    if floating.any():
        raise InputError(f"step {int(np.flatnonzero(floating)[0])}: a source cannot float, open a relay")
    if not ((duration > 0) & np.isfinite(duration)).all():
        raise InputError(f"step {int(np.flatnonzero(~(duration > 0))[0])}: durations must be positive and finite")
    arrays: dict[str, NDArray[np.float64] | NDArray[np.bool_]] = {
        "level": level, "duration": duration, "measure": measure,
    }  # fmt: skip
    for array in arrays.values():
        array.flags.writeable = False
    return arrays
