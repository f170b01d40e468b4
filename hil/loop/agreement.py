"""Whether an engine that simulates the logic learns what the golden model learns, weight for weight."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from hil.errors import InputError
from hil.runs.results import Row
from hil.runs.run import read_metrics

CHECKPOINT, WEIGHTS = "checkpoint.npz", "w/"
"""File of a finished training, and how the names of trained weights in it begin."""

OF_WEIGHTS, ON_THE_CURVE = "largest difference of trained weights", "largest difference on the learning curve"
"""Names of its rows; anything but 0 is a fault of the logic."""


def agreement(name: str, trained: Path, reference: str, full: Path) -> Iterator[Row]:
    """Rows on the differences between two trainings with the same data, in what both of them have.

    Parameters
    ----------
    name, trained : str, Path
        An engine, as it is spoken of, and the run folder of its training.
    reference, full : str, Path
        The same of the engine that it must equal; it may have trained more seeds.

    Raises
    ------
    InputError
        If they have nothing in common.
    """
    curves = (read_metrics(run) for run in (trained, full))
    one, other = ({(m["seed"], m["images"]): m["accuracy"] for m in curve} for curve in curves)
    points = one.keys() & other.keys()
    with np.load(trained / CHECKPOINT) as a, np.load(full / CHECKPOINT) as b:
        common = [key for key in a.files if key.startswith(WEIGHTS) and key in b.files and a[key].shape == b[key].shape]
        gaps = [np.abs(a[key].astype(np.float64) - b[key].astype(np.float64)) for key in common]
    if not points or not gaps:
        raise InputError(f"{trained} and {full} share no seed: their trainings cannot be compared")
    seeds = ", ".join(str(seed) for seed in sorted({seed for seed, _ in points}))
    between = f"{name} against {reference}: "
    yield Row(
        OF_WEIGHTS, max(float(gap.max()) for gap in gaps),
        note=f"{sum(gap.size for gap in gaps):,} weights; 0 is bit for bit the same",
    ).under(between)  # fmt: skip
    yield Row(
        ON_THE_CURVE, max(abs(one[at] - other[at]) for at in points), "%",
        note=f"{len(points)} points, seed {seeds}",
    ).under(between)  # fmt: skip
