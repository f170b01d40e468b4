"""Place and route of a design as nextpnr reports it: parts of the FPGA used, clocks, critical path."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

RESOURCES = {
    "ecp5": {"LUT": "TRELLIS_COMB", "FF": "TRELLIS_FF", "BRAM": "DP16KD", "DSP": "MULT18X18D"},
    "ice40": {"logic cell": "ICESTORM_LC", "BRAM": "ICESTORM_RAM", "SPRAM": "ICESTORM_SPRAM", "DSP": "ICESTORM_DSP"},
}
"""The parts of an FPGA that fill up, as the field and as nextpnr calls them; iCE40 logic cells have a LUT and an FF."""


@dataclass(frozen=True)
class ClockTiming:
    """One clock: the highest frequency after routing, and the one it runs at, Hz."""

    name: str
    achieved: float
    constraint: float

    @property
    def met(self) -> bool:
        """Whether the design may run at the clock."""
        return self.achieved >= self.constraint


@dataclass(frozen=True)
class Step:
    """One step of a timing path: delay in s, kind (clk-to-q, routing, logic, setup), net if any, where it leads."""

    delay: float
    kind: str
    net: str
    cell: str


@dataclass(frozen=True)
class PlaceAndRoute:
    """Result of place and route.

    Attributes
    ----------
    used, available : dict of int
        Parts of the FPGA by the field's name.
    clocks : tuple of ClockTiming
        Every clock of the design.
    critical_path : tuple of Step
        Longest way from register to register in the slowest clock.
    """

    used: dict[str, int]
    available: dict[str, int]
    clocks: tuple[ClockTiming, ...]
    critical_path: tuple[Step, ...]

    @property
    def met(self) -> bool:
        """Whether every clock is fast enough."""
        return all(clock.met for clock in self.clocks)

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> PlaceAndRoute:
        """Undo `dataclasses.asdict`."""
        clocks = tuple(ClockTiming(**clock) for clock in fields["clocks"])
        steps = tuple(Step(**step) for step in fields["critical_path"])
        return cls(fields["used"], fields["available"], clocks, steps)


def read_nextpnr(text: str, family: str, log: str = "") -> PlaceAndRoute:
    """Read nextpnr's report.

    Parameters
    ----------
    text : str
        Its JSON report; frequencies in MHz, delays in ns.
    family : {"ecp5", "ice40"}
        Which nextpnr.
    log : str
        Its log, the only place where the iCE40's logic cells are told apart by what is used of them.
    """
    data = json.loads(text)
    parts = {ours: data["utilization"].get(theirs) for ours, theirs in RESOURCES[family].items()}
    used = {name: part["used"] for name, part in parts.items() if part}
    available = {name: part["available"] for name, part in parts.items() if part}
    cells = {kind: int(count) for count, kind in re.findall(r"(\d+) LCs used as ([\w ]+?) *$", log, re.MULTILINE)}
    if cells:
        both = cells.get("LUT4 and DFF", 0)
        used |= {"LUT": both + cells.get("LUT4 only", 0), "FF": both + cells.get("DFF only", 0)}
        available |= dict.fromkeys(("LUT", "FF"), available["logic cell"])
    clocks = tuple(
        ClockTiming(name, value["achieved"] * 1e6, value["constraint"] * 1e6) for name, value in data["fmax"].items()
    )
    slowest = min(clocks, key=lambda clock: clock.achieved, default=None)
    return PlaceAndRoute(used, available, clocks, _critical_path(data["critical_paths"], slowest))


def overfull(log: str, family: str) -> str:
    """What a design needs more of than the FPGA has, in words, by nextpnr's log; empty if it fits."""
    names = {theirs: ours for ours, theirs in RESOURCES[family].items()}
    found = re.findall(r"^Info:\s+(\w+):\s+(\d+)/\s*(\d+)\s+\d+%", log, re.MULTILINE)
    needs = [f"{used} {names[name]} of {has}" for name, used, has in found if name in names and int(used) > int(has)]
    return ", ".join(needs)


def _critical_path(paths: list[dict[str, Any]], clock: ClockTiming | None) -> tuple[Step, ...]:
    """Steps of the path from register to register of a clock."""
    edges = {f"posedge {clock.name}"} if clock else set()
    within: list[dict[str, Any]] = next((path["path"] for path in paths if {path["from"], path["to"]} == edges), [])
    return tuple(Step(s["delay"] * 1e-9, s["type"], s.get("net", ""), s["to"]["cell"]) for s in within)
