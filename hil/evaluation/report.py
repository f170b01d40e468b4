"""What an evaluation has come to: accuracy at every step beside its control, what programming took, a figure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hil.evaluation.stages import FLOAT, MAPPED, PROGRAMMED
from hil.experiments import figures
from hil.runs.results import Row, repeated
from hil.training.sanity import ControlledResult, Doubts

NOTES = {
    FLOAT: "no device",
    MAPPED: "cells set without pulses: what range, states, noise of reads and wires cost",
    PROGRAMMED: "cells written by write-verify",
}
"""What a step is, in words."""

Seeds = Sequence[Mapping[str, Any]]
"""One entry a seed, as `hil.evaluation.stages.SeedOutcome.as_json` has it."""


def steps(seeds: Seeds) -> list[str]:
    """All steps, in order."""
    return list(seeds[0]["accuracy"])


def rows(seeds: Seeds, labels: NDArray[np.int64], notes: Sequence[str], tolerance: float) -> list[Row]:
    """Accuracy at every step, then pulses, energy and time of the write."""
    found = []
    for step in steps(seeds):
        values, control = ([seed[part].get(step) for seed in seeds] for part in ("accuracy", "control"))
        known = [value for value in control if value is not None]
        note = NOTES.get(step, "all lines at rest in between")
        how = "" if step in (FLOAT, MAPPED) else ", set without pulses"
        told = f"control: shuffled weights{how}" if known else "no control: shuffled weights would have to be written"
        extra = "".join(f"; {text}" for text in notes) if step == FLOAT else ""
        found.append(
            repeated(
                f"accuracy {step}", values, "%",
                control=float(np.mean(known)) if known else None,
                note=f"{note}; {len(labels):,} images; {told}{extra}", headline=step in (PROGRAMMED, MAPPED),
            )
        )  # fmt: skip
    return found + _lost(seeds) + _written(seeds, tolerance)


def _lost(seeds: Seeds) -> list[Row]:
    """Points of accuracy lost from one step to the next."""
    there, found = steps(seeds), []
    for before, after in pairwise(there):
        lost = [seed["accuracy"][before] - seed["accuracy"][after] for seed in seeds]
        found.append(repeated(f"lost from {before} to {after}", lost, "%", note="points of accuracy"))
    return found


def _written(seeds: Seeds, tolerance: float) -> list[Row]:
    """What write-verify took, all matrices together."""
    if not seeds[0]["writing"]:
        return []

    def total(name: str) -> list[float]:
        return [float(sum(matrix[name] for matrix in seed["writing"].values())) for seed in seeds]

    cells, pulses = total("cells"), total("pulses")
    share = [100 * w / c for w, c in zip(total("within"), cells, strict=True)]
    error = [float(np.sqrt(np.mean([m["error"] ** 2 for m in seed["writing"].values()]))) for seed in seeds]
    return [
        repeated("cells within tolerance", share, "%", note=f"of {cells[0]:,.0f}, {100 * tolerance:g} % of the range"),
        repeated("error", error, "%", note="root mean square, of the conductance range"),
        repeated("pulses a cell", [p / c for p, c in zip(pulses, cells, strict=True)]),
        repeated("device time of programming", total("time"), "s", note="matrices one after the other"),
        repeated("energy of the pulses", total("meant"), "J", note="cells that were meant: V^2 G t, ohmic"),
        repeated("energy of half-selected cells", total("half"), "J"),
    ]


def doubts(seeds: Seeds, labels: NDArray[np.int64], hint: str) -> list[Row]:
    """Warnings: an accuracy that cannot be told from that of shuffled weights."""
    found = Doubts()
    step = steps(seeds)[-1]
    control = [seed["control"][step] for seed in seeds if step in seed["control"]]
    if control:
        values = [seed["accuracy"][step] for seed in seeds]
        found.accuracy(
            ControlledResult(f"accuracy {step}", values, control, "shuffled weights", images=len(labels)), labels, hint
        )
    return found.rows()


def draw(seeds: Seeds, names: Sequence[str], path: Path) -> Path:
    """Accuracy step by step with its control, and the confusion at the last step, all seeds together."""
    figure, (left, right) = figures.panels(2, (4.6, 3.6))
    there = steps(seeds)
    for k, (part, style) in enumerate((("accuracy", "o-"), ("control", "s--"))):
        for n, seed in enumerate(seeds):
            values = [seed[part].get(step, np.nan) for step in there]
            label = None if n else ("as trained", "shuffled weights")[k]
            left.plot(range(len(there)), values, style, ms=4, color=f"C{k}", label=label)
    left.set_xticks(range(len(there)), there, rotation=20, ha="right")
    left.set_ylim(0, 100)
    figures.label(left, ("", ""), ("accuracy", "%"), scaled="")
    left.legend(frameon=False)
    confusion = np.sum([seed["confusion"][there[-1]] for seed in seeds], axis=0)
    image = right.imshow(confusion / np.maximum(confusion.sum(axis=1, keepdims=True), 1), vmin=0, vmax=1, cmap="Blues")
    figure.colorbar(image, ax=right, label=f"part of the class, {there[-1]}")
    if len(names) <= 20:
        right.set_xticks(range(len(names)), names)
        right.set_yticks(range(len(names)), names)
    figures.label(right, ("answer", ""), ("class", ""), scaled="")
    figures.save(figure, path)
    return path
