"""A crossbar of cells that move one step a pulse; it offers compiled neurons (`sim.crossbar.spiking_core`)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hil.device import Layer
from hil.spiking.core import SpikingCore
from sim.cells.law import PulseStep
from sim.crossbar.array import SimulatedArray
from sim.crossbar.spiking_core import CompiledCore


class PulseStepArray(SimulatedArray):
    """Crossbar of cells of a law with a `PulseStep`; the programmed state is the weight, 0..1."""

    def offer(self, layer: type[Layer], *question: Any) -> Layer | None:
        """The compiled spiking core, where cells are neither noisy nor stuck and wires ideal."""
        p = self.parameters
        if p.nonideal:  # nor any of what `sim.crossbar.nonideal` does to cells
            return None
        if layer is not SpikingCore or p.c2c or p.read_noise or self.array.any_stuck or p.d2d_r or p.r_wire:
            return None
        own = CompiledCore(self, *question)
        return own if isinstance(own, layer) else None

    @property
    def pulse_step(self) -> PulseStep:
        """Pulses and step sizes of the law."""
        step = self.law.pulse_step
        if step is None:
            raise TypeError(f"{self.name}: a law whose cells do not move by a step a pulse")
        return step

    @property
    def weights(self) -> NDArray[np.float64]:
        """(rows, cols) weight of every cell, 0..1."""
        return self.state(self.law.programmed)

    def set_weights(self, weights: NDArray[np.float64]) -> None:
        """Put every cell at a weight 0..1, (rows, cols): what a spiking core has learned on its copy."""
        self._require_open()
        self.array.put(weights.T)
