"""A cell as a SPICE sub-circuit, in the words of ngspice.

Every state is the voltage of a capacitor of 1 F between 0 and 1, charged by its rate; what a simulator's tolerances see
is therefore of order 1 V whatever the state is. At a bound the rate fades over `SOFT` of the range and holds the state
there; equations see states within their bounds alone. Rates and states in SI units are voltages of nodes named after
them, and an unknown of an implicit law is the voltage of a node whose equation is Kirchhoff's.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from hil.errors import InputError
from sim.export.cell import ExportedCell, ExportedParameter, ExportedState
from sim.export.expression import Formula, apply
from sim.export.printing import Printer, shown

SOFT = 1e-6
"""Part of its range over which a state is stopped at a bound."""

LEAK = 1e12
"""Resistance beside a state's capacitor, ohm: every node has a path to ground; the state forgets in 30,000 years."""

RESERVED = frozenset(
    {"m", "time", "temper", "hertz", "e", "c", "i", "v", "pi", "kelvin", "boltz", "echarge", "planck", "yes", "no",
     "true", "false", "and", "or", "not", "plus", "minus", "dtemp", "temp"}
)  # fmt: skip
"""Words that mean something else in a netlist, case aside."""

WIDTH = 118


class Names:
    """Names of parameters, states and unknowns in one sub-circuit, where case does not tell two apart."""

    def __init__(self, cell: ExportedCell, reserved: frozenset[str]) -> None:
        """Find one for each; `_` is added until it is free."""
        self._taken = set(reserved)
        self.parameters = {one.name: self._free(one.name) for one in cell.parameters}
        self.states = {one.name: self._free(one.name) for one in cell.states}
        self.unknowns = {one.name: self._free(one.name) for one in cell.unknowns}

    def _free(self, name: str) -> str:
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
    lines += ["", *_wrapped(f".subckt {word} plus minus " + " ".join(_assignments(cell.parameters, names)))]
    for state in cell.states:
        lines += _state(state, names.states[state.name], printer)
    for unknown in cell.unknowns:
        node = names.unknowns[unknown.name]
        residual = printer.text(apply("/", unknown.residual, unknown.scale))
        lines += [f"B{node} {node} 0 V = {shown(unknown.scale)}*V({node}_s)"]
        lines += _wrapped(f"B{node}_s {node}_s 0 I = {residual}")
    lines += _wrapped(f"Bcell plus minus I = {printer.text(cell.current)}")
    return "\n".join([*lines, f".ends {word}", ""])


def _printer(names: Names) -> Printer:
    def name(kind: str, name: str) -> str:
        if kind == "voltage":
            return "V(plus,minus)"
        return names.of(kind, name) if kind == "parameter" else f"V({names.of(kind, name)})"

    return Printer(name, {"ln": "ln", "sign": "sgn"}, odd_powers=False, tiny_divisors=False)


def _assignments(parameters: tuple[ExportedParameter, ...], names: Names) -> Iterator[str]:
    for one in parameters:
        yield f"{names.parameters[one.name]}={shown(float(one.value))}"


def _state(state: ExportedState, node: str, printer: Printer) -> list[str]:
    """Capacitor, bounds, value in SI units, and rate of one state."""
    kept = Formula("parameter", "")
    printer.named(kept, f"V({node}_s)")
    inside: Formula = kept
    if state.low:
        inside = apply("max", inside, 0.0)
    if state.high:
        inside = apply("min", inside, 1.0)
    rate = f"V({node}_rate)"
    up = f"1 - max(V({node}_s) - 1, 0)/{SOFT:g}" if state.high else "1"
    down = f"1 - max(-V({node}_s), 0)/{SOFT:g}" if state.low else "1"
    moved = rate if up == down else f"{rate}*({rate} > 0 ? {up} : {down})"
    start = printer.text(state.start)
    return [
        *_wrapped(f"B{node} {node} 0 V = {printer.text(apply('+', state.offset, apply('*', state.span, inside)))}"),
        *_wrapped(f"B{node}_rate {node}_rate 0 V = {printer.text(apply('/', state.rate, state.span))}"),
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
