"""Table 2: area, weight and sign range of synapse circuits, and what the text says of each."""

from __future__ import annotations

from typing import Any

import numpy as np

from hil.backends import open_device
from hil.reproduction.papers import Finding, Scope, above, near
from hil.synapses.synapse import Synapse
from hil.waveform import Waveform

AREAS = {"single": ("1M", 4.0), "differential": ("2M", 8.0), "transistor": ("1M-1T", 24.0), "bridge": ("4M", 16.0)}
"""Structure and area in F^2 as Table 2 has them, by our name."""

CELL = "sim:vteam?r_off=1e5&x0=0.5&threads=1"
"""Cells with thresholds of 0.7 V: only such can end a pulse behind a transistor."""

SIDE = 8
"""Rows and columns of an array with sneak paths."""


def opened(synapse: str, rows: int = 1, cols: int = 1, cell: str = CELL) -> Synapse:
    """Weights in front of an array."""
    device = open_device(f"{cell}&synapse={synapse}", rows=rows, cols=cols)
    assert isinstance(device, Synapse)
    return device


def table_2(scope: Scope) -> list[Finding]:
    """All rows."""
    return [*_areas(), *_ranges(), *_sneak(), *_symmetric(), *_both_ways()]


def _areas() -> list[Finding]:
    rows = []
    for name, (structure, area) in AREAS.items():
        with opened(name) as weights:
            found = weights.area_of(weights.settings)
            made = {"single": 4 * 1, "differential": 4 * 2, "bridge": 4 * 4}.get(name)
            rows.append(
                Finding(
                    "T2",
                    f"{structure}: area",
                    f"about {area:g} F^2",
                    found,
                    "F^2",
                    near(area, 0.05) if made else None,
                    follows=None if made is None else float(made),
                    follows_by="" if made is None else "4 F^2 a crossing, the wires' pitch",
                    note="" if made else "taken from the table, which says no more of the transistor",
                )
            )
    return rows


def _ranges() -> list[Finding]:
    """Lowest weight over the highest: 0 or more for "+", -1 for "+, 0, -"."""
    rows = []
    for name, (structure, _) in AREAS.items():
        with opened(name) as weights:
            p = weights.programming
            assert p is not None
            signed = name in ("differential", "bridge")
            rows.append(
                Finding(
                    "T2",
                    f"{structure}: lowest weight over the highest",
                    "+, 0, -" if signed else "+",
                    p.g_min / p.g_max,
                    accept=(-1.001, -0.999) if signed else (0.0, 1.0),
                    follows=-1.0 if signed else None,
                    follows_by=f"w = {weights.formula}" if signed else "",
                )
            )
    with opened("bridge") as bridge:
        g = np.array([[[2e-5, 1e-5, 4e-5, 3e-5]]])
        m = 1 / g[0, 0]
        told = m[1] / (m[0] + m[1]) - m[3] / (m[2] + m[3])
        ours = float(bridge.combine(g)[0, 0]) / bridge.settings.transconductance
        rows.append(
            Finding(
                "T2",
                "4M: weight of four unequal cells",
                "M2/(M1+M2) - M4/(M3+M4)",
                ours,
                "",
                near(told, 1e-9),
                follows=float(told),
                follows_by="the printed formula",
            )
        )
    return rows


def _sneak() -> list[Finding]:
    """Current of one cell that is off among cells that are on, all other lines floating, over its own."""
    with open_device("sim:vteam?r_off=1e6&r_on=1e4&x0=0&threads=1", rows=SIDE, cols=SIDE) as array:
        array.restore(array.snapshot() | {"x": _one_off(array.snapshot()["x"])})
        rows, cols = np.full(SIDE, np.nan), np.full(SIDE, np.nan)
        rows[0], cols[0] = 0.1, 0.0
        current = array.apply(Waveform.pulse(rows, cols, width=1e-6, measure=True)).currents[0, 0]
        passive = float(current / (0.1 * array.read()[0, 0]))
    with opened("transistor", SIDE, SIDE, "sim:vteam?r_off=1e6&r_on=1e4&x0=0&threads=1") as weights:
        cells = weights.array
        cells.restore(cells.snapshot() | {"x": _one_off(cells.snapshot()["x"])})
        own = weights.read()[0, 0]
        alone = float(cells.read()[0, 0])
        selected = float(own / alone)
    parallel = (SIDE - 1) ** 2 / (2 * SIDE - 1) * 100
    return [
        Finding(
            "T2",
            f"1M: current of an off cell among on cells over its own, {SIDE} x {SIDE}, other lines floating",
            '"suffers from sneak path problems"',
            passive,
            "",
            above(2.0),
            check=1 + parallel,
            check_by="three sheets of parallel cells in series, R_off / R_on = 100",
            check_tolerance=1e-6,
            control=selected,
            control_is="1M-1T, gates of the others off",
            note="rule: more than twice",
        ),
        Finding(
            "T2",
            "1M-1T: the same",
            '"solving the sneak path problem"',
            selected,
            "",
            (0.5, 1.0),
            control=passive,
            control_is="1M",
            note="less than 1 by the transistor's own resistance",
        ),
    ]


def _one_off(x: Any) -> Any:
    """All cells on but the first."""
    found = np.zeros_like(x)
    found[0, 0] = 1.0
    return found


def _symmetric() -> list[Finding]:
    """Distance of a train up from the mirror image of one down, over the range; the cells' two step sizes differ."""
    cell = "sim:rram?model=nlsb&alpha=0.04&alpha_dep=0.1&w0=0.5&threads=1"
    found = {}
    for name in ("single", "differential"):
        with opened(name, cell=cell) as weights:
            trains = {}
            weights.program([[-400]])
            weights.program([[400]])
            for sign in (-1, 1):
                curve = [weights.weights()[0, 0]]
                for _ in range(60):
                    weights.program([[sign]])
                    curve.append(weights.weights()[0, 0])
                trains[sign] = np.array(curve)
                weights.program([[400 * sign]])
            middle = 0.0 if name == "differential" else 1.0
            span = 2.0 if name == "differential" else 1.0
            found[name] = float(np.abs(trains[1] - (middle - trains[-1])).max() / span)
    return [
        Finding(
            "T2",
            "2M: depression's distance from the mirror image of potentiation, over the range",
            '"better symmetric LTP and LTD"',
            found["differential"],
            "",
            (-0.01, 0.01),
            follows=0.0,
            follows_by="one cell up and the other down, whichever way",
            check_margin=1e-3,
            control=found["single"],
            control_is="1M of the same cells, a depression step 2.5 times as long",
        )
    ]


def _both_ways() -> list[Finding]:
    """4M: one pulse on the input up, one of the other sign down again."""
    with opened("bridge&synapse.drive=input") as bridge:
        weights = [float(bridge.weights()[0, 0])]
        for sign in (1, -1):
            bridge.program([[sign]])
            weights.append(float(bridge.weights()[0, 0]))
    with opened("bridge&synapse.drive=input&synapse.v_pulse=1.0") as gentle:
        before = float(gentle.weights()[0, 0])
        gentle.program([[1]])
        still = float(gentle.weights()[0, 0]) - before
    claim = '"a bidirectional programming mechanism with a voltage input"'
    return [
        Finding(
            "T2",
            "4M: change of the weight by a positive pulse on its input",
            claim,
            weights[1] - weights[0],
            "",
            above(0.0),
            control=still,
            control_is="a pulse that leaves every cell less than its threshold",
        ),
        Finding(
            "T2",
            "4M: what a negative pulse on its input takes back of it",
            claim,
            (weights[1] - weights[2]) / (weights[1] - weights[0]),
            "",
            near(1.0, 0.1),
            control=0.0,
            control_is="no pulse",
            note="rule: within a tenth",
        ),
    ]
