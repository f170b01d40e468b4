"""Endurance: the high and the low conductance over set/reset cycles, until the window between them closes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from hil.experiments import figures
from hil.experiments.bench import CellBench
from hil.experiments.experiment import (
    NOT_A_RATIO,
    TIME,
    TRIPPED,
    WIDTH,
    Block,
    Column,
    Experiment,
    PulseSettings,
    Record,
    Records,
    known,
    known_repeats,
    require_blocks,
    tripped_rows,
)
from hil.runs.results import Row

WINDOW = 1.01
"""High over low conductance below which there is no window."""


class EnduranceSettings(PulseSettings):
    """Settings of `hil characterize endurance`."""

    cycles: int = Field(100, ge=1, description="set/reset cycles")
    pulses: int = Field(100, ge=1, description="pulses of each sign in a cycle")
    cycles_per_block: int = Field(5, ge=1, description="cycles that are played as one waveform")
    min_ratio: float = Field(1.1, ge=1, description="high over low conductance below which a cycle has failed")
    failures: int = Field(3, ge=1, description="failed cycles in a row after which the experiment ends")


class Endurance(Experiment):
    """High and low state over set/reset cycles, until the window closes."""

    name = "endurance"
    settings_model = EnduranceSettings
    columns: ClassVar = {
        "cycle": Column("1", "number of the cycle, from 1"),
        "after_positive": Column("S", "conductance after the positive pulses"),
        "after_negative": Column("S", "conductance after the negative pulses"),
        "ratio": Column("1", "the higher of the two over the lower"),
        "voltage_positive": Column("V", "voltage of the positive pulses, as it was driven"),
        "voltage_negative": Column("V", "voltage of the negative pulses, as it was driven"),
        "width": WIDTH,
        "time": TIME,
        "tripped": TRIPPED,
    }

    def blocks(self) -> Sequence[Block]:
        """A few cycles a block, as one waveform; the last pulse of each sign and the reads are measured."""
        s = self.settings
        cycle = None
        for polarity in (1, -1):
            last = s.pulse_and_read(s.signed(polarity))
            part = s.pulse(s.signed(polarity), measure=False) * (s.pulses - 1) + last if s.pulses > 1 else last
            cycle = part if cycle is None else cycle + part
        firsts = range(0, s.cycles, s.cycles_per_block)
        require_blocks(s.cycles / s.cycles_per_block)
        counts = [min(s.cycles_per_block, s.cycles - first) for first in firsts]
        played = {n: cycle * n for n in set(counts)}
        return [Block(f"cycles {f + 1} to {f + n}", (played[n],)) for f, n in zip(firsts, counts, strict=True)]

    def measure(self, block: Block, bench: CellBench, past: Records) -> Iterator[Record]:
        """One point a cycle."""
        samples = bench.play(block.waveforms[0])
        g = samples.conductance.reshape(-1, 4)[:, 1::2]
        volts, width = samples.voltage.reshape(-1, 4), samples.width.reshape(-1, 4)
        tripped, time = samples.tripped.reshape(-1, 4).max(axis=1), samples.time.reshape(-1, 4)[:, -1]
        for k, (positive, negative) in enumerate(g.tolist()):
            yield {
                "cycle": float(len(past["cycle"]) + k + 1),
                "after_positive": positive,
                "after_negative": negative,
                "ratio": window(positive, negative),
                "voltage_positive": float(volts[k, 0]),
                "voltage_negative": float(volts[k, 2]),
                "width": float(width[k, 0]),
                "time": float(time[k]),
                "tripped": float(tripped[k]),
            }

    def finished(self, past: Records) -> str | None:
        """Say when the window has closed."""
        first = first_failure(told(past), self.settings.min_ratio, self.settings.failures)
        if first is None:
            return None
        return f"the window closed at cycle {first + 1}: high/low stayed below {self.settings.min_ratio:g}"

    def analyse(self, records: Records) -> list[Row]:
        """High and low state over all cycles, the window at the ends, and the cycle at which it closed."""
        s = self.settings
        high, low = states(records)
        first = first_failure(told(records), s.min_ratio, s.failures)
        note = f"high/low below {s.min_ratio:g} in {s.failures} cycles in a row"
        return [
            Row("cycles played", len(high), headline=True),
            Row(
                "failed at cycle",
                None if first is None else first + 1,
                note=note if first is not None else f"no: {note}",
            ),
            known_repeats("low-resistance state", high, "S", "higher conductance of every cycle"),
            known_repeats("high-resistance state", low, "S", "lower conductance of every cycle"),
            known("window of the first cycle", records["ratio"][0], note="high over low conductance", why=NOT_A_RATIO),
            known("window of the last cycle", records["ratio"][-1], why=NOT_A_RATIO, headline=True),
            *tripped_rows(records),
        ]

    @classmethod
    def still(cls, records: Records) -> str | None:
        """Say that there is no window."""
        ratio = records["ratio"][np.isfinite(records["ratio"])]
        if not len(ratio) or ratio.max() > WINDOW:
            return None
        return f"no cycle opens a window of {WINDOW:g}; set higher, wider or more pulses"

    @classmethod
    def draw(cls, curves: Mapping[str, Records], path: Path) -> None:
        """Both states against the cycle."""
        figure, (axis,) = figures.panels(1, size=(6.5, 4))
        values = []
        for look, name, records in figures.named(curves):
            for state, fill, word in zip(states(records), (look.colour, "white"), ("low R", "high R"), strict=True):
                axis.plot(records["cycle"], state, **look.points, mfc=fill, label=f"{name}, {word}")
                values += state.tolist()
        figures.logarithmic_x(axis)
        figures.log_where_wide(axis, values)
        figures.label(axis, ("cycle", ""), ("conductance", "S"))
        figures.note_still(axis, cls, curves)
        figures.legend(figure, [axis])
        figures.save(figure, path)

    def live(self, record: Record) -> str:
        """Window of the last cycle."""
        return f"high/low = {record['ratio']:.4g}"


def states(records: Records) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Higher and lower conductance of every cycle, each (cycles,), S."""
    both = np.stack([records["after_positive"], records["after_negative"]])
    return both.max(axis=0), both.min(axis=0)


def window(first: float, second: float) -> float:
    """Higher over lower conductance; NaN where one is not known, or not positive."""
    low, high = np.minimum(first, second), np.maximum(first, second)
    return float(high / low) if low > 0 else float("nan")


def told(records: Records) -> NDArray[np.float64]:
    """Window of every cycle; infinite where a read at the compliance leaves it unknown, which is no failure."""
    open_ended = np.isnan(records["ratio"]) & (records["tripped"] > 0)
    return np.where(open_ended, np.inf, records["ratio"])


def first_failure(ratio: NDArray[np.float64], min_ratio: float, failures: int) -> int | None:
    """Index of the first of `failures` cycles in a row whose ratio is below `min_ratio`, or not a number; else None."""
    bad = ~(ratio >= min_ratio)
    if len(bad) < failures:
        return None
    hit = np.convolve(bad, np.ones(failures), "valid") > failures - 0.5
    return int(np.argmax(hit)) if hit.any() else None
