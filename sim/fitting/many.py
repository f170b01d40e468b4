"""A population as result rows, as a preset with spread, as JSON and as a figure."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from hil.files import write_figure
from hil.runs.results import Row
from sim.fitting.population import Population
from sim.fitting.spread import Spreading

DIFFERENT = 6.0
"""Standard deviations from which cells are said to differ in more than two factors."""

WORDS = {
    "d2d": "ln of sensitivity, from cell to cell",
    "d2d_r": "ln of memristance, from cell to cell",
    "c2c": "of what a pulse changes",
    "read_noise": "of a reading, the instrument's own part included",
}
"""What each spread is of."""

MOST = {"d2d": 1.0, "d2d_r": 1.0, "c2c": 100.0, "read_noise": 1.0}
"""Most that a simulated array takes."""


def spreads(found: Population) -> dict[str, Spreading]:
    """All four by the name that simulated arrays have for them."""
    return {name: getattr(found, name) for name in WORDS}


def rows(found: Population) -> list[Row]:
    """Parameters of the median cell, the spreads with intervals, and how many cells there are."""
    units = {p.name: p.unit for p in found.model.parameters}
    table = [Row("cells", len(found.cells), note=f"{len(found.still)} more do not move" if found.still else "")]
    for name, middle in found.middles.items():
        alone = f"each cell alone: median {middle.value:.4g}, 95 %: {middle.low:.4g} .. {middle.high:.4g}"
        spread = f"; ln over cells {_told(middle.spread)}" if len(found.cells) > 1 else ""
        value, error = found.values[name], found.errors[name]
        std = abs(value) * error if np.isfinite(error) else None
        lost = "" if std is not None else "not told by the data; "
        table.append(Row(name, value, units[name], std, len(found.cells), note=f"{lost}{alone}{spread}"))
    for name, one in spreads(found).items():
        if np.isnan(one.value):
            why = "one cell tells none" if len(found.cells) < 2 else "not told by these trains: let them saturate"
            table.append(Row(name, None, note=f"{WORDS[name]}: {why}"))
            continue
        table.append(Row(name, one.value, n=one.count, note=f"{WORDS[name]}; {_ends(one)}", headline=True))
    return table


def warnings(found: Population) -> Iterator[str]:
    """What those who use the preset must know."""
    if found.still:
        names = ", ".join(cell.name for cell in found.still)
        share = len(found.still) / (len(found.still) + len(found.cells))
        yield f"{names}: no more than a constant conductance, left out; {share:.2g} of the cells are stuck (stuck_off)"
    if found.excess > DIFFERENT:
        yield (
            f"the cells differ in more than sensitivity and memristance ({found.excess:.0f} standard deviations of "
            "chi^2): a simulated array of this preset is more alike than they are"
        )
    for name, spread in spreads(found).items():
        if spread.value > MOST[name]:
            yield f"{name} = {spread.value:.3g} is more than a simulated array takes, {MOST[name]:g}: left out"
        elif np.isfinite(spread.value) and not spread.seen:
            yield f"no {name} is seen (95 %: below {spread.high:.2g}): the preset has none"


def preset(found: Population) -> dict[str, Any]:
    """Parameters of the simulated kind: the median cell, and those spreads that are seen."""
    seen = {name: s.value for name, s in spreads(found).items() if s.seen and s.value <= MOST[name]}
    return found.model.preset(found.values) | seen


def details(found: Population) -> dict[str, Any]:
    """Everything about a population, for JSON."""
    return {
        "model": found.model.name,
        "values": found.values,
        "relative_errors": {name: e if np.isfinite(e) else None for name, e in found.errors.items()},
        "spreads": {name: _plain(s) for name, s in spreads(found).items()},
        "cells": {
            cell.name: {
                "alone": cell.fit.values,
                "began": cell.fit.began(),
                "sensitivity": float(gain),
                "memristance": float(scale),
                "reduced_chi_square": cell.fit.reduced,
            }
            for cell, gain, scale in zip(found.cells, found.sensitivity, found.memristance, strict=True)
        },
        "still": [cell.name for cell in found.still],
        "excess": found.excess,
    }


def save_figure(found: Population, path: Path) -> None:
    """Draw every cell with its own fit, and the factors by which cells differ."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import EngFormatter

    figure = Figure(figsize=(11, 4.6), layout="constrained")
    data, factors = figure.subplots(1, 2, width_ratios=(1.6, 1))
    for k, cell in enumerate((*found.cells, *found.still)):
        m, still = cell.fit.model.measurement, k >= len(found.cells)
        color = "0.7" if still else f"C{k % 10}"
        data.plot(m.axis, m.conductance, ".", ms=3, color=color, alpha=0.5)
        for first, end in m.readings:
            label = cell.name if first == 0 else "_"
            data.plot(m.axis[first:end], cell.fit.curve[first:end], color=color, lw=1, label=label)
    data.set(xlabel="pulses" if m.kind == "train" else "time (s)", ylabel="conductance (S)")
    data.yaxis.set_major_formatter(EngFormatter(sep=" "))
    data.set_title("every cell, fitted alone", fontsize="medium")
    if len(found.cells) + len(found.still) <= 12:
        data.legend(fontsize="x-small", ncols=2, frameon=False)
    factors.axhline(1, color="0.8", lw=0.8)
    factors.axvline(1, color="0.8", lw=0.8)
    for cell, gain, scale in zip(found.cells, found.sensitivity, found.memristance, strict=True):
        factors.plot(gain, scale, "o", ms=5, color="C0", mfc="none")
        factors.annotate(cell.name, (gain, scale), xytext=(4, 3), textcoords="offset points", fontsize="x-small")
    factors.set(xlabel="factor on sensitivity", ylabel="factor on memristance")
    factors.set_title(f"d2d = {found.d2d.value:.3g}, d2d_r = {found.d2d_r.value:.3g}", fontsize="medium")
    write_figure(path, figure, dpi=130)


def _told(spread: Spreading) -> str:
    return f"{spread.value:.2g} (95 %: {spread.low:.2g} .. {spread.high:.2g})"


def _ends(spread: Spreading) -> str:
    return (
        f"95 %: {spread.low:.3g} .. {spread.high:.3g}" if spread.seen else f"95 %: below {spread.high:.2g}, none seen"
    )


def _plain(spread: Spreading) -> dict[str, Any]:
    ends = [x if np.isfinite(x) else None for x in (spread.value, spread.low, spread.high)]
    return {"value": ends[0], "interval": ends[1:], "count": spread.count}
