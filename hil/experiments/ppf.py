"""Paired pulses: the response to the second of two equal pulses over that to the first, against their interval.

A ratio above 1 is paired-pulse facilitation, below 1 paired-pulse depression. On a volatile device it returns to 1 as
the state relaxes: ``ratio = c + C exp(-interval / tau)``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import numpy as np
from pydantic import Field

from hil.experiments import figures
from hil.experiments.bench import CellBench
from hil.experiments.experiment import (
    NOT_A_RATIO,
    TIME,
    TRIPPED,
    VOLTAGE,
    WIDTH,
    Block,
    Column,
    Experiment,
    Record,
    Records,
    Several,
    known,
    quantity,
    tripped_rows,
    unit,
)
from hil.experiments.fits import exponential
from hil.experiments.iv import require_positive
from hil.experiments.preparation import IntervalSettings
from hil.runs.results import Row

ALIKE = 1e-3
"""Relative difference of responses below which they are the same."""


class PairedPulseSettings(IntervalSettings):
    """Settings of `hil characterize ppf`."""

    intervals: Several = Field(
        (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 4.0),
        min_length=1,
        description="from the end of the first to the start of the second pulse",
        json_schema_extra=unit("s"),
    )


class PairedPulses(Experiment):
    """Paired pulses: second response over the first against their interval."""

    name = "ppf"
    settings_model = PairedPulseSettings
    columns: ClassVar = {
        "interval": Column("s", "end of the first to start of the second pulse"),
        "first": Column("A", "current at the end of the first pulse"),
        "current": Column("A", "current at the end of the second pulse"),
        "ratio": Column("1", "second over first current; NaN where one of them was at the compliance"),
        "voltage": VOLTAGE,
        "width": WIDTH,
        "time": TIME,
        "tripped": TRIPPED,
    }

    @classmethod
    def require(cls, settings: PairedPulseSettings) -> None:
        """Refuse intervals that are not positive."""
        require_positive("ppf.intervals", settings.intervals)

    def blocks(self) -> Sequence[Block]:
        """One block an interval: the pair and the recovery."""
        s = self.settings
        return s.interval_blocks("ppf.intervals", "interval", s.intervals, s.measured_pulse(), self.grid)

    def measure(self, block: Block, bench: CellBench, past: Records) -> Iterator[Record]:
        """One point an interval."""
        samples = self.settings.play_prepared(bench, block)
        first, second = (float(i) for i in samples.current)
        unknown = first == 0 or samples.tripped.any()
        yield {
            **block.values,
            "first": first,
            "current": second,
            "ratio": np.nan if unknown else second / first,
            "voltage": float(samples.voltage[-1]),
            "width": float(samples.width[-1]),
            "time": float(samples.time[-1]),
            "tripped": float(samples.tripped.max()),
        }

    def analyse(self, records: Records) -> list[Row]:
        """Ratio at the shortest and longest interval, time constant of the exponential between them."""
        t, ratio = records["interval"], records["ratio"]
        rows = [
            replace(
                known("ratio", ratio[k], note="above 1 facilitation, below 1 depression", why=NOT_A_RATIO),
                conditions={"interval": float(t[k])},
                label=f"ratio at {quantity(float(t[k]), 's')}",
                headline=k == int(np.argmin(t)),
            )
            for k in (int(np.argmin(t)), int(np.argmax(t)))
        ]
        unknown, fit = int(np.isnan(ratio).sum()), exponential(t, ratio)
        if fit is None:
            rows.append(
                Row(
                    "tau", None, "s", note="the ratio does not change with the interval, or too few intervals are known"
                )
            )
        else:
            rows += [
                fit.other("C", fit.amplitude, note=f"ratio = c + C exp(-interval/tau), residual {fit.rms:.2g}"),
                replace(fit.row("tau", "s"), headline=True),
                fit.other("c", fit.offset, reference=1, note="ratio after full relaxation"),
            ]
        return rows + tripped_rows(records, f"{unknown} of {len(ratio)} ratios are left out of the fit and the figure")

    @classmethod
    def still(cls, records: Records) -> str | None:
        """Say that the second pulse meets what the first did."""
        ratio = records["ratio"][np.isfinite(records["ratio"])]
        if not len(ratio) or np.abs(ratio - 1).max() > ALIKE:
            return None
        return f"both pulses give the same response within {100 * ALIKE:g} %; set higher or wider pulses"

    @classmethod
    def draw(cls, curves: Mapping[str, Records], path: Path) -> None:
        """Ratio against interval, with the fit."""
        figure, (axis,) = figures.panels(1, size=(6.5, 4))
        for look, name, records in figures.named(curves):
            t = records["interval"]
            figures.points_and_fit(axis, look, name, t, records["ratio"], exponential(t, records["ratio"]))
        figures.logarithmic_x(axis)
        axis.axhline(1, color="0.6", lw=0.8, ls="--", zorder=1)
        figures.label(axis, ("interval", "s"), ("paired-pulse ratio $I_2/I_1$", ""))
        figures.note_still(axis, cls, curves)
        figures.legend(figure, [axis])
        figures.save(figure, path)
