"""One channel of a virtual 2600B: source, measurements, contact check (2600BS-901-01 Rev. C, chapters 2 and 7)."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from instruments.virtual.source import Channel, SmuReading
from instruments.virtual.tsp_buffers import BUFFER_SIZE, Buffer, as_buffer, quantity
from instruments.virtual.tsp_parts import Part, TspError, between, one_of
from instruments.virtual.tsp_trigger import ChannelTrigger

if TYPE_CHECKING:
    from instruments.virtual.k2600 import K2600

OVERHEAD = 9e-5
"""Time that a measurement takes beyond its aperture, s: ours, the manual leaves it to the data sheet."""

CONTACT_LIMIT = 1e-3
"""Least current limit for a contact check, A (errors 5065 and 5066)."""

V_40 = 100.0
"""Models that source less than this many V are the 40 V ones: 2601B, 2602B, 2604B."""


class TspSmu(Part):
    """``smua`` or ``smub``."""

    LUATYPE = "smu"
    instrument: K2600

    def __init__(self, instrument: K2600, name: str, channel: Channel) -> None:
        """Give a channel its attributes."""
        constants = {
            "OUTPUT_OFF": 0.0, "OUTPUT_ON": 1.0, "OUTPUT_DCAMPS": 0.0, "OUTPUT_DCVOLTS": 1.0, "OUTPUT_NORMAL": 0.0,
            "OUTPUT_ZERO": 2.0, "OUTPUT_HIGH_Z": 1.0, "SENSE_LOCAL": 0.0, "SENSE_REMOTE": 1.0, "AUTORANGE_OFF": 0.0,
            "AUTORANGE_ON": 1.0, "AUTOZERO_OFF": 0.0, "AUTOZERO_ONCE": 1.0, "AUTOZERO_AUTO": 2.0, "DISABLE": 0.0,
            "ENABLE": 1.0, "SOURCE_IDLE": 0.0, "SOURCE_HOLD": 1.0, "LIMIT_AUTO": 0.0, "CONTACT_FAST": 0.0,
            "MEASURE_DCAMPS": 0.0, "MEASURE_DCVOLTS": 1.0,
        }  # fmt: skip
        super().__init__(instrument, {**constants, "reset": self.reset, "abort": instrument.abort})
        self.name, self.channel = name, channel
        self.buffers = Buffer(instrument), Buffer(instrument)
        self.sweep = ChannelTrigger(self, instrument.events)
        self.fixed["nvbuffer1"], self.fixed["nvbuffer2"] = self.buffers
        self.fixed["trigger"] = self.sweep
        self.own("sense", lambda: float(channel.four_wire), self._sense)
        self.fixed["contact"] = Part(
            instrument, {"check": self._contact_check, "r": self._contact_r}, {"threshold": (50.0, between(0.0, 1e38))}
        )
        if instrument.model in ("2604B", "2614B", "2634B"):
            del self.fixed["contact"]
        self.reset()

    def reset(self) -> None:
        """Defaults (2-11, 9-244): 0 V, automatic ranges, 1 PLC, off; limit 1 A on a 2601B/02B/04B, else 0.1 A."""
        self.channel.restore_defaults(1.0 if self.channel.capability.v_max < V_40 else 0.1)
        self.fixed["source"], self.fixed["measure"] = self._source(), self._measure()
        for buffer in self.buffers:
            buffer.clear()
        self.sweep.reset()

    def set_compliance(self, value: Any) -> None:
        """``source.limiti``."""
        capability = self.channel.capability
        self.channel.compliance = between(capability.i_min, capability.i_max)(value)
        self.channel.refresh()

    @property
    def measure_time(self) -> float:
        """Length of one measurement, s."""
        return self.channel.nplc / self.instrument.line_frequency + OVERHEAD

    def check_level(self, value: Any) -> float:
        """A source voltage within the model and its fixed range."""
        capability, fixed = self.channel.capability, self.channel.v_range
        top = capability.v_max if fixed is None else fixed * capability.over
        return between(-top, top)(value)

    def _source(self) -> Part:
        channel, flag = self.channel, one_of(0.0, 1.0)
        capability, top = channel.capability, channel.capability.i_max
        part = Part(
            self.instrument, {},
            {
                "func": (1.0, one_of(1.0)), "offmode": (0.0, one_of(0.0, 1.0, 2.0)), "offfunc": (1.0, flag),
                "offlimiti": (1e-3, between(channel.capability.i_min, channel.capability.i_max)),
                "delay": (0.0, between(0.0, 1e4)), "highc": (0.0, flag),
                # These act while a current is sourced, which is refused.
                "leveli": (0.0, between(-top, top)), "rangei": (1e-4, between(-top, top)), "autorangei": (1.0, flag),
                "limitv": (40.0 if capability.v_max < V_40 else 20.0, between(0.01, capability.v_max)),
            },
        )  # fmt: skip
        part.own("output", lambda: float(channel.output), lambda v: channel.switch(flag(v) == 1.0))
        part.own("levelv", lambda: channel.level, lambda v: channel.set_level(self.check_level(v)))
        part.own("limiti", lambda: channel.compliance, self.set_compliance)
        part.own("rangev", lambda: channel.shows_range("v"), self._range_v)
        part.own("autorangev", lambda: float(channel.v_range is None), self._autorange_v)
        part.own("compliance", lambda: channel.output and channel.tripped)
        return part

    def _measure(self) -> Part:
        channel, capability = self.channel, self.channel.capability
        part = Part(
            self.instrument, {**{kind: partial(self._read, kind) for kind in "ivrp"}, "iv": self._read_iv},
            {
                "autozero": (2.0, one_of(0.0, 1.0, 2.0)), "delay": (0.0, between(-1.0, 1e4)),
                "autorangev": (1.0, one_of(0.0, 1.0)), "interval": (0.0, between(0.0, 1.0)),
                "rangev": (capability.v_ranges[-1], between(-capability.v_max, capability.v_max)),
                "count": (1.0, between(1.0, float(BUFFER_SIZE))),
            },
        )  # fmt: skip
        part.own("nplc", lambda: channel.nplc, lambda v: setattr(channel, "nplc", between(0.001, 25.0)(v)))
        part.own("rangei", lambda: channel.shows_range("i"), self._range_i)
        part.own("autorangei", lambda: float(channel.i_range is None), self._autorange_i)
        return part

    def _range_v(self, value: Any) -> None:
        top = self.channel.capability.v_max
        self.channel.v_range = self.channel.capability.v_range(between(-top, top)(value))
        self.channel.refresh()

    def _range_i(self, value: Any) -> None:
        top = self.channel.capability.i_max
        self.channel.i_range = self.channel.capability.i_range(between(-top, top)(value))

    def _autorange_v(self, value: Any) -> None:
        self.channel.v_range = None if one_of(0.0, 1.0)(value) else self.channel.shows_range("v")

    def _autorange_i(self, value: Any) -> None:
        self.channel.i_range = None if one_of(0.0, 1.0)(value) else self.channel.shows_range("i")

    def _sense(self, value: Any) -> None:
        self.channel.four_wire = one_of(0.0, 1.0)(value) == 1.0
        self.channel.refresh()

    def _readings(self) -> list[SmuReading]:
        """As many measurements as ``measure.count`` says, at least ``measure.interval`` apart."""
        self.instrument.triggers.play()
        values = self.fixed["measure"].values
        length = max(0.0, self.fixed["source"].values["delay"]) + max(0.0, values["delay"]) + self.measure_time
        found = []
        for k in range(int(values["count"])):
            if k:
                self.channel.hold(values["interval"] - length)
            found.append(self.channel.measure(length))
        return found

    def _read(self, kind: str, *into: Any) -> float:
        if len(into) > 1:
            raise TspError(-108, "Parameter not allowed")
        return self._kept(list(zip(into, kind, strict=False)))[kind]

    def _read_iv(self, *into: Any) -> list[Any]:
        if len(into) > 2:
            raise TspError(-108, "Parameter not allowed")
        last = self._kept(list(zip(into, "iv", strict=False)))
        return [last["i"], last["v"]]

    def _kept(self, sinks: list[tuple[Any, str]]) -> dict[str, float]:
        """Measure into buffers, each of its quantity; all quantities of the last measurement."""
        buffers = [(as_buffer(buffer), kind) for buffer, kind in sinks]
        readings = self._readings()
        for buffer, kind in buffers:
            buffer.store(readings, kind)
        return {kind: quantity(readings[-1], kind) for kind in "ivrp"}

    def _contact_allowed(self) -> None:
        if self.channel.output and self.channel.compliance < CONTACT_LIMIT:
            raise TspError(5065, "I range too low for contact check")
        source = self.fixed["source"].values
        if not self.channel.output and source["offmode"] == 1.0:
            raise TspError(5050, "Contact check not valid with HIGH-Z OUTPUT off")
        if not self.channel.output and source["offmode"] == 0.0 and source["offlimiti"] < CONTACT_LIMIT:
            raise TspError(5066, "source.offlimiti too low for contact check")

    def _contact_check(self) -> bool:
        low, high = self._contact_r()
        return max(low, high) < self.fixed["contact"].values["threshold"]

    def _contact_r(self) -> list[Any]:
        self._contact_allowed()
        port = self.channel.dut.port(self.channel.port)
        return [0.0, 9.9e37 if port.contact_open else self.channel.dut.contact]
