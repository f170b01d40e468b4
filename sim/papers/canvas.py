"""Empty figures to draw on, without a display."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hil.files import write_figure


def canvas(across: int, size: tuple[float, float], down: int = 1, share_y: bool = False) -> tuple[Any, Any]:
    """Figure and its axes, an array of `across` or (`down`, `across`)."""
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(down, across, figsize=size, layout="constrained", squeeze=False, sharey=share_y)
    return figure, axes if down > 1 else axes[0]


def save(figure: Any, path: Path) -> None:
    """Write a figure as PNG and let go of it."""
    from matplotlib import pyplot

    write_figure(path, figure, dpi=90)
    pyplot.close(figure)
