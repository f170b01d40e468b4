"""A memristor between the two channels of a pulse-measure unit, as a Device."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack, suppress

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

from hil.device import Device, Response, Unsupported
from hil.limits import LimitError, Limits
from hil.waveform import Waveform
from instruments.link.clock import Clock
from instruments.link.errors import AbortedTrain, LinkError
from instruments.link.events import note, output_on
from instruments.plan import Plan
from instruments.pmu.segments import SHORTEST, STEP, PulseSegments, executions
from instruments.pmu.session import Pmu
from instruments.safety.limits import SafetyLimits
from instruments.safety.tally import Tally
from instruments.smu.session import Guard

PATIENCE = 5.0
"""Seconds that a test may take beyond its length."""


class PmuDevice(Device):
    """One cell on a pulse card: its row on channel 1, its column on channel 2, or on ground with one channel.

    With two channels the current is that of the column's channel, at its own voltage: a virtual ground with a level.

    A pulse card limits no current (`instruments.safety.unlimited`). With `threshold`, every excursion from 0 V is an
    execution of its own, measured on all its flats, and after the first whose current reached `i_max` nothing more is
    played; without, such a reading is marked, after the fact.
    """

    energy_note = "at the terminals of the instrument, with cables and contacts"
    parameters: BaseModel | None = None
    before_train: Callable[[], None] | None = None
    _time, _prepared = 0.0, False
    _guard: Guard | None = None

    def __init__(
        self, name: str, pmu: Pmu, safety: SafetyLimits, *, clock: Clock, rise: float, v_read: float,
        read_width: float | None, threshold: bool, guard: Callable[[], Guard] | None = None, line: object = None,
        forget: Callable[[], None] | None = None, tally: Tally | None = None,
    ) -> None:  # fmt: skip
        """Take over a session; nothing is set before the first waveform.

        Parameters
        ----------
        name : str
            What the user called it.
        pmu : Pmu
            The card.
        safety : SafetyLimits
            What the sample may be given.
        clock : Clock
            Passes the rests and the tests.
        rise : float
            Of every ramp, s.
        v_read, read_width : float
            Of a read, V and s; the shortest that the range measures if not given.
        threshold : bool
            Whether a current of `i_max` ends a waveform.
        guard : callable, optional
            Starts the watchdog.
        line : object, optional
            The link, for what is told to those who watch.
        forget, tally : optional
            Brings the cell back to the pristine state; counts pulses over sessions.
        """
        self.name, self.rows, self.cols, self.pmu, self.safety = name, 1, 1, pmu, safety
        self._clock, self._rise, self._threshold, self._line = clock, rise, threshold, line
        self._start_guard, self._forget, self._tally = guard, forget, tally
        self._pulses = 0 if tally is None else tally.so_far()
        self._closers: list[Callable[[], None]] = []
        if not 0 < v_read <= safety.ceiling:
            raise LimitError(f"{name}: v_read = {v_read:g} V must be > 0 and <= v_max = {safety.ceiling:g} V")
        if rise < SHORTEST or abs(rise / STEP - round(rise / STEP)) > 1e-6:
            raise LimitError(f"{name}: rise = {rise:g} s must be a multiple of {STEP:g} s, {SHORTEST:g} s at least")
        if safety.ceiling > 40:
            raise LimitError(f"v_max = {safety.ceiling:g} V: a 4225-PMU sources at most 40 V")
        self.read_voltage = v_read
        self.read_width = rise + np.ceil(pmu.narrowest / STEP) * STEP if read_width is None else read_width
        most = safety.ceiling
        self.limits = Limits(
            v_min=-most, v_max=most, v_cell=most, i_max=safety.i_max, width_min=rise + SHORTEST, time_step=STEP,
        )  # fmt: skip

    @property
    def identity(self) -> str:
        """What the instrument answered to ``*IDN?``."""
        return self.pmu.identity

    @property
    def time(self) -> float:
        """Device time in s, as waveforms say; what the instrument adds between executions is not in it."""
        return self._time

    def reset(self) -> None:
        """Bring the cell back to the pristine state, where there is a way: on a virtual bench there is."""
        self._require_open()
        if self._forget is None:
            raise Unsupported(f"{self.name}: a real sample cannot be brought back to the state it came in")
        self._forget()
        self._time = 0.0

    def explain(self, waveform: Waveform) -> list[str]:
        """Every message that would be sent for a waveform; nothing is sent. Raises `LimitError` as `apply` would."""
        self.limits.check(waveform)
        lines = [] if self._prepared else self.pmu.setup(self.safety.ceiling)
        for part in self._compiled(waveform)[0]:
            lines += [f"# {part.before:g} s at 0 V"] if part.before else []
            lines += self.pmu.messages(part) if len(part.time) else []
        return lines

    def also_close(self, closer: Callable[[], None]) -> None:
        """Call `closer` when the device has been closed; the last one first."""
        self._closers.append(closer)

    def _compiled(self, waveform: Waveform) -> tuple[list[PulseSegments], int]:
        """Executions of a waveform, held against every limit, and the pulses of the session after it."""
        found = executions(
            waveform, channels=self.pmu.channels, rise=self._rise, split=self._threshold,
            narrowest=self.pmu.narrowest,
        )  # fmt: skip
        if not len(waveform):
            return found, self._pulses
        rows, cols = waveform.rows[:, 0], waveform.cols[:, 0]
        # Between the two outputs going off one channel alone is on the cell: the largest of the three counts.
        worst = np.stack([rows - cols, rows, -cols])
        level = worst[np.abs(worst).argmax(axis=0), np.arange(len(rows))]
        return found, self.safety.check(Plan(level, waveform.duration, waveform.measure), self._pulses)

    def _play(self, waveform: Waveform) -> Response:
        found, pulses = self._compiled(waveform)
        answer = _Readings(waveform, self._time)
        if any(len(part.time) for part in found):
            self._pulses = pulses
            if self._tally is not None:
                self._tally.note(pulses)
        for k, part in enumerate(found):
            self._clock.wait(part.before)
            if not len(part.time):
                continue
            answer.add(part, *self._executed(part), self.safety.i_max)
            if self._threshold and answer.worst is not None:
                raise answer.cut_short(part, len(found) - k - 1, self.safety.i_max)
        self._time += waveform.total
        return answer.response()

    def _executed(self, part: PulseSegments) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Play one execution; cell voltages, currents into the column and times of its readings."""
        messages = self.pmu.messages(part)
        self._prepare()
        if self._guard is not None:
            self._guard.arm()
        try:
            for text in messages[:-1]:
                self.pmu.tell(text)
            if self.before_train is not None:
                self.before_train()
            note(self._line, output_on(self._pulses, self.safety.pulses_max))
            self.pmu.tell(messages[-1])
            self.pmu.wait(self._clock, float(part.time.sum()) + PATIENCE)
            self.pmu.switch_off()
        except BaseException:
            with suppress(LinkError):
                self.pmu.switch_off()
                self._rested()
            raise
        self._rested()
        count = int(part.measured.sum())
        first = self.pmu.readings(0, count)
        if self.pmu.channels == 1:
            return first[:, 0], first[:, 1], first[:, 2]
        second = self.pmu.readings(1, count)
        return first[:, 0] - second[:, 0], -second[:, 1], second[:, 2]

    def _rested(self) -> None:
        note(self._line, "output off")
        if self._guard is not None:
            self._guard.rest()

    def _prepare(self) -> None:
        if self._prepared:
            return
        if self._guard is None and self._start_guard is not None:
            self._guard = self._start_guard()
        for text in self.pmu.setup(self.safety.ceiling):
            self.pmu.tell(text)
        self._prepared = True

    def _release(self) -> None:
        with ExitStack() as stack:
            for closer in self._closers:
                stack.callback(closer)
            if self._guard is not None:
                stack.callback(self._guard.close)
            if self._prepared:
                with suppress(LinkError):
                    self.pmu.switch_off()
                    self._rested()


class _Readings:
    """Readings of all executions of one waveform."""

    def __init__(self, waveform: Waveform, began: float) -> None:
        self._waveform = waveform
        self._segments = np.flatnonzero(waveform.measure)
        self._place = {int(t): k for k, t in enumerate(self._segments)}
        self._time = began + np.cumsum(waveform.duration)[self._segments]
        shape = len(self._segments)
        self._currents, self._energy = np.zeros((shape, 1)), np.zeros(shape)
        self._tripped = np.zeros(shape, dtype=bool)
        self.worst: float | None = None

    def add(
        self, part: PulseSegments, voltage: NDArray[np.float64], current: NDArray[np.float64],
        time: NDArray[np.float64], i_max: float,
    ) -> None:  # fmt: skip
        """Take the readings of an execution."""
        for owner, v, i in zip(part.owner[part.measured], voltage, current, strict=True):
            if not abs(i) < i_max:
                self.worst = float(i)
            at = self._place.get(int(owner))
            if at is None:
                continue
            self._currents[at, 0] = i
            self._tripped[at] = not abs(i) < i_max
            self._energy[at] = abs(v * i) * self._waveform.duration[owner]

    def cut_short(self, part: PulseSegments, left: int, i_max: float) -> AbortedTrain:
        """Error that ends the waveform here."""
        last = int(part.owner.max())
        missing = self._segments > last
        self._currents[missing] = self._energy[missing] = np.nan
        assert self.worst is not None
        return AbortedTrain(
            f"{abs(self.worst):g} A up to segment {last}, i_max is {i_max:g} A and nothing limits it: {left} more "
            "excursions are left out (threshold)",
            self.worst,
            "row 0, column 0",
            self.response(),
        )

    def response(self) -> Response:
        """Everything so far."""
        charge = self._currents * self._waveform.duration[self._segments][:, None]
        return Response(self._segments, self._time, self._currents, charge, self._energy, self._tripped)
