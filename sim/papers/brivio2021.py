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
from hil.papers import Finding, Interval, Paper, PaperFigure, Scope, above, below
from hil.papers import repeated as finding
from hil.results import Row, repeated
from hil.runs import read_metrics
from hil.sweeps import load, saved_tasks
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
    points, table = _points(sweep)
    folder.mkdir(parents=True, exist_ok=True)
    drawn = [_draw(file, points, folder) for file in PANELS]
    drawn.append(_draw_learning(sweep, table, folder))
    return [row for name, point in points.items() for row in _rows(name, point)], drawn


def _points(sweep: Path) -> tuple[dict[str, dict[str, list[float]]], list[dict[str, Any]]]:
    """Values of every dynamics of a sweep, and the sweep's rows."""
    table = load(sweep)
    known = {dynamics.name: dynamics for dynamics in INVESTIGATED}
    found = list(dict.fromkeys(row.get("dynamics") for row in table))
    for name in found:
        if name not in known:
            raise InputError(f"{sweep}: no investigated dynamics '{name}' {nearest(str(name), known)}")
    return {name: _point(known[name], [row for row in table if row["dynamics"] == name]) for name in found}, table


def _draw(file: str, points: dict[str, dict[str, list[float]]], folder: Path) -> Path:
    plots.save_panels([_panel(points, *panel) for panel in PANELS[file]], folder / file)
    return folder / file


def _draw_learning(sweep: Path, table: list[dict[str, Any]], folder: Path) -> Path:
    names = dict.fromkeys(row["dynamics"] for row in table)
    plots.save_learning_grid({name: _curves(sweep, table, name) for name in names}, folder / "figure5.png")
    return folder / "figure5.png"


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


CLAIMS: dict[str, list[tuple[str, str, str, str, str, Interval]]] = {
    "3": [
        ("L-HB: smallest minus largest alpha", "decreases with alpha", "accuracy", "L-HB 4", "L-HB 1", above(0)),
        ("NL-SB: smallest minus largest alpha", "the same", "accuracy", "NL-SB 1", "NL-SB 3", above(0)),
        ("NL-HB: smallest minus largest alpha", "the same", "accuracy", "NL-HB 4", "NL-HB 1", above(0)),
    ],
    "4": [
        ("L-HB: eta 500 minus eta 50", "increases with eta", "accuracy", "L-HB 4", "L-HB 1", above(0)),
        ("NL-HB: eta 500 minus eta 90", "the same", "accuracy", "NL-HB 6", "NL-HB 1", above(0)),
        ("eta 500: NL-HB minus L-HB", "slightly higher for the non-linear case", "accuracy", "NL-HB 4", "L-HB 4",
         above(0)),
        ("NL-SB, eta 500: largest minus smallest lambda", "reduced by non-linearity", "accuracy", "NL-SB 3", "NL-SB 1",
         below(0)),
    ],
    "6": [
        ("eta 500: L-HB minus NL-SB", "linearity improves weight contrast", "contrast", "L-HB 4", "NL-SB 1", above(0)),
        ("eta 500: L-HB minus NL-HB", "the same", "contrast", "L-HB 4", "NL-HB 4", above(0)),
    ],
    "7": [
        ("L-HB: eta 500 minus eta 50", "correlated with resolution", "duration", "L-HB 4", "L-HB 1", above(0)),
        ("NL-HB: largest minus smallest lambda", "non-linearity of NL-HB reduces it", "duration", "NL-HB 1", "NL-HB 4",
         below(0)),
        ("NL-SB: largest minus smallest lambda", "opposite for NL-SB", "duration", "NL-SB 3", "NL-SB 1", above(0)),
    ],
    "8": [
        ("NL-HB, eta 90, minus L-HB, eta 50", "maximum efficiency: NL-HB, eta 90", "efficiency", "NL-HB 1", "L-HB 1",
         above(0)),
        ("NL-HB, eta 90, minus NL-SB, eta 500", "the same", "efficiency", "NL-HB 1", "NL-SB 1", above(0)),
    ],
}  # fmt: skip
"""By figure: our words, the paper's, the quantity, the two dynamics whose difference is taken, what it should be."""


def differences(scope: Scope, figure: str) -> list[Finding]:
    """Draw a figure of the sweep; differences of two dynamics, seed by seed, for each of its `CLAIMS`."""
    if scope.sweep is None:
        raise InputError(f"figure {figure} of 'brivio2021' is made from a sweep: name its folder, --sweep")
    points, table = _points(scope.sweep)
    if figure == "5":
        _draw_learning(scope.sweep, table, scope.folder)
        return []
    _draw(f"figure{figure}.png", points, scope.folder)
    return [
        finding(
            figure, f"{QUANTITIES[key][0]}, {words}", claim, [b - a for b, a in pairs],
            unit="%" if key == "accuracy" else "", accept=accept, stand_in=_stand_in(scope.sweep),
            note=f"{first} {_mean(b for b, _ in pairs):.4g}, {second} {_mean(a for _, a in pairs):.4g}",
        )
        for words, claim, key, first, second, accept in CLAIMS[figure]
        if (pairs := list(zip(points.get(first, {}).get(key, []), points.get(second, {}).get(key, []), strict=False)))
    ]  # fmt: skip


def _mean(values: Any) -> float:
    values = list(values)
    return sum(values) / len(values)


def _stand_in(sweep: Path) -> str:
    """What the sweep does not share with the paper's network; empty if it does."""
    config = saved_tasks(sweep)[0].config
    data, neurons = config.get("data", {}).get("dataset", "digits"), config.get("train", {}).get("neurons")
    return "" if (data, neurons) == ("mnist", 500) else f"'{data}' with {neurons} neurons in place of MNIST with 500"


def _figure(key: str, title: str) -> PaperFigure:
    return PaperFigure(key, title, lambda scope: differences(scope, key), needs_sweep=True)


def _check(scope: Scope) -> None:
    if scope.sweep is not None:
        _points(scope.sweep)


PAPER = Paper(
    "brivio2021",
    "Brivio et al. (2021), Front. Neurosci. 15:580909",
    (
        _figure("3", "accuracy over alpha"),
        _figure("4", "accuracy over resolution and non-linearity"),
        _figure("5", "learning curves"),
        _figure("6", "weight contrast"),
        _figure("7", "training duration"),
        _figure("8", "efficiency"),
    ),
    from_sweep=figures,
    check=_check,
)
