"""What the branches of a network carry: current and differential conductance at given voltages."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class Branches(Protocol):
    """What all branches of a network carry at the present states of its cells; results have the shape of the voltages.

    A branch is passive: its current rises with its voltage and is 0 at 0 V.
    """

    def current(self, v: NDArray[np.float64], /) -> NDArray[np.float64]:
        """Currents at the voltages `v` (V) from the plus to the minus ends, A."""

    def differential_conductance(self, v: NDArray[np.float64], /) -> NDArray[np.float64]:
        """Derivative of `current`, S."""


@dataclass(frozen=True, eq=False)
class Ohmic:
    """Branches that obey Ohm's law; their network is solved at once, without iterating.

    Parameters
    ----------
    conductance : array
        S, all > 0.
    """

    conductance: NDArray[np.float64]

    def current(self, v: NDArray[np.float64], /) -> NDArray[np.float64]:
        """Currents at the voltages `v`, A."""
        return self.conductance * v

    def differential_conductance(self, v: NDArray[np.float64], /) -> NDArray[np.float64]:
        """The conductance, whatever the voltage, S."""
        return self.conductance


@dataclass(frozen=True, eq=False)
class NonOhmic:
    """Branches given by two functions of their voltages, each an array in and an array of the same shape out.

    Parameters
    ----------
    current : callable
        Currents in A at voltages in V.
    differential_conductance : callable
        Its derivative, S.
    """

    current: Callable[[NDArray[np.float64]], NDArray[np.float64]]
    differential_conductance: Callable[[NDArray[np.float64]], NDArray[np.float64]]
