"""A device behind a spiking core, as the training loop shows it images and keeps its state."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hil.data.datasets import Dataset
from hil.device import Device
from hil.errors import InputError
from hil.runs.devices import SOLE, Devices, States
from hil.spiking.encoding import SpikeCode
from hil.spiking.host import spiking
from hil.spiking.neurons import Lif
from hil.spiking.rules import Rule
from hil.training.loop import Stage, Trainee


class SpikingTrainee(Trainee):
    """A device behind a spiking core, shown images as spikes."""

    def __init__(self, device: Device, lif: Lif, stdp: Rule, code: SpikeCode, dataset: Dataset, seed: int) -> None:
        """Put neurons on the device's columns."""
        super().__init__(Devices({SOLE: device}))
        self.lif, self.stdp, self._code = lif, stdp, code
        self._data, self._seed = dataset, seed
        self.core = spiking(device, lif, stdp)

    def check(self, stage: Stage) -> None:
        """Compare the number of rows with the images."""
        if self.device.rows != self._data.inputs:
            raise InputError(
                f"{self.device.name} has {self.device.rows} rows, the images of '{self._data.name}' have "
                f"{self._data.inputs} pixels: rows={self._data.inputs}"
            )

    def show(self, stage: Stage, here: slice) -> None:
        """Present a batch and learn from it."""
        numbers = np.arange(here.start, here.stop)
        self.core.course.horizon = len(stage.order)
        self._present(self._data.train_images[stage.order[here]], numbers, True)

    def responses(self, images: NDArray[np.uint8], first_number: int) -> NDArray[np.int64]:
        """(B, neurons) output spikes, counted, without learning."""
        numbers = np.arange(len(images)) + first_number
        return self._present(images, numbers, False)

    def snapshot(self) -> States:
        """State of the device, thresholds of the neurons on its columns, and how far they are."""
        self.core.flush()
        states = super().snapshot()
        return {SOLE: states[SOLE] | {"theta": self.core.theta, "course": self.core.course.saved()}}

    def restore(self, states: States) -> None:
        """Return to a snapshot."""
        own, kept = ("theta", "course"), states[SOLE]
        super().restore({SOLE: {name: array for name, array in kept.items() if name not in own}})
        self.core = spiking(self.device, self.lif, self.stdp)
        self.core.theta = kept["theta"]
        if "course" in kept:  # a checkpoint of an earlier version has none, and nothing that falls
            self.core.course.resume(kept["course"])

    def reset(self) -> None:
        """Pristine cells and thresholds."""
        super().reset()
        self.core = spiking(self.device, self.lif, self.stdp)

    def _present(self, images: NDArray[np.uint8], numbers: NDArray[np.int64], learn: bool) -> NDArray[np.int64]:
        return self.core.present_images(images, self._data.full_scale, self._code, self._seed, numbers, learn)
