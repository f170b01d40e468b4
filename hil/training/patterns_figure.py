"""Picture of `hil train patterns`: what the neurons of each label have in their weights."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from hil import axes as ruled

MOST = 10
"""Labels that are drawn."""


def save_labels(
    names: Sequence[str],
    weights: NDArray[np.float32],
    labels: NDArray[np.int64],
    shape: tuple[int, int],
    path: Path,
) -> None:
    """Draw mean weights (rows, neurons), A, of the neurons of each label, and what sets them apart."""
    shown = min(len(names), MOST)
    figure = Figure(figsize=(1.7 * shown + 1.6, 3.8), layout="constrained")
    axes = figure.subplots(2, shown, squeeze=False)
    means = [
        weights[:, labels == k].mean(axis=1) if (labels == k).any() else np.zeros(len(weights)) for k in range(shown)
    ]
    apart = [mean - weights.mean(axis=1) for mean in means]
    span = max(float(np.abs(apart).max()), 1e-12)
    for k in range(shown):
        image = axes[0, k].imshow(1e6 * means[k].reshape(shape), cmap="viridis", vmin=0, vmax=1e6 * np.max(means))
        other = axes[1, k].imshow(1e6 * apart[k].reshape(shape), cmap="RdBu_r", vmin=-1e6 * span, vmax=1e6 * span)
        axes[0, k].set_title(f"{names[k]}: {int((labels == k).sum())}".replace("$", r"\$"))
        for axis in axes[:, k]:
            axis.set(xticks=[], yticks=[])
    axes[0, 0].set_ylabel("mean weight")
    axes[1, 0].set_ylabel("− all neurons'")
    figure.colorbar(image, ax=axes[0], label="µA")
    figure.colorbar(other, ax=axes[1], label="µA")
    ruled.save(figure, path)
