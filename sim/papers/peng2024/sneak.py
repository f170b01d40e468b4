"""What the review says of sneak currents in passive arrays, and of what suppresses them."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from scipy.optimize import brentq

from hil.backends import open_device
from hil.reproduction.papers import Finding, Scope, above, below
from hil.synapses.synapse import Synapse
from sim.papers.canvas import canvas, save
from sim.papers.passive import CELL, G_OFF, G_ON, opened, rows_allowed, worst_read

SIZE = 64
"""Rows and columns of the array that is read."""

MARGIN = 0.1
"""That an array must leave."""

SELECTIVITIES = (1e4, 1e6, 1e8)
"""Of selectors: the review names one above 1e8."""

LEAKS: dict[str, tuple[Callable[[int], float], str]] = {
    "V/2": (lambda n: (n - 1) / 2, "(1 - 1/r) / (1 + (n - 1) / 2)"),
    "V/3": (lambda n: (n - 1) / 3, "(1 - 1/r) / (1 + (n - 1) / 3)"),
    "floating": (lambda n: (n - 1) ** 2 / (2 * n - 1), "(1 - 1/r) / (1 + (n - 1)^2 / (2 n - 1))"),
}
"""What all other cells, ohmic and at their highest conductance, leak into a column over the cell's own current."""


def sneak_currents(scope: Scope) -> list[Finding]:
    """All rows, and the margin against size."""
    rows = [*_margins(), *_selectors(scope), _rectifying(), _transistor()]
    figure, (axis,) = canvas(1, (5, 3))
    sizes = [2, 4, 8, 16, 32, 64]
    for name, uri in ({"no selector": CELL} | {f"selectivity {s:g}": selected(s) for s in SELECTIVITIES}).items():
        scope.pause()
        axis.loglog(sizes, [worst_read(n, n, "V/2", uri).margin for n in sizes], label=name)
    axis.set_xticks(sizes, [f"{n}" for n in sizes])
    axis.minorticks_off()
    axis.set(xlabel="rows and columns", ylabel="margin of the worst read, V/2")
    axis.legend(frameon=False)
    save(figure, scope.folder / "peng-sneak.png")
    return rows


def selected(selectivity: float) -> str:
    """Cells behind exponential selectors."""
    return f"{CELL}&selector=exponential&selector.selectivity={selectivity:g}"


def _margins() -> list[Finding]:
    found = []
    for scheme, (leak, formula) in LEAKS.items():
        own = 1 - G_OFF / G_ON
        found.append(
            Finding(
                "sneak",
                f"margin of the worst read, {SIZE} x {SIZE} ohmic cells, {scheme}",
                '"the sneak current problem will reduce the reading accuracy of the array"',
                worst_read(SIZE, SIZE, scheme).margin,
                accept=below(0.5 * own),
                follows=own / (1 + leak(SIZE)),
                follows_by=f"{formula}, r = {G_ON / G_OFF:g}, n = {SIZE}",
                control=worst_read(1, 1, scheme).margin,
                control_is="one cell",
                note="(I_on - I_off) / I_on; rule: less than half of a cell's own",
            )
        )
    return found


def _leak_of_a_pair(selectivity: float) -> tuple[float, float]:
    """Current of a pair at half of the voltage over that at all of it, and 1 - off over on, by a root of its own."""
    v_0 = 1 / (2 * math.acosh(selectivity / 2))
    i_0 = 1e-3 / math.sinh(1 / v_0)

    def current(v: float, g: float) -> float:
        return float(brentq(lambda i: v_0 * math.asinh(i / i_0) + i / g - v, 0.0, g * v, xtol=1e-30, rtol=1e-14))

    on = current(1.0, G_ON)
    return current(0.5, G_ON) / on, 1 - current(1.0, G_OFF) / on


def _selectors(scope: Scope) -> list[Finding]:
    found, bare = [], rows_allowed("V/2", MARGIN)
    for selectivity in SELECTIVITIES:
        scope.pause()
        leak, own = _leak_of_a_pair(selectivity)
        found.append(
            Finding(
                "sneak",
                f"rows that leave a margin of {MARGIN:.0%}, V/2, selector of {selectivity:g}",
                '"reduced by ... integrating a memristor with a strong non-linear element"; "high selectivity (greater '
                'than 10^8)"',
                rows_allowed("V/2", MARGIN, selected(selectivity)),
                accept=above(10 * bare),
                check=1 + (own / MARGIN - 1) / leak,
                check_by="the currents of a cell and a selector in series, by Brent's method",
                check_tolerance=1e-4,
                control=bare,
                control_is="no selector",
                note="each row leaks as among 4 rows; 1 V on a pair, 1 mA there; wires bound it earlier; rule: tenfold",
            )
        )
    return found


def _rectifying() -> Finding:
    """Other lines floating: every sneak path leads backwards through one cell."""
    uri = f"{CELL}&selector=rectifying"
    return Finding(
        "sneak",
        "margin of the worst read, 32 x 32 self-rectifying cells, other lines floating",
        '"memristors with self-rectifying characteristics ... can effectively avoid crosstalk"',
        worst_read(32, 32, "floating", uri).margin,
        accept=above(0.5),
        control=worst_read(32, 32, "floating").margin,
        control_is="ohmic cells",
        note="a ten thousandth of the current backwards; rule: more than half",
    )


def _transistor() -> Finding:
    cell = "sim:vteam?r_off=1e6&r_on=1e4&x0=0&threads=1"
    read = {}
    for name, uri in (("1T1R", f"{cell}&synapse=transistor"), ("0T1R", cell)):
        with open_device(uri, rows=8, cols=8) as device:
            array = device.array if isinstance(device, Synapse) else device
            x = np.zeros((8, 8))
            x[0, 0] = 1.0
            state = array.snapshot()
            array.restore(state | {"x": x.T.astype(state["x"].dtype)})
            alone = float(array.read()[0, 0])
            read[name] = float(device.read()[0, 0]) / alone
    with opened(8, 8) as array:
        g = np.full((8, 8), G_ON)
        g[0, 0] = G_OFF
        array.put(g)
        rows, cols = np.full((1, 8), np.nan), np.full((1, 8), np.nan)
        rows[0, 0], cols[0, 0] = 1.0, 0.0
        floating = array.around.lines(rows[0], cols[0]).hold(array.array.branches()).of_cells()
        sneaking = float((floating * g)[:, 0].sum() / G_OFF)
    return Finding(
        "sneak",
        "current of an off cell among on cells over its own, 8 x 8, 1T1R",
        '"it can effectively isolate the mutual influence of currents between different units"',
        read["1T1R"],
        accept=(0.95, 1.05),
        control=sneaking,
        control_is="0T1R, other lines floating",
        note="rule: within 5 %",
    )
