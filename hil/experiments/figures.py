"""Style of all experiments' figures: size, units on the axes, one colour and marker per device."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from hil.files import write_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from hil.experiments.fits import Exponential

MARKERS = "os^Dvx"
"""Markers, one per device, so that curves that coincide can be told apart."""


def panels(across: int = 1, down: int = 1, size: tuple[float, float] = (5.2, 3.6)) -> tuple[Figure, list[Axes]]:
    """Make a figure of `across` x `down` axes, each of `size` inches."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(size[0] * across, size[1] * down), layout="constrained")
    return figure, list(figure.subplots(down, across, squeeze=False).ravel())


def label(axis: Axes, x: tuple[str, str], y: tuple[str, str]) -> None:
    """Name both axes and write their ticks with engineering prefixes: (quantity, unit), unit empty for none."""
    from matplotlib.ticker import EngFormatter, MaxNLocator

    for (name, unit), ruler, title in ((x, axis.xaxis, axis.set_xlabel), (y, axis.yaxis, axis.set_ylabel)):
        title(name)
        if unit:
            ruler.set_major_formatter(EngFormatter(unit))
    if axis.get_xscale() == "linear":
        axis.xaxis.set_major_locator(MaxNLocator(5))
    axis.grid(alpha=0.25, linewidth=0.6)


def log_where_wide(axis: Axes, values: Iterable[float]) -> None:
    """Use a logarithmic y axis where positive values span more than a decade."""
    from matplotlib.ticker import NullFormatter

    found = np.array([v for v in values if np.isfinite(v)])
    if len(found) and found.min() > 0 and found.max() > 10 * found.min():
        axis.set_yscale("log")
        axis.yaxis.set_minor_formatter(NullFormatter())


def logarithmic_x(axis: Axes) -> None:
    """Make the x axis logarithmic, unless no point that is drawn so far is known: it would have no range."""
    if any(np.isfinite(np.asarray(line.get_ydata(), float)).any() for line in axis.lines):
        axis.set_xscale("log")


def whole_numbers(axis: Axes) -> None:
    """Ticks at whole numbers of pulses or levels only."""
    from matplotlib.ticker import MaxNLocator

    axis.xaxis.set_major_locator(MaxNLocator(integer=True))


MOST_LETTERS = 44
"""Letters of a legend's line: a device's whole address may be longer than the picture is wide."""


def legend(axis: Axes) -> None:
    """Show the legend."""
    handles, labels = axis.get_legend_handles_labels()
    half = MOST_LETTERS // 2
    short = [text if len(text) <= MOST_LETTERS else f"{text[:half]} ... {text[-half:]}" for text in labels]
    axis.legend(handles, short, fontsize=7.5, frameon=True, framealpha=0.85, edgecolor="none")


def save(figure: Figure, path: Path) -> None:
    """Write the PNG."""
    write_figure(path, figure, dpi=130)


def shade(device: int, devices: int, member: int, members: int) -> tuple[float, float, float, float] | str:
    """Colour of a member of a family: one colour map a device, one plain colour where there is no family."""
    import matplotlib

    if members == 1:
        return f"C{device % 10}"
    maps = ("viridis",) if devices == 1 else ("Blues", "Oranges", "Greens", "Reds", "Purples")
    low, high = (0.0, 0.85) if devices == 1 else (0.45, 0.95)
    return matplotlib.colormaps[maps[device % len(maps)]](low + (high - low) * member / (members - 1))


def points_and_fit(
    axis: Axes, device: int, name: str, x: np.ndarray, y: np.ndarray, fit: Exponential | None, scale: float = 1.0
) -> None:
    """Draw a device's points (x, `scale` times y) and, if there is one, the curve fitted to them."""
    colour = f"C{device}"
    axis.plot(x, scale * y, MARKERS[device % len(MARKERS)], ms=5, color=colour, label=name)
    if fit is not None:
        dense = np.geomspace(x.min(), x.max(), 300)
        axis.plot(dense, scale * fit(dense), color=colour, lw=1, label=fit.label())


def arrow(axis: Axes, x: np.ndarray, y: np.ndarray, colour: object) -> None:
    """Show the direction of a curve halfway up its first rise."""
    k = max(int(np.argmax(x)) // 2, 1)
    axis.annotate("", (x[k + 1], y[k + 1]), (x[k - 1], y[k - 1]), arrowprops={"arrowstyle": "-|>", "color": colour})
