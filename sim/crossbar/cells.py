"""The cells of a crossbar: their states, what makes each differ from its law, and the threads that move them.

State arrays are laid out (cols, rows), a column contiguous in memory. Cells are coupled only through floating lines, so
columns are independent otherwise and are shared out to threads; the result does not depend on how.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from operator import is_not
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sim.cells.law import Columns, Law, OhmicLaw
from sim.cells.segments import Segments
from sim.crossbar.nonideal.history import SAVED, CellHistory
from sim.crossbar.nonideal.inverse import conductance
from sim.crossbar.nonideal.part import CellGroup
from sim.crossbar.nonideal.registry import fluctuations, history
from sim.crossbar.parameters import ArrayParameters
from sim.crossbar.pulses import PulseSpread
from sim.crossbar.threads import ColumnThreads
from sim.network.branches import NonOhmic, Ohmic
from sim.network.lines import line_voltages
from sim.selectors.selector import ON

COURSE = "course"
"""Name of the state array that holds, with cycle-to-cycle spread, the noiseless course of a pulse (`PulseSpread`)."""

_NONE = np.empty((0, 0))


class Moment(NamedTuple):
    """All about the cells of an array in one instant, for `CellArray.recall`."""

    state: dict[str, NDArray[Any]]
    spread: PulseSpread | None
    history: CellHistory | None
    time: float


class CellArray:
    """All cells of a crossbar, of one law.

    Parameters
    ----------
    law : Law
        Of every cell.
    parameters : ArrayParameters
        Size, spread and threads.

    Attributes
    ----------
    state : dict
        State arrays by name; every array's first axis is the column.
    gain, scale : (cols, rows) arrays
        Factors on sensitivity and on memristance, drawn once.
    stuck : (cols, rows) array
        Conductance of every stuck cell, S; NaN where a cell works.
    any_stuck : bool
        Whether any is.
    bounds : tuple of float
        Range of the programmed state.
    in_pulse : tuple of str
        State arrays that tell only of a pulse under way.
    spread : PulseSpread or None
        Pulses under way and their factors, where there is cycle-to-cycle spread.
    history : CellHistory or None
        What the past of every cell does to it, where it does anything.
    time : float
        Device time, s: that at which what has been asked of the cells is so.
    """

    def __init__(self, law: Law[Any], parameters: ArrayParameters) -> None:
        """Draw the cells and set them to their pristine state."""
        self.law, self._parameters = law, parameters
        self.rows, self.cols = parameters.rows, parameters.cols
        variability, shape = parameters.variability(), (self.cols, self.rows)
        self.gain, self.scale = variability.device_to_device.draw(shape, parameters.seed)
        self.stuck = variability.stuck.draw(shape, parameters.seed)
        self.any_stuck = not np.isnan(self.stuck).all()
        self._drawn = CellGroup(shape, parameters.seed, *parameters.bounded_range())
        self._fluctuations = fluctuations(parameters, self._drawn)
        self._threads = ColumnThreads(parameters.threads, self.rows, self.cols)
        self.bounds = law.bounds()
        self.in_pulse = (*(v.name for v in law.states if v.in_pulse), *parameters.selector_states())
        self.start()

    def start(self, state: dict[str, NDArray[Any]] | None = None, pulses: int = 0, time: float = 0.0) -> None:
        """Lines at 0 V, cells pristine or in a given state (`saved`), after `pulses` pulses."""
        self.time, given = time, state or {}
        begun: dict[str, NDArray[Any]] = {one.name: self._drawn.pristine(one) for one in self.law.states}
        self.state = begun | {name: array for name, array in given.items() if name not in SAVED}
        self.state |= {name: np.zeros((self.cols, self.rows), bool) for name in self._parameters.selector_states()}
        self.history = history(self._parameters, self._drawn, self.law, self.stuck, self.state, self.gain)
        if self.history is not None and given:
            self.history.put(given)
        self._kept: list[NDArray[Any]] | None = None
        self.spread: PulseSpread | None = None
        if self._parameters.c2c:
            cells = self.state[self.law.programmed]
            self.spread = PulseSpread.at_rest(self._parameters.c2c, self._parameters.seed, self.bounds, cells)
            self.spread.number = pulses
            self.state[COURSE] = cells.copy()

    def release(self) -> None:
        """Stop the threads."""
        self._threads.release()

    def saved(self) -> dict[str, NDArray[Any]]:
        """Copies of all that a snapshot of cells at rest needs."""
        kept = {name: a.copy() for name, a in self.state.items() if name not in self.in_pulse and name != COURSE}
        return kept if self.history is None else kept | self.history.saved()

    def known(self) -> NDArray[np.float64]:
        """(rows, cols) `conductance`, worked out once and kept until a cell may have moved; not to be written to.

        As long as it is kept, state arrays can only be read: whoever moves cells calls `changing` first, and one that
        forgot would fail instead of leaving a conductance that is none any more.
        """
        arrays = list(self.state.values())
        if self._kept is None or len(self._kept) != len(arrays) or any(map(is_not, self._kept, arrays)):
            self.changing()
            self._conductance = np.ascontiguousarray(self.conductance().T)
            self._kept = arrays
            for array in (*arrays, self._conductance):
                array.flags.writeable = False
        return self._conductance

    def changing(self) -> None:
        """Let state arrays be written to again: what is known of cells holds no longer."""
        for array in self._kept or ():
            array.flags.writeable = True
        self._kept = None

    def moment(self) -> Moment:
        """Everything about the cells as it is now, in the middle of a pulse too."""
        spread, history = self.spread and self.spread.copy(), self.history and self.history.copy()
        return Moment(self.copied_state(), spread, history, self.time)

    def recall(self, moment: Moment) -> None:
        """Return to what `moment` gave; it can be used again."""
        self.state = {name: array.copy() for name, array in moment.state.items()}
        self.spread, self.history = moment.spread and moment.spread.copy(), moment.history and moment.history.copy()
        self.time = moment.time

    @property
    def varies(self) -> bool:
        """Whether what cells conduct changes with time alone."""
        return self.fluctuates or self.history is not None

    @property
    def fluctuates(self) -> bool:
        """Whether cells have a noise of themselves, which depends on the device time."""
        return bool(self._fluctuations)

    def copied_state(self) -> dict[str, NDArray[Any]]:
        """Copies of all state arrays."""
        return {name: array.copy() for name, array in self.state.items()}

    def _weighed(self, law: NDArray[np.float64], stuck: NDArray[np.float64], measured: bool) -> NDArray[np.float64]:
        """What cells do now: as their law says (`law`) times what has become of them, or as stuck cells do."""
        aged = law if self.history is None else law * self.history.factor(self.time)
        of_cells = np.where(np.isnan(self.stuck), aged, stuck) if self.any_stuck else aged
        for fluctuation in self._fluctuations if measured else ():
            of_cells = of_cells * fluctuation.at(self.time)
        return of_cells

    def conductance(self, *, measured: bool = False) -> NDArray[np.float64]:
        """(cols, rows) conductance of every cell now, S: i / v at the law's read voltage where it is not ohmic.

        With `measured`, it is that of this very instant, with the noise that cells have of themselves.
        """
        law = self.law
        if isinstance(law, OhmicLaw):
            g = 1.0 / (self.scale * law.memristance(self.state))
        else:
            v = law.read_voltage
            g = law.current(np.full(self.gain.shape, v), self.state) / (v * self.scale)
        return self._weighed(g, self.stuck, measured)

    def branches(self, *, measured: bool = False) -> Ohmic | NonOhmic:
        """What the cells carry now, for a network: arrays of voltages, currents and conductances are (rows, cols).

        `measured` as in `conductance`.
        """
        if isinstance(self.law, OhmicLaw):
            return Ohmic(self.conductance(measured=measured).T)
        return NonOhmic(
            lambda v: self.current(v.T, measured=measured).T,
            lambda v: self._differential_conductance(v.T, measured).T,
        )

    def current(self, v: NDArray[np.float64], *, measured: bool = False) -> NDArray[np.float64]:
        """(cols, rows) current of every cell now at voltages `v` (cols, rows), A; `measured` as in `conductance`."""
        if isinstance(self.law, OhmicLaw):
            return v * self.conductance(measured=measured)
        return self._weighed(self.law.current(v, self.state) / self.scale, v * self.stuck, measured)

    def _differential_conductance(self, v: NDArray[np.float64], measured: bool) -> NDArray[np.float64]:
        return self._weighed(self.law.differential_conductance(v, self.state) / self.scale, self.stuck, measured)

    def begin(self, rows: NDArray[np.float64], cols: NDArray[np.float64], again: bool = False) -> None:
        """Line voltages of the next segment, NaN for floating lines: tell the spread which pulses end and begin."""
        self.changing()
        if (self.spread is None and self.history is None) or again:
            return
        if np.isnan(rows).any() or np.isnan(cols).any():
            rows, cols = line_voltages(self.branches(), rows, cols)
        programmed = self.state[self.law.programmed]
        if self.history is not None:
            course, factor = ([], None) if self.spread is None else ([self.state[COURSE]], self.spread.factor)
            self.history.begin(self.time, rows, cols, self.state, [programmed, *course], factor)
        if self.spread is not None:
            self.spread.begin(rows, cols, programmed, self.state[COURSE])

    @property
    def one_by_one(self) -> bool:
        """Whether the cells must be told of every segment that begins."""
        return self.spread is not None or self.history is not None

    def pieces(self, duration: float) -> list[float]:
        """What to cut a segment in a circuit into, from now on, so that cells hardly age in a piece, s."""
        return [duration] if self.history is None else self.history.pieces(self.time, duration)

    def to_middle(self, duration: float) -> None:
        """Go to the middle of such a piece; cells have its mean age then, for all of it."""
        history = self.history
        self.time = self.time + 0.5 * duration if history is None else history.hold_mean(self.time, duration)

    def put(self, programmed: NDArray[Any]) -> None:
        """Put every cell's programmed state, (cols, rows), somewhere; all pulses end there."""
        self.changing()
        anew = self.state[self.law.programmed] != programmed
        for name in (self.law.programmed, COURSE):
            if name in self.state:
                self.state[name][:] = programmed
        if self.history is not None:
            self.history.set_anew(self.time, anew, conductance(self.law, self.state))
        self.rest()

    def rest(self) -> None:
        """All lines at 0 V, in no time: every pulse is over."""
        self.changing()
        for name in self.in_pulse:
            self.state[name][:] = 0
        self.begin(np.zeros(self.rows), np.zeros(self.cols))

    def advance(
        self,
        duration: NDArray[np.float64],
        rows: NDArray[np.float64],
        cols: NDArray[np.float64],
        again: bool = False,
        *,
        book: bool = True,
    ) -> None:
        """Move all cells through segments without floating lines; see `Segments`.

        With `book`, a column at rest is noted and caught up with later.
        """
        if not len(duration):
            return
        self._of_law(self._segments(duration, rows, cols, again, book), self._advance)
        if self.spread is not None:
            self.spread.settle(self.state[self.law.programmed], self.state[COURSE])

    def charge(
        self,
        duration: float,
        rows: NDArray[np.float64],
        cols: NDArray[np.float64],
        again: bool = False,
        *,
        ageing: bool = False,
    ) -> NDArray[np.float64]:
        """(cols, rows) integral of every cell's current over a segment that is yet to be played, C.

        With `ageing`, cells grow older during it; else they have the age that they have now.
        """
        across = rows[None, :] - cols[:, None]
        dose = self._dose(duration, rows, cols, again)
        charge = self._charge(dose, across, duration, ageing)
        if ageing and self.history is not None:
            # What ageing and a current that changes meanwhile have in common, by parts.
            for t, weight in self.history.slopes(self.time, duration):
                apart = self._dose(t, rows, cols, again) - dose * (t / duration)
                if not (np.abs(apart * weight) > 1e-9 * np.abs(dose)).any():
                    continue
                charge -= self._law_charge(apart, across) * weight
        return charge

    def _dose(
        self, duration: float, rows: NDArray[np.float64], cols: NDArray[np.float64], again: bool
    ) -> NDArray[np.float64]:
        """(cols, rows) `Law.dose` of all cells."""
        play = self._segments(np.array([duration]), rows[None], cols[None], again)
        out = np.zeros((self.cols, self.rows))
        self._of_law(play, lambda block, part: self.law.dose(self._cells(block), part, out[block]))
        return out

    def _law_charge(self, dose: NDArray[np.float64], v: NDArray[np.float64]) -> NDArray[np.float64]:
        """Charges of cells at `v` V that are not stuck and do not age, C, from their `Law.dose`."""
        charge = dose / self.scale
        return v * charge if isinstance(self.law, OhmicLaw) else charge

    def _charge(
        self, dose: NDArray[np.float64], v: NDArray[np.float64], duration: float, ageing: bool = False
    ) -> NDArray[np.float64]:
        """Charges, C, from the `Law.dose` of cells at `v` V."""
        charge = self._law_charge(dose, v)
        if self.history is not None:
            charge *= self.history.mean(self.time, duration) if ageing else self.history.factor(self.time)
        return np.where(np.isnan(self.stuck), charge, v * (duration * self.stuck)) if self.any_stuck else charge

    def advance_at(self, duration: float, v: NDArray[np.float64], again: bool) -> None:
        """Move every cell for a while at a voltage of its own, `v` (cols, rows), V."""
        with self._on_courses():
            for cells, part, _ in self._one_by_one(duration, v, again):
                self.law.advance(cells, part)
        if self.spread is not None:
            self.spread.settle(self.state[self.law.programmed], self.state[COURSE])

    def charge_at(self, duration: float, v: NDArray[np.float64], again: bool) -> NDArray[np.float64]:
        """(cols, rows) integral of every cell's current while `advance_at` will move it, C."""
        out = np.zeros((self.cols, self.rows))
        with self._on_courses():
            for cells, part, column in self._one_by_one(duration, v, again):
                self.law.dose(cells, part, out[column].reshape(1, -1))
        return self._charge(out, v, duration)

    def _one_by_one(
        self, duration: float, v: NDArray[np.float64], again: bool
    ) -> Iterator[tuple[Columns, Segments, slice]]:
        """Cells of rows at `v` on a column at 0 V: all at once where a column keeps nothing for its cells together."""
        cells = self._cells(slice(0, self.cols)).as_one()
        if cells is not None:
            play = Segments.of(np.array([duration]), v.reshape(1, -1), np.zeros((1, 1)), again, False)
            yield cells, play, slice(0, self.cols)
            return
        for c in range(self.cols):
            column = slice(c, c + 1)
            play = Segments.of(np.array([duration]), v[column], np.zeros((1, 1)), again, False)
            yield self._cells(column), play, column

    def confine(self) -> None:
        """Apply the factors of cycle-to-cycle spread to the courses of pulses; clip to the range of the state."""
        self.changing()
        name = self.law.programmed
        if self.spread is not None:
            self.spread.settle(self.state[name], self.state[COURSE])
        self.state[name] = np.clip(self.state[name], *self.bounds)

    def quiet(self, v: NDArray[np.float64]) -> float | None:
        """Time for which no cell moves at voltages `v` (cols, rows), s; None where any may at any time."""
        with self._on_courses():
            still = self.law.quiet(self._cells(slice(None)), v)
        return None if still is None else float(still.min())

    def over_columns(self, job: Callable[[int], None]) -> None:
        """Call `job` with the number of every column, on all threads."""
        self._threads.over_columns(job)

    def _cells(self, columns: slice) -> Columns:
        low, high = self.bounds if self.spread is None else (-np.inf, np.inf)
        origin, factor = (_NONE, _NONE) if self.spread is None else (self.spread.origin, self.spread.factor)
        state = {name: array[columns] for name, array in self.state.items() if name not in (COURSE, ON)}
        return Columns(state, self.gain[columns], low, high, origin[columns], factor[columns])

    def _advance(self, columns: slice, play: Segments) -> None:
        self.law.advance(self._cells(columns), play)

    def _segments(
        self, duration: NDArray[np.float64], rows: NDArray[np.float64], cols: NDArray[np.float64], again: bool,
        book: bool = True,
    ) -> Segments:  # fmt: skip
        # Where there is noise, a pulse must not be blamed for what a column has been caught up with.
        return Segments.of(duration, rows, cols, again, book and not self.one_by_one)

    def _of_law(self, play: Segments, job: Callable[[slice, Segments], None]) -> None:
        """Call `job` for all columns, on all threads; with spread, on the noiseless courses of the pulses."""
        with self._on_courses():
            self._threads.share_out(play, job)

    @contextmanager
    def _on_courses(self) -> Iterator[None]:
        """Exchange programmed states and noiseless courses for a while, so that the law moves the latter."""
        pair = (self.law.programmed, COURSE) if self.spread is not None else ()
        self.changing()
        self.state |= {name: self.state[other] for name, other in zip(pair, pair[::-1], strict=True)}
        try:
            yield
        finally:
            self.changing()
            self.state |= {name: self.state[other] for name, other in zip(pair, pair[::-1], strict=True)}
