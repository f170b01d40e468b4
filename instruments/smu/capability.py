"""Checks settings and trains against what a model of instrument can do, and cuts trains into the ticks it plays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hil.limits import GRID_TOLERANCE, LimitError
from instruments.link.errors import ProtocolError
from instruments.link.message import Message, confirm
from instruments.link.scpi import OVERFLOW, number
from instruments.plan import Plan, PulseTrain
from instruments.smu.driver import ChannelSettings, Readings, Spec

SLACK = 1e-9
"""How much of itself a value may exceed a limit by: rounding of float64 and of nine digits on the wire."""

MAINS = "give what it has, line_frequency=50 or 60"
"""What to do about another line frequency."""

READOUT = 1e-3
"""Time that an instrument on a network may take to send one reading, s."""


@dataclass(frozen=True, eq=False)
class TickList:
    """A plan as a list of equal ticks.

    Attributes
    ----------
    tick : float
        Length of every tick, s.
    level : (N,) array
        Voltage of every tick, V.
    last : (K,) array of int
        Index of the last tick of every measured step.
    """

    tick: float
    level: NDArray[np.float64]
    last: NDArray[np.int64]


def smallest_range(ranges: Sequence[float], value: float, name: str, unit: str) -> float:
    """Smallest of ascending `ranges` that holds `value`.

    Raises
    ------
    LimitError
        If none does.
    """
    for upper in ranges:
        if value <= upper * (1 + SLACK):
            return upper
    raise LimitError(f"{name} {value:g} {unit} is beyond the largest range, {ranges[-1]:g} {unit}")


def check_settings(spec: Spec, settings: ChannelSettings) -> None:
    """Refuse settings that the model does not have.

    Raises
    ------
    LimitError
        Naming field, value and range.
    """
    nplc = spec.nplc
    for name, value, low, high, unit in (
        ("compliance", settings.compliance, spec.i_min, spec.i_max, " A"),
        ("v_peak", settings.v_peak, 0.0, spec.v_max, " V"),
        ("nplc", settings.nplc, *nplc, ""),
        ("line_frequency", settings.mains, 45.0, 65.0, " Hz"),
    ):
        if not low * (1 - SLACK) <= value <= high * (1 + SLACK):
            raise LimitError(f"{name} {value:g}{unit}: a {spec.model} has {low:g}{unit} .. {high:g}{unit}")
    if settings.channel not in range(1, spec.channels + 1):
        raise LimitError(f"channel {settings.channel}: a {spec.model} has channels 1 .. {spec.channels}")
    if settings.terminals is not None and settings.terminals not in spec.terminals:
        known = " or ".join(spec.terminals) or "one set of terminals, leave it out"
        raise LimitError(f"terminals = {settings.terminals}: a {spec.model} has {known}")
    required_overvoltage(spec, settings)
    for v_corner, i_corner in spec.envelope:
        if settings.v_peak <= v_corner * (1 + SLACK):
            if settings.compliance > i_corner * (1 + SLACK):
                raise LimitError(
                    f"compliance {settings.compliance:g} A: up to {v_corner:g} V a {spec.model} gives {i_corner:g} A "
                    f"at most, v_peak is {settings.v_peak:g} V"
                )
            return


def check_channels(spec: Spec, settings: ChannelSettings) -> None:
    """Refuse settings of all channels of a session that the model does not have.

    Raises
    ------
    LimitError
        Naming field, value and range; with two channels also where a lost sense lead of one is beyond what the user
        has accepted, for the other may be at `v_peak` of the other sign.
    """
    for each in settings.each:
        check_settings(spec, each)
    first, second = settings, settings.second
    if second is None:
        return
    if {first.channel, second.channel} != {1, 2}:
        raise LimitError(f"channels {first.channel} and {second.channel}: two channels are 1 and 2 of one instrument")
    most, total = max(first.v_peak, second.v_peak), first.compliance + second.compliance
    corner = next((i for v, i in spec.shared if most <= v * (1 + SLACK)), None)
    if corner is not None and total > corner * (1 + SLACK):
        raise LimitError(
            f"compliance {total:g} A of both channels: at {most:g} V a {spec.model} gives {corner:g} A in all"
        )
    for one, other in ((first, second), (second, first)):
        step = required_overvoltage(spec, one)
        worst = 0.0 if not one.four_wire else (spec.v_max if step is None else step) + other.v_peak
        if worst > max(one.overvoltage, 0.0) * (1 + SLACK):
            raise LimitError(
                f"four_wire with two channels: a sense lead of channel {one.channel} that comes off puts up to "
                f"{worst:g} V between the terminals; accept it with overvoltage={worst:g}, or sense with two wires"
            )


def check_plan(spec: Spec, plan: Plan, settings: ChannelSettings) -> None:
    """Refuse a plan with a voltage or a duration that model or settings do not allow, or off the model's time step.

    Raises
    ------
    LimitError
        Naming the first such step, its value and what is allowed.
    """
    check_settings(spec, settings)
    highest = float(number(settings.v_peak))
    for high in np.flatnonzero(np.abs(plan.level) > highest):
        if abs(float(number(plan.level[high]))) > highest:
            raise LimitError(
                f"step {high}: {plan.level[high]:.9g} V is beyond v_peak {highest:.9g} V, for which the range was fixed"
            )
    slack = GRID_TOLERANCE * spec.time_step
    for kind, steps, shortest in (
        ("", np.ones(len(plan), dtype=bool), spec.width_min),
        (" measured", plan.measure, spec.width_measured),
    ):
        short = steps & (plan.duration < shortest - slack)
        if short.any():
            t = int(np.flatnonzero(short)[0])
            raise LimitError(
                f"step {t}: {plan.duration[t]:g} s is too short, a{kind} step of a {spec.model} takes {shortest:g} s "
                "at least"
            )
    long = plan.duration > spec.width_max + slack
    if long.any():
        t = int(np.flatnonzero(long)[0])
        raise LimitError(
            f"step {t}: {plan.duration[t]:g} s is too long, a step of a {spec.model} takes {spec.width_max:g} s at most"
        )
    plan.ticks(spec.time_step)


def check_points(spec: Spec, needed: int, what: str) -> None:
    """Refuse a train of more points than the model holds.

    Raises
    ------
    LimitError
        Naming the points needed and available, and what to do.
    """
    if needed > spec.points:
        raise LimitError(
            f"{needed} points are needed ({what}), a {spec.model} has {spec.points}: play it in parts, or use "
            "durations with a larger common divisor"
        )


def tick_list(spec: Spec, plan: Plan, shortest: float = 0.0) -> TickList:
    """Cut a plan into its longest equal ticks.

    Where `shortest` is given, s, the ticks are at least two, so that the second reading tells how long a tick is: a
    single one is cut in halves that are no shorter, or goes on at 0 V for another tick.

    Raises
    ------
    LimitError
        If a duration is no multiple of the model's time step, or there are more ticks than the model's points.
    """
    tick, repeats = plan.ticks(spec.time_step)
    total = int(repeats.sum())
    check_points(spec, total, f"ticks of {tick:g} s in {plan.total:g} s")
    level = np.repeat(plan.level, repeats)
    if shortest and total == 1:
        if not after_single_tick(spec, plan, shortest):
            return TickList(tick / 2, np.repeat(level, 2), np.ones(int(plan.measure.sum()), dtype=np.int64))
        level = np.append(level, 0.0)
    return TickList(tick, level, np.cumsum(repeats)[plan.measure] - 1)


def after_single_tick(spec: Spec, plan: Plan, shortest: float) -> float:
    """Time at 0 V that `tick_list` adds to a plan of one tick, s; 0 where the tick can be cut, or there are more."""
    tick, repeats = plan.ticks(spec.time_step)
    if int(repeats.sum()) > 1:
        return 0.0
    halves = round(tick / spec.time_step) % 2 == 0 and tick / 2 >= shortest * (1 - SLACK)
    return 0.0 if halves else tick


def regular_train(plan: Plan) -> PulseTrain | None:
    """Describe a plan as a regular train for an instrument's own pulses; None if it is none.

    Pulse machinery waits at the base until the first pulse begins, so a base beyond the pulses (pulses towards 0 V) is
    none either: it would be held for a while that nobody asked for.
    """
    pulses = plan.pulses()
    return pulses if pulses is not None and abs(pulses.base) < abs(pulses.level) else None


def aperture(settings: ChannelSettings) -> float:
    """Integration time of a measurement, s."""
    return settings.nplc / settings.mains


def left_of(tick: float, needed: float, spec: Spec, what: str) -> float:
    """Time that is left of a tick once `needed` s are taken from it, s; rounding to below 1 ns is 0.

    Raises
    ------
    LimitError
        If the tick is shorter; `what` says what takes the time.
    """
    rest = tick - needed
    if rest < -1e-9:
        raise LimitError(
            f"a tick of {tick:g} s is too short for a {spec.model}: {what} takes {needed:g} s; lengthen the steps, "
            "give them a larger common divisor, or lower nplc"
        )
    return max(rest, 0.0)


class Places(NamedTuple):
    """Which of an instrument's readings were asked for, and the time and the source voltage of every reading.

    Attributes
    ----------
    wanted : (K,) array of int
        Which readings the plan asks for.
    ends : (N,) array
        Time of every reading since the train began, s.
    level : (N,) array
        Source voltage of every reading, V.
    """

    wanted: NDArray[np.int64]
    ends: NDArray[np.float64]
    level: NDArray[np.float64]


def places(spec: Spec, plan: Plan, pulses: PulseTrain | None, shortest: float = 0.0) -> Places:
    """Places of the readings of a list sweep (see `tick_list`), or of `pulses` that are measured one by one."""
    if pulses is not None:
        ends = np.arange(pulses.repeats, dtype=np.float64) * pulses.period + pulses.width
        return Places(np.arange(pulses.repeats), ends, np.full(pulses.repeats, pulses.level))
    ticks = tick_list(spec, plan, shortest)
    return Places(ticks.last, ticks.tick * np.arange(1, len(ticks.level) + 1, dtype=np.float64), ticks.level)


def no_readings() -> Readings:
    """Readings of a plan that measures nothing."""
    return Readings(np.zeros(0), np.zeros(0), np.zeros(0), np.zeros(0, dtype=bool))


def readings(
    current: NDArray[np.float64],
    voltage: NDArray[np.float64],
    time: NDArray[np.float64],
    tripped: NDArray[np.bool_],
    over: NDArray[np.bool_] | None = None,
    stamps: tuple[float, float] = (np.nan, np.nan),
) -> Readings:
    """Build `Readings` from an answer: where the measure range was too small, the current is NaN and marked as tripped.

    The measure range is fixed to hold the compliance. So a reading beyond the range belongs to a source at its limit,
    whose overshoot the converter saw: it has no value, and counts as tripped. What an instrument answers in place of a
    number beyond the range differs (9.9E+37 and 9.91E+37 in SCPI-99, 7.2.1; either in manuals), so any such is one.

    Parameters
    ----------
    current, voltage, time : (K,) array
        As answered, A, V; s since the train began.
    tripped : (K,) array of bool
        What the instrument says of its source.
    over : (K,) array of bool, optional
        Where it says that its range was too small.
    stamps : (float, float)
        See `Readings`.
    """
    none = ~np.isfinite(current) | (np.abs(current) >= OVERFLOW * (1 - SLACK))
    if over is not None:
        none |= over
    return Readings(np.where(none, np.nan, current), voltage, time, tripped | none, stamps)


def status_words(values: NDArray[np.float64], what: str) -> NDArray[np.int64]:
    """Whole numbers of a column of status words.

    Raises
    ------
    ProtocolError
        If one is no number of a register.
    """
    bad = ~((values >= 0) & (values < 2**32))
    if bad.any():
        raise ProtocolError(f"'{what}': '{values[bad][0]:g}' is no status word")
    return values.astype(np.int64)


def sourced(voltage: NDArray[np.float64], level: NDArray[np.float64], full_scale: float, what: str) -> None:
    """Check that the source voltages which an instrument reports are those that were asked for.

    They may differ by 0.1 % of the range: the rounding of a converter, not the step from one level to another list's.

    Raises
    ------
    ProtocolError
        If another voltage was sourced: a message was lost, or somebody else changed the list.
    """
    bad = ~(np.abs(voltage - level) <= 1e-3 * full_scale + 1e-6 * np.abs(level))
    if bad.any():
        k = int(np.flatnonzero(bad)[0])
        raise ProtocolError(f"'{what}': reading {k + 1} is of a source at {voltage[k]:g} V, not at {level[k]:g} V")


def required_overvoltage(spec: Spec, settings: ChannelSettings) -> float | None:
    """Step of the overvoltage protection for remote sensing, V; None for none, where it is not used or there is none.

    A sense lead that comes off lets the source raise its voltage up to the protection, or to all that it has.

    Raises
    ------
    LimitError
        If that is beyond the sample's largest voltage, and the user has not accepted it.
    """
    if not settings.four_wire:
        return None
    step = next((s for s in spec.overvoltage if s >= settings.v_peak * (1 - SLACK)), None)
    worst = spec.v_max if step is None else step
    if worst > max(settings.v_peak, settings.overvoltage) * (1 + SLACK):
        steps = ", ".join(f"{s:g}" for s in spec.overvoltage) or "none"
        raise LimitError(
            f"four_wire: a sense lead that comes off lets a {spec.model} raise the voltage to {worst:g} V, beyond "
            f"v_max = {settings.v_peak:g} V (steps of its overvoltage protection, V: {steps}); accept it with "
            f"overvoltage={worst:g}, or sense with two wires"
        )
    return step


def terminals(header: str, settings: ChannelSettings) -> list[str]:
    """Message that selects the terminals, which a reset brings to the front; none where there is no choice."""
    return [] if settings.terminals is None else [f"{header} {settings.terminals.upper()[:4]}"]


def which_terminals(question: str, settings: ChannelSettings) -> list[Message]:
    """Ask which terminals are in use; nothing where there is no choice."""
    if settings.terminals is None:
        return []
    word = settings.terminals.upper()
    return [confirm(question, f"{word[:4]}|{word}", hint="give those that the sample is on, terminals=front or rear")]
