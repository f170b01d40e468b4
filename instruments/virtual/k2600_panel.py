"""What a 2600B tells and shows: the status model (2600BS-901-01, appendix E) and the display."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from instruments.virtual.tsp_parts import Part, one_of

if TYPE_CHECKING:
    from instruments.virtual.k2600 import K2600
    from instruments.virtual.k2600_channel import TspSmu

CURRENT_LIMIT, READING_OVERFLOW = 2.0, 128.0
"""Bits 1 and 7 of ``status.measurement.condition`` and of ``status.measurement.instrument.smuX.condition``."""


def status_part(instrument: K2600) -> Part:
    """``status``: conditions of measurements, and which channels sweep."""

    def limited(smu: TspSmu) -> bool:
        return smu.channel.output and smu.channel.tripped

    def register(condition: Callable[[], float], parts: dict[str, Any] | None = None) -> Part:
        part = Part(instrument, parts or {})
        part.own("condition", condition)
        return part

    def channels(hit: Callable[[TspSmu], bool]) -> float:
        """A bit for each channel: bit 1 for smua, bit 2 for smub."""
        return float(sum(2 << k for k, smu in enumerate(instrument.smus) if hit(smu)))

    def sweeping() -> float:
        # A sweep is over when its message has been carried out; the first look afterwards still finds it running, as
        # that of a host which polls a real one does.
        found = channels(lambda smu: smu.name in instrument.triggers.busy | instrument.triggers.recent)
        instrument.triggers.recent.clear()
        return found

    def limit(smu: TspSmu) -> float:
        return CURRENT_LIMIT if limited(smu) else 0.0

    single = {smu.name: register(partial(limit, smu)) for smu in instrument.smus}
    measurement = register(
        lambda: CURRENT_LIMIT if any(limited(smu) for smu in instrument.smus) else 0.0,
        {
            "instrument": register(lambda: channels(limited), single),
            "current_limit": register(lambda: channels(limited)),
            "voltage_limit": register(lambda: 0.0),
        },
    )
    operation = register(lambda: 0.0, {"sweeping": register(sweeping)})
    return Part(instrument, {"measurement": measurement, "operation": operation, "reset": lambda: None})


def display_part(instrument: K2600) -> Part:
    """``display``: what is written on it is not shown anywhere."""
    flag = one_of(0.0, 1.0, 2.0, 3.0)
    constants = {
        "SMUA": 0.0, "SMUB": 1.0, "SMUA_SMUB": 2.0, "USER": 3.0,
        "MEASURE_DCAMPS": 0.0, "MEASURE_DCVOLTS": 1.0, "MEASURE_OHMS": 2.0, "MEASURE_WATTS": 3.0,
    }  # fmt: skip
    channels = {
        smu.name: Part(instrument, {"measure": Part(instrument, {}, {"func": (0.0, flag)})}) for smu in instrument.smus
    }
    functions = {"clear": lambda: None, "settext": lambda text: None, "sendkey": lambda key: None}
    screen = 2.0 if len(instrument.smus) > 1 else 0.0
    return Part(instrument, {**constants, **channels, **functions}, {"screen": (screen, flag)})
