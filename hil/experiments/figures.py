"""What the figures of all experiments share: panels, one look a device, points with their fit, remarks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hil import style
from hil.axes import label, legend, note, save, short_names
from hil.style import COLOURS, DASHES, MARKERS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from hil.experiments.experiment import Experiment, Records
    from hil.experiments.fits import Exponential

__all__ = [
    "Look", "arrow", "label", "legend", "log_where_wide", "logarithmic_x", "named", "note", "note_still", "panels",
    "points_and_fit", "save", "shade", "whole_numbers",
]  # fmt: skip

BESIDE = 2.6
"""Width from which panels stand beside each other, in."""

PANEL_HEIGHT = 0.74
"""Height of a panel over its width, where the style gives a width."""

TINT = 0.55
"""Part of white in the palest colour of a family."""


@dataclass(frozen=True)
class Look:
    """How one of several curves is drawn, so that it is told from the others even where they coincide.

    The first is the widest, the last is on top, and each has dashes and a marker of its own.
    """

    number: int
    count: int = 1

    @property
    def colour(self) -> str:
        """Its colour."""
        return COLOURS[self.number % len(COLOURS)]

    @property
    def marker(self) -> str:
        """Its marker."""
        return MARKERS[self.number % len(MARKERS)]

    @property
    def line(self) -> dict[str, Any]:
        """Its line, without a colour."""
        base = 1.1 if style.current().paper else 1.4
        wide = base * (1.0 + 0.6 * (self.count - 1 - self.number) / max(self.count - 1, 1) * (self.count > 1))
        return {"linestyle": DASHES[self.number % len(DASHES)], "linewidth": wide, "zorder": 3 + 0.1 * self.number}

    @property
    def points(self) -> dict[str, Any]:
        """Its points, with a colour."""
        size = (3.2 if style.current().paper else 5.0) * (1.0 + 0.5 * (self.count - 1 - self.number) / self.count)
        return {
            "marker": self.marker, "markersize": size, "linestyle": "none", "color": self.colour,
            "zorder": 3 + 0.1 * self.number,
        }  # fmt: skip


def panels(across: int = 1, size: tuple[float, float] = (5.2, 3.6)) -> tuple[Figure, list[Axes]]:
    """Make a figure of `across` axes, each of `size` inches unless the style says how wide it is.

    Where the style's width has no room for them beside each other, they stand one below the other.
    """
    from matplotlib.figure import Figure

    wide = style.current().inches
    if wide is None:
        beside, inches = across, (size[0] * across, size[1])
    else:
        beside = across if wide / across >= BESIDE else 1
        own = style.current().size
        inches = (wide, own[1] if own else PANEL_HEIGHT * min(wide / beside, 3.6) * (across // beside) + 0.3)
    figure = Figure(figsize=inches, layout="constrained")
    return figure, list(figure.subplots(across // beside, beside, squeeze=False).ravel())


def named(curves: Mapping[str, Records]) -> Iterator[tuple[Look, str, Records]]:
    """All curves with their looks and with names that fit into a legend."""
    for k, (name, records) in enumerate(zip(short_names(list(curves)), curves.values(), strict=True)):
        yield Look(k, len(curves)), name, records


def note_still(axis: Axes, experiment: type[Experiment], curves: Mapping[str, Records]) -> None:
    """Remark which curves show nothing, and why."""
    told = [(name, why) for _, name, records in named(curves) if (why := experiment.still(records)) is not None]
    if told:
        note(axis, told[0][1] if len(curves) == 1 else "; ".join(f"{name}: {why}" for name, why in told))


def log_where_wide(axis: Axes, values: Iterable[float]) -> None:
    """Use a logarithmic y axis where positive values span more than a decade."""
    found = np.array([v for v in values if np.isfinite(v)])
    if len(found) and found.min() > 0 and found.max() > 10 * found.min():
        axis.set_yscale("log")


def logarithmic_x(axis: Axes) -> None:
    """Make the x axis logarithmic, unless no point that is drawn so far is known: it would have no range."""
    if any(np.isfinite(np.asarray(line.get_ydata(), float)).any() for line in axis.lines):
        axis.set_xscale("log")


def whole_numbers(axis: Axes) -> None:
    """Ticks at whole numbers of pulses or levels only."""
    from matplotlib.ticker import MaxNLocator

    axis.xaxis.set_major_locator(MaxNLocator(6, integer=True))


def shade(device: int, devices: int, member: int, members: int) -> tuple[float, float, float, float] | str:
    """Colour of a member of a family: viridis where there is one device, else tints of the device's own colour."""
    import matplotlib
    from matplotlib.colors import to_rgb

    own = COLOURS[device % len(COLOURS)]
    if members == 1:
        return own
    if devices == 1:
        return matplotlib.colormaps["viridis"](0.85 * member / (members - 1))
    white = TINT * (1 - member / (members - 1))
    red, green, blue = ((1 - white) * part + white for part in to_rgb(own))
    return red, green, blue, 1.0


def points_and_fit(
    axis: Axes, look: Look, name: str, x: np.ndarray, y: np.ndarray, fit: Exponential | None, scale: float = 1.0
) -> None:
    """Draw a device's points (x, `scale` times y) and, if there is one, the curve fitted to them, with its tau."""
    told = name if fit is None else f"{name}: {fit.label()}"
    axis.plot(x, scale * y, **look.points, label=told)
    if fit is not None:
        dense = np.geomspace(x.min(), x.max(), 300)
        axis.plot(dense, scale * fit(dense), color=look.colour, **look.line)


def arrow(axis: Axes, x: np.ndarray, y: np.ndarray, colour: object) -> None:
    """Show the direction of a curve halfway up its first rise."""
    k = max(int(np.argmax(x)) // 2, 1)
    axis.annotate("", (x[k + 1], y[k + 1]), (x[k - 1], y[k - 1]), arrowprops={"arrowstyle": "-|>", "color": colour})


def write(experiment: type[Experiment], curves: Mapping[str, Records], path: Path) -> Path:
    """Draw an experiment's figure in the style in use; return where it is."""
    with style.used(style.current()):
        experiment.draw(curves, style.current().ended(path))
    return style.current().ended(path)
