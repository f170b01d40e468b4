"""A segment with floating lines: node voltages move with the cells, and cells with the node voltages.

While the voltages of all lines are held, every law is played exactly (or to its own accuracy), whatever the time. So
one part of a step solves the node voltages and plays them; a step takes 1, 2, ... `ORDER` parts in turn, and what they
lead to is extrapolated to parts of no length (Aitken and Neville; Hairer, Norsett & Wanner, Solving Ordinary
Differential Equations I, section II.9). What the last two numbers of parts lead to differs by more than the error, and
that chooses the next step: steps are short where memristances bend and grow as these settle, so a segment of any length
takes some dozens. A state that passes 0 or meets a bound has a kink there, of which the parts know nothing: such a step
is shortened until it hardly moves that cell. Steps are chosen by the states alone: measuring changes nothing.

A law whose cells jump has no course to follow: voltages are solved again and again until no cell jumps any more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hil.limits import LimitError
from sim.cells.law import OhmicLaw
from sim.network.lines import line_voltages

if TYPE_CHECKING:
    from sim.crossbar.cells import CellArray

ORDER = 5
"""Columns of the extrapolation table."""

TOLERANCE = 1e-8
"""Error of ln(memristance), and of a state as a fraction of the largest in the array, allowed in a step."""

KINK = 1e-5
"""Change of ln(memristance) allowed to a cell in the step that takes it over a kink."""

SHORTEST = 1e-3
"""Of the time already played: a step this short is taken as it is. At a kink it has no order to lose."""

HOPELESS = 25
"""Tenfold shorter tries, one after the other, that give no number."""

_TINY = 1e-300

MOST_STEPS = 20_000
"""Steps and tries beyond which a segment is refused."""


class FloatingSegment:
    """One segment with floating lines on an array; see the module.

    Parameters
    ----------
    name : str
        What the user calls the array, for messages.
    cells : CellArray
        Which are moved.
    rows, cols : (R,) and (C,) arrays
        Driven voltages, V; NaN for a floating line.
    measured : bool
        Whether charge and energy are wanted.
    """

    def __init__(
        self, name: str, cells: CellArray, rows: NDArray[np.float64], cols: NDArray[np.float64], measured: bool
    ) -> None:
        """Take the lines; nothing is played yet."""
        self._name, self._cells = name, cells
        self._rows, self._cols, self._measured = rows, cols, measured

    def play(self, duration: float, again: bool) -> tuple[NDArray[np.float64], float]:
        """Play all of it; the columns' charge in C and the energy of all cells in J, zeros if not measured.

        Raises
        ------
        LimitError
            If it takes more than `MOST_STEPS`; cells are somewhere on their way then.
        """
        cells = self._cells
        dtypes = {name: state.dtype for name, state in cells.state.items()}
        given = self._settle(duration, again) if cells.law.jumps else self._follow(duration, again)
        cells.state = {name: state.astype(dtypes[name]) for name, state in cells.state.items()}
        return given[:-1], float(given[-1])

    def _part(self, duration: float, again: bool) -> NDArray[np.float64]:
        """Hold the voltages of this instant; charges and, last, energy."""
        cells = self._cells
        rows, cols = line_voltages(cells.branches(), self._rows, self._cols)
        given = np.zeros(cells.cols + 1)
        if self._measured:
            across = rows[None, :] - cols[:, None]
            moved = cells.charge(duration, rows, cols, again)
            given[:-1], given[-1] = np.where(np.isnan(self._cols), 0.0, moved.sum(axis=1)), (across * moved).sum()
        cells.advance(np.array([duration]), rows[None], cols[None], again, book=False)
        return given

    def _settle(self, duration: float, again: bool) -> NDArray[np.float64]:
        cells = self._cells
        for _ in range(MOST_STEPS):
            before = cells.copied_state()
            given = self._part(duration, again)
            if all(np.array_equal(before[name], cells.state[name]) for name in before):
                return given
            again = True
        raise LimitError(
            f"{self._name}: cells between floating lines still jump after {MOST_STEPS} jumps: drive more lines"
        )

    def _follow(self, duration: float, again: bool) -> NDArray[np.float64]:
        cells = self._cells
        cells.state = {name: _wide(state) for name, state in cells.state.items()}
        total, passed, step, hopeless = np.zeros(cells.cols + 1), 0.0, duration, 0
        for _ in range(MOST_STEPS):
            if passed >= duration:
                return total
            step = min(step, duration - passed)
            start = cells.copied_state()
            error, given, still = self._step(step, again, start)
            if error <= TOLERANCE or (error < np.inf and step <= SHORTEST * passed):
                total += given
                passed = duration if step >= duration - passed else passed + step
                again = True
                if still * (duration - passed) <= TOLERANCE * step:
                    return total + self._part(duration - passed, again) if passed < duration else total
            else:
                cells.state = start
            hopeless = 0 if error < np.inf else hopeless + 1
            if hopeless > HOPELESS:
                raise LimitError(
                    f"{self._name}: cells between floating lines leave the range of float64: "
                    "lower the voltages, or drive more lines"
                )
            step *= _growth(error)
        raise LimitError(
            f"{self._name}: a segment of {duration:g} s with floating lines takes more than {MOST_STEPS} steps, "
            f"{passed:g} s are played by then: drive more lines, or cut it into segments"
        )

    def _step(self, step: float, again: bool, start: dict[str, NDArray[Any]]) -> tuple[float, NDArray[Any], float]:
        """Move the cells by one step; its error, what was measured, and how far ln(memristance) moved."""
        cells = self._cells
        moving = [name for name in start if start[name].dtype.kind == "f" and name not in cells.in_pulse]
        table: list[dict[str, NDArray[Any]]] = []
        at_start = self._logs()
        for parts in range(1, ORDER + 1):
            cells.state = {name: state.copy() for name, state in start.items()}
            given = np.zeros(cells.cols + 1)
            for k in range(parts):
                given += self._part(step / parts, again or k > 0)
            row = {name: cells.state[name] for name in moving} | {"": given}
            coarse, table = table[-1] if table else row, _extrapolated(table, row, parts)
        end = cells.state
        logs, errors = [], [0.0]
        for row in (coarse, table[-1]):
            cells.state = end | {name: row[name] for name in moving}
            cells.confine()
            logs.append(self._logs())
        for name in moving:
            best, other = table[-1][name], coarse[name]
            errors.append(np.abs(best - other).max() / (np.abs(best).max() + _TINY))
        moved = np.abs(logs[1] - at_start)
        turned = np.zeros(moved.shape, bool)
        for name in moving:
            if start[name].ndim == 2:
                turned |= self._turned(start[name], cells.state[name])
        errors.append(moved[turned].max(initial=0.0) / KINK * TOLERANCE)
        error = max(float(np.abs(logs[1] - logs[0]).max()), *map(float, errors))
        return error, table[-1][""], float(moved.max())

    def _logs(self) -> NDArray[np.float64]:
        """(cols, rows) ln(memristance) of all cells now; conductances over the largest where they are not ohmic."""
        law = self._cells.law
        if isinstance(law, OhmicLaw):
            return np.log(law.memristance(self._cells.state))
        g = np.abs(self._cells.conductance())
        return g / (g.max() + _TINY)

    def _turned(self, before: NDArray[Any], after: NDArray[Any]) -> NDArray[np.bool_]:
        """Cells of which a state has passed 0 or met a bound."""
        turned = before * after < 0
        for bound in self._cells.bounds:
            turned |= (before == bound) != (after == bound)
        return turned


def _wide(state: NDArray[Any]) -> NDArray[Any]:
    """In float64 if it is of floating point."""
    return state.astype(np.float64) if state.dtype.kind == "f" else state


def _extrapolated(
    above: list[dict[str, NDArray[Any]]], row: dict[str, NDArray[Any]], parts: int
) -> list[dict[str, NDArray[Any]]]:
    """Next row of the table: its first column is `row`, of a step in as many `parts`."""
    table = [row]
    for k in range(1, parts):
        weight = (parts - k) / k
        table.append({name: x + (x - above[k - 1][name]) * weight for name, x in table[-1].items()})
    return table


def _growth(error: float) -> float:
    """Factor on the next step."""
    if not error < np.inf:
        return 0.1
    return min(max(0.8 * (TOLERANCE / max(error, 1e-30)) ** (1 / (ORDER - 1)), 0.1), 5.0)
