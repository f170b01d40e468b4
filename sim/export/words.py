"""What both languages need of words: names that are free, comments, parameters with units, settings of a simulator."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from hil.errors import InputError
from sim.export.cell import ExportedCell, ExportedParameter
from sim.export.printing import shown

FASTEST = "rate_max"
"""Parameter of every exported cell: the highest rate of a state, in ranges a second. A simulator cannot follow more."""

HIGHEST_RATE = 1e12
"""Its default, 1/s: nothing crosses its range in less than a picosecond."""

SETTLING = "settle"
"""Parameter of cells with unknowns, s: within which these reach what their equations say. Where a law jumps from one
solution to another, such as in thermal runaway, this is how long it takes."""

SHORTEST_SETTLING = 1e-15
"""Its default, s."""

SOFT = 1e-6
"""Part of its range over which a state is stopped at a bound."""

WIDTH = 118
"""Characters of a line."""

OWN = frozenset({FASTEST, SETTLING, "plus", "minus", "v"})
"""Names that stand in every exported cell."""


class CellNames:
    """Names of parameters, states and unknowns in one exported cell; case does not tell two apart."""

    def __init__(
        self, cell: ExportedCell, reserved: frozenset[str], for_parameters: frozenset[str] = frozenset()
    ) -> None:
        """Find one for each; `_` is added until it is none of the words that are reserved."""
        self._taken = set(reserved | OWN)
        self.parameters = {one.name: self.free(one.name, for_parameters) for one in cell.parameters}
        self.states = {one.name: self.free(one.name) for one in cell.states}
        self.unknowns = {one.name: self.free(one.name) for one in cell.unknowns}

    def free(self, name: str, reserved: frozenset[str] = frozenset()) -> str:
        """A name like this one that nothing has yet."""
        while name.lower() in self._taken | reserved:
            name += "_"
        self._taken.add(name.lower())
        return name

    def of(self, kind: str, name: str) -> str:
        """Name in the exported cell of one in formulas."""
        tables = {"parameter": self.parameters, "state": self.states, "unknown": self.unknowns}
        return tables[kind][name]


def checked_name(cell: ExportedCell, name: str | None, reserved: frozenset[str]) -> str:
    """Name of the exported cell: as given, or the device's, ``sim:jart-vcm`` being ``jart_vcm``."""
    if name is None:
        return "".join(c if c.isalnum() else "_" for c in cell.name.partition(":")[2] or cell.name)
    if not (name.isidentifier() and name.isascii()) or name.lower() in reserved:
        raise InputError(f"--name {name}: use letters, digits and underscores, and no word of the language itself")
    return name


def numerical(cell: ExportedCell) -> Iterator[tuple[str, float, str]]:
    """Parameters that are the simulator's and not the law's: name, default, and what it is."""
    yield FASTEST, HIGHEST_RATE, "1/s: no state crosses its range faster, so that a simulator can follow"
    if cell.unknowns:
        yield SETTLING, SHORTEST_SETTLING, "s: within which implicit equations are solved, and jumps between solutions"


def comments(
    cell: ExportedCell, language: str, address: str, notes: tuple[str, ...], names: CellNames
) -> Iterator[str]:
    """Lines on what a cell is, where its equations come from, and its parameters."""
    yield f"{cell.summary or cell.name}"
    yield f'written by: hil export {language} "{address}"'
    for note in notes:
        yield from textwrap.wrap(note, WIDTH - 4)
    yield ""
    yield from cell.source.splitlines()
    yield ""
    yield "Currents count from plus to minus. For transient analysis: states have no operating point of their own and"
    yield f"start pristine. Where a simulator finds no step that is short enough, lower {FASTEST} to 1e6 over the"
    yield "length of the analysis."
    yield ""
    yield "parameters:"
    for one in cell.parameters:
        line = f"  {names.parameters[one.name]} = {_told(one)}{_range(one)}"
        yield from textwrap.wrap(line, WIDTH - 4, subsequent_indent="      ")
    yield "of the simulator, not of the law:"
    for name, value, text in numerical(cell):
        yield f"  {name} = {shown(value)} {text}"
    if cell.fixed:
        yield "held as they are here (another value needs another export), or without effect on the cell:"
    for one in cell.fixed:
        yield from textwrap.wrap(f"  {one.name} = {_told(one)}", WIDTH - 4, subsequent_indent="      ")


def _told(one: ExportedParameter) -> str:
    value = shown(one.value) if isinstance(one.value, float) and abs(one.value) < float("inf") else str(one.value)
    return f"{value}{f' {one.unit}' if one.unit else ''}: {one.description}"


def _range(one: ExportedParameter) -> str:
    low, high = one.bounds
    parts = [f"{'>=' if low[1] else '>'} {low[0]:g}"] if low else []
    parts += [f"{'<=' if high[1] else '<'} {high[0]:g}"] if high else []
    return f" ({', '.join(parts)})" if parts else ""
