"""When each cell was programmed, and what has become of it since.

A cell is programmed when a pulse ends and its conductance has changed by more than `MOVED` since it was programmed
last; what a read or a half-selected neighbour does is less, but adds up. Then

1. where drift or relaxation have changed it by the time the pulse began, the pulse is played again on the cell as it
   was then, put into the state of the law in which it conducts as much, within the bounds (`replay`): so a cell at its
   bound that has drifted away is brought back by a pulse;
2. few levels, write noise and worn windows act on the conductance (`Writing.end`), and the state is put there;
3. the clock of drift and relaxation starts again.

Between pulses the state stays where the law has it, and the cell conducts its law's current times the factors of drift
and relaxation at its age. So waiting 10 s twice is waiting 20 s, to the last digit of the device time. Stuck cells have
no history.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sim.cells.law import Law
from sim.crossbar.nonideal.inverse import conductance, state_at
from sim.crossbar.nonideal.part import Ageing, CellGroup, Writing, Written
from sim.crossbar.nonideal.relaxation import Relaxation
from sim.crossbar.nonideal.replay import replayed

MOVED = 1e-4, 1e-2
"""Change of a cell's conductance that programs it: as a part of its range, or of the conductance itself."""

PIECE = 3e-3
"""Largest change of ln G by ageing in a piece of a segment in a circuit, in which its mean is taken."""

UNAGED = 1e-9
"""Relative change by ageing that does not count."""

MOST_KINKS = 64
"""Ages at which cells may have kinks within one measured segment; of more, charges are a little less exact."""

_X, _W = np.polynomial.legendre.leggauss(6)

SAVED = ("born", "excess", "cycles", "written", "writes")
"""Arrays of a history that a snapshot of cells at rest holds."""


@dataclass(frozen=True)
class Changes:
    """What happens to cells beyond their law, in time and at the end of a pulse.

    Attributes
    ----------
    ageings : sequence of Ageing
        What happens in time.
    writings : sequence of Writing
        What happens at the end of a pulse, one after the other.
    cells : CellGroup
        To whom.
    """

    ageings: Sequence[Ageing]
    writings: Sequence[Writing]
    cells: CellGroup

    @property
    def scales(self) -> list[float]:
        """Ages at which factors have a kink or change most, s, the shortest first."""
        return sorted(ageing.scale for ageing in self.ageings)

    def relaxation(self) -> Relaxation | None:
        """Relaxation, if it is among them."""
        return next((ageing for ageing in self.ageings if isinstance(ageing, Relaxation)), None)


class CellHistory:
    """What has been done to the cells of an array.

    Parameters
    ----------
    law : Law
        Of the cells.
    changes : Changes
        What happens to them.
    stuck : (columns, rows) array of bool
        Cells to which nothing happens.
    pristine : (columns, rows) array
        Conductances of the law's cells now, S.
    gain : (columns, rows) array
        Sensitivities of the cells.

    Attributes
    ----------
    born : (columns, rows) array
        Device time at which each was programmed, s.
    excess : (columns, rows) array
        Part of its conductance that was going to go back then.
    cycles : (columns, rows) array
        Ways through the whole range and back.
    written : (columns, rows) array
        Conductance of the law's cell when it was programmed, S.
    writes : (columns, rows) array of int
        Pulses that have programmed it.
    """

    def __init__(
        self,
        law: Law[Any],
        changes: Changes,
        stuck: NDArray[np.bool_],
        pristine: NDArray[np.float64],
        gain: NDArray[np.float64],
    ) -> None:
        """All were programmed at time 0."""
        cols, rows = changes.cells.shape
        self._law, self._changes, self._works, self._gain = law, changes, ~stuck, gain
        self.born, self.excess, self.cycles = (np.zeros((cols, rows)) for _ in range(3))
        self.written, self.writes = pristine, np.zeros((cols, rows), dtype=np.int64)
        self._lines = np.zeros(rows), np.zeros(cols)
        self._since, self._from = np.zeros((cols, rows)), np.zeros((cols, rows))
        self._known: tuple[float, NDArray[np.float64]] | None = None

    def copy(self) -> CellHistory:
        """Copy, for going back to this moment."""
        twin = CellHistory(self._law, self._changes, ~self._works, self.written, self._gain)
        twin.put(self.saved())
        twin._lines, twin._since, twin._from = self._lines, self._since.copy(), self._from.copy()
        return twin

    def saved(self) -> dict[str, NDArray[Any]]:
        """Copies of `SAVED`, by name."""
        return {name: getattr(self, name).copy() for name in SAVED}

    def put(self, saved: dict[str, NDArray[Any]]) -> None:
        """Go back to what `saved` gave; all lines are at 0 V."""
        self.born, self.excess, self.cycles, self.written = (saved[name].astype(float) for name in SAVED[:-1])
        self.writes = saved["writes"].astype(np.int64)
        self._lines = np.zeros_like(self._lines[0]), np.zeros_like(self._lines[1])
        self._known = None

    def set_anew(self, time: float, cells: NDArray[np.bool_], written: NDArray[np.float64]) -> None:
        """Some cells were put into a state from outside, in which all conduct `written` S: as if programmed now."""
        self.born[cells], self.excess[cells], self.written[cells], self._known = time, 0.0, written[cells], None

    def factor(self, time: float) -> NDArray[np.float64]:
        """(columns, rows) factors on the conductances of the law at a device time, s."""
        if self._known is None or self._known[0] != time:
            self._known = time, self._at(np.maximum(time - self.born, 0.0))
        return self._known[1]

    def hold_mean(self, time: float, duration: float) -> float:
        """Take the mean over the `duration` s from `time` on for the factor at the middle; when that is, s."""
        middle = time + 0.5 * duration
        self._known = middle, self.mean(time, duration)
        return middle

    def mean(self, time: float, duration: float) -> NDArray[np.float64]:
        """Means of `factor` over the `duration` s from `time` on."""
        if duration == 0 or not self._changes.ageings:
            return self.factor(time)
        age, scales = np.maximum(time - self.born, 0.0), self._changes.scales
        end, total = age + duration, np.zeros(age.shape)
        while (age < end).any():
            then = np.minimum(age + 0.5 * np.maximum(age, scales[0]), end)
            for scale in scales:
                then = np.where((age < scale) & (then > scale), scale, then)
            middle, half = 0.5 * (age + then), 0.5 * (then - age)
            total += half * sum(w * self._at(middle + half * x) for x, w in zip(_X, _W, strict=True))
            age = np.where(then > age, then, end)
        return total / duration

    def slopes(self, time: float, duration: float) -> Iterator[tuple[float, NDArray[np.float64]]]:
        """Instants t after `time`, s, and weights w (columns, rows) for integrals with the slope of the factor D.

        The integral of f(t) dD/dt over the `duration` s from `time` on is the sum of w f(t): Gauss's rule between the
        ages at which the factors of cells have kinks. Nothing where no cell ages noticeably.
        """
        age = np.maximum(time - self.born, 0.0)
        if np.abs(self._at(age + duration) / self._at(age) - 1.0).max() < UNAGED or not duration:
            return
        kinks = [kink for scale in self._changes.scales for kink in np.unique(scale - age)[:MOST_KINKS]]
        ends = sorted({duration, *(float(kink) for kink in kinks if 0 < kink < duration)})
        t, youngest, shortest = 0.0, float(age.min()), self._changes.scales[0]
        for end in ends:
            while t < end:
                then = min(t + 0.5 * max(youngest + t, shortest), end)
                half, middle = 0.5 * (then - t), 0.5 * (then + t)
                for x, w in zip(_X, _W, strict=True):
                    at, h = middle + half * x, 1e-4 * half
                    yield at, half * w * (self._at(age + at + h) - self._at(age + at - h)) / (2.0 * h)
                t = then

    def pieces(self, time: float, duration: float) -> list[float]:
        """Durations to cut a segment into, in each of which ageing changes no ln G by more than `PIECE`, s."""
        left, cut = duration, []
        while left > 0:
            length, here = left, np.log(self._at(np.maximum(time - self.born, 0.0)))
            while (
                length > 1e-9 * duration
                and np.abs(np.log(self._at(np.maximum(time + length - self.born, 0.0))) - here).max() > PIECE
            ):
                length *= 0.5
            cut.append(length)
            time, left = time + length, left - length
        return cut or [duration]

    def begin(
        self,
        time: float,
        rows: NDArray[np.float64],
        cols: NDArray[np.float64],
        cells: Mapping[str, NDArray[Any]],
        programmed: Sequence[NDArray[Any]],
        spread: NDArray[np.float64] | None,
    ) -> None:
        """Set new line voltages, V: pulses end and begin.

        `cells` are all states of all cells, `programmed` the arrays in which cells that a pulse has programmed are put
        where it leaves them; the first is the law's programmed state in `cells`. `spread` (columns, rows) are the
        factors of cycle-to-cycle spread of the pulses that end.
        """
        before, now = (lines[0][None, :] - lines[1][:, None] for lines in (self._lines, (rows, cols)))
        self._lines = rows.copy(), cols.copy()
        changed = before != now
        ended = changed & (before != 0) & self._works
        columns = np.flatnonzero(ended.any(axis=1))
        if len(columns):
            state = {name: array[columns] for name, array in cells.items()}
            put, x = self._end(time, columns, ended[columns], before[columns], state, spread)
            for each in programmed:
                each[columns] = np.where(put, x, each[columns])
        self._since[changed], self._from[changed] = time, programmed[0][changed]

    def _end(
        self, time: float, columns: NDArray[np.int64], ended: NDArray[np.bool_], v: NDArray[np.float64],
        state: dict[str, NDArray[Any]], spread: NDArray[np.float64] | None,
    ) -> tuple[NDArray[np.bool_], NDArray[Any]]:  # fmt: skip
        """End the pulses of some cells of some columns, of `v` V: which are put into another state, and into which."""
        name = self._law.programmed
        g, written = conductance(self._law, state), self.written[columns]
        moved, before, target = ended & self._moved(g, written), written.copy(), g.copy()
        aged = self._at(np.maximum(self._since - self.born, 0.0))[columns]
        again = ended & (np.abs(aged - 1.0) > UNAGED)
        if self._law.thresholds is not None:
            up, down = self._law.thresholds
            again &= (v > up) | (v < -down)
        if again.any():
            state = state | {name: self._from[columns].astype(state[name].dtype)}
            start = state_at(self._law, state, conductance(self._law, state) * aged)
            state = state | {name: np.where(again, start, state[name]).astype(state[name].dtype)}
            found = {one: array[again] for one, array in state.items() if array.ndim == 2}
            length = (time - self._since)[columns][again]
            end = replayed(self._law, found, self._gain[columns][again], v[again], length)
            if spread is not None:
                end = np.clip(found[name] + spread[columns][again] * (end - found[name]), *self._law.bounds())
            before[again] = conductance(self._law, state)[again]
            target[again] = conductance(self._law, state | {name: _with(state[name], again, end)})[again]
            moved |= again & self._moved(target, before)
        return self._program(time, columns, moved, before, target, g, state)

    @property
    def _span(self) -> float:
        return self._changes.cells.high - self._changes.cells.low

    def _at(self, age: NDArray[np.float64]) -> NDArray[np.float64]:
        total = np.ones(age.shape)
        for ageing in self._changes.ageings:
            total *= ageing.factor(age, self.excess)
        return np.where(self._works, total, 1.0)

    def _moved(self, g: NDArray[np.float64], before: NDArray[np.float64]) -> NDArray[np.bool_]:
        least, part = MOVED
        return np.abs(g - before) > np.minimum(least * self._span, part * before)

    def _program(
        self, time: float, columns: NDArray[np.int64], cells: NDArray[np.bool_], before: NDArray[np.float64],
        target: NDArray[np.float64], now: NDArray[np.float64], state: dict[str, NDArray[Any]],
    ) -> tuple[NDArray[np.bool_], NDArray[Any]]:  # fmt: skip
        """Some `cells` of some columns are programmed from `before` to `target` S, where the law's conduct `now` S."""
        at, row = np.nonzero(cells)
        col, start, end = columns[at], before[cells], target[cells]
        self.cycles[col, row] += np.abs(end - start) / (2.0 * self._span)
        pulse = Written(start, end, col, row, self.writes[col, row], self.cycles[col, row])
        for writing in self._changes.writings:
            pulse = pulse._replace(target=writing.end(pulse))
        relaxation = self._changes.relaxation()
        if relaxation is not None:
            left, excess = relaxation.left(time - self.born[col, row]), self.excess[col, row]
            still = start * left * excess / (1.0 + excess * (left - 1.0))
            back = still + relaxation.part(pulse) * (pulse.target - start)
            self.excess[col, row] = np.minimum(back / pulse.target, 1.0 - 1e-6)
        self.writes[col, row] += 1
        self.born[col, row], self._known = time, None
        wanted, x = _with(now, cells, pulse.target), state[self._law.programmed]
        put = cells & (wanted != now)
        if put.any():
            x = state_at(self._law, state, wanted)
            now = np.where(put, conductance(self._law, state | {self._law.programmed: x}), now)
        self.written[col, row] = now[cells]
        return put, x


def _with(array: NDArray[Any], which: NDArray[np.bool_], values: NDArray[Any]) -> NDArray[Any]:
    """Copy of an array with some other values."""
    out = array.copy()
    out[which] = values
    return out
