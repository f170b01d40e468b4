"""Potentiation and depression: conductance against the number of pulses, identical ones or not.

A cycle is a train of positive pulses, then one of negative pulses, a read after each pulse. Which of the two
potentiates is for the data to say. One train of negative pulses, not counted, brings the cell to its starting point.

Pulses may become higher (`rise`) or wider (`widen`) from the first to the last of a train, or be followed by a smaller
one of the other sign (`opposite`), as published trains that come nearer to a straight line do (Park et al. 2013; Chang
et al. 2017; Li et al. 2016, all in Table 4 of Xu et al., Front. Nanotechnol. 3:645995, 2021). With `linearise` the
first cycle is measured with identical pulses, and those of all further ones are as wide as its slope is flat
(`hil.writing.shapes`; Fu et al. 2019, Figure 5 there), at the same height.

The nonlinearity of a train is the exponent alpha of ``G = (G_0^alpha (1 - w) + G_1^alpha w)^(1/alpha)``, ``w = n / N``
(Jang et al., IEEE Electron Device Letters 36, 457 (2015)); a train that saturates early fits it badly, as its residual
says.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
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
    PulseSettings,
    Record,
    Records,
    Several,
    points,
    quantity,
    require_blocks,
    tripped_rows,
    unit,
    where,
)
from hil.experiments.fits import STEEPEST, STEEPEST_LABEL, neurosim_train, nonlinear_train
from hil.experiments.iv import pairs, require_positive
from hil.fraction import Fraction
from hil.runs.results import Row, repeated
from hil.waveform import Waveform, require_segments
from hil.writing.shapes import equal_steps

MOVED = 1e-3
"""Change of the conductance over the conductance below which trains do nothing."""


class PotentiationSettings(PulseSettings):
    """Settings of `hil characterize ltp`."""

    pulses: int = Field(500, ge=2, description="pulses in a train")
    cycles: int = Field(2, ge=1, description="trains of each sign")
    amplitudes: Several | None = Field(
        None,
        min_length=1,
        description="family of heights of positive pulses; negative ones in proportion; amplitude alone if not given",
        json_schema_extra=unit("V"),
    )
    widths: Several | None = Field(
        None, min_length=1, description="family of widths; width alone if not given", json_schema_extra=unit("s")
    )

    rise: float = Field(1.0, gt=0, le=100, description="height of a train's last pulse over that of its first")
    widen: float = Field(1.0, gt=0, le=1e6, description="width of a train's last pulse over that of its first")
    opposite: Fraction = Field(
        0.0, ge=0, le=1, description="pulse of the other sign after each, of its own height; 0: none (bipolar)"
    )
    linearise: bool = Field(
        False, description="first cycle identical pulses; then widths inverse to the slope measured in it"
    )

    def train(self, polarity: int, scale: float, widths: NDArray[np.float64]) -> Waveform:
        """Read, then pulses and reads: heights `scale` times the signed one's, rising; each of its own width (N,)."""
        count, other = len(widths), self.opposite * scale * self.signed(-polarity)
        parts = [self.read_and_gap()]
        for k, width in enumerate(widths):
            height = scale * self.signed(polarity) * (1 + (self.rise - 1) * k / max(count - 1, 1))
            parts.append(self.pulse(height, float(width)))
            if other:
                parts.append(self.pulse(other, float(width), measure=False))
            parts.append(parts[0])
        return Waveform.concat(parts)

    def resolved(self, device: Device) -> PotentiationSettings:
        """Fill in the device's own pulse; a family of one where no family is given."""
        full = super().resolved(device)
        return full._filled(amplitudes=(full.amplitude,), widths=(full.width,))


class Potentiation(Experiment):
    """Potentiation and depression by trains of pulses: on/off ratio, nonlinearity, asymmetry."""

    name = "ltp"
    settings_model = PotentiationSettings
    columns: ClassVar = {
        "amplitude": Column("V", "height of the positive pulses of the family's member"),
        "width": Column("s", "width of the pulses"),
        "cycle": Column("1", "number of the cycle, from 0; -1 for the train before the first"),
        "polarity": Column("1", "sign of the train's pulses"),
        "pulse": Column("1", "pulses of this train so far; 0 for the read before it"),
        "voltage": Column("V", "voltage of the pulse before this read, as it was driven; 0 before the first"),
        "pulse_current": Column("A", "current at the end of the pulse"),
        "conductance": Column("S", "read after the pulse"),
        "time": TIME,
        "tripped": TRIPPED,
    }

    @classmethod
    def require(cls, settings: PotentiationSettings) -> None:
        """Refuse amplitudes and widths that are not positive."""
        for name in ("amplitudes", "widths"):
            require_positive(f"ltp.{name}", getattr(settings, name) or ())
        if settings.linearise:
            for name, plain in (("rise", 1.0), ("widen", 1.0), ("opposite", 0.0)):
                if getattr(settings, name) != plain:
                    raise InputError(
                        f"ltp.{name} = {getattr(settings, name):g}: linearise = true shapes identical pulses"
                    )
            if settings.cycles < 2:
                raise InputError(
                    f"ltp.cycles = {settings.cycles} must be >= 2 with linearise = true: the first measures"
                )

    def blocks(self) -> Sequence[Block]:
        """One block a train."""
        s, grid, found = self.settings, self.grid, []
        grid.require_different("ltp.amplitudes", "V", [(v, grid.volts(v)) for v in s.amplitudes])
        grid.require_different("ltp.widths", "s", [(t, grid.seconds(t)) for t in s.widths])
        require_blocks(float(len(s.amplitudes) * len(s.widths)) * (2 * s.cycles + 1))
        require_segments(4.0 * s.pulses, 1, 1)
        for amplitude in s.amplitudes:
            for width in s.widths:
                trains: dict[int, Waveform] = {}
                widths = width * np.geomspace(1.0, s.widen, s.pulses)
                member = {"amplitude": grid.volts(amplitude), "width": grid.seconds(width)}
                for cycle, polarity in [(-1, -1), *((c, p) for c in range(s.cycles) for p in (1, -1))]:
                    height = grid.volts(amplitude * s.signed(polarity) / s.amplitude)
                    if polarity not in trains:
                        trains[polarity] = self._train(polarity, amplitude, widths)
                    note = "widths inverse to the slope of cycle 0" if s.linearise and cycle > 0 else ""
                    name = f"{quantity(height, 'V')}, {quantity(member['width'], 's')}, cycle {cycle}"
                    found.append(
                        Block(name, (trains[polarity],), {**member, "cycle": cycle, "polarity": polarity}, note)
                    )
        return found

    def measure(self, block: Block, bench: CellBench, past: Records) -> Iterator[Record]:
        """One point a pulse; the first is the read before the train."""
        waveform = block.waveforms[0]
        if self.settings.linearise and block.values["cycle"] > 0:
            waveform = self._shaped(block, past)
        samples = bench.play(waveform)
        reads, pulses = samples[::2], samples[1::2]
        reads.tripped[1:] = np.maximum(reads.tripped[1:], pulses.tripped)
        current = np.concatenate([[np.nan], pulses.current])
        yield from points(
            block, reads, pulse=np.arange(len(reads.time)), voltage=np.append(0.0, pulses.voltage),
            width=block.values["width"], pulse_current=current, conductance=reads.conductance,
        )  # fmt: skip

    def _train(self, polarity: int, amplitude: float, widths: NDArray[np.float64]) -> Waveform:
        """A train as the device can drive it."""
        s = self.settings
        if s.rise == 1.0 and s.widen == 1.0 and not s.opposite and np.ptp(widths) == 0:
            height = self.grid.volts(amplitude * s.signed(polarity) / s.amplitude)
            return self.grid.waveform(s.read_and_gap() + s.pulse_and_read(height, float(widths[0])) * s.pulses)
        return self.grid.waveform(s.train(polarity, amplitude / s.amplitude, widths))

    def _shaped(self, block: Block, past: Records) -> Waveform:
        """The train of a block with widths from the first cycle; as it is where that did not move the cell."""
        told = {name: block.values[name] for name in ("amplitude", "width", "polarity")}
        g = where(past, cycle=0, **told)["conductance"]
        widths = equal_steps(told["width"] * np.arange(len(g), dtype=np.float64), g, self.settings.pulses)
        if widths is None:
            return block.waveforms[0]
        finest = max(self.grid.time_step, np.finfo(np.float64).tiny)
        return self._train(int(told["polarity"]), told["amplitude"], np.maximum(widths, finest))

    def analyse(self, records: Records) -> list[Row]:
        """On/off ratio, nonlinearity of both branches, asymmetry, spread from cycle to cycle."""
        rows: list[Row] = []
        for amplitude, width in pairs(records, "amplitude", "width"):
            head = f"{quantity(amplitude, 'V')} {quantity(width, 's')}"
            whole = where(records, amplitude=amplitude, width=width)
            if self.settings.linearise:
                first = whole["cycle"] <= 0
                before, whole = ({k: c[part] for k, c in whole.items()} for part in (first, ~first))
                rows += [replace(row.under("identical pulses: "), headline=False) for row in _member_rows(before)]
            member = _member_rows(whole)
            rows += [row.under(f"{head}: ", amplitude=amplitude, width=width) for row in member]
        return rows + tripped_rows(records)

    @classmethod
    def still(cls, records: Records) -> str | None:
        """Say that no train moves the conductance."""
        for amplitude, width in pairs(records, "amplitude", "width"):
            g = where(records, amplitude=amplitude, width=width)["conductance"]
            told = g[np.isfinite(g)]
            if not len(told) or np.ptp(told) > MOVED * np.abs(told).max():
                return None
        return f"all trains together move G by less than {100 * MOVED:g} %; set higher or wider pulses"

    @classmethod
    def draw(cls, curves: Mapping[str, Records], path: Path) -> None:
        """Conductance against pulses, the trains of a cycle one after the other, cycles laid over each other."""
        figure, (axis,) = figures.panels(1, size=(7.5, 4))
        for look, name, records in figures.named(curves):
            members = pairs(records, "amplitude", "width")
            for n, (amplitude, width) in enumerate(members):
                member = where(records, amplitude=amplitude, width=width)
                colour = figures.shade(look.number, look.count, n, len(members))
                line = (look if len(curves) > 1 else figures.Look(n, len(members))).line
                label: str | None = f"{name}, {quantity(amplitude, 'V')}, {quantity(width, 's')}"
                for cycle in np.unique(member["cycle"][member["cycle"] >= 0]):
                    loop = where(member, cycle=cycle)
                    second = loop["polarity"] < 0
                    number = loop["pulse"] + np.where(second, loop["pulse"].max(), 0)
                    axis.plot(number, loop["conductance"], color=colour, **line, alpha=0.8, label=label)
                    label = None
        length = max(float(records["pulse"].max()) for records in curves.values())
        axis.axvline(length, color="0.6", lw=0.8, ls="--")
        tops = [np.nanmax(records["conductance"], initial=0.0) for records in curves.values()]
        if min(tops) > 0 and max(tops) > 10 * min(tops):  # on one linear axis the small one would lie on the ground
            axis.set_yscale("log")
        figures.label(axis, ("pulses (positive, then negative)", ""), ("conductance", "S"))
        figures.note_still(axis, cls, curves)
        figures.legend(figure, [axis])
        figures.save(figure, path)


NO_TRAIN = "no pulses of that sign"
"""Why a train has no number where there is none."""


def _member_rows(whole: Records) -> list[Row]:
    """Numbers of one member of the family."""
    rows: list[Row] = []
    member = read_cycles(whole)
    played, kept = (len(np.unique(part["cycle"][part["cycle"] >= 0])) for part in (whole, member))
    if not kept:
        note = "every cycle has a read at the compliance: raise i_max, or lower the read voltage"
        return [Row("on/off ratio", None, note=note, headline=True)]
    if kept < played:
        note = f"of {played}: reads at the compliance tell no conductance"
        rows.append(Row("cycles left out", played - kept, note=note))
    found = branches(member)
    if found is None:
        return [*rows, Row("on/off ratio", None, note="no train changed the conductance", headline=True)]
    up, down = found
    trains = _windows(member, up, down)
    high = np.array([np.nanmax(g) for g in trains], np.float64)
    low = np.array([np.nanmin(g) for g in trains], np.float64)
    span = float((high - low).mean())
    rows += [
        Row("potentiating sign", potentiating_sign(member), note="of the cell voltage"),
        repeated("highest conductance", high.tolist(), "S"),
        repeated("lowest conductance", low.tolist(), "S"),
        repeated("on/off ratio", (high / low).tolist(), headline=True),
        replace(_nonlinearity("nonlinearity alpha_p", up), headline=True),
        replace(_nonlinearity("nonlinearity alpha_d", down), headline=True),
        _neurosim("NeuroSim NL LTP", up, 1),
        _neurosim("NeuroSim NL LTD", down, -1),
        _asymmetry(up, down, span),
    ]
    if len(up) > 1 and len(down) > 1:
        spread = float(np.nanmean([*np.nanstd(up, axis=0, ddof=1), *np.nanstd(down, axis=0, ddof=1)]))
        note = "standard deviation of G at the same pulse over cycles, of the window"
        rows.append(Row("cycle to cycle", 100 * spread / span, "%", n=len(up), note=note))
    return rows


def read_cycles(member: Records) -> dict[str, NDArray[np.float64]]:
    """Leave out the cycles in which a read at the compliance tells no conductance."""
    unknown = np.unique(member["cycle"][np.isnan(member["conductance"]) & (member["tripped"] > 0)])
    kept = ~np.isin(member["cycle"], unknown)
    return {name: column[kept] for name, column in member.items()}


def branches(member: Records) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """Conductances of the potentiating and of the depressing trains, (cycles, reads) each, if any moves.

    Reads are ordered by their pulse. NaN stands where one is not there, or where a train is shorter than the longest;
    where only one sign was driven, there are no trains of the other.
    """
    sign = potentiating_sign(member)
    if sign == 0:
        return None
    up, down = (_trains(where(member, polarity=polarity)) for polarity in (sign, -sign))
    complete = min(len(up), len(down))
    return (up[:complete], down[:complete]) if complete else (up, down)


def _windows(member: Records, up: NDArray[np.float64], down: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    """Reads that each tell the whole window: every train; both of a cycle where no read came before the first pulse."""
    if member["pulse"].min() == 0 or len(up) != len(down):
        return [*up, *down]
    return [np.concatenate(pair) for pair in zip(up, down, strict=True)]


def _trains(half: Records) -> NDArray[np.float64]:
    """(cycles, reads) conductances of the trains of one sign, S, from the earliest pulse that any was read after."""
    cycles = [c for c in np.unique(half["cycle"]) if c >= 0]
    if not cycles:
        return np.empty((0, 0))
    first = half["pulse"][half["cycle"] >= 0].min()
    count = int(half["pulse"][half["cycle"] >= 0].max() - first) + 1
    found = np.full((len(cycles), count), np.nan)
    for k, cycle in enumerate(cycles):
        train = where(half, cycle=cycle)
        found[k, (train["pulse"] - first).astype(np.int64)] = train["conductance"]
    return found


def potentiating_sign(member: Records) -> int:
    """Sign of the pulses that raise the conductance over their trains; 0 if neither does."""
    moved = 0.0
    for cycle in np.unique(member["cycle"][member["cycle"] >= 0]):
        for polarity in (1, -1):
            g = where(member, cycle=cycle, polarity=polarity)["conductance"]
            g = g[np.isfinite(g)]
            moved += polarity * (g[-1] - g[0]) if len(g) else 0.0
    return int(np.sign(moved))


def _asymmetry(up: NDArray[np.float64], down: NDArray[np.float64], span: float) -> Row:
    """Report how far the trains are from mirror images; they must be of one length."""
    note = "mean |G_p(n) - G_d(N - n)| over the window; 0 for mirror images"
    if up.shape != down.shape:
        why = f"not known: {up.shape[1]} reads of the trains that potentiate, {down.shape[1]} of the others"
        return Row("asymmetry", None, note=why)
    apart = np.abs(np.nanmean(up, axis=0) - np.nanmean(down, axis=0)[::-1])
    return Row("asymmetry", float(np.nanmean(apart) / span), reference=0, note=note)


def _neurosim(name: str, trains: NDArray[np.float64], sign: int) -> Row:
    """Report NeuroSim's label of nonlinearity; it counts a depression that falls fast at first as negative."""
    found = [fit for fit in map(neurosim_train, trains) if fit is not None]
    if not found:
        return Row(name, None, note="the trains change nothing" if len(trains) else NO_TRAIN)
    residual = 100 * float(np.mean([fit.rms for fit in found]))
    steep = [fit for fit in found if fit.stopped]
    if steep:
        bound = sign * np.sign(steep[0].label) * STEEPEST_LABEL
        return Row(name, f"at the bound {bound:g}", note="steeper than any curve of NeuroSim's table")
    side = "positive: fast at first" if sign > 0 else "negative: fast at first"
    note = (
        f"largest distance from a line over 0.099, of B (1 - exp(-n/A)); {side}; residual {residual:.2g} % of the span"
    )
    return repeated(name, [sign * fit.label for fit in found], note=note)


def _nonlinearity(name: str, trains: NDArray[np.float64]) -> Row:
    found = [fit for fit in map(nonlinear_train, trains) if fit is not None]
    if not found:
        return Row(name, None, note="the trains change nothing" if len(trains) else NO_TRAIN)
    stopped = [fit.alpha for fit in found if fit.stopped]
    if stopped:
        inside = [f"{fit.alpha:.3g}" for fit in found if not fit.stopped]
        others = f"; in the others {', '.join(inside)}" if inside else ""
        note = (
            f"in {len(stopped)} of {len(found)} trains, and not measured: they are steeper than the curve can be, as a "
            f"train that saturates early is; give fewer pulses or smaller ones{others}"
        )
        return Row(name, f"at the bound {np.sign(stopped[0]) * STEEPEST:g}", note=note)
    residual = 100 * float(np.mean([fit.rms for fit in found]))
    note = f"1: linear in G, 0: exponential, -1: linear in R; residual {residual:.2g} % of the train's span"
    return repeated(name, [fit.alpha for fit in found], note=note)
