"""The adaptive thresholds of an emulator's neurons: a part of each neuron's own, less one that all have in common.

A neuron's own part only grows; with annealing built in, a spike also adds to what is taken from all (docs/emulator.md).
Neither register is endless, but taking the same from both changes nothing, and that is done here in time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from gateware.protocol import Space
from hil.device import Unsupported

if TYPE_CHECKING:
    from gateware.spiking import SpikingEmulator

FULL_WEIGHT = 255
"""Membrane units that a full weight adds."""

SHARE = 1 << 16
"""Unit of registers `theta_share` and `lowered`."""

FULL = (1 << 16) - 1
"""Largest threshold of a neuron's own."""

ROOM = FULL // 4
"""What a neuron's own part may gain until it is looked after."""


BUSY = 20
"""Spikes of a neuron in one presentation that are counted with at the least."""

ALL = 1 << 30
"""Presentations that need not be counted."""


class Thresholds:
    """Thresholds of the neurons on the columns of `device`.

    Parameters
    ----------
    device : SpikingEmulator
        With or without annealing.
    neurons : int
        Their number.
    zero_mean : bool
        Whether a spike takes from all what it adds to one.
    """

    def __init__(self, device: SpikingEmulator, neurons: int, zero_mean: bool) -> None:
        """Nothing is written yet."""
        self._device, self._neurons, self._zero_mean = device, neurons, zero_mean
        self._plus, self._gained, self._busiest = 0, np.zeros(neurons, np.int64), 0

    def read(self) -> NDArray[np.float64]:
        """Adaptive part of every neuron's threshold, in full weights."""
        return (self._own() - self._lowered() / SHARE) / FULL_WEIGHT

    def write(self, theta: NDArray[np.float64]) -> None:
        """Set them, to 1 / 255 of a full weight, and exactly where they were read.

        Raises
        ------
        Unsupported
            If the registers do not hold them.
        """
        theta = np.asarray(theta, np.float64)
        shares = np.rint(theta * (FULL_WEIGHT * SHARE)).astype(np.int64)
        lowered = 0
        if self._device.geometry.annealing:
            # The fraction that all have in common, and as much more that no neuron's own part is below 0.
            fraction, least = int(-shares[0] % SHARE), max(-int(shares.min()), 0)
            lowered = min(fraction + SHARE * max(0, -((fraction - least) // SHARE)), (1 << 32) - 1)
            self._device.client.write_registers({"lowered": lowered})
        own = np.rint((shares + lowered) / SHARE).astype(np.int64)
        if own.min() < 0 or own.max() > FULL:
            raise Unsupported(
                f"{self._device.name}: thresholds change by {theta.min():.4g} to {theta.max():.4g} full weights; the "
                f"emulator holds 0 to {FULL / FULL_WEIGHT:g} or, with annealing=on, as much between lowest and highest"
            )
        self._write_own(own)

    def registers(self, theta_plus: float) -> dict[str, int]:
        """Registers for a presentation in which a spike adds `theta_plus` full weights."""
        plus = round(theta_plus * FULL_WEIGHT)
        self._plus = max(self._plus, plus)
        if not self._device.geometry.annealing:
            return {"theta_plus": plus}
        share = round(plus * SHARE / self._neurons) if self._zero_mean else 0
        return {"theta_plus": plus, "theta_share": share}

    def shown_at_once(self, learn: bool, theta_plus: float) -> int:
        """Presentations that may be shown before `fired` is told of them, if a spike adds at most `theta_plus`: no
        threshold gains all that is left in them.
        """
        if not (learn and self._zero_mean):
            return ALL
        most = max(round(theta_plus * FULL_WEIGHT), 1) * max(self._busiest, BUSY)
        return max(1, (FULL - ROOM) // most)

    def fired(self, counts: NDArray[np.int64]) -> None:
        """Take note of presentations' (B, neurons) output spikes, and make room where a threshold has gained much.

        Raises
        ------
        Unsupported
            If a threshold may have met its end, because a neuron fired far more often than ever before.
        """
        self._gained += counts.sum(axis=0) * self._plus
        self._plus = 0
        self._busiest = max(self._busiest, int(counts.max(initial=0)))
        if self._zero_mean and self._gained.max() > ROOM:
            if len(counts) > 1 and self._gained.max() > FULL:
                raise Unsupported(
                    f"{self._device.name}: a threshold has gained {self._gained.max() / FULL_WEIGHT:.3g} full weights "
                    f"in {len(counts)} presentations, more than the emulator holds: lower neuron.theta_plus"
                )
            self.make_room()

    def make_room(self) -> None:
        """Take what all thresholds have gained and lost alike from both registers."""
        self._gained[:] = 0
        own, lowered = self._own(), self._lowered()
        alike = min(int(own.min()), lowered // SHARE)
        if alike:
            self._device.client.write_registers({"lowered": lowered - alike * SHARE})
            self._write_own(own - alike)

    def _own(self) -> NDArray[np.int64]:
        device = self._device
        return device.client.read_memory(Space.THETA, 0, self._neurons)[device.place].astype(np.int64)

    def _write_own(self, theta: NDArray[np.int64]) -> None:
        columns = np.zeros(self._neurons, np.int64)
        columns[self._device.place] = theta
        self._device.client.write_memory(Space.THETA, 0, columns)

    def _lowered(self) -> int:
        return self._device.client.read_registers("lowered")["lowered"] if self._device.geometry.annealing else 0
