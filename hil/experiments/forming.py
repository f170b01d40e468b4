"""Forming: single pulses of growing voltage until the current jumps, and not one pulse more.

Forming changes a sample for good, so nothing is driven unless `allowed` is set. The compliance current of the device
is what protects the filament; the ramp stops at the first pulse that reaches the threshold or the compliance.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from hil.device import Device
from hil.errors import InputError
from hil.experiments import figures
from hil.experiments.bench import CellBench
from hil.experiments.experiment import (
    GENTLE_WIDTH,
    TIME,
    TRIPPED,
    Block,
    Column,
    Experiment,
    PulseSettings,
    Record,
    Records,
    known,
    points,
    quantity,
    require_blocks,
    unit,
)
from hil.runs.results import Row

THRESHOLD = 1e-4
"""Current that counts as formed where none is given, A."""


class FormingSettings(PulseSettings):
    """Settings of `hil characterize forming`."""

    allowed: bool = Field(False, description="forming is for good: nothing is driven unless this is true")
    start: float = Field(0.5, gt=0, description="first pulse", json_schema_extra=unit("V"))
    stop: float = Field(
        3.0, gt=0, description="last pulse, if the current does not jump before", json_schema_extra=unit("V")
    )
    step: float = Field(0.1, gt=0, description="from one pulse to the next", json_schema_extra=unit("V"))
    polarity: Literal["positive", "negative"] = Field("positive", description="sign of the pulses")
    threshold: float | None = Field(
        None,
        gt=0,
        description="current of a pulse that counts as formed, 1e-4 if not given; so does the compliance",
        json_schema_extra=unit("A"),
    )
    jump: float = Field(10.0, gt=1, description="conductance over that before the ramp that counts as formed")

    def resolved(self, device: Device) -> FormingSettings:
        """Fill in a width of 1 ms, whatever the device is programmed with."""
        own = self._filled(
            amplitude=self.stop,
            amplitude_negative=self.stop,
            width=GENTLE_WIDTH,
        )
        return PulseSettings.resolved(own, device)


class Forming(Experiment):
    """Ramp of pulses until the current jumps; only with --allow-forming."""

    name = "forming"
    settings_model = FormingSettings
    columns: ClassVar = {
        "voltage": Column("V", "voltage of the pulse, as it was driven; 0 for the read before the ramp"),
        "width": Column("s", "width of the pulse, as it was driven; NaN for the read before the ramp"),
        "current": Column("A", "current at the end of the pulse"),
        "conductance": Column("S", "read after the pulse"),
        "time": TIME,
        "tripped": TRIPPED,
    }

    @classmethod
    def require(cls, settings: FormingSettings) -> None:
        """Refuse to form unless it is allowed, and a ramp that does not rise."""
        if not settings.allowed:
            raise InputError(
                "forming changes the sample for good: give --allow-forming (or --set forming.allowed=true) to do it"
            )
        if settings.stop < settings.start:
            raise InputError(f"forming.stop = {settings.stop:g} V must be >= forming.start = {settings.start:g} V")

    def blocks(self) -> Sequence[Block]:
        """A read, then one pulse and its read a block, so that nothing comes after the pulse that formed."""
        s = self.settings
        sign = 1 if s.polarity == "positive" else -1
        heights = list(dict.fromkeys(self.grid.volts(sign * v) for v in ramp(s.start, s.stop, s.step)))
        pulses = [Block(quantity(v, "V"), (s.pulse_and_read(v),), {"voltage": v}) for v in heights]
        return [Block("before", (s.read_and_gap(),), {"voltage": 0.0}), *pulses]

    def measure(self, block: Block, bench: CellBench, past: Records) -> Iterator[Record]:
        """One point a pulse."""
        samples = bench.play(block.waveforms[0])
        nothing = np.array([np.nan])
        pulsed = len(samples.time) == 2
        yield from points(
            block, samples[-1:], voltage=samples.voltage[:1] if pulsed else 0.0, tripped=samples.tripped.max(),
            width=samples.width[:1] if pulsed else nothing, current=samples.current[:1] if pulsed else nothing,
            conductance=samples.conductance[-1:],
        )  # fmt: skip

    def finished(self, past: Records) -> str | None:
        """Stop at the first pulse beyond a threshold."""
        k = formed(past, self.settings)
        return None if k is None else f"formed at {quantity(float(past['voltage'][k]), 'V')}"

    def analyse(self, records: Records) -> list[Row]:
        """Forming voltage, conductance before and after."""
        k = formed(records, self.settings)
        g = records["conductance"]
        rows = [
            Row("forming voltage", None, "V", note="no jump up to the end of the ramp", headline=True)
            if k is None
            else Row("forming voltage", float(records["voltage"][k]), "V", note=self._why(records, k), headline=True),
            Row("pulses", len(g) - 1),
            known("conductance before", g[0], "S"),
            known("conductance after", g[-1], "S", headline=True),
        ]
        if k is not None and records["tripped"][k]:
            rows.append(Row("compliance reached", "yes", note="the forming current is the compliance current"))
        return rows

    def _why(self, records: Records, k: int) -> str:
        current = float(records["current"][k])
        told = quantity(current, "A") if np.isfinite(current) else "a current beyond the measure range"
        return f"{told} at the end of the pulse"

    @classmethod
    def draw(cls, curves: Mapping[str, Records], path: Path) -> None:
        """Current of the pulses and conductance after them, against the voltage."""
        figure, (left, right) = figures.panels(2)
        for look, name, records in figures.named(curves):
            current, more = np.abs(records["current"][1:]), {"marker": look.marker, "ms": 3.5, **look.line}
            left.semilogy(records["voltage"][1:], current, color=look.colour, **more, label=name)
            right.semilogy(records["voltage"], records["conductance"], color=look.colour, **more)
        figures.label(left, ("pulse voltage", "V"), ("|current|", "A"), scaled="y")
        figures.label(right, ("pulse voltage", "V"), ("conductance after the pulse", "S"), scaled="y")
        figures.legend(figure, [left])
        figures.save(figure, path)


def ramp(start: float, stop: float, step: float) -> list[float]:
    """Heights from `start` in steps of `step`, never beyond `stop`, V."""
    steps = (stop - start) / step
    require_blocks(steps)
    count = int(np.floor(steps * (1 + 1e-12) + 1e-9)) + 1
    return [float(min(start + k * step, stop)) for k in range(count)]


def formed(records: Records, settings: FormingSettings) -> int | None:
    """Index of the first pulse that reached the threshold, the compliance or the jump; None if none did."""
    g = records["conductance"]
    if len(g) < 2:
        return None
    threshold = THRESHOLD if settings.threshold is None else settings.threshold
    hit = (np.abs(records["current"]) >= threshold) | (records["tripped"] > 0) | (g >= settings.jump * g[0])
    hit[0] = False
    return int(np.argmax(hit)) if hit.any() else None
