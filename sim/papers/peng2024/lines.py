"""What the review says of IR drop: larger writing voltages, what bounds them, and what attenuates it."""

from __future__ import annotations

import numpy as np

from hil.reproduction.papers import Finding, Scope, above, below
from sim.papers.canvas import canvas, save
from sim.papers.passive import G_ON, by_nodes, highest_pulse, of_scheme, reached, size_reached, summed

SIZE, NARROW, WIDE = 64, 10.0, 0.1
"""Rows and columns; resistance of a segment between cells of nanoscale wires, and of wide ones, ohm."""

CELL = "sim:vteam?threads=1"
"""Cells that do not move below a threshold."""

PAIRS, SEGMENT = 128, 1.0
"""Pairs of cells whose currents one product adds up, and resistance of a line from one to the next, ohm."""


def ir_drop(scope: Scope) -> list[Finding]:
    """All rows, and the voltage that is left against the size."""
    rows = [_needed(), *_bounds(), *_sizes(scope), *_higher_resistance(), *_one_line()]
    figure, (axis,) = canvas(1, (5, 3))
    sizes = [4, 8, 16, 32, 64, 128]
    for r in (WIDE, 1.0, NARROW):
        scope.pause()
        axis.semilogx(sizes, [reached(n, r, G_ON) for n in sizes], label=f"{r:g} ohm a segment")
    axis.set_xticks(sizes, [f"{n}" for n in sizes])
    axis.minorticks_off()
    axis.set(xlabel="rows and columns", ylabel="voltage on the furthest cell, part")
    axis.axhline(0.5, color="0.6", lw=0.8)
    axis.legend(frameon=False)
    save(figure, scope.folder / "peng-ir-drop.png")
    return rows


def _needed() -> Finding:
    return Finding(
        "IR",
        f"voltage that the furthest cell needs to be written over its own, {SIZE} x {SIZE}, 10 kohm, {NARROW:g} ohm",
        '"a larger writing voltage ... when the wire is scaled down to the nanoscale"',
        1 / reached(SIZE, NARROW, G_ON),
        accept=above(1.2),
        check=1 / reached(SIZE, NARROW, G_ON, by_factors=True),
        check_by="all nodes by sparse LU factors",
        check_tolerance=1e-6,
        control=1 / reached(SIZE, WIDE, G_ON),
        control_is=f"{WIDE:g} ohm a segment",
        note="V/2, all cells on; rule: a fifth more",
    )


def _bounds() -> list[Finding]:
    return [
        Finding(
            "IR",
            f"highest pulse over the threshold that moves no half-selected cell, {scheme}",
            '"its writing scheme (V/2 or V/3) prohibits a significant increase in writing voltage"',
            highest_pulse(scheme, CELL),
            accept=(0.0, 3.01),
            follows=1 / of_scheme(scheme),
            follows_by="the threshold over the largest voltage on another cell",
            note=f"without IR drop; {1 / of_scheme('grounded'):g} with grounded lines; rule: not more than threefold",
        )
        for scheme in ("V/2", "V/3")
    ]


def _sizes(scope: Scope) -> list[Finding]:
    found = []
    for scheme, part in (("V/2", 1 / 2), ("V/3", 1 / 3)):
        scope.pause()
        wide = size_reached(part, NARROW / 10, G_ON, scheme)
        found.append(
            Finding(
                "IR",
                f"rows at which no pulse writes the furthest cell and spares the others, {scheme}, {NARROW:g} ohm",
                "the same, without a number",
                size_reached(part, NARROW, G_ON, scheme),
                accept=below(wide),
                control=wide,
                control_is=f"{NARROW / 10:g} ohm a segment",
                note="10 kohm cells, all on: where it gets less than the part that others near the drivers see",
            )
        )
    return found


def _higher_resistance() -> list[Finding]:
    low, high = (1 - reached(SIZE, NARROW, g) for g in (G_ON, G_ON / 10))
    return [
        Finding(
            "IR",
            "voltage lost with cells of 100 kohm over that with 10 kohm",
            '"attenuated by adopting a higher-resistance memristor"',
            high / low,
            accept=below(0.5),
            check=(1 - reached(SIZE, NARROW, G_ON / 10, by_factors=True))
            / (1 - reached(SIZE, NARROW, G_ON, by_factors=True)),
            check_by="all nodes by sparse LU factors",
            check_tolerance=1e-6,
            control=1.0,
            control_is="the same cells",
            note="rule: less than half",
        ),
        Finding(
            "IR",
            "time of a read with cells of 100 kohm over that with 10 kohm",
            '"this will limit the reading speed"',
            1.0,
            accept=above(1.5),
            open={"columns charged through the cell": 10.0},
            note="columns at 0 V, where the delay is that of the lines (docs/energy.md); the text names no circuit",
        ),
    ]


def _one_line() -> list[Finding]:
    """Products of random signed weights, relative to those of ideal lines; root mean square."""
    rng = np.random.default_rng(4)
    x = rng.random((20, PAIRS)) * 1e-3
    error, current, checked = {}, {}, {}
    for name, weights in (("both", rng.uniform(-1, 1, PAIRS)), ("one", rng.uniform(0, 1, PAIRS))):
        g = 1e-6 + (G_ON - 1e-6) * np.stack([np.maximum(weights, 0), np.maximum(-weights, 0)], axis=1)
        exact = x @ (g[:, 0] - g[:, 1])
        for one in (True, False):
            found = summed(g, x, SEGMENT, on_one_line=one)
            error[name, one] = float(np.sqrt(np.mean((found.products - exact) ** 2)))
            current[name, one] = float(np.sqrt(np.mean(found.largest**2)))
        pairs = np.stack([x, -x], axis=2).reshape(len(x), -1)
        apart = by_nodes(g[:, 0], x, SEGMENT) - by_nodes(g[:, 1], x, SEGMENT)
        wrong = by_nodes(g.reshape(-1), pairs, SEGMENT / 2) - exact, apart - exact
        checked[name] = float(np.sqrt(np.mean(wrong[0] ** 2) / np.mean(wrong[1] ** 2)))
    what, note = f"{PAIRS} signed pairs on one line over two", "random weights, random inputs; transistors as switches"
    return [
        Finding(
            "IR",
            f"largest current of a line, {what}",
            '"a sign-weighted 2T2R structure to reduce the accumulated source line current"',
            current["both", True] / current["both", False],
            accept=below(0.5),
            control=current["one", True] / current["one", False],
            control_is="weights of one sign: nothing to cancel",
            note=f"{note}; rule: less than half",
        ),
        Finding(
            "IR",
            f"error of products by IR drop, {what}, {SEGMENT:g} ohm a pair",
            '"which significantly reduces the adverse effects brought by IR drop"',
            error["both", True] / error["both", False],
            accept=below(0.5),
            check=checked["both"],
            check_by="the lines' nodes by dense elimination",
            check_tolerance=1e-4,
            control=error["one", True] / error["one", False],
            control_is="weights of one sign: nothing to cancel",
            note=f"{note}; what two lines lose in common goes with the subtraction; rule: less than half",
        ),
    ]
