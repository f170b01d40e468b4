"""A cell as a SPICE sub-circuit, in the words of ngspice.

Every state is the voltage of a capacitor of 1 F, 1 V at its lower bound and 2 V at its upper, charged by its rate: what
a simulator's tolerances see is of order 1 V whatever the state is, and never 0 V, where they would be far too strict.
At a bound the rate fades over `sim.export.words.SOFT` of the range and holds the state there; equations see states
within their bounds alone. Rates and states in SI units are voltages of nodes named after them, and an unknown of an
implicit law is the voltage of a node whose equation is Kirchhoff's, with a capacitor of ``settle`` farad.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from sim.export.cell import ExportedCell, ExportedState
from sim.export.expression import Formula, apply
from sim.export.printing import Printer, shown
from sim.export.sharing import shared
from sim.export.words import (
    FASTEST,
    SETTLING,
    SOFT,
    WIDTH,
    CellNames,
    checked_name,
    comments,
    numerical,
)

LEAK = 1e12
"""Resistance beside a state's capacitor, ohm: every node has a path to ground; the state forgets in 30,000 years."""

RESERVED = frozenset(
    {"m", "time", "temper", "hertz", "e", "c", "i", "pi", "kelvin", "boltz", "echarge", "planck", "yes", "no", "true",
     "false", "and", "or", "not", "dtemp", "temp", "cell"}
)  # fmt: skip
"""Words that mean something else in a netlist, case aside."""

WORTH = 12
"""Functions and names in a part that occurs twice, from which on it is a node of its own, in formulas that are long."""

LONG = 20_000
"""Characters of all formulas from which on they are. A node's voltage is one more that an iteration can lead astray,
beyond limits that hold within a formula."""


def subcircuit(cell: ExportedCell, address: str, name: str | None = None, notes: tuple[str, ...] = ()) -> str:
    """Write the sub-circuit, with equations, parameters and what to know as comments.

    Parameters
    ----------
    cell : ExportedCell
        As described.
    address : str
        Of the device, for the first lines.
    name : str, optional
        Of the sub-circuit; that of the device if not given.
    notes : tuple of str
        More to know.

    Raises
    ------
    Unsupported
        If something in it cannot be written.
    """
    word, names = checked_name(cell, name, RESERVED), CellNames(cell, frozenset(), RESERVED)
    printer = _printer(names)
    lines = [f"* {line}".rstrip() for line in comments(cell, "spice", address, notes, names)]
    lines += [f"* one cell: X1 plus minus {word} NAME=VALUE ...; V(x1.STATE) is a state in SI units", ""]
    lines += _wrapped(f".subckt {word} plus minus " + " ".join(_assignments(cell, names)))
    speeds = [apply("/", state.rate, state.span) for state in cell.states]
    rests = [apply("/", unknown.residual, unknown.scale) for unknown in cell.unknowns]
    roots = [*speeds, *rests, cell.current]
    parts = shared(roots, WORTH, solved=True) if sum(len(printer.text(root)) for root in roots) > LONG else []
    for k, part in enumerate(parts):
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


def _printer(names: CellNames) -> Printer:
    def name(kind: str, name: str) -> str:
        if kind == "voltage":
            return "V(plus,minus)"
        return names.of(kind, name) if kind == "parameter" else f"V({names.of(kind, name)})"

    return Printer(name, {"ln": "ln", "sign": "sgn"}, odd_powers=False, tiny_divisors=False)


def _assignments(cell: ExportedCell, names: CellNames) -> Iterator[str]:
    for one in cell.parameters:
        yield f"{names.parameters[one.name]}={shown(float(one.value))}"
    for name, value, _ in numerical(cell):
        yield f"{name}={shown(value)}"


def _state(state: ExportedState, node: str, speed: str, printer: Printer) -> list[str]:
    """Value in SI units, rate, capacitor and bounds of one state."""
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


def _wrapped(line: str) -> list[str]:
    """A line of a netlist, continued on others where it is long."""
    return textwrap.wrap(line, WIDTH, subsequent_indent="+ ", break_long_words=False, break_on_hyphens=False)
