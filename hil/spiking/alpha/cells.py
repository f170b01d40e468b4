"""Plastic weights of a network in the cells of a device: read before a presentation, changed after it.

A weight of 0 is the device's g_min, the bound its g_max. Within a presentation of 50 us the rule works on a copy; what
it has changed then becomes pulses, of which the device tells by itself how far each moves a cell, or, where asked for
and possible, conductances that are set.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from hil.abilities import Settable
from hil.device import Device, Unsupported
from hil.errors import InputError
from hil.programming import Programming, pulse_trains
from hil.spiking.host import pulses_of

Update = Literal["pulses", "exact"]

ROUNDS = 4
"""Times that weights are read and corrected where they are put by pulses."""

LEAST_STEP = 1e-4
"""Smallest part of the range that a pulse may move a cell by."""


class PlasticCells:
    """Weights on a device.

    Attributes
    ----------
    step : (float, float)
        Part of the range that a potentiation and a depression pulse move a cell by, as measured on the device.
    """

    def __init__(self, device: Device, bound: float, update: Update) -> None:
        """Take a device; `InputError` where it knows no pulses, `Unsupported` where changes cannot be written so."""
        if update == "exact" and not isinstance(device, Settable):
            raise Unsupported(f"{device.name} cannot set conductances: take train.update = pulses")
        self.device, self.bound, self.update = device, bound, update
        self.programming: Programming = pulses_of(device)
        self.step = (1.0, 1.0)

    def weights(self) -> NDArray[np.float64]:
        """(rows, cols) weights now, A, within 0 .. bound."""
        p = self.programming
        return np.clip((self.device.read() - p.g_min) / (p.g_max - p.g_min), 0.0, 1.0) * self.bound

    def begin(self, weights: NDArray[np.float64], rng: np.random.Generator) -> None:
        """Measure what a pulse does, then put the weights, A."""
        if self.update == "exact":
            self._set(weights)
            return
        self._measure()
        for _ in range(ROUNDS):
            self._pulse(weights - self.weights(), rng)

    def change(self, before: NDArray[np.float64], after: NDArray[np.float64], rng: np.random.Generator) -> None:
        """Write what the rule has made of the weights, A, that were read before."""
        if self.update == "exact":
            self._set(after)
        else:
            self._pulse(after - before, rng)

    def _set(self, weights: NDArray[np.float64]) -> None:
        p = self.programming
        if isinstance(self.device, Settable):
            self.device.set_conductances(p.g_min + weights / self.bound * (p.g_max - p.g_min))

    def _pulse(self, change: NDArray[np.float64], rng: np.random.Generator) -> None:
        """Pulses of which the mean is the change: what is left of a whole number is a chance."""
        moved = np.nonzero(change)
        wanted = change[moved] / self.bound
        wanted /= np.where(wanted > 0, *self.step)
        counts = np.zeros(change.shape, np.int64)
        counts[moved] = np.floor(wanted + rng.random(wanted.shape))
        if counts.any():
            self._give(counts)

    def _give(self, counts: NDArray[np.int64]) -> None:
        """Let the device program its cells, or send the pulses that it has chosen."""
        if self.device.programming is not None:
            self.device.program(counts)
            return
        for train in pulse_trains(counts, self.programming, self.device.limits.channels):
            self.device.apply(train)

    def _measure(self) -> None:
        """Find the mean step of a pulse from the middle of the range, or from wherever one moves cells at all."""
        ones, found = np.ones(self.device.cells, np.int64), []
        for sign in (-1, 1):
            before = self.weights()
            self._give(sign * ones)
            found.append(float(np.abs(self.weights() - before).mean()) / self.bound)
        if found[0] < LEAST_STEP:  # they were at the lower end
            before = self.weights()
            self._give(-ones)
            found[0] = float(np.abs(self.weights() - before).mean()) / self.bound
        if min(found) < LEAST_STEP:
            raise InputError(
                f"{self.device.name}: a pulse moves its cells by {min(found):.2g} of their range: training needs at "
                f"least {LEAST_STEP:g}, such as sim:rram?alpha=0.05"
            )
        self.step = found[1], found[0]
