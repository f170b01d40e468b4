"""What a write has come to: rows beside their controls, and a figure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hil import axes, style
from hil.device import Device
from hil.errors import InputError
from hil.experiments import figures
from hil.runs.results import Row, repeated
from hil.synapses.synapse import Synapse
from hil.writing.targets import Targets
from hil.writing.write import Fate, Write

Seen = Sequence[Mapping[str, Any]]
"""One entry a verification, as `hil.writing.write.Verification` has it."""


def rows(write: Write, seen: Seen) -> list[Row]:
    """Cells reached beside those that were so before, errors, pulses, time, energy, disturb."""
    told = write.fate != Fate.UNTOLD
    count, span = int(told.sum()), write.goal.span
    within = int((write.fate == Fate.REACHED).sum())
    error = np.abs(write.error[told]) / span * 100
    pulses = write.pulses[told]
    as_near, given_up = (int((write.fate == fate).sum()) for fate in (Fate.AS_NEAR, Fate.GIVEN_UP))
    first = seen[0]
    found = [
        Row(
            "cells within tolerance", within, n=count, control=first["within"], headline=True,
            note=f"of {count:,} within {100 * write.plan.tolerance:g} % of the range; control: before the first pulse",
        ),
        Row(
            "error", float(np.sqrt(np.mean(error**2))), "%", control=100 * first["error"] / span,
            note="root mean square, of the conductance range; control: before the first pulse",
        ),
        Row("largest error", float(error.max()), "%"),
        repeated("pulses a cell", pulses.tolist(), headline=True),
        Row("verifications", len(seen), note=f"reads of the array in each: {write.plan.reads}"),
        Row("device time", write.elapsed, "s", note="pulses, rests and reads as the device counts them"),
        Row("energy of the pulses", float(write.energy[0]), "J", note="cells that were meant: V^2 G t, ohmic"),
        _half_selected(write),
        *_disturb(write, seen),
    ]  # fmt: skip
    if write.goal.pulses.polarity < 0:
        found.append(Row("voltage that raises the conductance", "negative"))
    if as_near:
        found.append(Row("cells as near as a pulse gets", as_near, note="one more pulse moves them further away"))
    if given_up:
        found.append(
            Row("cells given up", given_up, note=f"after {write.plan.max_pulses:,} pulses or all verifications")
        )
    return found


def weight_rows(write: Write, device: Device, targets: Targets) -> list[Row]:
    """Errors of weights that consist of several cells, and what a weight of 1 stands for in a network."""
    found = []
    if isinstance(device, Synapse) and write.device is not device and targets.quantity == "weights":
        there = ~np.isnan(targets.values)
        rows, cols = targets.values.shape
        error = (device.weights()[:rows, :cols] - targets.values)[there] * 100
        control = float(np.sqrt(np.mean(targets.values[there] ** 2))) * 100
        k = device.cells_a_weight
        found.append(
            Row(
                "error of the weights", float(np.sqrt(np.mean(error**2))), "%", n=int(there.sum()), control=control,
                note=f"root mean square, of the largest weight; {k} cells a weight, each verified by itself; control: "
                "weights of 0",
            )
        )  # fmt: skip
    if targets.scale != 1.0:
        found.append(Row("largest weight of the layer", targets.scale, note="at the end of the device's range"))
    return found


def _half_selected(write: Write) -> Row:
    name, value = "energy of half-selected cells", float(write.energy[1])
    if np.isnan(value):
        return Row(name, None, "J", note="not determined: floating lines settle where the array puts them")
    return Row(name, value, "J", note=f"the part of the voltage that {write.scheme} leaves on all other cells")


def _disturb(write: Write, seen: Seen) -> list[Row]:
    """How far cells that had no pulse went between two verifications, beside two reads without any pulse."""
    rms = np.array([entry["disturb"] for entry in seen], np.float64)
    most = np.array([entry["most_disturb"] for entry in seen], np.float64)
    known = np.isfinite(rms)
    if not known.any():
        return [Row("disturb of other cells", None, "%", note="not determined: no cell was ever left alone")]
    noise, span = 100 * write.noise, write.goal.span
    worst = float(rms[known].max())
    note = "root mean square change a verification, of the range, largest of all; control: two reads without a pulse"
    if write.noise > 0 and worst <= 1.5 * write.noise:
        note += "; within it"
    return [
        Row("disturb of other cells", 100 * worst / span, "%", control=noise / span, note=note),
        Row("largest disturb of a cell", 100 * float(most[known].max()) / span, "%"),
    ]


def draw(write: Write, seen: Seen, path: Path) -> Path:
    """Error map, error against verification, and the distribution of pulses."""
    if not seen:
        raise InputError("nothing was verified: there is nothing to draw")
    figure, (left, middle, right) = figures.panels(3, (4.0, 3.2))
    span = write.goal.span
    error = 100 * write.error / span
    most = max(float(np.nanmax(np.abs(error))), 1e-9)
    image = left.imshow(error, cmap="RdBu_r", vmin=-most, vmax=most, aspect="auto", interpolation="nearest")
    figure.colorbar(image, ax=left, label="error (% of range)")
    figures.label(left, ("column", ""), ("row", ""), scaled="")
    middle.semilogy([entry["number"] for entry in seen], [100 * entry["error"] / span for entry in seen], "o-", ms=3)
    middle.axhline(100 * write.plan.tolerance, color="0.5", lw=0.8, ls="--", label="tolerance")
    figures.label(middle, ("verification", ""), ("error, rms", "% of range"), scaled="")
    figures.whole_numbers(middle)
    told = write.pulses[write.fate != Fate.UNTOLD]
    right.hist(told, bins=min(40, int(told.max()) + 1), color=style.COLOURS[0])
    figures.label(right, ("pulses", ""), ("cells", ""), scaled="")
    axes.legend(figure, [middle])
    figures.save(figure, path)
    return path
