"""Keithley 2450 and 2460: list sweeps, and pulse trains from a configuration list, timers and a trigger model.

Manuals: 2450-901-01 Rev B; where its pages were not at hand the same commands are cited from the 2461's (2461-901-01
Rev A) and the 2470's (2470-901-01 Rev A), which share the command set.

Timing. A regular train runs on two trigger timers: the period starts a pulse, the width ends it, so both are as exact
as the instrument's clock, plus the time of a configuration recall at each edge. Any other plan is a list sweep of equal
ticks; a tick is the sweep's delay, the aperture and `OVERHEAD` for measuring and recalling, so it is right to some tens
of microseconds at best, and the driver computes the delay. The sweep measures at every tick, whether wanted or not.

Safety. Both end with a trigger block that switches the output off; the instrument does it alone. Ranges are fixed
before the limit: the instrument silently raises a limit below 0.1 % of the measure range (2-100, 6-71).

Never run on hardware.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from instruments.plan import Plan, Pulses
from instruments.scpi import list_messages, number, numbers, parse_error, table
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

OVERHEAD = 4.5e-4
"""Time that a measurement takes beyond its aperture, s (the maker's 2460 pulse example measures that long before the
end of a pulse)."""

SHORTEST_DELAY = 5e-5
"""Shortest delay of a sweep other than none, s (2461 6-128)."""

LONGEST = 1e4
"""Longest delay of a sweep or a trigger block, s (2461 6-128, 6-199)."""

SWEEP_LIST = "VoltCustomSweepList"
"""Name of the configuration list that `SOUR:LIST:VOLT` makes (2461 6-101)."""

LIMITED = 32
"""Bit of SOURSTAT: the source was at its limit (buffer.STAT_LIMIT)."""

ELEMENTS = "SOUR,READ,REL,SOURSTAT"
"""What is asked of the reading buffer: source value, reading, time since the first one, source status."""

K2450 = Spec(
    model="2450",
    identities=("2450",),
    v_max=200.0,
    i_max=1.0,
    i_min=1e-9,
    v_step=5e-4,
    width_min=7e-4,
    width_measured=7e-4,
    width_max=LONGEST,
    time_step=1e-6,
    points=2500,
    channels=1,
    v_ranges=(0.02, 0.2, 2.0, 20.0, 200.0),
    i_ranges=(1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0),
    source="SPEC-2450 Rev A: ranges; list of 2500 in messages of 100; v_step of the 20 V range; the shortest step is "
    "the least delay (50 us, 2461-901-01 6-128), 0.01 PLC at 50 Hz and 0.45 ms per measurement, no data-sheet figure",
    envelope=((20.0, 1.0), (200.0, 0.1)),
)
"""2450, 200 V and 1 A, 20 W."""

K2460 = Spec(
    model="2460",
    identities=("2460",),
    v_max=100.0,
    i_max=7.0,
    i_min=1e-8,
    v_step=5e-4,
    width_min=7e-4,
    width_measured=7e-4,
    width_max=LONGEST,
    time_step=1e-6,
    points=2500,
    channels=1,
    v_ranges=(0.2, 2.0, 7.0, 10.0, 20.0, 100.0),
    i_ranges=(1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0, 4.0, 5.0, 7.0),
    source="as the 2450; corners of the 100 W envelope taken low, UNVERIFIED",
    envelope=((7.0, 7.0), (20.0, 4.0), (100.0, 1.0)),
)
"""2460, 100 V and 7 A."""


class Keithley2450(Driver):
    """2450 and 2460 in SCPI."""

    error_query: ClassVar[str] = "SYST:ERR?"
    sync: ClassVar[str] = "scpi"
    off: tuple[str, ...] = ("ABOR", "OUTP OFF", "SOUR:VOLT 0")

    def identify(self) -> tuple[Message, ...]:
        """Ask for the command language: in TSP or 2400 emulation nothing here would be understood."""
        return (confirm("*LANG?", "SCPI"),)

    def prepare(self, settings: Settings) -> tuple[Message, ...]:
        """Set up with the output off; ranges before the limit, and the limit read back."""
        check_settings(self.spec, settings)
        source = smallest_range(self.spec.v_ranges, settings.v_peak, "v_peak", "V")
        measure = smallest_range(self.spec.i_ranges, settings.compliance, "compliance", "A")
        setup = [
            "OUTP OFF",
            "*RST",
            "SOUR:FUNC VOLT",
            'SENS:FUNC "CURR"',
            "OUTP:VOLT:SMOD NORM",
            f"SENS:CURR:RSEN {'ON' if settings.four_wire else 'OFF'}",
            f"SOUR:VOLT:RANG {number(source)}",
            f"SENS:CURR:RANG {number(measure)}",
            "SOUR:VOLT 0",
            f"SOUR:VOLT:ILIM {number(settings.compliance)}",
            "SOUR:VOLT:DEL 0",
            "SOUR:VOLT:READ:BACK OFF",
            f"SENS:CURR:NPLC {number(settings.nplc)}",
            "SENS:CURR:AZER OFF",
            "SENS:AZER:ONCE",
        ]
        checks = [
            confirm("SYST:LFR?", settings.line_frequency),
            confirm("SOUR:VOLT:RANG?", source),
            confirm("SENS:CURR:RANG?", measure),
            confirm("SOUR:VOLT:ILIM?", settings.compliance),
            confirm("SENS:CURR:NPLC?", settings.nplc),
            confirm("OUTP?", 0.0),
        ]
        return (*map(write, setup), *checks)

    def play(self, plan: Plan, settings: Settings) -> tuple[Message, ...]:
        """Timers for a regular train, a list sweep for anything else; both switch the output off themselves."""
        check_plan(self.spec, plan, settings)
        pulses = regular_train(plan)
        if pulses is None:
            setup, count = self._sweep(plan, settings)
        else:
            check_points(self.spec, pulses.count, "pulses")
            setup, count = self._train(plan, pulses, settings), pulses.count
        messages = [*map(write, setup), write("INIT"), query("*OPC?", patience=plan.total)]
        if plan.measure.any():
            messages.append(query(f'TRAC:DATA? 1,{count},"defbuffer1",{ELEMENTS}', patience=READOUT * count))
        return tuple(messages)

    def _sweep(self, plan: Plan, settings: Settings) -> tuple[list[str], int]:
        ticks = tick_list(self.spec, plan)
        needed = aperture(settings) + OVERHEAD
        delay = left_of(ticks.tick, needed + SHORTEST_DELAY, self.spec, "measuring") + SHORTEST_DELAY
        return [
            "SOUR:VOLT 0",
            *list_messages("SOUR:LIST:VOLT", ticks.level),
            f'SOUR:SWE:VOLT:LIST 1,{number(delay)},1,OFF,"defbuffer1"',
        ], len(ticks.level)

    def _train(self, plan: Plan, pulses: Pulses, settings: Settings) -> list[str]:
        """Blocks: output on at 0 V; each period, pulse, measurement before its end, base; output off."""
        blocks = [
            'BUFF:CLE {}, "defbuffer1"',
            "SOUR:STAT {}, ON",
            "NOT {}, 1",
            "WAIT {}, TIM1",
            f'CONF:REC {{}}, "{SWEEP_LIST}", 1',
        ]
        each = blocks.index("WAIT {}, TIM1") + 1
        if plan.measure.any():
            wait = left_of(pulses.width, aperture(settings) + OVERHEAD, self.spec, "a measurement within the pulse")
            blocks += [f"DEL:CONS {{}}, {number(wait)}", 'MEAS {}, "defbuffer1"']
        blocks += [
            "WAIT {}, TIM2",
            f'CONF:REC {{}}, "{SWEEP_LIST}", 2',
            f"BRAN:COUN {{}}, {pulses.count}, {each}",
            f"DEL:CONS {{}}, {number(pulses.period - pulses.width)}",
            "SOUR:STAT {}, OFF",
        ]
        timers = [
            # Its start makes the first event already (STAR:GEN, 6-239); one that comes too late finds nobody waiting.
            (1, pulses.period, pulses.count, "NOT1", "ON"),
            (2, pulses.width, 1, "TIM1", "OFF"),
        ]
        return [
            "SOUR:VOLT 0",
            f"SOUR:LIST:VOLT {numbers((pulses.level, pulses.base))}",
            'TRIG:LOAD "Empty"',
            *(
                f"TRIG:TIM{n}:{setting}"
                for n, delay, events, start, generate in timers
                for setting in (
                    "STAT OFF",
                    f"DEL {number(delay)}",
                    f"COUN {events}",
                    f"STAR:STIM {start}",
                    f"STAR:GEN {generate}",
                    "STAT ON",
                )
            ),
            *(f"TRIG:BLOC:{block.format(n)}" for n, block in enumerate(blocks, start=1)),
        ]

    def is_off(self, settings: Settings) -> Message:
        """Ask for the state of the output."""
        return confirm("OUTP?", 0.0)

    def parse(self, plan: Plan, settings: Settings, replies: Sequence[str]) -> Readings:
        """Readings of the measured steps; tripped is bit 5 of SOURSTAT."""
        if not plan.measure.any():
            return no_readings()
        count, wanted, first = places(self.spec, plan, regular_train(plan))
        values = table(replies[-1], count, 4, "TRAC:DATA?")
        time = since_start(values[:, 2], first)[wanted]
        voltage, current, _, status = values[wanted].T
        tripped = (status.astype(np.int64) & LIMITED) != 0
        return readings(current, voltage, time, tripped, settings)

    def parse_error(self, reply: str) -> tuple[int, str] | None:
        """Take ``-109,"Missing parameter;1;2015/05/06 12:55:33.648"`` apart (2461 6-151)."""
        return parse_error(reply)
