"""`Meter`: stands at one array and notes what it is given; `metering` puts one at every device that is opened.

A device tells its meter of waveforms (`Device.apply` does), of reads that take no device time, and of what it does by
itself, such as pulses of neurons that are compiled into it. Energies of measured segments are the device's own. Those
of others follow from what the cells draw before and after, if the device knows (`hil.abilities.Dissipating`), or from
the conductances that were read last; where neither is known, pulses are counted as unknown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hil.abilities import Dissipating, Identified, Lined
from hil.biasing import SCHEMES
from hil.energy import within
from hil.energy.account import Account, ArrayFacts, EnergyTally
from hil.energy.dissipation import Dissipation, ohmic, programmed, settled, solved
from hil.energy.figures import EnergySettings
from hil.waveform import Waveform

if TYPE_CHECKING:
    from hil.device import Device, Response

CROSSING = 4.0
"""Area of a cell at a crossing of lines, F^2."""

Array = NDArray[Any]


class Meter:
    """What one array is given.

    Parameters
    ----------
    account : Account
        Of the run.
    array : str
        Name of the array in it; arrays of one name are counted together.
    figures : EnergySettings
        Stated figures.
    """

    def __init__(self, account: Account, array: str, figures: EnergySettings) -> None:
        """Nothing was given yet."""
        self._account, self._array, self._figures = account, array, figures
        self._known: NDArray[np.float64] | None = None

    @property
    def _tally(self) -> EnergyTally:
        return self._account.of(self._array)

    def applied(self, device: Device, waveform: Waveform, play: Callable[[Waveform], Response]) -> Response:
        """Play a waveform, and note what it took; the answer is that to the waveform as it was asked for."""
        rows, cols = np.nan_to_num(waveform.rows), np.nan_to_num(waveform.cols)
        driven, asked = np.asarray(rows.any(axis=1) | cols.any(axis=1)), waveform.measure
        given = waveform
        if self._figures.exact and (driven & ~asked).any():
            given = Waveform(waveform.duration, waveform.rows, waveform.cols, asked | driven)
        begins = within.cuts(given)
        if (
            len(begins) >= within.PLACES * within.RUNS and not given.measure.any() and not np.isnan(given.rows).any()
            and not np.isnan(given.cols).any() and isinstance(device, within.Rewinding) and device.draws_plainly
        ):  # fmt: skip
            response = play(given[:0])
            drawn = within.played(device, given, begins, play)
            self._add(self._tally, drawn, estimated=drawn.total)
        else:
            response = self._between_ends(device, given, driven, play)
        self._tally.add(
            pulses=int(driven.sum()), seconds=float(waveform.duration[driven].sum()),
            dac=int(np.count_nonzero(rows) + np.count_nonzero(cols)), adc=int(asked.sum()) * device.cols,
            rows=_steps(rows), cols=_steps(cols),
        )  # fmt: skip
        return response if given is waveform else _of(response, asked[response.segments])

    def _between_ends(
        self, device: Device, waveform: Waveform, driven: NDArray[np.bool_], play: Callable[[Waveform], Response]
    ) -> Response:
        """Play a waveform whose unmeasured pulses take what the mean of both its ends' conductances makes them take."""
        masks = driven & waveform.measure, driven & ~waveform.measure
        before = [self._drawn(device, waveform, mask) for mask in masks]
        response = play(waveform)
        told, rest = (
            None if first is None or last is None else first.plus(last).times(0.5)
            for first, last in zip(before, (self._drawn(device, waveform, mask) for mask in masks), strict=True)
        )
        tally = self._tally
        self._measured(tally, response, told)
        if rest is not None:
            self._add(tally, rest, estimated=rest.total)
        elif masks[1].any():
            tally.add(unknown=int(masks[1].sum()))
        return response

    def looked(
        self, device: Device, rows: Array, cols: Array, sensed: int, *, looks: int | None = None, factor: float = 1.0
    ) -> None:
        """Note reads that take no device time.

        Parameters
        ----------
        device : Device
            That is read.
        rows, cols : (B, R) and (B, C) arrays
            Line voltages, V.
        sensed : int
            Lines whose currents are told.
        looks : int, optional
            Reads that these stand for, where they are not B of them: rows one after the other, in one line.
        factor : float
            On energies, where B are a sample of them.
        """
        width, count = self._figures.read_time or device.read_width, len(rows) if looks is None else looks
        drawn = self._of(device, np.full(len(rows), width), rows, cols)
        rows, cols = np.nan_to_num(rows), np.nan_to_num(cols)
        self._tally.add(
            looks=count, look_seconds=count * width, adc=count * sensed,
            dac=count if looks and factor == 1.0 else factor * (np.count_nonzero(rows) + np.count_nonzero(cols)),
            rows=2 * factor * (rows**2).sum(), cols=2 * factor * (cols**2).sum(), unknown=0 if drawn else count,
        )  # fmt: skip
        if drawn is not None:
            self._tally.add(
                look_energy=factor * (drawn.meant + drawn.half), look_between=factor * drawn.between,
                sampled=drawn.sampled + (count - len(rows) if factor != 1.0 else 0),
            )  # fmt: skip

    def found(self, device: Device, rows: NDArray[np.int64], conductance: Array, v: float | None) -> None:
        """Keep the conductances (len(rows), C), S, that a read found; with `v`, V, note it, for it was no waveform."""
        if self._known is None:
            self._known = np.full(device.cells, np.nan)
        self._known[rows] = conductance
        if v is not None:
            width, cells = self._figures.read_time or device.read_width, conductance.size
            self._tally.add(
                looks=len(rows), look_seconds=cells * width, look_energy=v**2 * width * float(np.nansum(conductance)),
                dac=cells, adc=cells, unknown=int(np.isnan(conductance).sum()),
            )  # fmt: skip

    def programmed(self, device: Device, counts: Array, before: Array, after: Array, scheme: str) -> None:
        """Note pulses that `Device.program` gives in another way than by waveforms.

        Parameters
        ----------
        device : Device
            With pulses.
        counts : (R, C) array of int
            As of `program`.
        before, after : (R, C) arrays
            Conductances, S.
        scheme : str
            Key of `hil.biasing.SCHEMES`, with lines that do not float.
        """
        p, tally = device.programming, self._tally
        assert p is not None
        voltage = np.where(counts > 0, p.up, p.down)
        drive = voltage**2 * p.width * np.abs(counts)
        meant, half = programmed(drive, voltage, (before + after) / 2, SCHEMES[scheme](1.0))
        self._add(tally, Dissipation(meant, half), estimated=meant + half)
        for v, wanted in ((p.up, np.maximum(counts, 0)), (p.down, np.maximum(-counts, 0))):
            pulses, cells = int(wanted.max(axis=0).sum()), int(wanted.sum())
            row, col, on_row, on_col = SCHEMES[scheme](v)
            others = pulses * (device.cols - 1)
            tally.add(
                pulses=pulses, seconds=pulses * p.width, rows=2 * cells * (on_row - row) ** 2,
                cols=2 * (pulses * (on_col - row) ** 2 + others * (col - row) ** 2),
                dac=cells * (on_row != row) + pulses * (on_col != row) + others * (col != row),
            )  # fmt: skip

    def spent(self, drawn: Dissipation, **counted: float) -> None:
        """Note energy of pulses that a device gives by itself, and what else is counted of them (`EnergyTally`)."""
        self._add(self._tally, drawn, estimated=drawn.total)
        self._tally.add(**counted)

    def unknown(self, pulses: float, reason: str) -> None:
        """Note pulses or reads of which no energy is known, and why."""
        if pulses:
            self._tally.add(unknown=pulses)
            self._account.reasons[self._array] = reason

    def read_by_spikes(self, device: Device, reads: float, conductance: float) -> None:
        """Note reads of single rows at the device's read voltage that see `conductance`, S, all together."""
        width, v = self._figures.read_time or device.read_width, device.read_voltage
        self._tally.add(
            looks=reads, look_seconds=reads * width, look_energy=v**2 * width * conductance, dac=reads,
            adc=reads * device.cols, rows=2 * reads * v**2,
        )  # fmt: skip

    def _measured(self, tally: EnergyTally, response: Response, shares: Dissipation | None) -> None:
        """Add what the device tells, shared out as what is estimated of the same segments."""
        energy = response.energy
        total = float(np.nansum(energy))
        tally.add(unknown=int(np.isnan(energy).sum()))
        if shares is None or not shares.total > 0:
            tally.add(meant=total)
        else:
            self._add(tally, shares.times(total / shares.total))

    @staticmethod
    def _add(tally: EnergyTally, drawn: Dissipation, estimated: float = 0.0) -> None:
        tally.add(meant=drawn.meant, half=drawn.half, between=drawn.between, sampled=drawn.sampled, estimated=estimated)

    def _drawn(self, device: Device, waveform: Waveform, mask: NDArray[np.bool_]) -> Dissipation | None:
        if not mask.any():
            return Dissipation()
        return self._of(device, waveform.duration[mask], waveform.rows[mask], waveform.cols[mask])

    def _of(self, device: Device, duration: Array, rows: Array, cols: Array) -> Dissipation | None:
        if isinstance(device, Dissipating):
            return device.dissipation(duration, rows, cols)
        known = self._known
        if known is None or not np.isfinite(known).all():
            return None
        if np.isnan(rows).any() or np.isnan(cols).any():
            return solved(partial(settled, known), duration, rows, cols)
        return ohmic(known, duration, rows, cols)


def _steps(v: Array) -> float:
    """Sum of squared steps of lines that begin and end at 0 V, V^2."""
    if not len(v):
        return 0.0
    return float((v[0] ** 2).sum() + (np.diff(v, axis=0) ** 2).sum() + (v[-1] ** 2).sum())


def _of(response: Response, kept: NDArray[np.bool_]) -> Response:
    """Answers of some of the measured segments."""
    r = response
    return replace(
        r, segments=r.segments[kept], time=r.time[kept], currents=r.currents[kept], charge=r.charge[kept],
        energy=r.energy[kept], tripped=r.tripped[kept],
        row_currents=None if r.row_currents is None else r.row_currents[kept],
    )  # fmt: skip


_UNDER_WAY: ContextVar[tuple[Account, EnergySettings] | None] = ContextVar("metering", default=None)


@contextmanager
def metering(account: Account, figures: EnergySettings) -> Iterator[Account]:
    """Put a meter at every device that is opened in here; what they are given is added to `account`."""
    token = _UNDER_WAY.set((account, figures))
    try:
        yield account
    finally:
        _UNDER_WAY.reset(token)


@contextmanager
def during(part: str, seed: int = 0) -> Iterator[Account | None]:
    """Count what is given in here as a part of the run; nothing where no run is metered."""
    running = _UNDER_WAY.get()
    if running is None:
        yield None
        return
    account = running[0]
    before = account.part, account.seed
    account.part, account.seed = part, seed
    try:
        yield account
    finally:
        account.part, account.seed = before


@contextmanager
def unmetered() -> Iterator[None]:
    """Open devices in here without meters: such as samples that a device has for itself."""
    token = _UNDER_WAY.set(None)
    try:
        yield
    finally:
        _UNDER_WAY.reset(token)


def attach(device: Device, weights: int, weight_area: float, adc_bits: int | None) -> None:
    """Put a meter at a device that was opened, if a run is metered.

    Parameters
    ----------
    device : Device
        The array itself, without what stands in front of it.
    weights : int
        That it holds.
    weight_area : float
        F^2 of each.
    adc_bits : int or None
        Of converters in front of it.
    """
    running = _UNDER_WAY.get()
    if running is None:
        return
    account, figures = running
    name = f"{device.name}, {device.rows} x {device.cols}"
    delay, (row, col) = (
        (device.line_delay(), device.line_capacitance()) if isinstance(device, Lined) else (None, (0, 0))
    )
    account.arrays[name] = ArrayFacts(
        device.rows, device.cols, weights, weight_area, adc_bits, delay, row, col,
        isinstance(device, Identified) and not isinstance(device, Dissipating), device.energy_note,
    )  # fmt: skip
    device.meter = Meter(account, name, figures)
