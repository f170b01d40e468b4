"""What an experiment would drive, told before anything is: how much, how high, how long, and every command."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hil.abilities import Explaining, Rehearsing
from hil.device import Device
from hil.experiments.bench import CellBench
from hil.experiments.characterization import MeasurementPlan
from hil.experiments.experiment import Block, Settings, quantity
from hil.waveform import Waveform


@dataclass(frozen=True)
class DryRun:
    """What would be played on one device.

    Attributes
    ----------
    uri : str
        Its address.
    told : bool
        Whether the device itself says what it would do: the commands that it would send.
    lines : list of str
        Every block, with its waveforms or commands.
    adapts : bool
        Whether some blocks go on by what they measure: then the numbers are those of their beginnings.
    pulses, reads : int
        Segments at another voltage than 0, those at the read voltage apart.
    low, high : float
        Voltages of any line, V.
    duration : float
        Of all waveforms, s.
    energy : float or None
        What the sources can deliver at most, J: every driven line at its compliance all the time; None without one.
    """

    uri: str
    told: bool
    lines: list[str]
    adapts: bool
    pulses: int
    reads: int
    low: float
    high: float
    duration: float
    energy: float | None

    def summary(self) -> list[str]:
        """Lines that come before all commands."""
        least = "at least " if self.adapts else ""
        bound = "no bound: no compliance current is set (--i-max)"
        if self.energy is not None:
            bound = (
                f"at most {quantity(self.energy, 'J')}{' for these' if self.adapts else ''}, at the compliance current"
            )
        return [
            f"{self.uri}: nothing is driven",
            f"  pulses    {least}{self.pulses:,}, and {self.reads:,} reads",
            f"  voltages  {quantity(self.low, 'V')} .. {quantity(self.high, 'V')} on a line",
            f"  duration  {least}{quantity(self.duration, 's')} of waveforms",
            f"  energy    {bound}",
        ]


def dry_runs(plan: MeasurementPlan) -> list[DryRun]:
    """What would be played on every device of a plan; devices are opened, nothing is driven.

    A device that is `Rehearsing`, or `Explaining`, says itself what it would do: the commands it would send.
    """
    found = []
    for uri in plan.device.uri:
        with plan.open(uri) as device:
            experiment, bench, blocks = plan.ready(device)
            found.append(_measured(uri, device, experiment.settings, bench, blocks))
    return found


def dry_run(plan: MeasurementPlan) -> list[str]:
    """All lines of `dry_runs`."""
    return [line for run in dry_runs(plan) for line in run.lines]


def _measured(uri: str, device: Device, settings: Settings, bench: CellBench, blocks: Sequence[Block]) -> DryRun:
    lines, placed = [f"{uri}: {len(blocks)} blocks, {device!r}"], list[Waveform]()
    rehearsal = device.rehearse() if isinstance(device, Rehearsing) else None
    teller = device if rehearsal is None else rehearsal
    for number, block in enumerate(blocks, 1):
        note = f" ({block.note})" if block.note else ""
        lines.append(f"{number:4d}  {block.name}{note}")
        for waveform in block.waveforms:
            placed.append(bench.place(waveform))
            told = teller.explain(placed[-1]) if isinstance(teller, Explaining) else repr(placed[-1])
            told = told.splitlines() if isinstance(told, str) else [str(line) for line in told]
            lines += [f"      {line}" for line in told]
    if rehearsal is not None:
        lines += ["      # at the end", *(f"      {line}" for line in rehearsal.close())]
    driven = [np.nan_to_num(np.hstack([w.rows, w.cols])) for w in placed]
    across = np.concatenate([w.rows[:, bench.row] - w.cols[:, bench.col] for w in placed])
    reads = np.isclose(across, settings.read_voltage or np.nan, rtol=1e-9, atol=0)
    compliance = device.limits.i_max
    charge = sum(float(w.duration @ np.abs(lines_of).sum(axis=1)) for w, lines_of in zip(placed, driven, strict=True))
    return DryRun(
        uri=uri,
        told=isinstance(teller, Explaining),
        lines=lines,
        adapts=any(block.note for block in blocks),
        pulses=int(((across != 0) & ~reads).sum()),
        reads=int(reads.sum()),
        low=min(float(v.min()) for v in driven),
        high=max(float(v.max()) for v in driven),
        duration=sum(w.total for w in placed),
        energy=charge * compliance if np.isfinite(compliance) else None,
    )
