"""Laws given by their equations alone: how fast the states move, dx/dt = rate(v, x), and the current i(v, x).

Write the two as functions of numbers, and the rest is here: they are integrated to an error of 1e-9 a step (1e-7 of the
charge), stiff or not, and states are held at their bounds (`sim.cells.integration`)::

    @rate_equation
    def rate(v, x, p, out):
        out[0] = p[0] * np.sinh(p[1] * v)

    @current_equation
    def current(v, x, p):
        return x[0] * v / p[2]

with v the cell voltage in V, x the states in the order of `Law.states`, p the `RateLaw.constants`, `out` the rates of
the states, and the current in A. They see states within their bounds alone. The current must be 0 at 0 V and rise with
the voltage. Both are compiled to one type for all laws, once on a machine, when their module is first imported.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from hil.compiling import njit
from hil.limits import LimitError
from sim.cells import integration
from sim.cells.equations import Equations as Equations  # laws name it beside their functions
from sim.cells.law import Columns, Law, OhmicLaw, P, State
from sim.cells.pointers import address
from sim.cells.segments import Segments
from sim.cells.single import DONE, MOST_STEPS, NOT_FINITE


def rate_equation(function: Callable[..., None]) -> Any:
    """Compile ``rate(v, x, p, out)``: write dx/dt of every state into `out`, 1/s times the unit of the state."""
    return njit(integration.RATE, cache=True, error_model="numpy")(function)


def current_equation(function: Callable[..., float]) -> Any:
    """Compile ``current(v, x, p)``: return the current, A."""
    return njit(integration.CURRENT, cache=True, error_model="numpy")(function)


class RateLaw(Law[P]):
    """A law given by its rates and its current; see the module.

    Device-to-device spread of sensitivity multiplies the rate of the programmed state, that of memristance divides the
    current. Under cycle-to-cycle spread the noiseless course stays within the bounds of the state.

    Attributes
    ----------
    equations : Equations
        Of the cell.
    stiff : bool
        Whether to begin with steps for stiff equations at once; where it is not said, it is found out in every segment.
    """

    equations: ClassVar[Equations]
    stiff: ClassVar[bool] = False

    @abstractmethod
    def constants(self) -> Sequence[float]:
        """Return what the equations find as `p`, in this order; computed from the parameters."""

    def conductance_range(self, v_max: float) -> tuple[float, float]:
        """Conductances at `read_voltage` at both ends of the programmed state, all others as in a pristine cell, S.

        Override it where it is no ordinary range with two ends.
        """
        ends = {variable.name: np.full((1, 2), variable.pristine) for variable in self.states}
        ends[self.programmed] = np.array([self.bounds()])
        g = self.current(np.full((1, 2), self.read_voltage), ends) / self.read_voltage
        return float(g.min()), float(g.max())

    def advance(self, cells: Columns, play: Segments) -> None:
        """Integrate the rates."""
        x = self._stacked(cells.state)
        ended = integration.advance(*self._fixed(), play.duration, play.rows, play.cols, x, cells.gain)
        self._require_done(ended, play)
        for k, variable in enumerate(self.states):
            cells.state[variable.name][:] = x[:, :, k]

    def dose(self, cells: Columns, play: Segments, out: NDArray[np.float64]) -> None:
        """Integrate the current along with the rates."""
        x, spread = self._stacked(cells.state), (np.ascontiguousarray(cells.origin, dtype=float), cells.factor)
        ended = integration.dose(*self._fixed(), play.duration, play.rows, play.cols, x, cells.gain, *spread, out)
        self._require_done(ended, play)

    def trace(self, play: Segments, start: NDArray[np.float64]) -> dict[str, NDArray[Any]]:
        """States of one cell after every segment of its history; see `Law.trace`."""
        out = np.empty((len(play.duration), len(self.states)))
        pristine = np.array([variable.pristine for variable in self.states], dtype=float)
        ended = integration.trace(*self._fixed(), play.duration, play.rows, play.cols, pristine, start, out)
        self._require_done(ended, play)
        return {variable.name: out[None, :, k] for k, variable in enumerate(self.states)}

    def velocity(self, v: float, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """Rates (n,) of the states `x` (n,), in their order, at `v` V: what the equations give at a free state."""
        out = np.empty(len(x))
        self.equations.rate(float(v), np.array(x, dtype=float), np.array(self.constants(), dtype=float), out)
        return out

    def current(self, v: NDArray[np.float64], state: State) -> NDArray[np.float64]:
        """Current at cell voltages `v` and these states, A."""
        out = np.empty(v.shape)
        p = np.array(self.constants(), dtype=float)
        integration.currents(
            address(self.equations.current), p, np.array(v, dtype=float, order="C"), self._stacked(state), out
        )
        return out

    def _fixed(self) -> tuple[Any, ...]:
        """What the compiled functions take first."""
        states = self.states
        low, high = np.array([(variable.low, variable.high) for variable in states], dtype=float).T.copy()
        moved = [variable.name for variable in states].index(self.programmed)
        return (*map(address, self.equations), np.array(self.constants(), dtype=float), moved, low, high, self.stiff)

    def _stacked(self, state: State) -> NDArray[np.float64]:
        """(columns, rows, states) copy of all states."""
        return np.stack([np.asarray(state[variable.name], dtype=float) for variable in self.states], axis=-1)

    def _require_done(self, ended: tuple[int, int, int, int], play: Segments) -> None:
        how, t, col, row = ended
        if how == DONE:
            return
        v = play.rows[t, row] - play.cols[t, col]
        where = f"a segment of {play.duration[t]:g} s with {v:g} V on a cell"
        if how == NOT_FINITE:
            raise LimitError(f"{where}: the rates of its states leave the range of float64 there: lower the voltage")
        raise LimitError(
            f"{where} takes more than {MOST_STEPS:,} steps: shorten it, lower the voltage, or look "
            "whether the rates are smooth functions of the states"
        )


class OhmicRateLaw(RateLaw[P], OhmicLaw[P]):
    """The same where the current at any state is proportional to the voltage: arrays of it are solved at once."""

    def memristance(self, state: State) -> NDArray[np.float64]:
        """Memristance at the states, ohm."""
        shape = state[self.programmed].shape
        return 1.0 / self.current(np.ones(shape), state)

    def dose(self, cells: Columns, play: Segments, out: NDArray[np.float64]) -> None:
        """Integrate 1 / M along with the rates."""
        super().dose(cells, play, out)
        v = play.rows[0] - play.cols[0][:, None]
        out /= np.where(v == 0, 1.0, v)
