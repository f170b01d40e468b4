"""Pictures of the training drivers and comparisons."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib
import matplotlib.cm
import matplotlib.colors
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from hil import axes as ruled
from hil import style
from hil.files import write_figure
from hil.waveform import Waveform


def save_protocol(waveform: Waveform, path: Path) -> None:
    """Draw what one image does to the lines, its pulses zoomed in (they are far shorter than the delays)."""
    figure, axes = _grid(1, 2, (10, 3))
    waveform.plot(axes[0, 0])
    axes[0, 0].set_title("one image: input on the rows, response on the columns")
    waveform[:3].plot(axes[0, 1])
    axes[0, 1].set_title("input and the first response")
    _save(figure, path)


def save_comparison(
    time: NDArray[np.float64], conductance: NDArray[np.float64], names: Sequence[str], path: Path
) -> None:
    """Cells of two devices over time, and their differences.

    `time` is (K,) in s, `conductance` (2, K, rows, cols) in S.
    """
    figure, axes = _grid(1, 2, (10, 3.9))
    count = min(6, conductance[0, 0].size)
    cells = conductance.reshape(2, len(time), -1)[:, :, np.linspace(0, conductance[0, 0].size - 1, count).astype(int)]
    first, second = ruled.short_names(list(names))
    for k in range(count):
        axes[0, 0].plot(time, cells[0, :, k], color=f"C{k}", linewidth=2.2, label=first if k == 0 else None)
        axes[0, 0].plot(time, cells[1, :, k], "k:", linewidth=1.2, label=second if k == 0 else None)
    ruled.label(axes[0, 0], ("device time", "s"), ("conductance", "S"))
    axes[0, 0].set_title(f"{count} of the cells")
    difference = (conductance[1] - conductance[0]).reshape(len(time), -1)
    axes[0, 1].plot(time, difference, color="C0", alpha=0.3, linewidth=0.7)
    ruled.label(axes[0, 1], ("device time", "s"), ("second \u2212 first", "S"))
    axes[0, 1].set_title("all cells")
    ruled.legend(figure, axes[0, :1])
    _save(figure, path)


def save_maps(
    conductance: NDArray[np.float64],
    class_means: NDArray[np.float64],
    shape: tuple[int, int],
    names: Sequence[str],
    path: Path,
    title: str,
) -> None:
    """Conductance maps of all layers, what sets each apart, and the mean image of its class.

    `conductance` is (rows, layers) in S, `class_means` (layers, rows) the mean training image of every class.
    """
    layers = conductance.shape[1]
    figure, axes = _grid(3, layers, (max(1.25 * layers, 5), 4.6))
    distinct = conductance - conductance.mean(axis=1, keepdims=True)
    span = np.abs(distinct).max() or 1.0
    low, high = conductance.min() * 1e6, max(conductance.max() * 1e6, conductance.min() * 1e6 + 1e-12)
    for layer in range(layers):
        axes[0, layer].set_title(literal(names[layer]))
        image = axes[0, layer].imshow(conductance[:, layer].reshape(shape) * 1e6, cmap="viridis", vmin=low, vmax=high)
        difference = axes[1, layer].imshow(
            distinct[:, layer].reshape(shape) * 1e9, cmap="RdBu_r", vmin=-span * 1e9, vmax=span * 1e9
        )
        axes[2, layer].imshow(class_means[layer].reshape(shape), cmap="gray")
    for row, label in enumerate(("G", "G − mean layer", "mean image")):
        axes[row, 0].set_ylabel(label)
    for axis in axes.ravel():
        axis.set(xticks=[], yticks=[])
    figure.colorbar(image, ax=axes[0], label="µS", pad=0.01)
    figure.colorbar(difference, ax=axes[1], label="nS", pad=0.01)
    figure.suptitle(literal(title))
    _save(figure, path)


def save_curves(
    series: Mapping[str, Sequence[tuple[float, float]]],
    levels: Mapping[str, float],
    path: Path,
    title: str,
    along: str = "images presented",
) -> None:
    """Accuracy (%) along images seen, one trace a series of (images, accuracy), `levels` as horizontal lines."""
    figure, axes = _grid(1, 1, (6.5, 4))
    axis = axes[0, 0]
    for name, points in series.items():
        axis.plot(*zip(*points, strict=True), marker="o", ms=3, label=name)
    for k, (name, level) in enumerate(levels.items()):
        axis.axhline(level, color="0.4", linestyle=("--", ":", "-.")[k % 3], label=f"{name} {level:.1f} %")
    axis.set(xlabel=along, ylabel="accuracy (%)", ylim=(0, 100), title=literal(title))
    axis.legend(frameon=False, fontsize="small")
    _save(figure, path)


@dataclass(frozen=True)
class Mark:
    """A point of a scatter plot: mean and standard deviation of `x` and `y`, coloured by `colour`."""

    marker: str
    label: str
    x: Sequence[float]
    y: Sequence[float]
    colour: float


@dataclass(frozen=True)
class Panel:
    """A scatter plot."""

    x_label: str
    y_label: str
    marks: Sequence[Mark]
    logarithmic: bool = False


def save_panels(panels: Sequence[Panel], path: Path) -> None:
    """Scatter plots side by side with error bars; the colour is the resolution, as in Brivio et al. (2021)."""
    figure, axes = _grid(1, len(panels), (4.6 * len(panels) + 1, 3.8))
    colours = matplotlib.colormaps["viridis"]
    scale = matplotlib.colors.Normalize(0, max(m.colour for p in panels for m in p.marks))
    for axis, panel in zip(axes[0], panels, strict=True):
        for mark in panel.marks:
            (x, dx), (y, dy) = _spread(mark.x), _spread(mark.y)
            axis.errorbar(
                x, y, xerr=dx, yerr=dy, fmt=mark.marker, ms=8, capsize=2, mec="k",
                color=colours(scale(mark.colour)), ecolor="0.5", label=mark.label,
            )  # fmt: skip
        axis.set(xlabel=panel.x_label, ylabel=panel.y_label, xscale="log" if panel.logarithmic else "linear")
    handles = dict(zip(*reversed(axes[0, 0].get_legend_handles_labels()), strict=True))
    axes[0, 0].legend(handles.values(), handles.keys(), frameon=False, fontsize="small")
    figure.colorbar(matplotlib.cm.ScalarMappable(scale, colours), ax=axes[0], label="resolution η")
    _save(figure, path)


def save_learning_grid(curves: Mapping[str, Sequence[Sequence[Mapping[str, float]]]], path: Path) -> None:
    """One panel a name: accuracy (left axis, blue) and weight contrast (right, red) against digits, a line a seed."""
    across = min(5, len(curves))
    down = -(-len(curves) // across)
    figure, axes = _grid(down, across, (3 * across, 2.4 * down))
    cells = axes.ravel()
    for axis in cells[len(curves) :]:
        axis.axis("off")
    for axis, (name, seeds) in zip(cells, curves.items(), strict=False):
        right = axis.twinx()
        for points in seeds:
            images = [p["images"] for p in points]
            axis.plot(images, [p["accuracy"] for p in points], "o-", ms=2, lw=1, color="C0", alpha=0.7)
            right.plot(images, [p["contrast"] for p in points], "s-", ms=2, lw=1, color="C3", alpha=0.7)
        axis.set(title=name, ylim=(0, 100), xlabel="digits")
        right.set(ylim=(0, 1))
    cells[0].set_ylabel("accuracy (%)", color="C0")
    _save(figure, path)


def save_separation(
    series: Mapping[str, NDArray[np.float64]], associated: NDArray[np.bool_], path: Path, title: str
) -> None:
    """Resistances over epochs, as Figure 9 of Zivasatienraj & Doolittle (2023): the training large, its controls small.

    `series` holds (epochs + 1, weights) arrays in ohm, the training first; `associated` (weights,) tells which weights
    are drawn in red.
    """
    down = max(1, -(-(len(series) - 1) // 2))
    figure, grid = _grid(down, 1 if len(series) == 1 else 4, (7 if len(series) == 1 else 12, max(4.5, 2.1 * down)))
    axes = list(grid[:, 2:].ravel())
    for axis in grid[:, :2].ravel():
        axis.remove()
    axes.insert(0, figure.add_subplot(grid[0, 0].get_gridspec()[:, :2]))
    for axis in axes[len(series) :]:
        axis.axis("off")
    for axis, (name, resistance) in zip(axes, series.items(), strict=False):
        for mine, colour, label in ((~associated, "C0", "not associated"), (associated, "C3", "associated")):
            lines = axis.plot(resistance[:, mine] * 1e-3, color=colour, lw=0.8, alpha=0.7, marker=".", ms=3)
            lines[0].set_label(f"{label} ({mine.sum()})")
        small = axis is not axes[0]
        axis.set_title(name, fontsize=9 if small else 11)
        axis.set(xlabel="epoch", ylabel="" if small else "resistance (kohm)")
        axis.tick_params(labelsize=7 if small else 9)
    axes[0].legend(frameon=False)
    last = next(iter(series.values()))[-1] * 1e-3
    inset = axes[0].inset_axes([0.62, 0.1, 0.34, 0.32])
    inset.hist([last[~associated], last[associated]], bins=30, color=["C0", "C3"], stacked=True)
    inset.set_title("after the last epoch, kohm", fontsize=7)
    inset.tick_params(labelsize=6)
    figure.suptitle(literal(title), fontsize=10)
    _save(figure, path)


def _spread(values: Sequence[float]) -> tuple[float, float]:
    return float(np.mean(values)), float(np.std(values, ddof=1)) if len(values) > 1 else 0.0


def save_fields(
    weights: NDArray[np.float64], shape: tuple[int, int], path: Path, title: str, *, signed: bool = False,
    across: int = 10,
) -> None:  # fmt: skip
    """Receptive fields: weights (rows, neurons), each neuron's an image, `across` a line; 0..1, or of both signs."""
    across = min(across, weights.shape[1])
    down = -(-weights.shape[1] // across)
    high, wide = shape[0] + 1, shape[1] + 1
    mosaic = np.full((down * high - 1, across * wide - 1), np.nan)
    for k, field in enumerate(weights.T):
        top, left = k // across * high, k % across * wide
        mosaic[top : top + shape[0], left : left + shape[1]] = field.reshape(shape)
    figure, axes = _grid(1, 1, (0.8 * across + 1, 0.8 * down + 0.6))
    most = float(np.nanmax(np.abs(mosaic))) or 1.0
    look = {"cmap": "RdBu_r", "vmin": -most, "vmax": most} if signed else {"cmap": "inferno", "vmin": 0.0, "vmax": 1.0}
    image = axes[0, 0].imshow(mosaic, **look)
    axes[0, 0].axis("off")
    axes[0, 0].set_title(literal(title), fontsize=9)
    figure.colorbar(image, ax=axes[0, 0], label="weight", shrink=0.8)
    _save(figure, path)


def save_lines(
    series: Mapping[str, Sequence[NDArray[np.float64]]],
    levels: Mapping[str, float],
    path: Path,
    title: str,
    along: str,
    up: str,
) -> None:
    """Curves over their numbers, those of a name (such as one a seed) in one colour; `levels` as horizontal lines."""
    figure, axes = _grid(1, 1, (6.5, 4))
    axis = axes[0, 0]
    for k, (name, curves) in enumerate(series.items()):
        for number, curve in enumerate(curves):
            axis.plot(curve, color=f"C{k}", lw=1, label=name if number == 0 else None)
    for name, level in levels.items():
        axis.axhline(level, color="0.4", linestyle="--", label=name)
    axis.set(xlabel=along, ylabel=up, title=literal(title))
    axis.legend(frameon=False, fontsize="small")
    _save(figure, path)


def save_tours(cities: NDArray[np.float64], tours: Mapping[str, NDArray[np.int64]], path: Path, title: str) -> None:
    """Closed tours through cities (N, 2), side by side, each by its name the order in which they are visited."""
    figure, axes = _grid(1, len(tours), (3.2 * len(tours), 3.4))
    for axis, (name, order) in zip(axes.ravel(), tours.items(), strict=True):
        there = cities[np.append(order, order[0])]
        axis.plot(there[:, 0], there[:, 1], color="tab:blue", marker="o", ms=4)
        axis.set(title=literal(name), xlim=(0, 1), ylim=(0, 1), aspect="equal")
    figure.suptitle(literal(title))
    _save(figure, path)


def save_contact_sheet(
    frames: NDArray[np.float64], labels: Sequence[str], shape: tuple[int, int], path: Path, title: str
) -> None:
    """Frames (F, pixels) side by side, ten a line, each with its label."""
    across = min(10, len(frames))
    down = -(-len(frames) // across)
    figure, axes = _grid(down, across, (1.2 * across, 1.45 * down + 0.5))
    cells = np.asarray(axes, dtype=object).ravel()
    for axis in cells:
        axis.axis("off")
    for axis, frame, label in zip(cells, frames, labels, strict=False):
        span = np.abs(frame).max() or 1.0
        axis.imshow(frame.reshape(shape), cmap="RdBu_r", vmin=-span, vmax=span)
        axis.set_title(literal(label), fontsize=7)
    figure.suptitle(literal(title))
    _save(figure, path)


def save_animation(frames: NDArray[np.float64], shape: tuple[int, int], path: Path, milliseconds: int = 120) -> None:
    """Animated GIF of frames (F, pixels), each scaled to its own range, enlarged without smoothing."""
    from matplotlib import colormaps
    from PIL import Image

    scale = max(1, 224 // max(shape))
    colours = colormaps["RdBu_r"]
    images = []
    for frame in frames:
        span = np.abs(frame).max() or 1.0
        pixels = (colours(0.5 + 0.5 * frame.reshape(shape) / span)[..., :3] * 255).astype(np.uint8)
        images.append(Image.fromarray(pixels).resize((shape[1] * scale, shape[0] * scale), Image.Resampling.NEAREST))
    images[0].save(path, save_all=True, append_images=images[1:], duration=milliseconds, loop=0)


def literal(text: str) -> str:
    """Text as it is: a dollar sign begins no formula."""
    return text.replace("$", r"\$")


def _grid(down: int, across: int, size: tuple[float, float]) -> tuple[Figure, NDArray[Any]]:
    matplotlib.use("Agg")
    from matplotlib import pyplot

    wide = style.current().inches
    if wide is not None:
        size = style.current().size or (wide, size[1] * wide / size[0])
    figure, axes = pyplot.subplots(down, across, figsize=size, layout="constrained", squeeze=False)
    return figure, axes


def _save(figure: Figure, path: Path) -> None:
    from matplotlib import pyplot

    ruled.finish(figure)
    write_figure(path, figure, dpi=style.current().dpi)
    pyplot.close(figure)
