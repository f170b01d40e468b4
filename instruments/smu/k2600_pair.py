"""Both channels of a Keithley 2602B .. 2636B at once: one set of timers, one line of Lua that starts and ends both.

Manual: 2600BS-901-01; maker's example KE26XXB_Pulsed_Sweep_Dual.tsp (Series_2600/Pulsed_Sweep). Timer 1 starts on the
event of smua's being armed, so smub is initiated first: it must already wait for the timer, or it misses the first
event and the train never ends. Pulses that begin apart have a timer each for start, width and measurement.

At the end both levels go to 0 V before any output goes off.

Never run on hardware.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from hil.limits import LimitError
from instruments.link.message import Message, confirm, printed, query, write
from instruments.link.scpi import number, table
from instruments.plan import PairPlan
from instruments.smu.capability import TickList, aperture, left_of, readings, sourced, status_words
from instruments.smu.driver import ChannelSettings, Readings, Spec, before_output
from instruments.smu.k2600_lua import (
    COLUMNS,
    DONE,
    LEAST_DELAY,
    LIMITED,
    OVERHEAD,
    SHOWN,
    TIMER,
    levels,
    readout,
    timer,
)
from instruments.smu.timing import measured_times
from instruments.smu.together import PulsePair, gathered, lasts, row_of, together

NAMES = ("smua", "smub")


def shortest_tick(spec: Spec, settings: ChannelSettings) -> float:
    """Shortest step of a list at which there is a measurement, s."""
    return max(spec.width_measured, LEAST_DELAY + aperture(settings) + OVERHEAD)


def off() -> tuple[str, ...]:
    """End the line that plays; both to 0 V in one line, then both off."""
    return (
        "abort",
        "; ".join(f"{smu}.abort()" for smu in NAMES),
        "; ".join([f"{smu}.source.levelv = 0" for smu in NAMES] + [_output(smu, "OFF") for smu in NAMES]),
    )


def play(spec: Spec, plan: PairPlan, settings: ChannelSettings, standing: Message) -> tuple[Message, ...]:
    """Messages of a train; the `standing` question comes last before the outputs go on."""
    form = together(spec, plan, settings, shortest_tick(spec, settings))
    triggers, rest = _pulses(spec, form, settings) if isinstance(form, PulsePair) else _list(spec, form, plan, settings)
    count = form.count if isinstance(form, PulsePair) else len(form.level)
    measured = _measured(plan)
    # Of a list both channels are measured, or none.
    stores = measured if isinstance(form, PulsePair) or not measured else (1, 2)
    both = [
        line
        for smu, own in zip(NAMES, settings.each, strict=True)
        for line in (
            f"{smu}.nvbuffer1.clear()",
            f"{smu}.source.levelv = 0",
            f"{smu}.trigger.source.limiti = {number(own.compliance)}",
        )
    ]
    go = [
        *(_output(smu, "ON") for smu in NAMES),
        "timer.reset()",
        "smub.trigger.initiate()",
        "smua.trigger.initiate()",
        "waitcomplete()",
        *([f"delay({number(rest)})"] if rest > 0 else []),
        "took = timer.measure.t()",
        *(f"{smu}.source.levelv = 0" for smu in NAMES),
        *(_output(smu, "OFF") for smu in NAMES),
    ]
    stored = [
        confirm(f"{smu}.nvbuffer1.n", float(count if k in stores else 0), SHOWN) for k, smu in enumerate(NAMES, 1)
    ]
    end = printed(confirm(f'"{DONE}"', DONE), *stored, query("took"))
    limits = [
        confirm(f"{smu}.trigger.source.limiti", own.compliance, SHOWN)
        for smu, own in zip(NAMES, settings.each, strict=True)
    ]
    return (
        *map(write, [*both, *triggers]),
        before_output(standing, *limits),
        replace(end, text="; ".join([*go, end.text]), patience=lasts(form, plan)),
        *(readout(NAMES[k - 1], count) for k in measured),
    )


def parse(
    spec: Spec, plan: PairPlan, settings: ChannelSettings, replies: Sequence[str], v_ranges: Sequence[float]
) -> Readings:
    """Readings of both channels from the answers to `play`; tripped is bit 6 of the buffer's status (7-34)."""
    form = together(spec, plan, settings, shortest_tick(spec, settings))
    measured = _measured(plan)
    took = table(replies[len(replies) - len(measured) - 1].split("\t")[-1], 1, 1, "took")[0]
    measured_times(took, np.array([lasts(form, plan)]), settings, spec.model, TIMER)
    found: dict[int, tuple[NDArray[np.int64], Readings]] = {}
    for reply, channel in zip(replies[len(replies) - len(measured) :], measured, strict=True):
        ends, level, wanted, at = _expected(form, plan, channel)
        values = table(reply, len(ends), len(COLUMNS), "printbuffer")
        sourced(values[:, 1], level, v_ranges[channel - 1], "printbuffer")
        time = measured_times(values[:, 2] - values[0, 2] + ends[0], ends, settings, spec.model)[wanted]
        current, voltage, _, status = values[wanted].T
        tripped = (status_words(status, "printbuffer") & LIMITED) != 0
        found[channel] = at, readings(current, voltage, time, tripped)
    return gathered(plan, found)


def margins(spec: Spec, plan: PairPlan, settings: ChannelSettings) -> tuple[float, float]:
    """Time at 0 V after a list, where there is any."""
    return 0.0, lasts(together(spec, plan, settings, shortest_tick(spec, settings)), plan) - plan.total


def _expected(
    form: PulsePair | TickList, plan: PairPlan, channel: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:
    """Times and source voltages of all readings of a channel, which of them are wanted, and rows of the plan's."""
    if isinstance(form, PulsePair):
        pulse = form.pulses[channel - 1]
        ends = np.arange(form.count, dtype=np.float64) * form.period + pulse.end
        return ends, np.full(form.count, pulse.level), np.arange(form.count), row_of(plan, form, channel)
    ends = form.tick * np.arange(1, len(form.level) + 1, dtype=np.float64)
    return ends, form.level[:, channel - 1], form.last, np.arange(len(form.last))


def _measured(plan: PairPlan) -> tuple[int, ...]:
    """Channels whose currents are read."""
    return tuple(k for k in (1, 2) if plan.measure[:, k - 1].any())


def _pulses(spec: Spec, form: PulsePair, settings: ChannelSettings) -> tuple[list[str], float]:
    """Triggers of pairs of pulses, and the rest after the last one, s."""
    lines = timer(1, form.period, max(1, form.count - 1), True, "smua.trigger.ARMED_EVENT_ID")
    for k, (smu, pulse, measured) in enumerate(zip(NAMES, form.pulses, form.measured, strict=True)):
        first = 2 + 3 * k
        start, stop, reading = first, first + 1, first + 2
        begin = "trigger.timer[1].EVENT_ID"
        if pulse.offset > 0:
            if pulse.offset < LEAST_DELAY * (1 - 1e-9):
                raise LimitError(
                    f"channel {k + 1}: its pulse begins {pulse.offset:g} s after the other's, a timer of a "
                    f"{spec.model} takes {LEAST_DELAY:g} s at least"
                )
            lines += timer(start, pulse.offset, 1, False, begin)
            begin = f"trigger.timer[{start}].EVENT_ID"
        lines += [f"{smu}.trigger.source.listv({{{number(pulse.level)}}})", *_source(smu, begin)]
        lines += _measurement(smu, reading, _wait(pulse.width, spec, settings) if measured else None, begin)
        lines += timer(stop, pulse.width, 1, False, begin)
        lines += [
            f"{smu}.trigger.endpulse.action = {smu}.SOURCE_IDLE",
            f"{smu}.trigger.endpulse.stimulus = trigger.timer[{stop}].EVENT_ID",
            *_sweep(smu, form.count, "SOURCE_IDLE"),
        ]
    return lines, form.rest


def _list(spec: Spec, form: TickList, plan: PairPlan, settings: ChannelSettings) -> tuple[list[str], float]:
    """Triggers of two lists of equal ticks, and what a list that is not measured still has to stand, s."""
    lines = timer(1, form.tick, max(1, len(form.level) - 1), True, "smua.trigger.ARMED_EVENT_ID")
    anything = bool(plan.measure.any())
    for k, smu in enumerate(NAMES):
        # Both measure, or neither: they end their ticks alike then.
        wait = _wait(form.tick, spec, settings) if anything else None
        begin = "trigger.timer[1].EVENT_ID"
        lines += [*levels(smu, form.level[:, k]), *_source(smu, begin), *_measurement(smu, 4 + 3 * k, wait, begin)]
        lines += [f"{smu}.trigger.endpulse.action = {smu}.SOURCE_HOLD", f"{smu}.trigger.endpulse.stimulus = 0"]
        lines += _sweep(smu, len(form.level), "SOURCE_IDLE" if anything else "SOURCE_HOLD")
    return lines, 0.0 if anything else form.tick


def _wait(width: float, spec: Spec, settings: ChannelSettings) -> float:
    return LEAST_DELAY + left_of(width, LEAST_DELAY + aperture(settings) + OVERHEAD, spec, "a measurement")


def _source(smu: str, begin: str) -> list[str]:
    return [f"{smu}.trigger.source.action = {smu}.ENABLE", f"{smu}.trigger.source.stimulus = {begin}"]


def _measurement(smu: str, n: int, wait: float | None, begin: str) -> list[str]:
    if wait is None:
        return [f"{smu}.trigger.measure.action = {smu}.DISABLE", f"{smu}.trigger.measure.stimulus = 0"]
    return [
        *timer(n, wait, 1, False, begin),
        f"{smu}.trigger.measure.i({smu}.nvbuffer1)",
        f"{smu}.trigger.measure.action = {smu}.ENABLE",
        f"{smu}.trigger.measure.stimulus = trigger.timer[{n}].EVENT_ID",
    ]


def _sweep(smu: str, count: int, last: str) -> list[str]:
    return [
        f"{smu}.trigger.endsweep.action = {smu}.{last}",
        f"{smu}.trigger.arm.count = 1",
        f"{smu}.trigger.arm.stimulus = 0",
        f"{smu}.trigger.count = {count}",
    ]


def _output(smu: str, word: str) -> str:
    return f"{smu}.source.output = {smu}.OUTPUT_{word}"
