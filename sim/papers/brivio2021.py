"""Figures 3 to 8 of Brivio et al. (2021), Front. Neurosci. 15:580909, from a sweep over weight dynamics.

The sweep is examples/brivio_dynamics.toml: one axis ``dynamics`` with names of `sim.dynamics.INVESTIGATED`, one axis
``train.seed``. Every point is the mean over the seeds, with its standard deviation.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hil import plots
from hil.errors import InputError, nearest
from hil.results import Row, repeated
from hil.runs import read_metrics
from hil.sweeps import load
from sim.dynamics import INVESTIGATED, metrics

MARKERS = {"L-HB": "s", "NL-SB": "o", "NL-HB": "^", "Wang": "D"}
"""As in the paper: squares, circles, triangles; the diamond is the device of Wang et al. (2016)."""

QUANTITIES = {
    "accuracy": ("test accuracy", "accuracy (%)"),
    "contrast": ("weight contrast", "weight contrast"),
    "duration": ("training duration", "training duration Δtrain"),
    "efficiency": ("efficiency", "efficiency ε"),
}

PANELS = {
    "figure3.png": [("alpha", "accuracy")],
    "figure4.png": [("eta", "accuracy"), ("lambda", "accuracy")],
    "figure6.png": [("eta", "contrast"), ("lambda", "contrast"), ("contrast", "accuracy")],
    "figure7.png": [("eta", "duration"), ("lambda", "duration")],
    "figure8.png": [("duration", "accuracy"), ("eta", "efficiency"), ("lambda", "efficiency")],
}


def figures(sweep: Path, folder: Path) -> tuple[list[Row], list[Path]]:
    """Draw every figure of a sweep into `folder`; its numbers as rows, one a dynamics and quantity."""
    table = load(sweep)
    known = {dynamics.name: dynamics for dynamics in INVESTIGATED}
    found = list(dict.fromkeys(row.get("dynamics") for row in table))
    for name in found:
        if name not in known:
            raise InputError(f"{sweep}: no investigated dynamics '{name}' {nearest(str(name), known)}")
    points = {name: _point(known[name], [row for row in table if row["dynamics"] == name]) for name in found}
    folder.mkdir(parents=True, exist_ok=True)
    drawn = []
    for file, panels in PANELS.items():
        drawn.append(folder / file)
        plots.save_panels([_panel(points, *panel) for panel in panels], drawn[-1])
    drawn.append(folder / "figure5.png")
    plots.save_learning_grid({name: _curves(sweep, table, name) for name in found}, drawn[-1])
    return [row for name in found for row in _rows(name, points[name])], drawn


def _point(dynamics: Any, table: Sequence[dict[str, Any]]) -> dict[str, list[float]]:
    """Values of every quantity: one for a property of the dynamics, one a seed for what was measured."""
    eta, lam = metrics(dynamics.parameters)
    point = {"alpha": [dynamics.parameters.alpha], "eta": [eta], "lambda": [lam]}
    for key, (name, _) in QUANTITIES.items():
        point[key] = [row["value"] for row in table if row["name"] == name]
    return point


def _panel(points: dict[str, dict[str, list[float]]], x: str, y: str) -> plots.Panel:
    labels = {"alpha": "α", "eta": "resolution η", "lambda": "non-linearity λ"}
    axes = [labels[k] if k in labels else QUANTITIES[k][1] for k in (x, y)]
    marks = [
        plots.Mark(MARKERS[name.split()[0]], name.rsplit(" ", 1)[0], point[x], point[y], point["eta"][0])
        for name, point in points.items()
    ]
    return plots.Panel(*axes, marks, logarithmic=x == "alpha")


def _curves(sweep: Path, table: Sequence[dict[str, Any]], name: str) -> list[list[dict[str, Any]]]:
    tasks = dict.fromkeys(row["task"] for row in table if row["dynamics"] == name)
    return [read_metrics(sweep / "tasks" / task) for task in tasks]


def _rows(name: str, point: dict[str, list[float]]) -> list[Row]:
    note = f"eta {point['eta'][0]:.4g}, lambda {point['lambda'][0]:.3g}, alpha {point['alpha'][0]:g}"
    units = {"accuracy": "%"}
    return [
        repeated(f"{name}: {quantity}", point[key], units.get(key, ""), note=note if key == "accuracy" else "")
        for key, (quantity, _) in QUANTITIES.items()
        if point[key]
    ]
