"""Virtual Keithley 2600B: voltage source, readings, buffers, trigger model and pulse functions over TSP.

2600BS-901-01 Rev. C. What is modelled stands in the tables below and in `instruments.virtual.tsp_trigger`; anything
else is nil, so that calling it is a run-time error and assigning to it is refused. Sourcing current, asynchronous
measurements, REAL32 data, digital I/O, TSP-Link and dual pulse tests are not modelled.

Time of a measurement is the aperture and `OVERHEAD`. An output that is off leaves its terminals open, whatever the
output-off mode says.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar

from instruments.virtual.dut import Dut
from instruments.virtual.lua_values import Table, as_number
from instruments.virtual.source import Capability, Channel, Reading
from instruments.virtual.tsp import Part, TspError, TspInstrument, as_table, between, one_of
from instruments.virtual.tsp_trigger import EVENTS_OF_A_CHANNEL, TIMERS, Sweep, Timer, play_sweeps

OVERHEAD = 9e-5
"""Time that a measurement takes beyond its aperture, s: ours, the manual leaves it to the data sheet."""

SHORTEST_PULSE = 100e-6
"""Shortest pulse of the pulse functions, s: ours, the manual leaves it to the data sheet."""

CONTACT_LIMIT = 1e-3
"""Least current limit for a contact check, A (errors 5065 and 5066)."""

MESSAGE_TIME = 1e-3
"""Time that the levels of outputs that are on stand until the next message can act, s: ours."""

BUFFER_SIZE = 60_000

_40V = Capability((0.1, 1.0, 6.0, 40.0), (1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1.0, 3.0), 1.01, 1e-8)
_200V = Capability((0.2, 2.0, 20.0, 200.0), (1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1.0, 1.5), 1.01, 1e-8)
_LOW = Capability(_200V.v_ranges, (1e-9, 1e-8, *_200V.i_ranges), 1.01, 1e-9)


class Buffer(Part):
    """``nvbuffer1`` and ``nvbuffer2`` (7-24 ff.)."""

    def __init__(self, instrument: TspInstrument) -> None:
        """Start empty; append mode is off."""
        flag = one_of(0.0, 1.0)
        super().__init__(
            instrument,
            {"clear": self.clear, "capacity": float(BUFFER_SIZE)},
            {"appendmode": (0.0, flag), "collecttimestamps": (0.0, flag), "collectsourcevalues": (0.0, flag)},
        )
        self.content: list[Reading] = []
        self.own("n", lambda: float(len(self.content)))
        for name, column in self.COLUMNS.items():
            self.own(name, partial(self._column, column))

    COLUMNS: ClassVar[dict[str, Callable[[Reading, float], float]]] = {
        "readings": lambda r, first: r.current,
        "sourcevalues": lambda r, first: r.source,
        "timestamps": lambda r, first: r.time - first,
        "statuses": lambda r, first: float((0x40 if r.tripped else 0) | (0x02 if r.overflow else 0)),
    }

    def clear(self) -> None:
        """Forget all readings."""
        self.content.clear()

    def store(self, readings: list[Reading]) -> None:
        """Take readings: added in append mode, else in place of what was there."""
        if not self.values["appendmode"]:
            self.content.clear()
        self.add(readings)

    def add(self, readings: list[Reading]) -> None:
        """Take readings behind those that are there; what does not fit is lost."""
        self.content += readings[: BUFFER_SIZE - len(self.content)]

    def _column(self, column: Callable[[Reading, float], float]) -> Table:
        first = self.content[0].time if self.content else 0.0
        return Table(column(reading, first) for reading in self.content)


def as_buffer(value: Any) -> Buffer:
    """The value if it is a reading buffer; an error else."""
    if not isinstance(value, Buffer):
        raise TspError(-104, "Data type error")
    return value


class Smu(Part):
    """``smua`` or ``smub``."""

    def __init__(self, instrument: K2600, name: str, channel: Channel) -> None:
        """Give a channel its attributes."""
        constants = {
            "OUTPUT_OFF": 0.0, "OUTPUT_ON": 1.0, "OUTPUT_DCAMPS": 0.0, "OUTPUT_DCVOLTS": 1.0, "OUTPUT_NORMAL": 0.0,
            "OUTPUT_ZERO": 2.0, "OUTPUT_HIGH_Z": 1.0, "SENSE_LOCAL": 0.0, "SENSE_REMOTE": 1.0, "AUTORANGE_OFF": 0.0,
            "AUTORANGE_ON": 1.0, "AUTOZERO_OFF": 0.0, "AUTOZERO_ONCE": 1.0, "AUTOZERO_AUTO": 2.0, "DISABLE": 0.0,
            "ENABLE": 1.0, "SOURCE_IDLE": 0.0, "SOURCE_HOLD": 1.0, "LIMIT_AUTO": 0.0, "CONTACT_FAST": 0.0,
        }  # fmt: skip
        super().__init__(instrument, {**constants, "reset": self.reset, "abort": instrument.abort})
        self.name, self.channel = name, channel
        self.buffers = Buffer(instrument), Buffer(instrument)
        self.sweep = Sweep(instrument, name, instrument.event_ids(name))
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
        """Defaults (2-11): 0 V, 100 mA at most, automatic ranges, 1 PLC, output off."""
        capability = self.channel.capability
        self.channel.restore_defaults(min(0.1, capability.i_max))
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
        part = Part(
            self.instrument, {},
            {
                "func": (1.0, one_of(1.0)), "offmode": (0.0, one_of(0.0, 1.0, 2.0)), "offfunc": (1.0, flag),
                "offlimiti": (1e-3, between(channel.capability.i_min, channel.capability.i_max)),
                "delay": (0.0, between(0.0, 1e4)),
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
            self.instrument, {"i": self._read_i, "v": self._read_v, "iv": self._read_iv, "r": self._read_r},
            {
                "autozero": (2.0, one_of(0.0, 1.0, 2.0)), "delay": (0.0, between(-1.0, 1e4)),
                "autorangev": (1.0, one_of(0.0, 1.0)),
                "rangev": (capability.v_ranges[-1], between(-capability.v_max, capability.v_max)),
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

    def _reading(self, *into: Any) -> Reading:
        for buffer in into:
            as_buffer(buffer)
        self.instrument.wait_complete()
        delay = max(0.0, self.fixed["source"].values["delay"]) + max(0.0, self.fixed["measure"].values["delay"])
        reading = self.channel.measure(delay + self.measure_time)
        for buffer in map(as_buffer, into):
            buffer.store([reading])
        return reading

    def _read_i(self, *into: Any) -> float:
        return self._reading(*into).current

    def _read_v(self) -> float:
        return self._reading().voltage

    def _read_iv(self, *into: Any) -> list[Any]:
        reading = self._reading(*into[:1])
        return [reading.current, reading.voltage]

    def _read_r(self) -> float:
        reading = self._reading()
        return reading.voltage / reading.current if reading.current else 9.91e37

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


class K2600(TspInstrument):
    """A 2600B with one or two channels.

    Parameters
    ----------
    dut : Dut
        What is at the terminals: port ``1`` of it at smua, port ``2`` at smub.
    model : str
        A key of `MODELS`.
    line_frequency : float
        Of the mains, Hz.
    """

    MODELS: ClassVar[dict[str, tuple[Capability, int]]] = {
        "2601B": (_40V, 1), "2602B": (_40V, 2), "2604B": (_40V, 2), "2611B": (_200V, 1), "2612B": (_200V, 2),
        "2614B": (_200V, 2), "2634B": (_LOW, 2), "2635B": (_LOW, 1), "2636B": (_LOW, 2),
    }  # fmt: skip

    def __init__(self, dut: Dut, *, model: str = "2602B", line_frequency: float = 50.0) -> None:
        """Switch on with defaults."""
        super().__init__(model, "4012345", "3.4.1")
        self.model, self.line_frequency, self.dut = model, line_frequency, dut
        capability, count = self.MODELS[model]
        self._events: dict[str, float] = {}
        self.timers = [Timer(self, n, self.event_id(f"timer{n}")) for n in range(1, TIMERS + 1)]
        self.smus = [
            Smu(self, f"smu{letter}", Channel(dut, str(k), capability, settling=0.0))
            for k, letter in enumerate("ab"[:count], start=1)
        ]  # fmt: skip
        timers = Part(self, {float(k): timer for k, timer in enumerate(self.timers, start=1)})
        self._pulses: dict[float, Callable[[], None]] = {}
        self._pending: list[Smu] = []
        self.stalled = False
        self.scope |= {smu.name: smu for smu in self.smus}
        self.scope |= {
            "trigger": Part(self, {"timer": timers}), "printbuffer": self._printbuffer,
            "ConfigPulseVMeasureI": self._configure_pulse, "InitiatePulseTest": self._initiate_pulse,
        }  # fmt: skip

    @property
    def output(self) -> bool:
        """Whether any output is on."""
        return any(smu.channel.output for smu in self.smus)

    @property
    def clock(self) -> float:
        """Virtual time, s."""
        return self.dut.clock

    def smu(self, name: str) -> Smu:
        """Channel by its name."""
        return next(smu for smu in self.smus if smu.name == name)

    def event_id(self, name: str) -> float:
        """Number of an event."""
        return self._events.setdefault(name, float(len(self._events) + 1))

    def event_ids(self, smu: str) -> dict[str, float]:
        """Numbers of a channel's events."""
        return {name: self.event_id(f"{smu}.{name}") for name in EVENTS_OF_A_CHANNEL}

    def reset(self) -> None:
        """All channels and timers to their defaults."""
        self.abort()
        for part in (*self.smus, *self.timers):
            part.reset()

    def clear(self) -> None:
        """Device clear: stop what plays; the outputs stay as they are."""
        self.abort()

    def abort(self) -> None:
        """Give up sweeps; the levels and outputs stay as they are."""
        self._pending, self.stalled = [], False

    def handle(self, message: str) -> str | bytes | None:
        """Carry out one line; while a sweep waits for an event that never comes, only ``abort`` is heard."""
        if message.strip() == "abort":
            self.abort()
            return None
        if self.stalled:
            return None
        answer = super().handle(message)
        if not self.stalled:
            self.wait_complete()
        if self.output:
            self.pause(MESSAGE_TIME)
        return answer if not self.stalled else None

    def initiate(self, sweep: Sweep) -> None:
        """Start a sweep; it runs at the next wait, together with all that were started before."""
        self._pending.append(self.smu(sweep.name))

    def wait_complete(self) -> None:
        """Run all sweeps that were started."""
        pending, self._pending = self._pending, []
        if pending and not play_sweeps(pending, self.timers):
            self.stalled = True

    def pause(self, seconds: float) -> None:
        """Let virtual time pass at the present levels."""
        self.dut.advance(seconds)

    def _printbuffer(self, first: Any, last: Any, *columns: Any) -> None:
        given = [c.get("readings") if isinstance(c, Buffer) else c for c in columns]
        lists = [as_table(table).values() for table in given]
        start, end = int(as_number(first)), int(as_number(last))
        if not lists or not 1 <= start <= end <= min(map(len, lists)):
            raise TspError(1101, "Parameter too big")
        rows = range(start - 1, end)
        self.answer(", ".join(f"{values[k]:.{self.precision - 1}e}" for k in rows for values in lists))

    def _configure_pulse(
        self, smu: Any, bias: Any, level: Any, limit: Any, ton: Any, toff: Any, points: Any, buffer: Any, tag: Any
    ) -> list[Any]:
        if not isinstance(smu, Smu):
            raise TspError(-104, "Data type error")
        ton, toff, buffer = between(0.0, 1e4)(ton), between(0.0, 1e4)(toff), as_buffer(buffer)
        points = between(1.0, BUFFER_SIZE)(points)
        if ton < max(SHORTEST_PULSE, smu.measure_time) * (1 - 1e-9) or toff <= 0:
            return [False, "Pulse width or off time is out of range"]
        if smu.channel.i_range is None:
            return [False, "Measure autorange must be off"]
        limit = between(smu.channel.capability.i_min, smu.channel.capability.i_max)(limit)
        levels = [smu.check_level(level), smu.check_level(bias)]

        def play() -> None:
            held, smu.channel.compliance = smu.channel.compliance, limit
            count = int(points)
            buffer.store(smu.channel.play(levels * count, [ton, toff] * count, [True, False] * count))
            smu.channel.compliance = held
            smu.channel.set_level(levels[1], settle=False)

        def run() -> list[Any]:
            if not smu.channel.output:
                return [False, "The output is off"]
            play()
            return [True, "Test completed"]

        self._pulses[tag] = run
        return [True, "Test configured"]

    def _initiate_pulse(self, tag: Any) -> list[Any]:
        self.wait_complete()
        return self._pulses[tag]() if tag in self._pulses else [False, "No test has this tag"]
