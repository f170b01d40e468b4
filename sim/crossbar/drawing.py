"""What a simulated array draws from its lines, and how long these take: told to the meter of a run (`hil.energy`)."""

from __future__ import annotations

from abc import abstractmethod

import numpy as np
from numpy.typing import NDArray

from hil.device import Device
from hil.energy.dissipation import MOST_SOLVED, Dissipation, ohmic, solved
from sim.cells.law import OhmicLaw
from sim.crossbar.around import Around
from sim.crossbar.cells import CellArray
from sim.crossbar.parameters import ArrayParameters
from sim.network.delay import ladder_delays


class DrawingArray(Device):
    """A device of simulated cells that knows what it draws.

    Attributes
    ----------
    parameters : ArrayParameters
        Size, wires and spread.
    array : CellArray
        The cells.
    around : Around
        Wires and selectors.
    """

    parameters: ArrayParameters
    array: CellArray
    around: Around

    @abstractmethod
    def _known_conductance(self) -> NDArray[np.float64]:
        """(rows, cols) conductances now, S, not to be written to."""

    @property
    def draws_plainly(self) -> bool:
        """Whether every cell draws what its own lines' voltages make it draw, in proportion to their square."""
        return self.parameters.plain and isinstance(self.array.law, OhmicLaw)

    def dissipation(
        self, duration: NDArray[np.float64], rows: NDArray[np.float64], cols: NDArray[np.float64]
    ) -> Dissipation:
        """Energies of segments, J, cells staying as they are now; see `hil.abilities.Dissipating`."""
        if self.draws_plainly and not np.isnan(rows).any() and not np.isnan(cols).any():
            return ohmic(self._known_conductance(), duration, rows, cols)
        branches = self.array.branches()

        def power(row: NDArray[np.float64], col: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
            held = self.around.lines(row, col, noting=False).hold(branches)
            v = held.of_cells()
            current = branches.current(v)
            return v * current, float(((held.rows[:, None] - held.cols) * current).sum())

        return solved(power, duration, rows, cols)

    def line_delay(self) -> float | None:
        """Elmore delay of the slowest row and the slowest column together, s; None where they have no capacitance."""
        p, wires = self.parameters, self.parameters.wires()
        row, col = p.capacitances()
        if wires is None or not (row or col):
            return None
        along = ladder_delays(self.cols, row, wires.row, wires.row_end, wires.row_far)
        down = ladder_delays(self.rows, col, wires.column, wires.column_end, wires.column_far)
        return float(along.max() + down.max())

    def line_capacitance(self) -> tuple[float, float]:
        """Of a whole row, and of a whole column, F."""
        row, col = self.parameters.capacitances()
        return self.cols * row, self.rows * col

    def _note_reads(self, v: NDArray[np.float64], reverse: bool = False) -> None:
        """Tell the meter of reads, (B, driven lines) V, that take no device time."""
        if self.meter is not None:
            sensed = self.rows if reverse else self.cols
            silent = np.zeros((len(v), sensed))
            rows, cols = (silent, v) if reverse else (v, silent)
            self.meter.looked(self, rows, cols, sensed)

    def _note_rows(self, rows: NDArray[np.int64], v: float) -> None:
        """Tell the meter of reads at `v` V of rows one after the other, which take no device time."""
        if self.meter is None or not len(rows):
            return
        silent = np.zeros(self.cols)
        if self.draws_plainly:
            scan = v * np.sqrt(np.bincount(rows, minlength=self.rows))
            self.meter.looked(self, scan[None], silent[None], self.cols, looks=len(rows))
            return
        few = rows[np.unique(np.linspace(0, len(rows) - 1, MOST_SOLVED).astype(int))]
        scans = np.where(np.arange(self.rows) == few[:, None], v, 0.0)
        wide = np.broadcast_to(silent, (len(few), self.cols))
        self.meter.looked(self, scans, wide, self.cols, looks=len(rows), factor=len(rows) / len(few))
