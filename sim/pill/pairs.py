"""The layer of paired inputs on `sim:pill`, which learns and reads on the array's own fluxes instead of by waveforms.

`ClosedFormPairs` turns images into pulses and holds them against the limits; `CompiledPairs` plays them on the
processor, `sim.pill.torch_kernel.TorchPairs` on a GPU.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hil.energy.dissipation import Dissipation
from hil.limits import LimitError
from hil.pill.pairs import PairedCore, Weights
from hil.pill.protocol import PillProtocol
from hil.waveform import Waveform
from sim.cells.dose import time_constant
from sim.pill.kernel import ImagePulses, learn, pulses, read

if TYPE_CHECKING:
    from hil.energy.meter import Meter

LARGEST = 1e30
"""Flux of one pulse, V s, above which many of them could leave the range of float32."""

METERED = 4
"""Images of one call whose energy is worked out, where a run is metered; others are taken in proportion."""

AT_ONCE = 512
"""Images whose pulses are laid out in memory at once."""


class PairWeights(Weights, Protocol):
    """An array of weights that pairs can learn on in place, one row a pair; `sim.pill.array.PillArray` is one."""

    @property
    def inputs(self) -> int:
        """Number of inputs k."""

    @property
    def conductance(self) -> NDArray[np.float64]:
        """(rows, cols) conductances, S."""

    parameters: Any
    meter: Meter | None

    def dissipation(
        self, duration: NDArray[np.float64], rows: NDArray[np.float64], cols: NDArray[np.float64]
    ) -> Dissipation:
        """See `hil.abilities.Dissipating`."""

    def note_reads(self, rows: NDArray[np.float64], cols: NDArray[np.float64], count: int) -> None:
        """Tell the meter of `count` reads, some of them at line voltages (B, R) and (B, C), V."""

    def fluxes(self) -> NDArray[np.float32]:
        """(cols, rows) flux linkages, V s: the array's own state, to be changed in place."""

    def column_conductance(self, col: int) -> NDArray[np.float64]:
        """(rows,) conductances of the weights of a column, S."""

    def over_columns(self, job: Callable[[int], None]) -> None:
        """Call `job` with the number of every column, on all threads."""

    def pass_time(self, seconds: float) -> None:
        """Advance device time by what pairs have played."""


class ClosedFormPairs(PairedCore):
    """Pairs that learn on an array's fluxes by the closed form of eq 4; `_play` and `_read` are left to subclasses."""

    device: PairWeights

    def __init__(self, device: PairWeights, protocol: PillProtocol) -> None:
        """Take the array's state; nothing is copied."""
        self.device, self.protocol = device, protocol
        self.inputs, self.pairs, self.cols = device.inputs, device.rows, device.cols
        p = device.parameters
        tau = time_constant(p.D, protocol.width)
        self._flux_per_volt, self._decay, self._high = p.A * tau, np.float32(p.D * tau), np.float32(p.phi_max)
        one = protocol.waveform(np.zeros((1, 2)), np.zeros((1, self.cols), bool))
        self._image_time = one.total

    def check(self) -> None:
        """Hold a lit pair with and without a response against the limits."""
        for responds in (False, True):
            self._check_pair(np.ones((1, 2)), responds)

    def present(self, pixels: ArrayLike, response: ArrayLike) -> None:
        """Let the weights learn; see `PairedCore.present`."""
        pixels, response = self.checked(pixels, response)
        self.device.fluxes()
        try:
            self.check()
        except LimitError:
            for responds in (False, True):
                self._check_pair(_two_brightest(pixels[response.any(axis=1) == responds]), responds)
        for start in range(0, len(pixels), AT_ONCE):
            here = slice(start, start + AT_ONCE)
            batch = pulses(pixels[here], response[here], self.protocol, self._flux_per_volt)
            largest = float(np.abs(batch.drive).max(initial=0.0))
            if not largest <= LARGEST:
                raise LimitError(
                    f"a pulse of {largest:g} V s: fluxes in float32 bear {LARGEST:g} V s; lower A or voltages"
                )
            self._play(batch)
        self.device.pass_time(len(pixels) * self._image_time)
        if self.device.meter is not None and len(pixels):
            self._note(pixels, response)

    def _note(self, pixels: NDArray[np.float64], response: NDArray[np.bool_]) -> None:
        """Tell the meter of images: energy of a few, evenly apart, at the weights of now; others as many times more."""
        few = np.unique(np.linspace(0, len(pixels) - 1, METERED).astype(int))
        wave, factor = self.protocol.waveform(pixels[few], response[few]), len(pixels) / len(few)
        meter = self.device.meter
        driven = wave.rows.any(axis=1) | wave.cols.any(axis=1)
        drawn = self.device.dissipation(wave.duration, wave.rows, wave.cols)
        assert meter is not None
        meter.spent(
            drawn.times(factor), pulses=factor * driven.sum(), seconds=factor * wave.duration[driven].sum(),
            dac=factor * (np.count_nonzero(wave.rows) + np.count_nonzero(wave.cols)),
            rows=2 * factor * (wave.rows**2).sum(), cols=2 * factor * (wave.cols**2).sum(),
            sampled=len(pixels) - len(few),
        )  # fmt: skip

    def currents(self, pixels: ArrayLike) -> NDArray[np.float64]:
        """Read all pairs; see `PairedCore.currents`."""
        pixels = self.checked_pixels(pixels)
        self.device.fluxes()
        v, width = self.read_voltage, self.device.read_width
        if v > self.device.limits.v_max:
            passed = v * self.protocol.passed(_two_brightest(pixels))
            self.device.limits.check(Waveform.samples(passed, np.zeros((len(passed), self.cols)), dwell=width))
        if self.device.meter is not None and len(pixels):
            few = pixels[np.unique(np.linspace(0, len(pixels) - 1, METERED).astype(int))]
            drive, silent = v * self.protocol.passed(few), np.zeros((len(few), self.cols))
            self.device.note_reads(drive, silent, len(pixels))
        return v * self._read(pixels.astype(np.float32))

    def conductances(self) -> NDArray[np.float64]:
        """(pairs, cols) conductances of the weights, S."""
        return self.device.read()

    def _check_pair(self, pixels: NDArray[np.float64], responds: bool) -> None:
        """Check images (B, 2) in the place of images of all inputs; no pair sees more than the brightest."""
        if len(pixels):
            self.device.limits.check(self.protocol.waveform(pixels, np.full((len(pixels), self.cols), responds)))

    @abstractmethod
    def _play(self, batch: ImagePulses) -> None:
        """Move the fluxes of all columns."""

    @abstractmethod
    def _read(self, pixels: NDArray[np.float32]) -> NDArray[np.float64]:
        """Column currents (B, cols) for 1 V a fully lit pixel, A."""


class CompiledPairs(ClosedFormPairs):
    """Pairs on the processor, columns shared out to threads; the result does not depend on how."""

    def _play(self, batch: ImagePulses) -> None:
        phi, mean = self.device.fluxes(), self.protocol.front == "resistors"
        self.device.over_columns(
            lambda col: learn(phi[col], *batch[:-1], batch.order[col], self._decay, self._high, mean)
        )

    def _read(self, pixels: NDArray[np.float32]) -> NDArray[np.float64]:
        currents = np.zeros((self.cols, len(pixels)))
        mean = self.protocol.front == "resistors"
        self.device.over_columns(
            lambda col: read(currents[col], pixels, self.device.column_conductance(col).astype(np.float32), mean)
        )
        return np.ascontiguousarray(currents.T)


def _two_brightest(pixels: NDArray[np.float64]) -> NDArray[np.float64]:
    """(B, 2) intensities of the two brightest pixels of every image."""
    return np.partition(pixels, -2, axis=1)[:, -2:]
