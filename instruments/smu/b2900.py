"""Keysight B2900A: list sweeps on the trigger timer, and pulses of the source's own pulse shape.

Manuals: B2910-90030 (SCPI Command Reference) and the User's Guide, edition 5; `:OUTP:ON:AUTO`, `:OUTP:OFF:AUTO` and
`:OUTP:OFF:MODE` as in the B2961A's reference (4-66, 4-67), whose command set is the same.

Timing. The trigger timer moves the source once per tick or period, exact to its microsecond; a regular train with a
base of 0 V uses `:SOUR:FUNC:SHAP PULS` with the programmed width (10 % leading to 90 % trailing edge, UG 6-7), any
other plan a DC list of equal ticks. The measurement starts aperture + `MARGIN` before the end of the pulse or tick. A
train would end with its last pulse, so a further one of 0 V is triggered at its end: the rest after the last pulse is
played, and one width at 0 V more.

Safety. `:OUTP:ON:AUTO 0`, else a trigger would switch the output on; `:OUTP:OFF:AUTO 1`, so that the instrument
switches it off itself when the train is over. On, and start, are one message.

Never run on hardware.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from instruments.plan import Plan, Pulses
from instruments.scpi import list_messages, number, parse_error, table
from instruments.smu.capability import (
    READOUT,
    aperture,
    check_plan,
    check_points,
    check_settings,
    left_of,
    no_readings,
    places,
    readings,
    regular_train,
    since_start,
    smallest_range,
    tick_list,
)
from instruments.smu.driver import Driver, Message, Readings, Settings, Spec, confirm, query, write

MARGIN = 2e-5
"""Time that a measurement must end before its step does, s: one shortest trigger interval."""

LIMITED = 0b110
"""Bits of the status word: compliance (B2910-90030, table 1-2)."""

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

B2902A = replace(B2901A, model="B2902A", identities=("B2902A",), channels=2)
"""B2902A: two channels."""

B2911A = replace(
    B2901A, model="B2911A", identities=("B2911A",), v_step=1e-5, i_min=1e-9, i_ranges=(1e-8, *B2901A.i_ranges)
)
"""B2911A: finer ranges."""

B2912A = replace(B2911A, model="B2912A", identities=("B2912A",), channels=2)
"""B2912A: two channels of a B2911A."""


class KeysightB2900(Driver):
    """B2901A, B2902A, B2911A, B2912A in SCPI."""

    error_query: ClassVar[str] = ":SYST:ERR?"
    sync: ClassVar[str] = "scpi"

    def __init__(self, spec: Spec) -> None:
        """Drive the model of `spec`; `off` names the channels that it has."""
        super().__init__(spec)
        channels = range(1, spec.channels + 1)
        listed = ",".join(map(str, channels))
        self.off = (
            f":ABOR (@{listed})",
            *(f":OUTP{c} OFF" for c in channels),
            *(f":SOUR{c}:VOLT 0" for c in channels),
        )

    def identify(self) -> tuple[Message, ...]:
        """Ask whether the instrument is idle; it speaks SCPI alone, so there is no language to ask for."""
        return (confirm("*OPC?", "1"),)

    def prepare(self, settings: Settings) -> tuple[Message, ...]:
        """Set one channel up with the output off; ranges before the limit, and the limit read back."""
        check_settings(self.spec, settings)
        source = smallest_range(self.spec.v_ranges, settings.v_peak, "v_peak", "V")
        measure = smallest_range(self.spec.i_ranges, settings.compliance, "compliance", "A")
        c = settings.channel
        setup = [
            f":OUTP{c} OFF",
            "*RST",
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
            ":FORM:DATA ASC",
            f":FORM:ELEM:SENS {ELEMENTS}",
        ]
        checks = [
            confirm(":SYST:LFR?", settings.line_frequency),
            confirm(f":SOUR{c}:VOLT:RANG?", source),
            confirm(f":SENS{c}:CURR:RANG?", measure),
            confirm(f":SENS{c}:CURR:PROT?", settings.compliance),
            confirm(f":SENS{c}:CURR:NPLC?", settings.nplc),
            confirm(f":OUTP{c}:ON:AUTO?", 0.0),
            confirm(f":OUTP{c}?", 0.0),
        ]
        return (*map(write, setup), *checks)

    def play(self, plan: Plan, settings: Settings) -> tuple[Message, ...]:
        """Pulses for a regular train from 0 V, a DC list for anything else; measured only where the plan wants it."""
        check_plan(self.spec, plan, settings)
        c, pulses, measured = settings.channel, _from_zero(plan), bool(plan.measure.any())
        if pulses is None:
            ticks = tick_list(self.spec, plan)
            period, width, levels = ticks.tick, ticks.tick, ticks.level
            shape = [f":SOUR{c}:FUNC:SHAP DC"]
        else:
            check_points(self.spec, pulses.count + 1, "pulses and an end")
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
                write(f":OUTP{c} ON;:INIT:TRAN (@{c})"),
                query("*OPC?", patience=plan.total),
                write(f":OUTP{c} OFF"),
            )
        wait = left_of(width, aperture(settings) + MARGIN, self.spec, "a measurement")
        return (
            *map(write, setup),
            write(f":TRIG{c}:ACQ:DEL {number(wait)}"),
            write(f":OUTP{c} ON;:INIT (@{c})"),
            query("*OPC?", patience=plan.total),
            write(f":OUTP{c} OFF"),
            query(f":FETC:ARR? (@{c})", patience=READOUT * len(levels)),
        )

    def is_off(self, settings: Settings) -> Message:
        """Ask for the state of the output."""
        return confirm(f":OUTP{settings.channel}?", 0.0)

    def parse(self, plan: Plan, settings: Settings, replies: Sequence[str]) -> Readings:
        """Readings of the measured steps; tripped are bits 1 and 2 of the status word."""
        if not plan.measure.any():
            return no_readings()
        pulses = _from_zero(plan)
        count, wanted, first = places(self.spec, plan, pulses)
        count += pulses is not None
        values = table(replies[-1], count, 4, ":FETC:ARR?")
        time = since_start(values[:, 1], first)[wanted]
        current, _, status, voltage = values[wanted].T
        tripped = (status.astype(np.int64) & LIMITED) != 0
        return readings(current, voltage, time, tripped, settings)

    def parse_error(self, reply: str) -> tuple[int, str] | None:
        """Take ``+0,"No error"`` or ``-222,"Data out of range"`` apart."""
        return parse_error(reply)


def _with_end(pulses: Pulses) -> NDArray[np.float64]:
    """List the pulses' levels and, after them, 0 V, whose trigger comes when the last rest is over."""
    return np.append(np.full(pulses.count, pulses.level), 0.0)


def _from_zero(plan: Plan) -> Pulses | None:
    """Describe a regular train whose base is 0 V, the level that its end is at."""
    pulses = regular_train(plan)
    return pulses if pulses is not None and pulses.base == 0 else None
