"""One step of cells inside a circuit, by extrapolation.

While the voltages of all lines are held, every law is played exactly (or to its own accuracy), whatever the time. So
one part of a step solves the node voltages and plays them; a step takes 1, 2, 3, ... parts in turn, and what they
lead to is extrapolated to parts of no length (Aitken and Neville; Hairer, Norsett & Wanner, Solving Ordinary
Differential Equations I, section II.9). What the last two numbers of parts lead to differs by more than the error.

Extrapolation knows nothing of what happens between two parts, so these count as errors until they hardly move a cell:
a state passes 0 or meets a bound; a limit of the circuit comes into force or ceases to be; a cell stops, starts or
turns round from one part to the next, as where the voltage falls below a threshold. Such a cell stays where the parts
have left it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sim.cells.law import OhmicLaw

if TYPE_CHECKING:
    from sim.crossbar.cells import CellArray
    from sim.crossbar.coupled import Held, Surroundings

COLUMNS = 1, 7
"""Least and most columns of the extrapolation table: a step ends with the first that tells an error small enough."""

TOLERANCE = 1e-8
"""Error of ln(memristance), and of a state as a fraction of the largest in the array, allowed in a step."""

KINK = 1e-5
"""Change of ln(memristance) allowed to a cell in the step that takes it over a kink."""

UNMOVED = 1e-7
"""Change of ln(memristance) up to which a cell hardly moves, whatever it does."""

ABRUPT = 4.0
"""Factor between what a cell does in a part and in the next beyond which its course is none to extrapolate."""

TINY = 1e-300

States = dict[str, NDArray[Any]]
"""State arrays by name."""

EASY = 3.0
"""Factor on the next step where less than the whole table was needed: the whole one takes a step furthest."""


class Tried(NamedTuple):
    """A step that was tried.

    Attributes
    ----------
    error : float
        As `TOLERANCE` limits it.
    given : (C + 1,) array
        Charge of the columns, C, and energy of all cells, J; zeros if not measured.
    moved : float
        Largest change of a cell, as `Extrapolation.apart` tells it.
    end : Held
        What the circuit does to the cells at its end.
    growth : float
        Factor on the next step.
    """

    error: float
    given: NDArray[np.float64]
    moved: float
    end: Held
    growth: float


class Extrapolation:
    """Steps of cells in a circuit.

    Parameters
    ----------
    cells : CellArray
        Which are moved.
    circuit : Surroundings
        What is around it.
    measured : bool
        Whether charge and energy are wanted.
    columns : (int, int)
        Least and most columns of the table.
    """

    def __init__(self, cells: CellArray, circuit: Surroundings, measured: bool, columns: tuple[int, int]) -> None:
        """Nothing is played yet."""
        self._cells, self._circuit, self._measured = cells, circuit, measured
        self._fewest, self._most = columns

    def solve(self) -> Held:
        """What the circuit does to the cells as they are now."""
        return self._circuit.hold(self._cells.branches())

    def part(self, held: Held, duration: float, again: bool) -> NDArray[np.float64]:
        """Hold the voltages of one instant; charges and, last, energy."""
        cells, (rows, cols, _, own) = self._cells, held
        given = np.zeros(cells.cols + 1)
        if self._measured:
            across = rows[None, :] - cols[:, None]
            moved = (
                cells.charge(duration, rows, cols, again) if own is None else cells.charge_at(duration, own.T, again)
            )
            # What the sources give: wires take their part of it.
            given[:-1], given[-1] = moved.sum(axis=1), (across * moved).sum()
        if own is None:
            cells.advance(np.array([duration]), rows[None], cols[None], again, book=False)
        else:
            cells.advance_at(duration, own.T, again)
        return given

    def levels(self) -> NDArray[np.float64]:
        """(cols, rows) ln(memristance) of all cells now; magnitudes of conductances where they are not ohmic."""
        law = self._cells.law
        if isinstance(law, OhmicLaw):
            return np.log(law.memristance(self._cells.state))
        return np.abs(self._cells.conductance())

    def apart(self, one: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
        """How far every cell is between two `levels`: in ln(memristance); over the largest conductance of either."""
        if isinstance(self._cells.law, OhmicLaw):
            return np.abs(one - other)
        return np.abs(one - other) / (max(one.max(), other.max()) + TINY)

    def step(self, held: Held, length: float, again: bool) -> Tried:
        """Move the cells by one step of `length` s from where they are, where the circuit does `held` to them."""
        cells, start = self._cells, self._cells.copied_state()
        moving = [name for name in start if start[name].dtype.kind == "f" and name not in cells.in_pulse]
        table: list[States] = []
        at_start = self.levels()
        before, error, kink = (start, at_start), np.inf, False
        for parts in range(1, self._most + 1):
            cells.state = {name: state.copy() for name, state in start.items()}
            given, limited, abrupt = self._parts(held, length, parts, again, moving)
            kink |= limited
            raw = {name: cells.state[name] for name in moving}
            raw_level = self.levels() if abrupt.any() else at_start
            table = _extrapolated(table, raw | {"": given}, parts)
            now = self._put({name: table[-1][name].copy() for name in moving})
            moved = self.apart(now[1], at_start)
            error = self._difference(now, before)
            before = now
            if parts == self._most or (parts >= self._fewest and error <= TOLERANCE) or (kink and moved.max() > KINK):
                break
        turned = np.zeros(moved.shape, bool)
        for name in moving:
            if start[name].ndim == 2:
                turned |= self._turned(start[name], cells.state[name])
        abrupt &= ~turned
        if abrupt.any():
            self._put({name: np.where(abrupt, raw[name], now[0][name]) for name in moving if start[name].ndim == 2})
            error = max(error, float(self.apart(raw_level, at_start)[abrupt].max()) / UNMOVED * TOLERANCE)
        end = self.solve()
        if kink or end.limits != held.limits:
            turned[:] = True
        error = max(error, float(moved[turned].max(initial=0.0)) / KINK * TOLERANCE)
        return Tried(error, table[-1][""], float(moved.max()), end, self._growth(error, parts))

    def _parts(
        self, held: Held, length: float, parts: int, again: bool, moving: list[str]
    ) -> tuple[NDArray[np.float64], bool, NDArray[np.bool_]]:
        """Play a step in so many parts.

        What was measured, whether other limits were in force anywhere, and (cols, rows) which cells were abrupt.
        """
        cells, limits = self._cells, held.limits
        given, kink, abrupt = np.zeros(cells.cols + 1), False, np.zeros((cells.cols, cells.rows), bool)
        last: States = {}
        for k in range(parts):
            held = self.solve() if k else held
            kink = kink or held.limits != limits
            before = {name: cells.state[name].copy() for name in moving}
            given += self.part(held, length / parts, again or k > 0)
            for name, state in before.items():
                if state.ndim == 2:
                    change = cells.state[name] - state
                    if k:
                        abrupt |= _abrupt(change, last[name])
                    last[name] = change
        return given, kink, abrupt

    def _growth(self, error: float, parts: int) -> float:
        """Factor on the next step, where this one was given up, or accepted, with so many parts."""
        if not error < np.inf:
            return 0.1
        if error <= TOLERANCE and parts < self._most:
            return EASY
        return min(max(0.8 * (TOLERANCE / max(error, 1e-30)) ** (1 / (self._most - 1)), 0.1), 5.0)

    def _put(self, states: States) -> tuple[States, NDArray[np.float64]]:
        """Put cells into these states; them, and their `levels`."""
        self._cells.state = self._cells.state | states
        self._cells.confine()
        return states, self.levels()

    def _difference(self, best: tuple[States, NDArray[np.float64]], other: tuple[States, NDArray[np.float64]]) -> float:
        """Of two entries of the table, as `TOLERANCE` limits it."""
        errors = [self.apart(best[1], other[1]).max()]
        for name, state in best[0].items():
            errors.append(np.abs(state - other[0][name]).max() / (np.abs(state).max() + TINY))
        return float(np.max(errors))

    def _turned(self, before: NDArray[Any], after: NDArray[Any]) -> NDArray[np.bool_]:
        """Cells of which a state has passed 0 or met a bound."""
        turned = before * after < 0
        for bound in self._cells.bounds:
            turned |= (before == bound) != (after == bound)
        return turned


def _abrupt(one: NDArray[Any], other: NDArray[Any]) -> NDArray[np.bool_]:
    """Cells that did more than `ABRUPT` times as much in one part as in another, or went the other way."""
    return (one * other <= 0.0) & (one != other) | (abs(one) > ABRUPT * abs(other)) | (abs(other) > ABRUPT * abs(one))


def _extrapolated(above: list[States], row: States, parts: int) -> list[States]:
    """Next row of the table: its first column is `row`, of a step in as many `parts`."""
    table = [row]
    for k in range(1, parts):
        weight = (parts - k) / k
        table.append({name: x + (x - above[k - 1][name]) * weight for name, x in table[-1].items()})
    return table
