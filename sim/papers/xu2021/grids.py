"""Figure 10: sneak paths, IR drop, latency and power of memristor grids, and what the text says against them."""

from __future__ import annotations

from hil.backends import open_device
from hil.reproduction.papers import Finding, Scope, above, below
from sim.crossbar.array import SimulatedArray
from sim.papers.passive import G_ON, reached, worst_read

SMALL, LARGE, WIRE = 16, 64, 1.0
"""Rows and columns; resistance of a segment, ohm."""

LINES = "sim:rram?r_wire=1&c_wire=0.1e-15&threads=1"
"""Lines of 1 ohm and 0.1 fF a segment."""


def grids(scope: Scope) -> list[Finding]:
    """All rows."""
    found = [*_size(), *_grounded()]
    scope.pause()
    return [*found, _aspect(), *_modules()]


def delay(rows: int, cols: int) -> float:
    """Elmore delay of an array's lines, s."""
    with open_device(LINES, rows=rows, cols=cols) as array:
        assert isinstance(array, SimulatedArray)
        told = array.line_delay()
    assert told is not None
    return told


def _size() -> list[Finding]:
    claim = '"the larger the size ... the greater the effect of these parasitic capacitances and resistances"'
    small, large = (1 - reached(n, WIRE, G_ON) for n in (SMALL, LARGE))
    exact = [1 - reached(n, WIRE, G_ON, by_factors=True) for n in (SMALL, LARGE)]
    steps = [n * (n + 1) for n in (SMALL, LARGE)]
    return [
        Finding(
            "10",
            f"voltage lost on the way to the furthest cell, {LARGE} rows over {SMALL}",
            claim,
            large / small,
            accept=above(LARGE / SMALL),
            check=exact[1] / exact[0],
            check_by="all nodes by sparse LU factors",
            check_tolerance=1e-6,
            control=1.0,
            control_is="the same size",
            note="cells of 10 kohm, 1 ohm a segment, V/2; rule: faster than the size",
        ),
        Finding(
            "10",
            f"latency of a grid, {LARGE} rows over {SMALL}",
            claim,
            delay(LARGE, LARGE) / delay(SMALL, SMALL),
            accept=above(LARGE / SMALL),
            follows=steps[1] / steps[0],
            follows_by="Elmore's delay, r c n (n + 1) / 2 a line",
            control=1.0,
            control_is="the same size",
            note="rule: faster than the size",
        ),
    ]


def _grounded() -> list[Finding]:
    grounded, floating = (worst_read(LARGE, LARGE, scheme) for scheme in ("grounded", "floating"))
    return [
        Finding(
            "10",
            f"margin of the worst read, {LARGE} x {LARGE}, unselected lines grounded",
            '"grounding an unselected memristor array is another solution"',
            grounded.margin,
            accept=above(0.9),
            follows=1 - 1e-2,
            follows_by="1 - 1/r: no sneak path between lines at 0 V",
            control=floating.margin,
            control_is="unselected lines floating",
            note="ideal lines, ohmic cells of r = 100",
        ),
        Finding(
            "10",
            "power of that read over the one with floating lines",
            '"this approach leads to more power consumption"',
            grounded.power / floating.power,
            accept=above(1.0),
            follows=LARGE / (1 + (LARGE - 1) ** 2 / (2 * LARGE - 1)),
            follows_by="n / (1 + (n - 1)^2 / (2 n - 1)), all cells on",
            control=1.0,
            control_is="the same scheme",
        ),
    ]


def _aspect() -> Finding:
    """As many cells, 16 times as many columns as rows."""
    return Finding(
        "10",
        "margin of the worst read, 16 x 256 floating cells over 64 x 64",
        '"a non-unity aspect ratio of memristor arrays"',
        worst_read(16, 256, "floating").margin / worst_read(64, 64, "floating").margin,
        accept=above(1.0),
        follows=(1 + 63 * 63 / 127) / (1 + 15 * 255 / 271),
        follows_by="1 + (m - 1)(n - 1) / (m + n - 1) of both, all cells on",
        control=1.0,
        control_is="the same ratio",
    )


def _modules() -> list[Finding]:
    return [
        Finding(
            "10",
            "latency of 16 modules of 16 x 16 over that of 64 x 64",
            '"large-scale memristors mesh can be divided into medium-sized modules ... for lower parasitic resistance, '
            'grid power consumption, and latency"',
            delay(SMALL, SMALL) / delay(LARGE, LARGE),
            accept=below(SMALL / LARGE),
            follows=SMALL * (SMALL + 1) / (LARGE * (LARGE + 1)),
            follows_by="Elmore's delay",
            control=1.0,
            control_is="one module",
            note="without what joins the modules; rule: better than the side's ratio",
        ),
        Finding(
            "10",
            "what matters is the association of inputs and outputs, not the memory's error",
            '"the main concern for memristor arrays is whether the association between input and output signals is '
            'correct"',
            None,
            note="a statement on applications, without a number: accuracies of networks on arrays with wires are in "
            "docs/results.md",
        ),
    ]
