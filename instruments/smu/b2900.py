"""Keysight B2900A: list sweeps on the trigger timer, and pulses of the source's own pulse shape.

Manuals: B2910-90030 (SCPI Command Reference) and the User's Guide, edition 5; `:OUTP:ON:AUTO`, `:OUTP:OFF:AUTO` and
`:OUTP:OFF:MODE` as in the B2961A's reference (4-66, 4-67), whose command set is the same.

Timing. The trigger timer moves the source once per tick or period, exact to its microsecond; a regular train with a
base of 0 V uses `:SOUR:FUNC:SHAP PULS` with the programmed width (10 % leading to 90 % trailing edge, UG 6-7), any
other plan a DC list of equal ticks. The measurement starts aperture + `MARGIN` before the end of the pulse or tick. A
train would end with its last pulse, so a further one of 0 V is triggered at its end: the rest after the last pulse is
played, and one width at 0 V more.

Safety. `:OUTP:ON:AUTO 0`, else a trigger would switch the output on; `:OUTP:OFF:AUTO 1`, so that the instrument
switches it off itself when the train is over. On, and start, are one message. `*RST` resets both channels, so where
there are two the settings of one are sent instead. `:FETC:ARR?` answers with older readings where a start was lost: the
instrument's clock is never reset in a session, so that their stamps tell; a train without readings must leave the
event of an idle channel.

Never run on hardware.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from instruments.link.errors import ProtocolError
from instruments.link.message import Message, confirm, done, query, together, write
from instruments.link.scpi import list_messages, number, table
from instruments.plan import PairPlan, Plan, PulseTrain
from instruments.smu import b2900_pair
from instruments.smu.b2900_words import EVENTS, LIMITED, MARGIN, TRANSIENT_IDLE, stamp_resolution
from instruments.smu.capability import (
    READOUT,
    after_single_tick,
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
from instruments.smu.driver import ChannelSettings, Family, Readings, Spec, before_output
from instruments.smu.scpi import ScpiDriver
from instruments.smu.timing import measured_times
from instruments.smu.together import with_reads

ELEMENTS = "CURR,TIME,STAT,SOUR"
"""What a reading holds; the instrument sends it in this order."""

B2901A = Spec(
    model="B2901A",
    identities=("B2901A",),
    v_max=200.0,
    i_max=3.0,
    i_min=1e-8,
    v_step=1e-4,
    width_min=5e-5,
    width_measured=1e-3,
    width_max=1e5,
    time_step=1e-6,
    points=2500,
    channels=1,
    v_ranges=(0.2, 2.0, 20.0, 200.0),
    i_ranges=(1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0, 1.5, 3.0),
    source="UG ed. 5, 6-7: pulses of 50 us .. 100 000 s; B2910-90030: lists of 2500; measured steps from 1 ms as other "
    "drivers found (an acquisition delay of 0.5 to 0.75 ms is needed for settling); DC area only; v_step of the 20 V "
    "range; i_min taken high",
    envelope=((6.0, 3.0), (20.0, 1.5), (200.0, 0.1)),
    nplc=(4e-4, 100.0),
)
"""B2901A, 200 V and 3 A."""

B2902A = replace(
    B2901A, model="B2902A", identities=("B2902A",), channels=2, edges_min=1e-5, shared=((6.0, 4.0), (21.0, 2.5))
)
"""B2902A: two channels, whose currents have a common limit (B2961A's reference, table 2-5)."""

B2911A = replace(
    B2901A, model="B2911A", identities=("B2911A",), v_step=1e-5, i_min=1e-9, i_ranges=(1e-8, *B2901A.i_ranges)
)
"""B2911A: finer ranges."""

B2912A = replace(
    B2911A, model="B2912A", identities=("B2912A",), channels=2, edges_min=B2902A.edges_min, shared=B2902A.shared
)
"""B2912A: two channels of a B2911A."""

SERIES_B = tuple(
    replace(
        one, model=one.model.replace("A", "B"), identities=(one.model.replace("A", "B"),),
        source=f"as the {one.model}, whose commands it takes; its own data sheet was not at hand",
    )
    for one in (B2901A, B2902A, B2911A, B2912A)
)  # fmt: skip
"""The series that is sold now, with the figures of the one before."""


class KeysightB2900(ScpiDriver):
    """B2901A, B2902A, B2911A, B2912A, and the same of the B series, in SCPI."""

    error_query: ClassVar[str] = ":SYST:ERR?"
    function: ClassVar[str] = "{sour}:FUNC:MODE?"
    remote: ClassVar[str] = "{sens}:REM?"
    limit: ClassVar[str] = "{sens}:CURR:PROT?"

    questions: ClassVar[Mapping[str, str]] = {"line_frequency": ":SYST:LFR?"}

    def off(self, settings: ChannelSettings) -> tuple[str, ...]:
        """Stop the triggers, output off, 0 V."""
        if settings.second is not None:
            return b2900_pair.off()
        channels = self._own(settings)
        return (
            f":ABOR (@{','.join(map(str, channels))})",
            *(f":OUTP{c} OFF" for c in channels),
            *(f":SOUR{c}:VOLT 0" for c in channels),
        )

    def _own(self, settings: ChannelSettings) -> Sequence[int]:
        """Channels that are reset and switched off."""
        return range(1, self.spec.channels + 1) if settings.all_channels else (settings.channel,)

    def prepare(self, settings: ChannelSettings) -> tuple[Message, ...]:
        """Set every channel up with the output off; ranges before the limit, and the limit read back."""
        used = [each.channel for each in settings.each]
        whole = settings.all_channels or self.spec.channels == len(used)
        setup = [
            *(f":OUTP{c} OFF" for c in used),
            *(("*RST",) if whole else _reset(settings.channel)),
            *(line for each in settings.each for line in self._setup(each)),
            ":FORM:DATA ASC",
            f":FORM:ELEM:SENS {ELEMENTS}",
            ":SYST:TIME:TIM:COUN:RES:AUTO 0",
        ]
        return (*map(write, setup), self.standing(settings))

    def _setup(self, settings: ChannelSettings) -> Sequence[str]:
        """Messages that set one channel up."""
        source, measure = self._ranges(settings)
        c = settings.channel
        return (
            f":OUTP{c}:ON:AUTO 0",
            f":OUTP{c}:OFF:AUTO 1",
            f":OUTP{c}:OFF:MODE NORM",
            f":OUTP{c}:PROT 0",
            f":SOUR{c}:FUNC:MODE VOLT",
            f":SOUR{c}:FUNC:TRIG:CONT 0",
            f":SOUR{c}:VOLT:RANG:AUTO 0",
            f":SOUR{c}:VOLT:RANG {number(source)}",
            f":SOUR{c}:VOLT 0",
            f":SOUR{c}:WAIT 0",
            f":SENS{c}:FUNC:OFF:ALL",
            f':SENS{c}:FUNC "CURR"',
            f":SENS{c}:REM {int(settings.four_wire)}",
            f":SENS{c}:WAIT 0",
            f":SENS{c}:CURR:RANG:AUTO 0",
            f":SENS{c}:CURR:RANG {number(measure)}",
            f":SENS{c}:CURR:PROT {number(settings.compliance)}",
            f":SENS{c}:CURR:NPLC {number(settings.nplc)}",
        )

    def standing(self, settings: ChannelSettings) -> Message:
        """Ask for function, sensing, ranges, limit, integration time, elements, mains and output of every channel."""
        asked: list[Message] = []
        for each in settings.each:
            more = confirm(":FORM:ELEM:SENS?", ELEMENTS), confirm(f":OUTP{each.channel}:ON:AUTO?", 0.0)
            asked += self._standing(each, *self._ranges(each), more=more).parts
        return together(*asked)

    def is_off(self, settings: ChannelSettings) -> Message:
        """Ask for the state of every output."""
        if settings.second is None:
            return super().is_off(settings)
        return together(*(super(KeysightB2900, self).is_off(each) for each in settings.each))

    def reads(self, plan: PairPlan, settings: ChannelSettings) -> PairPlan:
        """Both channels, in a list or in pulses that are alike; else each at the end of its own pulse."""
        return with_reads(self.spec, plan, settings, b2900_pair.shortest_tick(self.spec, settings))

    def play_pair(self, plan: PairPlan, settings: ChannelSettings) -> tuple[Message, ...]:
        """See `instruments.smu.b2900_pair`."""
        return b2900_pair.play(self.spec, plan, settings, self.standing(settings))

    def parse_pair(self, plan: PairPlan, settings: ChannelSettings, replies: Sequence[str]) -> Readings:
        """Readings of both channels."""
        ranges = [self._ranges(each)[0] for each in settings.each]
        return b2900_pair.parse(self.spec, plan, settings, replies, ranges)

    def margins_pair(self, plan: PairPlan, settings: ChannelSettings) -> tuple[float, float]:
        """One more pair of pulses, of 0 V, after a train of pulses."""
        return b2900_pair.margins(self.spec, plan, settings)

    def _suffix(self, settings: ChannelSettings) -> str:
        return str(settings.channel)

    def _ranges(self, settings: ChannelSettings) -> tuple[float, float]:
        """Source range (V) and measure range (A)."""
        check_settings(self.spec, settings)
        return (
            smallest_range(self.spec.v_ranges, settings.v_peak, "v_peak", "V"),
            smallest_range(self.spec.i_ranges, settings.compliance, "compliance", "A"),
        )

    def play(self, plan: Plan, settings: ChannelSettings) -> tuple[Message, ...]:
        """Pulses for a regular train from 0 V, a DC list for anything else; measured only where the plan wants it."""
        check_plan(self.spec, plan, settings)
        c, pulses, measured = settings.channel, _from_zero(plan), bool(plan.measure.any())
        if pulses is None:
            ticks = tick_list(self.spec, plan, self._shortest_tick(settings) if measured else 0.0)
            period, width, levels = ticks.tick, ticks.tick, ticks.level
            shape = [f":SOUR{c}:FUNC:SHAP DC"]
        else:
            check_points(self.spec, pulses.repeats + 1, "pulses and an end")
            period, width, levels = pulses.period, pulses.width, _with_end(pulses)
            shape = [f":SOUR{c}:FUNC:SHAP PULS", f":SOUR{c}:PULS:DEL 0", f":SOUR{c}:PULS:WIDT {number(width)}"]
        setup = [
            f":SOUR{c}:VOLT 0",
            *shape,
            f":SOUR{c}:VOLT:MODE LIST",
            *list_messages(f":SOUR{c}:LIST:VOLT", levels),
            f":TRIG{c}:ALL:SOUR TIM",
            f":TRIG{c}:ALL:TIM {number(period)}",
            f":TRIG{c}:ALL:COUN {len(levels)}",
            f":TRIG{c}:TRAN:DEL 0",
        ]
        if not measured:
            return (
                *map(write, setup),
                # Reading the events forgets those of the train before.
                before_output(self.standing(settings), query(EVENTS)),
                write(f":OUTP{c} ON;:INIT:TRAN (@{c})"),
                done(plan.total),
                write(f":OUTP{c} OFF"),
                query(EVENTS),
            )
        wait = left_of(width, aperture(settings) + MARGIN, self.spec, "a measurement")
        return (
            *map(write, setup),
            write(f":TRIG{c}:ACQ:DEL {number(wait)}"),
            before_output(self.standing(settings)),
            write(f":OUTP{c} ON;:INIT (@{c})"),
            done(plan.total),
            write(f":OUTP{c} OFF"),
            query(f":FETC:ARR? (@{c})", patience=READOUT * len(levels)),
        )

    def margins(self, plan: Plan, settings: ChannelSettings) -> tuple[float, float]:
        """One more pulse, of 0 V, after a regular train; a tick after a single one that is measured."""
        pulses = _from_zero(plan)
        if pulses is not None:
            return 0.0, pulses.width
        shortest = self._shortest_tick(settings)
        return 0.0, after_single_tick(self.spec, plan, shortest) if plan.measure.any() else 0.0

    def _shortest_tick(self, settings: ChannelSettings) -> float:
        """Shortest tick at which there is a measurement, s."""
        return max(self.spec.width_measured, aperture(settings) + MARGIN)

    def parse(self, plan: Plan, settings: ChannelSettings, replies: Sequence[str]) -> Readings:
        """Readings of the measured steps; tripped are bits 1 and 2 of the status word."""
        if not plan.measure.any():
            events = status_words(table(replies[-1], 1, 1, EVENTS)[0], EVENTS)[0]
            if not events & 1 << TRANSIENT_IDLE[settings.channel]:
                raise ProtocolError(f"the train was not played: '{EVENTS}' answers {events}")
            return no_readings()
        pulses = _from_zero(plan)
        wanted, ends, level = places(self.spec, plan, pulses, self._shortest_tick(settings))
        if pulses is not None:
            ends, level = np.append(ends, ends[-1] + pulses.period), np.append(level, 0.0)
        values = table(replies[-1], len(ends), 4, ":FETC:ARR?")
        sourced(values[:, 3], level, self._ranges(settings)[0], ":FETC:ARR?")
        stamp = values[:, 1]
        shown = stamp - stamp[0] + ends[0]
        time = measured_times(shown, ends, settings, self.spec.model, stamp_resolution(stamp))[wanted]
        current, _, status, voltage = values[wanted].T
        word = status_words(status, ":FETC:ARR?")
        stamps = float(stamp[0]), float(stamp[-1])
        return readings(current, voltage, time, (word & LIMITED) != 0, stamps=stamps)


def _reset(c: int) -> tuple[str, ...]:
    """What ``*RST`` does to a channel's triggers and shape, without the other channel."""
    return (
        f":ABOR (@{c})",
        f":SOUR{c}:FUNC:SHAP DC",
        f":SOUR{c}:VOLT:MODE FIX",
        f":ARM{c}:ALL:SOUR AINT",
        f":ARM{c}:ALL:COUN 1",
        f":ARM{c}:ALL:DEL 0",
        f":TRIG{c}:ALL:DEL 0",
    )


def _with_end(pulses: PulseTrain) -> NDArray[np.float64]:
    """List the pulses' levels and, after them, 0 V, whose trigger comes when the last rest is over."""
    return np.append(np.full(pulses.repeats, pulses.level), 0.0)


def _from_zero(plan: Plan) -> PulseTrain | None:
    """Describe a regular train whose base is 0 V, the level that its end is at."""
    pulses = regular_train(plan)
    return pulses if pulses is not None and pulses.base == 0 else None


FAMILY = Family(KeysightB2900, (B2901A, B2902A, B2911A, B2912A, *SERIES_B))
