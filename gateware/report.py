"""Report of a build: what it uses of the FPGA, its highest clock, and how many images a second that makes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateware.placement import Step
from hil.runs.results import Row

if TYPE_CHECKING:
    from gateware.build import BuildResult
    from gateware.estimate import BuildEstimate
    from gateware.geometry import Geometry

IMAGE_TICKS, EVENTS_PER_ROW, IMAGE_SPIKES = 100, 5, 20
"""A presentation of the usual size: 784 rows make 3920 input spikes in 100 ticks."""


def rows(result: BuildResult) -> list[Row]:
    """Lay out a build for a table or JSON."""
    placed = result.placed
    lines = [
        Row(name, count, reference=placed.available[name], note=f"{100 * count / placed.available[name]:.0f} % used")
        for name, count in placed.used.items()
    ]
    for clock in placed.clocks:
        note = f"clock {clock.name}, needs the reference"
        note += "" if clock.met else ": MISSED, the bitstream may not work"
        lines.append(Row("Fmax", clock.achieved / 1e6, "MHz", reference=clock.constraint / 1e6, note=note))
    if placed.critical_path:
        lines.append(_path_row(placed.critical_path))
    if result.tables:
        lines.append(Row("tables", result.tables, note="device whose tables it holds at power-up, and their digest"))
    lines.append(Row("serial line", result.baud, "1/s", note=f"in its address: fpga:PORT?baud={result.baud:g}"))
    return [*lines, *_speed_rows(result.geometry)]


def _path_row(path: tuple[Step, ...]) -> Row:
    total = sum(step.delay for step in path)
    routing = sum(step.delay for step in path if step.kind == "routing")
    levels = sum(step.kind == "logic" for step in path)
    nets = [step.net for step in path if step.net]
    note = f"{levels} levels of logic, {100 * routing / total:.0f} % routing, from {nets[0] if nets else path[0].cell}"
    return Row("critical path", total * 1e9, "ns", note=f"{note} to {path[-1].cell}")


def _speed_rows(g: Geometry) -> list[Row]:
    """What the clock means for the emulator, by its cycle law."""
    from gateware import timing

    lines = [Row("clock", g.clock / 1e6, "MHz", note="what the build runs at")]
    if g.cell == "flca":
        segment = timing.segment(g)
        lines.append(Row("segment", segment, "cycles", note="one segment of a waveform on all cells"))
        return [*lines, Row("segments", g.clock / segment, "1/s")]
    lines += [
        Row("event", timing.event(g), "cycles", note="an input spike on one row, all columns"),
        Row("tick", timing.tick(g), "cycles", note="leak of all membranes"),
        Row("learning", timing.column_sweep(g), "cycles", note="STDP on one column after its spike"),
    ]
    if g.encoder:
        rows, spikes = round(EVENTS_PER_ROW * g.rows), IMAGE_SPIKES
        image = timing.present(g, IMAGE_TICKS, rows, spikes, learn=True)
        assumed = f"{IMAGE_TICKS} ticks encoded on chip, {rows} input spikes, {spikes} output spikes that learn"
        lines += [
            Row("image", image, "cycles", note=f"at most; {assumed}"),
            Row("images", g.clock / image, "1/s", note="without the time on the serial line"),
        ]
    return lines


def estimate_rows(found: BuildEstimate) -> list[Row]:
    """Lay out an estimate."""
    from gateware.estimate import EVENTS_PER_ROW, IMAGE_SPIKES, IMAGE_TICKS, LUT_ERROR

    lines = []
    for part, count in found.used.items():
        has = found.available.get(part)
        note = f"{100 * count / has:.0f} %" if has else ""
        rough = f", give or take {100 * LUT_ERROR:.0f} %" if part in ("LUT", "logic cell") else ""
        lines.append(Row(part, count, reference=has, note=note + rough))
    if found.spares:
        lines.append(Row("small memories", "LUT RAM", note="there are not enough block RAMs for them"))
    g = found.geometry
    nearest = "as nearby builds reached" if found.reached is not None else "not known, the board's default"
    lines.append(Row("clock", found.clock / 1e6, "MHz", reference=g.clock / 1e6, note=nearest))
    if g.cell != "step":
        return lines
    events = round(EVENTS_PER_ROW * g.rows)
    image = f"{IMAGE_TICKS} ticks, {events} input spikes, {IMAGE_SPIKES} output spikes that learn"
    for encoded in (False, True) if g.encoder else (False,):
        way = "encoded on chip" if encoded else "spikes from the host"
        lines += [
            Row("image", found.image_cycles(encoded), "cycles", note=f"{way}: {image}"),
            Row("images", found.images(encoded), "1/s", note=f"{way}; logic alone, without the link"),
        ]
    return lines


def lane_rows(fitting: list[BuildEstimate]) -> list[Row]:
    """Lay out the lane counts that fit."""
    return [
        Row(
            f"{found.geometry.lanes} lanes",
            found.images(encoded=False),
            "images/s",
            note=", ".join(f"{count} {part}" for part, count in found.used.items()) + f", {found.clock / 1e6:.0f} MHz",
        )
        for found in fitting
        if found.geometry.cell == "step"
    ]
