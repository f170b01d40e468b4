"""Virtual Keithley 2450, 2460 and 2461: SCPI of 2450-901-01 Rev. B and 2461-901-01 Rev. A.

What is modelled: voltage source with current limit, current reading, reading buffers, linear and list sweeps, source
configuration lists, the trigger model with its timers (`instruments.virtual.blocks`) and the pulse builder of the
2461 (`instruments.virtual.k2461`). Sourcing current, digital I/O, limit tests, maths and scripts are not: their headers
are undefined here (-113), their parameter values illegal (-224).

Time of a measurement is the aperture, twice where auto-zero is on, and `OVERHEAD`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import ClassVar

import numpy as np

from instruments.virtual.blocks import BLOCK_COMMANDS, TriggerModel
from instruments.virtual.dut import Dut
from instruments.virtual.k2450_readings import BUFFER, BUFFERS, READING_COMMANDS
from instruments.virtual.scpi import ScpiCommand, ScpiInstrument, setting
from instruments.virtual.scpi_parameters import (
    TEXTS,
    ScpiError,
    arguments,
    boolean,
    choice,
    flag,
    integer,
    number,
    show,
    string,
)
from instruments.virtual.source import Capability, Channel, SmuReading
from instruments.virtual.source_lists import (
    SWEEP_LIST,
    config_create,
    config_delete,
    config_list,
    config_recall,
    config_store,
    pause,
    set_list,
    sweep_linear,
    sweep_list,
    tell_list,
)
from instruments.virtual.terminals import TERMINAL_COMMANDS, Terminals

OVERHEAD = 4.5e-4
"""Time that a measurement takes beyond its aperture, s (the maker's 2460 pulse example allows that much)."""

POWER_ON = datetime(2026, 1, 1, 12)
"""What the instrument's calendar shows at virtual time 0."""

CALENDAR = 7000 * 365.0 * 86400
"""Virtual time after which the calendar begins again, s: it has no year 10 000."""

PROTECTION = (2, 5, 10, 20, 40, 60, 80, 100, 120, 140, 160, 180)
"""Steps of the over-voltage protection, V (2461 8-189, 2450 8-124 ff.)."""


class K2450(ScpiInstrument):
    """A virtual 2450, 2460 or 2461.

    Parameters
    ----------
    dut : Dut
        What is at its terminals.
    model : str
        ``2450``, ``2460`` or ``2461``.
    line_frequency : float
        Of the mains, Hz.
    language : str
        ScpiCommand set in force: ``SCPI``; with ``TSP`` or ``SCPI2400`` it answers ``*LANG?`` and ``*IDN?`` alone.
    dut_terminals : {"front", "rear"}
        Where the device is; with the others selected there is an open circuit.
    """

    QUEUE: ClassVar[int] = 1000
    CAPABILITIES: ClassVar[dict[str, Capability]] = {
        "2450": Capability(
            (0.02, 0.2, 2.0, 20.0, 200.0), (1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1.0), 1.05, 1e-9
        ),
        "2460": Capability(
            (0.2, 2.0, 7.0, 10.0, 20.0, 100.0), (1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1.0, 4.0, 5.0, 7.0), 1.05, 1e-8
        ),
        "2470": Capability(
            (0.2, 2.0, 20.0, 200.0, 1000.0), (1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1.0), 1.1, 1e-9
        ),
    }

    def __init__(
        self, dut: Dut, *, model: str = "2450", line_frequency: float = 50.0, language: str = "SCPI",
        dut_terminals: str = "front",
    ) -> None:  # fmt: skip
        """Switch on with defaults."""
        self.model, self.language, self.line_frequency = model, language, line_frequency
        self.capability = self.CAPABILITIES.get(model, self.CAPABILITIES["2460"])
        self.identity = f"KEITHLEY INSTRUMENTS,MODEL {model},04012345,1.7.12b"
        self.channel = Channel(dut, "1", self.capability)
        super().__init__(dut)
        self.terminals = Terminals(self.channel, dut_terminals)
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
        """Defaults of the manual's reset tables (2450 2-137): limit 105 uA, 1 PLC, automatic ranges."""
        self.channel.restore_defaults(105e-6)
        self.terminals.reset()
        self.delay, self.auto_delay, self.readback, self.auto_zero = 0.0, True, True, True
        self.off_mode, self.interlock, self.count = "NORM", False, 1
        self.buffers: dict[str, list[SmuReading]] = {name: [] for name in BUFFERS}
        self.capacity = dict.fromkeys(BUFFERS, 100_000)
        self.lists: dict[str, list[float]] = {}
        self.trigger = TriggerModel(self)

    def clear(self) -> None:
        """Device clear: the trigger model stops; the output stays as it is."""
        self.trigger.stop()

    def carry_out(self, message: str) -> str | bytes | None:
        """Carry out a message, if the command set in force is SCPI."""
        if self.language != "SCPI" and message.strip().upper() not in ("*LANG?", "*IDN?"):
            self.fail(-285, "TSP Syntax error at line 1: unexpected symbol near `" + message.strip()[:10] + "'")
            return None
        return super().carry_out(message)

    def operation_complete(self) -> str | None:
        """No answer while the trigger model waits."""
        return None if self.trigger.waiting else "1"

    def format_error(self, error: tuple[int, str] | None) -> str:
        """Number, and text with type and time (2461 6-151); without an error, zeros."""
        if error is None:
            return '0,"No error;0;0 0"'
        return f'{error[0]},"{error[1]}"'

    def fail(self, code: int, text: str | None = None, kind: int = 1) -> None:
        """Queue an error (kind 1) or a warning (kind 2) with the time of day."""
        stamp = (POWER_ON + timedelta(seconds=self.clock % CALENDAR)).strftime("%Y/%m/%d %H:%M:%S.%f")[:-3]
        super().fail(code, f"{TEXTS[code] if text is None else text};{kind};{stamp}")

    def commands(self) -> Sequence[ScpiCommand]:
        """All that is modelled, by subsystem."""
        return [
            *self._output_commands(),
            *self._source_commands(),
            *self._sense_commands(),
            *self._system_commands(),
            *READING_COMMANDS,
            *self._trigger_commands(),
        ]

    def _output_commands(self) -> list[ScpiCommand]:
        """OUTPut: the output and its state when off."""
        modes = ("NORMal", "HIMPedance", "ZERO", "GUARd")
        return [
            ScpiCommand("*LANG", None, lambda s, p, n: s.language),
            ScpiCommand("OUTPut[1][:STATe]", _output, lambda s, p, n: flag(s.channel.output)),
            setting("OUTPut[1][:VOLTage]:SMODe", "off_mode", lambda t: choice(t, modes), str),
            setting("OUTPut[1]:INTerlock:STATe", "interlock", boolean, flag),
            ScpiCommand("OUTPut[1]:INTerlock:TRIPped", None, lambda s, p, n: "0"),
        ]

    def _source_commands(self) -> list[ScpiCommand]:
        """SOURce: level, range, current limit, protection, delay, lists."""
        v = self.capability.v_max
        source, volts = "[SOURce[1]:]", "[SOURce[1]:]VOLTage"
        return [
            setting(f"{source}FUNCtion[:MODE]", "source_function", lambda t: choice(t, ("VOLTage",)), str),
            ScpiCommand(f"{volts}[:LEVel][:IMMediate][:AMPLitude]", _level, lambda s, p, n: show(s.channel.level)),
            ScpiCommand(f"{volts}:RANGe", partial(_source_range, v), lambda s, p, n: show(s.channel.shows_range("v"))),
            ScpiCommand(f"{volts}:RANGe:AUTO", _source_auto, lambda s, p, n: flag(s.channel.v_range is None)),
            ScpiCommand(f"{volts}:ILIMit[:LEVel]", _limit, lambda s, p, n: show(s.channel.compliance)),
            ScpiCommand(f"{volts}:ILIMit[:LEVel]:TRIPped", None, lambda s, p, n: flag(s.channel.tripped)),
            ScpiCommand(f"{volts}:PROTection[:LEVel]", _protect, _protection),
            ScpiCommand(
                f"{volts}:PROTection[:LEVel]:TRIPped",
                None,
                lambda s, p, n: flag(abs(s.channel.level) > s.channel.v_clamp),
            ),
            ScpiCommand(f"{volts}:DELay", _delay, lambda s, p, n: show(s.delay)),
            setting(f"{volts}:DELay:AUTO", "auto_delay", boolean, flag),
            setting(f"{volts}:READ:BACK", "readback", boolean, flag),
            ScpiCommand(f"{source}LIST:VOLTage", partial(set_list, False), tell_list),
            ScpiCommand(f"{source}LIST:VOLTage:APPend", partial(set_list, True)),
            ScpiCommand(f"{source}LIST:VOLTage:POINts", None, lambda s, p, n: str(len(s.lists.get(SWEEP_LIST, [])))),
            ScpiCommand(f"{source}SWEep:VOLTage:LIST", sweep_list),
            ScpiCommand(f"{source}SWEep:VOLTage:LINear", sweep_linear),
            ScpiCommand(f"{source}CONFiguration:LIST:CREate", config_create),
            ScpiCommand(f"{source}CONFiguration:LIST:STORe", config_store),
            ScpiCommand(f"{source}CONFiguration:LIST:RECall", config_recall),
            ScpiCommand(f"{source}CONFiguration:LIST:DELete", config_delete),
            ScpiCommand(f"{source}CONFiguration:LIST:SIZE", None, lambda s, p, n: str(len(config_list(s, p)))),
        ]

    def _sense_commands(self) -> list[ScpiCommand]:
        """SENSe: what is measured, ranges, integration time."""
        sense, amps = "[SENSe[1]:]", "[SENSe[1]:]CURRent[:DC]"
        nplc = partial(number, low=0.01, high=10, default=1)
        return [
            setting(f"{sense}COUNt", "count", partial(integer, low=1, high=300_000), str),
            setting(f"{sense}FUNCtion[:ON]", "sense_function", _sense_function, lambda f: f'"{f}:DC"'),
            ScpiCommand(f"{amps}:RANGe[:UPPer]", _sense_range, lambda s, p, n: show(s.channel.shows_range("i"))),
            ScpiCommand(f"{amps}:RANGe:AUTO", _sense_auto, lambda s, p, n: flag(s.channel.i_range is None)),
            setting(f"{amps}:NPLCycles", "channel.nplc", nplc),
            setting(f"{amps}:RSENse", "channel.four_wire", boolean, flag, "refresh"),
            setting(f"{amps}:AZERo[:STATe]", "auto_zero", boolean, flag),
            ScpiCommand(f"{sense}AZERo:ONCE", lambda s, p, n: arguments(p, 0)),
        ]

    def _system_commands(self) -> list[ScpiCommand]:
        """SYSTem, STATus and ROUTe."""
        return [
            ScpiCommand("SYSTem:ERRor[:NEXT]", None, lambda s, p, n: s.next_error()),
            ScpiCommand("SYSTem:ERRor:COUNt", None, lambda s, p, n: str(len(s.errors))),
            ScpiCommand("STATus:CLEar", lambda s, p, n: s.clear_status()),
            ScpiCommand("SYSTem:CLEar", lambda s, p, n: s.errors.clear()),
            ScpiCommand("SYSTem:LFRequency", None, lambda s, p, n: f"{s.line_frequency:.0f}"),
            ScpiCommand("SYSTem:BEEPer[:IMMediate]", lambda s, p, n: arguments(p, 2)),
            ScpiCommand("SYSTem:VERSion", None, lambda s, p, n: "1996.0"),
            *TERMINAL_COMMANDS,
        ]

    def _trigger_commands(self) -> list[ScpiCommand]:
        """INITiate, ABORt and TRIGger: the trigger model."""
        return [
            ScpiCommand("INITiate[:IMMediate]", lambda s, p, n: s.trigger.initiate()),
            ScpiCommand("ABORt", lambda s, p, n: s.trigger.stop()),
            *BLOCK_COMMANDS,
        ]

    source_function, sense_function = "VOLT", "CURR"

    def refresh(self) -> None:
        """Let a changed setting act."""
        self.channel.refresh()

    @property
    def measure_time(self) -> float:
        """Length of one measurement, s."""
        return self.channel.nplc / self.line_frequency * (2 if self.auto_zero else 1) + OVERHEAD

    def buffer_name(self, parameters: Sequence[str], index: int) -> str:
        """Buffer named by a parameter, `BUFFER` where there is none; -224 if it does not exist."""
        name = string(parameters[index]) if len(parameters) > index else BUFFER
        if name not in self.buffers:
            raise ScpiError(-224, f"Illegal parameter value: buffer {name} does not exist")
        return name

    def buffer(self, parameters: Sequence[str], index: int) -> list[SmuReading]:
        """Readings of that buffer."""
        return self.buffers[self.buffer_name(parameters, index)]

    def store(self, name: str, readings: Sequence[SmuReading]) -> None:
        """Append to a buffer; a full one loses its oldest reading."""
        stored = self.buffers[name]
        stored.extend(readings)
        del stored[: max(0, len(stored) - self.capacity[name])]

    def check_level(self, value: float) -> None:
        """-222 for a voltage beyond the model or its fixed source range."""
        top = self.capability.v_max if self.channel.v_range is None else self.channel.v_range * self.capability.over
        if abs(value) > top * (1 + 1e-9):
            raise ScpiError(-222)


def _output(smu: K2450, parameters: list[str], _: dict[str, int]) -> None:
    smu.channel.switch(boolean(arguments(parameters, 1)[0]))


def _level(smu: K2450, parameters: list[str], _: dict[str, int]) -> None:
    value = number(arguments(parameters, 1)[0], -smu.capability.v_max, smu.capability.v_max, 0.0)
    smu.check_level(value)
    smu.channel.set_level(value)


def _source_range(v: float, smu: K2450, parameters: list[str], _: dict[str, int]) -> None:
    smu.channel.v_range = smu.capability.v_range(number(arguments(parameters, 1)[0], -v, v))
    top = smu.channel.v_range * smu.capability.over
    smu.channel.level = float(np.clip(smu.channel.level, -top, top))
    smu.channel.refresh()


def _source_auto(smu: K2450, parameters: list[str], _: dict[str, int]) -> None:
    smu.channel.v_range = None if boolean(arguments(parameters, 1)[0]) else smu.channel.shows_range("v")


def _limit(smu: K2450, parameters: list[str], _: dict[str, int]) -> None:
    top = smu.capability.i_max
    value = abs(number(arguments(parameters, 1)[0], -top, top, 105e-6))
    if value < smu.capability.i_min * (1 - 1e-9):
        raise ScpiError(-222)
    smu.channel.compliance = value
    _keep_limit_above_range(smu)
    smu.channel.refresh()


def _keep_limit_above_range(smu: K2450) -> None:
    """A limit at or below 0.1 % of the fixed range is moved up, with a warning alone (2450 2-100, 6-71).

    The number of the warning is ours.
    """
    fixed = smu.channel.i_range
    if fixed is not None and smu.channel.compliance < fixed * 1e-3:
        smu.channel.compliance = fixed * 1e-3
        smu.fail(5076, "Current limit raised: it must be greater than 0.1 % of the measure range", kind=2)


def _protect(smu: K2450, parameters: list[str], _: dict[str, int]) -> None:
    """Over-voltage protection in the manual's steps, PROT2 to the model's highest (2461 8-189), or NONE."""
    steps = {f"PROT{step}": float(step) for step in PROTECTION if step <= smu.capability.v_max} | {"NONE": np.inf}
    word = arguments(parameters, 1)[0].upper()
    if word not in steps:
        raise ScpiError(-224)
    smu.channel.v_clamp = steps[word]
    smu.channel.refresh()


def _protection(smu: K2450, parameters: list[str], _: dict[str, int]) -> str:
    clamp = smu.channel.v_clamp
    return "NONE" if np.isinf(clamp) else f"PROT{clamp:.0f}"


def _delay(smu: K2450, parameters: list[str], _: dict[str, int]) -> None:
    smu.delay, smu.auto_delay = pause(arguments(parameters, 1)[0]), False


def _sense_function(text: str) -> str:
    return choice(string(text).split(":")[0], ("CURRent",))


def _sense_range(smu: K2450, parameters: list[str], _: dict[str, int]) -> None:
    top = smu.capability.i_max
    smu.channel.i_range = smu.capability.i_range(number(arguments(parameters, 1)[0], -top, top))
    _keep_limit_above_range(smu)


def _sense_auto(smu: K2450, parameters: list[str], _: dict[str, int]) -> None:
    smu.channel.i_range = None if boolean(arguments(parameters, 1)[0]) else smu.channel.shows_range("i")


INSTRUMENTS = {name: partial(K2450, model=name) for name in K2450.CAPABILITIES}
