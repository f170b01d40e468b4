"""Cells inside a circuit: node voltages move with the cells, and cells with the node voltages.

Steps are those of `sim.crossbar.extrapolation`, which tells the error of each, and that chooses the next: steps are
short where memristances bend and grow as these settle, so a segment of any length takes some dozens. They are chosen by
the states alone: measuring changes nothing.

A law whose cells jump has no course to follow: voltages are solved again and again until no cell jumps any more. Where
they jump at times of their own, voltages are solved after every jump.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from hil.limits import LimitError
from sim.crossbar.extrapolation import COLUMNS, TOLERANCE, UNMOVED, Extrapolation
from sim.network.branches import Branches

if TYPE_CHECKING:
    from sim.crossbar.cells import CellArray

SHORTEST = 1e-5
"""Of the time already played: a step this short is taken as it is. At a kink it has no order to lose."""

HOPELESS = 25
"""Tenfold shorter tries, one after the other, that give no number."""

MOST_STEPS = 20_000
"""Steps and tries beyond which a segment is refused."""


class Held(NamedTuple):
    """What a circuit does to an array in one instant.

    Attributes
    ----------
    rows, cols : (R,) and (C,) arrays
        Voltages of all lines, V; where wires have resistances, at the ends at which they are driven.
    limits : tuple of K bool
        Which limits of the circuit are in force, such as the compliance of a source: where that changes, voltages
        have a kink.
    cells : (R, C) array or None
        Voltages of the cells, V, where wires have resistances; None for the difference of a cell's lines.
    """

    rows: NDArray[np.float64]
    cols: NDArray[np.float64]
    limits: tuple[bool, ...] = ()
    cells: NDArray[np.float64] | None = None

    def of_cells(self) -> NDArray[np.float64]:
        """(R, C) voltages of the cells, V."""
        return (self.rows[None, :] - self.cols[:, None]).T if self.cells is None else self.cells


class Surroundings(Protocol):
    """What is around an array of cells."""

    @property
    def stiff(self) -> bool:
        """Whether line voltages do not depend on the cells as long as no limit is in force."""

    def hold(self, cells: Branches, /) -> Held:
        """Line voltages at the cells' present states, `cells` being what the (R, C) of them carry."""


class Followed(NamedTuple):
    """What was measured while cells were followed.

    Attributes
    ----------
    charge : (C,) array
        That left every column's cells, C; 0 if not measured.
    energy : float
        Dissipated by all cells, J; 0 if not measured.
    limits : tuple of K bool
        Which limits of the circuit have been in force at any time.
    """

    charge: NDArray[np.float64]
    energy: float
    limits: tuple[bool, ...]


def unmoved(
    cells: CellArray, circuit: Surroundings, held: Held, duration: float, again: bool
) -> tuple[bool, ...] | None:
    """Play a segment at the voltages `held` of its beginning, which do not move with the cells.

    The limits that have been in force; None, and nothing is played, where there are any: voltages move then.
    """
    if any(held.limits):
        return None
    start = cells.copied_state()
    cells.advance(np.array([duration]), held.rows[None], held.cols[None], again, book=False)
    resting = _alike(start, cells.state) or not (held.rows.any() or held.cols.any())
    if not resting and any(circuit.hold(cells.branches()).limits):
        cells.state = start
        return None
    return held.limits


class Course:
    """One segment of cells in a circuit; see the module.

    Parameters
    ----------
    name : str
        What the user calls the array, for messages.
    cells : CellArray
        Which are moved.
    circuit : Surroundings
        What is around it.
    held : Held
        What it does to the cells as they are now.
    measured : bool
        Whether charge and energy are wanted.
    columns : (int, int)
        As in `sim.crossbar.extrapolation.Extrapolation`.
    """

    def __init__(
        self,
        name: str,
        cells: CellArray,
        circuit: Surroundings,
        held: Held,
        measured: bool = False,
        columns: tuple[int, int] = COLUMNS,
    ) -> None:
        """Nothing is played yet."""
        self._name, self._cells = name, cells
        self._steps = Extrapolation(cells, circuit, measured, columns)
        self._held, self._limits = held, held.limits

    def play(self, duration: float, again: bool) -> Followed:
        """Play all of it.

        Raises
        ------
        LimitError
            If it takes more than `MOST_STEPS`; cells are somewhere on their way then.
        """
        cells = self._cells
        dtypes = {name: state.dtype for name, state in cells.state.items()}
        try:
            if cells.quiet(self._held.of_cells().T) is not None:
                given = self._wait(duration, again)
            else:
                given = self._settle(duration, again) if cells.law.jumps else self._follow(duration, again)
        finally:
            cells.state = {name: state.astype(dtypes[name], copy=False) for name, state in cells.state.items()}
        return Followed(given[:-1], float(given[-1]), self._limits)

    def _settle(self, duration: float, again: bool) -> NDArray[np.float64]:
        cells = self._cells
        for _ in range(MOST_STEPS):
            before = cells.copied_state()
            given = self._steps.part(self._held, duration, again)
            if _alike(before, cells.state):
                return given
            self._arrive(self._steps.solve())
            again = True
        raise LimitError(
            f"{self._name}: cells still jump after {MOST_STEPS} jumps, each for the voltages that others leave it: "
            "drive more lines, or from lower resistances"
        )

    def _wait(self, duration: float, again: bool) -> NDArray[np.float64]:
        """From one jump of a cell to the next: in between no voltage moves."""
        total, passed = np.zeros(self._cells.cols + 1), 0.0
        for _ in range(MOST_STEPS):
            still = self._cells.quiet(self._held.of_cells().T)
            length = min(duration - passed, np.inf if still is None else still * (1.0 + 1e-12))
            total += self._steps.part(self._held, length, again)
            self._arrive(self._steps.solve())
            again, passed = True, passed + length
            if passed >= duration:
                return total
        raise LimitError(
            f"{self._name}: cells inside a circuit jump more than {MOST_STEPS} times in {duration:g} s, "
            f"{passed:g} s are played by then: drive more lines, or cut it into segments"
        )

    def _follow(self, duration: float, again: bool) -> NDArray[np.float64]:
        cells = self._cells
        cells.state = {name: _wide(state) for name, state in cells.state.items()}
        total, passed, length, hopeless = np.zeros(cells.cols + 1), 0.0, duration, 0
        for _ in range(MOST_STEPS):
            length, start = min(length, duration - passed), cells.copied_state()
            step = self._steps.step(self._held, length, again)
            if step.error <= TOLERANCE or (step.error < np.inf and length <= SHORTEST * passed):
                total += step.given
                passed = duration if length >= duration - passed else passed + length
                again = True
                self._arrive(step.end)
                if passed >= duration:
                    return total
                if step.moved * (duration - passed) <= TOLERANCE * length:
                    rest = self._rest(duration - passed)
                    if rest is not None:
                        return total + rest
            else:
                cells.state = start
            hopeless = 0 if step.error < np.inf else hopeless + 1
            if hopeless > HOPELESS:
                raise LimitError(
                    f"{self._name}: cells inside a circuit leave the range of float64: "
                    "lower the voltages, or drive more lines"
                )
            length *= step.growth
        raise LimitError(
            f"{self._name}: a segment of {duration:g} s inside a circuit takes more than {MOST_STEPS} steps, "
            f"{passed:g} s are played by then: drive more lines, or cut it into segments"
        )

    def _rest(self, duration: float) -> NDArray[np.float64] | None:
        """Play the rest at the voltages of this instant; None, and nothing played, if cells move after all."""
        cells, start = self._cells, self._cells.copied_state()
        before = self._steps.levels()
        given = self._steps.part(self._held, duration, True)
        if self._steps.apart(self._steps.levels(), before).max() > UNMOVED:
            cells.state = start
            return None
        self._arrive(self._steps.solve())
        return given

    def _arrive(self, held: Held) -> None:
        """Go on from here."""
        self._held = held
        self._limits = tuple(a or b for a, b in zip(self._limits, held.limits, strict=True))


def _wide(state: NDArray[Any]) -> NDArray[Any]:
    """In float64 if it is of floating point."""
    return state.astype(np.float64) if state.dtype.kind == "f" else state


def _alike(one: dict[str, NDArray[Any]], other: dict[str, NDArray[Any]]) -> bool:
    """Whether states are the same to the last bit."""
    return all(one[name].tobytes() == state.tobytes() for name, state in other.items())
