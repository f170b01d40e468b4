"""A cell as a Verilog-A module, for OpenVAF and other compilers.

As in `sim.export.spice`: a state is the voltage of an inner node, 1 V at its lower bound and 2 V at its upper; an
unknown of an implicit law is the voltage of another, solved by Kirchhoff's law. A static analysis holds the states
where they start.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from sim.export.cell import ExportedCell, ExportedParameter, ExportedState
from sim.export.expression import Formula, apply
from sim.export.printing import Printer, decimal
from sim.export.sharing import shared
from sim.export.words import FASTEST, SETTLING, SOFT, WIDTH, CellNames, checked_name, comments, numerical

_WORDS = """
above abs absdelay absdelta abstol access acos acosh ac_stim aliasparam always analog analysis and asin asinh assert
assign atan atan2 atanh automatic begin branch buf bufif0 bufif1 case casex casez ceil cell cmos config connect
connectmodule connectrules continuous cos cosh cross ddt ddt_nature ddx deassign default defparam design disable
discipline discrete domain driver_update edge else end endcase endconfig endconnectrules enddiscipline endfunction
endgenerate endmodule endnature endparamset endprimitive endspecify endtable endtask event exclude exp final_step
flicker_noise floor flow for force forever fork from function generate genvar ground highz0 highz1 hypot idt idtmod
idt_nature if ifnone incdir include inf initial initial_step inout input instance integer join laplace_nd laplace_np
laplace_zd laplace_zp large last_crossing liblist library limexp ln localparam log macromodule max medium merged min
module nand nature negedge net_resolution nmos noise_table none nor noshowcancelled not notif0 notif1 or output
parameter paramset pmos posedge potential pow primitive pull0 pull1 pulldown pullup pulsestyle_onevent
pulsestyle_ondetect rcmos real realtime reg release repeat resolveto rnmos rpmos rtran rtranif0 rtranif1 scalared
showcancelled signed sin sinh slew small specify specparam split sqrt string strong0 strong1 supply0 supply1 table
tan tanh task time timer tran tranif0 tranif1 transition tri tri0 tri1 triand trior trireg units unsigned use
vectored wait wand weak0 weak1 while white_noise wire wor wreal xnor xor zi_nd zi_np zi_zd zi_zp electrical
"""

KEYWORDS = frozenset(_WORDS.split())
"""Words of the language."""

WORTH = 4
"""Functions and names in a part that occurs twice, from which on it is a variable of its own."""


def module(cell: ExportedCell, address: str, name: str | None = None, notes: tuple[str, ...] = ()) -> str:
    """Write the module, with equations, parameters and what to know as comments.

    Parameters
    ----------
    cell : ExportedCell
        As described.
    address : str
        Of the device, for the first lines.
    name : str, optional
        Of the module; that of the device if not given.
    notes : tuple of str
        More to know.

    Raises
    ------
    Unsupported
        If something in it cannot be written.
    """
    word, names = checked_name(cell, name, KEYWORDS), CellNames(cell, KEYWORDS, frozenset({"m"}))
    printer = _printer(names)
    body, variables = _body(cell, names, printer)
    nodes = [f"{names.states[s.name]}_s" for s in cell.states] + [f"{names.unknowns[u.name]}_s" for u in cell.unknowns]
    lines = [
        *(f"// {line}".rstrip() for line in comments(cell, "verilog-a", address, notes, names)),
        "",
        '`include "disciplines.vams"',
        "",
        f"module {word}(plus, minus);",
        "  inout plus, minus;",
        f"  electrical {', '.join(['plus', 'minus', *nodes])};",
        *(
            f"  parameter real {names.parameters[p.name]} = {decimal(float(p.value))}{_from(p)};"
            for p in cell.parameters
        ),
        *(f"  parameter real {one} = {decimal(value)} from (0:inf);" for one, value, _ in numerical(cell)),
        *_wrapped(f"real {', '.join(variables)};", "  "),
        "",
        "  analog begin",
        *(part for line in body for part in _wrapped(line, "    ")),
        "  end",
        "endmodule",
        "",
    ]
    return "\n".join(lines)


def _printer(names: CellNames) -> Printer:
    def name(kind: str, name: str) -> str:
        return "v" if kind == "voltage" else names.of(kind, name)

    return Printer(name, {"ln": "ln", "log10": "log"}, odd_powers=True, tiny_divisors=True, number=decimal)


def _body(cell: ExportedCell, names: CellNames, printer: Printer) -> tuple[list[str], list[str]]:
    """Statements, and the variables that they assign."""
    states = [(state, names.states[state.name]) for state in cell.states]
    unknowns = [(unknown, names.unknowns[unknown.name]) for unknown in cell.unknowns]
    lines, variables = ["v = V(plus, minus);"], ["v"]
    for state, word in states:
        lines.append(f"{word} = {_value(state, word, printer)};")
        variables.append(word)
    for unknown, word in unknowns:
        lines.append(f"{word} = {decimal(unknown.scale)}*V({word}_s);")
        variables.append(word)
    speeds = [apply("/", state.rate, state.span) for state in cell.states]
    rests = [apply("/", unknown.residual, unknown.scale) for unknown in cell.unknowns]
    for k, part in enumerate(shared([*speeds, *rests, cell.current], WORTH, solved=False)):
        word = names.free(f"t{k}")
        lines.append(f"{word} = {printer.text(part)};")
        printer.named(part, word)
        variables.append(word)
    for (state, word), speed in zip(states, speeds, strict=True):
        rate = names.free(f"{word}_rate")
        variables.append(rate)
        lines.append(f"{rate} = min(max({printer.text(speed)}, -{FASTEST}), {FASTEST});")
        start = printer.text(apply("+", state.start, 1.0))
        lines.append(f'if (analysis("static")) {rate} = {start} - V({word}_s);')
        lines += _held(state, word, rate)
        lines.append(f"I({word}_s) <+ ddt(V({word}_s)) - {rate};")
    for (_, word), rest in zip(unknowns, rests, strict=True):
        lines.append(f"I({word}_s) <+ {printer.text(rest)} + {SETTLING}*ddt(V({word}_s));")
    return [*lines, f"I(plus, minus) <+ {printer.text(cell.current)};"], variables


def _value(state: ExportedState, word: str, printer: Printer) -> str:
    """A state in SI units, within its bounds."""
    kept = Formula("parameter", "")
    printer.named(kept, f"V({word}_s)")
    inside = apply("-", kept, 1.0)
    if state.low:
        inside = apply("max", inside, 0.0)
    if state.high:
        inside = apply("min", inside, 1.0)
    return printer.text(apply("+", state.offset, apply("*", state.span, inside)))


def _held(state: ExportedState, word: str, rate: str) -> Iterator[str]:
    """How a bound stops the state."""
    if state.high:
        yield f"if ({rate} > 0.0) {rate} = {rate}*(1.0 - max(V({word}_s) - 2.0, 0.0)/{SOFT:g});"
    if state.low:
        begins = "else if" if state.high else "if"
        yield f"{begins} ({rate} < 0.0) {rate} = {rate}*(1.0 - max(1.0 - V({word}_s), 0.0)/{SOFT:g});"


def _from(one: ExportedParameter) -> str:
    """Range of a parameter."""
    low, high = one.bounds
    if low is None and high is None:
        return ""
    bottom = f"{'[' if low[1] else '('}{decimal(low[0])}" if low else "(-inf"
    top = f"{decimal(high[0])}{']' if high[1] else ')'}" if high else "inf)"
    return f" from {bottom}:{top}"


def _wrapped(line: str, indent: str) -> list[str]:
    return textwrap.wrap(
        line, WIDTH, initial_indent=indent, subsequent_indent=indent + "    ", break_long_words=False,
        break_on_hyphens=False,
    )  # fmt: skip
