"""Virtual Keithley 2600B: voltage source, readings, buffers, trigger model and pulse functions over TSP.

2600BS-901-01 Rev. C. What is modelled stands in the tables below, in `instruments.virtual.k2600_channel` and in
`instruments.virtual.tsp_trigger`; anything else is nil, so that calling it is a run-time error and assigning to it is
refused. Sourcing current, asynchronous measurements, digital I/O, TSP-Link and dual pulse tests are not modelled.

Time of a measurement is the aperture and `OVERHEAD`. An output that is off leaves its terminals open, whatever the
output-off mode says.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar

from instruments.virtual.dut import Dut
from instruments.virtual.k2600_channel import TspSmu
from instruments.virtual.k2600_panel import display_part, status_part
from instruments.virtual.lua_library import as_table
from instruments.virtual.lua_values import as_number
from instruments.virtual.source import Capability, Channel
from instruments.virtual.tsp import TspInstrument
from instruments.virtual.tsp_buffers import BUFFER_SIZE, Buffer, BufferColumn, as_buffer
from instruments.virtual.tsp_events import BLENDERS, GENERATORS, TIMERS, Blender, Events, TspTimer
from instruments.virtual.tsp_parts import Part, TspError, between, whole
from instruments.virtual.tsp_trigger import TspTriggerModel

SHORTEST_PULSE = 100e-6
"""Shortest pulse of the pulse functions, s: ours, the manual leaves it to the data sheet."""

MESSAGE_TIME = 1e-3
"""Time that the levels of outputs that are on stand until the next message can act, s: ours."""

MOST_TAGS = 1000
"""Pulse tests that can be configured: ours."""

REAL32 = 2.0
LARGEST32 = 3.4e38
"""Largest number of single precision, nearly."""

_40V = Capability((0.1, 1.0, 6.0, 40.0), (1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1.0, 3.0), 1.01, 1e-8)
_200V = Capability((0.2, 2.0, 20.0, 200.0), (1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1.0, 1.5), 1.01, 1e-8)
_LOW = Capability(_200V.v_ranges, (1e-9, 1e-8, *_200V.i_ranges), 1.01, 1e-9)


class Stalled(Exception):
    """Raised where ``waitcomplete()`` would wait for a trigger that nothing will ever send."""


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
        "2614B": (_200V, 2), "2634B": (_LOW, 2), "2635B": (_LOW, 1), "2636B": (_LOW, 2), "2601A": (_40V, 1),
        "2602A": (_40V, 2), "2611A": (_200V, 1), "2612A": (_200V, 2), "2635A": (_LOW, 1), "2636A": (_LOW, 2),
    }  # fmt: skip

    def __init__(self, dut: Dut, *, model: str = "2602B", line_frequency: float = 50.0) -> None:
        """Switch on with defaults."""
        super().__init__(dut, model, "4012345", "3.4.1")
        self.model, self.line_frequency = model, line_frequency
        capability, count = self.MODELS[model]
        self.events = Events()
        self.timers = [TspTimer(self, n, self.events) for n in range(1, TIMERS + 1)]
        self.blenders = [Blender(self, n, self.events) for n in range(1, BLENDERS + 1)]
        self.triggers = TspTriggerModel(self, self.timers, self.blenders)
        self.smus = [
            TspSmu(self, f"smu{letter}", Channel(dut, str(k), capability, settling=0.0))
            for k, letter in enumerate("ab"[:count], start=1)
        ]  # fmt: skip
        self._pulses: dict[int, Callable[[], list[Any]]] = {}
        self.stalled = False
        self._started = 0.0
        measure = Part(self, {"t": lambda: self.clock - self._started})
        self.scope["timer"] = Part(self, {"reset": self._reset_timer, "measure": measure})
        self.scope |= {smu.name: smu for smu in self.smus}
        self.scope |= {
            "trigger": self._trigger_part(), "printbuffer": self._printbuffer, "status": status_part(self),
            "ConfigPulseVMeasureI": self._configure_pulse, "InitiatePulseTest": self._initiate_pulse,
            "display": display_part(self),
        }  # fmt: skip

    def _trigger_part(self) -> Part:
        external = self.events.number("trigger")
        generators = {}
        for n in range(1, GENERATORS + 1):
            event = self.events.number(f"generator{n}")
            generators[float(n)] = Part(self, {"EVENT_ID": event, "assert": partial(self.triggers.raise_event, event)})
        return Part(
            self,
            {
                "EVENT_ID": external,
                "timer": Part(self, {float(k): timer for k, timer in enumerate(self.timers, start=1)}),
                "blender": Part(self, {float(k): blender for k, blender in enumerate(self.blenders, start=1)}),
                "generator": Part(self, generators),
            },
        )

    @property
    def output(self) -> bool:
        """Whether any output is on."""
        return any(smu.channel.output for smu in self.smus)

    @property
    def clock(self) -> float:
        """Virtual time, s."""
        return self.dut.clock

    def reset(self) -> None:
        """All channels, timers and blenders to their defaults."""
        self.abort()
        parts: list[TspSmu | TspTimer | Blender] = [*self.smus, *self.timers, *self.blenders]
        for part in parts:
            part.reset()

    def clear(self) -> None:
        """Device clear: stop what plays, forget a script that comes in; the outputs stay as they are."""
        super().clear()
        self.abort()

    def abort(self) -> None:
        """Give up sweeps; the levels and outputs stay as they are."""
        self.triggers.abort()
        self.stalled = False

    def carry_out(self, message: str) -> str | bytes | None:
        """Carry out one line; while ``waitcomplete()`` waits in vain, only ``abort`` is heard."""
        word = message.strip()
        if word == "abort":
            self.abort()
            return None
        if self.stalled:
            return None
        if word.upper() == "*TRG":
            self._guarded(lambda: self.triggers.raise_event(self.events.number("trigger")))
            self._guarded(self.settle)
            return None
        try:
            return super().carry_out(message)
        except Stalled:
            self.stalled = True
            return self._spoken()

    def wait_complete(self) -> None:
        """Let all sweeps end.

        Raises
        ------
        Stalled
            If one of them waits for an event that will not come.
        """
        self.triggers.play()
        if self.triggers.busy:
            raise Stalled
        self.triggers.recent.clear()

    def settle(self) -> None:
        """Let sweeps go on, and the time pass that a host needs for its next message."""
        self.triggers.play()
        if self.output:
            self.pause(MESSAGE_TIME)

    def give_up(self) -> None:
        """Stop the sweeps of a message that took too long."""
        self.triggers.abort()

    def _delay(self, seconds: Any) -> None:
        self.triggers.play()
        self.pause(between(0.0, 1e5)(seconds))

    def _reset_timer(self) -> None:
        """``timer.reset()``: ``timer.measure.t()`` counts from now on."""
        self._started = self.clock

    def _printbuffer(self, first: Any, last: Any, *columns: Any) -> None:
        given = [c.get("readings") if isinstance(c, Buffer) else c for c in columns]
        lists = [c if isinstance(c, BufferColumn) else as_table(c) for c in given]
        start, end = whole(1, BUFFER_SIZE)(first), whole(1, BUFFER_SIZE)(last)
        if not lists or not start <= end <= min(map(len, lists)):
            raise TspError(1101, "Parameter too big")
        self.budget.spend(3 * (end - start + 1) * len(lists))
        parts = [c.between(start, end) if isinstance(c, BufferColumn) else c.values()[start - 1 : end] for c in lists]
        values = [as_number(value) for row in zip(*parts, strict=True) for value in row]
        if self.form.values["data"] == REAL32:
            order = "<" if self.form.values["byteorder"] else ">"
            narrow = [max(-LARGEST32, min(value, LARGEST32)) if value == value else value for value in values]
            # A block without a length, which the end of the message ends (7-94).
            self.answer(b"#0" + struct.pack(f"{order}{len(narrow)}f", *narrow))
        else:
            self.answer(", ".join(f"{value:.{self.precision - 1}e}" for value in values))

    def _configure_pulse(
        self, smu: Any, bias: Any, level: Any, limit: Any, ton: Any, toff: Any, points: Any, buffer: Any, tag: Any
    ) -> list[Any]:
        if not isinstance(smu, TspSmu):
            raise TspError(-104, "Data type error")
        tag = whole(1, MOST_TAGS)(tag)
        ton, toff, buffer = between(0.0, 1e4)(ton), between(0.0, 1e4)(toff), as_buffer(buffer)
        points = between(1.0, BUFFER_SIZE)(points)
        if ton < max(SHORTEST_PULSE, smu.measure_time) * (1 - 1e-9) or toff <= 0:
            return [False, "Pulse width or off time is out of range"]
        if smu.channel.i_range is None:
            return [False, "Measure autorange must be off"]
        limit = between(smu.channel.capability.i_min, smu.channel.capability.i_max)(limit)
        self.budget.spend(int(points))
        levels = [smu.check_level(level), smu.check_level(bias)]

        def play() -> None:
            held, smu.channel.compliance = smu.channel.compliance, limit
            count = int(points)
            try:
                readings = smu.channel.play(levels * count, [ton, toff] * count, [True, False] * count)
            finally:
                smu.channel.compliance = held
            buffer.store(readings, "i")
            smu.channel.set_level(levels[1], settle=False)

        def run() -> list[Any]:
            if not smu.channel.output:
                return [False, "The output is off"]
            play()
            return [True, "Test completed"]

        self._pulses[tag] = run
        return [True, "Test configured"]

    def _initiate_pulse(self, tag: Any) -> list[Any]:
        self.triggers.play()
        run = self._pulses.get(whole(1, MOST_TAGS)(tag))
        return [False, "No test has this tag"] if run is None else run()


INSTRUMENTS = {name: partial(K2600, model=name) for name in K2600.MODELS}
