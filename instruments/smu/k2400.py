"""Keithley 2400: list sweeps of source-delay-measure cycles.

Manual: 2400S-900-01 Rev K (User's Manual, chapter 18); page numbers below are its own.

Timing. A step of a sweep is a source-delay-measure cycle: the source moves, `:SOUR:DEL` passes, the current is
measured, and firmware takes `OVERHEAD`. The instrument has no pulse width: the length of a tick is made up of these
parts, of which only the delay (steps of 0.1 ms) and the aperture are programmed, so a tick is right to 0.1 ms at best.
The driver computes the delay that fills the tick; ticks below aperture + `OVERHEAD` are refused. Every tick is
measured, whether wanted or not, and its time stamp (resolution 1 ms, 9-5; 0 when the train leaves idle, 18-116) is held
against the plan. The display is off while a train is played, or the instrument is slower still.

Safety. `:SOUR:CLE:AUTO ON` with mode TCO (18-72) makes the instrument itself switch the output off after the last
point, whatever happens to the program. It is switched on for the train alone, because it also lets a trigger switch
the output on; between trains nothing but `:OUTP ON`, which no driver sends, could.

Never run on hardware.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import ClassVar

from instruments.link.message import Message, confirm, query, write
from instruments.link.scpi import list_messages, number, table
from instruments.plan import Plan
from instruments.smu.capability import (
    aperture,
    check_plan,
    check_settings,
    left_of,
    places,
    readings,
    smallest_range,
    sourced,
    status_words,
    terminals,
    tick_list,
)
from instruments.smu.driver import ChannelSettings, Family, Readings, Spec, before_output
from instruments.smu.scpi import ScpiDriver
from instruments.smu.timing import measured_times

OVERHEAD = 8e-4
"""Trigger latency, source settling and firmware of one cycle, s: the maker's application engineers call about 1 ms a
point the fastest voltage sweep there is (0.01 PLC, no delay, auto-zero and display off)."""

STAMP = 1e-3
"""Resolution of a time stamp, s (9-5)."""

DELAY_STEP = 1e-4
"""Resolution of `:SOUR:DEL`, s: 0 .. 999.9999 (18-91)."""

SERIAL_READOUT = 0.06
"""Time that one reading of some 56 characters may take over a serial line at 9600 baud, s."""

OVP_STEPS = (20.0, 40.0, 60.0, 80.0, 100.0, 120.0, 160.0)
"""Overvoltage limits of a 2400, V (18-81, those of all models 3-12); above them there is none."""

OVERRANGE = 0.06
"""A range answers with its end, 1.05 times its name (:SENS:CURR:RANG is 1.05e-4 after *RST, 18-9 ff.)."""

RANGE_REACH = 1.05
"""How far a range reaches beyond its name (18-68: 105 uA on the 100 uA range)."""

OVERFLOWED = 1
"""Bit of the status word: the measurement was made while in over-range (18-47)."""

IN_COMPLIANCE = 1 << 3
"""Bit of the status word: the source is at its limit (18-47)."""

IN_RANGE_COMPLIANCE = 1 << 16
"""Bit of the status word: it is at the limit that the fixed measure range sets (18-48)."""

K2400 = Spec(
    model="2400",
    identities=("2400", "2400-LV", "2400-C"),
    v_max=200.0,
    i_max=1.0,
    i_min=1e-9,
    v_step=5e-4,
    width_min=1e-3,
    width_measured=1e-3,
    width_max=900.0,
    time_step=DELAY_STEP,
    points=2500,
    channels=1,
    v_ranges=(0.2, 2.0, 20.0, 200.0),
    i_ranges=(1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0),
    source="2400S-900-01 Rev K: 2500 points 18-91, delay 18-91, limits 18-68; v_step of the 20 V range; the cycle's "
    "overhead of 0.8 ms is what its maker's engineers report, not guaranteed",
    envelope=((20.0, 1.0), (200.0, 0.1)),
    terminals=("front", "rear"),
    overvoltage=OVP_STEPS,
)
"""2400, 200 V and 1 A, 20 W."""

K2401 = replace(
    K2400, model="2401", identities=("2401",), v_max=20.0, v_ranges=(0.2, 2.0, 20.0), envelope=(), overvoltage=(20.0,)
)
"""2401: a 2400 up to 20 V."""

K2410 = replace(
    K2400,
    model="2410",
    identities=("2410", "2410-C"),
    v_max=1000.0,
    v_ranges=(0.2, 2.0, 20.0, 1000.0),
    i_ranges=(1e-6, 1e-5, 1e-4, 1e-3, 2e-2, 1e-1, 1.0),
    envelope=((20.0, 1.0), (1000.0, 0.02)),
    overvoltage=(20.0, 40.0, 100.0, 200.0, 300.0, 400.0, 500.0),
)
"""2410, 1100 V and 1 A (18-62, 18-84); steps of its protection 3-12."""

K2420 = replace(
    K2400,
    model="2420",
    identities=("2420", "2420-C"),
    v_max=60.0,
    i_max=3.0,
    i_min=1e-8,
    v_ranges=(0.2, 2.0, 20.0, 60.0),
    i_ranges=(1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0, 3.0),
    envelope=((20.0, 3.0), (60.0, 1.0)),
    overvoltage=(6.0, 12.0, 18.0, 24.0, 30.0, 36.0, 48.0),
)
"""2420, 60 V and 3 A."""

K2425 = replace(
    K2420,
    model="2425",
    identities=("2425", "2425-C"),
    v_max=100.0,
    v_ranges=(0.2, 2.0, 20.0, 100.0),
    envelope=((20.0, 3.0), (100.0, 1.0)),
    overvoltage=(10.0, 20.0, 30.0, 40.0, 50.0, 60.0, 80.0),
)
"""2425, 100 V and 3 A."""

K2440 = replace(
    K2420,
    model="2440",
    identities=("2440", "2440-C"),
    v_max=40.0,
    i_max=5.0,
    v_ranges=(0.2, 2.0, 10.0, 40.0),
    i_ranges=(1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0, 5.0),
    envelope=((10.0, 5.0), (40.0, 1.0)),
    overvoltage=(4.0, 8.0, 12.0, 16.0, 20.0, 24.0, 32.0),
)
"""2440, 40 V and 5 A (18-75)."""

K6430 = replace(
    K2400,
    model="6430",
    identities=("6430",),
    i_max=0.1,
    width_min=1e-2,
    width_measured=1e-2,
    i_ranges=(1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1),
    source="6430-901-01: lists 17-76, +-210 V and 105 mA 17-76, steps of the protection 17-69; 5 ms to within 10 % on "
    "its ranges from 100 nA on, twice that for a step is ours; 2.2 W from memory",
    envelope=((20.0, 0.1), (200.0, 0.01)),
    terminals=(),
)
"""6430, 200 V and 0.1 A, 2 W. Its ranges below 100 nA settle in 50 ms to seconds and are not driven."""


class Keithley2400(ScpiDriver):
    """2400, 2401, 2410, 2420, 2425, 2440 and 6430 in SCPI."""

    error_query: ClassVar[str] = ":SYST:ERR?"
    remote: ClassVar[str] = ":SYST:RSEN?"
    limit: ClassVar[str] = "{sens}:CURR:PROT?"
    questions: ClassVar[Mapping[str, str]] = {"line_frequency": ":SYST:LFR?", "terminals": ":ROUT:TERM?"}

    def prepare(self, settings: ChannelSettings) -> tuple[Message, ...]:
        """Set up with the output off; compliance before the measure range, which its range bounds (6-3)."""
        source, measure, overvoltage = self._ranges(settings)
        setup = [
            ":OUTP OFF",
            "*RST",
            *terminals(":ROUT:TERM", settings),
            ":SOUR:CLE:AUTO OFF",
            ":OUTP:SMOD NORM",
            f":SYST:RSEN {'ON' if settings.four_wire else 'OFF'}",
            ":SOUR:FUNC VOLT",
            ":SOUR:VOLT:MODE FIX",
            *(f":SOUR:VOLT:PROT {number(step)}" for step in overvoltage),
            f":SOUR:VOLT:RANG {number(source)}",
            ":SOUR:VOLT 0",
            ":SOUR:SWE:RANG FIX",
            ":SENS:FUNC:CONC OFF",
            ':SENS:FUNC "CURR"',
            # A limit below 0.1 % of the present range is refused (18-68), and that is 100 uA after *RST.
            f":SENS:CURR:RANG {number(self.spec.i_ranges[0])}",
            f":SENS:CURR:PROT {number(settings.compliance)}",
            f":SENS:CURR:RANG {number(measure)}",
            f":SENS:CURR:NPLC {number(settings.nplc)}",
            ":SYST:AZER:STAT OFF",
            ":SYST:AZER:STAT ONCE",
            ":SOUR:DEL:AUTO OFF",
            ":SOUR:SWE:CAB NEV",
            ":ARM:COUN 1",
            ":TRIG:DEL 0",
            ":SYST:TIME:RES:AUTO ON",
            ":FORM:ELEM VOLT,CURR,TIME,STAT",
        ]
        return (*map(write, setup), self.standing(settings))

    def standing(self, settings: ChannelSettings) -> Message:
        """Ask for function, terminals, sensing, protection, ranges, limit, integration time, mains and output."""
        source, measure, overvoltage = self._ranges(settings)
        protection = [confirm(":SOUR:VOLT:PROT?", step, OVERRANGE) for step in overvoltage]
        return self._standing(settings, source, measure, protection=protection, tolerance=OVERRANGE)

    def _ranges(self, settings: ChannelSettings) -> tuple[float, float, list[float]]:
        """Source range (V), measure range (A) and, where there is one, the step of the overvoltage protection (V)."""
        check_settings(self.spec, settings)
        source = smallest_range(self.spec.v_ranges, settings.v_peak, "v_peak", "V")
        # The compliance has a range of its own, the smallest that holds it; every range reaches 5 % beyond its name.
        measure = smallest_range(self.spec.i_ranges, settings.compliance / RANGE_REACH, "compliance", "A")
        return source, measure, [step for step in self.spec.overvoltage if step >= settings.v_peak][:1]

    def off(self, settings: ChannelSettings) -> tuple[str, ...]:
        """Abort, output off, nothing that switches it on, 0 V; the display shows again."""
        return (
            ":ABOR", ":OUTP OFF", ":SOUR:CLE:AUTO OFF", ":SOUR:VOLT:MODE FIX", ":SOUR:VOLT 0", ":DISP:ENAB ON",
        )  # fmt: skip

    def play(self, plan: Plan, settings: ChannelSettings) -> tuple[Message, ...]:
        """One list sweep; the instrument switches the output on with the first point and off after the last."""
        check_plan(self.spec, plan, settings)
        ticks = tick_list(self.spec, plan)
        delay = left_of(ticks.tick, aperture(settings) + OVERHEAD, self.spec, "a source-delay-measure cycle")
        setup = [
            ":SOUR:VOLT 0",
            *list_messages(":SOUR:LIST:VOLT", ticks.level),
            ":SOUR:VOLT:MODE LIST",
            f":SOUR:DEL {number(round(delay / DELAY_STEP) * DELAY_STEP)}",
            f":TRIG:COUN {len(ticks.level)}",
            ":SOUR:CLE:AUTO:MODE TCO",
            ":SOUR:CLE:AUTO ON",
            ":DISP:ENAB OFF",
        ]
        return (
            *map(write, setup),
            before_output(self.standing(settings)),
            query(":READ?", patience=plan.total + SERIAL_READOUT * len(ticks.level)),
            write(":SOUR:CLE:AUTO OFF"),
            write(":SOUR:VOLT:MODE FIX"),
            write(":DISP:ENAB ON"),
        )

    def parse(self, plan: Plan, settings: ChannelSettings, replies: Sequence[str]) -> Readings:
        """Voltage, current, time and status of every tick; the status tells overflow and compliance, not the number.

        With the voltage not measured, VOLT is the programmed one (18-50).
        """
        wanted, ends, level = places(self.spec, plan, None)
        values = table(replies[-1], len(ends), 4, ":READ?")
        sourced(values[:, 0], level, self._ranges(settings)[0], ":READ?")
        time = measured_times(values[:, 2], ends, settings, self.spec.model, STAMP)[wanted]
        values = values[wanted]
        status = status_words(values[:, 3], ":READ?")
        tripped = (status & (IN_COMPLIANCE | IN_RANGE_COMPLIANCE)) != 0
        return readings(values[:, 1], values[:, 0], time, tripped, over=(status & OVERFLOWED) != 0)


FAMILY = Family(Keithley2400, (K2400, K2401, K2410, K2420, K2425, K2440, K6430))
