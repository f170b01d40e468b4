"""Keithley 2461: the pulse builder for regular trains, list sweeps for anything else.

Manual: 2461-901-01 Rev A. `SOUR:PULS:TR:VOLT` (6-121; the short form of TRain is TR) makes a trigger model that
switches the output on at the bias level, plays the train and switches it off. Width and off time are the instrument's
own and exact to its clock; it snapshots all settings when the command is sent.

Timing. Pulses from 150 us on (load dependent); measured ones from aperture + 0.45 ms on, as on the 2460: the manual
gives no figure. Other plans are list sweeps, as in `instruments.smu.k2450`.

Never run on hardware.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from hil.limits import LimitError
from instruments.link.scpi import number, numbers
from instruments.plan import Plan, PulseTrain
from instruments.smu.capability import Places, aperture, left_of, places, regular_train
from instruments.smu.driver import ChannelSettings, Family, Spec
from instruments.smu.k2450 import LONGEST, OVERHEAD, OVP_STEPS, Keithley2450
from instruments.smu.timing import measured_times

K2461 = Spec(
    model="2461",
    identities=("2461",),
    v_max=100.0,
    i_max=7.0,
    i_min=1e-8,
    v_step=5e-4,
    width_min=1.5e-4,
    width_measured=7.5e-4,
    width_max=LONGEST,
    time_step=1e-6,
    points=2500,
    channels=1,
    v_ranges=(0.2, 2.0, 7.0, 10.0, 20.0, 100.0),
    i_ranges=(1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0, 4.0, 5.0, 7.0),
    source="2461-901-01 Rev A 6-121: pulses of 150 us .. 10 000 s, duty up to 99.99 % (normal area); pulses beyond the "
    "DC area are not used; v_step of the 20 V range; measured width as the 2460's; corners of the 100 W envelope "
    "taken low, UNVERIFIED",
    envelope=((7.0, 7.0), (20.0, 4.0), (100.0, 1.0)),
    terminals=("front", "rear"),
    overvoltage=tuple(step for step in OVP_STEPS if step <= 100.0),
)
"""2461 within its DC area."""


class Keithley2461(Keithley2450):
    """2461 in SCPI."""

    longest_duty: ClassVar[float] = 0.9999
    """Largest part of a period that a pulse may take (6-121)."""

    def _count(self, plan: Plan, settings: ChannelSettings) -> int:
        """One reading a pulse, if it is long enough for one, whether it is wanted or not; or one a tick."""
        pulses = regular_train(plan)
        if pulses is None:
            return super()._count(plan, settings)
        return pulses.repeats if self._measured(plan, pulses, settings) else 0

    def margins(self, plan: Plan, settings: ChannelSettings) -> tuple[float, float]:
        """The pulse builder needs none."""
        return (0.0, 0.0) if regular_train(plan) is not None else super().margins(plan, settings)

    def _measured(self, plan: Plan, pulses: PulseTrain, settings: ChannelSettings) -> bool:
        shortest = max(self.spec.width_measured, aperture(settings) + OVERHEAD)
        return bool(plan.measure.any()) or pulses.width >= shortest

    def _dated(self, stamp: NDArray[np.float64], plan: Plan, settings: ChannelSettings) -> Places:
        pulses = regular_train(plan)
        if pulses is None:
            return super()._dated(stamp, plan, settings)
        wanted, ends, level = places(self.spec, plan, pulses)
        time = measured_times(stamp - stamp[0] + ends[0], ends, settings, self.spec.model)
        return Places(wanted if plan.measure.any() else wanted[:0], time, level)

    def _train(self, plan: Plan, pulses: PulseTrain, settings: ChannelSettings) -> list[str]:
        measured = self._measured(plan, pulses, settings)
        if measured:
            left_of(pulses.width, aperture(settings) + OVERHEAD, self.spec, "a measurement within the pulse")
        if pulses.width > self.longest_duty * pulses.period:
            raise LimitError(
                f"a pulse of {pulses.width:g} s in a period of {pulses.period:g} s: a 2461 has "
                f"{self.longest_duty:.2%} duty at most"
            )
        shape = numbers((pulses.base, pulses.level, pulses.width))
        rest, limit = number(pulses.period - pulses.width), number(settings.compliance)
        return [
            "SOUR:VOLT 0",
            f"SOUR:PULS:TR:VOLT {shape},{pulses.repeats},{'ON' if measured else 'OFF'},"
            f'"defbuffer1",0,{rest},{limit},{limit},OFF',
        ]


FAMILY = Family(Keithley2461, (K2461,))
