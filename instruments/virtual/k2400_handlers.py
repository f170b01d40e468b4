"""What the 2400's messages do, one function for each (2400S-900-01 Rev. K, chapter 18)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from instruments.virtual.scpi_parameters import (
    ScpiError,
    arguments,
    boolean,
    choice,
    integer,
    number,
    short,
    show,
    string,
)

if TYPE_CHECKING:
    from instruments.virtual.k2400 import K2400

LIST_MESSAGE, LIST_TOTAL = 100, 2500
"""Values in one message, and in a list (manual p. 18-91)."""

ELEMENTS = ("VOLTage", "CURRent", "RESistance", "TIME", "STATus")
"""Elements of a reading in the order in which they are always sent (manual p. 18-50)."""

AFTER_RESET = 1e-4
"""Measure range after ``*RST``, A; while it is automatic, nothing is known of another (manual p. 18-9 ff.)."""

LIMIT = 105e-6
"""Current limit after ``*RST``, A (manual p. 18-68)."""


def output(smu: K2400, parameters: list[str], _: dict[str, int]) -> None:
    """``OUTPut``."""
    smu.channel.switch(boolean(arguments(parameters, 1)[0]))


def set_level(read: Any, smu: K2400, parameters: list[str], _: dict[str, int]) -> None:
    """``SOURce:VOLTage``: -222 beyond the model or its fixed range."""
    value = read(arguments(parameters, 1)[0])
    check_voltage(smu, value)
    smu.channel.set_level(value)


def check_voltage(smu: K2400, value: float) -> None:
    """-222 for a voltage beyond the model or its fixed range."""
    fixed = smu.channel.v_range
    if abs(value) > smu.capability.v_max or (fixed is not None and abs(value) > fixed * smu.capability.over * 1.000001):
        raise ScpiError(-222)


def level_answer(smu: K2400, parameters: list[str], _: dict[str, int]) -> str:
    """``SOURce:VOLTage?``."""
    return show(smu.channel.level)


def source_range(v: float, smu: K2400, parameters: list[str], _: dict[str, int]) -> None:
    """``SOURce:VOLTage:RANGe``; a level that does not fit is brought down to it."""
    chosen = smu.capability.v_range(number(arguments(parameters, 1)[0], -v, v))
    if abs(smu.channel.level) > chosen * smu.capability.over:
        smu.channel.level = chosen * smu.capability.over * (1 if smu.channel.level > 0 else -1)
    smu.channel.v_range = chosen
    smu.channel.refresh()


def source_auto(smu: K2400, parameters: list[str], _: dict[str, int]) -> None:
    """``SOURce:VOLTage:RANGe:AUTO``."""
    smu.channel.v_range = None if boolean(arguments(parameters, 1)[0]) else smu.channel.shows_range("v")


def set_list(append: bool, smu: K2400, parameters: list[str], _: dict[str, int]) -> None:
    """``SOURce:LIST:VOLTage`` and its ``APPend``: -223 beyond 100 values in a message or 2500 in all."""
    if not parameters or not parameters[0]:
        raise ScpiError(-109)
    if len(parameters) > LIST_MESSAGE:
        raise ScpiError(-223)
    v = smu.capability.v_max
    values = [number(p, -v, v) for p in parameters]
    values = smu.list + values if append else values
    if len(values) > LIST_TOTAL:
        raise ScpiError(-223)
    smu.list = values


def delay(smu: K2400, parameters: list[str], _: dict[str, int]) -> None:
    """``SOURce:DELay``; it is no longer automatic."""
    smu.delay, smu.auto_delay = number(arguments(parameters, 1)[0], 0, 999.9999, 0), False


def functions(smu: K2400, parameters: list[str], _: dict[str, int]) -> None:
    """``SENSe:FUNCtion``."""
    if not parameters:
        raise ScpiError(-109)
    chosen = []
    for parameter in parameters:
        name = string(parameter).split(":")[0]
        chosen.append(choice(name, ("VOLTage", "CURRent")))
    smu.functions = chosen if not smu.concurrent else sorted({*smu.functions, *chosen}, reverse=True)


def functions_off(smu: K2400, parameters: list[str], _: dict[str, int]) -> None:
    """``SENSe:FUNCtion:OFF``."""
    for parameter in arguments(parameters, 1, 2):
        name = choice(string(parameter).split(":")[0], ("VOLTage", "CURRent"))
        smu.functions = [f for f in smu.functions if f != name]


def functions_answer(smu: K2400, parameters: list[str], _: dict[str, int]) -> str:
    """``SENSe:FUNCtion?``."""
    return ",".join(f'"{f}:DC"' for f in smu.functions)


def protect(smu: K2400, parameters: list[str], _: dict[str, int]) -> None:
    """``SENSe:CURRent:PROTection``: -222 below 0.1 % of the measure range (18-68)."""
    value = number(arguments(parameters, 1)[0], -smu.capability.i_max, smu.capability.i_max, LIMIT)
    fixed = smu.channel.i_range
    present = min(AFTER_RESET, smu.channel.shows_range("i")) if fixed is None else fixed
    if abs(value) < present * 1e-3 * (1 - 1e-9):
        raise ScpiError(-222)
    smu.channel.compliance = abs(value)
    smu.channel.refresh()


def sense_range(smu: K2400, parameters: list[str], _: dict[str, int]) -> None:
    """``SENSe:CURRent:RANGe``: 824 above the range of the limit."""
    value = number(arguments(parameters, 1)[0], -smu.capability.i_max, smu.capability.i_max)
    chosen = smu.capability.i_range(value)
    if chosen > smu.capability.i_range(smu.channel.compliance):
        raise ScpiError(824, "Cannot exceed compliance range")
    smu.channel.i_range = chosen


def sense_auto(smu: K2400, parameters: list[str], _: dict[str, int]) -> None:
    """``SENSe:CURRent:RANGe:AUTO``."""
    smu.channel.i_range = None if boolean(arguments(parameters, 1)[0]) else smu.channel.shows_range("i")


def auto_zero(smu: K2400, parameters: list[str], _: dict[str, int]) -> None:
    """``SYSTem:AZERo``: on, off or once."""
    word = arguments(parameters, 1)[0]
    smu.auto_zero = False if word.upper() == "ONCE" else boolean(word)


def count(name: str, smu: K2400, parameters: list[str], _: dict[str, int]) -> None:
    """``ARM:COUNt`` or ``TRIGger:COUNt``; their product is 2500 at most."""
    value = integer(arguments(parameters, 1)[0], 1, LIST_TOTAL)
    other = smu.trigger_count if name == "arm_count" else smu.arm_count
    if value * other > LIST_TOTAL:
        raise ScpiError(-222)
    setattr(smu, name, value)


def read(smu: K2400, parameters: list[str], _: dict[str, int]) -> str:
    """``READ?``."""
    smu.run()
    return smu.answer(smu.latest)


def configure(smu: K2400, parameters: list[str], _: dict[str, int]) -> None:
    """``CONFigure``: what belongs to the current goes to its defaults, the limit too; the output turns on (17-2)."""
    arguments(parameters, 0)
    smu.functions = ["VOLT", "CURR"] if smu.concurrent else ["CURR"]
    smu.arm_count = smu.trigger_count = 1
    smu.channel.compliance, smu.channel.i_range, smu.channel.nplc = LIMIT, None, 1.0
    smu.channel.refresh()
    smu.channel.switch(True)


def measure(smu: K2400, parameters: list[str], _: dict[str, int]) -> str:
    """``MEASure?``: `configure`, then `read` (17-2)."""
    configure(smu, parameters, {})
    return read(smu, parameters, {})


def elements(smu: K2400, parameters: list[str], _: dict[str, int]) -> None:
    """``FORMat:ELEMents``."""
    chosen = {choice(p, ELEMENTS) for p in arguments(parameters, 1, 5)}
    smu.elements = [e.upper() for e in ELEMENTS if short(e) in chosen]


def feed(smu: K2400, parameters: list[str], _: dict[str, int]) -> None:
    """``TRACe:FEED:CONTrol``."""
    smu.filling = choice(arguments(parameters, 1)[0], ("NEXT", "NEVer")) == "NEXT"
    if smu.filling:
        smu.buffer = []
