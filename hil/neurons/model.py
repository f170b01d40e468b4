"""`NeuronModel`: a population of neurons of one model, the protocol that all models share.

A model names its states, its parameters with units and ranges, the unit of what drives it, and how far its numbers are
from the exact solution of its equations (`accuracy`). `advance(dt, current)` moves all neurons and counts their spikes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hil.config import Section, validated
from hil.errors import InputError
from hil.neurons import integration


@dataclass(frozen=True)
class NeuronState:
    """One state of a neuron.

    Attributes
    ----------
    name, unit : str
        Such as ``v`` and ``V``; the unit is empty for a pure number.
    meaning : str
        In words.
    scale : float
        Magnitude below which its errors are absolute, in its unit.
    """

    name: str
    unit: str
    meaning: str
    scale: float


CLOCKS = ("since", "refractory", "lag")
"""States that only tell time: neither drawn nor reported."""


@dataclass(frozen=True)
class Accuracy:
    """How far a model's first state is from the exact solution of its equations, before its first spike and after.

    Attributes
    ----------
    bound : float
        Largest error, in the state's unit; 0 where it is exact but for rounding.
    how : str
        What makes it so.
    """

    bound: float
    how: str


@dataclass(frozen=True)
class Demonstration:
    """What `hil neuron` shows of a model unless told otherwise.

    Attributes
    ----------
    current : str
        Stimulus, as `hil.neurons.currents` reads it.
    duration : float
        Of the traces, s.
    drives : (float, float)
        Ends of the f-I curve, in the model's unit of drive.
    """

    current: str
    duration: float
    drives: tuple[float, float]


class NeuronParameters(Section):
    """Base of the parameters of all models: SI units, each with a description and its range."""


class NeuronModel(ABC):
    """Neurons of one model, all with the same parameters, each with its own states and drive.

    Attributes
    ----------
    parameters_model : type
        Parameters, with units and ranges.
    presets : mapping
        Published values by name.
    states : tuple of NeuronState
        The first is the membrane's voltage, or what stands for it.
    drive_unit : str
        Unit of the current: A, or what the model's publication drives it with.
    accuracy : Accuracy
        How far it is from the exact solution.
    demonstration : Demonstration
        What `hil neuron` shows of it.
    """

    parameters_model: ClassVar[type[NeuronParameters]]
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {}
    patterns: ClassVar[Mapping[str, tuple[str, float]]] = {}
    """For presets that show something: the current that shows it, and how long, s."""

    states: ClassVar[tuple[NeuronState, ...]]
    drive_unit: ClassVar[str] = "A"
    accuracy: ClassVar[Accuracy]
    demonstration: ClassVar[Demonstration]
    plane: ClassVar[tuple[str, str]]
    """The two states of the phase plane; the same one twice where it has one."""

    def __init__(self, parameters: Any = None, count: int = 1, seed: int = 0) -> None:
        """Make `count` neurons at rest.

        Parameters
        ----------
        parameters : NeuronParameters, optional
            The model's defaults if not given.
        count : int
            Number of neurons, at least 1.
        seed : int
            Of what is random in the model.
        """
        if count < 1:
            raise InputError(f"a population of {count} neurons: give at least 1")
        self.parameters: Any = self.parameters_model() if parameters is None else parameters
        self.count, self.seed = count, seed
        self.p: NDArray[np.float64] = np.array(self.constants(), dtype=np.float64)
        self._x = np.empty((count, len(self.states)))
        self.reset()

    @classmethod
    def of(cls, values: Mapping[str, Any], preset: str | None = None, count: int = 1, seed: int = 0) -> NeuronModel:
        """Make neurons from a preset and values laid over it; `InputError` names what is wrong."""
        if preset is not None and preset not in cls.presets:
            raise InputError(f"preset {preset!r}: choose one of {', '.join(cls.presets) or 'none, this model has no'}")
        base = cls.presets[preset] if preset is not None else {}
        return cls(validated(cls.parameters_model, {**base, **values}, "neuron"), count, seed)

    @abstractmethod
    def constants(self) -> tuple[float, ...]:
        """What the compiled functions find as `p`."""

    @abstractmethod
    def start(self) -> tuple[float, ...]:
        """States at rest, in their order."""

    @abstractmethod
    def _play(self, dt: float, drive: NDArray[np.float64], course: NDArray[np.float64]) -> NDArray[np.int64]:
        """Move all neurons through `dt` for each line of `drive` (K, N); spikes (K, N), and states into `course`."""

    def advance(self, dt: float, current: ArrayLike) -> NDArray[np.int64]:
        """Let `dt` s pass under a current that stays the same meanwhile.

        Parameters
        ----------
        dt : float
            s, > 0.
        current : float or (N,) array
            Into each neuron, in `drive_unit`.

        Returns
        -------
        (N,) array of int
            Spikes of each neuron in that time.
        """
        drive = np.broadcast_to(np.asarray(current, dtype=np.float64), (self.count,))
        return self.play(dt, drive[None], record=False)[0][0]

    def play(
        self, dt: float, currents: ArrayLike, record: bool = True
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """`advance` for each of many currents, one after the other, at once.

        Parameters
        ----------
        dt : float
            s, > 0, for each.
        currents : (K, N) array
            In `drive_unit`.
        record : bool
            Whether the states are wanted.

        Returns
        -------
        (K, N) array of int and (K, N, states) array
            Spikes, and states after each `dt`; (0, N, states) where they are not wanted.
        """
        if not 0 < dt < np.inf:
            raise InputError(f"dt = {dt} s: a step of time must be > 0 and finite")
        drive = np.array(currents, dtype=np.float64, ndmin=2, order="C")
        if drive.ndim != 2 or drive.shape[1] != self.count:
            raise InputError(f"currents of shape {drive.shape}: (times, {self.count}) were expected")
        if not np.isfinite(drive).all():
            raise InputError(f"a current of {drive[~np.isfinite(drive)][0]} {self.drive_unit}: give finite ones")
        course = np.empty((len(drive) if record else 0, self.count, len(self.states)))
        return self._play(float(dt), drive, course), course

    def reset(self) -> None:
        """Put all neurons to rest."""
        self._x[:] = self.start()
        self._rng = np.random.default_rng([self.seed, 9])

    @property
    def x(self) -> NDArray[np.float64]:
        """(N, states) array of all states, in their order; writing into it sets them."""
        return self._x

    def state(self, name: str) -> NDArray[np.float64]:
        """(N,) view of one state; `InputError` for a name that no state has."""
        names = [state.name for state in self.states]
        if name not in names:
            raise InputError(f"no state {name!r}: choose one of {', '.join(names)}")
        return self._x[:, names.index(name)]


class OdeNeurons(NeuronModel):
    """Neurons that are ordinary differential equations, integrated with located spikes (`hil.neurons.integration`).

    Attributes
    ----------
    slope, above, land : compiled functions
        As in `hil.neurons.integration`.
    tolerance : float
        Error of one step, relative to the state's magnitude and `NeuronState.scale`.
    stiff : bool
        Whether stability, not accuracy, would hold back explicit steps.
    """

    slope: ClassVar[Any]
    above: ClassVar[Any]
    land: ClassVar[Any] = staticmethod(integration.stays)
    tolerance: ClassVar[float] = 1e-8
    stiff: ClassVar[bool] = False

    def reset(self) -> None:
        """Put all neurons to rest."""
        super().reset()
        self._first = np.full(self.count, np.inf)

    def _play(self, dt: float, drive: NDArray[np.float64], course: NDArray[np.float64]) -> NDArray[np.int64]:
        spikes, kind = np.zeros(drive.shape, np.int64), type(self)
        scale = np.array([state.scale for state in self.states])
        how, neuron = integration.integrate(
            kind.slope, kind.above, kind.land, self._x, drive, dt, self.p, scale, self.tolerance, self._first, spikes,
            course, self.stiff,
        )  # fmt: skip
        if how != integration.DONE:
            why = "too many steps" if how == integration.TOO_LONG else "values beyond float64"
            raise InputError(
                f"{dt:g} s with a drive of up to {np.abs(drive[:, neuron]).max():g} {self.drive_unit} lead to {why}: "
                "lower the current or change the parameters"
            )
        return spikes


class SteppedNeurons(NeuronModel):
    """Neurons that move by a closed form of their own.

    Attributes
    ----------
    move : compiled function
        ``step`` of `hil.neurons.integration`.
    random : bool
        Whether it needs a random number for each neuron and step.
    """

    move: ClassVar[Any]
    random: ClassVar[bool] = False

    def _play(self, dt: float, drive: NDArray[np.float64], course: NDArray[np.float64]) -> NDArray[np.int64]:
        spikes = np.zeros(drive.shape, np.int64)
        chance = self._rng.random(drive.shape) if self.random else np.zeros((1, self.count))
        integration.stepped(type(self).move, self._x, drive, dt, self.p, chance, spikes, course)
        return spikes
