"""Conductances of the gate levels of a cell behind a transistor, and how long a pulse takes to get there.

A cell creeps to the voltage at which it stops, the slower the nearer: at a rate that goes with the third power of its
overdrive it is still a part u of its threshold away after a time that goes with 1 / u^2. So where a pulse ends depends
on where it begins, unless it is long. Levels are where one pulse takes a depressed cell, and pulses are so long that a
second one at the same gate would take it no further than half a level: a step up, from the level below, ends no further
from the level than that. Both are found on nominal cells, one a level.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hil.abilities import CellCircuit, Embedding
from hil.device import Unsupported

SHORTEST, DOUBLINGS = 20, 20
"""Width of a pulse that is tried first, in the cell's own pulses, and how often it is doubled where it is too short."""

CREEP = 0.5
"""What a second pulse at the same gate may move a cell that one has taken to its level, in levels."""

SEEN = 1e-3
"""Voltage at which conductances are found, over that of a potentiating pulse."""

Volts = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class GateLevels:
    """The search for the levels of one kind of cell.

    Attributes
    ----------
    cells : Embedding
        The array; it is not touched.
    circuit : callable
        The circuit of all cells from the voltages of rows, columns and gates.
    gates : (L,) array
        Gate voltages of the levels, V.
    gate_on : float
        Of depression, V.
    v_set, v_reset : float
        Pulses, V.
    """

    cells: Embedding
    circuit: Callable[[Volts, Volts, Volts], CellCircuit]
    gates: Volts
    gate_on: float
    v_set: float
    v_reset: float

    def found(self, own: float, given: float | None) -> tuple[float, NDArray[np.float64]]:
        """Width of pulses, s, and the (L,) conductances of the levels, S.

        Parameters
        ----------
        own : float
            Width of the cell's own pulses, s.
        given : float or None
            Width that the user asks for, s; None to find one.

        Raises
        ------
        Unsupported
            If the cell still creeps after the longest pulse that is tried.
        """
        with closing(self.cells.nominal(len(self.gates), 1)) as cells:
            pristine = cells.snapshot()
            width = given or SHORTEST * own
            once, again = self._from_depressed(cells, pristine, width)
            for _ in range(DOUBLINGS * (given is None)):
                if _creep(once, again) <= CREEP:
                    # Found on pieces of one long pulse, after a shorter depression; held against real ones.
                    once, again = self._from_depressed(cells, pristine, width)
                    if _creep(once, again) <= CREEP:
                        break
                width *= 2
                once, again = again, self._potentiated(cells, width)
        if given is None and _creep(once, again) > CREEP:
            raise Unsupported(
                f"after a potentiating pulse of {width:.3g} s a second one still moves a cell by "
                f"{_creep(once, again):.3g} gate levels: take fewer synapse.steps, or give synapse.width"
            )
        return width, once

    def _from_depressed(
        self, cells: Embedding, pristine: dict[str, NDArray[Any]], width: float
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        cells.restore(pristine)
        self._pulse(cells, 0.0, self.v_reset, np.full_like(self.gates, self.gate_on), width)
        return self._potentiated(cells, width), self._potentiated(cells, width)

    def _potentiated(self, cells: Embedding, width: float) -> NDArray[np.float64]:
        self._pulse(cells, self.v_set, 0.0, self.gates, width)
        v, i = self._solved(cells, SEEN * self.v_set, 0.0, np.full_like(self.gates, self.gate_on), 0.0)
        return (i / v)[:, 0]

    def _pulse(self, cells: Embedding, row: float, col: float, gates: Volts, width: float) -> None:
        self._solved(cells, row, col, gates, width)
        self._solved(cells, 0.0, 0.0, np.zeros_like(gates), width)

    def _solved(
        self, cells: Embedding, row: float, col: float, gates: Volts, duration: float
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        every = np.ones((len(gates), 1))
        return cells.embed(self.circuit(row * every, col * every, gates[:, None]), duration)


def _creep(once: NDArray[np.float64], again: NDArray[np.float64]) -> float:
    """How far a second pulse moves cells from their levels at most, in the smallest distance of two levels."""
    apart = np.diff(once)
    return float((again - once).max() / apart.min()) if (apart > 0).all() else np.inf
