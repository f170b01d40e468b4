"""Tables of points, played through `hil fit`: paired pulses, and spike-timing windows with the rule that plays them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from hil.files import write_text
from hil.importing.measured import CellData
from hil.pictures import DrawnPanel, Picture, Series
from hil.runs.results import Row, warning
from sim.fitting import ppf
from sim.fitting.curves import CurveFit
from sim.fitting.playing import as_waveforms, play_on_spikes
from sim.fitting.window import Timing, fit_window


class PointsFit(NamedTuple):
    """A table, fitted: rows, the lines of its figure, a configuration to paste and the cell that it needs, if any."""

    rows: list[Row]
    curves: list[tuple[CurveFit, float]]
    toml: str = ""
    cell: Mapping[str, float | str] = {}


def fit_table(table: CellData, uri: str, pairs: int = 1) -> PointsFit:
    """Fit one table; `uri` is the device that a window is to be played on, made by so many `pairs` of pulses.

    Raises
    ------
    InputError
        If there are too few points.
    """
    if table.kind == "ppf":
        fit = ppf.fit_pairs(table["interval"], table["ratio"], table.source)
        lost = [warning("the ratio does not depend on the interval, as far as these points tell")]
        return PointsFit(ppf.rows(fit) + (lost if fit.over_constant < 6.0 else []), [(fit, 1.0)])
    found = fit_window(table["delay"], table["change"], table.source)
    played = play_on_spikes(found, uri, pairs)
    rows = found.rows()
    if isinstance(played, str):
        return PointsFit([*rows, *_doubts(found, played)], _sides(found))
    stdp = played.sections["stdp"]
    rows += [
        Row(f"stdp.{key}", value, "s" if key.startswith(("tau", "window")) else "", note="for hil train wta")
        for key, value in stdp.items()
    ]
    rows += [
        Row(f"cell.{key}", value, note="a single pulse, part of the window of weights")
        for key, value in played.cell.items()
        if key.startswith("alpha")
    ]
    toml = played.toml(f"plays the window of {Path(table.source).name} with hil train wta --config FILE")
    return PointsFit([*rows, *_doubts(found)], _sides(found), toml, played.cell)


def _doubts(found: Timing, *more: str) -> list[Row]:
    return [warning(sentence) for sentence in (*found.doubts, *more, as_waveforms(found))]


def _sides(found: Timing) -> list[tuple[CurveFit, float]]:
    return [(fit, sign) for fit, sign in ((found.plus, 1.0), (found.minus, -1.0)) if fit is not None]


def picture(found: PointsFit, kind: str, number: int = 1) -> Picture:
    """Picture of the points and their curves; `number` tells tables of one run apart."""
    factor, series = 100.0 if kind == "stdp" else 1.0, []
    for fit, sign in found.curves:
        low, high = float(fit.x.min()), float(fit.x.max())
        dense = np.geomspace(low, high, 300) if kind == "ppf" else np.linspace(low, high, 300)
        series.append(Series.of("points", sign * fit.x, factor * fit.y, number=-1))
        series.append(Series.of("line", sign * dense, factor * fit(dense)))
    ends = [x for one in series for x in one.x if x is not None]
    if kind == "ppf":
        x, y, x_scale, middle = ("interval", "s"), ("second over first response", ""), "log", 1.0
    else:
        x, y, x_scale, middle = ("delay t_post - t_pre", "s"), ("change of conductance", "%"), "linear", 0.0
    series.insert(0, Series.of("guide", [min(ends), max(ends)], [middle, middle]))
    panel = DrawnPanel.model_validate({"x": x, "y": y, "series": series, "x_scale": x_scale})
    return Picture(name=f"fit{number if number > 1 else ''}", panels=[panel])


def save_toml(found: PointsFit, path: Path) -> None:
    """Write the configuration, replacing the file as a whole."""
    write_text(path, found.toml)
