"""A cell as a SPICE sub-circuit, in the words of ngspice.

Every state is the voltage of a capacitor of 1 F, 1 V at its lower bound and 2 V at its upper, charged by its rate: what
a simulator's tolerances see is of order 1 V whatever the state is, and never 0 V, where they would be far too strict.
At a bound the rate fades over `SOFT` of the range and holds the state there; equations see states within their bounds
alone. Rates and states in SI units are voltages of nodes named after them, and an unknown of an implicit law is the
voltage of a node whose equation is Kirchhoff's.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from hil.errors import InputError
from sim.export.cell import ExportedCell, ExportedParameter, ExportedState
from sim.export.expression import Formula, apply
from sim.export.printing import Printer, shown
from sim.export.sharing import shared

SOFT = 1e-6
"""Part of its range over which a state is stopped at a bound."""

FASTEST = "rate_max"
"""Parameter of every sub-circuit: the highest rate of a state, in ranges a second. A simulator cannot follow more."""

HIGHEST_RATE = 1e12
"""Its default, 1/s: nothing crosses its range in less than a picosecond."""

SETTLING = "settle"
"""Parameter of sub-circuits with unknowns, s: within which these reach what their equations say. Where a law jumps from
one solution to another, such as in thermal runaway, this is how long it takes."""

SHORTEST_SETTLING = 1e-15
"""Its default, s."""

LEAK = 1e12
"""Resistance beside a state's capacitor, ohm: every node has a path to ground; the state forgets in 30,000 years."""

RESERVED = frozenset(
    {"rate_max", "settle", "m", "time",
     "temper", "hertz", "e", "c", "i", "v", "pi", "kelvin", "boltz", "echarge", "planck", "yes", "no",
     "true", "false", "and", "or", "not", "plus", "minus", "dtemp", "temp"}
)  # fmt: skip
"""Words that mean something else in a netlist, case aside."""

WORTH = 12
"""Functions and names in a part that occurs twice, from which on it is a node of its own."""

WIDTH = 118


class Names:
    """Names of parameters, states and unknowns in one sub-circuit, where case does not tell two apart."""

    def __init__(self, cell: ExportedCell, reserved: frozenset[str]) -> None:
        """Find one for each; `_` is added until it is free."""
        self._taken = set(reserved)
        self.parameters = {one.name: self.free(one.name) for one in cell.parameters}
        self.states = {one.name: self.free(one.name) for one in cell.states}
        self.unknowns = {one.name: self.free(one.name) for one in cell.unknowns}

    def free(self, name: str) -> str:
        """A name like this one that nothing has yet."""
        while name.lower() in self._taken:
            name += "_"
        self._taken.add(name.lower())
        return name

    def of(self, kind: str, name: str) -> str:
        """Name in the sub-circuit of one in formulas."""
        tables = {"parameter": self.parameters, "state": self.states, "unknown": self.unknowns}
        return tables[kind][name]


def identifier(name: str) -> str:
    """A device's name as a word: ``sim:jart-vcm`` is ``jart_vcm``."""
    return "".join(c if c.isalnum() else "_" for c in name.partition(":")[2] or name)


def subcircuit(cell: ExportedCell, address: str, name: str | None = None) -> str:
    """Write the sub-circuit, with equations, parameters and what to know as comments.

    Parameters
    ----------
    cell : ExportedCell
        As described.
    address : str
        Of the device, for the first line.
    name : str, optional
        Of the sub-circuit; that of the device if not given.

    Raises
    ------
    Unsupported
        If something in it cannot be written.
    """
    word = name or identifier(cell.name)
    if not word.isidentifier() or not word.isascii():
        raise InputError(f"sub-circuit name '{word}': use letters, digits and underscores")
    names = Names(cell, RESERVED)
    printer = _printer(names)
    lines = [f"* {line}".rstrip() for line in _comments(cell, address, word, names)]
    lines += ["", *_wrapped(f".subckt {word} plus minus " + " ".join(_assignments(cell, names)))]
    speeds = [apply("/", state.rate, state.span) for state in cell.states]
    rests = [apply("/", unknown.residual, unknown.scale) for unknown in cell.unknowns]
    for k, part in enumerate(shared([*speeds, *rests, cell.current], WORTH, solved=True)):
        node = names.free(f"t{k}")
        lines += _wrapped(f"B{node} {node} 0 V = {printer.text(part)}")
        printer.named(part, f"V({node})")
    for state, speed in zip(cell.states, speeds, strict=True):
        lines += _state(state, names.states[state.name], printer.text(speed), printer)
    for unknown, rest in zip(cell.unknowns, rests, strict=True):
        node = names.unknowns[unknown.name]
        lines += [f"B{node} {node} 0 V = {shown(unknown.scale)}*V({node}_s)"]
        lines += _wrapped(f"B{node}_s {node}_s 0 I = {printer.text(rest)}")
        lines += [f"C{node}_s {node}_s 0 {{{SETTLING}}}"]
    lines += _wrapped(f"Bcell plus minus I = {printer.text(cell.current)}")
    return "\n".join([*lines, f".ends {word}", ""])


def _printer(names: Names) -> Printer:
    def name(kind: str, name: str) -> str:
        if kind == "voltage":
            return "V(plus,minus)"
        return names.of(kind, name) if kind == "parameter" else f"V({names.of(kind, name)})"

    return Printer(name, {"ln": "ln", "sign": "sgn"}, odd_powers=False, tiny_divisors=False)


def _assignments(cell: ExportedCell, names: Names) -> Iterator[str]:
    for one in cell.parameters:
        yield f"{names.parameters[one.name]}={shown(float(one.value))}"
    for name, value, _ in numerical(cell):
        yield f"{name}={shown(value)}"


def numerical(cell: ExportedCell) -> Iterator[tuple[str, float, str]]:
    """Parameters that are the simulator's and not the law's: name, default, and what it is."""
    yield FASTEST, HIGHEST_RATE, "1/s: no state crosses its range faster, so that a simulator can follow"
    if cell.unknowns:
        yield SETTLING, SHORTEST_SETTLING, "s: within which implicit equations are solved, and jumps between solutions"


def _state(state: ExportedState, node: str, speed: str, printer: Printer) -> list[str]:
    """Capacitor, bounds, value in SI units, and rate of one state."""
    kept = Formula("parameter", "")
    printer.named(kept, f"V({node}_s)")
    inside = apply("-", kept, 1.0)
    if state.low:
        inside = apply("max", inside, 0.0)
    if state.high:
        inside = apply("min", inside, 1.0)
    rate = f"V({node}_rate)"
    up = f"1 - max(V({node}_s) - 2, 0)/{SOFT:g}" if state.high else "1"
    down = f"1 - max(1 - V({node}_s), 0)/{SOFT:g}" if state.low else "1"
    moved = rate if up == down else f"{rate}*({rate} > 0 ? {up} : {down})"
    start = printer.text(apply("+", state.start, 1.0))
    return [
        *_wrapped(f"B{node} {node} 0 V = {printer.text(apply('+', state.offset, apply('*', state.span, inside)))}"),
        *_wrapped(f"B{node}_rate {node}_rate 0 V = min(max({speed}, -{FASTEST}), {FASTEST})"),
        *_wrapped(f"B{node}_s 0 {node}_s I = {moved}"),
        *_wrapped(f"C{node}_s {node}_s 0 1 IC={{{start}}}"),
        f"R{node}_s {node}_s 0 {LEAK:g}",
        *_wrapped(f".ic V({node}_s)={{{start}}}"),
    ]


def _comments(cell: ExportedCell, address: str, word: str, names: Names) -> Iterator[str]:
    yield f"{cell.summary or cell.name}: {address}"
    yield f"written by: hil export spice {address!r}"
    yield ""
    yield from cell.source.splitlines()
    yield ""
    yield f"X1 plus minus {word} NAME=VALUE ... is one cell; currents count from plus to minus. Transient analysis"
    yield "(tran): states have no operating point of their own and start pristine. V(x1.STATE) is a state in SI units."
    yield "Tighten reltol (1e-5, method=gear) for curves to 1e-3."
    yield ""
    yield from parameter_table(cell, names.parameters)
    yield "of the simulator, not of the law:"
    for name, value, text in numerical(cell):
        yield f"  {name} = {shown(value)} {text}"


def parameter_table(cell: ExportedCell, own: dict[str, str]) -> Iterator[str]:
    """Lines on all parameters with values, units and ranges; of those that cannot be changed, too."""
    yield "parameters:"
    for one in cell.parameters:
        yield from textwrap.wrap(
            f"  {own[one.name]} = {_told(one)}{_range(one)}", WIDTH - 4, subsequent_indent="      "
        )
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


def _wrapped(line: str) -> list[str]:
    """A line of a netlist, continued on others where it is long."""
    return textwrap.wrap(line, WIDTH, subsequent_indent="+ ", break_long_words=False, break_on_hyphens=False)
