"""Tables of points, played through `hil fit`: paired pulses, and spike-timing windows with the rule that plays them."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from hil.files import write_figure, write_text
from hil.importing.measured import CellData
from hil.runs.results import Row, warning
from sim.fitting import ppf
from sim.fitting.curves import CurveFit
from sim.fitting.playing import as_waveforms, play_on_spikes
from sim.fitting.window import Timing, fit_window


class PointsFit(NamedTuple):
    """A table, fitted: rows, the lines of its figure, and a configuration to paste, if any."""

    rows: list[Row]
    curves: list[tuple[CurveFit, float]]
    toml: str = ""


def fit_table(table: CellData, uri: str) -> PointsFit:
    """Fit one table; `uri` is the device that a window is to be played on.

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
    played = play_on_spikes(found, uri)
    rows = found.rows()
    if isinstance(played, str):
        return PointsFit([*rows, *_doubts(found, played)], _sides(found))
    stdp = played.sections["stdp"]
    rows += [
        Row(f"stdp.{key}", value, "s" if key.startswith("tau") else "", note="for hil train wta")
        for key, value in stdp.items()
    ]
    toml = played.toml(f"plays the window of {Path(table.source).name} with hil train wta --config FILE")
    return PointsFit([*rows, *_doubts(found)], _sides(found), toml)


def _doubts(found: Timing, *more: str) -> list[Row]:
    return [warning(sentence) for sentence in (*found.doubts, *more, as_waveforms(found))]


def _sides(found: Timing) -> list[tuple[CurveFit, float]]:
    return [(fit, sign) for fit, sign in ((found.plus, 1.0), (found.minus, -1.0)) if fit is not None]


def save_points(found: PointsFit, kind: str, path: Path) -> None:
    """Draw the points and their curves."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.5, 4.2), layout="constrained")
    axis = figure.subplots()
    factor = 100.0 if kind == "stdp" else 1.0
    for fit, sign in found.curves:
        low, high = float(fit.x.min()), float(fit.x.max())
        dense = np.geomspace(low, high, 300) if kind == "ppf" else np.linspace(low, high, 300)
        axis.plot(sign * fit.x, factor * fit.y, "o", ms=4.5, color="0.4", mfc="none")
        axis.plot(sign * dense, factor * fit(dense), color="C0")
    if kind == "ppf":
        axis.set(xscale="log", xlabel="interval (s)", ylabel="second over first response")
        axis.axhline(1, color="0.7", lw=0.8, ls="--")
    else:
        axis.set(xlabel="delay t_post - t_pre (s)", ylabel="change of conductance (%)")
        axis.axhline(0, color="0.7", lw=0.8)
        axis.axvline(0, color="0.7", lw=0.8)
    write_figure(path, figure, dpi=130)


def save_toml(found: PointsFit, path: Path) -> None:
    """Write the configuration, replacing the file as a whole."""
    write_text(path, found.toml)
