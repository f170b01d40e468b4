"""Desensitisation: the response to repeated equal pulses, and how it comes back while the cell is left alone.

A train of pulses, a pause, one test pulse; then the same with the next longer pause. The response is the current at the
end of a pulse over that of the train's first pulse.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from hil.experiments import figures
from hil.experiments.bench import CellBench
from hil.experiments.experiment import (
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
    known_repeats,
    points,
    quantity,
    tripped_rows,
    unit,
    where,
)
from hil.experiments.fits import exponential
from hil.experiments.iv import require_positive
from hil.experiments.ppf import ALIKE
from hil.experiments.preparation import IntervalSettings
from hil.runs.results import Row
from hil.waveform import Waveform


class DesensitisationSettings(IntervalSettings):
    """Settings of `hil characterize desensitisation`."""

    pulses: int = Field(20, ge=2, description="pulses in a train")
    period: float = Field(
        10e-3, gt=0, description="from one pulse to the next; longer than width", json_schema_extra=unit("s")
    )
    pauses: Several = Field(
        (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0),
        min_length=1,
        description="from the end of the train to the test pulse",
        json_schema_extra=unit("s"),
    )
    recovery: float = Field(10.0, gt=0, description="time at 0 V after a test pulse", json_schema_extra=unit("s"))


class Desensitisation(Experiment):
    """Response to repeated pulses, and its recovery."""

    name = "desensitisation"
    settings_model = DesensitisationSettings
    columns: ClassVar = {
        "pause": Column("s", "end of the train to the test pulse"),
        "pulse": Column("1", "number of the pulse, from 1; the last is the test pulse"),
        "current": Column("A", "current at the end of the pulse"),
        "response": Column(
            "1", "current over that of the first pulse of the train; NaN where one was at the compliance"
        ),
        "voltage": VOLTAGE,
        "width": WIDTH,
        "time": TIME,
        "tripped": TRIPPED,
    }

    @classmethod
    def require(cls, settings: DesensitisationSettings) -> None:
        """Refuse pauses that are not positive."""
        require_positive("desensitisation.pauses", settings.pauses)

    def blocks(self) -> Sequence[Block]:
        """One block a pause: train, pause, test pulse, recovery."""
        s = self.settings
        train = s.measured_pulse()
        if s.pulses > 1:
            more = s.pulses - 1
            train = Waveform.train(s.height, width=s.width, period=s.period, count=more, measure=True) + train
        return s.interval_blocks("desensitisation.pauses", "pause", s.pauses, train, self.grid)

    def measure(self, block: Block, bench: CellBench, past: Records) -> Iterator[Record]:
        """One point a pulse."""
        samples = self.settings.play_prepared(bench, block)
        i = samples.current
        told = np.where(samples.tripped > 0, np.nan, i)
        response = told / (told[0] if told[0] else np.nan)
        yield from points(block, samples, pulse=np.arange(1, len(i) + 1), current=i, response=response)

    def analyse(self, records: Records) -> list[Row]:
        """Response at the end of the train, its time constant in pulses, and that of the recovery."""
        trains, tests = trains_and_tests(records)
        last, count = [train["response"][-1] for train in trains], len(trains[0]["pulse"])
        note = "over the first; below 1 desensitised, above 1 sensitised"
        response = known_repeats("response", last, note=note, headline=True)
        rows = [replace(response, conditions={"pulse": count}, label=f"response to pulse {count}")]
        fit = exponential(trains[0]["pulse"], trains[0]["response"])
        if fit is None:
            rows.append(Row("pulses to 1/e", None, note="the response does not change, or too few are known"))
        else:
            rows.append(fit.row("pulses to 1/e", "pulses", f"first train, residual {fit.rms:.2g}"))
        pause, recovered = tests
        longest = int(np.argmax(pause))
        note = "(test - last) / (first - last): 1 is full recovery"
        label, after = f"recovered after {quantity(float(pause[longest]), 's')}", float(pause[longest])
        part = known("recovered", 100 * recovered[longest], "%", note, headline=True)
        rows.append(replace(part, conditions={"pause": after}, label=label))
        fit = exponential(pause, recovered)
        if fit is None:
            rows.append(
                Row("recovery tau", None, "s", note="the recovery does not change with the pause, or too few are known")
            )
        else:
            rows.append(fit.row("recovery tau", "s", f"residual {100 * fit.rms:.2g} % of full recovery"))
        unknown = int(np.isnan(records["response"]).sum())
        left_out = f"{unknown} of {len(records['response'])} responses are left out of the fits and the figure"
        return rows + tripped_rows(records, left_out)

    @classmethod
    def still(cls, records: Records) -> str | None:
        """Say that the response stays as it is."""
        response = records["response"][np.isfinite(records["response"])]
        if not len(response) or np.abs(response - 1).max() > ALIKE:
            return None
        return f"the response stays the same within {100 * ALIKE:g} %; set higher or wider pulses"

    @classmethod
    def draw(cls, curves: Mapping[str, Records], path: Path) -> None:
        """Response against pulse number, and recovery against pause."""
        figure, (left, right) = figures.panels(2)
        for look, name, records in figures.named(curves):
            trains, (pause, recovered) = trains_and_tests(records)
            size = look.points["markersize"] * 0.7
            for n, train in enumerate(trains):
                left.plot(
                    train["pulse"], train["response"], color=look.colour, marker=look.marker, ms=size, **look.line,
                    alpha=1 if n == 0 else 0.2,
                )  # fmt: skip
            figures.points_and_fit(right, look, name, pause, recovered, exponential(pause, recovered), scale=100)
        figures.logarithmic_x(right)
        right.axhline(100, color="0.6", lw=0.8, ls="--", zorder=1)
        figures.label(left, ("pulse", ""), ("response $I_n/I_1$", ""), scaled="y")
        figures.label(right, ("pause before the test pulse", "s"), ("recovery", "%"), scaled="x")
        figures.whole_numbers(left)
        figures.note_still(left, cls, curves)
        figures.legend(figure, [right])
        figures.save(figure, path)


def trains_and_tests(
    records: Records,
) -> tuple[list[dict[str, NDArray[np.float64]]], tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Records of every train; the pauses, with the recovered fraction ``(test - last) / (first - last)`` after each."""
    trains, pauses, recovered = [], [], []
    for pause in dict.fromkeys(records["pause"].tolist()):
        block = where(records, pause=pause)
        train = {name: column[:-1] for name, column in block.items()}
        i = np.where(block["tripped"] > 0, np.nan, block["current"])
        fallen = i[0] - i[-2]
        trains.append(train)
        pauses.append(pause)
        recovered.append((i[-1] - i[-2]) / fallen if abs(fallen) > 1e-9 * abs(i[0]) else np.nan)
    return trains, (np.array(pauses), np.array(recovered))
