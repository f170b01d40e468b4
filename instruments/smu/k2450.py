"""Keithley 2450 and 2460: list sweeps, and pulse trains from a configuration list, timers and a trigger model.

Manuals: 2450-901-01 Rev B; where its pages were not at hand the same commands are cited from the 2461's (2461-901-01
Rev A) and the 2470's (2470-901-01 Rev A), which share the command set.

Timing. A regular train runs on two trigger timers: the period starts a pulse, the width ends it, so both are as exact
as the instrument's clock, plus the time of a configuration recall at each edge. Any other plan is a list sweep of equal
ticks; a tick is the sweep's delay, the aperture and `OVERHEAD` for measuring and recalling, so it is right to some tens
of microseconds at best, and the driver computes the delay. The sweep measures at every tick, whether wanted or not.
Makers' examples disagree about how long a measurement takes in a trigger model (0.65 ms in one, about 4 ms in another,
"to be verified"), so what a train really took is measured: a regular train begins with a reading at 0 V, to which all
others are dated, and one that is not measured ends with another; a single tick is cut in two, or followed by one of
0 V.

Safety. Both end with a trigger block that switches the output off; the instrument does it alone. Ranges are fixed
before the limit: the instrument silently raises a limit below 0.1 % of the measure range (2-100, 6-71). The buffer is
cleared before a train and counted before and after it, so that no reading is an older one.

Never run on hardware.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from instruments.link.message import Message, confirm, done, query, write
from instruments.link.scpi import list_messages, number, numbers, table
from instruments.plan import Plan, PulseTrain
from instruments.smu.capability import (
    READOUT,
    Places,
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
    required_overvoltage,
    smallest_range,
    sourced,
    status_words,
    terminals,
    tick_list,
)
from instruments.smu.driver import ChannelSettings, Family, Readings, Spec, before_output
from instruments.smu.scpi import ScpiDriver
from instruments.smu.timing import RESOLUTION, measured_times

OVERHEAD = 4.5e-4
"""Time that a measurement takes beyond its aperture, s (the maker's 2460 pulse example measures that long before the
end of a pulse)."""

SHORTEST_DELAY = 5e-5
"""Shortest delay of a sweep other than none, s (2461 6-128)."""

LONGEST = 1e4
"""Longest delay of a sweep or a trigger block, s (2461 6-128, 6-199)."""

SWEEP_LIST = "VoltCustomSweepList"
"""Name of the configuration list that `SOUR:LIST:VOLT` makes (2461 6-101)."""

OVP_STEPS = (2.0, 5.0, 10.0, 20.0, 40.0, 60.0, 80.0, 100.0, 120.0, 140.0, 160.0, 180.0)
"""Overvoltage limits, V (2461 8-189; tolerance 5 %, SPEC-2450)."""

STORED = 'TRAC:ACT? "defbuffer1"'
"""How many readings the buffer holds (2450 6-160)."""

NOT_PLAYED = "the train was not played as asked, or another program reads the instrument"
"""What other numbers of readings mean."""

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
    width_min=7.5e-4,
    width_measured=7.5e-4,
    width_max=LONGEST,
    time_step=1e-6,
    points=2500,
    channels=1,
    v_ranges=(0.02, 0.2, 2.0, 20.0, 200.0),
    i_ranges=(1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0),
    source="SPEC-2450 Rev A: ranges; list of 2500 in messages of 100; v_step of the 20 V range; the shortest step is "
    "what a maker's example found without a measurement; it holds the least delay (50 us, 2461-901-01 6-128), 0.01 "
    "PLC at 50 Hz and 0.45 ms per measurement; no data-sheet figure, so every train is timed",
    envelope=((20.0, 1.0), (200.0, 0.1)),
    terminals=("front", "rear"),
    overvoltage=OVP_STEPS,
)
"""2450, 200 V and 1 A, 20 W."""

K2460 = Spec(
    model="2460",
    identities=("2460",),
    v_max=100.0,
    i_max=7.0,
    i_min=1e-8,
    v_step=5e-4,
    width_min=7.5e-4,
    width_measured=7.5e-4,
    width_max=LONGEST,
    time_step=1e-6,
    points=2500,
    channels=1,
    v_ranges=(0.2, 2.0, 7.0, 10.0, 20.0, 100.0),
    i_ranges=(1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0, 4.0, 5.0, 7.0),
    source="as the 2450; corners of the 100 W envelope taken low, UNVERIFIED",
    envelope=((7.0, 7.0), (20.0, 4.0), (100.0, 1.0)),
    terminals=("front", "rear"),
    overvoltage=tuple(step for step in OVP_STEPS if step <= 100.0),
)
"""2460, 100 V and 7 A."""

K2470 = replace(
    K2450, model="2470", identities=("2470",),
    v_ranges=K2450.v_ranges[1:],
    source="as the 2450, whose commands it takes (2470 12-92); up to 200 V: its 1000 V range is not driven here",
)  # fmt: skip
"""2470: a high-voltage 2450, as far as that goes."""


class Keithley2450(ScpiDriver):
    """2450, 2460 and 2470 in SCPI."""

    error_query: ClassVar[str] = "SYST:ERR?"
    root: ClassVar[str] = ""
    remote: ClassVar[str] = "{sens}:CURR:RSEN?"
    limit: ClassVar[str] = "{sour}:VOLT:ILIM?"
    questions: ClassVar[Mapping[str, str]] = {"line_frequency": "SYST:LFR?", "terminals": "ROUT:TERM?"}

    def identify(self) -> tuple[Message, ...]:
        """Ask for the command language: in TSP or 2400 emulation nothing here would be understood."""
        return (confirm("*LANG?", "SCPI"),)

    def prepare(self, settings: ChannelSettings) -> tuple[Message, ...]:
        """Set up with the output off; ranges before the limit, and the limit read back."""
        source, measure, overvoltage = self._ranges(settings)
        setup = [
            "OUTP OFF",
            "*RST",
            *terminals("ROUT:TERM", settings),
            "SOUR:FUNC VOLT",
            'SENS:FUNC "CURR"',
            "OUTP:VOLT:SMOD NORM",
            f"SENS:CURR:RSEN {'ON' if settings.four_wire else 'OFF'}",
            f"SOUR:VOLT:RANG {number(source)}",
            f"SENS:CURR:RANG {number(measure)}",
            "SOUR:VOLT 0",
            *([f"SOUR:VOLT:PROT {overvoltage}"] if overvoltage else []),
            f"SOUR:VOLT:ILIM {number(settings.compliance)}",
            "SOUR:VOLT:DEL 0",
            "SOUR:VOLT:READ:BACK OFF",
            f"SENS:CURR:NPLC {number(settings.nplc)}",
            "SENS:CURR:AZER OFF",
            "SENS:AZER:ONCE",
        ]
        return (*map(write, setup), self.standing(settings))

    def standing(self, settings: ChannelSettings) -> Message:
        """Ask for function, terminals, sensing, protection, ranges, limit, integration time, mains and output."""
        source, measure, overvoltage = self._ranges(settings)
        protection = [confirm("SOUR:VOLT:PROT?", overvoltage)] if overvoltage else []
        return self._standing(settings, source, measure, protection=protection)

    def _ranges(self, settings: ChannelSettings) -> tuple[float, float, str]:
        """Source range (V), measure range (A) and the word for the overvoltage protection, empty without one."""
        check_settings(self.spec, settings)
        source = smallest_range(self.spec.v_ranges, settings.v_peak, "v_peak", "V")
        measure = smallest_range(self.spec.i_ranges, settings.compliance, "compliance", "A")
        step = required_overvoltage(self.spec, settings)
        return source, measure, "" if step is None else f"PROT{number(step)}"

    def off(self, settings: ChannelSettings) -> tuple[str, ...]:
        """Stop the trigger model, output off, 0 V."""
        return ("ABOR", "OUTP OFF", "SOUR:VOLT 0")

    def play(self, plan: Plan, settings: ChannelSettings) -> tuple[Message, ...]:
        """Timers for a regular train, a list sweep for anything else; both switch the output off themselves."""
        check_plan(self.spec, plan, settings)
        pulses = regular_train(plan)
        if pulses is not None:
            check_points(self.spec, pulses.repeats, "pulses")
        setup = self._sweep(plan, settings) if pulses is None else self._train(plan, pulses, settings)
        count = self._count(plan, settings)
        messages = [
            *map(write, setup),
            write('TRAC:CLE "defbuffer1"'),
            before_output(self.standing(settings), confirm(STORED, 0.0)),
            write("INIT"),
            done(plan.total),
        ]
        if count:
            messages += [
                confirm(STORED, float(count), hint=NOT_PLAYED),
                query(f'TRAC:DATA? 1,{count},"defbuffer1",{ELEMENTS}', patience=READOUT * count),
            ]
        return tuple(messages)

    def _count(self, plan: Plan, settings: ChannelSettings) -> int:
        """Readings that a train leaves in the buffer: one more than pulses, two without a measurement; one a tick."""
        pulses = regular_train(plan)
        if pulses is None:
            return len(places(self.spec, plan, None, _shortest_tick(settings)).ends)
        return 1 + (pulses.repeats if plan.measure.any() else 1)

    def _sweep(self, plan: Plan, settings: ChannelSettings) -> list[str]:
        ticks = tick_list(self.spec, plan, _shortest_tick(settings))
        delay = left_of(ticks.tick, _shortest_tick(settings), self.spec, "measuring") + SHORTEST_DELAY
        return [
            "SOUR:VOLT 0",
            *list_messages("SOUR:LIST:VOLT", ticks.level),
            f'SOUR:SWE:VOLT:LIST 1,{number(delay)},1,OFF,"defbuffer1"',
        ]

    def _train(self, plan: Plan, pulses: PulseTrain, settings: ChannelSettings) -> list[str]:
        """Blocks: output on at 0 V, a reading; each period, pulse, measurement before its end, base; output off."""
        blocks = [
            'BUFF:CLE {}, "defbuffer1"',
            "SOUR:STAT {}, ON",
            'MEAS {}, "defbuffer1"',
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
            f"BRAN:COUN {{}}, {pulses.repeats}, {each}",
            f"DEL:CONS {{}}, {number(pulses.period - pulses.width)}",
            *([] if plan.measure.any() else ['MEAS {}, "defbuffer1"']),
            "SOUR:STAT {}, OFF",
        ]
        timers = [
            # Its start makes the first event already (STAR:GEN, 6-239); one that comes too late finds nobody waiting.
            (1, pulses.period, pulses.repeats, "NOT1", "ON"),
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

    def margins(self, plan: Plan, settings: ChannelSettings) -> tuple[float, float]:
        """A reading before a regular train and, if it is not measured, one after it; a tick after a single one."""
        if regular_train(plan) is None:
            return 0.0, after_single_tick(self.spec, plan, _shortest_tick(settings))
        reading = aperture(settings) + OVERHEAD
        return reading, 0.0 if plan.measure.any() else reading

    def parse(self, plan: Plan, settings: ChannelSettings, replies: Sequence[str]) -> Readings:
        """Readings of the measured steps; tripped is bit 5 of SOURSTAT. All readings are dated against the plan."""
        count = self._count(plan, settings)
        if not count:
            return no_readings()
        values = table(replies[-1], count, 4, "TRAC:DATA?")
        wanted, time, level = self._dated(values[:, 2], plan, settings)
        values = values[count - len(level) :]
        sourced(values[:, 0], level, self._ranges(settings)[0], "TRAC:DATA?")
        voltage, current, _, status = values[wanted].T
        tripped = (status_words(status, "TRAC:DATA?") & LIMITED) != 0
        return readings(current, voltage, time[wanted], tripped)

    def _dated(self, stamp: NDArray[np.float64], plan: Plan, settings: ChannelSettings) -> Places:
        """Places of the last readings of a train, with the times that their stamps tell."""
        pulses, model = regular_train(plan), self.spec.model
        if pulses is None:
            wanted, ends, level = places(self.spec, plan, None, _shortest_tick(settings))
            return Places(wanted, measured_times(stamp - stamp[0] + ends[0], ends, settings, model), level)
        since = (stamp - stamp[0])[1:]
        if plan.measure.any():
            wanted, ends, level = places(self.spec, plan, pulses)
            return Places(wanted, measured_times(since, ends, settings, model), level)
        end = np.array([plan.total + aperture(settings) + OVERHEAD])
        time = measured_times(since, end, settings, model, RESOLUTION)
        return Places(np.zeros(0, dtype=np.int64), time, np.array([pulses.base]))


def _shortest_tick(settings: ChannelSettings) -> float:
    """Shortest tick of a sweep, which measures at every one, s."""
    return aperture(settings) + OVERHEAD + SHORTEST_DELAY


FAMILY = Family(Keithley2450, (K2450, K2460, K2470))
