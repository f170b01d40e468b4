"""Keithley 2600B (TSP): trigger model and timers, for regular trains and for lists alike.

Manual: 2600BS-901-01 Rev C; "Using timers to perform pulse mode sweeps" and chapter 7.

Timing. Trigger timer 1 moves the source, timer 2 ends the pulse, timer 3 starts the measurement, all from the same
event, so period, width and the measurement before the end of the pulse are exact to the timers (1 us) plus trigger
latency and settling, which the manual leaves to the data sheet ("not a pulse generator: rise times are not
programmable"). A measurement is started aperture + `OVERHEAD` before its step ends. The line that plays a train prints
how long that took by the instrument's own timer, and how many readings there are: with the time stamps of the readings
that is held against the plan. Channel 2 has trigger timers of its own, so that two sessions share none.

Safety. The last message of a train is one line of Lua that switches the output on, plays, waits and switches the output
off: the instrument finishes it alone. While it runs only the word ``abort`` is heard.

Never run on hardware.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import ClassVar

import numpy as np

from instruments.link.message import Message, confirm, printed, query, write
from instruments.link.scpi import number, table
from instruments.link.tsp import parse_error
from instruments.plan import PairPlan, Plan
from instruments.smu import k2600_pair
from instruments.smu.capability import (
    MAINS,
    aperture,
    check_plan,
    check_points,
    check_settings,
    left_of,
    no_readings,
    places,
    readings,
    regular_train,
    smallest_range,
    sourced,
    status_words,
    tick_list,
)
from instruments.smu.driver import ChannelSettings, Family, Readings, SmuDriver, Spec, before_output
from instruments.smu.k2600_lua import COLUMNS, DONE, LEAST_DELAY, LIMITED, OVERHEAD, SHOWN, TIMER, readout, timer
from instruments.smu.k2600_lua import levels as list_of_levels
from instruments.smu.timing import measured_times
from instruments.smu.together import with_reads

OFF_LIMIT = 1e-3
"""Current limit of a switched-off output that the instrument starts with, A; it is lowered to the compliance."""

_UNVERIFIED = (
    "2600BS-901-01 Rev C; the shortest step stands in the data sheet alone and is UNVERIFIED: 0.2 ms, measured 0.31 "
    "ms, were chosen with care; 2500 points are this driver's cap, the manual sets none; v_step is that of 20 or 40 V"
)

K2601B = Spec(
    model="2601B",
    identities=("2601B",),
    v_max=40.0,
    i_max=3.0,
    i_min=1e-8,
    v_step=5e-4,
    width_min=2e-4,
    width_measured=3.1e-4,
    width_max=1e4,
    time_step=1e-6,
    points=2500,
    channels=1,
    v_ranges=(0.1, 1.0, 6.0, 40.0),
    i_ranges=(1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0, 3.0),
    source=_UNVERIFIED,
    envelope=((6.0, 3.0), (40.0, 1.0)),
    nplc=(0.001, 25.0),
)
"""2601B, 40 V and 3 A."""

K2611B = replace(
    K2601B,
    model="2611B",
    identities=("2611B",),
    v_max=200.0,
    i_max=1.5,
    v_ranges=(0.2, 2.0, 20.0, 200.0),
    i_ranges=(1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0, 1.5),
    envelope=((20.0, 1.5), (200.0, 0.1)),
)
"""2611B, 200 V and 1.5 A."""

K2635B = replace(
    K2611B,
    model="2635B",
    identities=("2635B",),
    i_min=1e-9,
    i_ranges=(1e-9, 1e-8, *K2611B.i_ranges),
)
"""2635B, 200 V and 1.5 A, low currents."""

SINGLE = (K2601B, K2611B, K2635B, *(
    replace(one, model=name, identities=(name,))
    for one, name in ((K2601B, "2601A"), (K2611B, "2611A"), (K2635B, "2635A"))
))  # fmt: skip
DUAL = tuple(
    replace(one, model=name, identities=(name,), channels=2, edges_min=LEAST_DELAY)
    for one, names in (
        (K2601B, ("2602B", "2604B", "2602A")),
        (K2611B, ("2612B", "2614B", "2612A")),
        (K2635B, ("2634B", "2636B", "2636A")),
    )
    for name in names
)
"""The two-channel models: each channel is that of its one-channel sister; the A series has the same triggers."""


class Keithley2600(SmuDriver):
    """2600B in TSP."""

    error_query: ClassVar[str] = "print(errorqueue.next())"
    sync: ClassVar[str] = "tsp"

    questions: ClassVar[Mapping[str, str]] = {"line_frequency": "print(localnode.linefreq)"}

    def off(self, settings: ChannelSettings) -> tuple[str, ...]:
        """End the line that plays, output off, 0 V; two channels of a session both go to 0 V before one goes off."""
        if settings.second is not None:
            return k2600_pair.off()
        names = [self.name(channel) for channel in self._own(settings)]
        return (
            "abort",
            *(f"{smu}.abort()" for smu in names),
            *(f"{smu}.source.output = {smu}.OUTPUT_OFF" for smu in names),
            *(f"{smu}.source.levelv = 0" for smu in names),
        )

    def _own(self, settings: ChannelSettings) -> Sequence[int]:
        """Channels that are reset and switched off."""
        own = [each.channel for each in settings.each]
        return range(1, self.spec.channels + 1) if settings.all_channels else own

    @staticmethod
    def name(channel: int) -> str:
        """``smua`` for channel 1, ``smub`` for channel 2."""
        return f"smu{'ab'[channel - 1]}"

    def identify(self) -> tuple[Message, ...]:
        """Ask for the model in Lua, which no SCPI instrument would understand."""
        return (confirm("print(localnode.model)", self.spec.model),)

    def prepare(self, settings: ChannelSettings) -> tuple[Message, ...]:
        """Set every channel up with the output off; ranges before the limit, and the limit read back."""
        used = [each.channel for each in settings.each]
        others = [self.name(channel) for channel in self._own(settings) if channel not in used]
        return (
            *(write(f"{other}.reset()") for other in others),
            *(write(line) for each in settings.each for line in self._setup(each)),
            self.standing(settings),
        )

    def _setup(self, settings: ChannelSettings) -> list[str]:
        """Lua that sets one channel up."""
        source, measure = self._ranges(settings)
        smu = self.name(settings.channel)
        setup = [
            "source.output = {}.OUTPUT_OFF",
            "reset()",
            "source.func = {}.OUTPUT_DCVOLTS",
            "source.offmode = {}.OUTPUT_NORMAL",
            "source.offfunc = {}.OUTPUT_DCVOLTS",
            f"source.offlimiti = {number(min(settings.compliance, OFF_LIMIT))}",
            f"sense = {{}}.SENSE_{'REMOTE' if settings.four_wire else 'LOCAL'}",
            "source.autorangev = {}.AUTORANGE_OFF",
            f"source.rangev = {number(source)}",
            "measure.autorangei = {}.AUTORANGE_OFF",
            f"measure.rangei = {number(measure)}",
            "source.levelv = 0",
            f"source.limiti = {number(settings.compliance)}",
            "source.delay = 0",
            "measure.delay = 0",
            f"measure.nplc = {number(settings.nplc)}",
            "measure.autozero = {}.AUTOZERO_ONCE",
            "nvbuffer1.clear()",
            "nvbuffer1.appendmode = 1",
            "nvbuffer1.collecttimestamps = 1",
            "nvbuffer1.collectsourcevalues = 1",
        ]
        return [f"{smu}.{line.format(smu)}" for line in setup]

    def standing(self, settings: ChannelSettings) -> Message:
        """Print function, sensing, ranges, limit and integration time of every channel, then mains and outputs."""
        return printed(
            *(
                confirm(attribute, expected, SHOWN)
                for each in settings.each
                for attribute, expected in self._standing(each).items()
            ),
            confirm("localnode.linefreq", settings.mains, SHOWN, hint=MAINS),
            *(confirm(f"{self.name(each.channel)}.source.output", 0.0) for each in settings.each),
        )

    def _standing(self, settings: ChannelSettings) -> dict[str, float]:
        """What the attributes of one channel must be."""
        source, measure = self._ranges(settings)
        smu = self.name(settings.channel)
        return {
            f"{smu}.source.func": 1.0,
            f"{smu}.sense": float(settings.four_wire),
            f"{smu}.source.autorangev": 0.0,
            f"{smu}.source.rangev": source,
            f"{smu}.measure.autorangei": 0.0,
            f"{smu}.measure.rangei": measure,
            f"{smu}.source.limiti": settings.compliance,
            f"{smu}.measure.nplc": settings.nplc,
        }

    def _ranges(self, settings: ChannelSettings) -> tuple[float, float]:
        """Source range (V) and measure range (A)."""
        check_settings(self.spec, settings)
        return (
            smallest_range(self.spec.v_ranges, settings.v_peak, "v_peak", "V"),
            smallest_range(self.spec.i_ranges, settings.compliance, "compliance", "A"),
        )

    def play(self, plan: Plan, settings: ChannelSettings) -> tuple[Message, ...]:
        """Pulses with an end-of-pulse timer for a regular train, a list without one for anything else."""
        check_plan(self.spec, plan, settings)
        smu, pulses = self.name(settings.channel), regular_train(plan)
        if pulses is None:
            ticks = tick_list(self.spec, plan)
            levels, base = ticks.level, 0.0
            period, width, rest = ticks.tick, ticks.tick, 0.0 if plan.measure.any() else ticks.tick
        else:
            check_points(self.spec, pulses.repeats, "pulses")
            levels, base = np.array([pulses.level]), pulses.base
            period, width = pulses.period, pulses.width
            rest = period - width
        count = pulses.repeats if pulses is not None else len(levels)
        measured = bool(plan.measure.any())
        wait = None
        if measured:
            wait = LEAST_DELAY + left_of(width, LEAST_DELAY + aperture(settings) + OVERHEAD, self.spec, "a measurement")
        timers = tuple(3 * (settings.channel - 1) + n for n in (1, 2, 3))
        trigger = [
            f"{smu}.nvbuffer1.clear()",
            f"{smu}.source.levelv = 0",
            *list_of_levels(smu, levels),
            f"{smu}.trigger.source.limiti = {number(settings.compliance)}",
            *_triggers(smu, timers, count, period, None if pulses is None else width, wait),
        ]
        go = [
            f"{smu}.source.output = {smu}.OUTPUT_ON",
            f"{smu}.source.levelv = {number(base)}",
            "timer.reset()",
            f"{smu}.trigger.initiate()",
            "waitcomplete()",
            *([f"delay({number(rest)})"] if rest > 0 else []),
            "took = timer.measure.t()",
            f"{smu}.source.output = {smu}.OUTPUT_OFF",
            f"{smu}.source.levelv = 0",
        ]
        stored = confirm(f"{smu}.nvbuffer1.n", float(count if measured else 0), SHOWN)
        end = printed(confirm(f'"{DONE}"', DONE), stored, query("took"))
        limit = confirm(f"{smu}.trigger.source.limiti", settings.compliance, SHOWN)
        messages = [
            *map(write, trigger),
            before_output(self.standing(settings), limit),
            replace(end, text="; ".join([*go, end.text]), patience=plan.total),
        ]
        if measured:
            messages.append(readout(smu, count))
        return tuple(messages)

    def is_off(self, settings: ChannelSettings) -> Message:
        """Ask for the state of every output."""
        return printed(*(confirm(f"{self.name(each.channel)}.source.output", 0.0) for each in settings.each))

    def reads(self, plan: PairPlan, settings: ChannelSettings) -> PairPlan:
        """Both channels, in a list or in pulses that are alike; else each at the end of its own pulse."""
        return with_reads(self.spec, plan, settings, k2600_pair.shortest_tick(self.spec, settings))

    def play_pair(self, plan: PairPlan, settings: ChannelSettings) -> tuple[Message, ...]:
        """See `instruments.smu.k2600_pair`."""
        return k2600_pair.play(self.spec, plan, settings, self.standing(settings))

    def margins_pair(self, plan: PairPlan, settings: ChannelSettings) -> tuple[float, float]:
        """A tick at 0 V after a list that is measured to its end."""
        return k2600_pair.margins(self.spec, plan, settings)

    def parse_pair(self, plan: PairPlan, settings: ChannelSettings, replies: Sequence[str]) -> Readings:
        """Readings of both channels."""
        ranges = [self._ranges(each)[0] for each in settings.each]
        return k2600_pair.parse(self.spec, plan, settings, replies, ranges)

    def parse(self, plan: Plan, settings: ChannelSettings, replies: Sequence[str]) -> Readings:
        """Readings of the measured steps; tripped is bit 6 of the buffer's status (7-34)."""
        measured, model = bool(plan.measure.any()), self.spec.model
        took = table(replies[-2 if measured else -1].split("\t")[-1], 1, 1, "took")[0]
        measured_times(took, np.array([plan.total]), settings, model, TIMER)
        if not measured:
            return no_readings()
        wanted, ends, level = places(self.spec, plan, regular_train(plan))
        values = table(replies[-1], len(ends), len(COLUMNS), "printbuffer")
        sourced(values[:, 1], level, self._ranges(settings)[0], "printbuffer")
        time = measured_times(values[:, 2] - values[0, 2] + ends[0], ends, settings, model)[wanted]
        current, voltage, _, status = values[wanted].T
        tripped = (status_words(status, "printbuffer") & LIMITED) != 0
        return readings(current, voltage, time, tripped)

    def parse_error(self, reply: str) -> tuple[int, str] | None:
        """Take number, text, severity and node, separated by tabs, apart; number 0 is no error (7-72)."""
        return parse_error(reply)


def _triggers(
    smu: str, timers: tuple[int, ...], count: int, period: float, width: float | None, wait: float | None
) -> list[str]:
    """Trigger model of `count` source actions; `width` ends a pulse, `wait` after its start the current is measured.

    The three `timers` make period, width and wait.
    """
    start, stop, measure = timers
    # Passing on the event that starts it, the timer makes one event more than it counts; 0 would be for ever.
    lines = [
        *timer(start, period, max(1, count - 1), True, f"{smu}.trigger.ARMED_EVENT_ID"),
        f"{smu}.trigger.source.action = {smu}.ENABLE",
        f"{smu}.trigger.source.stimulus = trigger.timer[{start}].EVENT_ID",
    ]
    if wait is None:
        lines += [f"{smu}.trigger.measure.action = {smu}.DISABLE", f"{smu}.trigger.measure.stimulus = 0"]
    else:
        lines += [
            *timer(measure, wait, 1, False, f"trigger.timer[{start}].EVENT_ID"),
            f"{smu}.trigger.measure.i({smu}.nvbuffer1)",
            f"{smu}.trigger.measure.action = {smu}.ENABLE",
            f"{smu}.trigger.measure.stimulus = trigger.timer[{measure}].EVENT_ID",
        ]
    if width is None:
        lines += [f"{smu}.trigger.endpulse.action = {smu}.SOURCE_HOLD", f"{smu}.trigger.endpulse.stimulus = 0"]
    else:
        lines += [
            *timer(stop, width, 1, False, f"trigger.timer[{start}].EVENT_ID"),
            f"{smu}.trigger.endpulse.action = {smu}.SOURCE_IDLE",
            f"{smu}.trigger.endpulse.stimulus = trigger.timer[{stop}].EVENT_ID",
        ]
    # A list that is not measured ends with its last source action: the level stays for one more tick, then.
    last = "SOURCE_HOLD" if width is None and wait is None else "SOURCE_IDLE"
    return [
        *lines,
        f"{smu}.trigger.endsweep.action = {smu}.{last}",
        f"{smu}.trigger.arm.count = 1",
        f"{smu}.trigger.arm.stimulus = 0",
        f"{smu}.trigger.count = {count}",
    ]


FAMILY = Family(Keithley2600, (*SINGLE, *DUAL))
