"""What a sweep found: mean and spread over the seeds of every point, and the picture of them over its first axis."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from hil.pictures import DrawnPanel, Picture, Series
from hil.runs.results import WARNING, Row, repeated
from hil.sweeps.file import Task


def summary(tasks: Sequence[Task], rows: Sequence[dict[str, Any]]) -> tuple[list[Row], str]:
    """Mean and standard deviation over the seeds of every point's first row; and what that row measures.

    The axis that sets nothing but one ``....seed`` is taken for the seeds. Tasks without rows yet are left out.
    """
    first = {row["task"]: row for row in rows if row["row"] == 0}
    warned: dict[str, list[str]] = {}
    for row in rows:
        if row["name"] == WARNING:
            warned.setdefault(row["task"], []).append(row["note"])
    groups: dict[str, list[dict[str, Any]]] = {}
    points: dict[str, dict[str, Any]] = {}
    done = [task for task in tasks if task.id in first]
    for task in done:
        axes = {n: p.label for n, p in task.axes.items() if [k.split(".")[-1] for k in p.settings] != ["seed"]}
        label = ", ".join(f"{n}={point}" for n, point in axes.items()) or "all seeds"
        groups.setdefault(label, []).append(first[task.id])
        points[label] = axes
    shown: list[Row] = []
    quantity = first[done[0].id]["name"] if done else "nothing yet"
    for label, members in groups.items():
        values = [member["value"] for member in members]
        controls = [member["control"] for member in members]
        control = sum(controls) / len(controls) if _numbers(controls) else None
        note = _told([warned.get(member["task"], []) for member in members])
        if len(members) == 1:
            fields = {field: members[0][field] for field in ("value", "unit", "std", "n", "control")}
            shown.append(Row(quantity, **fields, note=note, label=label))
        elif _numbers(values):
            shown.append(repeated(quantity, values, members[0]["unit"], control=control, note=note, label=label))
        else:
            shown.append(Row(quantity, None, note="not a number for every seed", label=label))
        shown[-1] = shown[-1].under(**points[label])
    return shown, quantity


def _told(warned: Sequence[Sequence[str]]) -> str:
    """Say the first warning of the tasks of a point, and in how many of them there is any."""
    told = [sentences[0] for sentences in warned if sentences]
    if not told:
        return ""
    return f"warning: {told[0]}" if len(warned) == 1 else f"warning in {len(told)} of {len(warned)} tasks: {told[0]}"


def _numbers(values: Sequence[object]) -> bool:
    return all(isinstance(value, int | float) for value in values)


def picture(rows: Sequence[Row], quantity: str) -> Picture | None:
    """Quantity over the first axis that varies, with its spread, a curve for every point of the others.

    None where nothing varies, or where it is no number.
    """
    told = [row for row in rows if isinstance(row.value, int | float)]
    labels = {
        name: list(dict.fromkeys(row.conditions[name] for row in told)) for row in told for name in row.conditions
    }
    varied = [name for name, found in labels.items() if len(found) > 1]
    if not varied:
        return None
    over, others = varied[0], varied[1:]
    places = labels[over]
    numbers = _numbers(places) and not any(isinstance(place, bool) for place in places)
    series = []
    curves = list(dict.fromkeys(tuple(row.conditions[name] for name in others) for row in told))
    for number, curve in enumerate(curves):
        mine = [row for row in told if tuple(row.conditions[name] for name in others) == curve]
        x = [row.conditions[over] if numbers else places.index(row.conditions[over]) for row in mine]
        name = ", ".join(f"{axis} {value}" for axis, value in zip(others, curve, strict=True)) or quantity
        y = [row.value for row in mine]
        error = [row.std or 0.0 for row in mine]
        series.append(Series.of("points", np.array(x, float), np.array(y, float), name, number, np.array(error)))
        if numbers:
            series.append(Series.of("line", np.array(x, float), np.array(y, float), "", number))
        if all(isinstance(row.control, int | float) for row in mine):
            control = np.array([row.control for row in mine], float)
            series.append(Series.of("guide", np.array(x, float), control, "control" if number == 0 else ""))
    unit = told[0].unit
    ticks = [] if numbers else [str(place) for place in places]
    panel = DrawnPanel(x=(over, ""), y=(quantity, unit), series=series, ticks=ticks)
    return Picture(name="sweep", panels=[panel])
