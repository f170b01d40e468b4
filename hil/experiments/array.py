"""Whole arrays: how well the worst cell is read and written by each biasing scheme, what it costs, what it disturbs.

The cell furthest from the sources is read and written. Its neighbours are the worst there are: all at their highest
conductance while it is read and while it is depressed, all at their lowest while it is potentiated. The margin of a
read is (I_on - I_off) / I_on, with the selected column's currents for the cell at either end of its range. For ohmic
cells without wires, n x n, and a ratio r of their ends it is (1 - 1/r) / (1 + s) with

    s = (n - 1) / 2  (V/2),   (n - 1) / 3  (V/3),   (n - 1)^2 / (2 n - 1)  (floating),   0  (grounded)

the sum of what all other cells leak into the column over the cell's own current; a selector divides s (Zhou, Kim and
Lu, IEEE Trans. Electron Devices 61, 1369, 2014).

A simulation is built anew in every size and its cells are put where they have to be; any other device is measured in
the size and at the states that it has, where it tells no margin.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BeforeValidator, Field

from hil.abilities import Rebuilding
from hil.biasing import SCHEMES, require_scheme, select
from hil.device import Device
from hil.errors import InputError
from hil.experiments import array_figure
from hil.experiments.bench import CellBench
from hil.experiments.experiment import (
    TIME,
    TRIPPED,
    Block,
    Column,
    Experiment,
    PulseSettings,
    Record,
    Records,
    filled,
    known,
    tripped_rows,
    where,
)
from hil.programming import scheme_for
from hil.runs.results import Row
from hil.waveform import Waveform

MOST_OF_A_MAP = 64
"""Points of a map along a side; of a larger array, as many cells, evenly apart."""


SIZES = 4, 8, 16, 32
"""Of simulated arrays, where the user names neither any nor a device of more than one cell."""

LINEAR = "V/2", "V/3"
"""Schemes in which the leak goes by the number of rows."""


class ArraySettings(PulseSettings):
    """Settings of `hil characterize array`."""

    sizes: Annotated[tuple[int, ...], BeforeValidator(lambda v: (v,) if isinstance(v, int) else v)] = Field(
        (),
        description="rows and columns of square arrays; if not given the device's own, and 4, 8, 16, 32 where it is "
        "one cell of a simulation",
    )
    schemes: Annotated[tuple[str, ...], BeforeValidator(lambda v: v.split(",") if isinstance(v, str) else v)] = Field(
        (), description=f"of {', '.join(SCHEMES)}, with commas between them; all that the device can drive if not given"
    )
    writes: int = Field(10, ge=1, description="pulses of each sign, from the same state")
    least_margin: float = Field(0.1, gt=0, lt=1, description="margin of a read that an array must leave")
    map: bool = Field(True, description="read every cell of the largest array, all at their highest conductance")

    def resolved(self, device: Device) -> Self:
        """Fill in what the device can drive."""
        rebuilt = isinstance(device, Rebuilding)
        own = tuple(SCHEMES) if rebuilt else (scheme_for(device.cells, device.limits.channels),)
        sizes = self.sizes or (SIZES if rebuilt and device.cells == (1, 1) else ())
        filled_in = super().resolved(device)
        return filled_in.model_copy(update={"schemes": self.schemes or own, "sizes": sizes})


class Disturbance(NamedTuple):
    """What pulses did: change of the cell and of the worst other one, S, and power of the last, W."""

    moved: float
    disturbed: float
    power: float
    tripped: bool


class WholeArray(Experiment):
    """Read margin, write disturb and power of whole arrays by size and biasing scheme."""

    name = "array"
    settings_model = ArraySettings
    columns: ClassVar = {
        "size": Column("1", "rows of the array"),
        "scheme": Column("1", f"number of the scheme: {', '.join(f'{k} {s}' for k, s in enumerate(SCHEMES))}"),
        "row": Column("1", "row of the cell, in a map"),
        "col": Column("1", "column of the cell, in a map"),
        "current_on": Column("A", "of the column, the worst cell being at its highest conductance"),
        "current_off": Column("A", "of the column, the worst cell being at its lowest conductance"),
        "margin": Column("1", "(on - off) / on"),
        "error": Column("1", "current over that of the cell alone, less 1"),
        "leak": Column("1", "current of all other cells over that of the cell alone, without wires"),
        "margin_alone": Column("1", "margin of a cell alone"),
        "read_power": Column("W", "of the whole array in a read"),
        "written_positive": Column("1", "change by a positive pulse over that of a cell alone"),
        "written_negative": Column("1", "change by a negative pulse over that of a cell alone"),
        "disturb_positive": Column("1", "largest change of another cell over the range of a cell, positive pulses"),
        "disturb_negative": Column("1", "largest change of another cell over the range of a cell, negative pulses"),
        "write_power": Column("W", "of the whole array in the costlier of both pulses"),
        "time": TIME,
        "tripped": TRIPPED,
    }

    @classmethod
    def require(cls, settings: ArraySettings) -> None:
        """Known schemes, and sizes that are any."""
        for scheme in settings.schemes:
            require_scheme(scheme)
        if len(set(settings.sizes)) < len(settings.sizes) or min(settings.sizes, default=1) < 1:
            raise InputError(f"sizes = {list(settings.sizes)}: give different numbers of at least 1")

    def prepare(self, device: Device) -> None:
        """Refuse sizes that a device does not have and cannot be built in."""
        s, self._rebuilt = self.settings, isinstance(device, Rebuilding)
        self._cells = device.cells
        if s.sizes and not self._rebuilt and any((n, n) != device.cells for n in s.sizes):
            raise InputError(
                f"sizes = {list(s.sizes)}: {device.name} has {device.rows} x {device.cols} cells and comes in no other "
                "size: give none"
            )
        if s.sizes and isinstance(device, Rebuilding):
            most = max(s.sizes)
            device.resized(most, most).close()  # which refuses what would not fit, before anything is measured

    def blocks(self) -> Sequence[Block]:
        """One block a size and scheme, and the map."""
        s = self.settings
        shapes = [(n, n) for n in sorted(s.sizes)] or [self._cells]
        pulses = [s.pulse(s.signed(sign), measure=True) for sign in (1, -1)]
        written = [segment for pulse in pulses for segment in (s.read(), *s.writes * (pulse,), s.read())]
        schemes = list(SCHEMES)
        blocks = [
            Block(
                f"{rows} x {cols}, {scheme}",
                (s.read(), *written),
                {"size": float(rows), "scheme": float(schemes.index(scheme))},
                f"on the furthest cell, other lines as {scheme} says; {s.writes} pulses of each sign",
            )
            for rows, cols in shapes
            for scheme in s.schemes
        ]
        if s.map:
            rows, cols = shapes[-1]
            note = f"one row of {rows} x {cols} after the other, all other lines at 0 V"
            blocks.append(Block(f"map of {rows} x {cols}", (s.read(),), {"size": float(rows)}, note))
        return blocks

    def measure(self, block: Block, bench: CellBench, past: Records) -> Iterator[Record]:
        """One point, or a map."""
        device, own = bench.device, True
        n = int(block.values["size"])
        if isinstance(device, Rebuilding):
            device, own = device.resized(*((n, n) if self.settings.sizes else device.cells)), False
        try:
            record = dict.fromkeys(self.columns, float("nan")) | dict(block.values)
            if "scheme" not in block.values:
                yield from self._map(device, record)
            else:
                yield record | self._point(device, bench, list(SCHEMES)[int(block.values["scheme"])])
        finally:
            if not own:
                device.close()

    def _map(self, device: Device, record: Record) -> Iterator[Record]:
        """Errors of reads of the cells, all at their highest conductance, or as they are."""
        high = _spread(device, 1)
        alone = _alone(device, high)
        error = device.read() / alone - 1
        rows, cols = (np.unique(np.linspace(0, count - 1, MOST_OF_A_MAP).astype(int)) for count in device.cells)
        for r in rows.tolist():
            for c in cols.tolist():
                place = {"row": float(r), "col": float(c), "time": device.time, "tripped": 0.0}
                yield record | place | {"error": float(error[r, c])}

    def _point(self, device: Device, bench: CellBench, scheme: str) -> Record:
        s, cell = self.settings, _furthest(device)
        v, width = bench.grid.volts(filled(s.read_voltage)), bench.grid.seconds(filled(s.read_width))
        drive = select(*cell, v, cells=device.cells, width=width, scheme=scheme, measure=True)
        high = _spread(device, 1)
        on = device.apply(drive)
        alone = float(_alone(device, high)[cell]) * v
        record = {
            "current_on": float(on.currents[0, cell[1]]),
            "error": float(on.currents[0, cell[1]]) / alone - 1,
            "read_power": float(on.energy[0]) / width,
            "tripped": float(on.tripped[0]),
        }
        if high is not None:
            _spread(device, 1, cell)
            off = float(device.apply(drive).currents[0, cell[1]])
            record |= {"current_off": off, "margin": 1 - off / record["current_on"]}
            record |= self._without_wires(device, drive, cell)
        both = [self._written(device, bench, scheme, cell, sign) for sign in (1, -1)]
        for word, written in zip(("positive", "negative"), both, strict=True):
            record |= {f"written_{word}": written.moved, f"disturb_{word}": written.disturbed}
            record["tripped"] = max(record["tripped"], float(written.tripped))
        return record | {"write_power": max(written.power for written in both), "time": device.time}

    def _without_wires(self, device: Device, drive: Waveform, cell: tuple[int, int]) -> Record:
        """What other cells leak into a column, and the margin that they leave to a cell alone."""
        with _bare(device, device.rows, device.cols) as ideal, _bare(device, 1, 1) as one:
            on, off = (_only(one, end) for end in (1, 0))
            _spread(ideal, 1)
            current = float(ideal.apply(drive).currents[0, cell[1]])
            volts = float(np.diff(np.array([drive.cols[0, cell[1]], drive.rows[0, cell[0]]]))[0])
        return {"leak": current / (on * volts) - 1, "margin_alone": 1 - off / on}

    def _written(self, device: Device, bench: CellBench, scheme: str, cell: tuple[int, int], sign: int) -> Disturbance:
        """Pulses of a sign on the cell: those that potentiate at the lowest conductance, others at the highest."""
        s, own = self.settings, device.programming
        up = sign * (1 if own is None else own.polarity) > 0
        placed = _spread(device, 0 if up else 1)
        v, width = bench.grid.volts(s.signed(sign)), bench.grid.seconds(filled(s.width))
        rest = Waveform.rest(width, device.rows, device.cols)
        drive = select(*cell, v, cells=device.cells, width=width, scheme=scheme, measure=True) + rest
        before = _conductances(device)
        trips = []
        for _ in range(s.writes):
            told = device.apply(drive)
            trips.append(bool(told.tripped[0]))
        after = _conductances(device)
        change = np.abs(after - before)
        moved = float(change[cell])
        change[cell] = 0.0
        ends = _range(device)
        span = float(before.max()) if ends is None else ends[1] - ends[0]
        of_one = self._of_one(device, v, width, placed) if placed is not None else float("nan")
        return Disturbance(moved / of_one if of_one else float("nan"), float(change.max()) / span,
                       float(told.energy[0]) / width, any(trips))  # fmt: skip

    def _of_one(self, device: Device, v: float, width: float, placed: float) -> float:
        """Change of a cell alone, without lines, by the same pulses, S."""
        with _single(device, placed) as one:
            before = _conductances(one)
            for _ in range(self.settings.writes):
                one.apply(Waveform.pulse(v, width=width) + Waveform.rest(width))
            return float(np.abs(_conductances(one) - before)[0, 0])

    def analyse(self, records: Records) -> list[Row]:
        """By scheme: margin, error, disturb and power of the largest array, and how large one may be."""
        rows: list[Row] = []
        for number, scheme in enumerate(SCHEMES):
            found = where(records, scheme=number)
            if not len(found["size"]):
                continue
            rows += self._of_scheme(scheme, {name: column[np.argsort(found["size"])] for name, column in found.items()})
        seen = records["error"][np.isfinite(records["row"])]
        if len(seen):
            worst = Row("error of the worst read", float(seen[np.abs(seen).argmax()]), headline=True)
            mean = Row("mean error", float(seen.mean()), note=f"{len(seen)} cells, all at their highest")
            rows += [row.under("map: ", part="map") for row in (worst, mean)]
        return [*rows, *tripped_rows(records)]

    def _of_scheme(self, scheme: str, found: Mapping[str, NDArray[np.float64]]) -> list[Row]:
        s, last = self.settings, {name: float(column[-1]) for name, column in found.items()}
        n = int(last["size"])
        none = "cells cannot be put at both ends of their range"
        rows = [
            known("read margin", last["margin"], note="of the worst cell", why=none, headline=True),
            known("read error", last["error"], note="of the worst cell"),
            known("read power", last["read_power"], "W"),
            known("disturb", float(np.nanmax([last["disturb_positive"], last["disturb_negative"]])),
                  note=f"largest change of another cell over its range, {s.writes} pulses"),
            known("written", float(np.fmin(last["written_positive"], last["written_negative"])),
                  note="change of the worst cell over that of one alone", why=none),
            known("write power", last["write_power"], "W"),
        ]  # fmt: skip
        rows = [row.under(f"{scheme}, {n} rows: ", scheme=scheme, size=n) for row in rows]
        enough = found["size"][found["margin"] >= s.least_margin]
        if np.isfinite(last["margin"]):
            most = int(enough.max()) if len(enough) else None
            sizes = [Row("largest size measured with that margin", most, note=f"{s.least_margin:g}")]
            note = f"rows with a margin of {s.least_margin:g} where each leaks as at the smallest size; without wires"
            size = allowed(found, s.least_margin) if scheme in LINEAR else float("nan")
            why = "nothing leaks, or not in proportion to the rows"
            sizes.append(known("size that leaks allow", size, note=note, why=why))
            rows += [row.under(f"{scheme}: ", scheme=scheme) for row in sizes]
        return rows

    @classmethod
    def draw(cls, curves: Mapping[str, Records], path: Path) -> None:
        """Margin, disturb and power against size, and the map."""
        array_figure.draw(curves, path)

    def live(self, record: Record) -> str:
        """Margin, or error."""
        name = "margin" if np.isfinite(record["margin"]) else "error"
        return f"{name} {record[name]:.3g}"


def _furthest(device: Device) -> tuple[int, int]:
    """Cell furthest from the drivers, as far as is known."""
    last = device.cols - 1
    return device.furthest() if isinstance(device, Rebuilding) else (0, last)


def _range(device: Device) -> tuple[float, float] | None:
    """Ends of the range of a cell, S; None where it cannot be put there."""
    ends = device.cell_range() if isinstance(device, Rebuilding) else (0.0, 0.0)
    return ends if ends[0] > 0 else None


def _put(device: Device, g: NDArray[np.float64]) -> None:
    if isinstance(device, Rebuilding):
        device.put(g)


def _spread(device: Device, end: int, but: tuple[int, int] | None = None) -> float | None:
    """Put all cells at an end of their range, `but` one at the other; that end, S, or None where it cannot be."""
    ends, g = _range(device), np.zeros(device.cells)
    if ends is None:
        return None
    g[:] = ends[end]
    if but is not None:
        g[but] = ends[1 - end]
    _put(device, g)
    return ends[end]


def _bare(device: Device, rows: int, cols: int) -> Device:
    """The same in another size, without wires."""
    if not isinstance(device, Rebuilding):
        raise TypeError("a device that cannot be rebuilt comes in one size")
    return device.resized(rows, cols, wires=False)


def _only(one: Device, end: int) -> float:
    """What a read of a single cell at an end of its range gives, S."""
    _spread(one, end)
    return float(one.read()[0, 0])


def _single(device: Device, placed: float) -> Device:
    """A cell alone, without lines, at a conductance, S."""
    one = _bare(device, 1, 1)
    _put(one, np.full((1, 1), placed))
    return one


def _alone(device: Device, placed: float | None) -> NDArray[np.float64]:
    """What reads of the cells would give without lines, S."""
    if placed is None:
        return device.read()
    with _single(device, placed) as one:
        return np.full((device.rows, device.cols), float(one.read()[0, 0]))


def _conductances(device: Device) -> NDArray[np.float64]:
    """Conductances, S: the cells' own where the device knows them."""
    known: NDArray[np.float64] | None = getattr(device, "conductance", None)
    return device.read() if known is None else known


def allowed(found: Mapping[str, Any], least: float) -> float:
    """Rows with a margin of `least` where each leaks as at the smallest size above 1; NaN where nothing leaks.

    Of the n - 1 other cells of the column each adds its share to I_on = I_cell (1 + leak (n - 1)), so that
    (I_on - I_off) / I_on = (1 - 1/r) / (1 + leak (n - 1)).
    """
    chosen = np.flatnonzero(found["size"] > 1)
    if not len(chosen):
        return float("nan")
    leak = found["leak"][chosen[0]] / (found["size"][chosen[0]] - 1)
    if not leak > 0:
        return float("nan")
    return float(max(1 + (found["margin_alone"][chosen[0]] / least - 1) / leak, 1.0))
