"""Pictures kept as data beside a run, so that they can be drawn again in any style: panels of points and lines.

A run that has fitted something keeps `FILE` in its folder; `hil plot` reads it, and so can anyone: it is plain JSON, SI
units, one object a panel with ``x`` and ``y`` of every series.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Self

import numpy as np
from numpy.typing import ArrayLike
from pydantic import BaseModel, ConfigDict, ValidationError

from hil import style
from hil.axes import label, legend, note, points, save
from hil.errors import InputError
from hil.files import read_json, write_text
from hil.style import COLOURS, DASHES, MARKERS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FILE = "pictures.json"
"""Name of the file in a run folder."""

MANY = 500
"""Points from which their markers are drawn smaller."""

Number = float | None


class Series(BaseModel):
    """Points or a line.

    Attributes
    ----------
    kind : str
        points, line, or guide for what is no data: a thin grey line.
    x, y : list of float
        SI units; None interrupts a line.
    error : list of float
        Half the length of error bars; empty for none.
    name : str
        In the legend; empty for none.
    number : int
        Which colour and dashes, from 0; -1 is grey.
    """

    model_config = ConfigDict(extra="forbid")

    kind: Literal["points", "line", "guide"]
    x: list[Number]
    y: list[Number]
    error: list[Number] = []
    name: str = ""
    number: int = 0

    @classmethod
    def of(
        cls, kind: Literal["points", "line", "guide"], x: ArrayLike, y: ArrayLike, name: str = "", number: int = 0,
        error: ArrayLike = (),
    ) -> Self:  # fmt: skip
        """Make one from arrays; what is not finite is no number."""
        return cls(kind=kind, x=_numbers(x), y=_numbers(y), error=_numbers(error), name=name, number=number)


class DrawnPanel(BaseModel):
    """One pair of axes.

    Attributes
    ----------
    x, y : (str, str)
        Quantity and unit.
    series : list of Series
        What is drawn, the last one on top.
    x_scale, y_scale : str
        linear, log, or symlog from the first value above 0.
    limits : (float, float), optional
        Of y.
    ticks : list of str
        Names of the points x = 0, 1, ..., where x is no quantity; empty where it is one.
    shown : str
        always; screen, for what a paper's figure leaves out; or linear and log: of two panels, that one which the
        style's y axis asks for, and both on a screen where it asks for none.
    scaled : str
        Axes that a user may ask to be linear or logarithmic.
    note : str
        Above the axes.
    """

    model_config = ConfigDict(extra="forbid")

    x: tuple[str, str]
    y: tuple[str, str]
    series: list[Series]
    x_scale: Literal["linear", "log", "symlog"] = "linear"
    y_scale: Literal["linear", "log"] = "linear"
    limits: tuple[float, float] | None = None
    ticks: list[str] = []
    shown: Literal["always", "screen", "linear", "log"] = "always"
    scaled: str = "xy"
    note: str = ""


class Picture(BaseModel):
    """A figure: its name without an ending, and its panels."""

    model_config = ConfigDict(extra="forbid")

    name: str
    panels: list[DrawnPanel]

    def draw(self, folder: Path) -> Path:
        """Draw it into a folder in the style in use; return the file."""
        from matplotlib.figure import Figure

        current = style.current()
        one = current.paper or current.y is not None
        wanted = {"always"} | ({current.y or "linear"} if one else {"linear", "log"})
        wanted |= set() if current.paper else {"screen"}
        panels = [panel for panel in self.panels if panel.shown in wanted]
        beside = min(len(panels), 2 if (current.inches or 11.0) > 5.0 else 1)
        rows = -(-len(panels) // beside)
        wide = current.inches or 5.5 * beside
        high = current.size[1] if current.size else (0.74 * wide / beside + 0.3) * (1.0 + 0.6 * (rows - 1))
        with style.used(current):
            figure = Figure(figsize=(wide, high), layout="constrained")
            grid = figure.subplots(rows, beside, squeeze=False, height_ratios=[1.0, *[0.6] * (rows - 1)]).ravel()
            for axis, panel in zip(grid, panels, strict=False):
                _draw_panel(panel, axis)
            for axis in grid[len(panels) :]:
                axis.set_visible(False)
            legend(figure, grid[: len(panels)])
            path = current.ended(folder / f"{self.name}.png")
            save(figure, path)
        return path


def _numbers(values: ArrayLike) -> list[Number]:
    found = np.atleast_1d(np.asarray(values, dtype=float))
    return [x if np.isfinite(x) else None for x in found.tolist()]


def _draw(panel: DrawnPanel, axis: Axes) -> None:
    for depth, one in enumerate(panel.series):
        colour = "0.55" if one.number < 0 else COLOURS[one.number % len(COLOURS)]
        x, y = (np.array(values, dtype=float) for values in (one.x, one.y))
        if one.kind == "guide":
            axis.plot(x, y, color="0.6", lw=0.8, ls=":", zorder=1, label=one.name or "_")
        elif one.kind == "line":
            dashes = DASHES[max(one.number, 0) % len(DASHES)]
            axis.plot(x, y, color=colour, linestyle=dashes, zorder=3 + 0.01 * depth, label=one.name or "_")
        else:
            size = (2.0 if len(x) > MANY else 3.6) * (0.7 if style.current().paper else 1.0)
            marker = MARKERS[max(one.number, 0) % len(MARKERS)]
            (line,) = axis.plot(
                x, y, ls="none", marker=marker, ms=size, mfc="none", color=colour, zorder=2, label=one.name or "_"
            )
            if one.error:
                error = np.array(one.error, dtype=float)
                axis.errorbar(x, y, yerr=error, fmt="none", ecolor=line.get_color(), elinewidth=0.6, zorder=2)


def _scale(panel: DrawnPanel, axis: Axes) -> None:
    axis.set_yscale(panel.y_scale)
    if panel.x_scale == "symlog":
        above = min((x for one in panel.series for x in one.x if x is not None and x > 0), default=1.0)
        axis.set_xscale("symlog", linthresh=above)
    else:
        axis.set_xscale(panel.x_scale)
    if panel.limits is not None:
        axis.set_ylim(*panel.limits)


def _draw_panel(panel: DrawnPanel, axis: Axes) -> None:
    _draw(panel, axis)
    _scale(panel, axis)
    label(axis, panel.x, panel.y, panel.scaled)
    if panel.ticks:
        points(axis, panel.ticks)
    if panel.note and not style.current().paper:
        note(axis, panel.note)


def keep(run: Path, pictures: Sequence[Picture]) -> None:
    """Write what a run's pictures consist of into its folder."""
    write_text(run / FILE, json.dumps([picture.model_dump(exclude_defaults=True) for picture in pictures]) + "\n")


def kept(run: Path) -> list[Picture]:
    """Read what a run's pictures consist of.

    Raises
    ------
    InputError
        If it keeps none, or they are damaged.
    """
    if not (run / FILE).exists():
        raise InputError(f"{run} keeps nothing to draw again: it was made before fits did; fit once more")
    content = read_json(run / FILE)
    try:
        return [Picture.model_validate(one) for one in content]
    except (ValidationError, TypeError):
        raise InputError(f"{run / FILE} is damaged: it does not hold pictures") from None
