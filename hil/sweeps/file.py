"""Sweep files: the grid of settings that one driver is to be run over.

kind = "train wta"                     the driver, by the verb that starts it
farm = ["visa:...", "visa:..."]        samples that share the tasks, one task on each at a time (hil.sweeps.farm)
[base.data]                            settings that all tasks share
[[axis]]                               axes multiply
key = "train.seed"
values = [0, 1, 2]
[[axis]]                               an axis whose points set several keys at once
name = "dynamics"
points = [{ label = "L-HB", "device.uri" = "sim:rram?alpha=0.002" }, ...]
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, fields
from itertools import product
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from hil.backends import check_address
from hil.config import load_toml, validated, with_settings
from hil.data import datasets
from hil.errors import InputError
from hil.runs.results import Row
from hil.training import catalogue
from hil.training.driver import Driver
from hil.training.settings import addresses

ROW_FIELDS = tuple(field.name for field in fields(Row))
"""Names that an axis may not have, because results have them."""

MOST_TASKS = 100_000
"""Tasks of a sweep at most."""

Label = str | int | float | bool


@dataclass(frozen=True)
class Point:
    """One value of an axis: its label and the settings (``section.key`` -> value) that it stands for."""

    label: Label
    settings: Mapping[str, Any]


@dataclass(frozen=True)
class Task:
    """One point of the grid; its identity depends on the driver's kind and the resolved configuration alone."""

    id: str
    kind: str
    axes: Mapping[str, Point]
    config: Mapping[str, Any]
    done: bool = False

    @property
    def label(self) -> str:
        """Name of the point, such as ``device.uri=sim:flca-pair, train.seed=0``."""
        return ", ".join(f"{name}={point.label}" for name, point in self.axes.items())


class SweepFile(BaseModel):
    """A sweep file; its axes are checked one by one, as `Axis`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: str
    name: str | None = Field(None, pattern=r"^\w[\w.-]*$")
    base: dict[str, Any] = {}
    axis: list[dict[str, Any]] = []
    farm: list[str] = []


class Axis(BaseModel):
    """One [[axis]]: the `values` of one `key`, or `points` that set several keys at once."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str | None = None
    key: str | None = None
    values: list[Any] | None = Field(None, min_length=1)
    labels: list[str] | None = None
    points: list[dict[str, Any]] | None = Field(None, min_length=1)

    @model_validator(mode="after")
    def _complete(self) -> Self:
        by_key = [self.key is not None, self.values is not None]
        if not (all(by_key) if self.points is None else self.name and not any(by_key)):
            raise ValueError("give key and values, or name and points")
        if self.labels is not None and len(self.labels) != len(self.values or ()):
            raise ValueError(f"{len(self.labels)} labels for {len(self.values or ())} values")
        return self

    def resolved(self) -> tuple[str, list[Point]]:
        """Name of the axis and its points."""
        key, values, name = self.key or "", self.values or [], self.name or self.key or ""
        if self.points is None:
            labels: Sequence[Label] = self.labels or [v if isinstance(v, Label) else str(v) for v in values]
            return name, [Point(label, {key: v}) for label, v in zip(labels, values, strict=True)]
        settings = [_flat({key: value for key, value in point.items() if key != "label"}) for point in self.points]
        labels = [p.get("label", ", ".join(map(str, s.values()))) for p, s in zip(self.points, settings, strict=True)]
        return name, [Point(*pair) for pair in zip(labels, settings, strict=True)]


def farm(path: Path) -> list[str]:
    """Addresses of the samples that share the tasks of a sweep file, checked; empty if each task has its own."""
    uris = validated(SweepFile, load_toml(path), str(path)).farm
    for uri in uris:
        if uris.count(uri) > 1:
            raise InputError(f"{path}: {uri} is in the farm twice: each has one task at a time")
        try:
            check_address(uri)
        except InputError as error:
            raise InputError(f"{path}: farm: {error}") from None
    return uris


def read(path: Path, settings: Iterable[str] = ()) -> tuple[str, list[Task]]:
    """Name and grid of a sweep file, every configuration checked; `InputError` names the point that is wrong.

    `settings` (``section.key=value``) are laid over what all tasks share.
    """
    file = validated(SweepFile, load_toml(path), str(path))
    base = with_settings(file.base, settings)
    if file.farm and "device" in base:
        raise InputError(f"{path}: [base.device] and the farm both give tasks their device: leave one out")
    if not file.axis:
        raise InputError(f"{path} has no [[axis]]: give at least one")
    driver = find_driver(file.kind)
    axes: dict[str, list[Point]] = {}
    owners: dict[str, str] = {}
    for number, table in enumerate(file.axis, 1):
        name, points = validated(Axis, table, f"{path}: axis {number}").resolved()
        if name in axes or name in ("task", "row", *ROW_FIELDS):
            raise InputError(f"{path}: axis {number}: '{name}' is the name of another axis or of a result column")
        axes[name] = points
        for key in {key for point in points for key in point.settings}:
            if key in owners:
                raise InputError(f"{path}: axes '{owners[key]}' and '{name}' both set {key}")
            owners[key] = name
            if file.farm and key.partition(".")[0] == "device":
                raise InputError(f"{path}: axis '{name}' sets {key}, and the farm gives every task its device")
    count = math.prod(map(len, axes.values()))
    if count > MOST_TASKS:
        sizes = " x ".join(str(len(points)) for points in axes.values())
        raise InputError(f"{path}: the axes make {sizes} = {count:,} tasks, {MOST_TASKS:,} at most")
    tasks: dict[str, Task] = {}
    for combination in product(*axes.values()):
        task = _task(driver, base, dict(zip(axes, combination, strict=True)))
        if task.id in tasks:
            raise InputError(f"{path}: points '{tasks[task.id].label}' and '{task.label}' are the same configuration")
        tasks[task.id] = task
    _check_places(tasks.values())
    return file.name or path.stem, list(tasks.values())


def _check_places(tasks: Iterable[Task]) -> None:
    """Check every data set and every device address once; `InputError` names the first point that has a wrong one."""
    checked = set()
    for task in tasks:
        data, uris = task.config.get("data", {}), addresses(task.config.get("device", {}))
        places: list[tuple[Any, ...]] = [(datasets.load, data.get("dataset"), data.get("dir"))]
        places += [(check_address, uri) for uri in uris.values()]
        for check, *words in places:
            if words[0] is None or (check, *words) in checked:
                continue
            try:
                check(*words)
            except InputError as error:
                raise InputError(f"point '{task.label}': {error}") from None
            checked.add((check, *words))


def find_driver(kind: str) -> type[Driver]:
    """Find the driver of `kind`, such as "train stdp", among all that are installed; `InputError` if there is none."""
    name = kind.split()[-1] if kind.split() else ""
    try:
        driver = catalogue.find_driver(name)
    except InputError as error:
        raise InputError(f"kind = '{kind}': {error}") from None
    if driver.kind != kind:
        raise InputError(f"kind = '{kind}' must be '{driver.kind}'")
    return driver


def _task(driver: type[Driver], base: Mapping[str, Any], axes: dict[str, Point]) -> Task:
    point = Task("", driver.kind, axes, {}).label
    config = deepcopy(dict(base))
    for key, value in [pair for p in axes.values() for pair in p.settings.items()]:
        *sections, last = key.split(".")
        table = config
        for section in sections:
            table = table.setdefault(section, {})
            if not isinstance(table, dict):
                raise InputError(f"point '{point}': {key}: '{section}' is a value, not a section")
        table[last] = value
    resolved = validated(driver.config_model, config, f"point '{point}'").model_dump(mode="json")
    text = json.dumps([driver.kind, resolved], sort_keys=True)
    return Task(hashlib.sha256(text.encode()).hexdigest()[:16], driver.kind, axes, resolved)


def _flat(settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Flatten nested settings ``{section: {key: value}}`` to ``{"section.key": value}``."""
    flat = {}
    for key, value in settings.items():
        flat.update(_flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {prefix + key: value})
    return flat
