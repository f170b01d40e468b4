"""`Bursts`: equal pulses for every cell of an array between two verifications, and the waveforms that play them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hil.biasing import SCHEMES, require_scheme
from hil.device import Device
from hil.programming import AT_ONCE, scheme_for
from hil.waveform import Waveform


@dataclass(frozen=True, eq=False)
class Bursts:
    """Pulses a cell, all of a cell alike.

    Attributes
    ----------
    count : (R, C) array of int
        Number of pulses; 0 for a cell that is left alone.
    voltage : (R, C) array
        Voltage across the cell, with its sign, V; without meaning where there are no pulses.
    width : (R, C) array
        Width of a pulse, s.
    dose : (R, C) array
        What the controller that asked for them calls their size.
    back : Bursts or None
        What is played after all of it and before the next verification.
    """

    count: NDArray[np.int64]
    voltage: NDArray[np.float64]
    width: NDArray[np.float64]
    dose: NDArray[np.float64]
    back: Bursts | None = None

    @property
    def parts(self) -> tuple[Bursts, ...]:
        """These, and what is played after them."""
        return (self,) if self.back is None else (self, *self.back.parts)

    @property
    def pulses(self) -> NDArray[np.int64]:
        """(R, C) pulses a cell, those of all parts."""
        total: NDArray[np.int64] = np.sum([part.count for part in self.parts], axis=0)
        return total

    @property
    def signed(self) -> NDArray[np.int64]:
        """(R, C) pulses a cell, negative ones where the voltage is."""
        return self.count * np.sign(self.voltage).astype(np.int64)


def play(device: Device, bursts: Bursts, scheme: str | None = None) -> None:
    """Give every cell of a device its pulses, held against the limits before the first one is driven.

    Pulses that are the device's own (`Device.programming`) go through `Device.program`, which may be faster; all others
    are played as waveforms, column by column.

    Raises
    ------
    LimitError
        If the device cannot drive one of them. Nothing has been driven then.
    """
    channels, whole = device.limits.channels, [_is_own(device, part) for part in bursts.parts]
    for own, part in zip(whole, bursts.parts, strict=True):
        for waveform in () if own else trains(part, channels, scheme, once=True):
            device.limits.check(waveform)
    for own, part in zip(whole, bursts.parts, strict=True):
        if own and device.programming is not None:
            device.program(device.programming.polarity * part.signed, scheme=scheme)
            continue
        for waveform in trains(part, channels, scheme):
            device.apply(waveform)


def _is_own(device: Device, bursts: Bursts) -> bool:
    """Whether all pulses are the device's own."""
    own, used = device.programming, bursts.count > 0
    if own is None or not used.any():
        return False
    full = (bursts.voltage == own.up) | (bursts.voltage == own.down)
    return bool((full & (bursts.width == own.width))[used].all())


def trains(
    bursts: Bursts, channels: int | None, scheme: str | None = None, *, once: bool = False
) -> Iterator[Waveform]:
    """Waveforms that give every cell its pulses, column by column, positive ones before negative ones.

    Cells of a column get their pulses together, one of a narrower pulse or of fewer of them to the end of its own; a
    device that drives one voltage at a time gives those of each voltage after one another. A rest as long as the pulse
    follows it.

    Parameters
    ----------
    bursts : Bursts
        The pulses.
    channels : int or None
        Different voltages besides 0 V that the device drives at once; None for any number.
    scheme : str, optional
        Key of `hil.biasing.SCHEMES`; by default the one of `hil.programming.scheme_for`.
    once : bool
        Give every different pulse once only: enough to hold the trains against the limits of a device.
    """
    cells = bursts.count.shape[0], bursts.count.shape[1]
    scheme = scheme_for(cells, channels) if scheme is None else scheme
    require_scheme(scheme)
    for col in range(cells[1]):
        volts = bursts.voltage[:, col]
        for sign in (1.0, -1.0):
            wanted = np.where(volts * sign > 0, bursts.count[:, col], 0)
            together = [wanted] if channels is None else [np.where(volts == v, wanted, 0) for v in np.unique(volts)]
            for count in together:
                yield from _column(count, volts, bursts.width[:, col], col, cells, scheme, once)


def _column(
    count: NDArray[np.int64],
    volts: NDArray[np.float64],
    width: NDArray[np.float64],
    col: int,
    cells: tuple[int, int],
    scheme: str,
    once: bool,
) -> Iterator[Waveform]:
    """Pulses of one sign for cells of one column: those that have some left, again and again."""
    done = 0
    for level in np.unique(count[count > 0]):
        one = _pulse(count >= level, volts, width, col, cells, scheme)
        left, done = (1 if once else int(level) - done), int(level)
        while left:
            size = min(left, max(1, AT_ONCE // (len(one) * sum(cells))))
            yield one * size
            left -= size


def _pulse(
    chosen: NDArray[np.bool_],
    volts: NDArray[np.float64],
    width: NDArray[np.float64],
    col: int,
    cells: tuple[int, int],
    scheme: str,
) -> Waveform:
    """One pulse on the chosen cells of a column, each to the end of its own width, and a rest as long as the longest.

    The column stays where it is until the longest pulse ends; the row of a cell that is done goes to where the rows of
    all other cells are.
    """
    highest = float(volts[chosen][np.argmax(np.abs(volts[chosen]))])
    rest_row, rest_col, on_row, on_col = SCHEMES[scheme](highest)
    zero = 0.0 if np.isnan(rest_row) else rest_row
    cols = np.full(cells[1], rest_col - zero)
    cols[col] = on_col - zero
    ends = np.unique(width[chosen])
    rows = np.full((len(ends), cells[0]), rest_row - zero)
    for k, end in enumerate(ends):
        on = chosen & (width >= end)
        rows[k, on] = on_row - zero - (highest - volts[on])
    lengths = np.diff(ends, prepend=0.0)
    drive = Waveform.samples(rows, np.tile(cols, (len(ends), 1)), dwell=lengths)
    return drive + Waveform.rest(float(ends[-1]), *cells)
