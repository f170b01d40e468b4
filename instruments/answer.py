"""Collects the readings of all trains that one waveform was split into, and makes a `hil.device.Response` of them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from hil.device import Response
from hil.waveform import Waveform
from instruments.link.errors import AbortedTrain, ComplianceError
from instruments.smu.driver import Readings
from instruments.wiring import ALL, NOBODY, Passage, Wiring


class Answer:
    """The readings of one waveform so far: currents, energies, times and compliance flags, filled in train by train.

    Times are the instrument's own, counted from where the train begins in the waveform. Voltages are those that were
    programmed; where the compliance limited the current, the sample had less, so the energy is not known, and NaN.
    """

    def __init__(self, waveform: Waveform, cols: int, began: float, i_max: float) -> None:
        """Begin with nothing played; `began` is the device time in s, `i_max` the compliance in A."""
        self.segments = np.flatnonzero(waveform.measure)
        self._duration = waveform.duration
        self._place = {int(t): k for k, t in enumerate(self.segments)}
        self._began, self._i_max = began, i_max
        self._time = began + np.cumsum(waveform.duration)[self.segments]
        self._currents = np.zeros((len(self.segments), cols))
        self._energy = np.zeros(len(self.segments))
        self._tripped = np.zeros(len(self.segments), dtype=bool)

    def add(
        self,
        passage: Passage,
        readings: Readings,
        start: float,
        conductances: Callable[[Wiring], NDArray[np.float64]],
    ) -> None:
        """Take the readings of a train that begins `start` s after the waveform.

        Parameters
        ----------
        passage : Passage
            What was played.
        readings : Readings
            One for every measured step.
        start : float
            s.
        conductances : callable
            Gives (C,) S from HI to every column at a `Wiring`, from reads of the cells.
        """
        for k, where in enumerate(passage.readings):
            if where.segment == NOBODY:
                continue
            at, current = self._place[where.segment], readings.current[k]
            tripped = bool(readings.tripped[k]) or not abs(current) < self._i_max
            if where.col == ALL:
                assert passage.wiring is not None
                tripped = self._by_columns(at, passage.wiring, float(readings.voltage[k]), tripped, conductances)
            else:
                self._currents[at, where.col] = where.sign * current
            power = abs(readings.voltage[k] * current) if readings.power is None else readings.power[k]
            power = np.nan if tripped else power
            self._energy[at] += power * self._duration[where.segment]
            self._tripped[at] |= tripped
            self._time[at] = self._began + start + readings.time[k]

    def _by_columns(
        self,
        at: int,
        wiring: Wiring,
        voltage: float,
        tripped: bool,
        conductances: Callable[[Wiring], NDArray[np.float64]],
    ) -> bool:
        """Tell the columns' currents apart; True, and NaN, where a compliance keeps them from being known."""
        self._currents[at] = np.nan
        if tripped:
            return True
        try:
            self._currents[at] = voltage * conductances(wiring)
        except ComplianceError:
            return True
        return False

    def cut_short(self, passage: Passage, readings: Readings, left: int) -> AbortedTrain:
        """Error that ends a waveform with this train, with `left` trains left out: their segments are NaN."""
        assert passage.plan is not None
        first = passage.first + len(passage.plan)
        missing = self.segments >= first
        self._currents[missing] = self._energy[missing] = np.nan
        return AbortedTrain(
            f"the compliance, {self._i_max:g} A, was reached in segments {passage.first} to {first - 1} of the "
            f"waveform: the output is off, and {left} more excursions from 0 V are left out (abort_on_compliance)",
            float(readings.current[readings.tripped][0]),
            "the driven cells",
            self.response(),
        )

    def response(self) -> Response:
        """Everything so far."""
        charge = self._currents * self._duration[self.segments][:, None]
        return Response(self.segments, self._time, self._currents, charge, self._energy, self._tripped)
