"""Pictures of the associative memory: spikes on the pixels, heat maps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from hil import axes as ruled
from hil.training.recall_measures import KINDS

MOST = 8
"""Patterns that are drawn."""


def save_recall(
    names: Sequence[str],
    patterns: NDArray[np.bool_],
    whole: NDArray[np.float64],
    halves: NDArray[np.float64],
    width: int,
    path: Path,
) -> None:
    """Draw patterns, spikes under whole ones, (P, M), and under half cues of each kind, (3, P, M)."""
    shown = min(len(names), MOST)
    rows = [("pattern", patterns.astype(float)), ("shown whole", whole)]
    rows += [(f"{kind} half shown", half) for kind, half in zip(KINDS, halves, strict=True)]
    figure = Figure(figsize=(1.55 * shown + 1.4, 1.55 * len(rows)), layout="constrained")
    axes = figure.subplots(len(rows), shown, squeeze=False)
    top = max(1.0, float(max(whole.max(), halves.max())))
    for line, (title, maps) in zip(axes, rows, strict=True):
        for k, axis in enumerate(line):
            image = axis.imshow(
                maps[k].reshape(-1, width), cmap="gray_r" if title == "pattern" else "inferno", vmin=0,
                vmax=1 if title == "pattern" else top,
            )  # fmt: skip
            axis.set(xticks=[], yticks=[])
            if title == "pattern":
                axis.set_title(names[k].replace("$", r"\$"))
        line[0].set_ylabel(title)
    figure.colorbar(image, ax=axes[1:], label="spikes of a neuron", shrink=0.6)
    ruled.save(figure, path)


def save_heat_map(names: Sequence[str], shares: Mapping[str, NDArray[np.float64]], path: Path) -> None:
    """Draw for each role the percentage (P, P) of spikes that lie on each pattern's pixels, as in Figure 6."""
    figure = Figure(figsize=(3.1 * len(shares) + 0.8, 3.3), layout="constrained")
    axes = figure.subplots(1, len(shares), squeeze=False)[0]
    for axis, (role, values) in zip(axes, shares.items(), strict=True):
        image = axis.imshow(values, vmin=0, vmax=100, cmap="viridis")
        if len(names) <= MOST:
            for (row, column), value in np.ndenumerate(values):
                axis.text(column, row, f"{value:.0f}", ha="center", va="center", color="w" if value < 60 else "k")
            axis.set_xticks(range(len(names)), names, rotation=45, ha="right")
            axis.set_yticks(range(len(names)), names)
        axis.set_title(role)
        axis.set_xlabel("spikes on the pixels of")
    axes[0].set_ylabel("shown")
    figure.colorbar(image, ax=axes, label="%")
    ruled.save(figure, path)
