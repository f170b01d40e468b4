"""What a fit needs to know of a device model: its parameters, where to start, its curve, its preset."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from hil.errors import InputError, nearest
from sim.fitting.data import Measurement
from sim.fitting.filters import Innovations, ReadAlong, Spread
from sim.fitting.parameter import Parameter
from sim.fitting.trace import segments

Values = Mapping[str, float]


class Model(ABC):
    """A device model on one measurement.

    Attributes
    ----------
    name : str
        What the user calls it.
    title : str
        What it is, for a figure.
    kind : str
        Simulated kind that it is a preset of.
    state : str
        Parameter that says where the first stretch of the measurement began, and nothing about the cell: the simulated
        kind's name for its pristine state, such as ``w0``; those of further stretches are ``w0_2``, ``w0_3`` ...
    renamed : mapping
        Present name of a parameter by one that it once had, which a user may still give.
    parameters : tuple of Parameter
        All of them, held or fitted.
    notes : list of str
        What the user must know about this model on this measurement.
    watch : callable
        Called now and then by a long search for starts.
    step : float
        Relative step of a difference quotient: far above the accuracy of `curve`.
    profiled : bool
        Whether intervals follow the profile of the likelihood beside other models, too: not where that takes minutes.
    thorough : bool
        Whether a search for starts may take its time: not where many models are ranked.
    survey : int
        Whether a search need only tell how far the model is from a leader: 1 by a glance, 2 by a longer look, 0 if not.
    sigma : (K,) array or None
        Uncertainty of every reading, S, where a fit has said so before it asks for starts.
    filters : bool
        Whether `filtered` foretells readings, so that the spread of many cells and of cycles can be told.
    """

    name: str
    title: str
    kind: str
    state: str
    renamed: Mapping[str, str] = {}
    step: float = 1e-6
    profiled: bool = True
    thorough: bool = True
    survey: int = 0
    filters: bool = False
    parameters: tuple[Parameter, ...]

    def __init__(self, measurement: Measurement) -> None:
        """Look at the measurement."""
        self.measurement = measurement
        self.notes: list[str] = []
        self.sigma: NDArray[np.float64] | None = None
        self.watch: Callable[[], None] = lambda: None

    @classmethod
    def prepared(cls, measurement: Measurement) -> Measurement:
        """Leave out readings that this model has no value for, whatever its parameters, with a note on each kind.

        All models that compete are fitted to what is left then, so that they are judged by the same readings.
        """
        return measurement

    @abstractmethod
    def starts(self) -> Iterable[dict[str, float]]:
        """Values to start from, coarse and many; held ones are put right by the fit."""

    @abstractmethod
    def curve(self, values: Values) -> NDArray[np.float64]:
        """(K,) conductances at the readings, S."""

    @abstractmethod
    def preset(self, values: Values) -> dict[str, Any]:
        """Parameters of the simulated kind with these values: what the cell is, not the state it was found in."""

    def began(self, values: Values) -> dict[str, float]:
        """State in which each stretch began; the first by the name that the simulated kind has for its pristine one."""
        return {name: float(values[name]) for name in self.states}

    @property
    def generations(self) -> int:
        """How often `starts` calls `watch`, at most."""
        return 0

    @property
    def states(self) -> tuple[str, ...]:
        """Parameters that say where the stretches began, in order."""
        more = range(2, len(self.measurement.begins) + 1)
        return (self.state, *(f"{self.state}_{k}" for k in more))

    def ends(self) -> dict[str, float]:
        """Parameters of the lowest and highest conductance, if the cell went as far as it can; none without such.

        Of the readings the second and the 98th percentile, which noise moves less than the extremes.
        """
        return {}

    def starting(self, values: Values) -> NDArray[np.float64]:
        """(T,) state in which the cell is put before a segment that begins a stretch, NaN elsewhere."""
        start = np.full(len(self.measurement.voltage), np.nan)
        start[list(self.measurement.begins)] = [values[name] for name in self.states]
        return start

    def started(self, first: Parameter) -> Iterable[Parameter]:
        """Parameters of the states that the stretches began in, from that of the first."""
        readings = self.measurement.readings
        if len(readings) == 1:
            yield first
            return
        for name, rows in zip(self.states, readings, strict=True):
            yield replace(first, name=name, alone=rows)

    def filtered(self, values: Values, seen: ReadAlong, spread: Spread, scale: float) -> Innovations | None:
        """What every reading is off by, if the cell has that spread, and its memristance is `scale` times the law's.

        None where the law has no filter: cycle-to-cycle spread cannot be told then.
        """
        return None

    def remedy(self, *names: str) -> str | None:
        """Measurement that would tell parameters from each other, where the model itself knows."""
        return None

    def doubts(self, values: Values) -> list[str]:
        """Say what the data cannot tell about these values, beyond what correlations show."""
        return []

    @property
    def address(self) -> str:
        """Name by which the catalogue makes it again, on another measurement."""
        return self.name

    @property
    def free(self) -> tuple[Parameter, ...]:
        """Parameters that are fitted."""
        return tuple(p for p in self.parameters if p.held is None)

    def hold(self, fixed: Mapping[str, float], freed: Iterable[str] = ()) -> Self:
        """Hold parameters at values that the user knows, fit ones that are held by default.

        The state that the first stretch began in stands for those of all, unless they are named. Former names are
        taken for the present ones.

        Raises
        ------
        InputError
            For an unknown name, or a value out of range.
        """
        known = {p.name: p for p in self.parameters}
        fixed = {self._present(name): value for name, value in fixed.items()}
        freed = tuple(map(self._present, freed))
        if self.state in fixed:
            fixed = dict.fromkeys(self.states, fixed[self.state]) | fixed
        if self.state in freed:
            freed += self.states[1:]
        for name in (*fixed, *freed):
            if name not in known:
                raise InputError(f"{self.name} has no parameter '{name}' {nearest(name, known)}")
        for name, value in fixed.items():
            p = known[name]
            if not p.low <= value <= p.high:
                raise InputError(
                    f"{self.name}: {name} = {value:g} must be in {p.low:g} .. {p.high:g} {p.unit}".rstrip()
                )
            known[name] = replace(p, held=value, why="given")
        for name in freed:
            known[name] = replace(known[name], held=None, why="")
        self.parameters = tuple(known.values())
        return self

    def _present(self, name: str) -> str:
        """Name of a parameter for one that it once had, the number of a stretch behind it included."""
        first, _, stretch = name.partition("_")
        return name if first not in self.renamed else "_".join(filter(None, (self.renamed[first], stretch)))


class ModelDrive:
    """What the pulses of a measurement are to a model in which a positive voltage raises (+1) or lowers (-1) G.

    Attributes
    ----------
    sign : float
        Factor on the measured voltages: -1 if the measured cell is the other way round.
    play : Segments
        The history after that.
    voltage : (T,) array
        Its voltages, V.
    """

    def __init__(self, measurement: Measurement, raises: float) -> None:
        """Find out which way round the cell is: what sign of pulses its conductance follows."""
        self.measurement = measurement
        self.sign = 1.0 if raises * _response(measurement) >= 0 else -1.0
        self.voltage = self.sign * measurement.voltage
        self.play = segments(self.voltage, measurement.duration)

    def amplitudes(self, sign: int) -> NDArray[np.float64]:
        """Different magnitudes in one direction, V, ascending."""
        return self.measurement.amplitudes(int(sign * self.sign))

    def longest_run(self, sign: int) -> int:
        """Most pulses in one direction without one in the other."""
        signs = np.sign(self.sign * self.measurement.pulses)
        longest = count = 0
        for s in signs[signs != 0]:
            count = count + 1 if s == sign else 0
            longest = max(longest, count)
        return longest


def unsaturated(state: NDArray[np.float64]) -> list[str]:
    """Warn about bounds, 0 and 1, at which a state (K,) never rests for two readings.

    Without them, a wider window with smaller steps is the same curve. The curvature at the fit may not show it, for a
    state that only just meets its bound is the edge of many fits that are as good.
    """
    found = []
    for name, at in (("lowest", state <= 1e-9), ("highest", state >= 1.0 - 1e-9)):
        if not np.any(at[1:] & at[:-1]):
            found.append(
                f"the cell never rests at its {name} state: window and rate are known only together, "
                "and their intervals are too narrow: add a train that saturates"
            )
    return found


def _response(measurement: Measurement) -> float:
    """Change of conductance summed over readings, each with the sign of the flux since the one before."""
    flux = np.concatenate([[0.0], np.cumsum(measurement.pulses * measurement.duration)])[measurement.seen + 1]
    moves = np.sign(np.diff(flux)) * np.diff(measurement.conductance)
    moves[[first - 1 for first, _ in measurement.readings[1:]]] = 0.0
    return float(np.sum(moves))
