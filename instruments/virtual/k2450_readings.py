"""Reading buffers of the 2450 family, and what READ, FETCh and TRACe tell of them (2450-901-01 Rev. B, chapter 6)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from instruments.virtual.scpi import ScpiCommand
from instruments.virtual.scpi_parameters import ScpiError, arguments, choice, integer, show, string
from instruments.virtual.source import SmuReading

if TYPE_CHECKING:
    from instruments.virtual.k2450 import K2450

BUFFER = "defbuffer1"
BUFFERS = (BUFFER, "defbuffer2")
"""The buffers that always exist; the first is used where a message names none."""

ELEMENTS = ("SOURce", "READing", "RELative", "SOURSTATus", "SOURFORMatted", "STATus", "UNIT")
"""What can be asked for of each reading."""


def _read(smu: K2450, parameters: list[str], _: dict[str, int]) -> str:
    name = smu.buffer_name(parameters, 0)
    readings = [smu.channel.measure(smu.delay + smu.measure_time) for _ in range(smu.count)]
    smu.store(name, readings)
    return _rows(smu, readings[-1:], parameters[1:])


def _rows(smu: K2450, readings: Sequence[SmuReading], elements: Sequence[str], first: float | None = None) -> str:
    if not readings:
        raise ScpiError(-230)
    names = [choice(e, ELEMENTS) for e in elements] or ["READ"]
    start = readings[0].time if first is None else first
    return ",".join(_element(smu, r, name, start) for r in readings for name in names)


def _element(smu: K2450, r: SmuReading, name: str, start: float) -> str:
    if name in ("SOUR", "SOURFORM"):
        return show(r.voltage if smu.readback else r.source)
    if name == "REL":
        return f"{r.time - start:.9f}"
    if name == "SOURSTAT":
        return str((32 if r.tripped else 0) | (128 if smu.channel.four_wire else 0))
    return {"READ": show(r.current), "STAT": str(4 if r.overflow else 0), "UNIT": "Amp DC"}[name]


def _make(smu: K2450, parameters: list[str], _: dict[str, int]) -> None:
    name, size, *style = arguments(parameters, 2, 3)
    if style and style[0]:
        choice(style[0], ("COMPact", "STANdard", "FULL"))
    if string(name) in smu.buffers:
        raise ScpiError(-221)
    smu.capacity[string(name)] = integer(size, 10, 27_500_000)
    smu.buffers[string(name)] = []


def _delete(smu: K2450, parameters: list[str], _: dict[str, int]) -> None:
    name = smu.buffer_name(arguments(parameters, 1), 0)
    if name in BUFFERS:
        raise ScpiError(-221)
    del smu.buffers[name], smu.capacity[name]


def _points(smu: K2450, parameters: list[str], _: dict[str, int]) -> None:
    size, *_rest = arguments(parameters, 1, 2)
    smu.capacity[smu.buffer_name(parameters, 1)] = integer(size, 10, 27_500_000)


def _data(smu: K2450, parameters: list[str], _: dict[str, int]) -> str:
    first, last, *rest = arguments(parameters, 2, 17)
    stored = smu.buffer(rest, 0)
    if not stored:
        raise ScpiError(-230)
    start, end = integer(first, 1), integer(last, 1)
    if not start <= end <= len(stored):
        raise ScpiError(-222)
    return _rows(smu, stored[start - 1 : end], rest[1:], stored[0].time)


READING_COMMANDS: tuple[ScpiCommand, ...] = (
    ScpiCommand("READ", None, _read),
    ScpiCommand("MEASure[:CURRent[:DC]]", None, _read),
    ScpiCommand("FETCh", None, lambda s, p, n: _rows(s, s.buffer(p, 0)[-1:], p[1:])),
    ScpiCommand("TRACe:MAKE", _make),
    ScpiCommand("TRACe:DELete", _delete),
    ScpiCommand("TRACe:CLEar", lambda s, p, n: s.buffer(p, 0).clear()),
    ScpiCommand("TRACe:POINts", _points, lambda s, p, n: str(s.capacity[s.buffer_name(p, 0)])),
    ScpiCommand("TRACe:ACTual", None, lambda s, p, n: str(len(s.buffer(p, 0)))),
    ScpiCommand("TRACe:DATA", None, _data),
)
"""Messages that make, fill, tell and clear reading buffers."""
