"""Virtual Keithley 2400: messages, errors and timing of the User's Manual 2400S-900-01 Rev. K.

What is modelled: voltage source with current limit, voltage and current readings, fixed and list source mode, the
arm-trigger loop, the reading buffer, auto output-off, output-off states, interlock queries. Sourcing current, ohms,
filters, limits tests and source memory are not; their headers are undefined here (-113) and their parameter values
illegal (-224), so that nothing is accepted that would not be done.

Time of one source-delay-measure cycle (manual p. 11-2 ff.): source delay, then the aperture, three times where
auto-zero is on, then `OVERHEAD`.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import ClassVar

import numpy as np

from instruments.virtual import k2400_handlers as do
from instruments.virtual.dut import Dut
from instruments.virtual.k2400_handlers import ELEMENTS, LIMIT, LIST_TOTAL
from instruments.virtual.scpi import ScpiCommand, ScpiInstrument, setting
from instruments.virtual.scpi_parameters import ScpiError, arguments, boolean, choice, flag, integer, number, show
from instruments.virtual.source import Capability, Channel, SmuReading
from instruments.virtual.terminals import TERMINAL_COMMANDS, Terminals

OVERHEAD = 8e-4
"""Time of a source-delay-measure cycle beyond delay and aperture, s: with 0.01 PLC about 1 ms a point in all."""

AUTO_DELAY = 1e-3
"""Source delay where it is automatic, s (table 3-4: 1 ms on the ranges up to 10 mA)."""

NAN = 9.91e37
"""Answer for a quantity that was not measured (manual p. 18-51), or is beyond its range (p. 7-2)."""

PROTECTION = (20.0, 40.0, 60.0, 80.0, 100.0, 120.0, 160.0)
"""Steps of the over-voltage protection, V; above them there is none (manual p. 18-81)."""

_UP_TO_1A = (1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1.0)


class K2400(ScpiInstrument):
    """A 2400 (210 V, 1.05 A), a sister of other ranges, or a 6430, which has one pair of terminals.

    Parameters
    ----------
    dut : Dut
        What is at its terminals.
    line_frequency : float
        Of the mains, Hz.
    dut_terminals : {"front", "rear"}
        Where the device is; with the others selected there is an open circuit.
    model : str
        A key of `MODELS`.
    """

    QUEUE: ClassVar[int] = 10
    MODELS: ClassVar[dict[str, tuple[Capability, tuple[float, ...]]]] = {
        "2400": (Capability((0.2, 2.0, 20.0, 200.0), _UP_TO_1A, 1.05, 1e-9), PROTECTION),
        "2410": (
            Capability((0.2, 2.0, 20.0, 1000.0), (1e-6, 1e-5, 1e-4, 1e-3, 2e-2, 0.1, 1.0), 1.05, 1e-9),
            (20.0, 40.0, 100.0, 200.0, 300.0, 400.0, 500.0),
        ),
        "2420": (
            Capability((0.2, 2.0, 20.0, 60.0), (*_UP_TO_1A[1:], 3.0), 1.05, 1e-8),
            (6.0, 12.0, 18.0, 24.0, 30.0, 36.0, 48.0),
        ),
        "2425": (
            Capability((0.2, 2.0, 20.0, 100.0), (*_UP_TO_1A[1:], 3.0), 1.05, 1e-8),
            (10.0, 20.0, 30.0, 40.0, 50.0, 60.0, 80.0),
        ),
        "2440": (
            Capability((0.2, 2.0, 10.0, 40.0), (*_UP_TO_1A[1:], 5.0), 1.05, 1e-8),
            (4.0, 8.0, 12.0, 16.0, 20.0, 24.0, 32.0),
        ),
        "6430": (
            Capability((0.2, 2.0, 20.0, 200.0), (*(10.0**n for n in range(-12, -6)), *_UP_TO_1A[:-1]), 1.05, 1e-15),
            PROTECTION,
        ),
    }

    def __init__(
        self, dut: Dut, *, model: str = "2400", line_frequency: float = 50.0, dut_terminals: str = "front"
    ) -> None:
        """Switch on with defaults."""
        self.capability, self.protection = self.MODELS[model]
        self.one_pair = model == "6430"
        self.identity = f"KEITHLEY INSTRUMENTS INC.,MODEL {model},1234567,C33   Mar 31 2015 09:32:39/A02  /K/J"
        super().__init__(dut)
        self.line_frequency = line_frequency
        self.channel = Channel(dut, "1", self.capability)
        self.terminals = Terminals(self.channel, dut_terminals)
        self.interlock_enabled, self.display = False, True
        self.reset()

    @property
    def output(self) -> bool:
        """Whether the output is on."""
        return self.channel.output

    @property
    def clock(self) -> float:
        """Virtual time, s."""
        return self.channel.clock

    def reset(self) -> None:
        """Defaults of the manual's tables 18-1 ff: 105 uA, 1 PLC, one trigger."""
        self.channel.restore_defaults(LIMIT)
        self.terminals.reset()
        self.mode, self.list, self.functions = "FIX", [0.0], ["VOLT", "CURR"]
        self.delay, self.auto_delay, self.auto_zero = 0.0, True, True
        self.auto_clear, self.clear_mode, self.abort_on, self.off_mode = False, "ALW", "NEV", "NORM"
        self.ranging, self.v_limit = "BEST", 21.0
        self.arm_count, self.trigger_count, self.trigger_delay = 1, 1, 0.0
        self.elements = [e.upper() for e in ELEMENTS]
        self.buffer: list[SmuReading] = []
        self.latest: list[SmuReading] = []
        self.feed, self.points, self.filling = "SENS", 100, False
        self.time_resets, self.concurrent, self._zero = False, True, self.clock

    def clear(self) -> None:
        """Device clear: nothing plays between messages, and the output stays as it is."""

    def format_error(self, error: tuple[int, str] | None) -> str:
        """Number and quoted text."""
        code, text = error or (0, "No error")
        return f'{code},"{text}"' if code <= 0 else f'+{code},"{text}"'

    def commands(self) -> Sequence[ScpiCommand]:
        """All that is modelled, by subsystem."""
        return [
            *self._output_commands(),
            *self._source_commands(),
            *self._sense_commands(),
            *self._system_commands(),
            *self._trigger_commands(),
            *self._reading_commands(),
        ]

    def _output_commands(self) -> list[ScpiCommand]:
        """OUTPut: the output and its state when off."""
        return [
            ScpiCommand("OUTPut[1][:STATe]", do.output, lambda s, p, n: flag(s.channel.output)),
            setting("OUTPut[1]:SMODe", "off_mode", lambda t: choice(t, ("HIMPedance", "NORMal", "ZERO", "GUARd")), str),
            setting("OUTPut[1]:INTerlock:STATe", "interlock_enabled", boolean, flag),
            ScpiCommand("OUTPut[1]:INTerlock:TRIPped", None, lambda s, p, n: "0"),
        ]

    def _source_commands(self) -> list[ScpiCommand]:
        """SOURce: level, range, protection, list, sweep, delay."""
        v = self.capability.v_max
        source, volts = "[SOURce[1]:]", "[SOURce[1]:]VOLTage"
        level = partial(number, low=-v, high=v, default=0.0)
        return [
            setting(f"{source}FUNCtion[:MODE]", "source_function", lambda t: choice(t, ("VOLTage",)), str),
            ScpiCommand(f"{volts}[:LEVel][:IMMediate][:AMPLitude]", partial(do.set_level, level), do.level_answer),
            setting(f"{volts}:MODE", "mode", lambda t: choice(t, ("FIXed", "LIST")), str),
            ScpiCommand(
                f"{volts}:RANGe", partial(do.source_range, v), lambda s, p, n: show(s.channel.shows_range("v"))
            ),
            ScpiCommand(f"{volts}:RANGe:AUTO", do.source_auto, lambda s, p, n: flag(s.channel.v_range is None)),
            setting(
                f"{volts}:PROTection[:LEVel]",
                "channel.v_clamp",
                self._protection,
                lambda v: show(min(v, self.capability.v_max)),
            ),
            ScpiCommand(
                f"{volts}:PROTection:TRIPped", None, lambda s, p, n: flag(abs(s.channel.level) > s.channel.v_clamp)
            ),
            ScpiCommand(
                f"{source}LIST:VOLTage", partial(do.set_list, False), lambda s, p, n: ",".join(map(show, s.list))
            ),
            ScpiCommand(f"{source}LIST:VOLTage:APPend", partial(do.set_list, True)),
            ScpiCommand(f"{source}LIST:VOLTage:POINts", None, lambda s, p, n: str(len(s.list))),
            setting(f"{source}SWEep:RANGing", "ranging", lambda t: choice(t, ("BEST", "AUTO", "FIXed")), str),
            setting(f"{source}SWEep:CABort", "abort_on", lambda t: choice(t, ("NEVer", "EARLy", "LATE")), str),
            ScpiCommand(f"{source}DELay", do.delay, lambda s, p, n: show(s.delay)),
            setting(f"{source}DELay:AUTO", "auto_delay", boolean, flag),
            ScpiCommand(f"{source}CLEar[:IMMediate]", lambda s, p, n: s.channel.switch(False)),
            setting(f"{source}CLEar:AUTO", "auto_clear", boolean, flag),
            setting(f"{source}CLEar:AUTO:MODE", "clear_mode", lambda t: choice(t, ("ALWays", "TCOunt")), str),
        ]

    def _sense_commands(self) -> list[ScpiCommand]:
        """SENSe: what is measured, current limit, ranges, integration time."""
        v, sense = self.capability.v_max, "[SENSe[1]:]"
        return [
            ScpiCommand(f"{sense}FUNCtion[:ON]", do.functions, do.functions_answer),
            ScpiCommand(f"{sense}FUNCtion:OFF", do.functions_off),
            setting(f"{sense}FUNCtion:CONCurrent", "concurrent", boolean, flag),
            ScpiCommand(
                f"{sense}CURRent[:DC]:PROTection[:LEVel]", do.protect, lambda s, p, n: show(s.channel.compliance)
            ),
            ScpiCommand(f"{sense}CURRent[:DC]:PROTection:TRIPped", None, lambda s, p, n: flag(s.channel.tripped)),
            ScpiCommand(
                f"{sense}CURRent[:DC]:RANGe[:UPPer]", do.sense_range, lambda s, p, n: show(s.channel.shows_range("i"))
            ),
            ScpiCommand(
                f"{sense}CURRent[:DC]:RANGe:AUTO", do.sense_auto, lambda s, p, n: flag(s.channel.i_range is None)
            ),
            setting(f"{sense}CURRent[:DC]:NPLCycles", "channel.nplc", partial(number, low=0.01, high=10, default=1)),
            ScpiCommand(f"{sense}VOLTage[:DC]:RANGe[:UPPer]", None, lambda s, p, n: show(s.channel.shows_range("v"))),
            setting(
                f"{sense}VOLTage[:DC]:PROTection[:LEVel]", "v_limit", partial(number, low=-v, high=v, default=21.0)
            ),
            setting(f"{sense}VOLTage[:DC]:NPLCycles", "channel.nplc", partial(number, low=0.01, high=10, default=1)),
        ]

    def _system_commands(self) -> list[ScpiCommand]:
        """SYSTem, ROUTe and DISPlay."""
        return [
            setting("SYSTem:RSENse", "channel.four_wire", boolean, flag, "refresh"),
            ScpiCommand("SYSTem:AZERo[:STATe]", do.auto_zero, lambda s, p, n: flag(s.auto_zero)),
            setting("SYSTem:RCMode", "recall_mode", lambda t: choice(t, ("SINGle", "MULTiple")), str),
            ScpiCommand("SYSTem:ERRor[:NEXT]", None, lambda s, p, n: s.next_error()),
            ScpiCommand("SYSTem:ERRor:COUNt", None, lambda s, p, n: str(len(s.errors))),
            ScpiCommand("SYSTem:CLEar", lambda s, p, n: s.errors.clear()),
            ScpiCommand("SYSTem:VERSion", None, lambda s, p, n: "1996.0"),
            setting("SYSTem:LFRequency", "line_frequency", self._mains, lambda f: f"{f:.0f}"),
            ScpiCommand("SYSTem:BEEPer[:IMMediate]", lambda s, p, n: arguments(p, 2)),
            setting("SYSTem:BEEPer:STATe", "beeper", boolean, flag),
            setting("SYSTem:TIME:RESet:AUTO", "time_resets", boolean, flag),
            ScpiCommand("SYSTem:TIME:RESet", lambda s, p, n: setattr(s, "_zero", s.clock)),
            *(() if self.one_pair else TERMINAL_COMMANDS),
            setting("DISPlay:ENABle", "display", boolean, flag),
        ]

    def _trigger_commands(self) -> list[ScpiCommand]:
        """ARM, TRIGger, INITiate: how often the source-delay-measure cycle runs."""
        return [
            ScpiCommand(
                "ARM[:SEQuence[1]][:LAYer[1]]:COUNt", partial(do.count, "arm_count"), lambda s, p, n: str(s.arm_count)
            ),
            ScpiCommand(
                "TRIGger[:SEQuence[1]]:COUNt", partial(do.count, "trigger_count"), lambda s, p, n: str(s.trigger_count)
            ),
            setting("TRIGger[:SEQuence[1]]:DELay", "trigger_delay", partial(number, low=0, high=999.9999)),
            setting("TRIGger[:SEQuence[1]]:SOURce", "trigger_source", lambda t: choice(t, ("IMMediate",)), str),
            setting("ARM[:SEQuence[1]][:LAYer[1]]:SOURce", "arm_source", lambda t: choice(t, ("IMMediate",)), str),
            ScpiCommand("TRIGger:CLEar", lambda s, p, n: None),
            ScpiCommand("INITiate[:IMMediate]", lambda s, p, n: s.run()),
            ScpiCommand("ABORt", lambda s, p, n: None),
        ]

    def _reading_commands(self) -> list[ScpiCommand]:
        """READ, FETCh, MEASure, FORMat, TRACe and STATus: what was read."""
        return [
            ScpiCommand("READ", None, do.read),
            ScpiCommand("FETCh", None, lambda s, p, n: s.answer(s.latest)),
            ScpiCommand("CONFigure:CURRent[:DC]", do.configure),
            ScpiCommand("MEASure[:CURRent[:DC]]", None, do.measure),
            ScpiCommand("FORMat:ELEMents[:SENSe[1]]", do.elements, lambda s, p, n: ",".join(e[:4] for e in s.elements)),
            setting("FORMat[:DATA]", "data_format", lambda t: choice(t, ("ASCii",)), str),
            setting("TRACe:FEED", "feed", lambda t: choice(t, ("SENSe[1]", "SENSe")).split("[")[0], str),
            setting("TRACe:POINts", "points", partial(integer, low=1, high=LIST_TOTAL), str),
            ScpiCommand("TRACe:POINts:ACTual", None, lambda s, p, n: str(len(s.buffer))),
            ScpiCommand("TRACe:FEED:CONTrol", do.feed, lambda s, p, n: "NEXT" if s.filling else "NEV"),
            ScpiCommand("TRACe:CLEar", lambda s, p, n: s.buffer.clear()),
            ScpiCommand("TRACe:DATA", None, lambda s, p, n: s.answer(s.buffer)),
            ScpiCommand("STATus:PRESet", lambda s, p, n: None),
            ScpiCommand("STATus:QUEue[:NEXT]", None, lambda s, p, n: s.next_error()),
        ]

    source_function, recall_mode, beeper = "VOLT", "SING", True
    trigger_source = arm_source = "IMM"
    data_format = "ASC"

    def refresh(self) -> None:
        """Let a changed setting act."""
        self.channel.refresh()

    def cycle_time(self) -> float:
        """Length of one source-delay-measure cycle, s."""
        delay = AUTO_DELAY if self.auto_delay else self.delay
        aperture = self.channel.nplc / self.line_frequency
        return self.trigger_delay + delay + aperture * (3 if self.auto_zero else 1) + OVERHEAD

    def run(self) -> None:
        """Arm and trigger loop: every cycle sources, waits and measures.

        Raises
        ------
        ScpiError
            803 if the output is off and does not switch itself.
        """
        if not self.channel.output and not self.auto_clear:
            raise ScpiError(803, "Not permitted with OUTPUT off")
        if self.time_resets:
            self._zero = self.clock
        count = self.arm_count * self.trigger_count
        resting = self.channel.level
        levels = [self.list[k % self.trigger_count % len(self.list)] for k in range(count)]
        levels = levels if self.mode == "LIST" else [resting] * count
        self.latest = []
        pulsed = self.auto_clear and self.clear_mode == "ALW"
        for level in levels:
            if not self.channel.output:
                self.channel.switch(True, settle=False)
            self.latest += self.channel.play([level], [self.cycle_time()], [True])
            if pulsed:
                self.channel.switch(False)
            if self.abort_on != "NEV" and self.latest[-1].tripped:
                break
        if self.auto_clear:
            self.channel.switch(False)
        if self.mode == "FIX":
            self.channel.level = resting
        if self.filling:
            self.buffer = (self.buffer + self.latest)[: self.points]
            self.filling = len(self.buffer) < self.points

    def answer(self, readings: Sequence[SmuReading]) -> str:
        """Elements of readings in the manual's fixed order, all in one line; -230 if there is nothing to tell."""
        if not readings:
            raise ScpiError(-230)
        return ",".join(value for r in readings for value in self._values(r))

    def _values(self, r: SmuReading) -> list[str]:
        amperes = "CURR" in self.functions
        volts = r.voltage if "VOLT" in self.functions else r.source
        status = r.overflow | (8 if r.tripped else 0) | (2048 if "VOLT" in self.functions else 0)
        status |= (4096 if amperes else 0) | 16384
        fields = {
            "VOLTAGE": f"{volts:+.6E}",
            "CURRENT": f"{r.current:+.6E}" if amperes and not r.overflow else f"{NAN:+.6E}",
            "RESISTANCE": f"{NAN:+.6E}",
            "TIME": f"{round(r.time - self._zero, 3):+.6E}",
            "STATUS": f"{status:+.6E}",
        }
        return [fields[e] for e in self.elements]

    @staticmethod
    def _mains(text: str) -> float:
        value = number(text)
        if value not in (50.0, 60.0):
            raise ScpiError(-222)
        return value

    def _protection(self, text: str) -> float:
        most = self.capability.v_max
        value = number(text, 0.0, most, most)
        return next((step for step in self.protection if value <= step), np.inf)


INSTRUMENTS = {name: partial(K2400, model=name) for name in K2400.MODELS}
