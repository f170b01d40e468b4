"""Virtual Keysight B2900A: lists, pulses and trigger timing of B2910-90030 and the User's Guide, edition 5.

What is modelled: one or two channels that source voltage with a current limit and read current, lists, linear sweeps,
pulses, the trigger subsystem with internal and timer sources, output protection, automatic output on and off. Other
sources of trigger, sourcing current, ohms and digital I/O are not.

A trigger of the transient action moves the source (and, with pulses, brings it back after the width); one of the
acquire action measures, `delay` later, for the aperture. Triggers that come while the one before is still busy wait
for it, so a period that is too short stretches.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, ClassVar

from instruments.virtual.b2900_channel import PULSE_MAX, PULSE_MIN, Unit, steps
from instruments.virtual.b2900_readings import ELEMENTS, reading_commands
from instruments.virtual.dut import Dut
from instruments.virtual.scpi import ScpiCommand, ScpiInstrument, setting
from instruments.virtual.scpi_parameters import (
    ScpiError,
    arguments,
    boolean,
    choice,
    flag,
    integer,
    number,
    short,
    show,
    string,
)
from instruments.virtual.source import Capability, Channel

PERIOD_MIN, PERIOD_MAX = 20e-6, 1e5
"""Trigger timer, s."""

LIST_TOTAL = 2500
"""Values of a list."""

POINTS_MAX = 100_000
"""Triggers of one run."""

_I_RANGES = (1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1.0, 1.5, 3.0)
_V_RANGES = (0.2, 2.0, 20.0, 200.0)


class B2900(ScpiInstrument):
    """A B2900A with one or two channels.

    Parameters
    ----------
    dut : Dut
        What is at the terminals: port ``1`` of it at channel 1, port ``2`` at channel 2.
    model : str
        A key of `MODELS`.
    line_frequency : float
        Of the mains, Hz.
    """

    QUEUE: ClassVar[int] = 100
    MODELS: ClassVar[dict[str, tuple[Capability, int]]] = {
        "B2901A": (Capability(_V_RANGES, _I_RANGES, 1.05, 1e-8), 1),
        "B2902A": (Capability(_V_RANGES, _I_RANGES, 1.05, 1e-8), 2),
        "B2911A": (Capability(_V_RANGES, (1e-8, *_I_RANGES), 1.05, 1e-9), 1),
        "B2912A": (Capability(_V_RANGES, (1e-8, *_I_RANGES), 1.05, 1e-9), 2),
    }

    def __init__(self, dut: Dut, *, model: str = "B2901A", line_frequency: float = 50.0) -> None:
        """Switch on with defaults."""
        self.capability, count = self.MODELS[model]
        self.identity = f"Keysight Technologies,{model},MY51140123,3.4.2011.5100"
        self.line_frequency = line_frequency
        self.units = [Unit(Channel(dut, str(k), self.capability)) for k in range(1, count + 1)]
        super().__init__(dut)
        self.reset()

    @property
    def output(self) -> bool:
        """Whether any output is on."""
        return any(unit.channel.output for unit in self.units)

    @property
    def clock(self) -> float:
        """Virtual time, s."""
        return self.dut.clock

    def reset(self) -> None:
        """Defaults, outputs off."""
        for unit in self.units:
            unit.reset()
        self.elements, self.zero = [short(e) for e in ELEMENTS], self.dut.clock
        self.time_resets, self.events = False, 0

    def format_error(self, error: tuple[int, str] | None) -> str:
        """Signed number and quoted text."""
        code, text = error or (0, "No error")
        return f'{code:+d},"{text}"'

    def commands(self) -> Sequence[ScpiCommand]:
        """All that is modelled, by subsystem."""
        v, cap = self.capability.v_max, self.capability
        volts, amps = "[SOURce<c>:]VOLTage", "SENSe<c>:CURRent[:DC]"
        level, seconds = partial(number, low=-v, high=v, default=0.0), partial(number, low=0.0, high=1e5, default=0.0)
        modes = ("FIXed", "LIST", "SWEep")
        return [
            ScpiCommand("OUTPut<c>[:STATe]", _output, lambda s, p, n: flag(s.unit(n).channel.output)),
            _of("OUTPut<c>:ON:AUTO", "on_auto", boolean, flag),
            _of("OUTPut<c>:OFF:AUTO", "off_auto", boolean, flag),
            _of("OUTPut<c>:OFF:MODE", "off_mode", lambda t: choice(t, ("NORMal", "HIZ", "ZERO")), str),
            _of("OUTPut<c>:PROTection[:STATe]", "protect", boolean, flag),
            _of("[SOURce<c>:]FUNCtion:MODE", "source_function", lambda t: choice(t, ("VOLTage",)), str),
            _of("[SOURce<c>:]FUNCtion:SHAPe", "shape", lambda t: choice(t, ("DC", "PULSe")), str),
            _of("[SOURce<c>:]FUNCtion:TRIGgered:CONTinuous", "continuous", boolean, flag),
            ScpiCommand(f"{volts}[:LEVel][:IMMediate][:AMPLitude]", partial(_level, level), _level_answer),
            _of(f"{volts}[:LEVel]:TRIGgered[:AMPLitude]", "triggered", level, show),
            _of(f"{volts}:MODE", "mode", lambda t: choice(t, modes), str),
            ScpiCommand(f"{volts}:RANGe", _source_range, lambda s, p, n: show(s.unit(n).channel.shows_range("v"))),
            ScpiCommand(f"{volts}:RANGe:AUTO", partial(_auto, "v"), lambda s, p, n: _is_auto(s, n, "v")),
            _of(f"{volts}:STARt", "start", level, show),
            _of(f"{volts}:STOP", "stop", level, show),
            _of(f"{volts}:POINts", "points", partial(integer, low=1, high=LIST_TOTAL), str),
            _of("[SOURce<c>:]SWEep:POINts", "points", partial(integer, low=1, high=LIST_TOTAL), str),
            ScpiCommand("[SOURce<c>:]LIST:VOLTage", partial(_list, False), _list_answer),
            ScpiCommand("[SOURce<c>:]LIST:VOLTage:APPend", partial(_list, True)),
            ScpiCommand("[SOURce<c>:]LIST:VOLTage:POINts", None, lambda s, p, n: str(len(s.unit(n).list))),
            _of("[SOURce<c>:]PULSe:DELay", "pulse_delay", seconds, show),
            _of("[SOURce<c>:]PULSe:WIDTh", "pulse_width", partial(number, low=PULSE_MIN, high=PULSE_MAX), show),
            _of("[SOURce<c>:]WAIT[:STATe]", "source_wait", boolean, flag),
            _of("SENSe<c>:WAIT[:STATe]", "sense_wait", boolean, flag),
            _of("SENSe<c>:FUNCtion[:ON]", "function", _function, lambda f: f'"{f}"'),
            ScpiCommand("SENSe<c>:FUNCtion:OFF", _function_off),
            ScpiCommand("SENSe<c>:FUNCtion:OFF:ALL", _function_off),
            _of("SENSe<c>:REMote", "channel.four_wire", boolean, flag),
            _of(f"{amps}:PROTection[:LEVel]", "channel.compliance", partial(_limit, cap), show),
            ScpiCommand(f"{amps}:PROTection:TRIPped", None, lambda s, p, n: flag(s.unit(n).channel.tripped)),
            ScpiCommand(
                f"{amps}:RANGe[:UPPer]", _sense_range, lambda s, p, n: show(s.unit(n).channel.shows_range("i"))
            ),
            ScpiCommand(f"{amps}:RANGe:AUTO", partial(_auto, "i"), lambda s, p, n: _is_auto(s, n, "i")),
            _of(f"{amps}:NPLCycles", "channel.nplc", partial(number, low=4e-4, high=120.0), show),
            ScpiCommand(f"{amps}:APERture", _aperture, lambda s, p, n: show(s.aperture(s.unit(n)))),
            *_trigger_commands(),
            *_arm_commands(),
            ScpiCommand("INITiate[:IMMediate][:ALL]", partial(_init, ("TRAN", "ACQ"))),
            ScpiCommand("INITiate[:IMMediate]:TRANsient", partial(_init, ("TRAN",))),
            ScpiCommand("INITiate[:IMMediate]:ACQuire", partial(_init, ("ACQ",))),
            ScpiCommand("ABORt[:ALL]", lambda s, p, n: s.listed(p) and None),
            *reading_commands(),
            ScpiCommand("FORMat[:DATA]", lambda s, p, n: choice(arguments(p, 1)[0], ("ASCii",)), lambda s, p, n: "ASC"),
            ScpiCommand("FORMat:ELEMents:SENSe", _elements, lambda s, p, n: ",".join(s.elements)),
            ScpiCommand("SYSTem:ERRor[:NEXT]", None, lambda s, p, n: s.next_error()),
            ScpiCommand("SYSTem:ERRor:COUNt", None, lambda s, p, n: str(len(s.errors))),
            ScpiCommand("SYSTem:LFRequency", None, lambda s, p, n: f"{s.line_frequency:.0f}"),
            ScpiCommand("SYSTem:TIME:TIMer:COUNt:RESet[:IMMediate]", lambda s, p, n: setattr(s, "zero", s.clock)),
            setting("SYSTem:TIME:TIMer:COUNt:RESet:AUTO", "time_resets", boolean, flag),
            ScpiCommand("STATus:OPERation[:EVENt]", None, lambda s, p, n: s.take_events()),
            ScpiCommand("STATus:OPERation:CONDition", None, lambda s, p, n: s.idle_bits()),
        ]

    def unit(self, suffixes: dict[str, int]) -> Unit:
        """Channel of a header; -114 for one that the model does not have."""
        if not 1 <= suffixes.get("c", 1) <= len(self.units):
            raise ScpiError(-114)
        return self.units[suffixes.get("c", 1) - 1]

    def listed(self, parameters: Sequence[str]) -> list[Unit]:
        """Channels of a list such as ``(@1,2)``; channel 1 where none is given."""
        if not parameters:
            return self.units[:1]
        text = arguments(parameters, 1)[0]
        if not (text.startswith("(@") and text.endswith(")")):
            raise ScpiError(-102)
        found = [self.unit({"c": integer(part.strip())}) for part in text[2:-1].split(",", len(self.units))]
        if len(set(map(id, found))) < len(found):
            raise ScpiError(-224)
        return found

    def aperture(self, unit: Unit) -> float:
        """Length of a measurement, s."""
        return unit.channel.nplc / self.line_frequency

    def idle_bits(self) -> str:
        """Bits 1 and 4 (channel 1), 7 and 10 (channel 2): the actions are idle, as they always are between messages."""
        return str(sum((2 | 16) << 6 * k for k in range(len(self.units))))

    def take_events(self) -> str:
        """Operation events since they were asked for last: an action has become idle (bits as in `idle_bits`)."""
        events, self.events = self.events, 0
        return str(events)

    def _note(self, units: Sequence[Unit], actions: Sequence[str]) -> None:
        """Latch that the actions of these channels have become idle."""
        for unit in units:
            place = 6 * self.units.index(unit)
            self.events |= ((2 if "TRAN" in actions else 0) | (16 if "ACQ" in actions else 0)) << place

    def initiate(self, units: Sequence[Unit], actions: Sequence[str]) -> None:
        """Run the actions of several channels from one instant on; outputs may switch on and off by themselves.

        Raises
        ------
        ScpiError
            -221 if the source should move on an output that is off and does not switch on by itself.
        """
        for unit in units:
            if not unit.channel.output:
                if not unit.on_auto:
                    raise ScpiError(-221)
                unit.channel.switch(True, settle=False)
        self._note(units, actions)
        if self.time_resets:
            self.zero = self.clock
        if any(unit.protect for unit in units):
            self._initiate_protected(units, actions)
            return
        start = self.clock
        plans = [steps(unit, self.aperture(unit), actions) for unit in units]
        drives = {u.channel.port: u.channel.drive for u in units}
        tracks = {
            u.channel.port: ([s[0] for s in plan], [s[1] for s in plan])
            for u, plan in zip(units, plans, strict=True)
        }  # fmt: skip
        played = self.dut.play_together(tracks, drives)
        for unit, plan in zip(units, plans, strict=True):
            levels, lengths, measured = map(list, zip(*plan, strict=True))
            last = levels[-1] if unit.continuous and unit.shape == "DC" else unit.channel.level
            seen = played[unit.channel.port]
            unit.readings = unit.channel.finish(levels, lengths, measured, seen, start, last)
            if unit.off_auto:
                unit.channel.switch(False)

    def _initiate_protected(self, units: Sequence[Unit], actions: Sequence[str]) -> None:
        """One step after the other, so that the output goes off in the step that reaches the limit."""
        if len(units) > 1:
            raise ScpiError(-221)
        (unit,) = units
        base, unit.readings = unit.channel.level, []
        for level, length, measured in steps(unit, self.aperture(unit), actions):
            unit.readings += unit.channel.play([level], [length], [measured])
            if unit.channel.tripped:
                unit.channel.switch(False)
                break
        if not unit.continuous or unit.shape == "PULS":
            unit.channel.set_level(base, settle=False)
        if unit.off_auto:
            unit.channel.switch(False)


def _of(pattern: str, name: str, read: Any, answer: Any) -> ScpiCommand:
    """Command that sets an attribute of the channel that the header names."""
    *path, last = name.split(".")

    def owner(smu: B2900, suffixes: dict[str, int]) -> Any:
        unit = smu.unit(suffixes)
        return getattr(unit, path[0]) if path else unit

    def write(smu: B2900, parameters: list[str], suffixes: dict[str, int]) -> None:
        setattr(owner(smu, suffixes), last, read(arguments(parameters, 1)[0]))
        if path:
            smu.unit(suffixes).channel.refresh()

    return ScpiCommand(pattern, write, lambda smu, parameters, suffixes: answer(getattr(owner(smu, suffixes), last)))


def _trigger_commands() -> list[ScpiCommand]:
    found = []
    for word, actions in ((":TRANsient", ("TRAN",)), (":ACQuire", ("ACQ",)), ("[:ALL]", ("TRAN", "ACQ"))):
        for header, name, read, answer in (
            (":SOURce[:SIGNal]", "source", lambda t: choice(t, ("AINT", "TIMer")), str),
            (":TIMer", "period", partial(number, low=PERIOD_MIN, high=PERIOD_MAX), show),
            (":COUNt", "count", partial(integer, low=1, high=POINTS_MAX), str),
            (":DELay", "delay", partial(number, low=0.0, high=1e5), show),
        ):
            write = partial(_trigger, actions, name, read)
            query = partial(_trigger_answer, actions[0], name, answer)
            found.append(ScpiCommand(f"TRIGger<c>{word}{header}", write, query))
    return found


def _arm_commands() -> list[ScpiCommand]:
    """The arm layer: one pass, at once; anything else is refused."""
    return [
        ScpiCommand(
            "ARM<c>[:ALL]:SOURce[:SIGNal]", lambda s, p, n: choice(arguments(p, 1)[0], ("AINT",)) and s.unit(n)
        ),
        ScpiCommand("ARM<c>[:ALL]:COUNt", lambda s, p, n: integer(arguments(p, 1)[0], 1, 1) and s.unit(n)),
        ScpiCommand("ARM<c>[:ALL]:DELay", lambda s, p, n: (number(arguments(p, 1)[0], 0.0, 0.0), s.unit(n))),
    ]


def _trigger(
    actions: tuple[str, ...], name: str, read: Any, smu: B2900, parameters: list[str], suffixes: dict[str, int]
) -> None:
    value = read(arguments(parameters, 1)[0])
    for action in actions:
        getattr(smu.unit(suffixes), name)[action] = value


def _trigger_answer(
    action: str, name: str, answer: Any, smu: B2900, parameters: list[str], suffixes: dict[str, int]
) -> str:
    return answer(getattr(smu.unit(suffixes), name)[action])


def _init(actions: tuple[str, ...], smu: B2900, parameters: list[str], _: dict[str, int]) -> None:
    smu.initiate(smu.listed(parameters), actions)


def _output(smu: B2900, parameters: list[str], suffixes: dict[str, int]) -> None:
    smu.unit(suffixes).channel.switch(boolean(arguments(parameters, 1)[0]), settle=False)


def _level(read: Any, smu: B2900, parameters: list[str], suffixes: dict[str, int]) -> None:
    unit, value = smu.unit(suffixes), read(arguments(parameters, 1)[0])
    fixed = unit.channel.v_range
    if fixed is not None and abs(value) > fixed * smu.capability.over * (1 + 1e-9):
        raise ScpiError(-222)
    unit.channel.set_level(value)
    unit.triggered = value
    if unit.protect and unit.channel.tripped:
        unit.channel.switch(False)


def _level_answer(smu: B2900, parameters: list[str], suffixes: dict[str, int]) -> str:
    return show(smu.unit(suffixes).channel.level)


def _source_range(smu: B2900, parameters: list[str], suffixes: dict[str, int]) -> None:
    v = smu.capability.v_max
    smu.unit(suffixes).channel.v_range = smu.capability.v_range(number(arguments(parameters, 1)[0], -v, v))


def _sense_range(smu: B2900, parameters: list[str], suffixes: dict[str, int]) -> None:
    top = smu.capability.i_max
    smu.unit(suffixes).channel.i_range = smu.capability.i_range(number(arguments(parameters, 1)[0], -top, top))


def _auto(kind: str, smu: B2900, parameters: list[str], suffixes: dict[str, int]) -> None:
    channel, on = smu.unit(suffixes).channel, boolean(arguments(parameters, 1)[0])
    setattr(channel, f"{kind}_range", None if on else channel.shows_range(kind))


def _is_auto(smu: B2900, suffixes: dict[str, int], kind: str) -> str:
    return flag(getattr(smu.unit(suffixes).channel, f"{kind}_range") is None)


def _aperture(smu: B2900, parameters: list[str], suffixes: dict[str, int]) -> None:
    smu.unit(suffixes).channel.nplc = number(arguments(parameters, 1)[0], 8e-6, 2.0) * smu.line_frequency


def _list(append: bool, smu: B2900, parameters: list[str], suffixes: dict[str, int]) -> None:
    if not parameters or not parameters[0]:
        raise ScpiError(-109)
    unit, v = smu.unit(suffixes), smu.capability.v_max
    values = [number(p, -v, v) for p in parameters]
    values = unit.list + values if append else values
    if len(values) > LIST_TOTAL:
        raise ScpiError(-223)
    unit.list = values


def _list_answer(smu: B2900, parameters: list[str], suffixes: dict[str, int]) -> str:
    return ",".join(map(show, smu.unit(suffixes).list))


def _limit(capability: Capability, text: str) -> float:
    value = abs(number(text, -capability.i_max, capability.i_max, 1e-4))
    if value < capability.i_min * (1 - 1e-9):
        raise ScpiError(-222)
    return value


def _function(text: str) -> str:
    return choice(string(text).split(":")[0], ("CURRent",))


def _function_off(smu: B2900, parameters: list[str], suffixes: dict[str, int]) -> None:
    """Switch off what else could be measured; the current is read whether it is on or not."""
    for parameter in parameters:
        choice(string(parameter).split(":")[0], ("VOLTage", "CURRent", "RESistance"))
    smu.unit(suffixes)


def _elements(smu: B2900, parameters: list[str], _: dict[str, int]) -> None:
    chosen = {choice(p, ELEMENTS) for p in arguments(parameters, 1, len(ELEMENTS))}
    smu.elements = [short(e) for e in ELEMENTS if short(e) in chosen]


B2900.MODELS |= {name.replace("A", "B"): found for name, found in B2900.MODELS.items()}

INSTRUMENTS = {name: partial(B2900, model=name) for name in B2900.MODELS}
