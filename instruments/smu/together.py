"""What two channels of an instrument play together, in a form that instruments have: a list of ticks, or pulses.

Pulses of the two channels may begin and end at different times, which needs no list: a start, a width and a measurement
for each. So an instrument's own timers make any delay between the pulses of a pair.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hil.limits import LimitError
from instruments.plan import PairPlan
from instruments.smu.capability import SLACK, TickList, check_plan, check_points, check_settings, tick_list
from instruments.smu.driver import ChannelSettings, Readings, Spec


class Pulse(NamedTuple):
    """The pulse of one channel in every period: its level, V, when it begins and how long it lasts, s; from 0 V."""

    level: float
    offset: float
    width: float

    @property
    def end(self) -> float:
        """When it is over, s."""
        return self.offset + self.width


@dataclass(frozen=True)
class PulsePair:
    """A pulse of each channel, one pair every `period` seconds, `count` times.

    Attributes
    ----------
    pulses : tuple of Pulse
        Of channel 1 and of channel 2.
    period : float
        s.
    count : int
        Pairs.
    measured : (bool, bool)
        Whether the current at the end of a channel's pulse is wanted.
    ends : (int, int)
        Step of a period at whose end a channel's pulse is over.
    steps : int
        Of a plan, in a period.
    """

    pulses: tuple[Pulse, Pulse]
    period: float
    count: int
    measured: tuple[bool, bool]
    ends: tuple[int, int]
    steps: int

    @property
    def alike(self) -> bool:
        """Whether both channels' pulses begin and end together, and there is no more than a rest after them."""
        return self.steps <= 2 and self.pulses[0][1:] == self.pulses[1][1:]

    @property
    def rest(self) -> float:
        """Time after the later pulse of a pair, s."""
        return self.period - max(pulse.end for pulse in self.pulses)


def together(spec: Spec, plan: PairPlan, settings: ChannelSettings, shortest: float) -> PulsePair | TickList:
    """Form in which a plan is played: pairs of pulses where the plan is one or needs it, else a list of ticks.

    Parameters
    ----------
    spec, plan, settings
        What has to be played on what.
    shortest : float
        Shortest tick that the model measures with these settings, s.

    Returns
    -------
    PulsePair or TickList
        A tick list has levels (N, 2).

    Raises
    ------
    LimitError
        If the model can play it in neither form.
    """
    pairs = pulse_pairs(plan)
    if pairs is not None and not _own_ends(plan, pairs):
        pairs = None
    if pairs is not None and pairs.alike:
        return _checked(spec, pairs, settings)
    try:
        return _ticks(spec, plan, settings, shortest)
    except LimitError:
        if pairs is None:
            raise
    return _checked(spec, pairs, settings)


def with_reads(spec: Spec, plan: PairPlan, settings: ChannelSettings, shortest: float) -> PairPlan:
    """The plan with both channels measured wherever any is wanted; of pulses that begin apart, each at its own end.

    Raises
    ------
    LimitError
        If the model can play it in no form.
    """
    both = PairPlan(plan.level, plan.duration, np.repeat(plan.measured[:, None], 2, axis=1))
    pairs = pulse_pairs(plan)
    if pairs is None or pairs.alike:
        together(spec, both, settings, shortest)
        return both
    try:
        _ticks(spec, both, settings, shortest)
    except LimitError:
        wanted = plan.measured.reshape(pairs.count, -1)
        own = np.zeros((pairs.count, pairs.steps, 2), dtype=bool)
        for k, end in enumerate(pairs.ends):
            own[:, end, k] = wanted[:, end]
        apart = PairPlan(plan.level, plan.duration, own.reshape(-1, 2))
        together(spec, apart, settings, shortest)
        return apart
    return both


def pulse_pairs(plan: PairPlan) -> PulsePair | None:
    """Describe a plan as pairs of pulses from 0 V, measured at their ends alone; None if it is none."""
    away = plan.level != 0
    starts = [away[:, k] & ~np.concatenate([[False], away[:-1, k]]) for k in (0, 1)]
    count = max(int(s.sum()) for s in starts)
    if not count or len(plan) % count:
        return None
    shape = (count, -1)
    level, duration = plan.level.reshape(count, -1, 2), plan.duration.reshape(shape)
    measure = plan.measured.reshape(shape)
    if not all((a == a[0]).all() for a in (level, duration, measure)):
        return None
    edges, wanted = np.concatenate([[0.0], np.cumsum(duration[0])]), measure[0]
    found: list[Pulse | None] = []
    ends: list[int] = []
    for k in (0, 1):
        at = np.flatnonzero(level[0, :, k])
        if not len(at):
            found.append(None)
            continue
        first, last = int(at[0]), int(at[-1])
        if len(at) != last - first + 1 or (level[0, at, k] != level[0, first, k]).any():
            return None
        found.append(Pulse(float(level[0, first, k]), float(edges[first]), float(edges[last + 1] - edges[first])))
        ends.append(last)
    # A channel that stays at 0 V has a pulse of 0 V beside the other's.
    other = next(pulse for pulse in found if pulse is not None)
    pulses = [Pulse(0.0, other.offset, other.width) if pulse is None else pulse for pulse in found]
    ends = ends * (3 - len(ends))
    if wanted[[k for k in range(len(wanted)) if k not in ends]].any():
        return None
    own = plan.measure.reshape(count, -1, 2)[0]
    measured = bool(own[ends[0], 0]), bool(own[ends[1], 1])
    period = float(edges[-1])
    return PulsePair((pulses[0], pulses[1]), period, count, measured, (ends[0], ends[1]), len(wanted))


def _own_ends(plan: PairPlan, pairs: PulsePair) -> bool:
    """Whether every channel is measured at the end of its own pulses alone."""
    measure = plan.measure.reshape(pairs.count, -1, 2)[0]
    return all(set(np.flatnonzero(measure[:, k])) <= {pairs.ends[k]} for k in (0, 1))


def _checked(spec: Spec, pairs: PulsePair, settings: ChannelSettings) -> PulsePair:
    """Hold every pulse against the model."""
    check_points(spec, pairs.count, "pairs of pulses")
    for k, (pulse, measured, own) in enumerate(zip(pairs.pulses, pairs.measured, settings.each, strict=True)):
        check_settings(spec, own)
        shortest = spec.width_measured if measured else spec.width_min
        if pulse.width < shortest * (1 - SLACK):
            raise LimitError(
                f"channel {k + 1}: a pulse of {pulse.width:g} s is too short, a {spec.model} takes {shortest:g} s at "
                f"least{' to measure' if measured else ''}"
            )
        for value in (pulse.offset, pulse.width, pairs.period):
            _on_grid(spec, value)
        peak = own.v_peak * (1 + SLACK)
        if abs(pulse.level) > peak:
            raise LimitError(f"channel {k + 1}: {pulse.level:.9g} V is beyond v_peak {own.v_peak:.9g} V")
    return pairs


def _on_grid(spec: Spec, value: float) -> None:
    steps = value / spec.time_step
    if abs(steps - round(steps)) > max(1e-6, abs(steps) * 1e-12):
        raise LimitError(f"{value:.9g} s is not a multiple of {spec.time_step:g} s")


def _ticks(spec: Spec, plan: PairPlan, settings: ChannelSettings, shortest: float) -> TickList:
    """Ticks of both channels; levels are (N, 2).

    A list that is measured ends with its last measurement, a little before the tick does; so another tick of 0 V
    follows where the last one is at a voltage.
    """
    lists = []
    for k, own in enumerate(settings.each, start=1):
        one = plan.channel(k)
        check_plan(spec, one, own)
        lists.append(tick_list(spec, one))
    first, second = lists
    least = max(shortest if plan.measured.any() else 0.0, spec.width_min)
    if first.tick < least * (1 - SLACK):
        raise LimitError(
            f"a tick of {first.tick:g} s is too short for two channels of a {spec.model}, it takes {least:g} s at "
            "least: lengthen the steps, or give them a larger common divisor"
        )
    levels = np.column_stack([first.level, second.level])
    if plan.measure.any() and levels[-1].any():
        levels = np.vstack([levels, np.zeros((1, 2))])
        check_points(spec, len(levels), f"ticks of {first.tick:g} s and an end")
    return TickList(first.tick, levels, first.last)


def lasts(form: PulsePair | TickList, plan: PairPlan) -> float:
    """Length of what is played, s: that of the plan, and of what is added to it."""
    return plan.total if isinstance(form, PulsePair) else max(plan.total, form.tick * len(form.level))


def row_of(plan: PairPlan, pairs: PulsePair, channel: int) -> NDArray[np.int64]:
    """Which of the plan's measured steps the readings of a channel of pulses belong to, (count,)."""
    rows = np.cumsum(plan.measured) - 1
    found: NDArray[np.int64] = rows[np.arange(pairs.count) * pairs.steps + pairs.ends[channel - 1]]
    return found


def gathered(plan: PairPlan, found: dict[int, tuple[NDArray[np.int64], Readings]]) -> Readings:
    """Readings of the steps that are measured, (K, 2), from those of each channel and the rows that they belong to."""
    rows = int(plan.measured.sum())
    current, voltage = np.full((rows, 2), np.nan), plan.level[plan.measured].copy()
    time, tripped = np.cumsum(plan.duration)[plan.measured], np.zeros((rows, 2), dtype=bool)
    stamps = (np.nan, np.nan)
    for channel, (at, own) in found.items():
        k = channel - 1
        current[at, k], voltage[at, k], tripped[at, k], time[at] = own.current, own.voltage, own.tripped, own.time
        stamps = own.stamps
    return Readings(current, voltage, time, tripped, stamps)
