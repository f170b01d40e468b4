"""A crossbar of cells that move one step a pulse; it offers compiled neurons (`sim.crossbar.spiking_core`)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hil.arrays import numbers
from hil.biasing import require_scheme
from hil.device import Layer
from hil.errors import InputError
from hil.programming import pulse, scheme_for, whole_counts
from hil.spiking.core import SpikingCore
from sim.cells.law import PulseStep
from sim.crossbar.array import SimulatedArray
from sim.crossbar.pulse_trains import spares_others, step_cells
from sim.crossbar.spiking_core import CompiledCore, plays


class PulseStepArray(SimulatedArray):
    """Crossbar of cells of a law with a `PulseStep`; the programmed state is the weight, 0..1."""

    def offer(self, layer: type[Layer], *question: Any) -> Layer | None:
        """The compiled spiking core, for ideal wires, cells without a past and a rule that it knows."""
        p = self.parameters
        if layer is not SpikingCore or not p.plain or p.nonideal or not plays(question[1]):
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

    def set_conductances(self, conductances: NDArray[np.float64]) -> None:
        """Put every cell at (rows, cols) conductances, S, within its own range; stuck cells stay where they are."""
        self._require_open()
        wanted = numbers(conductances, "conductances")
        if wanted.shape != self.cells:
            raise InputError(f"conductances of shape {wanted.shape}: {self.name} has {self.rows} x {self.cols} cells")
        ends = []
        for weight in (0.0, 1.0):
            self.set_weights(np.full(self.cells, weight))
            ends.append(self.conductance)
        span = ends[1] - ends[0]
        moves = span != 0
        self.set_weights(np.where(moves, np.clip((wanted - ends[0]) / np.where(moves, span, 1.0), 0.0, 1.0), 0.0))

    def program(self, counts: ArrayLike, *, scheme: str | None = None) -> None:
        """Give every cell a number of programming pulses, see `Device.program`.

        Compiled, where wires are ideal and the scheme moves no cell that is not meant; cells, time and noise are then
        as if each pulse had been applied.
        """
        p, chosen = self.programming, scheme_for(self.cells, self.limits.channels) if scheme is None else scheme
        require_scheme(chosen)
        own = self.pulse_step.programming
        plain = self.parameters.plain and not self.parameters.nonideal
        if p is None or not plain or not spares_others(p, own, chosen):
            super().program(counts, scheme=chosen)
            return
        self._require_open()
        cells = np.ascontiguousarray(whole_counts(counts, self.cells, self.name).T)
        for v, columns in ((p.v_set, cells.max(axis=1) > 0), (-p.v_reset, cells.min(axis=1) < 0)):
            if columns.any():
                meant = np.arange(self.cols) == columns.argmax()
                self.limits.check(pulse(v * cells[columns.argmax()] > 0, meant, v, p.width, chosen))
        weights, (first, measurements) = self.array.state[self.law.programmed].copy(), self.drawn
        step, noise = self.pulse_step, self.parameters
        before = None if self.meter is None else self.conductance
        pulses = step_cells(weights, cells, self.array.gain, step.up, step.down, noise.c2c, noise.seed, first)
        self.array.put(weights)
        self.drawn = first + pulses, measurements
        self.array.time += 2 * p.width * pulses
        if self.meter is not None and before is not None:
            self.meter.programmed(self, cells.T, before, self.conductance, chosen)

    @property
    def drawn(self) -> tuple[int, int]:
        """Pulses and measurements so far, which number the draws of their noise; 0 pulses where these have none."""
        spread = self.array.spread
        return 0 if spread is None else spread.number, self._measurements

    @drawn.setter
    def drawn(self, drawn: tuple[int, int]) -> None:
        pulses, self._measurements = drawn
        if self.array.spread is not None:
            self.array.spread.number = pulses
