"""What is asked of a model, held against what it can do, before a message is made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hil.limits import GRID_TOLERANCE, LimitError
from instruments.errors import ProtocolError
from instruments.plan import Plan, Pulses
from instruments.scpi import NOT_A_NUMBER, OVERFLOW, number
from instruments.smu.driver import Readings, Settings, Spec

SLACK = 1e-9
"""How much of itself a value may exceed a limit by: rounding of float64 and of nine digits on the wire."""

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


def check_settings(spec: Spec, settings: Settings) -> None:
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
        ("line_frequency", settings.line_frequency, 45.0, 65.0, " Hz"),
    ):
        if not low * (1 - SLACK) <= value <= high * (1 + SLACK):
            raise LimitError(f"{name} {value:g}{unit}: a {spec.model} has {low:g}{unit} .. {high:g}{unit}")
    if settings.channel not in range(1, spec.channels + 1):
        raise LimitError(f"channel {settings.channel}: a {spec.model} has channels 1 .. {spec.channels}")
    for v_corner, i_corner in spec.envelope:
        if settings.v_peak <= v_corner * (1 + SLACK):
            if settings.compliance > i_corner * (1 + SLACK):
                raise LimitError(
                    f"compliance {settings.compliance:g} A: up to {v_corner:g} V a {spec.model} gives {i_corner:g} A "
                    f"at most, v_peak is {settings.v_peak:g} V"
                )
            return


def check_plan(spec: Spec, plan: Plan, settings: Settings) -> None:
    """Refuse a plan with a voltage or a duration that model or settings do not allow, or off the model's time step.

    Raises
    ------
    LimitError
        Naming the first such step, its value and what is allowed.
    """
    check_settings(spec, settings)
    highest = float(number(settings.v_peak))
    for t in np.flatnonzero(np.abs(plan.level) > highest):
        if abs(float(number(plan.level[t]))) > highest:
            raise LimitError(
                f"step {t}: {plan.level[t]:.9g} V is beyond v_peak {highest:.9g} V, for which the range was fixed"
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


def tick_list(spec: Spec, plan: Plan) -> TickList:
    """Cut a plan into its longest equal ticks.

    Raises
    ------
    LimitError
        If a duration is no multiple of the model's time step, or there are more ticks than the model's points.
    """
    tick, repeats = plan.ticks(spec.time_step)
    total = int(repeats.sum())
    check_points(spec, total, f"ticks of {tick:g} s in {plan.total:g} s")
    return TickList(tick, np.repeat(plan.level, repeats), np.cumsum(repeats)[plan.measure] - 1)


def regular_train(plan: Plan) -> Pulses | None:
    """Describe a plan as a regular train for an instrument's own pulses; None if it is none.

    Pulse machinery waits at the base until the first pulse begins, so a base beyond the pulses (pulses towards 0 V) is
    none either: it would be held for a while that nobody asked for.
    """
    pulses = plan.pulses()
    return pulses if pulses is not None and abs(pulses.base) < abs(pulses.level) else None


def aperture(settings: Settings) -> float:
    """Integration time of a measurement, s."""
    return settings.nplc / settings.line_frequency


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
    """Where the wanted readings stand among all: how many there are, which are wanted, when the first one is, s."""

    count: int
    wanted: NDArray[np.int64]
    first: float


def places(spec: Spec, plan: Plan, pulses: Pulses | None) -> Places:
    """Places of the readings of a list sweep, or of `pulses` that are measured one by one."""
    if pulses is not None:
        return Places(pulses.count, np.arange(pulses.count), pulses.width)
    ticks = tick_list(spec, plan)
    return Places(len(ticks.level), ticks.last, ticks.tick)


def no_readings() -> Readings:
    """Readings of a plan that measures nothing."""
    return Readings(np.zeros(0), np.zeros(0), np.zeros(0), np.zeros(0, dtype=bool))


def since_start(time: NDArray[np.float64], first: float) -> NDArray[np.float64]:
    """Seconds since the train began, from the instrument's stamps of all readings.

    Instruments count from the first reading or from some other event; the first reading is taken to be `first` s after
    the beginning, where the step that it belongs to ends.
    """
    return time - time[0] + first


def readings(
    current: NDArray[np.float64],
    voltage: NDArray[np.float64],
    time: NDArray[np.float64],
    tripped: NDArray[np.bool_],
    settings: Settings,
    missing: float = NOT_A_NUMBER,
) -> Readings:
    """Readings with overflows made sense of.

    The measure range is fixed to hold the compliance. So a reading beyond the range belongs to a source at its limit,
    whose overshoot the converter saw: it becomes the compliance, with the sign of the voltage, and is marked as
    tripped. Where the instrument says that the source was not limited, the answer contradicts itself.

    Parameters
    ----------
    current, voltage, time : (K,) array
        As answered, A, V, s.
    tripped : (K,) array of bool
        What the instrument says of its source.
    settings : Settings
        Whose compliance it is.
    missing : float
        What the instrument answers where there is no reading, A.

    Raises
    ------
    ProtocolError
        For an overflow of an unlimited source, and for a reading that is missing.
    """
    size = np.abs(current)
    absent = ~np.isfinite(current) | (size >= missing * (1 - SLACK))
    if absent.any():
        k = int(np.flatnonzero(absent)[0])
        raise ProtocolError(f"reading {k + 1} of {len(current)} is {current[k]:g}: the instrument has no current there")
    over = size >= OVERFLOW * (1 - SLACK)
    if (over & ~tripped).any():
        k = int(np.flatnonzero(over & ~tripped)[0])
        raise ProtocolError(
            f"reading {k + 1} of {len(current)} exceeds the measure range, which holds the compliance of "
            f"{number(settings.compliance)} A, and the source was not at its limit"
        )
    return Readings(np.where(over, np.copysign(settings.compliance, voltage), current), voltage, time, tripped)
