"""Trigger timers, blenders and generators of the 2600B, which turn events into others (2600BS-901-01 Rev. C, 3-30)."""

from __future__ import annotations

from typing import Any

from instruments.virtual.tsp_parts import Part, TspError, between, boolean

TIMERS, BLENDERS, GENERATORS, STIMULI = 8, 6, 2, 4
EVENTS_OF_A_CHANNEL = ("ARMED", "SOURCE_COMPLETE", "MEASURE_COMPLETE", "PULSE_COMPLETE", "SWEEP_COMPLETE", "IDLE")


class Events:
    """Numbers of all events by name; 0 is none."""

    def __init__(self) -> None:
        """Know none yet."""
        self._numbers: dict[str, float] = {}

    def number(self, name: str) -> float:
        """Number of an event, given to it when it is first asked for."""
        return self._numbers.setdefault(name, float(len(self._numbers) + 1))

    def of_channel(self, smu: str) -> dict[str, float]:
        """Numbers of a channel's events."""
        return {name: self.number(f"{smu}.{name}") for name in EVENTS_OF_A_CHANNEL}

    def check(self, value: Any) -> float:
        """What a stimulus may be: 0 or the number of an event."""
        number = between(0.0, float(len(self._numbers)))(value)
        if not number.is_integer():
            raise TspError(-224, "Illegal parameter value")
        return number


class TspTimer(Part):
    """``trigger.timer[n]``: after its stimulus, `count` events `delay` s apart; with pass-through one at once."""

    def __init__(self, instrument: Any, n: int, events: Events) -> None:
        """Start with the defaults."""
        self.event = events.number(f"timer{n}")
        super().__init__(instrument, {"EVENT_ID": self.event, "reset": self.reset, "clear": lambda: None})
        self._events = events
        self.reset()

    def reset(self) -> None:
        """Defaults: 10 us, one event, no stimulus."""
        settings = {
            "delay": (10e-6, between(1e-6, 1e5)), "count": (1.0, between(0.0, 1_048_575.0)),
            "passthrough": (False, boolean), "stimulus": (0.0, self._events.check),
        }  # fmt: skip
        self.values = {name: value for name, (value, _) in settings.items()}
        self._checks = {name: check for name, (_, check) in settings.items()}


class Blender(Part):
    """``trigger.blender[n]``: an event after all of its stimuli, or after any of them with ``orenable``."""

    def __init__(self, instrument: Any, n: int, events: Events) -> None:
        """Start with the defaults."""
        self.event = events.number(f"blender{n}")
        self._stimuli = Part(instrument, {}, {float(k): (0.0, events.check) for k in range(1, STIMULI + 1)})
        self._seen: set[float] = set()
        super().__init__(
            instrument,
            {"EVENT_ID": self.event, "reset": self.reset, "clear": self.clear, "stimulus": self._stimuli},
            {"orenable": (False, boolean)},
        )

    def reset(self) -> None:
        """Defaults: no stimuli, all of them wanted."""
        self.values["orenable"] = False
        self._stimuli.values = dict.fromkeys(self._stimuli.values, 0.0)
        self.clear()

    def clear(self) -> None:
        """Forget the stimuli that were seen."""
        self._seen.clear()

    def hears(self, event: float) -> bool:
        """Take notice of an event; whether the blender's own follows from it."""
        wanted = set(self._stimuli.values.values()) - {0.0}
        if event not in wanted:
            return False
        self._seen.add(event)
        complete = self.values["orenable"] or wanted <= self._seen
        if complete:
            self._seen.clear()
        return complete
