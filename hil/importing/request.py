"""What a user says about a file beside giving it: columns, dwell, pulse, window, offset, compliance."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from hil.errors import InputError, nearest, shortened
from hil.importing.names import DIMENSION, meaning
from hil.importing.units import WrittenUnit, quantity, unit


class Pick(NamedTuple):
    """A column that the user names: by its number from 1 or by its name; with a unit; turned round or not."""

    column: int | str
    unit: WrittenUnit | None
    sign: int


class GivenPulse(NamedTuple):
    """Pulses of a file that does not say them: V, V (both > 0, or None where the file has the voltages), s."""

    positive: float | None
    negative: float | None
    width: float


@dataclass(frozen=True)
class Request:
    """Everything that may be given; None or empty where the file is to say it.

    Attributes
    ----------
    columns : mapping
        Quantity to `Pick`.
    dwell : float or None
        Time between two samples of a sweep without times, s.
    pulse : GivenPulse or None
        Pulses of a train that has only their numbers.
    window : (float, float) or None
        Lowest and highest conductance of normalised data, S.
    offset : float or None
        Current of the instrument where none flows, A: a current against its voltage up to this is left out.
    compliance : float or None
        Current at which the source limited, A.
    read_voltage : float or None
        Voltage of the reads, V, where currents are given without it.
    decimal : str or None
        Decimal sign.
    cell : str or None
        The one cell that is wanted.
    kind : str or None
        What the file is, where its columns allow several readings.
    """

    columns: Mapping[str, Pick] = field(default_factory=dict)
    dwell: float | None = None
    pulse: GivenPulse | None = None
    window: tuple[float, float] | None = None
    offset: float | None = None
    compliance: float | None = None
    read_voltage: float | None = None
    decimal: str | None = None
    cell: str | None = None
    kind: str | None = None


NOTHING = Request()


def request(
    *,
    columns: str | None = None,
    dwell: str | float | None = None,
    pulse: str | None = None,
    window: str | None = None,
    offset: str | float | None = None,
    compliance: str | float | None = None,
    read_voltage: str | float | None = None,
    decimal: str | None = None,
    cell: str | None = None,
    kind: str | None = None,
) -> Request:
    """Read what was given in words; `InputError` naming the option that cannot be read."""
    if decimal not in (None, ".", ",", "point", "comma"):
        raise InputError(f"--decimal {decimal}: give , or .")
    kinds = ("sweep", "train", "decay", "ppf", "stdp", "endurance")
    if kind is not None and kind not in kinds:
        raise InputError(f"--kind {kind}: no such kind {nearest(kind, kinds)}")
    return Request(
        columns=picks(columns) if columns else {},
        dwell=_positive(dwell, "s", "--dwell", "10ms"),
        pulse=given_pulse(pulse) if pulse else None,
        window=_window(window) if window else None,
        offset=_positive(offset, "A", "--offset", "1nA", zero=True),
        compliance=_positive(compliance, "A", "--compliance", "50uA"),
        read_voltage=_read_voltage(read_voltage),
        decimal={"point": ".", "comma": ","}.get(decimal or "", decimal),
        cell=cell,
        kind=kind,
    )


_ITEM = re.compile(r"(?P<quantity>[^=:]+)(?:=(?P<sign>-?)(?P<column>[^:]+))?(?::(?P<unit>[^:]+))?")


def picks(text: str) -> dict[str, Pick]:
    """Columns such as ``time=1,voltage=AV,current=-AI:uA``, or in their order, ``pulse,conductance:uS``."""
    found: dict[str, Pick] = {}
    for place, item in enumerate(text.split(","), 1):
        match = _ITEM.fullmatch(item.strip())
        if match is None:
            raise InputError(f"--columns {shortened(text)}: write QUANTITY=COLUMN:UNIT, such as time=1,current=AI:uA")
        name = match["quantity"].strip()
        read = meaning(name)
        known = name if name in DIMENSION else read.quantity if read and read.unit is None else None
        if known is None or known == "nothing":
            raise InputError(
                f"--columns: no quantity '{shortened(name)}' {nearest(name, set(DIMENSION) - {'nothing'})}"
            )
        if known in found:
            raise InputError(f"--columns: {known} is given twice")
        given = unit(match["unit"], DIMENSION[known]) if match["unit"] else None
        if match["unit"] and given is None:
            units = " or ".join(DIMENSION[known]).replace("1", "a number")
            raise InputError(f"--columns {item.strip()}: '{match['unit']}' is no unit of {known}; that is {units}")
        column = (match["column"] or "").strip()
        where: int | str = int(column) if column.isdigit() and len(column) < 6 else column or place
        found[known] = Pick(where, given, -1 if match["sign"] else 1)
    return found


def given_pulse(text: str) -> GivenPulse:
    """Pulses such as ``+1.2V/-1.4V,100us`` or ``1.2V,100us``; ``100us`` alone is a width."""
    volts, comma, width = text.partition(",")
    if not comma and text.strip().endswith("s"):
        return GivenPulse(None, None, quantity(text, "s", "--pulse", "100us"))
    if not comma:
        raise InputError(f"--pulse {shortened(text)}: write amplitudes and width, such as +1.2V/-1.4V,100us")
    example = "+1.2V/-1.4V,100us"
    heights = [quantity(part, "V", "--pulse", example) for part in volts.split("/")]
    duration = quantity(width, "s", "--pulse", example)
    if len(heights) > 2 or 0 in heights or duration <= 0:
        raise InputError(f"--pulse {shortened(text)}: one or two amplitudes other than 0 and a width > 0, {example}")
    if len(heights) == 2 and heights[0] * heights[1] > 0 and any(h < 0 for h in heights):
        raise InputError(f"--pulse {shortened(text)}: amplitudes of both signs, such as {example}")
    ordered = heights if len(heights) == 1 or heights[0] > 0 else heights[::-1]
    return GivenPulse(abs(ordered[0]), abs(ordered[-1]), duration)


def _window(text: str) -> tuple[float, float]:
    low, comma, high = text.partition(",")
    ends = [quantity(part, "S", "--window", "5uS,80uS") for part in (low, high)] if comma else []
    if not ends or not 0 <= ends[0] < ends[1]:
        raise InputError(f"--window {shortened(text)}: the lowest and the highest conductance, such as 5uS,80uS")
    return ends[0], ends[1]


def _positive(value: str | float | None, si: str, option: str, example: str, zero: bool = False) -> float | None:
    if value is None:
        return None
    number = quantity(str(value), si, option, example)
    if not (number > 0 or (zero and number == 0)):
        raise InputError(f"{option} {value} must be {'>= 0' if zero else '> 0'}")
    return number


def _read_voltage(value: str | float | None) -> float | None:
    if value is None:
        return None
    number = quantity(str(value), "V", "--read-voltage", "0.1V")
    if number == 0:
        raise InputError("--read-voltage 0 V tells no conductance: give the voltage at which the currents were read")
    return number
