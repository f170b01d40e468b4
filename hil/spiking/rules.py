"""Learning rules of spiking layers: which programming pulses a spike asks for."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np

from hil.errors import InputError

MOST_PULSES = 100
"""Programming pulses that one pair of spikes may ask for."""


@dataclass(frozen=True, kw_only=True)
class Rule(ABC):
    """A learning rule: which programming pulses cells get when a row or a neuron spikes.

    Every window stands for one pulse: where the last spike of the other side lies `elapsed` seconds ago, a cell gets as
    many pulses as there are windows with ``elapsed <= window``. Only spikes of the same presentation count.

    Attributes
    ----------
    depresses_others : bool
        Whether rows that get no potentiation at a neuron's spike then get one depression pulse.
    pulse_probability : float
        Probability, > 0 and <= 1, with which a cell gets what a spike asks for it, drawn for every cell and spike
        (`hil.mixing.lots`): all pulses of that spike or none. Learning slows down by it where the device's
        steps are what they are.
    pulse_probability_end : float or None
        To which it falls geometrically during the run (`hil.spiking.course.LearningCourse`); None: it stays.
    seed : int
        Of the draws.
    """

    depresses_others: ClassVar[bool]
    pulse_probability: float = 1.0
    pulse_probability_end: float | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        """Check the range of the probabilities."""
        p, end = self.pulse_probability, self.pulse_probability_end
        if not 0 < p <= 1:
            raise InputError(f"{type(self).__name__}: pulse_probability = {p} must be > 0 and at most 1")
        if end is not None and not 0 < end <= p:
            raise InputError(
                f"{type(self).__name__}: pulse_probability_end = {end} must be > 0 and at most pulse_probability = {p}"
            )

    def constant(self) -> Self:
        """Return this rule with every pulse given, for a layer that does not learn any more."""
        return replace(self, pulse_probability=1.0, pulse_probability_end=None)

    @property
    @abstractmethod
    def potentiating(self) -> tuple[float, ...]:
        """Windows at a neuron's spike, s: potentiation pulses for the rows of its column; all rows, pulse by pulse."""

    @property
    @abstractmethod
    def depressing(self) -> tuple[float, ...]:
        """Windows at an input spike, s: depression pulses for the columns of its row, after the row was read."""


@dataclass(frozen=True)
class Stdp(Rule):
    """The rectangular rule of Brivio et al. (2021), Figure 1B, on a neuron's spike.

    One potentiation pulse where the row's last spike is at most `window` ago, else one depression pulse.

    Attributes
    ----------
    window : float
        s.
    """

    window: float = 60e-6

    depresses_others = True
    depressing: ClassVar[tuple[float, ...]] = ()

    def __post_init__(self) -> None:
        """Check the range."""
        super().__post_init__()
        if not self.window >= 0:
            raise InputError(f"Stdp: window = {self.window} s must be >= 0")

    @property
    def potentiating(self) -> tuple[float, ...]:
        """Window of the single potentiation pulse."""
        return (self.window,)


@dataclass(frozen=True)
class PairStdp(Rule):
    """The exponential rule on pairs of nearest spikes (Bi & Poo 1998), in whole programming pulses.

    A neuron's spike gives its cells round(n_plus exp(-elapsed / tau_plus)) potentiation pulses, `elapsed` after the
    row's last spike; an input spike gives the cells of its row round(n_minus exp(-elapsed / tau_minus)) depression
    pulses, `elapsed` after their neuron's last spike.

    Attributes
    ----------
    n_plus, n_minus : float
        Pulses at no delay, >= 0.
    tau_plus, tau_minus : float
        s.
    """

    n_plus: float = 4.0
    n_minus: float = 2.0
    tau_plus: float = 40e-6
    tau_minus: float = 40e-6

    depresses_others = False

    def __post_init__(self) -> None:
        """Check ranges."""
        super().__post_init__()
        for field in ("n_plus", "n_minus"):
            if not 0 <= getattr(self, field) <= MOST_PULSES:
                raise InputError(f"PairStdp: {field} = {getattr(self, field)} must be in 0 .. {MOST_PULSES}")
        for field in ("tau_plus", "tau_minus"):
            if not 0 < getattr(self, field) < np.inf:
                raise InputError(f"PairStdp: {field} = {getattr(self, field)} s must be > 0 and finite")

    @property
    def potentiating(self) -> tuple[float, ...]:
        """Elapsed times at which round(n_plus exp(-elapsed / tau_plus)) falls below 1, 2, ..."""
        return self._windows(self.n_plus, self.tau_plus)

    @property
    def depressing(self) -> tuple[float, ...]:
        """Elapsed times at which round(n_minus exp(-elapsed / tau_minus)) falls below 1, 2, ..."""
        return self._windows(self.n_minus, self.tau_minus)

    @staticmethod
    def _windows(pulses: float, tau: float) -> tuple[float, ...]:
        return tuple(float(tau * np.log(pulses / (k - 0.5))) for k in range(1, int(pulses + 0.5) + 1))
