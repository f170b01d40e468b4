"""A memristor between two channels of one instrument, or a small crossbar that both drive through a matrix."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray

from hil.waveform import Waveform
from instruments.device import HOST_REST, SmuDevice
from instruments.link.errors import ContactError
from instruments.pairing import pair_passages
from instruments.plan import PairPlan
from instruments.smu.driver import Readings
from instruments.smu.session import Script
from instruments.wiring import ALL, Passage, Wiring

LEAK = 0.05
"""Part of a row's current that may flow elsewhere than into its column before a contact counts as leaking."""


class PairDevice(SmuDevice):
    """Two different voltages at once: HI of channel 1 on rows, HI of channel 2 on columns, both LO joined.

    A single cell sees the difference of the channels; its column is held by channel 2 at 0 V as well, a virtual
    ground that measures what really flows into the column. In a crossbar, all lines at one voltage are on one channel's
    HI, so V/2 schemes can be driven, and a cell is read with its row on channel 1, its column on channel 2 and all
    other lines on LO: without sneak paths, one read a cell.

    Attributes
    ----------
    leakage : float
        Largest difference so far of what left channel 1 and what came into channel 2 of a single cell, A.
    """

    channels, leakage = 2, 0.0

    def check_contact(self, floor: float) -> None:
        """As for one channel; and what leaves the row of a single cell must come into its column.

        Raises
        ------
        ContactError
            If a contact is open, short, or leaks.
        """
        self.leakage = 0.0
        super().check_contact(floor)
        read = float(self.read()[0, 0]) * self.read_voltage if self.cells == (1, 1) else np.inf
        if self.leakage > max(LEAK * read, floor):
            raise ContactError(
                f"{self.leakage:g} A of {read:g} A at {self.read_voltage:g} V do not flow from row to column: one of "
                "them has contact with something else"
            )

    def read_plan(self, channel: int = 0) -> PairPlan:
        """One read of a single cell, driven by channel 1 (0), or by channel 2 (1) with the other sign."""
        level = [0.0, -self.read_voltage] if channel else [self.read_voltage, 0.0]
        return self._playable(PairPlan([level], [self.read_width], [[True, True]]))

    def _passages(self, waveform: Waveform) -> list[Passage]:
        return pair_passages(
            waveform, serial=self._serial, gaps=self._gaps, host_rest=HOST_REST, playable=self._playable
        )

    def _playable(self, plan: PairPlan) -> PairPlan:
        return self.smu.driver.reads(plan, self.smu.settings)

    def _pass(self, passage: Passage, script: Script | None, announce: Callable[[], None] | None = None) -> Readings:
        readings = super()._pass(passage, script, announce)
        return readings if script is None else self._columns(passage, script, readings)

    def _columns(self, passage: Passage, script: Script, both: Readings) -> Readings:
        """Currents of the columns, and voltages and power of the sample, from the readings of both channels."""
        plan = script.plan
        assert isinstance(plan, PairPlan)
        measure = plan.measure[plan.measured]
        weights = np.array([reading.weights for reading in passage.readings], dtype=float).reshape(-1, 2)
        parts = np.where(weights != 0, weights * both.current, 0.0)
        voltage = both.voltage[:, 0] - both.voltage[:, 1]
        current = parts.sum(axis=1)
        power = np.abs(voltage * current)
        if passage.wiring is not None:
            power = np.abs(np.where(measure, both.voltage * both.current, 0.0).sum(axis=1))
            several = np.array([reading.col == ALL for reading in passage.readings], dtype=bool)
            voltage = np.where(several & (both.voltage[:, 0] == 0), both.voltage[:, 1], both.voltage[:, 0])
        elif measure.all(axis=1).any():
            off = np.abs(both.current.sum(axis=1))[measure.all(axis=1) & ~both.tripped.any(axis=1)]
            self.leakage = max(self.leakage, float(np.nanmax(off, initial=0.0)))
        tripped = np.logical_or(both.tripped[:, 0], both.tripped[:, 1])
        return Readings(current, voltage, both.time, tripped, both.stamps, power)

    def _conductances(self, passage: Passage) -> Callable[[Wiring], NDArray[np.float64]]:
        return partial(self._by_column, passage)

    def _by_column(self, passage: Passage, wiring: Wiring) -> NDArray[np.float64]:
        """Current out of the array into every column per volt, (cols,), S, with the lines driven as at the end."""
        assert isinstance(passage.plan, PairPlan)
        high = wiring.high if passage.plan.level[-1, 0] else wiring.second
        v = self.read_voltage
        return np.array([self._column_current(set(high), c, v) for c in range(self.cols)]) / v

    def _read_cells(self, rows: list[int], cols: list[int], v: float) -> NDArray[np.float64]:
        """Conductances (len(rows), len(cols)), S: each cell alone between the channels, all other lines on LO."""
        cells = [(r, c) for r in rows for c in cols]
        self._time += len(cells) * self.read_width
        read = [self._column_current({r}, c, v, (r, c)) / v for r, c in cells]
        return np.array(read).reshape(len(rows), len(cols))

    def _column_current(self, high: set[int], col: int, v: float, cell: tuple[int, int] | None = None) -> float:
        """Current out of the array into a column, A, with some lines at `v` volts and all others at 0 V."""
        column = self.rows + col
        lines = range(self.rows + self.cols)
        first = tuple(sorted(high - {column}))
        low = tuple(k for k in lines if k not in (*first, column))
        wiring = None if self._router is None else Wiring(first, low, (column,))
        level = [[v if first else 0.0, v if column in high else 0.0]]
        plan = self._playable(PairPlan(level, [self.read_width], [[True, True]]))
        (script,) = self.smu.compile([plan])
        readings = super()._pass(Passage(wiring, 0.0, plan, (), 0), script)
        if wiring is None:
            self.leakage = max(self.leakage, abs(float(readings.current[0].sum())))
        current = -float(readings.current[0, 1])
        if readings.tripped[0, 1] or not abs(current) < self.limits.i_max:
            place = f"column {col}" if cell is None else f"row {cell[0]}, column {cell[1]}"
            self._refuse_clipped(current, v, place)
        if readings.tripped[0, 0]:
            self._refuse_clipped(float(readings.current[0, 0]), v, f"lines at {v:g} V")
        return current
