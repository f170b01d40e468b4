"""The picture of a fit: data and models, linear and logarithmic; standardised residuals, and how they are spread."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hil.pictures import Panel, Picture, Series
from sim.fitting.fitting import Fit

WIDE = 30.0
"""Ratio of times from which a decay is drawn against log time."""

MOST = 6
"""Models that are drawn, the best ones."""

Vector = NDArray[np.float64]


def picture(fits: Sequence[Fit]) -> Picture:
    """Picture of fits of one measurement, the best first; of many, the best `MOST`."""
    m, fits = fits[0].model.measurement, fits[:MOST]
    current = m.kind == "sweep"
    across = m.read_voltage if current else m.axis
    factor = np.abs(m.read_voltage) if current else np.ones(len(m))
    x = ("voltage", "V") if current else _AXES[m.kind]
    unit = "A" if current else "S"
    times = m.axis[m.axis > 0]
    x_scale = "symlog" if m.kind == "decay" and len(times) and times[-1] / times[0] > WIDE else "linear"
    seen = factor * m.conductance
    panels = []
    for shown, sign, word in (
        ("linear", np.sign(across) if current else 1.0, "current" if current else "conductance"),
        ("log", 1.0, "|current|" if current else "conductance"),
    ):
        error = factor * fits[0].uncertainty
        series = [Series.of("points", across, sign * seen, "measured", -1, error)]
        for n, fit in reversed(list(enumerate(fits))):
            series.append(Series.of("line", *_lines(fit, across, sign * factor * fit.curve), fit.model.title, n))
        logarithmic = shown == "log"
        panels.append(
            Panel(
                x=x, y=(word, unit), series=series, x_scale=x_scale, y_scale="log" if logarithmic else "linear",
                limits=(0.7 * float(seen.min()), 1.4 * float(seen.max())) if logarithmic else None, shown=shown,
            )
        )  # fmt: skip
    along = _AXES[m.kind]
    return Picture(name="fit", panels=[*panels, _residuals(fits, along, x_scale), _histogram(fits)])


_AXES = {"train": ("pulses", ""), "decay": ("time", "s"), "sweep": ("time", "s")}


def _reach(fits: Sequence[Fit]) -> float:
    furthest = float(np.abs(fits[0].residuals).max())
    return 1.15 * max(4.0, min(max(float(np.abs(fit.residuals).max()) for fit in fits), 4 * furthest + 4))


def _residuals(fits: Sequence[Fit], along: tuple[str, str], x_scale: str) -> Panel:
    """Residuals in units of their uncertainty, along the data."""
    m, reach = fits[0].model.measurement, _reach(fits)
    ends = m.axis[[0, -1]]
    guides = [Series.of("guide", ends, [at, at]) for at in (-2.0, 0.0, 2.0)]
    points = [Series.of("points", m.axis, fit.residuals, number=n) for n, fit in enumerate(fits)]
    return Panel.model_validate(
        {
            "x": along, "y": ("residual / uncertainty", ""), "series": [*guides, *points], "x_scale": x_scale,
            "limits": (-reach, reach), "shown": "screen", "scaled": "",
        }
    )  # fmt: skip


def _histogram(fits: Sequence[Fit]) -> Panel:
    """How residuals are spread, beside a normal distribution."""
    edge = max(4.0, min(float(np.abs(fits[0].residuals).max()), 8.0))
    edges = np.linspace(-edge, edge, 22)
    series = []
    for n, fit in enumerate(fits):
        density, _ = np.histogram(fit.residuals, edges)
        share = density / (max(len(fit.residuals), 1) * np.diff(edges))
        series.append(Series.of("line", np.repeat(edges, 2)[1:-1], np.repeat(share, 2), number=n))
    z = np.linspace(-edge, edge, 200)
    series.append(Series.of("guide", z, np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi), "normal"))
    return Panel(x=("residual / uncertainty", ""), y=("density", ""), series=series, shown="screen", scaled="")


def _lines(fit: Fit, across: Vector, values: Vector) -> tuple[Vector, Vector]:
    """A line, interrupted between stretches and where a sweep goes through 0 V: the samples there are left out."""
    m = fit.model.measurement
    breaks = [first for first, _ in m.readings[1:]]
    if m.kind == "sweep":
        breaks += (np.flatnonzero(np.diff(np.sign(across))) + 1).tolist()
    at = sorted(set(breaks))
    return np.insert(across, at, np.nan), np.insert(values, at, np.nan)
