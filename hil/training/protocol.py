"""The two-pulse protocol that trains a layer by spike timing alone (Zivasatienraj & Doolittle 2023, section 4).

Every image is a 1 ms pulse on all rows, each scaled to its pixel. After a delay, one response pulse goes to a column as
a whole; the delay tells whether the image shows the column's target. Nothing addresses a single weight.
"""

from __future__ import annotations

from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from hil.config import Section
from hil.device import Device
from hil.errors import InputError
from hil.runs.devices import SOLE, Devices
from hil.spiking.encoding import intensities
from hil.synapses.synapse import driven
from hil.training.loop import Stage, Trainee
from hil.waveform import Waveform


class Protocol(Section):
    """Pulses and delays; section [protocol] of a configuration.

    Orientation matters. With `forward` pulses (positive) the input raises the non-volatile flux and the response
    lowers it: every weight collapses to the lower bound, because eq 4 lets phi fall freely but holds it against a
    rise. With `mirrored` pulses (negative, or the pair the other way round) there is a stable equilibrium. Which delay
    is the sensitised one depends on the volatile element: at Dv = 70 /s it is 10 ms, and it must go to the images that
    do not show the target (docs/physics.md).
    """

    amplitude: float = Field(0.1, gt=0, description="voltage of a fully lit pixel and of the response, V")
    width: float = Field(1e-3, gt=0, description="width of every pulse, s")
    target_delay: float = Field(0.25, ge=0, description="end of input to response for the target, s")
    other_delay: float = Field(0.01, ge=0, description="end of input to response for other images, s")
    interval: float = Field(0.35, gt=0, description="start of one image to start of the next, s")
    orientation: Literal["mirrored", "forward"] = Field("mirrored", description="sign of all pulses: -, +")

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        apart = abs(self.target_delay - self.other_delay)
        if 0 < apart < self.width:
            raise ValueError(
                f"target_delay {self.target_delay:g} s and other_delay {self.other_delay:g} s must be equal or at "
                f"least one width ({self.width:g} s) apart"
            )
        needed = 2 * self.width + max(self.target_delay, self.other_delay)
        if self.interval < needed * (1 - 1e-12):
            raise ValueError(f"interval {self.interval:g} s must hold input, delay and response: >= {needed:g} s")
        return self

    def waveform(self, pixels: NDArray[np.float64], is_target: NDArray[np.bool_], measure: bool = False) -> Waveform:
        """Play a batch of images.

        Parameters
        ----------
        pixels : (B, rows) array
            Intensities 0..1.
        is_target : (B, cols) array of bool
            Whether image b shows the target of column c.
        measure : bool
            Whether currents (and so energies) of all pulses are wanted.
        """
        sign = -1.0 if self.orientation == "mirrored" else 1.0
        v = sign * self.amplitude
        early, late = sorted((self.target_delay, self.other_delay))
        duration = [self.width, early, self.width, late - early - self.width, self.width]
        if early == late:
            duration[3:] = [0.0, 0.0]
        duration.append(self.interval - sum(duration))
        kept = [k for k, length in enumerate(duration) if length > 1e-9 * self.width]
        rows = np.zeros((len(pixels), len(kept), pixels.shape[1]))
        cols = np.zeros((len(pixels), len(kept), is_target.shape[1]))
        np.multiply(pixels, v, out=rows[:, kept.index(0)])
        at_early = np.ones_like(is_target) if early == late else is_target == (self.target_delay == early)
        cols[:, kept.index(2)] = np.where(at_early, v, 0.0)
        if early != late:
            cols[:, kept.index(4)] = np.where(at_early, 0.0, v)
        pulses = np.array([k in (0, 2, 4) for k in kept])
        for table in (rows, cols):
            table.flags.writeable = False
        return Waveform(
            np.tile(np.array(duration)[kept], len(pixels)),
            rows.reshape(-1, pixels.shape[1]),
            cols.reshape(-1, is_target.shape[1]),
            np.tile(pulses & measure, len(pixels)),
        )


def protocol_bytes(images: int, lines: int) -> float:
    """Memory in bytes of the waveform of so many images on so many rows and columns, while it is put together."""
    return 2.0 * 6 * 8 * images * lines


class WaveformTrainee(Trainee):
    """A device that learns images by the two-pulse protocol, a batch a waveform.

    Where a weight has several cells (`hil.synapses`), those that lower it are taught that other classes are the target.
    """

    def __init__(self, device: Device, protocol: Protocol, images: NDArray[np.uint8], full_scale: int) -> None:
        """Show `images`, whose fully lit pixels have the grey value `full_scale`."""
        super().__init__(Devices({SOLE: device}))
        self._protocol, self._images, self._full_scale = protocol, images, full_scale

    def check(self, stage: Stage) -> None:
        """Compare sizes; hold a fully lit image against the limits."""
        wanted = stage.targets.shape[1]
        if self.device.cols != wanted:
            raise InputError(
                f"{self.device.name} has {self.device.cols} columns, {wanted} layers are to be trained: cols={wanted}"
            )
        array, targets = driven(self.device, np.ones((1, wanted), dtype=bool))
        array.limits.check(self._protocol.waveform(np.ones((1, array.rows)), targets))

    def show(self, stage: Stage, here: slice) -> None:
        """Play a batch."""
        pixels = intensities(self._images[stage.order[here]], self._full_scale)
        array, targets = driven(self.device, stage.targets[here])
        array.apply(self._protocol.waveform(pixels, targets))
