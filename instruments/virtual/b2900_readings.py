"""What a B2900A answers for its readings (B2910-90030 4-17 ff. and 4-68).

``FETCh``, ``READ`` and ``MEASure`` give the elements that ``FORMat:ELEMents:SENSe`` names, or the one that the header
names. Of several channels the readings alternate, and where one has fewer than another, `FILLER` stands in its place.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from instruments.virtual.scpi import ScpiCommand
from instruments.virtual.scpi_parameters import ScpiError, short
from instruments.virtual.source import SmuReading

if TYPE_CHECKING:
    from instruments.virtual.b2900 import B2900

ELEMENTS = ("VOLTage", "CURRent", "RESistance", "TIME", "STATus", "SOURce")
"""Elements of a reading in the order in which they are sent."""

NAN = 9.91e37
FILLER = f"{NAN:+.6E}"
"""What stands for a reading that is not there (4-68)."""


def fetch(whole: bool, element: str | None, smu: B2900, parameters: Sequence[str], _: dict[str, int]) -> str:
    """Readings of the latest run, all of them (`whole`) or the last; -230 if a channel has none."""
    columns = []
    for unit in smu.listed(parameters):
        if not unit.readings:
            raise ScpiError(-230)
        columns.append(unit.readings if whole else unit.readings[-1:])
    names = smu.elements if element is None else [element]
    rows = max(map(len, columns))
    smu.budget.spend(5 * rows * len(columns))
    return ",".join(
        _element(smu, column[k], name) if k < len(column) else FILLER
        for k in range(rows) for column in columns for name in names
    )  # fmt: skip


def read(whole: bool, element: str | None, smu: B2900, parameters: Sequence[str], _: dict[str, int]) -> str:
    """Start both actions, then `fetch`."""
    smu.initiate(smu.listed(parameters), ("TRAN", "ACQ"))
    return fetch(whole, element, smu, parameters, {})


def measure(element: str | None, smu: B2900, parameters: Sequence[str], _: dict[str, int]) -> str:
    """One reading at the present level; the output goes on if it may."""
    for unit in smu.listed(parameters):
        if not unit.channel.output and unit.on_auto:
            unit.channel.switch(True, settle=False)
        unit.readings = [unit.channel.measure(smu.aperture(unit))]
    return fetch(False, element, smu, parameters, {})


def reading_commands() -> list[ScpiCommand]:
    """All messages that ask for readings."""
    found = []
    for word in (None, *ELEMENTS):
        header, element = ("", None) if word is None else (f":{word}", short(word))
        if word in ("VOLTage", "CURRent"):
            header += "[:DC]" if word is not None else ""
        for verb, act in (("FETCh", fetch), ("READ", read)):
            found.append(ScpiCommand(f"{verb}:ARRay{header}", None, partial(act, True, element)))
            found.append(ScpiCommand(f"{verb}[:SCALar]{header}", None, partial(act, False, element)))
        found.append(ScpiCommand(f"MEASure{header}", None, partial(measure, element)))
    return found


def _element(smu: B2900, r: SmuReading, name: str) -> str:
    status = (2 if r.tripped else 0) | (1 if r.overflow else 0)
    values = {
        "VOLT": r.voltage, "CURR": r.current, "RES": NAN, "TIME": r.time - smu.zero, "STAT": float(status),
        "SOUR": r.source,
    }  # fmt: skip
    return f"{values[name]:+.6E}" if name != "TIME" else f"{values[name]:+.9E}"
