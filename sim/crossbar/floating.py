"""A segment with floating lines: a circuit of sources at some lines, and of nothing at the others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sim.crossbar.coupled import Course, Held, Surroundings
from sim.crossbar.extrapolation import COLUMNS
from sim.network.branches import Branches
from sim.network.lines import line_voltages

if TYPE_CHECKING:
    from sim.crossbar.cells import CellArray

EVERY_COLUMN = 5, 5
"""Of the extrapolation table (`sim.crossbar.extrapolation`): as many as results have always been computed with."""


@dataclass(frozen=True, eq=False)
class FloatingLines:
    """Ideal sources on some lines of an array, none on the others; a `sim.crossbar.coupled.Surroundings`.

    Parameters
    ----------
    rows, cols : (R,) and (C,) arrays
        Driven voltages, V; NaN for a floating line.
    """

    rows: NDArray[np.float64]
    cols: NDArray[np.float64]
    stiff = False

    def hold(self, cells: Branches, /) -> Held:
        """Line voltages at the cells' present states."""
        if not (np.isnan(self.rows).any() or np.isnan(self.cols).any()):
            return Held(self.rows, self.cols)
        return Held(*line_voltages(cells, self.rows, self.cols))


def play_between(
    name: str,
    cells: CellArray,
    lines: Surroundings,
    duration: float,
    again: bool,
    measured: bool,
) -> tuple[NDArray[np.float64], float]:
    """Play one segment between lines whose voltages move with the cells: charge of the columns, C, and energy, J.

    `name` is what the user calls the array, for messages; `again` says whether the lines were driven like this before;
    without `measured`, all is 0.
    """
    columns = EVERY_COLUMN if isinstance(lines, FloatingLines) else COLUMNS
    course = Course(name, cells, lines, lines.hold(cells.branches()), measured, columns)
    followed = course.play(duration, again)
    return followed.charge, followed.energy
