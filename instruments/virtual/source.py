"""A source channel: output, level, compliance, ranges, and what it does to the device under test in virtual time.

An output that is off leaves its terminals open, whatever the output-off mode says: for the cells that is rest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import NamedTuple

import numpy as np

from instruments.virtual.dut import Dut, Played
from instruments.virtual.network import PortDrive

OVERFLOW = 9.9e37
"""What an instrument answers for a current beyond its measure range (SCPI-99 vol. 1, 7.2.1.4)."""


@dataclass(frozen=True)
class Capability:
    """What the source of a model can do.

    Attributes
    ----------
    v_ranges, i_ranges : tuple of float
        Full scales, ascending, V and A.
    over : float
        How far beyond full scale it sources and measures, as a factor.
    i_min : float
        Smallest current limit, A.
    """

    v_ranges: tuple[float, ...]
    i_ranges: tuple[float, ...]
    over: float
    i_min: float

    @property
    def v_max(self) -> float:
        """Largest source voltage, V."""
        return self.v_ranges[-1] * self.over

    @property
    def i_max(self) -> float:
        """Largest current limit, A."""
        return self.i_ranges[-1] * self.over

    def v_range(self, value: float) -> float:
        """Smallest voltage range that holds a value, V."""
        return _range(self.v_ranges, value, self.over)

    def i_range(self, value: float) -> float:
        """Smallest current range that holds a value, A."""
        return _range(self.i_ranges, value, self.over)


def _range(ranges: Sequence[float], value: float, over: float) -> float:
    return next((r for r in ranges if abs(value) <= r * over * (1 + 1e-9)), ranges[-1])


class SmuReading(NamedTuple):
    """One measurement.

    Attributes
    ----------
    time : float
        Virtual time at its end, s.
    source : float
        Voltage that was set, V.
    voltage : float
        Voltage at the terminals, V.
    current : float
        A, `OVERFLOW` beyond the measure range.
    tripped : bool
        Whether the source was at its current limit.
    """

    time: float
    source: float
    voltage: float
    current: float
    tripped: bool

    @property
    def overflow(self) -> bool:
        """Whether the measure range was too small."""
        return self.current == OVERFLOW


class Channel:
    """One source-measure channel on a port of the device under test.

    Parameters
    ----------
    dut : Dut
        What is at the terminals.
    port : str
        Which of its ports.
    capability : Capability
        What the model can do.
    settling : float
        How long a level is held before the next message can act, s: the time a host needs for a pulse edge.

    Attributes
    ----------
    level : float
        Source voltage, V.
    compliance : float
        Current limit, A.
    v_range, i_range : float or None
        Fixed source and measure range (V, A); None while the range is automatic.
    four_wire : bool
        Remote sensing.
    nplc : float
        Integration time in power line cycles.
    tripped : bool
        Whether the latest step was at the current limit.
    v_clamp : float
        Over-voltage protection: the output never goes beyond it, V.
    stuck : bool
        Fault: the output cannot be switched off.
    """

    def __init__(self, dut: Dut, port: str, capability: Capability, settling: float = 1e-3) -> None:
        """Start with the output off at 0 V."""
        self.dut, self.port, self.capability, self.settling = dut, port, capability, settling
        self._on, self.stuck = False, False
        self.compliance, self.v_clamp = 0.0, np.inf
        self.restore_defaults(capability.i_max)

    def restore_defaults(self, compliance: float) -> None:
        """Output off, 0 V, automatic ranges, `compliance` A."""
        self.switch(False)
        self.level, self.compliance = 0.0, compliance
        self.v_clamp = np.inf
        self.v_range: float | None = None
        self.i_range: float | None = None
        self.four_wire, self.nplc, self.tripped = False, 1.0, False
        self._stand()

    @property
    def output(self) -> bool:
        """Whether the output is on."""
        return self._on

    @property
    def clock(self) -> float:
        """Virtual time, s."""
        return self.dut.clock

    @property
    def drive(self) -> PortDrive:
        """What the channel does to its port while the output is on."""
        return PortDrive(max(-self.v_clamp, min(self.level, self.v_clamp)), self.compliance, self.four_wire)

    def switch(self, on: bool, *, settle: bool = True) -> None:
        """Output on or off; off has no effect where it is stuck. A trigger model does not `settle`: it goes on."""
        was, self._on = self._on, on or (self._on and self.stuck)
        self._stand()
        if was and not self._on:
            self.dut.let_go()
        if settle and self._on and not was:
            self.hold(self.settling)

    def move_to(self, port: str) -> None:
        """Output off, and other terminals: from now on the channel is on this port of the device under test."""
        self._on = False
        self._stand()
        self.port = port

    def set_level(self, level: float, *, settle: bool = True) -> None:
        """Another source voltage, V; with the output on it acts at once, and time passes for a host's message."""
        self.level = level
        self._stand()
        if settle:
            self.refresh()

    def refresh(self) -> None:
        """Let changed settings act; with the output on this takes the settling time."""
        self._stand()
        if self._on:
            self.hold(self.settling)

    def hold(self, seconds: float) -> None:
        """Let time pass at the present level."""
        if seconds <= 0:
            return
        if self._on:
            self.play([self.level], [seconds], [False])
        else:
            self.dut.advance(seconds)

    def measure(self, seconds: float) -> SmuReading:
        """Hold the level for `seconds`, then read; with the output off there is no current."""
        if self._on:
            return self.play([self.level], [seconds], [True])[0]
        self.dut.advance(seconds)
        return SmuReading(self.clock, self.level, 0.0, self.dut.measured(0.0), False)

    def play(self, level: Sequence[float], duration: Sequence[float], measure: Sequence[bool]) -> list[SmuReading]:
        """Play steps with the output on; readings at the end of the measured ones. The last level stays."""
        start = self.clock
        limited = level if np.isinf(self.v_clamp) else np.clip(level, -self.v_clamp, self.v_clamp)
        played = self.dut.play(
            limited, duration, compliance=self.compliance, port=self.port, four_wire=self.four_wire
        )  # fmt: skip
        return self.finish(level, duration, measure, played, start, float(level[-1]))

    def finish(
        self, level: Sequence[float], duration: Sequence[float], measure: Sequence[bool], played: Played | None,
        start: float, last: float,
    ) -> list[SmuReading]:  # fmt: skip
        """Take over what was played on the port from time `start` on: readings, and the level that stays.

        `played` is None where the output was off: no voltage, no current.
        """
        self.level = last
        self._stand()
        self.tripped = played is not None and len(duration) > 0 and bool(played.tripped[-1])
        taken, ends = [], list(accumulate(duration))
        for k, wanted in enumerate(measure):
            if not wanted:
                continue
            voltage, current, tripped = (
                (0.0, self.dut.measured(0.0), False)
                if played is None
                else (float(played.voltage[k]), float(played.current[k]), bool(played.tripped[k]))
            )
            taken.append(SmuReading(float(start + ends[k]), float(level[k]), voltage, self.ranged(current), tripped))
        return taken

    def ranged(self, current: float) -> float:
        """What the measure range makes of a current."""
        if self.i_range is not None and abs(current) > self.i_range * self.capability.over * (1 + 1e-9):
            return OVERFLOW
        return current

    def shows_range(self, kind: str) -> float:
        """Range in use, fixed or automatic: `kind` is ``v`` or ``i``."""
        fixed = getattr(self, f"{kind}_range")
        if fixed is not None:
            return fixed
        return self.capability.v_range(self.level) if kind == "v" else self.capability.i_range(self.compliance)

    def _stand(self) -> None:
        self.dut.port(self.port).rail = min(self.v_clamp, self.capability.v_max)
        if self._on:
            self.dut.standing[self.port] = self.drive
        else:
            self.dut.standing.pop(self.port, None)
