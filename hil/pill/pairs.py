"""Layer of paired inputs: every two inputs of the layer share a weight, which is a cell of any device.

The paired-input learning layer (PILL) of Zivasatienraj & Doolittle (2023), section 5 and Figure 8, has k inputs and
C(k, 2) weights a column. Inputs i and j meet in a front end (a VALVeD pair) that passes what they have in common to
their weight, so a weight learns a coincidence of two pixels. A response is a pulse on the column as a whole while (or
after) the image is shown; nothing addresses a single weight.

The front end is computed on the host; the weights are the cells of a `Device` with C(k, 2) rows. A device that solves
more of the circuit itself offers a `PairedCore` (`Device.offer`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hil.device import Device
from hil.errors import InputError
from hil.limits import LimitError, Limits
from hil.pill.protocol import AT_ONCE, PillProtocol, front, pair_count
from hil.synapses.synapse import driven
from hil.waveform import Waveform


class Weights(Protocol):
    """What a paired layer needs of the device that holds its weights; every `hil.device.Device` has it."""

    name: str
    rows: int
    cols: int
    limits: Limits
    read_voltage: float
    read_width: float

    def apply(self, waveform: Waveform) -> object:
        """Drive the lines."""

    def mvm(self, v: ArrayLike) -> NDArray[np.float64]:
        """Column currents for row voltages, A."""

    def read(self) -> NDArray[np.float64]:
        """Conductances, (rows, cols), S."""

    def snapshot(self) -> dict[str, NDArray[Any]]:
        """Exact state."""

    def restore(self, state: dict[str, NDArray[Any]]) -> None:
        """Return to a state."""

    def reset(self) -> None:
        """Pristine cells."""


class PairedCore(ABC):
    """A layer of paired inputs on a device's cells.

    Attributes
    ----------
    device : Weights
        Holds the weights, and is the one to close.
    protocol : PillProtocol
        How an image is shown.
    inputs, pairs, cols : int
        Number of inputs, of pairs (weights a column) and of columns.
    """

    device: Weights
    protocol: PillProtocol
    inputs: int
    pairs: int
    cols: int

    @abstractmethod
    def present(self, pixels: ArrayLike, response: ArrayLike) -> None:
        """Show images one after the other and let the weights learn.

        Parameters
        ----------
        pixels : (B, inputs) array
            Intensities 0..1.
        response : (B, cols) array of bool
            Which columns respond to image b.

        Raises
        ------
        InputError
            If shapes do not fit the layer or an intensity is outside 0..1; nothing has been driven then.
        LimitError
            If the device cannot drive the pulses.
        """

    @abstractmethod
    def currents(self, pixels: ArrayLike) -> NDArray[np.float64]:
        """Column currents (B, cols) in A of images (B, inputs) at the reading voltage; nothing is learned."""

    @abstractmethod
    def conductances(self) -> NDArray[np.float64]:
        """(pairs, cols) conductances of the weights, S."""

    def check(self) -> None:  # noqa: B027 - a core that can drive whatever its protocol says has nothing to refuse
        """Raise `InputError` or `LimitError` if the device cannot drive what images and responses will ask for."""

    @property
    def read_voltage(self) -> float:
        """Voltage of a fully lit pixel in `currents`, V."""
        return self.protocol.v_read or self.device.read_voltage

    def snapshot(self) -> dict[str, NDArray[Any]]:
        """Exact state of the weights; see `Device.snapshot`."""
        return self.device.snapshot()

    def restore(self, state: dict[str, NDArray[Any]]) -> None:
        """Return to a snapshot; see `Device.restore`."""
        self.device.restore(state)

    def reset(self) -> None:
        """Pristine weights; see `Device.reset`."""
        self.device.reset()

    def checked_pixels(self, pixels: ArrayLike) -> NDArray[np.float64]:
        """(B, inputs) intensities as float64; `InputError` if they do not fit the layer."""
        pixels = np.atleast_2d(np.asarray(pixels, dtype=np.float64))
        if pixels.ndim != 2 or pixels.shape[1] != self.inputs:
            raise InputError(f"images of shape {pixels.shape}: the layer needs (batch, {self.inputs}) intensities")
        if not ((pixels >= 0) & (pixels <= 1)).all():
            bad = pixels[~((pixels >= 0) & (pixels <= 1))][0]
            raise InputError(f"intensity {bad:g} of a pixel is outside 0 .. 1")
        return pixels

    def checked(self, pixels: ArrayLike, response: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """Intensities (B, inputs) and responses (B, cols); `InputError` if they do not fit the layer."""
        pixels, response = self.checked_pixels(pixels), np.asarray(response)
        if response.dtype != np.bool_ or response.shape != (len(pixels), self.cols):
            raise InputError(
                f"responses of shape {response.shape} and type {response.dtype}: "
                f"the layer needs ({len(pixels)}, {self.cols}) of bool"
            )
        return pixels, response


class PairedInputs(PairedCore):
    """Paired inputs on any device with one row a pair: the front end on the host, the weights driven by waveforms."""

    def __init__(self, device: Weights, inputs: int, protocol: PillProtocol) -> None:
        """Take a device with C(inputs, 2) rows."""
        pairs = pair_count(inputs) if inputs >= 2 else 0
        if pairs != device.rows:
            raise InputError(
                f"{device.name} has {device.rows} rows; {inputs} inputs make {pairs} pairs: open it with rows={pairs}"
            )
        front(protocol.front)
        self.device, self.protocol = device, protocol
        self.inputs, self.pairs, self.cols = inputs, pairs, device.cols

    def check(self) -> None:
        """Hold lit, half lit and dark images, with every kind of response, against the limits; drive nothing."""
        half = np.arange(self.inputs) % 2
        pixels = np.repeat([np.ones(self.inputs), half, np.zeros(self.inputs)], 3, axis=0)
        response = np.tile(np.arange(3)[:, None] > np.minimum(np.arange(self.cols), 1), (3, 1))
        array, taught = driven(self.device, response)
        try:
            array.limits.check(self.protocol.waveform(pixels, taught))
        except LimitError as error:
            if self.device.limits.channels != 1 or self.protocol.timing != "together":
                raise
            raise LimitError(
                f"{self.device.name} has one source, protocol.timing = together needs two voltages at once: set "
                f"protocol.timing=serial, for one column, or protocol.timing=after ({error})"
            ) from None

    def present(self, pixels: ArrayLike, response: ArrayLike) -> None:
        """Play the images as waveforms; see `PairedCore.present`."""
        pixels, response = self.checked(pixels, response)
        array, taught = driven(self.device, response)
        for here in self._chunks(len(pixels)):
            array.apply(self.protocol.waveform(pixels[here], taught[here]))

    def currents(self, pixels: ArrayLike) -> NDArray[np.float64]:
        """Read with `Device.mvm`; see `PairedCore.currents`."""
        pixels, v = self.checked_pixels(pixels), self.read_voltage
        parts = [self.device.mvm(v * self.protocol.passed(pixels[here])) for here in self._chunks(len(pixels))]
        return np.concatenate(parts) if parts else np.zeros((0, self.cols))

    def conductances(self) -> NDArray[np.float64]:
        """Read the device."""
        return self.device.read()

    def _chunks(self, images: int) -> Iterator[slice]:
        size = max(1, AT_ONCE // self.pairs)
        return (slice(start, start + size) for start in range(0, images, size))


def paired(device: Device, inputs: int, protocol: PillProtocol) -> PairedCore:
    """Put paired inputs in front of a device's cells: its own pairs where it offers them, else `PairedInputs`.

    Parameters
    ----------
    device : Device
        With one row a pair of `inputs`.
    inputs : int
        Number of inputs, >= 2.
    protocol : PillProtocol
        How an image is shown.
    """
    own = device.offer(PairedCore, inputs, protocol)  # type: ignore[type-abstract]  # the class names the layer
    return PairedInputs(device, inputs, protocol) if own is None else own
