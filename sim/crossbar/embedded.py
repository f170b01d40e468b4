"""Cells in circuits of their own, such as each behind a transistor, instead of between the lines of a crossbar."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hil.abilities import CellCircuit
from hil.device import Unsupported
from hil.limits import LimitError
from sim.crossbar.coupled import Course, Held
from sim.network.branches import Branches

if TYPE_CHECKING:
    from sim.crossbar.array import SimulatedArray


@dataclass(frozen=True, eq=False)
class OwnCircuits:
    """A `CellCircuit` as the surroundings of an array; a `sim.crossbar.coupled.Surroundings`.

    Attributes
    ----------
    name : str
        Of the array, for messages.
    circuit : CellCircuit
    cells : (int, int)
        Rows and columns of the array.
    v_cell : float
        Largest voltage across a cell, V.
    """

    name: str
    circuit: CellCircuit
    cells: tuple[int, int]
    v_cell: float
    stiff = False

    def hold(self, cells: Branches, /) -> Held:
        """Voltages of the cells at their present states; no line has any."""
        v = np.ascontiguousarray(self.circuit.across(cells), np.float64)
        if v.shape != self.cells or not (np.abs(v) <= self.v_cell * (1 + 1e-12)).all():
            worst = float(np.abs(v).max(initial=0.0))
            raise LimitError(f"{self.name}: a circuit puts {worst:g} V on a cell, {self.v_cell:g} V are allowed")
        return Held(np.zeros(v.shape[0]), np.zeros(v.shape[1]), (), v)


def require_embeddable(array: SimulatedArray) -> None:
    """Raise `Unsupported` where cells would not do in a circuit of their own what they do in a crossbar."""
    if array.law.jumps:
        raise Unsupported(
            f"{array.name}: its cells move a step a pulse, whatever the current: a circuit around them changes nothing"
        )
    if array.wires is not None:
        raise Unsupported(
            f"{array.name}: r_wire is for the lines of a crossbar, and cells in circuits have none: set 0"
        )
    if array.parameters.selector is not None:
        raise Unsupported(f"{array.name}: a cell in a circuit of its own needs no selector: take selector away")
    if array.array.spread is not None:
        raise Unsupported(f"{array.name}: c2c is drawn for pulses on lines, not in circuits around cells: set c2c=0")
    if array.array.history is not None:
        raise Unsupported(
            f"{array.name}: drift, relax, levels, write_noise and endurance are of cells that are pulsed on lines, not "
            "in circuits around cells: leave them out"
        )


def embedded(
    array: SimulatedArray, circuit: CellCircuit, duration: float, measured: bool
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Let time pass, from rest to rest: voltages (V) and currents (A) of all cells at the end, (rows, cols) each.

    Where `measured`, cells fluctuate then as they do for every reading.
    """
    around = OwnCircuits(array.name, circuit, array.cells, array.limits.v_cell)
    array.array.rest()
    held = around.hold(array.array.branches())
    if duration > 0:
        Course(array.name, array.array, around, held).play(duration, False)
        array.array.time += duration
    cells = array.array.branches(measured=measured)
    held = around.hold(cells)
    current = cells.current(held.of_cells())
    array.array.rest()
    return held.of_cells(), current
