"""Pulses by which a cell of any law is programmed, found from its equations alone.

A cell is put near one end of the range of its programmed state and driven at a voltage until it is near the other end:
that time over the number of pulses is their width. Voltages are those that the law names, else 1.5 times its
thresholds, else 0.1 V doubled until they do it; the faster of both directions is slowed down by a lower voltage until
both take the same time. Last, a cell at the very end of its range must leave it by such pulses, and keep what they do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from hil.device import Unsupported
from hil.limits import LimitError
from hil.programming import Programming
from sim.cells.law import Law
from sim.cells.segments import Segments

NEAR = 0.05
"""Distance of the start and of the goal from the ends of the state's range, as a fraction of it."""

BEYOND, GENTLE = 1.5, 0.1
"""Voltage over a law's threshold, and that of a law without any, V."""

SHORTEST, LONGEST = 1e-13, 10.0
"""Time to cross the range that is looked for, s."""

HIGHEST = 100.0
"""Voltage that is tried last where a device has no limit, V."""

LEAST_RANGE = 1e-6
"""Of the conductance, over its largest value."""

AT_THE_END = 1e-3
"""The same of a cell that must leave its end."""

REST = 100
"""Widths of a rest after which a pulse must have left something."""

KEPT = 0.5
"""Part of what a pulse does that must be left then."""


@dataclass(frozen=True)
class PulseSearch:
    """The search for the pulses of one law.

    Attributes
    ----------
    name : str
        Of the device, for messages.
    law : Law
    v_max : float
        Largest voltage, V.
    """

    name: str
    law: Law[Any]
    v_max: float

    def pulses(self, steps: int) -> Programming:
        """Pulses of which about `steps` take a cell through its range.

        Raises
        ------
        Unsupported
            If the state has no bounds, if no voltage moves it, or if it forgets what pulses do.
        """
        lowest, highest = self._ends()
        near = NEAR * (highest - lowest)
        ends = [self._conductance(x) for x in (lowest, highest)]
        start, goal = (lowest + near, highest - near) if ends[0] < ends[1] else (highest - near, lowest + near)
        if abs(ends[1] - ends[0]) <= LEAST_RANGE * max(ends):
            raise Unsupported(
                f"{self.name}: at both ends of its state {self.law.programmed}, {lowest:g} and {highest:g}, its "
                "conductance is the same: no pulse moves a weight from one to the other"
            )
        sign, up, down, ahead, back = self._found(start, goal)
        if ahead < back:
            up = self._slowed(sign, up, back, start, goal)
        else:
            down = self._slowed(-sign, down, ahead, goal, start)
        width = float(f"{max(ahead, back) / (1 - 2 * NEAR) / steps:.3g}")
        self._require_memory_of(sign * up, width, 0.5 * (lowest + highest))
        self._require_leaving(sign * up, width, steps, start, goal)
        self._require_leaving(-sign * down, width, steps, goal, start)
        return Programming(up, down, width, min(ends), max(ends), sign)

    def _ends(self) -> tuple[float, float]:
        low, high = self.law.bounds()
        if not np.isfinite([low, high]).all():
            raise Unsupported(
                f"{self.name}: its state {self.law.programmed} goes from {low:g} to {high:g}: no pulse is a part of "
                "that range; bound it (such as phi_max of sim:flca), or play a waveform with apply"
            )
        return low, high

    def _voltages(self) -> Iterator[tuple[float, float]]:
        """Magnitudes of positive and negative voltages to try, V."""
        named = self.law.programming
        if named is not None:
            yield (named.v_set, named.v_reset) if named.polarity > 0 else (named.v_reset, named.v_set)
        if self.law.thresholds is not None:
            positive, negative = (min(BEYOND * v, self.v_max) for v in self.law.thresholds)
            yield positive, negative
        v = GENTLE
        while v < self.v_max and v < HIGHEST:
            yield v, v
            v *= 2
        if np.isfinite(self.v_max):
            yield self.v_max, self.v_max

    def _found(self, start: float, goal: float) -> tuple[int, float, float, float, float]:
        """Sign that raises the conductance, magnitudes up and down (V), times up and down (s)."""
        why = ""
        for positive, negative in self._voltages():
            for sign, up, down in ((1, positive, negative), (-1, negative, positive)):
                ahead = self._time(sign * up, start, goal)
                back = np.inf if ahead is None else self._time(-sign * down, goal, start)
                if ahead is not None and back is not None:
                    return sign, up, down, ahead, back
            why = f"{positive:g} V and {-negative:g} V"
        raise Unsupported(
            f"{self.name}: no voltages of both signs take its state {self.law.programmed} from {start:.4g} to "
            f"{goal:.4g} and back within {LONGEST:g} s each, up to {why}: play a waveform with apply"
        )

    def _time(self, v: float, start: float, goal: float) -> float | None:
        """Time at a voltage from one state to another, s; None if that takes longer than `LONGEST`."""

        def there(length: float) -> bool:
            return (self._end(v, length, start) - goal) * np.sign(goal - start) >= 0

        if not there(LONGEST):
            return None
        return float(np.exp(_bisected(lambda x: there(float(np.exp(x))), np.log(SHORTEST), np.log(LONGEST))))

    def _slowed(self, sign: int, v: float, time: float, start: float, goal: float) -> float:
        """Lower voltage at which a direction takes as long as the other, V."""

        def fast(volts: float) -> bool:
            return (self._end(sign * volts, time, start) - goal) * np.sign(goal - start) >= 0

        return float(f"{_bisected(fast, 0.0, v):.6g}")

    def _require_memory_of(self, v: float, width: float, middle: float) -> None:
        """Refuse a cell that forgets a pulse."""
        before = self._end(v, width, middle) - middle
        history = Segments.of(np.array([width, REST * width]), np.array([[v], [0.0]]), np.zeros((2, 1)), False, False)
        after = self._played(history, middle)[-1] - self._end(0.0, REST * width, middle)
        if not abs(after) >= KEPT * abs(before):
            raise Unsupported(
                f"{self.name}: {REST} widths of {width:g} s after a pulse, {max(1 - after / before, 0):.0%} of what it "
                "did is forgotten: a volatile cell keeps no weight; play a waveform with apply"
            )

    def _require_leaving(self, v: float, width: float, steps: int, start: float, goal: float) -> None:
        """Refuse pulses that do not bring a cell from the very end of its range half way to the other one."""
        end = start + (start - goal) * (NEAR - AT_THE_END) / (1 - 2 * NEAR)
        train = np.tile([[v], [0.0]], (2 * steps, 1))
        history = Segments.of(np.full(4 * steps, width), train, np.zeros((4 * steps, 1)), False, False)
        if (self._played(history, end)[-1] - 0.5 * (start + goal)) * np.sign(goal - start) < 0:
            raise Unsupported(
                f"{self.name}: {2 * steps} pulses of {v:g} V and {width:g} s do not bring its state "
                f"{self.law.programmed} from {end:.4g} half way to the other end: name pulses of its own"
            )

    def _end(self, v: float, length: float, start: float) -> float:
        """State after a while at a voltage."""
        play = Segments.of(np.array([length]), np.array([[v]]), np.zeros((1, 1)), False, False)
        return float(self._played(play, start)[-1])

    def _played(self, play: Segments, start: float) -> np.ndarray[Any, np.dtype[np.float64]]:
        begin = np.full(len(play.duration), np.nan)
        begin[0] = start
        try:
            return np.asarray(self.law.trace(play, begin)[self.law.programmed][0], np.float64)
        except LimitError:
            return np.full(len(play.duration), start)

    def _conductance(self, x: float) -> float:
        """At the read voltage, the programmed state being x and all others pristine, S."""
        v = self.law.read_voltage
        state = {
            s.name: np.full((1,) if s.per_column else (1, 1), x if s.name == self.law.programmed else s.pristine)
            for s in self.law.states
        }
        return float(self.law.current(np.full((1, 1), v), state)[0, 0]) / v


def _bisected(beyond: Callable[[float], bool], low: float, high: float) -> float:
    """Where `beyond` begins to hold between `low`, where it does not, and `high`, where it does."""
    for _ in range(40):
        middle = 0.5 * (low + high)
        low, high = (low, middle) if beyond(middle) else (middle, high)
    return high
