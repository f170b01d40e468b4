"""Trigger model and timers of the 2600B: who waits for which event, worked out in virtual time.

2600BS-901-01 Rev. C, section 3-30 ff. and chapter 7. All sweeps that were started together run together, so that one
channel's events can step the other. Sources and measurements at one instant happen in the order of the channels.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Generator, Sequence
from typing import Any

from instruments.virtual.dut import Drive
from instruments.virtual.tsp import Part, TspError, anything, as_table, between, one_of

TIMERS = 8
EVENTS_OF_A_CHANNEL = ("ARMED", "SOURCE_COMPLETE", "MEASURE_COMPLETE", "PULSE_COMPLETE", "SWEEP_COMPLETE", "IDLE")
MOST_EVENTS = 500_000
"""Events of one run after which it counts as endless."""


class Timer(Part):
    """``trigger.timer[n]``: after its stimulus, `count` events `delay` s apart; with pass-through one at once."""

    def __init__(self, instrument: Any, n: int, event: float) -> None:
        """Start with the defaults."""
        super().__init__(instrument, {"EVENT_ID": event, "reset": self.reset, "clear": lambda: None})
        self.event = event
        self.reset()

    def reset(self) -> None:
        """Defaults: 10 us, one event, no stimulus."""
        settings = {
            "delay": (10e-6, between(1e-6, 1e5)), "count": (1.0, between(0.0, 1_048_575.0)),
            "passthrough": (False, anything), "stimulus": (0.0, anything),
        }  # fmt: skip
        self.values = {name: value for name, (value, _) in settings.items()}
        self._checks = {name: check for name, (_, check) in settings.items()}


class Sweep(Part):
    """``smuX.trigger``: what a channel does at each trigger."""

    def __init__(self, instrument: Any, name: str, events: dict[str, float]) -> None:
        """Start with the defaults; the events are numbered by the instrument."""
        super().__init__(
            instrument,
            {**{f"{event}_EVENT_ID": n for event, n in events.items()}, "initiate": lambda: instrument.initiate(self)},
        )
        self.name, self.events = name, events
        self.levels: list[float] = []
        self.limit, self.buffer = 0.0, None
        self.reset()

    def reset(self) -> None:
        """Defaults: one trigger, nothing enabled."""
        flag = one_of(0.0, 1.0)
        top = self.instrument.MODELS[self.instrument.model][0]
        self.levels, self.buffer = [], None
        self.values = {"count": 1.0}
        self._checks = {"count": between(1.0, 1e5)}
        self.fixed["arm"] = Part(self.instrument, {}, {"count": (1.0, one_of(1.0)), "stimulus": (0.0, one_of(0.0))})
        self.fixed["source"] = Part(
            self.instrument, {"listv": self._list, "linearv": self._linear},
            {
                "action": (0.0, flag), "stimulus": (0.0, anything),
                "limiti": (0.0, between(0.0, top.i_max)),
            },
        )  # fmt: skip
        self.fixed["measure"] = Part(
            self.instrument, {"i": self._into, "iv": self._into}, {"action": (0.0, flag), "stimulus": (0.0, anything)}
        )
        for stage in ("endpulse", "endsweep"):
            self.fixed[stage] = Part(self.instrument, {}, {"action": (1.0, flag), "stimulus": (0.0, anything)})
        self.fixed["endsweep"].values["action"] = 0.0

    def setting(self, stage: str, name: str) -> Any:
        """Value of an attribute of a stage."""
        return self.fixed[stage].values[name]

    def _list(self, levels: Any) -> None:
        values = as_table(levels).values()
        smu = self.instrument.smu(self.name)
        if not values:
            raise TspError(-109, "Missing parameter")
        self.levels = [smu.check_level(value) for value in values]

    def _linear(self, start: float, stop: float, points: float) -> None:
        smu, count = self.instrument.smu(self.name), int(between(2.0, 1e5)(points))
        first, last = smu.check_level(start), smu.check_level(stop)
        self.levels = [first + (last - first) * k / (count - 1) for k in range(count)]

    def _into(self, buffer: Any, *_: Any) -> None:
        if not hasattr(buffer, "add"):
            raise TspError(-104, "Data type error")
        self.buffer = buffer


class _Track:
    """Steps that one channel plays, growing as its sweep runs."""

    def __init__(self, smu: Any) -> None:
        self.smu, self.level, self.since = smu, smu.channel.level, 0.0
        self.levels: list[float] = []
        self.lengths: list[float] = []
        self.measured: list[bool] = []

    def cut(self, now: float, level: float, measured: bool = False) -> None:
        """End a step at `now`; the next has `level`."""
        if now > self.since + 1e-12:
            self.levels.append(self.level)
            self.lengths.append(now - self.since)
            self.measured.append(measured)
        self.level, self.since = level, now


Wish = tuple[str, float]


def _run(track: _Track, fire: Any) -> Generator[Wish, float, None]:
    """One sweep: yields ("event", id) or ("until", time) and is told the time."""
    smu, sweep = track.smu, track.smu.sweep
    idle, now = smu.channel.level, 0.0
    fire(sweep.events["ARMED"], now)
    for k in range(int(sweep.get("count"))):
        now = yield "event", sweep.setting("source", "stimulus")
        if sweep.setting("source", "action") and sweep.levels:
            track.cut(now, sweep.levels[k % len(sweep.levels)])
            now = yield "until", now + smu.get("source").values["delay"]
        fire(sweep.events["SOURCE_COMPLETE"], now)
        now = yield "event", sweep.setting("measure", "stimulus")
        if sweep.setting("measure", "action"):
            now = yield "until", now + max(0.0, smu.get("measure").values["delay"]) + smu.measure_time
            track.cut(now, track.level, measured=True)
            fire(sweep.events["MEASURE_COMPLETE"], now)
        now = yield "event", sweep.setting("endpulse", "stimulus")
        if sweep.setting("endpulse", "action") == 0.0:
            track.cut(now, idle)
        fire(sweep.events["PULSE_COMPLETE"], now)
    now = yield "event", sweep.setting("endsweep", "stimulus")
    track.cut(now, idle if sweep.setting("endsweep", "action") == 0.0 else track.level)
    fire(sweep.events["SWEEP_COMPLETE"], now)
    fire(sweep.events["IDLE"], now)


class _Schedule:
    """Events in the order of their time, and which of them each sweep has not yet noticed."""

    def __init__(self, timers: Sequence[Timer], sweeps: int) -> None:
        self.timers, self.latched = timers, [set() for _ in range(sweeps)]
        self.coming: list[tuple[float, int, float]] = []
        self.busy = [0.0] * len(timers)

    def fire(self, event: float, now: float) -> None:
        for latched in self.latched:
            latched.add(event)
        for n, timer in enumerate(self.timers):
            if event and timer.values["stimulus"] == event and self.busy[n] <= now + 1e-12:
                delay, count = timer.values["delay"], timer.values["count"] or math.inf
                self.busy[n] = now + delay * count
                heapq.heappush(self.coming, (now + delay, n, count - 1))
                if timer.values["passthrough"] is True:
                    self.fire(timer.event, now)

    def advance(self, now: float) -> None:
        """Fire what is due up to `now`."""
        while self.coming and self.coming[0][0] <= now + 1e-12:
            at, n, left = heapq.heappop(self.coming)
            if left > 0:
                heapq.heappush(self.coming, (at + self.timers[n].values["delay"], n, left - 1))
            self.fire(self.timers[n].event, at)


def play_sweeps(smus: Sequence[Any], timers: Sequence[Timer]) -> bool:
    """Run the sweeps of several channels at once; False if one waits for an event that will not come.

    What was worked out up to then has been played.
    """
    schedule, tracks = _Schedule(timers, len(smus)), [_Track(smu) for smu in smus]
    runs = [_run(track, schedule.fire) for track in tracks]
    wishes: list[Wish | None] = [next(run) for run in runs]
    now = 0.0
    for _ in range(MOST_EVENTS):
        moved = False
        for k, wish in enumerate(wishes):
            if wish is None:
                continue
            kind, what = wish
            ready = what == 0 or what in schedule.latched[k] if kind == "event" else what <= now + 1e-12
            if ready:
                schedule.latched[k].discard(what) if kind == "event" else None
                moved = True
                try:
                    wishes[k] = runs[k].send(now)
                except StopIteration:
                    wishes[k] = None
        if all(wish is None for wish in wishes):
            break
        if moved:
            continue
        times = [wish[1] for wish in wishes if wish is not None and wish[0] == "until"]
        times += [schedule.coming[0][0]] if schedule.coming else []
        if not times:
            break
        now = min(times)
        schedule.advance(now)
    _play(tracks)
    return all(wish is None for wish in wishes)


def _play(tracks: Sequence[_Track]) -> None:
    """Play what was worked out; channels whose output is off only let the time pass."""
    playing = [track for track in tracks if track.smu.channel.output and track.lengths]
    dut = tracks[0].smu.channel.dut
    start = dut.clock
    limits = {
        t.smu.channel.port: Drive(0.0, t.smu.sweep.setting("source", "limiti") or t.smu.channel.compliance,
                                  t.smu.channel.four_wire)
        for t in playing
    }  # fmt: skip
    if playing:
        played = dut.play_together({t.smu.channel.port: (t.levels, t.lengths) for t in playing}, limits)
    else:
        dut.advance(max((sum(t.lengths) for t in tracks), default=0.0))
    for track in tracks:
        seen = played[track.smu.channel.port] if track in playing else None
        taken = track.smu.channel.finish(track.levels, track.lengths, track.measured, seen, start, track.level)
        if track.smu.sweep.buffer is not None:
            track.smu.sweep.buffer.add(taken)
