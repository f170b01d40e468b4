"""Populations for `hil fit`: many cells by several models, and what varies in one cell."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from hil.errors import InputError, nearest
from hil.runs.progress import Progress
from hil.runs.results import Row
from sim.fitting import catalogue, many
from sim.fitting.asked import ALL, Asked
from sim.fitting.data import Measurement
from sim.fitting.fitting import Fit
from sim.fitting.model import Model
from sim.fitting.population import Population, populate, steps
from sim.fitting.solving import Watch

Watching = Callable[[Progress, str], Watch]
"""Makes the watch of a model from a progress bar and the model's title."""


@dataclass(frozen=True)
class Varying:
    """What varies in one cell: rows, and what its preset gets."""

    rows: list[Row] = field(default_factory=list)
    preset: dict[str, Any] = field(default_factory=dict)


def populations(cells: Mapping[str, Measurement], asked: Asked, watching: Watching) -> list[Population]:
    """Fit cells by every model that is asked for; the lowest AICc of all cells together first.

    Raises
    ------
    InputError
        If a model cannot tell spread.
    """
    first = next(iter(cells.values()))
    names = asked.names(first.kind)
    if names == (ALL,):
        names = tuple(m.name for m in asked.models(first)[0] if m.kind and m.filters)
    models = [catalogue.model(name, first, asked.order) for name in names]
    for model in models:
        if not model.kind or not model.filters:
            raise InputError(
                f"{first.source}: {model.title} has no spread that an array plays: fit the cells one by one with "
                "--cell NAME"
            )
    known = {p.name for model in models for p in model.parameters}
    for name in (*asked.held, *asked.freed):
        if name not in known:
            raise InputError(f"no parameter '{name}' {nearest(name, known)}")
    found = []
    with Progress(sum(steps(len(cells), m.generations) for m in models), "steps") as progress:
        for k, model in enumerate(models):
            before = sum(steps(len(cells), m.generations) for m in models[:k])
            watch = watching(progress, model.title)
            watch("first cell", before - progress.done)
            found.append(populate(list(cells), list(cells.values()), _maker(model.address, asked), asked.noise, watch))
        progress.advance(progress.total - progress.done)
    return sorted(found, key=lambda one: one.aicc)


def varying(fit: Fit, asked: Asked) -> Varying:
    """c2c and read noise of one cell, where it is asked for or its trains are repeated."""
    m = fit.model.measurement
    wanted = asked.spread or len(m.begins) > 1
    if not wanted or not fit.model.kind or not fit.model.filters:
        return Varying()
    try:
        found = populate([""], [m], _maker(fit.model.address, asked), asked.noise)
    except InputError:  # no more than a constant conductance: told as such
        return Varying()
    rows = [row for row in many.rows(found) if row.name in ("c2c", "read_noise")]
    seen = many.preset(found)
    return Varying(rows, {name: seen[name] for name in ("c2c", "read_noise") if name in seen})


def _maker(name: str, asked: Asked) -> Callable[[Measurement], Model]:
    def make(measurement: Measurement) -> Model:
        model = catalogue.model(name, measurement, asked.order)
        own = {p.name for p in model.parameters}
        return model.hold(
            {k: v for k, v in asked.held.items() if k in own}, [name for name in asked.freed if name in own]
        )

    return make
