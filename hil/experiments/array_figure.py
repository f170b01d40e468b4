"""The figure of `hil characterize array`: margin, disturb and power against size, and the map of read errors."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from hil.biasing import SCHEMES
from hil.experiments import figures
from hil.experiments.experiment import Records, where

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def draw(curves: Mapping[str, Records], path: Path) -> None:
    """Draw all devices; the map is the last one's."""
    figure, axes = figures.panels(4, size=(4.2, 3.4))
    panels = (
        (("margin",), "read margin", "1"),
        (("disturb_positive", "disturb_negative"), "largest disturb over the range", "1"),
        (("write_power", "read_power"), "power", "W"),
    )
    for axis, (names, title, symbol) in zip(axes, panels, strict=False):
        values: list[float] = []
        for look, name, records in figures.named(curves):
            for number, scheme in enumerate(SCHEMES):
                found = where(records, scheme=number)
                if not len(found["size"]):
                    continue
                order = np.argsort(found["size"])
                y = np.fmax.reduce([found[column] for column in names])[order]
                colour = figures.shade(look.number, look.count, number, len(SCHEMES))
                axis.plot(
                    found["size"][order], y, marker=look.marker, color=colour, label=f"{name}, {scheme}", linewidth=1.2
                )
                values += y.tolist()
        figures.log_where_wide(axis, values)
        figures.label(axis, ("rows", ""), (title, "" if symbol == "1" else symbol))
    _map(axes[3], list(curves.values())[-1])
    figures.legend(figure, axes[:3])
    figures.save(figure, path)


def _map(axis: Axes, records: Records) -> None:
    """Read error of every cell."""
    seen = np.isfinite(records["row"])
    if not seen.any():
        axis.set_axis_off()
        return
    r, c, error = (records[name][seen] for name in ("row", "col", "error"))
    rows, cols = np.unique(r), np.unique(c)
    table = np.full((len(rows), len(cols)), np.nan)
    table[np.searchsorted(rows, r), np.searchsorted(cols, c)] = error
    image = axis.imshow(
        table, extent=(-0.5, c.max() + 0.5, r.max() + 0.5, -0.5), aspect="auto", cmap="viridis", zorder=3
    )
    axis.figure.colorbar(image, ax=axis, label="read error, all cells at their highest")
    figures.label(axis, ("column", ""), ("row", ""))
