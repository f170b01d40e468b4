"""Write-verify (ISPP): pulses and reads in turn until the cell is at a target conductance, one target after another.

The controller is the one of whole arrays, `hil.writing.controllers.ispp`: many pulses far from the target, one near
it, then narrower, then lower ones. A cell that does not answer gets longer bursts, then higher pulses, up to
`amplitude_max`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from hil.device import Device
from hil.errors import InputError
from hil.experiments import figures
from hil.experiments.bench import CellBench, Samples
from hil.experiments.experiment import (
    TIME,
    TRIPPED,
    Block,
    Column,
    Experiment,
    PulseSettings,
    Record,
    Records,
    Several,
    filled,
    known,
    known_repeats,
    quantity,
    require_blocks,
    tripped_rows,
    unit,
    where,
)
from hil.experiments.iv import require_positive
from hil.fraction import Fraction
from hil.programming import Programming
from hil.runs.results import Row, repeated
from hil.waveform import Waveform
from hil.writing.controller import Goal
from hil.writing.controllers.ispp import HIGHEST, IncrementalPulses

RANGE_LEVEL = -1
"""`level` of the records of the range measurement."""


class WriteVerifySettings(PulseSettings):
    """Settings of `hil characterize ispp`."""

    targets: Several | None = Field(
        None, min_length=1, description="conductances; evenly spaced levels if not given", json_schema_extra=unit("S")
    )
    levels: int = Field(16, ge=1, description="number of levels where no targets are given")
    low: Fraction = Field(0.2, ge=0, lt=1, description="lowest level, fraction of the device's conductance range")
    high: Fraction = Field(0.8, gt=0, le=1, description="highest level, fraction of the device's conductance range")
    spacing: Literal["linear", "log"] = Field("linear", description="levels evenly spaced in G or in log G")
    tolerance: Fraction = Field(
        0.02, gt=0, lt=1, description="largest error that counts as reached, fraction of the target"
    )
    max_pulses: int = Field(200, ge=1, description="pulses after which a level is given up")
    burst: int = Field(50, ge=1, description="most pulses between two verifications")
    reads: int = Field(4, ge=1, description="reads that a verification averages")
    settle: float = Field(
        0.0, ge=0, description="time at 0 V before a verification, for volatile cells", json_schema_extra=unit("s")
    )
    width_min: float | None = Field(
        None,
        gt=0,
        description="narrowest pulse; a hundredth of width, or what the device can, if not given",
        json_schema_extra=unit("s"),
    )
    amplitude_max: float | None = Field(
        None,
        gt=0,
        description="highest pulse of either sign; 1.5 times the amplitude, within the limits, if not given",
        json_schema_extra=unit("V"),
    )
    range_pulses: int = Field(
        200, ge=1, description="pulses of each sign that find the range of a device that does not state it"
    )

    def resolved(self, device: Device) -> WriteVerifySettings:
        """Fill in the narrowest pulse."""
        full = super().resolved(device)
        finest = max(filled(full.width) / 100, device.limits.width_min, device.limits.time_step)
        return full._filled(width_min=finest)


@dataclass(frozen=True)
class Range:
    """Conductances between which a device can be put, S, and the sign of the pulses that raise it."""

    low: float
    high: float
    raises: int


class WriteVerify(Experiment):
    """Closed-loop write-verify to target conductances."""

    name = "ispp"
    settings_model = WriteVerifySettings
    columns: ClassVar = {
        "level": Column("1", f"number of the target, from 0; {RANGE_LEVEL} while the range is measured"),
        "target": Column("S", "target conductance"),
        "verification": Column("1", "number of the verification of this level, from 0"),
        "voltage": Column("V", "pulses before this verification, as they were driven; NaN before the first"),
        "width": Column("s", "width of these pulses, as they were driven"),
        "burst": Column("1", "number of these pulses"),
        "pulses": Column("1", "pulses of this level so far"),
        "conductance": Column("S", "mean of the reads of this verification"),
        "spread": Column("S", "standard deviation of one read"),
        "error": Column("1", "conductance over target, minus 1"),
        "reached": Column("1", "1 where the target is reached, -1 where the level is given up, 0 in between"),
        "time": TIME,
        "tripped": TRIPPED,
    }

    _range: Range | None = None

    @classmethod
    def require(cls, settings: WriteVerifySettings) -> None:
        """Refuse targets that are not positive, and levels that do not rise."""
        require_positive("ispp.targets", settings.targets or ())
        if settings.high < settings.low:
            raise InputError(f"ispp.high = {settings.high:g} must be >= ispp.low = {settings.low:g}")

    def prepare(self, device: Device) -> None:
        """Take the range that the device states, and refuse targets outside it."""
        own = device.programming
        if own is not None:
            self._range = Range(own.g_min, own.g_max, own.polarity)
            self._targets(self._range)

    def blocks(self) -> Sequence[Block]:
        """The range, where the device does not state it, then one block a level."""
        s = self.settings
        first = s.read_and_gap() * s.reads
        if s.settle > 0:
            first = Waveform.rest(s.settle) + first
        levels = len(s.targets) if s.targets else s.levels
        require_blocks(levels)
        note = f"then bursts of up to {s.burst} pulses, each verified by {s.reads} reads"
        found = [
            Block(f"level {k + 1}", (first, s.pulse_and_read(s.amplitude)), {"level": k}, note) for k in range(levels)
        ]
        if self._range is None:
            trains = tuple(s.pulse(s.signed(p)) * s.range_pulses + first for p in (1, -1))
            found.insert(0, Block("range", trains, {"level": RANGE_LEVEL}))
        return found

    def measure(self, block: Block, bench: CellBench, past: Records) -> Iterator[Record]:
        """One point a verification."""
        if block.values["level"] == RANGE_LEVEL:
            for train in block.waveforms:
                samples = bench.play(train)
                yield self._record(
                    block, samples[-self.settings.reads :], voltage=samples.voltage[0], width=samples.width[0],
                    burst=self.settings.range_pulses,
                )  # fmt: skip
            return
        reach = self._range or measured_range(past)
        yield from self._approach(block, bench, self._targets(reach)[int(block.values["level"])], reach.raises)

    def _approach(self, block: Block, bench: CellBench, target: float, raises: int) -> Iterator[Record]:
        s, control = self.settings, IncrementalPulses(self._goal(target, raises, bench))
        bursts, before, pulses, driven = None, 0.0, 0, None
        for verification in count():
            samples = bench.play(block.waveforms[0])
            record = self._record(block, samples, target=target, verification=verification, pulses=pulses)
            g = record["conductance"]
            if bursts is not None and np.isfinite(g):
                control.learn(bursts, one(g - before), 2.0 * record["spread"] / np.sqrt(s.reads))
            if driven is not None:
                record |= {"voltage": float(driven.voltage[0]), "width": float(driven.width[0])}
                record["burst"] = float(len(driven.voltage))
            # A read at the compliance tells no conductance: not one more pulse is driven on it.
            given_up = pulses >= s.max_pulses or not np.isfinite(g)
            record["reached"] = 1.0 if abs(g / target - 1.0) <= s.tolerance else -1.0 if given_up else 0.0
            yield record
            if record["reached"]:
                return
            bursts, before = control.next(one(g), one(target - g), np.array([[s.max_pulses - pulses]])), g
            number = int(bursts.count[0, 0])
            driven = bench.play(s.pulse(float(bursts.voltage[0, 0]), float(bursts.width[0, 0])) * number)
            pulses += number

    def _goal(self, target: float, raises: int, bench: CellBench) -> Goal:
        """What the controller has to know, for an array of one cell."""
        s = self.settings
        tallest = max(filled(s.amplitude), filled(s.amplitude_negative))
        up, down = (abs(s.signed(sign)) for sign in (raises, -raises))
        pulses = Programming(up, down, filled(s.width), 0.0, np.inf, raises)
        highest = min(s.amplitude_max or HIGHEST * tallest, bench.v_max)
        tolerance = s.tolerance * target
        return Goal(one(target), pulses, filled(s.width_min), highest, tolerance, s.burst, bench.grid)

    def _record(self, block: Block, samples: Samples, **values: float) -> Record:
        g = samples.conductance
        mean = float(g.mean())
        record = dict.fromkeys(self.columns, np.nan) | dict(block.values) | values
        return record | {
            "conductance": mean,
            "spread": float(g.std(ddof=1)) if len(g) > 1 else 0.0,
            "error": mean / record["target"] - 1.0,
            "reached": 0.0,
            "time": float(samples.time[-1]),
            "tripped": float(samples.tripped.max()),
        }

    def _targets(self, reach: Range) -> NDArray[np.float64]:
        """All targets, S; `InputError` for one that the device cannot reach."""
        s = self.settings
        if s.targets:
            for target in s.targets:
                if not reach.low <= target <= reach.high:
                    raise InputError(
                        f"ispp.targets = {target:g} S cannot be reached: this device goes from {reach.low:g} S "
                        f"to {reach.high:g} S"
                    )
            return np.array(s.targets)
        require_blocks(s.levels)
        if s.spacing == "log":
            return np.geomspace(
                reach.low * (reach.high / reach.low) ** s.low, reach.low * (reach.high / reach.low) ** s.high, s.levels
            )
        return reach.low + (reach.high - reach.low) * np.linspace(s.low, s.high, s.levels)

    def analyse(self, records: Records) -> list[Row]:
        """Levels reached, pulses and verifications a level, final errors; and which levels were given up."""
        ends = [where(records, level=k) for k in np.unique(records["level"][records["level"] >= 0])]
        last = {name: np.array([end[name][-1] for end in ends]) for name in self.columns}
        reached = last["reached"] > 0
        error = 100 * np.abs(last["error"])
        rows = [
            Row(
                "levels reached",
                int(reached.sum()),
                n=len(ends),
                note=f"within {100 * self.settings.tolerance:g} %",
                headline=True,
            ),
            repeated("pulses a level", last["pulses"].tolist(), headline=True),
            repeated("verifications a level", (last["verification"] + 1).tolist()),
            known_repeats("final error", error, "%", "|G / target - 1| at the last verification"),
            known("largest final error", error.max(), "%"),
        ]
        for k in np.flatnonzero(~reached):
            note = f"{last['pulses'][k]:.0f} pulses, error {100 * last['error'][k]:+.3g} %"
            if np.isnan(last["error"][k]):
                note = f"{last['pulses'][k]:.0f} pulses, then a read at the compliance"
            given_up = Row("target given up", float(last["target"][k]), "S", note=note, label=f"level {k + 1} given up")
            rows.append(given_up.under(level=int(k + 1)))
        return rows + tripped_rows(records)

    @classmethod
    def draw(cls, curves: Mapping[str, Records], path: Path) -> None:
        """Conductance against pulses through all levels, and the final error of every level (open: given up)."""
        figure, (left, right) = figures.panels(2)
        for look, name, records in figures.named(curves):
            done = 0.0
            label: str | None = name
            for level in np.unique(records["level"][records["level"] >= 0]):
                track = where(records, level=level)
                line = {**look.line, "linestyle": "-", "linewidth": 0.8, "marker": look.marker, "ms": 2.2}
                left.plot(done + track["pulses"], track["conductance"], **line, color=look.colour)
                targets = "target" if label and look.number == 0 else None
                left.plot(done + track["pulses"][[0, -1]], track["target"][[0, -1]], color="0.3", lw=0.8, label=targets)
                done += track["pulses"][-1]
                fill = look.colour if track["reached"][-1] > 0 else "white"
                right.plot(level + 1, 100 * track["error"][-1], **look.points, mfc=fill, label=label)
                label = None
        figures.label(left, ("pulses, all levels", ""), ("conductance", "S"), scaled="y")
        figures.label(right, ("level", ""), ("final error", "%"), scaled="")
        right.axhline(0, color="0.6", lw=0.8, zorder=1)
        figures.whole_numbers(right)
        figures.legend(figure, [right, left])
        figures.save(figure, path)

    def live(self, record: Record) -> str:
        """Where the level ended."""
        return f"{quantity(record['conductance'], 'S')} after {record['pulses']:.0f} pulses"


def one(value: float) -> NDArray[np.float64]:
    """An array of one cell."""
    return np.array([[value]])


def measured_range(past: Records) -> Range:
    """Range from the conductances after the trains of the range measurement.

    Raises
    ------
    InputError
        If neither sign moved the cell.
    """
    found = where(past, level=RANGE_LEVEL)
    positive, negative = found["conductance"].tolist()
    if not np.isfinite(found["conductance"]).all():
        raise InputError(
            "the range of the cell is not known: a read after the trains that find it was at the compliance; raise "
            "i_max, or lower the read voltage (ispp.read_voltage)"
        )
    if abs(positive - negative) <= 2.0 * float(found["spread"].max()) or min(positive, negative) <= 0:
        raise InputError(
            f"the cell does not answer: {positive:g} S after positive, {negative:g} S after negative pulses; "
            "give higher or wider pulses (ispp.amplitude, ispp.width), "
            "or volatile parts more time (ispp.settle)"
        )
    return Range(min(positive, negative), max(positive, negative), 1 if positive > negative else -1)
