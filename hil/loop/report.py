"""What a loop found: one table of rows across its stages, and a page that a browser shows without any network."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from html import escape
from pathlib import Path
from typing import Any

from hil import pages
from hil.files import read_json, write_text
from hil.loop.agreement import OF_WEIGHTS, ON_THE_CURVE, agreement
from hil.loop.loop import Loop
from hil.loop.stages import LoopStage, stages
from hil.runs.document import load_json
from hil.runs.results import Row, Rows, warning, warnings_in

STATE = "stages.json"
"""What ran for every stage, how long and with which end, in the loop's folder."""

REPORT = "report.html"
"""The page, in the loop's folder."""


def results(loop: Loop, stage: LoopStage) -> list[Row]:
    """Rows that a stage left; none if it has not run."""
    folder = loop.folder(stage.name)
    file = folder / ("results.json" if stage.keeps == "run" else "rows.json")
    return load_json(file) if file.exists() else []


def summary_rows(loop: Loop) -> list[Row]:
    """The loop's own table: what a reader of the report looks for first, each number beside its control."""
    found = {stage.name: Rows(results(loop, stage)) for stage in stages(loop)}
    rows = [*_model(loop, found), *_networks(loop, found), *_hardware(found)]
    rows += [_duration(loop), *map(warning, doubts(rows))]
    for stage in stages(loop):
        rows += [warning(f"{stage.title}: {sentence}") for sentence in warnings_in(found[stage.name])]
    return rows


LEAST_R2 = 0.95
"""R^2 of the steps of a model below which the network is made of another device than the one that was measured."""


def doubts(rows: Iterable[Row]) -> list[str]:
    """Say where the loop's own check or its stand-in for the model means little."""
    found = []
    for row in rows:
        if row.name == "held-back error" and not _below(row.value, row.control):
            found.append(
                "the held-back data do not test the model: a cell that stays as it was last seen foretells them as "
                "well; measure a train or a loop that goes on moving at its end"
            )
        if row.name == "R^2 of the steps" and not (isinstance(row.value, float) and row.value >= LEAST_R2):
            found.append(
                f"no law of steps follows the fitted model well (R^2 {row.value}): networks and emulator are made "
                "of the nearest one, not of the device that was measured"
            )
        if row.name in (OF_WEIGHTS, ON_THE_CURVE) and row.value != 0:
            found.append(f"{row.text} is {row.value:g}: the logic does not do what its golden model does")
    return found


def _below(first: object, second: object) -> bool:
    return isinstance(first, int | float) and isinstance(second, int | float) and first < 0.9 * second


def _model(loop: Loop, found: Mapping[str, Rows]) -> Iterator[Row]:
    yield Row("model", loop.winner, note=f"preset {loop.fitted}", headline=True)
    if loop.populations:
        yield from _cells(loop)
    else:
        yield Row("R^2", loop.fits("fit")[0]["r_squared"], note="of the weighted variance about the best constant")
    yield from (row for row in found["check"] if row.name.startswith("held-back"))
    if loop.model != loop.fitted:
        note = f"preset {loop.model}: steps of the fitted model, which the emulator can play"
        yield Row("steps of the model", loop.model.stem, note=note)
        yield Row("R^2 of the steps", loop.fits("steps")[0]["r_squared"], note="about the fitted model's own pulses")


def _cells(loop: Loop) -> Iterator[Row]:
    best = loop.populations[0]
    yield Row("R^2", best["r_squared"], note="median over the cells, each fitted alone")
    own = "cells of networks on the model differ as these do; " * (loop.model == loop.fitted)
    yield Row("cells", len(best["cells"]), note=f"{own}the emulator has the median")
    for name, spread in best["spreads"].items():
        low, high = (f"{end:.3g}" if end is not None else "?" for end in spread["interval"])
        yield Row(name, spread["value"], n=spread["count"], note=f"95 %: {low} .. {high}")


def _networks(loop: Loop, found: Mapping[str, Rows]) -> Iterator[Row]:
    for engine in loop.plan.emulators:
        uri = loop.uri(engine)
        for row in found[f"compare-{engine}"]:
            if row.unit == "steps" and "difference" in row.name:
                yield row.under(f"{loop.spoken(engine)} against the model: ", device=uri)
    for name in ("sim", *loop.plan.emulators):
        for row in found[f"train-{name}"]:
            if row.name == "test accuracy" or row.conditions.keys() & {"control", "baseline"}:
                prefix = "" if row.text.startswith(" ") else f"{loop.spoken(name)}: "
                yield row.under(prefix, device=loop.uri(name))
    first, *others = loop.plan.emulators or ("",)
    for engine in others:
        if found[f"train-{engine}"] and found[f"train-{first}"]:
            folders = (loop.folder(f"train-{name}") for name in (engine, first))
            rows = agreement(loop.spoken(engine), next(folders), loop.spoken(first), next(folders))
            yield from (row.under(device=loop.uri(engine)) for row in rows)


def _hardware(found: Mapping[str, Rows]) -> Iterator[Row]:
    for stage in ("program", "build"):
        for row in found.get(stage, []):
            yield replace(row, label=f"{stage}: {row.text.strip()}", headline=False)


def _duration(loop: Loop) -> Row:
    ran = read_json(loop.path / STATE)
    longest = max(ran, key=lambda name: float(ran[name].get("processor", 0.0)))
    busy = sum(float(stage.get("processor", 0.0)) for stage in ran.values())
    note = f"{busy:.0f} s of processor time, most of it ({ran[longest].get('processor', 0.0):.0f} s) for {longest}"
    spent = sum(float(stage.get("waited", stage["seconds"])) for stage in ran.values())
    return Row("time", round(spent), "s", note=note)


def save_report(loop: Loop, rows: Iterable[Row], meta: Mapping[str, Any]) -> Path:
    """Write the page; its path."""
    path = loop.path / REPORT
    write_text(path, page(loop, list(rows), meta))
    return path


def page(loop: Loop, rows: list[Row], meta: Mapping[str, Any]) -> str:
    """The page: question, answer, every stage with its command, table and figures, versions; nothing is loaded."""
    ran = read_json(loop.path / STATE)
    source = loop.plan.source or loop.plan.device
    title = f"{source}: from a measured device to an emulated network"
    body = [
        "<p>Which model explains this device, does an emulator on an FPGA behave like it, and what does a network of "
        "such cells learn? Every number stands beside its control; every part names the command that repeats it.</p>",
        pages.results(rows, "Answer"),
        *(_section(loop, stage, ran[stage.name]) for stage in stages(loop) if stage.name in ran),
        "<h2>Made by</h2>",
        pages.command(f"hil loop --resume {shlex.quote(str(loop.path))}"),
        *pages.origin(meta),
    ]
    return pages.page(title, body)


def _took(ran: Mapping[str, Any]) -> str:
    return f"{ran['seconds']:.3g} s, {ran.get('processor', 0.0):.3g} s of processor time"


def _section(loop: Loop, stage: LoopStage, ran: Mapping[str, Any]) -> str:
    parts = [
        f"<h2>{escape(stage.title)}</h2><p>{escape(stage.question)}</p>",
        pages.command("hil " + shlex.join(ran["command"])),
        pages.results(
            results(loop, stage), f"{ran['seconds']:.3g} s, {ran.get('processor', 0.0):.3g} s of processor time"
        ),
        *map(pages.picture, sorted(loop.folder(stage.name).rglob("*.png"))),
    ]
    return "\n".join(parts)
