"""Spike-timing window: relative change of conductance against the delay from the pre to the post pulse.

The pre pulse drives the row, the post pulse the column, both positive; the cell sees their difference. The delay is
from onset to onset, positive where the row comes first; pulses that overlap subtract. The cell is prepared anew before
every delay, and read before the pair and, when volatile elements have relaxed, after it.

With `overlap` the delays are parts of a pulse, and currents are taken where a pulse ends, nowhere else: two channels of
an instrument, one on the row and one on the column, then need no list and leave the delay free.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import numpy as np
from pydantic import Field

from hil.device import Device
from hil.errors import InputError
from hil.experiments import figures
from hil.experiments.bench import CellBench
from hil.experiments.experiment import (
    TIME,
    TRIPPED,
    Block,
    Column,
    Experiment,
    Record,
    Records,
    Several,
    filled,
    known,
    quantity,
    tripped_rows,
    unit,
)
from hil.experiments.fits import Exponential, exponential
from hil.experiments.preparation import PreparedSettings
from hil.runs.results import Row
from hil.waveform import Waveform

_DELAYS = (0.002, 0.005, 0.01, 0.015, 0.02, 0.03, 0.05, 0.1, 0.2)

PARTS = (0.1, 0.25, 0.5, 0.75, 0.9, 1.0, 1.5)
"""Delays of pulses that overlap, and of some that no longer do, in widths."""

CHANGED = 1e-6
"""Difference of relative changes of the conductance below which they are the same."""


class StdpWindowSettings(PreparedSettings):
    """Settings of `hil characterize stdp`; `amplitude` is the pre pulse, `amplitude_negative` the post pulse."""

    delays: Several = Field(
        (*(-d for d in reversed(_DELAYS)), *_DELAYS),
        min_length=1,
        description="from the onset of the pre pulse to that of the post pulse; negative where post comes first",
        json_schema_extra=unit("s"),
    )
    pairs: int = Field(1, ge=1, description="pairs of pulses at every delay")
    overlap: bool = Field(
        False, description="pulses that overlap: delays of a part of the width, unless they are given; measured at ends"
    )
    settle: float = Field(1.0, gt=0, description="time at 0 V after every pair", json_schema_extra=unit("s"))

    def resolved(self, device: Device) -> StdpWindowSettings:
        """Fill in the device's own pulse; with `overlap`, delays that are parts of its width."""
        full = super().resolved(device)
        if not self.overlap or "delays" in self.model_fields_set:
            return full
        parts = [*(-p for p in reversed(PARTS)), *PARTS]
        return full.model_copy(update={"delays": tuple(filled(full.width) * part for part in parts)})


class StdpWindow(Experiment):
    """Timing window: change of conductance against the delay between pre and post pulse, fitted."""

    name = "stdp"
    settings_model = StdpWindowSettings
    columns: ClassVar = {
        "delay": Column("s", "onset of the post pulse minus onset of the pre pulse"),
        "pre": Column("V", "voltage of the pre pulse on the row, as it was driven"),
        "post": Column("V", "voltage of the post pulse on the column, as it was driven"),
        "width": Column("s", "width of the pre pulse, as it was driven"),
        "before": Column("S", "conductance before the pairs"),
        "conductance": Column("S", "conductance after the pairs and the settling time"),
        "change": Column("1", "relative change of the conductance"),
        "time": TIME,
        "tripped": TRIPPED,
    }

    def blocks(self) -> Sequence[Block]:
        """One block a delay: read, pairs, settle, read, in one waveform after the preparation."""
        s, found = self.settings, []
        note = {"auto": "after a reset; the first waveform where the device cannot", "reset": "after a reset"}
        played = {d: spike_pair(s.amplitude, s.amplitude_negative, s.width, d, ends=s.overlap) for d in s.delays}
        pairs = {d: self.grid.waveform(pair) for d, pair in played.items()}
        driven = {d: pair_of(pair) if self.grid.time_step > 0 else (d, s.width) for d, pair in pairs.items()}
        self.grid.require_different("stdp.delays", "s", [(d, delay) for d, (delay, _) in driven.items()])
        for asked, spikes in pairs.items():
            delay, width = driven[asked]
            values = {"delay": delay, "pre": float(spikes.rows.max()), "post": float(spikes.cols.max()), "width": width}
            pair = spikes + Waveform.rest(s.settle)
            waveforms: tuple[Waveform, ...] = (s.read_and_gap() + pair * s.pairs + s.read_and_gap(),)
            if s.prepare in ("auto", "train"):
                waveforms = (s.preparing_trains() + Waveform.rest(s.settle), *waveforms)
            found.append(Block(f"delay {quantity(delay, 's')}", waveforms, values, note.get(s.prepare, "")))
        return found

    def measure(self, block: Block, bench: CellBench, past: Records) -> Iterator[Record]:
        """One point a delay."""
        samples = self.settings.play_prepared(bench, block)
        before, after = float(samples.conductance[0]), float(samples.conductance[-1])
        yield {
            **block.values,
            "before": before,
            "conductance": after,
            "change": (after - before) / before if before else np.nan,
            "time": float(samples.time[-1]),
            "tripped": float(samples.tripped.max()),
        }

    def analyse(self, records: Records) -> list[Row]:
        """Largest changes, and exponential windows A exp(-|delay| / tau) on both sides."""
        rows: list[Row] = []
        for sign, word in ((1, "+"), (-1, "-")):
            fit, peak = window(records, sign)
            side = sign * records["delay"] > 0
            if not side.any():
                continue
            change = np.where(side & np.isfinite(records["change"]), records["change"], 0.0)
            at = int(np.argmax(np.abs(change)))
            note = f"at {quantity(float(records['delay'][at]), 's')}" if change[at] else "at every delay"
            largest = change[at] if np.isfinite(records["change"][side]).any() else np.nan
            peaked = known("largest change", 100 * largest, "%", note, headline=True)
            side_rows = [replace(peaked, label=f"largest change, side {word}")]
            if fit is None:
                note = "too few delays beyond the peak, or no change with the delay"
                fitted = [Row("A", None, "%", note=note), Row("tau", None, "s", note=note)]
            else:
                note = f"A exp(-|delay|/tau) + c from {quantity(peak, 's')} on, residual {100 * fit.rms:.2g} %"
                fitted = [
                    fit.other("A", 100 * fit.amplitude, "%", note=note),
                    fit.row("tau", "s"),
                    fit.other("c", 100 * fit.offset, "%", note="change that does not depend on the delay"),
                ]
            side_rows += [replace(row, label=f"{row.name}{word}") for row in fitted]
            rows += [row.under(delay_sign=word) for row in side_rows]
        unknown = int(np.isnan(records["change"]).sum())
        left_out = (
            f"{unknown} of {len(records['change'])} changes, of reads there, are left out of the fits and the figure"
        )
        return rows + tripped_rows(records, left_out)

    @classmethod
    def still(cls, records: Records) -> str | None:
        """Say that the change is the same at every delay."""
        change = records["change"][np.isfinite(records["change"])]
        if len(change) < 2 or np.ptp(change) > CHANGED:
            return None
        return (
            f"the change of G is the same at every delay within {100 * CHANGED:g} %: pulses that do not overlap tell "
            "their order to volatile parts alone; or set higher pulses"
        )

    @classmethod
    def draw(cls, curves: Mapping[str, Records], path: Path) -> None:
        """Relative change against delay, with the fits."""
        figure, (axis,) = figures.panels(1, size=(6.5, 4))
        for look, name, records in figures.named(curves):
            axis.plot(records["delay"], 100 * records["change"], **look.points, label=name)
            for sign in (1, -1):
                fit, peak = window(records, sign)
                if fit is not None:
                    t = np.linspace(peak, float(np.abs(records["delay"]).max()), 200)
                    axis.plot(sign * t, 100 * fit(t), color=look.colour, **look.line)
        axis.axhline(0, color="0.6", lw=0.6)
        axis.axvline(0, color="0.6", lw=0.6)
        figures.label(axis, ("delay $t_{post} - t_{pre}$", "s"), ("ΔG/G", "%"))
        figures.note_still(axis, cls, curves)
        figures.legend(figure, [axis])
        figures.save(figure, path)

    def live(self, record: Record) -> str:
        """Relative change at the last delay."""
        return f"dG/G = {100 * record['change']:.3g} %"


def spike_pair(pre: float, post: float, width: float, delay: float, *, ends: bool = False) -> Waveform:
    """A pulse of `pre` volts on the row and one of `post` volts on the column, `delay` seconds from onset to onset.

    Both last `width` seconds. Overlapping pulses are driven at once, so the cell sees their difference. The current is
    measured in every step of a pulse or, with `ends`, where a pulse ends.
    """
    starts = np.array([max(-delay, 0.0), max(delay, 0.0)])
    edges = np.unique(np.concatenate([starts, starts + width]))
    edges = edges[np.append(True, np.diff(edges) > 1e-9 * width)]
    middle = (edges[1:] + edges[:-1]) / 2
    rows, cols = (
        np.where((middle > start) & (middle < start + width), height, 0.0)
        for start, height in zip(starts, (pre, post), strict=True)
    )
    measure = (rows != 0) | (cols != 0)
    if ends:
        measure = ((rows != 0) & (np.append(rows[1:], 0.0) == 0)) | ((cols != 0) & (np.append(cols[1:], 0.0) == 0))
    return Waveform.samples(rows, cols, dwell=np.diff(edges), measure=measure)


def pair_of(pair: Waveform) -> tuple[float, float]:
    """Delay from the onset of the row's pulse to that of the column's, and width of the row's, s, as driven."""
    starts = pair.starts
    row, col = (np.flatnonzero(lines[:, 0] != 0) for lines in (pair.rows, pair.cols))
    if not len(row) or not len(col):
        raise InputError("stdp: a pulse of the pair rounds to 0 V on this device; give a higher one")
    return float(starts[col[0]] - starts[row[0]]), float(pair.duration[row].sum())


def window(records: Records, sign: int) -> tuple[Exponential | None, float]:
    """Exponential of |delay| through the changes on one side, from the largest on; with the delay of the largest."""
    side = (sign * records["delay"] > 0) & np.isfinite(records["change"])
    t, y = np.abs(records["delay"][side]), records["change"][side]
    if not len(t):
        return None, 0.0
    order = np.argsort(t)
    t, y = t[order], y[order]
    peak = int(np.argmax(np.abs(y - y[-1])))
    return exponential(t[peak:], y[peak:]), float(t[peak])
