"""What a controller of write-verify is: it chooses the next pulses of every cell from what earlier ones did."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from hil.grid import Grid
from hil.plugins import Registry
from hil.programming import Programming
from hil.writing.bursts import Bursts

Cells = NDArray[np.float64]
"""(R, C): one number a cell."""


@dataclass(frozen=True)
class Goal:
    """What write-verify wants of the cells of a device, and the pulses that it has for it.

    Attributes
    ----------
    target : (R, C) array
        Conductance, S; NaN for a cell that is left alone.
    pulses : Programming
        The full pulse of either sign, and the range of conductances.
    width_min : float
        Narrowest pulse, s.
    v_max : float
        Highest pulse, V, of either sign.
    tolerance : float
        Largest distance from the target that counts as reached, S.
    burst : int
        Most pulses of a cell between two verifications.
    grid : Grid
        Rounds to what the device can drive.
    """

    target: Cells
    pulses: Programming
    width_min: float
    v_max: float
    tolerance: float
    burst: int
    grid: Grid

    @property
    def span(self) -> float:
        """Width of the range of conductances, S."""
        return self.pulses.g_max - self.pulses.g_min

    def full(self, distance: Cells) -> Cells:
        """Voltage of the full pulse that takes each cell nearer, V."""
        return np.where(distance > 0, self.pulses.up, self.pulses.down)

    def turned(self) -> Goal:
        """The same with the other sign raising; a pulse of each sign keeps its height."""
        p = self.pulses
        pulses = replace(p, v_set=p.v_reset, v_reset=p.v_set, polarity=-p.polarity)
        return replace(self, pulses=pulses)

    def driven(self, bursts: Bursts) -> Iterator[tuple[int, int, NDArray[np.bool_]]]:
        """(index, sign, cells) of the cells whose pulses were to raise their conductance, and to lower it."""
        for k, sign in enumerate((1, -1)):
            yield k, sign, bursts.signed * sign * self.pulses.polarity > 0


class Controller(ABC):
    """Chooses pulses for all cells of an array at once; a subclass a way of choosing, found by `CONTROLLERS`.

    Attributes
    ----------
    coarse : bool
        Whether it has no pulse smaller than the full one, so that a cell may come no nearer than one pulse goes.
    kept : tuple of str
        Attributes, arrays all, in which it keeps what it has learned: they make up a checkpoint.
    """

    coarse: ClassVar[bool] = False
    kept: ClassVar[tuple[str, ...]] = ()

    def __init__(self, goal: Goal) -> None:
        """Begin without knowing what a pulse does."""
        self.goal = goal

    @abstractmethod
    def next(self, conductance: Cells, distance: Cells, left: NDArray[np.int64]) -> Bursts:
        """Choose the pulses up to the next verification.

        Parameters
        ----------
        conductance : (R, C) array
            What was read, S.
        distance : (R, C) array
            Target minus conductance, S; 0 for a cell that is left alone.
        left : (R, C) array of int
            Most pulses that a cell may still be given.
        """

    def learn(self, bursts: Bursts, change: Cells, noise: float) -> None:  # noqa: B027 - some have nothing to learn
        """Take note that `bursts` changed conductances by `change`, known to within `noise`, all in S."""

    def state(self) -> dict[str, NDArray[Any]]:
        """What has been learned, as arrays, for a checkpoint."""
        return {name: getattr(self, name).copy() for name in self.kept}

    def recall(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Return to what `state` gave."""
        for name in self.kept:
            setattr(self, name, state[name].copy())


CONTROLLERS: Registry[type[Controller]] = Registry("hil.controllers", "controller", base=f"{__name__}:Controller")
"""All controllers of all packages."""
