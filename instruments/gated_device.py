"""A memristor in series with a transistor (1T1R): channel 1 drives both, channel 2 the gate."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from hil.device import Response
from hil.waveform import Waveform
from instruments.device import SmuDevice
from instruments.link.errors import ComplianceError
from instruments.plan import PairPlan, Plan
from instruments.smu.driver import Readings
from instruments.smu.session import Script
from instruments.wiring import Passage


@dataclass(frozen=True)
class Gating:
    """Gate voltages, V: of the first positive pulse, what each further one adds, of reads and negative pulses."""

    first: float
    step: float
    on: float


class GatedDevice(SmuDevice):
    """One cell behind a transistor: the gate's voltage limits the current, and so where potentiation ends.

    The gate is driven in the same steps as the cell, and is at 0 V with it. Reads and negative (depressing) pulses have
    the gate fully on. A positive pulse has the gate at ``first + n step``, with n the positive pulses since the last
    negative one: so a train of positive pulses potentiates by gate steps.

    Attributes
    ----------
    gating : Gating
        Gate voltages.
    raised : int
        Positive pulses since the last negative one.
    """

    gating: Gating
    raised = 0

    def reset(self) -> None:
        """As `SmuDevice.reset`; gate steps begin anew."""
        super().reset()
        self.raised = 0

    def gate(self, level: NDArray[np.float64], raised: int) -> tuple[NDArray[np.float64], int]:
        """(T,) gate voltages for the cell's `level`, V, and how often the gate will have been raised after it."""
        gate, before = np.zeros(len(level)), 0.0
        for k, v in enumerate(level.tolist()):
            read = abs(v) <= self.smu.safety.v_read * (1 + 1e-9)
            if v > 0 and not read:
                raised += v != before
                gate[k] = self.gating.first + (raised - 1) * self.gating.step
            elif v:
                gate[k] = self.gating.on
                raised = raised if read else 0
            before = v
        return gate, raised

    def _play(self, waveform: Waveform) -> Response:
        response = super()._play(waveform)
        self.raised = self.gate(waveform.rows[:, 0] - waveform.cols[:, 0], self.raised)[1]
        return response

    def _passages(self, waveform: Waveform) -> list[Passage]:
        found, raised = [], self.raised
        for passage in super()._passages(waveform):
            if isinstance(passage.plan, Plan):
                plan = passage.plan
                gate, raised = self.gate(plan.level, raised)
                passage = replace(passage, plan=_gated(plan, gate))
            found.append(passage)
        return found

    def _pass(self, passage: Passage, script: Script | None, announce: Callable[[], None] | None = None) -> Readings:
        readings = super()._pass(passage, script, announce)
        if script is None or readings.current.ndim == 1:
            return readings
        if readings.tripped[:, 1].any():
            current = float(readings.current[readings.tripped[:, 1], 1][0])
            raise ComplianceError(f"the gate draws {current:g} A, its limit i_gate: its oxide leaks", current, "gate")
        voltage, current_1 = readings.voltage[:, 0], readings.current[:, 0]
        return Readings(current_1, voltage, readings.time, readings.tripped[:, 0], readings.stamps)

    def _cut(self, high: set[int], v: float, cell: tuple[int, int] | None = None) -> float:
        """Current of a read with the gate on, A."""
        plan = PairPlan([[v, self.gating.on]], [self.read_width], [[True, True]])
        (script,) = self.smu.compile([plan])
        readings = self._pass(Passage(None, 0.0, plan, (), 0), script)
        current = float(readings.current[0])
        if readings.tripped[0] or not abs(current) < self.limits.i_max:
            self._refuse_clipped(current, v, "row 0, column 0")
        return current


def _gated(plan: Plan, gate: NDArray[np.float64]) -> PairPlan:
    """The plan with the gate beside it; a leaking gate is told where the cell is measured."""
    return PairPlan(np.column_stack([plan.level, gate]), plan.duration, np.repeat(plan.measure[:, None], 2, axis=1))
