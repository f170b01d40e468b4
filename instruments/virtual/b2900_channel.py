"""One channel of a B2900A: its settings, and what its triggers make the source do."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from instruments.virtual.source import Channel, SmuReading

PULSE_MIN, PULSE_MAX = 50e-6, 1e5
"""Pulse widths, s (UG 6-7)."""


class Unit:
    """One channel with its list, pulse and trigger settings."""

    def __init__(self, channel: Channel) -> None:
        """Start with the defaults."""
        self.channel = channel
        self.reset()

    def reset(self) -> None:
        """Defaults of ``*RST``: 0 V, 100 uA, one trigger, automatic output on."""
        self.channel.restore_defaults(1e-4)
        self.triggered, self.mode, self.shape = 0.0, "FIX", "DC"
        self.list, self.start, self.stop, self.points = [0.0], 0.0, 0.0, 1
        self.pulse_delay, self.pulse_width, self.continuous = 0.0, PULSE_MIN, False
        self.on_auto, self.off_auto, self.off_mode, self.protect = True, False, "NORM", False
        self.sense_wait, self.source_wait, self.function, self.source_function = True, True, "CURR", "VOLT"
        self.source, self.period, self.count, self.delay = {}, {}, {}, {}
        for action in ("TRAN", "ACQ"):
            self.source[action], self.period[action] = "AINT", 1e-5
            self.count[action], self.delay[action] = 1, 0.0
        self.readings: list[SmuReading] = []

    def levels(self, count: int) -> list[float]:
        """Source value of every trigger."""
        if self.mode == "FIX":
            values = [self.triggered if self.shape == "PULS" else self.channel.level]
        elif self.mode == "LIST":
            values = self.list
        else:
            values = np.linspace(self.start, self.stop, self.points).tolist()
        return [values[k % len(values)] for k in range(count)]


def steps(unit: Unit, aperture: float, actions: Sequence[str]) -> list[tuple[float, float, bool]]:
    """Steps (level, length, measured) of one channel's run; `aperture` is the length of a measurement, s."""
    count = max(unit.count[action] for action in actions)
    moving = "TRAN" in actions
    levels = unit.levels(unit.count["TRAN"]) if moving else []
    base, found = unit.channel.level, []
    pulsed = unit.shape == "PULS" and moving
    held = base
    for k in range(count):
        period = max(unit.period[a] if unit.source[a] == "TIM" and k < unit.count[a] else 0.0 for a in actions)
        measured = "ACQ" in actions and k < unit.count["ACQ"]
        read_at = unit.delay["ACQ"] + aperture if measured else 0.0
        held = base if pulsed else held
        # Edges within this trigger: the source moves, a pulse ends, a reading ends.
        edges = [(0.0, "start")]
        if moving and k < len(levels):
            moved = unit.delay["TRAN"] + (unit.pulse_delay if pulsed else 0.0)
            edges += [(moved, "move")] + ([(moved + unit.pulse_width, "back")] if pulsed else [])
        if measured:
            edges.append((read_at, "read"))
        last_of_all = k == count - 1
        end = max(edges[-1][0], *(t for t, _ in edges), 0.0 if last_of_all and (pulsed or measured) else period)
        # A reading that ends where a step does still belongs to that step.
        order = {"read": 0, "back": 1, "start": 2, "move": 3}
        edges = sorted(edges, key=lambda e: (round(e[0], 12), order[e[1]]))
        now = 0.0
        for at, kind in [*edges, (end, "end")]:
            if at > now + 1e-12:
                found.append((held, at - now, kind == "read"))
                now = at
            if kind == "move":
                held = levels[k]
            elif kind == "back":
                held = base
    return found or [(base, 1e-6, False)]
