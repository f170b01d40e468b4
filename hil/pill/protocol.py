"""Protocol of paired inputs: the pairs, the voltage that a pair passes to its weight, and the pulses of an image.

See `hil.pill.pairs` for the layer itself.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from math import comb
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from hil.config import Section
from hil.errors import InputError, nearest
from hil.plugins import Registry
from hil.waveform import Waveform

Front = Callable[[NDArray[np.float64], NDArray[np.float64], float], NDArray[np.float64]]
"""Front end of a pair: voltage across its weight, V, from its two inputs' voltages against the column and the width.

``front(first, second, width)`` takes arrays of one shape in V and a pulse width in s.
"""

AT_ONCE = 1 << 21
"""Voltages of pairs that are laid out in memory at once; more images than that are played in several waveforms."""

FRONTS: Registry[Front] = Registry("hil.fronts", "front end")
"""All front ends, each a `Front`."""


@cache
def pair_indices(inputs: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """First and second input of every pair, each (C(inputs, 2),): i < j, row by row of the upper triangle.

    Pair (i, j) of k inputs is number i (2 k - i - 1) / 2 + j - i - 1. The arrays are read-only.
    """
    if inputs < 2:
        raise InputError(f"inputs = {inputs}: pairs need at least 2")
    first, second = np.triu_indices(inputs, 1)
    for index in (first, second):
        index.flags.writeable = False
    return first, second


def pair_count(inputs: int) -> int:
    """Pairs of k inputs, C(k, 2)."""
    return comb(inputs, 2)


def minimum(first: NDArray[Any], second: NDArray[Any], width: float) -> NDArray[np.float64]:
    """Pass what two inputs have in common: the one nearer to the column's voltage, nothing if they lie on two sides.

    This is what a VALVeD pair does, but for 1.3 % of the voltage and a leak of 3 % (docs/circuits.md).
    """
    low, high = np.minimum(first, second), np.maximum(first, second)
    return np.clip(0.0, low, high)


def resistors(first: NDArray[Any], second: NDArray[Any], width: float) -> NDArray[np.float64]:
    """Pass the mean: two equal resistors in the place of the memristors (Figure 2C), the control."""
    return (first + second) / 2


@cache
def front(name: str) -> Front:
    """Find a front end: `minimum`, `resistors`, or another that is installed."""
    if name not in FRONTS.names():
        raise InputError(f"protocol.front = '{name}' is not a front end {nearest(name, FRONTS.names())}")
    return FRONTS.find(name)


class PillProtocol(Section):
    """Pulses that show an image to paired inputs; section [protocol] of a configuration.

    A pair passes what its inputs have in common against the column. With `aiding` polarity the column goes to minus
    the response, so that a cell sees input plus response; with `opposing` to plus the response, so that it sees minus
    the response where both inputs are dark, and nothing where one is lit as strongly as the response.

    `together` plays both at once, which takes a device that drives two voltages at a time. `serial` is for one column
    on a device with a single source: the rows carry the sum, one voltage after another, all other cells at 0 V. Every
    image then ends with a rest of at least one width, and takes longer than `interval` where its voltages need it.
    Cells that hold their state at 0 V cannot tell it from `together`. `after` plays the response on its own, `delay`
    s after the input: spike timing, for cells with a volatile part. A cell that only integrates (eq 4) learns nothing
    about coincidences from it (docs/pill.md).
    """

    amplitude: float = Field(0.1, gt=0, description="voltage of a fully lit pixel, V")
    width: float = Field(1e-3, gt=0, description="width of every pulse, s")
    response: float = Field(0.1, ge=0, description="magnitude of the response on a column, V; 0 for none")
    polarity: Literal["aiding", "opposing"] = Field("aiding", description="response across a cell: +, - the input's")
    orientation: Literal["forward", "mirrored"] = Field("forward", description="sign of the input: +, -")
    timing: Literal["together", "serial", "after"] = Field("together", description="response and input")
    delay: float = Field(0.01, ge=0, description="end of input to response, s (timing = after)")
    other_delay: float | None = Field(
        None, ge=0, description="response to columns that get none at `delay`, s (timing = after); none if not given"
    )
    interval: float = Field(2e-3, gt=0, description="start of one image to start of the next, s")
    front: str = Field("minimum", description="minimum, resistors, or another package's, such as circuit")
    v_read: float | None = Field(None, gt=0, description="fully lit pixel when reading, V; the device's if not given")

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        delays = [self.delay] if self.other_delay is None else [self.delay, self.other_delay]
        if self.timing != "after":
            needed = self.width
        else:
            needed = 2 * self.width + max(delays)
            if 0 < max(delays) - min(delays) < self.width:
                raise ValueError(
                    f"delay {self.delay:g} s and other_delay {self.other_delay:g} s must be equal or at least one "
                    f"width ({self.width:g} s) apart"
                )
        if self.interval < needed * (1 - 1e-12):
            raise ValueError(f"interval {self.interval:g} s must hold all pulses of an image: >= {needed:g} s")
        return self

    def across(self, pixels: NDArray[np.float64], column: float = 0.0) -> NDArray[np.float64]:
        """Voltage across every cell of a column at `column` V, (B, pairs), of intensities (B, inputs) in 0..1."""
        first, second = pair_indices(pixels.shape[1])
        against = self.input_voltage * pixels - column
        return front(self.front)(against[:, first], against[:, second], self.width)

    def passed(self, pixels: NDArray[np.float64]) -> NDArray[np.float64]:
        """Fraction of full scale that every pair passes without a response, (B, pairs)."""
        return self.across(pixels) / self.input_voltage

    def total(self, pixels: NDArray[np.float64]) -> NDArray[np.float64]:
        """Sum of `passed` over all pairs, (B,)."""
        if self.front != "minimum":
            size = max(1, AT_ONCE // pair_count(pixels.shape[1]))
            parts = [self.passed(pixels[at : at + size]).sum(axis=1) for at in range(0, len(pixels), size)]
            return np.concatenate([*parts, np.zeros(0)])
        # the m-th darkest pixel is the smaller one of a pair with each of those above it
        return np.sort(pixels, axis=1) @ np.arange(pixels.shape[1] - 1, -1, -1.0)

    @property
    def input_voltage(self) -> float:
        """Voltage of a fully lit pixel with its sign, V."""
        return -self.amplitude if self.orientation == "mirrored" else self.amplitude

    @property
    def response_voltage(self) -> float:
        """Voltage across a cell that the response adds, V."""
        same = self.polarity == "aiding"
        return np.copysign(self.response, self.input_voltage) * (1.0 if same else -1.0)

    def waveform(self, pixels: NDArray[np.float64], response: NDArray[np.bool_], measure: bool = False) -> Waveform:
        """Play a batch of images.

        Parameters
        ----------
        pixels : (B, inputs) array
            Intensities 0..1.
        response : (B, cols) array of bool
            Which columns respond to image b.
        measure : bool
            Whether currents (and so energies) of all pulses are wanted.

        Raises
        ------
        InputError
            If `serial` timing is asked for with more than one column.
        """
        cols = np.where(response, -self.response_voltage, 0.0)
        if self.timing == "after":
            return self._sequence(self._delayed(pixels, cols), measure)
        rows = self._rows(pixels, cols)
        if self.timing == "serial":
            return self._one_by_one(rows, cols, measure)
        return self._sequence([(0.0, rows, cols)], measure)

    def _rows(self, pixels: NDArray[Any], cols: NDArray[Any]) -> NDArray[np.float64]:
        """Row voltages that put across every cell what its pair passes against its column."""
        quiet = self.across(pixels)
        if not cols.any():
            return quiet
        driven = self.across(pixels, -self.response_voltage) - self.response_voltage
        responds = (cols != 0).any(axis=1)
        mixed = responds & (cols == 0).any(axis=1)
        if mixed.any() and not np.allclose(quiet[mixed], driven[mixed], rtol=0, atol=1e-9 * self.amplitude):
            raise InputError(
                f"protocol.front = {self.front} with polarity = {self.polarity} passes another voltage to a column "
                "that responds than to one that does not, and they share their rows: take one column"
            )
        return np.where(responds[:, None], driven, quiet)

    def _delayed(self, pixels: NDArray[Any], cols: NDArray[Any]) -> list[tuple[float, NDArray[Any], NDArray[Any]]]:
        """Start (s), rows and columns of the pulses of an image, the response on its own."""
        pulses = {0.0: np.zeros_like(cols), self.width + self.delay: cols}
        if self.other_delay is not None:
            start, others = self.width + self.other_delay, np.where(cols == 0, -self.response_voltage, 0.0)
            pulses[start] = pulses[start] + others if start in pulses else others
        shown = {start: pixels if start == 0 else np.zeros_like(pixels) for start in sorted(pulses)}
        return [(start, self._rows(image, pulses[start]), pulses[start]) for start, image in shown.items()]

    def _sequence(self, pulses: list[tuple[float, NDArray[Any], NDArray[Any]]], measure: bool) -> Waveform:
        """Pulses (B, lines) and the rests between them, image after image."""
        rest = (0.0 * pulses[0][1], 0.0 * pulses[0][2])
        parts: list[tuple[float, NDArray[Any], NDArray[Any], bool]] = []
        now = 0.0
        for start, rows, cols in [*pulses, (self.interval, *rest)]:
            if start - now > 1e-9 * self.width:
                parts.append((start - now, *rest, False))
            if start < self.interval:
                parts.append((self.width, rows, cols, measure))
            now = start + self.width
        durations, shown, answered, wanted = zip(*parts, strict=True)
        images = len(pulses[0][1])
        return Waveform(
            np.tile(durations, images),
            np.stack(shown, axis=1).reshape(images * len(parts), -1),
            np.stack(answered, axis=1).reshape(images * len(parts), -1),
            np.tile(wanted, images),
        )

    def _one_by_one(self, rows: NDArray[Any], cols: NDArray[Any], measure: bool) -> Waveform:
        """Cell voltages of a single column on the rows, every voltage in a pulse of its own."""
        if cols.shape[1] != 1:
            raise InputError(
                f"protocol.timing = serial drives the cells of one column by their rows alone, not of {cols.shape[1]}"
            )
        duration, table, wanted = [], [], []
        for cells in rows - cols:
            levels = [v for v in np.unique(cells) if v != 0]
            table += [np.where(cells == v, v, 0.0) for v in levels]
            # Without a rest of its own the last pulse could be one with the first of the next image.
            rest = max(self.interval - self.width * len(levels), self.width)
            table += [np.zeros_like(cells)]
            duration += [self.width] * len(levels) + [rest]
            wanted += [measure] * len(levels) + [False]
        return Waveform(np.array(duration), np.array(table), np.zeros((len(table), 1)), np.array(wanted))
