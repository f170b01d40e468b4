"""`Programming`: pulses that move a cell by one step, and trains of them for a whole array."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hil.arrays import numbers
from hil.biasing import require_scheme, select_lines
from hil.errors import InputError
from hil.waveform import Waveform

AT_ONCE = 1 << 20
"""Line voltages that one waveform of a train may hold."""

MOST_PULSES = 10**9
"""Pulses that a cell may be given by one call."""


@dataclass(frozen=True)
class Programming:
    """Pulses that move a cell by one step each.

    Attributes
    ----------
    v_set, v_reset : float
        Magnitudes of the cell voltages of a potentiation and of a depression pulse, V.
    width : float
        Width of a pulse and of the rest after it, s.
    g_min, g_max : float
        Conductances of weights 0 and 1, S; g_min is below 0 where weights have signs (`hil.synapses`).
    polarity : int
        Sign of the cell voltage that potentiates, 1 or -1; the other one depresses.
    """

    v_set: float
    v_reset: float
    width: float
    g_min: float
    g_max: float
    polarity: int = 1

    @property
    def up(self) -> float:
        """Cell voltage of a potentiation pulse, with its sign, V."""
        return self.polarity * self.v_set

    @property
    def down(self) -> float:
        """Cell voltage of a depression pulse, with its sign, V."""
        return -self.polarity * self.v_reset


def scheme_for(cells: tuple[int, int], channels: int | None) -> str:
    """Biasing scheme, a key of `hil.biasing.SCHEMES`: of those that a device can drive, the one that disturbs least.

    Parameters
    ----------
    cells : tuple of int
        Rows and columns.
    channels : int or None
        Different voltages besides 0 V that it drives at once; None for any number.
    """
    if channels is None or channels > 1:
        return "V/2"
    # A grounded column would put the whole pulse on its cell in the chosen row.
    return "grounded" if cells[1] == 1 else "floating"


def whole_counts(counts: ArrayLike, cells: tuple[int, int], name: str) -> NDArray[np.int64]:
    """Pulses a cell as whole numbers, (rows, cols); `InputError` if they are none, or of another shape."""
    if isinstance(counts, np.ndarray) and counts.dtype == np.int64 and counts.shape == cells:
        whole: NDArray[np.int64] = counts
        if whole.max(initial=0) <= MOST_PULSES and whole.min(initial=0) >= -MOST_PULSES:
            return whole
    found = numbers(counts, "pulse counts")
    if found.shape != cells:
        raise InputError(f"pulse counts of shape {found.shape}: {name} has {cells[0]} x {cells[1]} cells")
    wrong = found[~((np.abs(found) <= MOST_PULSES) & (np.rint(found) == found))]
    if wrong.size:
        raise InputError(f"pulse count {wrong[0]:g}: give whole numbers of at most {MOST_PULSES:g} pulses a cell")
    return found.astype(np.int64)


def pulse_trains(
    counts: NDArray[np.int64],
    programming: Programming,
    channels: int | None,
    scheme: str | None = None,
    *,
    once: bool = False,
) -> Iterator[Waveform]:
    """Waveforms that give every cell its pulses, column by column, potentiation before depression.

    Parameters
    ----------
    counts : (rows, cols) array of int
        Pulses a cell; positive ones potentiate, negative ones depress.
    programming : Programming
        The pulses.
    channels, scheme
        As in `scheme_for`; a `scheme` that is given is used.
    once : bool
        Give every different pulse once only: enough to hold the train against the limits of a device.
    """
    cells = counts.shape[0], counts.shape[1]
    scheme = scheme_for(cells, channels) if scheme is None else scheme
    require_scheme(scheme)
    for col in np.flatnonzero(counts.any(axis=0)):
        column = np.arange(cells[1]) == col
        for v, wanted in ((programming.up, counts[:, col]), (programming.down, -counts[:, col])):
            done = 0
            for level in np.unique(wanted[wanted > 0]):
                one = pulse(wanted >= level, column, v, programming.width, scheme)
                left, done = (1 if once else int(level) - done), int(level)
                while left:
                    size = min(left, max(1, AT_ONCE // (2 * sum(cells))))
                    yield Waveform.concat([one] * size)
                    left -= size


def pulse(rows: NDArray[np.bool_], cols: NDArray[np.bool_], v: float, width: float, scheme: str = "V/2") -> Waveform:
    """One programming pulse of `v` volts, and a rest, on the cells where the chosen rows and columns cross."""
    return select_lines(rows, cols, v, width=width, scheme=scheme) + Waveform.rest(width, len(rows), len(cols))


GIVEN_TOGETHER = ("v_set", "v_reset", "g_min", "g_max")
"""Parameters of a sample's address that say together how a cell is programmed, with ``pulse_width``."""


def given_programming(name: str, parameters: Any) -> Programming | None:
    """How a cell of a sample is moved by a step, as its user says; None where nothing is said.

    Raises
    ------
    InputError
        If some of `GIVEN_TOGETHER` are given and others are not.
    """
    given: dict[str, float] = {
        field: value for field in GIVEN_TOGETHER if (value := getattr(parameters, field)) is not None
    }
    if not given:
        return None
    if len(given) < len(GIVEN_TOGETHER):
        missing = next(field for field in GIVEN_TOGETHER if field not in given)
        raise InputError(
            f"{name}: {next(iter(given))} is given, {missing} is not: a programming pulse needs all of "
            f"{', '.join(GIVEN_TOGETHER)}"
        )
    return Programming(given["v_set"], given["v_reset"], parameters.pulse_width, given["g_min"], given["g_max"])
