"""What a file holds, in one or a few sentences: samples, loops or pulses, cells, cycles, ranges."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hil.experiments.experiment import quantity
from hil.importing.measured import CellData, MeasuredFile

MOST_CELLS = 12
"""Cells that are described one by one."""


def summary(file: MeasuredFile) -> list[str]:
    """Sentences about the cells of a file."""
    said = [_cell(cell) for cell in file.cells[:MOST_CELLS]]
    more = len(file.cells) - MOST_CELLS
    return [*said, f"and {more} more cells"] if more > 0 else said


def _cell(cell: CellData) -> str:
    head = f"cell {cell.cell}: " if cell.cell else ""
    stretches = int(cell.stretch.max(initial=0)) + 1
    cycles = len(np.unique(cell.cycle))
    apart = f", in {stretches} parts that each begin anew" if stretches > 1 else ""
    if cell.kind == "sweep":
        seen = np.isfinite(cell["current"])
        return (
            f"{head}{len(cell):,} samples, {cycles} loop{'s' * (cycles != 1)} from {_span(cell['voltage'], 'V')}, "
            f"currents {_span(cell['current'][seen], 'A')}, {_duration(cell)}{apart}"
        )
    if cell.kind == "train":
        volts = cell["voltage"]
        heights = sorted({float(v) for v in volts if v})
        shown = ", ".join(quantity(v, "V") for v in heights) if len(heights) <= 4 else _span(volts[volts != 0], "V")
        return (
            f"{head}{int((volts > 0).sum()):,} positive and {int((volts < 0).sum()):,} negative pulses ({shown}), "
            f"{cycles} cycle{'s' * (cycles != 1)}, conductances {_span(cell['conductance'], 'S')}{apart}"
        )
    if cell.kind == "decay":
        return f"{head}{len(cell):,} readings over {_duration(cell)}, {_span(cell['conductance'], 'S')}{apart}"
    if cell.kind == "ppf":
        return f"{head}{len(cell):,} intervals, {_span(cell['interval'], 's')}"
    if cell.kind == "stdp":
        return f"{head}{len(cell):,} delays, {_span(cell['delay'], 's')}"
    return f"{head}{len(cell):,} cycles, high {_span(cell['high'], 'S')}, low {_span(cell['low'], 'S')}"


def _span(values: NDArray[np.float64], unit: str) -> str:
    known = values[np.isfinite(values)]
    if not len(known):
        return "none"
    low, high = float(known.min()), float(known.max())
    return quantity(low, unit) if low == high else f"{quantity(low, unit)} to {quantity(high, unit)}"


def _duration(cell: CellData) -> str:
    total = sum(float(part["time"][-1] - part["time"][0]) for part in cell.stretches() if len(part))
    return quantity(total, "s")
