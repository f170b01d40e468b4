"""Both channels of a Keysight B2902A or B2912A at once: one start for both, `:INIT (@1,2)`.

Manuals: B2910-90030 (1-8: a channel list on the messages that must act together) and the User's Guide, edition 5 (6-7:
the pulse delay is the time from the start of the source action to the pulse). Each channel has a trigger timer of its
own with the same period; pulses that begin apart differ in `:SOUR:PULS:DEL`, which needs no list.

Readings are asked for channel by channel: those of a list of channels alternate, and have fillers (4-68).

Never run on hardware; whether the timers of both channels run on one clock is not said in the manuals.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from instruments.link.errors import ProtocolError
from instruments.link.message import Message, done, query, write
from instruments.link.scpi import list_messages, number, table
from instruments.plan import PairPlan
from instruments.smu.b2900_words import EVENTS, LIMITED, MARGIN, TRANSIENT_IDLE, stamp_resolution
from instruments.smu.capability import (
    READOUT,
    TickList,
    aperture,
    check_points,
    left_of,
    no_readings,
    readings,
    sourced,
    status_words,
)
from instruments.smu.driver import ChannelSettings, Readings, Spec, before_output
from instruments.smu.timing import measured_times
from instruments.smu.together import PulsePair, gathered, lasts, row_of, together

BOTH = (1, 2)
START = "(@1,2)"


def shortest_tick(spec: Spec, settings: ChannelSettings) -> float:
    """Shortest step of a list at which there is a measurement, s."""
    return max(spec.width_measured, aperture(settings) + MARGIN)


def off() -> tuple[str, ...]:
    """Stop the triggers; both to 0 V in one message, then both off."""
    return (f":ABOR {START}", ":SOUR1:VOLT 0;:SOUR2:VOLT 0", ":OUTP1 OFF;:OUTP2 OFF")


def play(spec: Spec, plan: PairPlan, settings: ChannelSettings, standing: Message) -> tuple[Message, ...]:
    """Messages of a train; the `standing` question comes last before the outputs go on."""
    form = together(spec, plan, settings, shortest_tick(spec, settings))
    measured = _measured(plan)
    if isinstance(form, PulsePair):
        check_points(spec, form.count + 1, "pairs of pulses and an end")
    count = _count(form)
    setup = [message for c in BOTH for message in _channel(spec, form, c, settings, bool(measured))]
    on = ":OUTP1 ON;:OUTP2 ON"
    end = (done(plan.total), write(":OUTP1 OFF;:OUTP2 OFF"))
    if not measured:
        return (
            *map(write, setup),
            # Reading the events forgets those of the train before.
            before_output(standing, query(EVENTS)),
            write(f"{on};:INIT:TRAN {START}"),
            *end,
            query(EVENTS),
        )
    return (
        *map(write, setup),
        before_output(standing),
        write(f"{on};:INIT {START}"),
        *end,
        *(query(f":FETC:ARR? (@{c})", patience=READOUT * count) for c in measured),
    )


def parse(
    spec: Spec, plan: PairPlan, settings: ChannelSettings, replies: Sequence[str], v_ranges: Sequence[float]
) -> Readings:
    """Readings of both channels from the answers to `play`; tripped are bits 1 and 2 of the status word."""
    form, measured = together(spec, plan, settings, shortest_tick(spec, settings)), _measured(plan)
    if not measured:
        events = status_words(table(replies[-1], 1, 1, EVENTS)[0], EVENTS)[0]
        if not all(events & 1 << TRANSIENT_IDLE[c] for c in BOTH):
            raise ProtocolError(f"the train was not played on both channels: '{EVENTS}' answers {events}")
        return gathered(plan, {})
    found: dict[int, tuple[NDArray[np.int64], Readings]] = {}
    for reply, channel in zip(replies[len(replies) - len(measured) :], measured, strict=True):
        ends, level, wanted, at = _expected(form, plan, channel)
        values = table(reply, len(ends), 4, ":FETC:ARR?")
        sourced(values[:, 3], level, v_ranges[channel - 1], ":FETC:ARR?")
        stamp = values[:, 1]
        shown = stamp - stamp[0] + ends[0]
        time = measured_times(shown, ends, settings, spec.model, stamp_resolution(stamp))[wanted]
        current, _, status, voltage = values[wanted].T
        tripped = (status_words(status, ":FETC:ARR?") & LIMITED) != 0
        stamps = float(stamp[0]), float(stamp[-1])
        found[channel] = at, readings(current, voltage, time, tripped, stamps=stamps)
    return gathered(plan, found) if found else no_readings()


def margins(spec: Spec, plan: PairPlan, settings: ChannelSettings) -> tuple[float, float]:
    """One more pair of pulses, of 0 V, after a train of pulses; a tick after a list that is measured to its end."""
    form = together(spec, plan, settings, shortest_tick(spec, settings))
    if isinstance(form, PulsePair):
        return 0.0, form.missing + max(pulse.end for pulse in form.pulses)
    return 0.0, lasts(form, plan) - plan.total


def _channel(
    spec: Spec, form: PulsePair | TickList, c: int, settings: ChannelSettings, measured: bool
) -> Sequence[str]:
    """Shape, list and triggers of one channel."""
    if isinstance(form, PulsePair):
        pulse = form.pulses[c - 1]
        period, end, levels = form.period, pulse.end, np.array([*pulse.levels, 0.0])
        shape = [
            f":SOUR{c}:FUNC:SHAP PULS",
            f":SOUR{c}:PULS:DEL {number(pulse.offset)}",
            f":SOUR{c}:PULS:WIDT {number(pulse.width)}",
        ]
        width = pulse.width
    else:
        period = end = width = form.tick
        levels, shape = form.level[:, c - 1], [f":SOUR{c}:FUNC:SHAP DC"]
    lines = [
        f":SOUR{c}:VOLT 0",
        *shape,
        f":SOUR{c}:VOLT:MODE LIST",
        *list_messages(f":SOUR{c}:LIST:VOLT", levels),
        f":TRIG{c}:ALL:SOUR TIM",
        f":TRIG{c}:ALL:TIM {number(period)}",
        f":TRIG{c}:ALL:COUN {len(levels)}",
        f":TRIG{c}:TRAN:DEL 0",
    ]
    if measured:
        wait = left_of(width, aperture(settings) + MARGIN, spec, "a measurement")
        lines.append(f":TRIG{c}:ACQ:DEL {number(end - width + wait)}")
    return lines


def _expected(
    form: PulsePair | TickList, plan: PairPlan, channel: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:
    """Times and source voltages of all readings of a channel, which of them are wanted, and rows of the plan's."""
    if isinstance(form, PulsePair):
        pulse = form.pulses[channel - 1]
        ends = np.arange(form.count + 1, dtype=np.float64) * form.period + pulse.end
        level = np.array([*pulse.levels, 0.0])
        return ends, level, np.arange(form.count), row_of(plan, form, channel)
    ends = form.tick * np.arange(1, len(form.level) + 1, dtype=np.float64)
    return ends, form.level[:, channel - 1], form.last, np.arange(len(form.last))


def _count(form: PulsePair | TickList) -> int:
    return form.count + 1 if isinstance(form, PulsePair) else len(form.level)


def _measured(plan: PairPlan) -> tuple[int, ...]:
    """Channels whose currents are read."""
    return tuple(k for k in BOTH if plan.measure[:, k - 1].any())
