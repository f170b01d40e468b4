"""Draws the numbers that a training has noted on its way, whatever they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hil.axes import save
from hil.errors import InputError

ACROSS = ("images", "step", "epoch")
"""Names of what a curve is drawn against, the first that is there."""


def draw_metrics(points: Sequence[Mapping[str, Any]], path: Path) -> Path:
    """Draw every number of the metrics, one panel a quantity and one line a seed.

    Raises
    ------
    InputError
        If there are none.
    """
    from matplotlib.figure import Figure

    flat = [_flat(point) for point in points]
    across = next((name for name in ACROSS if flat and name in flat[0]), None)
    names = [name for name in dict.fromkeys(key for point in flat for key in point) if name not in ("seed", across)]
    if not names:
        raise InputError("no metrics yet: nothing can be drawn")
    quantities = list(dict.fromkeys(name.partition("/")[0] for name in names))
    figure = Figure(figsize=(5.2 * len(quantities), 3.6), layout="constrained")
    for axis, quantity in zip(figure.subplots(1, len(quantities), squeeze=False)[0], quantities, strict=True):
        for name in (name for name in names if name.partition("/")[0] == quantity):
            for seed in dict.fromkeys(point.get("seed") for point in flat):
                here = [p for p in flat if p.get("seed") == seed and name in p]
                x = [p[across] if across else k for k, p in enumerate(here)]
                told = [name.partition("/")[2], f"seed {seed:g}" if seed is not None else ""]
                axis.plot(x, [p[name] for p in here], marker="o", markersize=3, label=" ".join(filter(None, told)))
        axis.set(xlabel=across or "point", ylabel=quantity)
        if axis.get_legend_handles_labels()[1]:
            axis.legend(fontsize=7)
    save(figure, path)
    return path


def _flat(point: Mapping[str, Any]) -> dict[str, float]:
    """Numbers of a point by name; those of a mapping inside by ``name/inner``."""
    found: dict[str, float] = {}
    for name, value in point.items():
        inner = value.items() if isinstance(value, Mapping) else [("", value)]
        for key, number in inner:
            if isinstance(number, int | float) and np.isfinite(number):
                found[f"{name}/{key}" if key else name] = float(number)
    return found
