"""Figures 3 to 8, from the study of `hil reproduce` or from a sweep over weight dynamics.

A sweep has one axis ``dynamics`` with names of `sim.cells.dynamics.INVESTIGATED` and one axis ``train.seed``
(examples/brivio_dynamics.toml). Every point is the mean over the seeds, with its standard deviation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hil import plots
from hil.errors import InputError, nearest
from hil.runs.results import Row, repeated
from hil.runs.run import read_metrics
from hil.sweeps.sweep import load
from sim.cells.dynamics import INVESTIGATED, metrics
from sim.papers.brivio2021.study import STUDY, Study, Trained

Points = dict[str, dict[str, list[float]]]
"""By dynamics and quantity: one value for a property of the dynamics, one a seed for what was measured."""

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


def draw_study(key: str, study: Study, folder: Path) -> None:
    """Draw one of Figures 3 to 8 of a study."""
    arrays = study.arrays(STUDY)
    if key == "5":
        curves = {name: [_curve(trained) for trained in found] for name, found in arrays.items()}
        plots.save_learning_grid(curves, folder / "figure5.png")
        return
    points = {name: _properties(name) | _measured(found) for name, found in arrays.items()}
    _draw(f"figure{key}.png", points, folder)


def from_sweep(sweep: Path, folder: Path) -> tuple[list[Row], list[Path]]:
    """Draw every figure of a sweep into `folder`; its numbers as rows, one a dynamics and quantity."""
    table = load(sweep)
    points = _points(sweep, table)
    folder.mkdir(parents=True, exist_ok=True)
    drawn = [_draw(file, points, folder) for file in PANELS]
    curves = {name: _sweep_curves(sweep, table, name) for name in points}
    drawn.append(folder / "figure5.png")
    plots.save_learning_grid(curves, drawn[-1])
    return [row for name, point in points.items() for row in _rows(name, point)], drawn


def _points(sweep: Path, table: Sequence[Mapping[str, Any]]) -> Points:
    known = {dynamics.name for dynamics in INVESTIGATED}
    found = list(dict.fromkeys(str(row.get("dynamics")) for row in table))
    for name in found:
        if name not in known:
            raise InputError(f"{sweep}: no investigated dynamics '{name}' {nearest(name, known)}")
    return {
        name: _properties(name)
        | {
            key: [row["value"] for row in table if (row["dynamics"], row["name"]) == (name, words)]
            for key, (words, _) in QUANTITIES.items()
        }
        for name in found
    }


def _properties(name: str) -> dict[str, list[float]]:
    dynamics = next(dynamics for dynamics in INVESTIGATED if dynamics.name == name)
    eta, lam = metrics(dynamics.parameters)
    return {"alpha": [dynamics.parameters.alpha], "eta": [eta], "lambda": [lam]}


def _measured(found: Sequence[Trained]) -> dict[str, list[float]]:
    timings = [trained.timing() for trained in found]
    return {
        "accuracy": [trained.accuracy for trained in found],
        "contrast": [trained.contrast for trained in found],
        "duration": [duration for duration, _ in timings],
        "efficiency": [efficiency for _, efficiency in timings],
    }


def _curve(trained: Trained) -> list[dict[str, float]]:
    points = zip(trained.images, trained.curve, trained.contrasts, strict=True)
    return [{"images": n, "accuracy": a, "contrast": c} for n, a, c in points]


def _draw(file: str, points: Points, folder: Path) -> Path:
    plots.save_panels([_panel(points, *panel) for panel in PANELS[file]], folder / file)
    return folder / file


def _panel(points: Points, x: str, y: str) -> plots.Panel:
    labels = {"alpha": "α", "eta": "resolution η", "lambda": "non-linearity λ"}
    x_label, y_label = (labels[k] if k in labels else QUANTITIES[k][1] for k in (x, y))
    marks = [
        plots.Mark(MARKERS[name.split()[0]], name.rsplit(" ", 1)[0], point[x], point[y], point["eta"][0])
        for name, point in points.items()
    ]
    return plots.Panel(x_label, y_label, marks, logarithmic=x == "alpha")


def _sweep_curves(sweep: Path, table: Sequence[Mapping[str, Any]], name: str) -> list[list[dict[str, Any]]]:
    tasks = dict.fromkeys(row["task"] for row in table if row["dynamics"] == name)
    return [read_metrics(sweep / "tasks" / task) for task in tasks]


def _rows(name: str, point: Mapping[str, list[float]]) -> list[Row]:
    note = f"eta {point['eta'][0]:.4g}, lambda {point['lambda'][0]:.3g}, alpha {point['alpha'][0]:g}"
    units = {"accuracy": "%"}
    return [
        repeated(quantity, point[key], units.get(key, ""), note=note if key == "accuracy" else "").under(
            f"{name}: ", dynamics=name
        )
        for key, (quantity, _) in QUANTITIES.items()
        if point[key]
    ]
