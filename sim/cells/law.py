"""What a cell's law is: equations, states, parameters and presets of one cell, which never sees the array it is in.

An array (`sim.crossbar.array.SimulatedArray`) holds many cells of one law. It owns their states, the lines, time,
threads, spread, noise, measurement and snapshots, and asks the law for four things: which states a cell has (`states`),
where they are after a while at known voltages (`advance`), what it conducts (`current`) and how much charge that is
over a while (`dose`). Cells know nothing of each other, so a law works on whole columns at once, elementwise.

A law given by its equations alone is a `sim.cells.rates.RateLaw`. One with a closed form of its own implements `Law`,
or `OhmicLaw` if its current is v / M at any state.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, NamedTuple, TypeVar

import numpy as np
from numpy.typing import DTypeLike, NDArray
from pydantic import BaseModel, ConfigDict, model_validator
from pydantic.config import JsonDict

from hil.config import by_present_names
from hil.programming import Programming
from sim.cells.equations import Equations
from sim.cells.segments import Segments

State = Mapping[str, NDArray[Any]]
"""State arrays by name, each (columns, rows), or (columns,) for what a column keeps once."""


def unit(symbol: str) -> JsonDict:
    """Unit of a parameter, for `Field(json_schema_extra=...)`."""
    return {"unit": symbol}


class CellParameters(BaseModel):
    """Parameters of a law, without those of the array that holds it.

    Attributes
    ----------
    renamed : mapping
        Present name of a parameter by a name that it once had, which addresses and presets may still give.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    renamed: ClassVar[Mapping[str, str]] = {}

    @model_validator(mode="before")
    @classmethod
    def _by_present_names(cls, values: Any) -> Any:
        """Take former names of parameters for the present ones."""
        return by_present_names(cls, values) if isinstance(values, dict) else values


P = TypeVar("P", bound=CellParameters)


@dataclass(frozen=True)
class StateVariable:
    """One state of a cell, which the array keeps for all of them, and in snapshots under this name.

    Attributes
    ----------
    name : str
        What it is called, such as ``x``.
    pristine : float
        Where it begins.
    low, high : float
        Bounds that it never leaves.
    dtype : data type
        Of its array; float64 unless memory is scarce or it is a flag.
    per_column : bool
        Whether a column keeps one for all its cells, such as the time for which it has been at rest.
    in_pulse : bool
        Whether it tells only of a pulse under way: 0 at rest, and in no snapshot.
    drawn : bool
        Whether every cell begins with 52 random bits of its own instead, where a law draws numbers: an integer.
    """

    name: str
    pristine: float = 0.0
    low: float = -np.inf
    high: float = np.inf
    dtype: DTypeLike = np.float64
    per_column: bool = False
    in_pulse: bool = False
    drawn: bool = False


class Columns(NamedTuple):
    """Cells of some columns, as an array hands them to its law.

    Attributes
    ----------
    state : mapping
        Their state arrays by name: views, to be written to by `Law.advance` and by nothing else.
    gain : (columns, rows) array
        Factor of every cell on the rate or step of its programmed state (device-to-device spread of sensitivity).
    low, high : float
        Range in which the law is to keep the programmed state. Infinite under cycle-to-cycle spread, where the state
        is a noiseless course that the array maps to the cell: a law may go on beyond its bounds then, or stay within.
    origin, factor : (columns, rows) arrays
        Under cycle-to-cycle spread, for `Law.dose`: a cell is at origin + factor (course - origin), clipped to the
        bounds of its state; see `sim.crossbar.pulses`. Else empty.
    """

    state: State
    gain: NDArray[np.float64]
    low: float
    high: float
    origin: NDArray[Any]
    factor: NDArray[np.float64]

    def as_one(self) -> Columns | None:
        """The same cells as rows of one column; None where a column keeps something for its cells together."""
        if not all(array.ndim == 2 and array.flags.c_contiguous for array in self.state.values()):
            return None
        state = {name: array.reshape(1, -1) for name, array in self.state.items()}
        gain, origin, factor = (a.reshape(1, -1) if a.size else a for a in (self.gain, self.origin, self.factor))
        return Columns(state, gain, self.low, self.high, origin, factor)


@dataclass(frozen=True)
class PulseStep:
    """Cells whose weight, 0..1, moves by one step with every pulse, whatever its width: what spiking cores need.

    Attributes
    ----------
    programming : Programming
        The pulses, and the conductances of weights 0 and 1.
    up, down : tuple of float
        (a, gamma, s) of a potentiation step a (1 - w s)^gamma and of a depression step -a (1 - (1 - w) s)^gamma.
    """

    programming: Programming
    up: tuple[float, float, float]
    down: tuple[float, float, float]


@dataclass(frozen=True)
class Law(ABC, Generic[P]):
    """Equations of one cell, with their parameters; nothing changes in it.

    Voltages and currents count from the cell's row to its column. `v`, states and results are (columns, rows).

    Attributes
    ----------
    parameters : CellParameters
        Of the cell.
    programmed : str
        State that pulses move: on it cycle-to-cycle spread acts.
    jumps : bool
        Whether a cell steps at the edges of a pulse alone and stays where it is in between.
    read_voltage : float
        At which a read disturbs least, V; conductances that are looked at are i / v there.
    read_disturbance : float
        Largest relative change of conductance that one read pulse of `read_voltage` and 1 ms may cause.
    equations : Equations or None
        Rates and current as functions of numbers, by which the law is written for other programs (`sim.export`).
    no_equations : str
        Why it has none, as words that follow a colon.
    memory_a_cell : int
        Bytes for states and parameters of a cell, and for a copy and the results of one step.
    roots : int
        How many roots, one within the other, have to be found in every evaluation; with any, a fit takes minutes.
    """

    parameters: P

    programmed: ClassVar[str]
    jumps: ClassVar[bool] = False
    read_voltage: ClassVar[float] = 1e-3
    read_disturbance: ClassVar[float] = 0.0
    equations: ClassVar[Equations | None] = None
    no_equations: ClassVar[str] = "its law does not say by which equations its states move"
    memory_a_cell: ClassVar[int] = 120
    roots: ClassVar[int] = 0

    @property
    @abstractmethod
    def states(self) -> tuple[StateVariable, ...]:
        """All states of a cell; the one called `programmed` is of floating point."""

    def constants(self) -> Sequence[float]:
        """Return what `equations` find as `p`, in this order; computed from the parameters."""
        return ()

    def magnitudes(self) -> Mapping[str, float]:
        """Return typical magnitudes of states that do not have two bounds, for programs with absolute tolerances."""
        return {}

    @property
    def pulse_step(self) -> PulseStep | None:
        """How one pulse moves a cell by one step; None where that depends on more than the pulse's sign."""
        return None

    @property
    def thresholds(self) -> tuple[float, float] | None:
        """Magnitudes of the positive and the negative cell voltage below which no cell moves, V; None without any."""
        return None

    @property
    def indistinct(self) -> Mapping[str, str]:
        """Parameters that no current of a cell tells from its others, and why: a fit leaves them as they are."""
        return {}

    @property
    def programming(self) -> Programming | None:
        """Pulses that the cell can be programmed with, one step each; None where the law has none to name."""
        return None if self.pulse_step is None else self.pulse_step.programming

    @abstractmethod
    def conductance_range(self, v_max: float) -> tuple[float, float]:
        """Lowest and highest conductance at voltages up to `v_max`, S; 0 if nothing bounds it from below."""

    @abstractmethod
    def advance(self, cells: Columns, play: Segments) -> None:
        """Move the states in place through segments of known voltages, none of them floating.

        Where a cell is afterwards must not depend, beyond the law's own accuracy, on how the time was cut.
        """

    @abstractmethod
    def current(self, v: NDArray[np.float64], state: State) -> NDArray[np.float64]:
        """Current at cell voltages `v` (V) and these states, A: 0 at 0 V, and rising with the voltage."""

    @abstractmethod
    def dose(self, cells: Columns, play: Segments, out: NDArray[np.float64]) -> None:
        """Integrate the current over the one segment of `play`, which `advance` will play next.

        Into `out`, C, to a relative 1e-6 or better; the states stay as they are. Cells at 0 V need no value.
        """

    def differential_conductance(self, v: NDArray[np.float64], state: State) -> NDArray[np.float64]:
        """Derivative of `current`, S, for networks with floating lines; by central differences."""
        h = 1e-6 * (np.abs(v) + 1e-3)
        return (self.current(v + h, state) - self.current(v - h, state)) / (2 * h)

    def quiet(self, cells: Columns, v: NDArray[np.float64]) -> NDArray[np.float64] | None:
        """Time for which no cell moves at voltages `v` (columns, rows), s, where cells jump at times of their own.

        None where they may move at any time, as most do.
        """
        return None

    def present(self, state: State) -> dict[str, NDArray[Any]]:
        """States as of now, (columns, rows); a law that puts off the relaxation of columns at rest adds it here."""
        return {variable.name: state[variable.name] for variable in self.states if not variable.per_column}

    def trace(self, play: Segments, start: NDArray[np.float64]) -> dict[str, NDArray[Any]]:
        """States of one cell, as `present` gives them, after every segment of its history: each (1, T).

        Parameters
        ----------
        play : Segments
            Of one row and one column.
        start : (T,) array
            Where the programmed state is put before a segment, the others being pristine; NaN where it goes on.
        """
        shapes = {variable.name: (1,) if variable.per_column else (1, 1) for variable in self.states}
        pristine = {v.name: np.full(shapes[v.name], v.pristine, v.dtype) for v in self.states}
        none = np.empty((0, 0))
        seen: dict[str, list[NDArray[Any]]] = {}
        state = {name: array.copy() for name, array in pristine.items()}
        for t in range(len(play.duration)):
            if not np.isnan(start[t]):
                state = {name: array.copy() for name, array in pristine.items()}
                state[self.programmed][:] = start[t]
            self.advance(Columns(state, np.ones((1, 1)), *self.bounds(), none, none), play.alone(t))
            for name, array in self.present(state).items():
                seen.setdefault(name, []).append(array.copy())
        return {name: np.concatenate(arrays, axis=1) for name, arrays in seen.items()}

    def bounds(self) -> tuple[float, float]:
        """Range of the programmed state."""
        (variable,) = (variable for variable in self.states if variable.name == self.programmed)
        return variable.low, variable.high


class OhmicLaw(Law[P]):
    """A law whose current at any state is v / M: arrays of it are linear networks, solved without iterating."""

    @abstractmethod
    def memristance(self, state: State) -> NDArray[np.float64]:
        """Memristance M, ohm."""

    def current(self, v: NDArray[np.float64], state: State) -> NDArray[np.float64]:
        """Ohm's law, A."""
        return v / self.memristance(state)

    @abstractmethod
    def dose(self, cells: Columns, play: Segments, out: NDArray[np.float64]) -> None:
        """Integrate 1 / M over the one segment of `play`, which `advance` will play next.

        Into `out`, s/ohm, to a relative 1e-7 or better; the states stay as they are. Cells at 0 V need no value.
        """
