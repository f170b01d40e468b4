"""Pinched hysteresis: current against a triangular voltage, the fingerprint of a memristor.

Chua (2014), Semicond. Sci. Technol. 29, 104001: a loop that is pinched at the origin and whose lobes shrink as the
frequency grows. A lobe's area is the integral of i dv around it, in V A; for a resistor it is 0.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from hil import style
from hil.abilities import Thresholded
from hil.device import Device
from hil.experiments import figures
from hil.experiments.bench import CellBench
from hil.experiments.experiment import (
    NOT_A_RATIO,
    TIME,
    TRIPPED,
    Block,
    Column,
    Experiment,
    Record,
    Records,
    Settings,
    Several,
    known,
    known_repeats,
    own_voltages,
    points,
    quantity,
    tripped_rows,
    unit,
    where,
)
from hil.runs.results import Row
from hil.waveform import Waveform

BEYOND_PROGRAMMING, SWEEP_BEYOND = 1.2, 2.0
"""Default amplitude over the device's own programming voltage, and over its threshold."""

OPEN_LOOP = 1e-2
"""Area of a loop over peak voltage times peak current below which there is no hysteresis."""


class CurrentVoltageSettings(Settings):
    """Settings of `hil characterize iv`."""

    amplitudes: Several | None = Field(
        None,
        min_length=1,
        description="peaks; 1.2 times the device's programming voltage, 2 times its threshold, else 0.1 and 0.2",
        json_schema_extra=unit("V"),
    )
    frequencies: Several = Field(
        (5.0, 10.0), min_length=1, description="loops per second", json_schema_extra=unit("Hz")
    )
    cycles: int = Field(2, ge=1, description="loops at each amplitude and frequency")
    stairs: int = Field(100, ge=8, description="voltage stairs in a loop")

    def resolved(self, device: Device) -> CurrentVoltageSettings:
        """Fill in peaks that reach beyond the device's programming voltages."""
        reach = max(own_voltages(device, SWEEP_BEYOND))
        if device.programming is not None:
            peaks: tuple[float, ...] = (BEYOND_PROGRAMMING * reach,)
        else:
            known = isinstance(device, Thresholded) and device.thresholds is not None
            peaks = (reach,) if known else (reach, 2 * reach)
        return super().resolved(device)._filled(amplitudes=peaks)


class CurrentVoltage(Experiment):
    """Pinched hysteresis loop: current against voltage, lobe areas."""

    name = "iv"
    reading = "current"
    settings_model = CurrentVoltageSettings
    columns: ClassVar = {
        "amplitude": Column("V", "peak of the triangle"),
        "frequency": Column("Hz", "loops per second"),
        "cycle": Column("1", "number of the loop, from 0"),
        "voltage": Column("V", "voltage across the cell"),
        "width": Column("s", "time on the stair"),
        "current": Column("A", "current through the cell at the end of the stair"),
        "time": TIME,
        "tripped": TRIPPED,
    }

    @classmethod
    def require(cls, settings: CurrentVoltageSettings) -> None:
        """Refuse amplitudes and frequencies that are not positive."""
        for name in ("amplitudes", "frequencies"):
            require_positive(f"iv.{name}", getattr(settings, name) or ())

    def blocks(self) -> Sequence[Block]:
        """One block an amplitude and frequency: all its loops without a pause."""
        s, found = self.settings, []
        loops = {(peak, f): self.grid.waveform(self._loop(peak, f)) for peak in s.amplitudes for f in s.frequencies}
        driven = {key: self._driven(loop, *key) for key, loop in loops.items()}
        for k, (name, symbol) in enumerate((("amplitudes", "V"), ("frequencies", "Hz"))):
            self.grid.require_different(f"iv.{name}", symbol, [(key[k], values[k]) for key, values in driven.items()])
        for key, loop in loops.items():
            peak, frequency = driven[key]
            name = f"{quantity(peak, 'V')}, {quantity(frequency, 'Hz')}"
            found.append(Block(name, (loop,), {"amplitude": peak, "frequency": frequency}))
        return found

    def _loop(self, peak: float, frequency: float) -> Waveform:
        quarter = max(round(self.settings.stairs / 4), 1)
        loop = Waveform.triangle(peak, step=peak / quarter, dwell=1.0 / (frequency * (4 * quarter + 1)))
        return loop * self.settings.cycles

    def _driven(self, loop: Waveform, peak: float, frequency: float) -> tuple[float, float]:
        """Peak (V) and frequency (Hz) of a loop as it is driven."""
        grid, cycles = self.grid, self.settings.cycles
        return float(loop.rows.max()) if grid.v_step else peak, cycles / loop.total if grid.time_step else frequency

    def measure(self, block: Block, bench: CellBench, past: Records) -> Iterator[Record]:
        """Every stair is a point."""
        samples = bench.play(block.waveforms[0])
        count = len(samples.time)
        cycle = np.arange(count) // (count // self.settings.cycles)
        yield from points(block, samples, cycle=cycle, current=samples.current)

    def analyse(self, records: Records) -> list[Row]:
        """Areas of both lobes, current at 0 V, spread of the conductance at half the peak."""
        rows: list[Row] = []
        for peak, frequency in pairs(records, "amplitude", "frequency"):
            curve = where(records, amplitude=peak, frequency=frequency)
            curve["current"] = np.where(curve["tripped"] > 0, np.nan, curve["current"])
            loops = [where(curve, cycle=k) for k in np.unique(curve["cycle"])]
            head = f"{quantity(peak, 'V')} {quantity(frequency, 'Hz')}"
            positive, negative = zip(*(lobe_areas(c["voltage"], c["current"]) for c in loops), strict=True)
            largest, offset = (np.abs(curve["current"][part]).max() for part in (slice(None), curve["voltage"] == 0))
            member = [
                known_repeats("positive lobe", positive, "V A", note="area of the loop at v > 0", headline=True),
                known_repeats("negative lobe", negative, "V A"),
                known("peak current", largest, "A"),
                known("current at 0 V", offset, "A", note="largest magnitude; 0 for a pinched loop"),
                known_repeats(
                    "branch ratio",
                    [branch_ratio(c["voltage"], c["current"]) for c in loops],
                    note="current of the upper over the lower branch at half the positive peak",
                    why=NOT_A_RATIO,
                    headline=True,
                ),
            ]
            rows += [row.under(f"{head}: ", amplitude=peak, frequency=frequency) for row in member]
        left_out = "areas, ratios and peaks that they would enter are not given; the figure shows them as they flowed"
        return rows + tripped_rows(records, left_out)

    @classmethod
    def still(cls, records: Records) -> str | None:
        """Say that all loops are lines."""
        for peak, frequency in pairs(records, "amplitude", "frequency"):
            curve = where(records, amplitude=peak, frequency=frequency)
            v, i = curve["voltage"], np.nan_to_num(curve["current"])
            area = float(np.abs(np.sum(np.diff(v) * (i[1:] + i[:-1]) / 2 * np.sign(v[1:] + v[:-1]))))
            cycles = len(np.unique(curve["cycle"]))
            if area > OPEN_LOOP * cycles * np.abs(v).max() * np.abs(i).max():
                return None
        reach = float(np.abs(records["amplitude"]).max())
        return (
            f"hardly any hysteresis up to {quantity(reach, 'V')}: the loops enclose less than {100 * OPEN_LOOP:g} % of "
            "V x I; set higher amplitudes or lower frequencies"
        )

    @classmethod
    def draw(cls, curves: Mapping[str, Records], path: Path) -> None:
        """Loops, linear and as the logarithm of the current's magnitude; the one alone that the style asks for."""
        asked = style.current().y
        figure, axes = figures.panels(1 if asked else 2)
        peak = max(np.nanmax(np.abs(records["current"]), initial=0.0) for records in curves.values())
        for look, name, records in figures.named(curves):
            members = pairs(records, "amplitude", "frequency")
            for n, (amplitude, frequency) in enumerate(members):
                curve = where(records, amplitude=amplitude, frequency=frequency)
                colour = figures.shade(look.number, look.count, n, len(members))
                line = (look if len(curves) > 1 else figures.Look(n, len(members))).line
                text = f"{name}, {quantity(amplitude, 'V')}, {quantity(frequency, 'Hz')}"
                shown = np.abs(curve["current"])
                shown[shown < 1e-6 * peak] = np.nan
                if asked != "log":
                    axes[0].plot(curve["voltage"], curve["current"], color=colour, **line, label=text)
                    figures.arrow(axes[0], curve["voltage"], curve["current"], colour)
                if asked != "linear":
                    axes[-1].semilogy(curve["voltage"], shown, color=colour, **line, label=text)
        if asked != "log":
            figures.label(axes[0], ("voltage", "V"), ("current", "A"), scaled="")
            axes[0].axhline(0, color="0.6", lw=0.6, zorder=1)
            axes[0].axvline(0, color="0.6", lw=0.6, zorder=1)
        if asked != "linear":
            figures.label(axes[-1], ("voltage", "V"), ("|current|", "A"), scaled="")
        figures.note_still(axes[0], cls, curves)
        figures.legend(figure, axes)
        figures.save(figure, path)


def pairs(records: Records, first: str, second: str) -> list[tuple[float, float]]:
    """All pairs of values of two columns, in the order in which they were measured."""
    return list(dict.fromkeys(zip(records[first].tolist(), records[second].tolist(), strict=True)))


def lobe_areas(voltage: NDArray[np.float64], current: NDArray[np.float64]) -> tuple[float, float]:
    """Areas of the lobes at v > 0 and at v < 0 of one loop that starts and ends at 0 V, V A.

    The loop is closed through its zeros, so each area is ``|integral i dv|`` by the trapezoidal rule over its half.
    """
    areas = []
    for side in (voltage >= 0, voltage <= 0):
        v, i = voltage[side], current[side]
        v, i = np.append(v, v[:1]), np.append(i, i[:1])
        areas.append(abs(float(np.sum(np.diff(v) * (i[1:] + i[:-1]) / 2))))
    return areas[0], areas[1]


def branch_ratio(voltage: NDArray[np.float64], current: NDArray[np.float64]) -> float:
    """Current of the upper over that of the lower branch at half the positive peak of one loop.

    The branches are those beside the peak: what the voltage did before it rose, or after it fell, plays no part. NaN
    where one of them does not reach down to half the peak.
    """
    top = int(np.argmax(voltage))
    half = voltage[top] / 2
    rising = _crossing(voltage[: top + 1][::-1], current[: top + 1][::-1], half)
    falling = _crossing(voltage[top:], current[top:], half)
    low, high = np.minimum(rising, falling), np.maximum(rising, falling)
    return float(high / low) if low > 0 else float("nan")


def _crossing(voltage: NDArray[np.float64], current: NDArray[np.float64], level: float) -> float:
    """Current where the voltage first comes down to `level`, interpolated; NaN if it never does."""
    below = np.flatnonzero(voltage <= level)
    if not len(below) or below[0] == 0:
        return float("nan")
    k = int(below[0])
    share = (voltage[k - 1] - level) / (voltage[k - 1] - voltage[k])
    return float(current[k - 1] + share * (current[k] - current[k - 1]))


def require_positive(name: str, values: Sequence[float]) -> None:
    """Raise `InputError` naming the first value that is not positive."""
    from hil.errors import InputError

    for value in values:
        if not value > 0:
            raise InputError(f"{name} = {value:g} must be > 0")
