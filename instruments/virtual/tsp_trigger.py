"""Trigger model of the 2600B: sweeps of both channels and the events that they wait for, in virtual time.

2600BS-901-01 Rev. C, section 3-30 ff. and chapter 7. Sweeps that run at the same time run together, so that one
channel's events can step the other. Sources and measurements at one instant happen in the order in which the sweeps
were initiated. ``initiate()`` clears the channel's event detectors and enters the trigger model at once: what another
channel, initiated before, has fired by then is lost on this one.

A sweep runs to its end within the message that starts it, unless it has to wait for an event (``trigger.EVENT_ID``, a
generator, the other channel): it then stays under way while further messages come, and ends within the one that sends
the event.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Generator, Sequence
from functools import partial
from typing import Any

from instruments.virtual.network import PortDrive
from instruments.virtual.tsp_events import Blender, Events, TspTimer
from instruments.virtual.tsp_parts import Part, TspError, between, one_of, whole

EVENT_COST = 5
"""Work of an event."""


class ChannelTrigger(Part):
    """``smuX.trigger``: what a channel does at each trigger."""

    def __init__(self, smu: Any, events: Events) -> None:
        """Start with the defaults."""
        instrument = smu.instrument
        self.smu, self.events, self._check_event = smu, events.of_channel(smu.name), events.check
        numbers = {f"{event}_EVENT_ID": n for event, n in self.events.items()}
        super().__init__(instrument, {**numbers, "initiate": lambda: instrument.triggers.start(smu)})
        self.levels: list[float] = []
        self.sinks: list[tuple[Any, str]] = []
        self.reset()

    def reset(self) -> None:
        """Defaults: one trigger, nothing enabled."""
        flag, event, top = one_of(0.0, 1.0), (0.0, self._check_event), self.smu.channel.capability
        self.levels, self.sinks = [], []
        self.values = {"count": 1.0}
        self._checks = {"count": between(1.0, 1e5)}
        self.fixed["arm"] = Part(self.instrument, {}, {"count": (1.0, between(1.0, 1e5)), "stimulus": event})
        self.fixed["source"] = Part(
            self.instrument, {"listv": self._list, "linearv": self._linear},
            {"action": (0.0, flag), "stimulus": event, "limiti": (0.0, between(0.0, top.i_max))},
        )  # fmt: skip
        into: dict[str, Callable[..., None]] = {kind: partial(self._one, kind) for kind in "ivrp"}
        into["iv"] = self._both
        self.fixed["measure"] = Part(self.instrument, into, {"action": (0.0, flag), "stimulus": event})
        for stage in ("endpulse", "endsweep"):
            self.fixed[stage] = Part(self.instrument, {}, {"action": (1.0, flag), "stimulus": event})
        self.fixed["endsweep"].values["action"] = 0.0

    def setting(self, stage: str, name: str) -> Any:
        """Value of an attribute of a stage."""
        return self.fixed[stage].values[name]

    def _list(self, levels: Any) -> None:
        values = levels.values() if hasattr(levels, "fields") else None
        if values is None:
            raise TspError(-104, "Data type error")
        if not values:
            raise TspError(-109, "Missing parameter")
        self.instrument.budget.spend(len(values))
        self.levels = [self.smu.check_level(value) for value in values]

    def _linear(self, start: float, stop: float, points: float) -> None:
        count = whole(2, 100_000)(points)
        first, last = self.smu.check_level(start), self.smu.check_level(stop)
        self.instrument.budget.spend(count)
        self.levels = [first + (last - first) * k / (count - 1) for k in range(count)]

    def _one(self, kind: str, buffer: Any, /) -> None:
        self._into((buffer, kind))

    def _both(self, amps: Any, volts: Any) -> None:
        self._into((amps, "i"), (volts, "v"))

    def _into(self, *sinks: tuple[Any, str]) -> None:
        if not all(hasattr(buffer, "add") for buffer, _ in sinks):
            raise TspError(-104, "Data type error")
        self.sinks = list(sinks)


Wish = tuple[str, float]


class _Run:
    """One sweep that is under way, and the steps that its channel has still to play."""

    def __init__(self, smu: Any, model: TspTriggerModel, now: float) -> None:
        self.smu, self.level, self.since = smu, smu.channel.level, now
        self.levels: list[float] = []
        self.lengths: list[float] = []
        self.measured: list[bool] = []
        self.latched: set[float] = set()
        self._steps = self._sweep(model, now)
        self.wish: Wish | None = None

    def begin(self) -> None:
        """Enter the trigger model."""
        self.wish = next(self._steps)

    def go_on(self, now: float) -> None:
        """What was wished for has come."""
        try:
            self.wish = self._steps.send(now)
        except StopIteration:
            self.wish = None

    def ready(self, now: float) -> bool:
        """Whether the sweep can go on; an event that it waited for is used up."""
        if self.wish is None:
            return False
        kind, what = self.wish
        if kind == "until":
            return what <= now + 1e-12
        if what == 0:
            return True
        found = what in self.latched
        self.latched.discard(what)
        return found

    def cut(self, now: float, level: float, measured: bool = False) -> None:
        """End a step at `now`; the next has `level`."""
        if now > self.since + 1e-12:
            self.levels.append(self.level)
            self.lengths.append(now - self.since)
            self.measured.append(measured)
        self.level, self.since = level, now

    def _sweep(self, model: TspTriggerModel, now: float) -> Generator[Wish, float, None]:
        """Yield ("event", id) or ("until", time), and be told the time."""
        smu, sweep = self.smu, self.smu.sweep
        idle = smu.channel.level
        for _ in range(int(sweep.setting("arm", "count"))):
            if sweep.setting("arm", "stimulus"):
                now = yield "event", sweep.setting("arm", "stimulus")
            model.fire(sweep.events["ARMED"], now)
            for k in range(int(sweep.get("count"))):
                now = yield "event", sweep.setting("source", "stimulus")
                if sweep.setting("source", "action") and sweep.levels:
                    self.cut(now, sweep.levels[k % len(sweep.levels)])
                    now = yield "until", now + smu.get("source").values["delay"]
                model.fire(sweep.events["SOURCE_COMPLETE"], now)
                now = yield "event", sweep.setting("measure", "stimulus")
                if sweep.setting("measure", "action"):
                    now = yield "until", now + max(0.0, smu.get("measure").values["delay"]) + smu.measure_time
                    self.cut(now, self.level, measured=True)
                    model.fire(sweep.events["MEASURE_COMPLETE"], now)
                now = yield "event", sweep.setting("endpulse", "stimulus")
                if sweep.setting("endpulse", "action") == 0.0:
                    self.cut(now, idle)
                model.fire(sweep.events["PULSE_COMPLETE"], now)
            now = yield "event", sweep.setting("endsweep", "stimulus")
            self.cut(now, idle if sweep.setting("endsweep", "action") == 0.0 else self.level)
            model.fire(sweep.events["SWEEP_COMPLETE"], now)
        model.fire(sweep.events["IDLE"], now)


class TspTriggerModel:
    """The sweeps that are under way, and the events between them.

    Parameters
    ----------
    instrument : K2600
        Whose channels sweep.
    timers, blenders : sequence
        What makes events of events.

    Attributes
    ----------
    recent : set of str
        Channels that have swept since the last look at ``status.operation.sweeping``.
    """

    def __init__(self, instrument: Any, timers: Sequence[TspTimer], blenders: Sequence[Blender]) -> None:
        self._instrument, self._timers, self._blenders = instrument, timers, blenders
        self.recent: set[str] = set()
        self.abort()

    @property
    def busy(self) -> set[str]:
        """Channels whose sweep is under way."""
        return {run.smu.name for run in self._runs if run.wish is not None}

    def abort(self) -> None:
        """Give up all sweeps; the levels and outputs stay as they are."""
        self._runs: list[_Run] = []
        self._coming: list[tuple[float, int, float]] = []
        self._resting = [0.0] * len(self._timers)
        self._now = 0.0
        self.recent.clear()

    def start(self, smu: Any) -> None:
        """Begin a channel's sweep; its event detectors are clear.

        Raises
        ------
        TspError
            -213 if it is sweeping.
        """
        if smu.name in self.busy:
            raise TspError(-213, "Init ignored")
        self._now = max(self._now, self._instrument.clock)
        run = _Run(smu, self, self._now)
        self._runs.append(run)
        run.begin()
        self.recent.add(smu.name)

    def fire(self, event: float, now: float) -> None:
        """An event: sweeps latch it, timers start, blenders take notice."""
        waiting = [event]
        while waiting:
            event = waiting.pop()
            self._instrument.budget.spend(EVENT_COST)
            for run in self._runs:
                run.latched.add(event)
            for n, timer in enumerate(self._timers):
                if timer.values["stimulus"] == event and self._resting[n] <= now + 1e-12:
                    delay, count = timer.values["delay"], timer.values["count"] or math.inf
                    self._resting[n] = now + delay * count
                    heapq.heappush(self._coming, (now + delay, n, count - 1))
                    waiting += [timer.event] if timer.values["passthrough"] else []
            waiting += [blender.event for blender in self._blenders if blender.hears(event)]

    def raise_event(self, event: float) -> None:
        """An event from outside: ``*TRG``, or a generator's ``assert()``."""
        self._now = max(self._now, self._instrument.clock)
        self.fire(event, self._now)

    def play(self) -> None:
        """Let the sweeps go on until none can, and play what was worked out."""
        if not self._runs:
            return
        self._now = max(self._now, self._instrument.clock)
        for run in self._runs:
            run.since, run.level = max(run.since, self._now), run.smu.channel.level
        while self._step():
            pass
        self._flush()
        self._runs = [run for run in self._runs if run.wish is not None]
        if not self._runs:
            self._coming.clear()
            self._resting = [0.0] * len(self._timers)

    def _step(self) -> bool:
        """Go on by one instant; False where nothing will come by itself."""
        moved = False
        for run in self._runs:
            if run.ready(self._now):
                self._instrument.budget.spend(EVENT_COST)
                run.go_on(self._now)
                moved = True
        if moved:
            return True
        if all(run.wish is None for run in self._runs):
            return False
        times = [run.wish[1] for run in self._runs if run.wish is not None and run.wish[0] == "until"]
        times += [self._coming[0][0]] if self._coming else []
        if not times:
            return False
        self._now = max(self._now, min(times))
        while self._coming and self._coming[0][0] <= self._now + 1e-12:
            at, n, left = heapq.heappop(self._coming)
            if left > 0:
                heapq.heappush(self._coming, (at + self._timers[n].values["delay"], n, left - 1))
            self.fire(self._timers[n].event, self._now)
        return True

    def _flush(self) -> None:
        """Play what was worked out; channels whose output is off only let the time pass."""
        for run in self._runs:
            # A sweep that is over before another's is at its idle level for the rest of it.
            run.cut(self._now, run.level)
        tracks = [run for run in self._runs if run.lengths or run.level != run.smu.channel.level]
        playing = [run for run in tracks if run.smu.channel.output and run.lengths]
        dut, played = self._instrument.dut, {}
        start = dut.clock
        limits = {
            run.smu.channel.port: PortDrive(
                0.0, run.smu.sweep.setting("source", "limiti") or run.smu.channel.compliance, run.smu.channel.four_wire
            )
            for run in playing
        }
        if playing:
            played = dut.play_together({run.smu.channel.port: (run.levels, run.lengths) for run in playing}, limits)
        else:
            dut.advance(max((sum(run.lengths) for run in tracks), default=0.0))
        for run in tracks:
            seen = played.get(run.smu.channel.port) if run in playing else None
            taken = run.smu.channel.finish(run.levels, run.lengths, run.measured, seen, start, run.level)
            for buffer, kind in run.smu.sweep.sinks:
                buffer.add(taken, kind)
            run.levels, run.lengths, run.measured = [], [], []
