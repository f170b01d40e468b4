"""Retention: conductance against time after programming, read at logarithmically spaced times."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from hil.device import Device
from hil.errors import InputError
from hil.experiments import figures
from hil.experiments.bench import CellBench
from hil.experiments.experiment import (
    AT_COMPLIANCE,
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
    tripped_rows,
    unit,
)
from hil.experiments.fits import exponential, power
from hil.runs.results import Row
from hil.waveform import Waveform


class RetentionSettings(PulseSettings):
    """Settings of `hil characterize retention`."""

    pulses: int = Field(20, ge=1, description="programming pulses")
    polarity: Literal["positive", "negative"] = Field("positive", description="sign of the programming pulses")
    first: float = Field(0.01, gt=0, description="end of the first read after programming", json_schema_extra=unit("s"))
    last: float = Field(100.0, gt=0, description="end of the last read after programming", json_schema_extra=unit("s"))
    reads: int = Field(25, ge=3, description="reads, evenly spaced in log time")

    @property
    def times(self) -> NDArray[np.float64]:
        """(reads,) ends of the reads after programming, s."""
        require_blocks(self.reads)
        return np.geomspace(self.first, self.last, self.reads)


class Retention(Experiment):
    """Conductance against time after programming."""

    name = "retention"
    settings_model = RetentionSettings
    columns: ClassVar = {
        "elapsed": Column("s", "end of the read after the end of programming; NaN before it, 0 for the last pulse"),
        "conductance": Column("S", "conductance"),
        "voltage": Column("V", "voltage of the read or of the last pulse, as it was driven"),
        "width": Column("s", "width of the read or of the last pulse, as it was driven"),
        "time": TIME,
        "tripped": TRIPPED,
    }
    continuous = True

    @classmethod
    def require(cls, settings: RetentionSettings) -> None:
        """Refuse an end before the beginning."""
        if settings.last <= settings.first:
            raise InputError(f"retention.last = {settings.last:g} s must be > retention.first = {settings.first:g} s")

    def prepare(self, device: Device) -> None:
        """Refuse reads that would overlap."""
        shortest = float(np.diff(self.settings.times, prepend=0.0).min())
        if shortest <= self.settings.read_width:
            raise InputError(
                f"retention.first, last and reads leave {shortest:g} s between reads: "
                f"more than read_width = {self.settings.read_width:g} s is needed"
            )

    def blocks(self) -> Sequence[Block]:
        """Programming is a block, and so is every read with the wait before it."""
        s = self.settings
        height = s.signed(1 if s.polarity == "positive" else -1)
        last = Waveform.pulse(height, width=s.width, measure=True)
        before = s.pulse(height, measure=False) * (s.pulses - 1) if s.pulses > 1 else None
        program = s.read_and_gap() + (before + last if before is not None else last)
        waits = np.diff(s.times, prepend=0.0) - s.read_width
        return [
            Block("programming", (program,)),
            *(
                Block(f"after {quantity(float(t), 's')}", (Waveform.rest(float(wait)) + s.read(),))
                for t, wait in zip(s.times, waits, strict=True)
            ),
        ]

    def measure(self, block: Block, bench: CellBench, past: Records) -> Iterator[Record]:
        """Two points for programming, then one a read."""
        samples = bench.play(block.waveforms[0])
        if not len(past["time"]):
            elapsed = np.array([np.nan, 0.0])
        else:
            elapsed = samples.time - past["time"][past["elapsed"] == 0]
        yield from points(block, samples, elapsed=elapsed, conductance=samples.conductance)

    def analyse(self, records: Records) -> list[Row]:
        """Conductance before, just after and at the end; exponential and power law, each with its residual."""
        t, g, before = decay(records)
        unknown = int((records["elapsed"] > 0).sum()) - len(t)
        warnings = tripped_rows(records, f"{unknown} of {unknown + len(t)} reads after programming are left out")
        rows = [known("before programming", before, "S")] if np.isnan(records["elapsed"]).any() else []
        if not len(t):
            return [*rows, Row("after programming", None, "S", note=AT_COMPLIANCE), *warnings]
        lost = f"{100 * (g[-1] / g[0] - 1):+.3g} % of the first"
        rows += [
            Row(
                "after programming", float(g[k]), "S", note=note, conditions={"elapsed": float(t[k])}, headline=k == -1,
                label=f"{quantity(float(t[k]), 's')} after programming",
            )
            for k, note in ((0, ""), (-1, lost))
        ]  # fmt: skip
        resistance = exponential(t, 1.0 / g)
        conductance, drift = exponential(t, g), power(t, g)
        if conductance is None or resistance is None:
            note = "no relaxation seen" if len(t) > 3 else "too few reads are known"
            return [*rows, Row("tau", None, "s", note=note), *warnings]
        scale = {"G": g.mean(), "R": (1.0 / g).mean()}
        for name, fit in (("G", conductance), ("R", resistance)):
            note = (
                f"{name} = {name}_end + d{name} exp(-t/tau), residual {100 * fit.rms / scale[name]:.2g} % of the mean"
            )
            rows.append(fit.row(f"tau of {name}", "s", note))
        if drift is not None:
            note = f"G = G1 (t / 1 s)^-nu, residual {100 * drift.rms / scale['G']:.2g} % of the mean"
            rows.append(Row("drift exponent nu", -drift.exponent, note=note, headline=True))
        return rows + warnings

    @classmethod
    def draw(cls, curves: Mapping[str, Records], path: Path) -> None:
        """Conductance against log time, with the curve of least residual."""
        figure, (axis,) = figures.panels(1, size=(6.5, 4))
        values = []
        for look, name, records in figures.named(curves):
            t, g, before = decay(records)
            values += [*g, before]
            curve = best_curve(t, g)
            if curve is not None:
                dense = np.geomspace(t.min(), t.max(), 300)
                axis.plot(dense, curve[1](dense), color=look.colour, **look.line)
            axis.plot(t, g, **look.points, label=name if curve is None else f"{name}: {curve[0]}")
            if np.isfinite(before):
                before_it = f"{name} before" if len(curves) > 1 else "before programming"
                axis.axhline(before, color=look.colour, lw=0.8, ls=":", label=before_it)
        if np.isfinite(values).any():
            axis.set_xscale("log")
        figures.log_where_wide(axis, values)
        figures.label(axis, ("time after programming", "s"), ("conductance", "S"))
        figures.legend(figure, [axis])
        figures.save(figure, path)


def best_curve(
    t: NDArray[np.float64], g: NDArray[np.float64]
) -> tuple[str, Callable[[NDArray[np.float64]], NDArray[np.float64]]] | None:
    """The one of the exponentials in G and in R and the power law that is nearest; None where G does not change.

    With what a legend says of it; the curve gives S at times in s.
    """
    in_g, in_r, drift = exponential(t, g), exponential(t, 1.0 / g), power(t, g)
    if in_g is None or in_r is None:
        return None
    found: list[tuple[float, str, Callable[[NDArray[np.float64]], NDArray[np.float64]]]] = [
        (in_g.rms / float(g.mean()), f"{in_g.label()} in G", in_g),
        (in_r.rms / float((1.0 / g).mean()), f"{in_r.label()} in R", lambda times: 1.0 / in_r(times)),
    ]
    if drift is not None:
        found.append((drift.rms / float(g.mean()), f"ν = {-drift.exponent:.3g}", drift))
    _, told, curve = min(found, key=lambda entry: entry[0])
    return told, curve


def decay(records: Records) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
    """Times (s) and conductances (S) of the reads after programming, and the conductance before it.

    Reads at the compliance are left out; before programming, NaN stands for one, and where there was no read before.
    """
    after = (records["elapsed"] > 0) & np.isfinite(records["conductance"])
    before = records["conductance"][np.isnan(records["elapsed"])]
    return records["elapsed"][after], records["conductance"][after], float(before[0]) if len(before) else np.nan
