"""A population as result rows, as a preset with spread, as JSON and as a figure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hil.pictures import DrawnPanel, Picture, Series
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

MOST_NAMED = 12
"""Cells up to which a legend names them."""

MOST = {"d2d": 1.0, "d2d_r": 1.0, "c2c": 100.0, "read_noise": 1.0}
"""Most that a simulated array takes."""


def spreads(found: Population) -> dict[str, Spreading]:
    """All four by the name that simulated arrays have for them."""
    return {name: getattr(found, name) for name in WORDS}


def rows(found: Population) -> list[Row]:
    """Parameters of the median cell, the spreads with intervals, and how many cells there are."""
    units = {p.name: p.unit for p in found.model.parameters}
    table = [Row("cells", len(found.cells), note=f"{len(found.still)} more do not move" if found.still else "")]
    median, lowest = found.r_squared
    table.append(Row("R^2", median, n=len(found.cells), note=f"each cell alone: median; lowest {lowest:.4f}"))
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


def ranking(everything: Sequence[Population]) -> list[Row]:
    """Models that compete for the same cells, the best first; none where there is one alone."""
    best = min(found.aicc for found in everything)
    return [
        Row(
            "AICc", found.aicc, n=len(found.cells) + len(found.still), label=f"AICc {found.model.name}",
            note=f"delta {found.aicc - best:.1f}, all cells, each alone; R^2 {found.r_squared[0]:.4f}",
        ).under(model=found.model.name)
        for found in (everything if len(everything) > 1 else ())
    ]  # fmt: skip


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
        "aicc": found.aicc,
        "r_squared": found.r_squared[0],
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


def picture(found: Population) -> Picture:
    """Picture of every cell with its own fit, and of the factors by which cells differ."""
    data, factors = [], [Series.of("guide", [1.0, 1.0], _span(found.memristance))]
    factors.append(Series.of("guide", _span(found.sensitivity), [1.0, 1.0]))
    named = len(found.cells) + len(found.still) <= MOST_NAMED
    for k, cell in enumerate((*found.cells, *found.still)):
        m, number = cell.fit.model.measurement, -1 if k >= len(found.cells) else k
        data.append(Series.of("points", m.axis, m.conductance, number=number))
        gaps = [first for first, _ in m.readings[1:]]
        line = np.insert(m.axis, gaps, np.nan), np.insert(cell.fit.curve, gaps, np.nan)
        data.append(Series.of("line", *line, cell.name if named else "", number))
    factors.append(Series.of("points", found.sensitivity, found.memristance))
    kind = found.model.measurement.kind
    return Picture(
        name=found.model.name,
        panels=[
            DrawnPanel(
                x=("pulses", "") if kind == "train" else ("time", "s"), y=("conductance", "S"), series=data,
                note="every cell, fitted alone",
            ),
            DrawnPanel(
                x=("factor on sensitivity", ""), y=("factor on memristance", ""), series=factors, shown="screen",
                scaled="", note=f"d2d = {found.d2d.value:.3g}, d2d_r = {found.d2d_r.value:.3g}",
            ),
        ],
    )  # fmt: skip


def _span(values: NDArray[np.float64]) -> tuple[float, float]:
    return min(1.0, float(values.min())), max(1.0, float(values.max()))


def _told(spread: Spreading) -> str:
    return f"{spread.value:.2g} (95 %: {spread.low:.2g} .. {spread.high:.2g})"


def _ends(spread: Spreading) -> str:
    return (
        f"95 %: {spread.low:.3g} .. {spread.high:.3g}" if spread.seen else f"95 %: below {spread.high:.2g}, none seen"
    )


def _plain(spread: Spreading) -> dict[str, Any]:
    ends = [x if np.isfinite(x) else None for x in (spread.value, spread.low, spread.high)]
    return {"value": ends[0], "interval": ends[1:], "count": spread.count}
