"""The emulator of FLCA memristors as a `Device`: doses of flux, and conductances from a table of the memristance."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gateware.device import READ_VOLTAGE, READ_WIDTH, FpgaDevice, MeasuredSegment
from gateware.geometry import SLOWEST
from gateware.model import FlcaScale
from gateware.protocol import Space
from hil.device import Unsupported
from hil.limits import Limits
from hil.waveform import Waveform
from sim.cells.dose import flux_doses
from sim.cells.memristance import memristance_table


class FlcaDevice(FpgaDevice):
    """An emulator of non-volatile FLCA memristors (eq 4): one closed-form step a segment, in integers.

    Voltages are multiples of ``limits.v_step``. A segment moves the flux by a whole number of ``scale.phi_step``; it is
    wrong by half of one, and by what rounding its two coefficients to integers makes out (docs/emulator.md).
    """

    scale: FlcaScale

    @property
    def _pristine(self) -> int:
        return round(self.parameters.phi0 / self.scale.phi_step)

    def reset(self) -> None:
        """Pristine cells at time 0."""
        super().reset()
        self._codes = np.zeros(self.rows, np.int64), np.zeros(self.cols, np.int64)
        self.client.write_memory(Space.DRIVE, 0, self._codes[0])
        self.client.write_memory(Space.COLUMNS, 0, self._codes[1])

    def place_columns(self, place: NDArray[np.int64]) -> None:
        """Lay the columns out anew."""
        raise Unsupported(f"{self.name}: columns are laid out for neurons, and an emulator of FLCA cells has none")

    def _load(self) -> None:
        p, steps = self.parameters, (1 << 15) - 1
        self.scale = FlcaScale(p.A, p.D, p.phi_max, self.geometry.state_bits, p.v_step)
        shortest, longest = self.scale.widths()
        reach = steps * p.v_step
        self.limits = Limits(-reach, reach, 2 * reach, width_min=shortest, width_max=longest, v_step=p.v_step)
        self.read_voltage = max(1, round(READ_VOLTAGE / p.v_step)) * p.v_step
        self.read_width = max(READ_WIDTH, shortest)

    def _restore(self, state: dict[str, NDArray[Any]]) -> None:
        """Nothing but states: a voltage acts in its own segment alone."""

    def _conductance_of(self, states: NDArray[np.float64]) -> NDArray[np.float64]:
        return 1.0 / memristance_table(self.parameters.R, states * self.scale.phi_step)

    def _segments(self, waveform: Waveform) -> list[MeasuredSegment]:
        rows, cols = (np.rint(v / self.scale.v_step).astype(np.int64) for v in (waveform.rows, waveform.cols))
        level = np.where(rows.min(axis=1) == rows.max(axis=1), rows[:, 0], 1 << 20)
        at_rest = (cols == level[:, None]).all(axis=1)
        seen = []
        for t, duration in enumerate(waveform.duration):
            start = self.states.astype(np.float64) if waveform.measure[t] else None
            if not at_rest[t]:
                self._step(float(duration), rows[t], cols[t])
            if start is not None:
                v = waveform.rows[t][:, None] - waveform.cols[t][None, :]
                seen.append(self._watched(float(duration), start, v))
        return seen

    def _step(self, duration: float, rows: NDArray[np.int64], cols: NDArray[np.int64]) -> None:
        for space, codes, sent in zip((Space.DRIVE, Space.COLUMNS), (rows, cols), self._codes, strict=True):
            fresh = np.flatnonzero(codes != sent)
            if len(fresh):
                part = slice(fresh[0], fresh[-1] + 1)
                self.client.write_memory(space, int(fresh[0]), codes[part])
                sent[part] = codes[part]
        g = self.geometry
        self.client.segment(*self.scale.coefficients(duration), patience=SLOWEST * g.words / g.clock)
        self.changed()

    def _watched(self, duration: float, start: NDArray[np.float64], v: NDArray[np.float64]) -> MeasuredSegment:
        """What the cells showed from `start` to the states of now, along the closed form.

        The speed is that of the states' own difference, but the model's where a state ended at a bound.
        """
        p, end = self.parameters, self.states.astype(np.float64)
        high = self.scale.phi_max
        before, after = start * self.scale.phi_step, end * self.scale.phi_step
        speed = (after - before) / self.scale.tau(duration)
        met = (end == 0) | (after >= high)
        speed = np.where(met & (end != start), p.A * v - p.D * before, speed)
        return MeasuredSegment(self._conductances(), flux_doses(p.R, before, speed, p.D, duration, 0.0, high))
