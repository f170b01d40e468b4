"""`SpikingCore`: a spiking layer on a crossbar, with leaky integrate-and-fire neurons and STDP.

Input spikes on the rows are integrated by leaky neurons on the columns; their spikes program the cells. `SpikingCore`
says what that means; `hil.spiking.host.HostCore` does it on any device, with the neurons on the host, and back ends
offer faster cores with the same semantics.

For every input spike at time t on row r, in order of time, then of row:

1. all membranes leak: V *= exp(-dt / leak);
2. every neuron that is neither refractory nor inhibited gains the weight of its cell in row r;
3. cells of row r are programmed, if the rule asks for that at an input spike;
4. of the neurons that have reached their threshold, the winner fires (or all of them, where nothing inhibits): its
   column is programmed by the rule, membranes are reset, it is refractory and the others are inhibited, its threshold
   rises by theta_plus and, with ``theta_mean = zero``, all fall by theta_plus / N.

Where the rule has a pulse probability, every spike that asks for pulses draws lots among its cells first. Lots, and
values that fall during a run, hang on the counts in `SpikingCore.course` alone.

A weight is w = (G - g_min) / (g_max - g_min). Membrane and threshold count full weights: a threshold of 60 is reached
by 60 simultaneous inputs of weight 1. On a read with voltage v, a membrane of 1 is a current of v (g_max - g_min).
`Lif.reference` says how the current of g_min, which every cell carries, is taken away.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from hil.errors import InputError
from hil.spiking.course import LearningCourse
from hil.spiking.neurons import Lif
from hil.spiking.rules import Rule
from hil.spiking.trains import SpikeBatch, SpikeTrain


@dataclass(frozen=True)
class Reference:
    """Outcome of preparing a reference column: pulses spent, and the weight that is left.

    Attributes
    ----------
    cells : int
        Cells of the column.
    pulses : int
        Depression pulses that were applied to it.
    residue : float
        Mean weight of its cells, which is subtracted from every input.
    """

    cells: int
    pulses: int
    residue: float


class Code(Protocol):
    """How images become spikes; `hil.spiking.encoding.SpikeCode` is one."""

    @property
    def kind(self) -> str:
        """Name of the code."""

    @property
    def duration(self) -> float:
        """Length of a presentation, s."""

    def encode(self, images: NDArray[np.uint8], full_scale: int, seed: int, numbers: NDArray[np.int64]) -> SpikeBatch:
        """Spikes of a batch of images."""


class SpikingCore(ABC):
    """LIF neurons and STDP on the cells of a device: one neuron a column.

    Attributes
    ----------
    lif : Lif
    stdp : Rule
    rows, neurons : int
        Inputs and neurons; with a reference column, there is one neuron less than columns.
    course : hil.spiking.course.LearningCourse
        Progress through the run; whoever keeps weights and thresholds keeps it, too.
    reference : Reference or None
        The reference column, where there is one.
    """

    lif: Lif
    stdp: Rule
    course: LearningCourse
    rows: int
    neurons: int
    reference: Reference | None = None

    @property
    @abstractmethod
    def theta(self) -> NDArray[np.float64]:
        """Adaptive part of every neuron's threshold, in full weights; may be assigned to."""

    @theta.setter
    @abstractmethod
    def theta(self, value: NDArray[np.float64]) -> None: ...

    @abstractmethod
    def weights(self) -> NDArray[np.float64]:
        """(rows, neurons) weights, 0..1."""

    @abstractmethod
    def present(self, spikes: SpikeTrain, duration: float, learn: bool) -> SpikeTrain:
        """Play one presentation of `duration` seconds and return the output spikes.

        Membranes start at 0, no row has spiked and no neuron is blocked. Input spikes at or after `duration` are not
        played. With `learn`, cells are programmed and adaptive thresholds move; without, nothing stays behind.
        """

    def present_batch(self, batch: SpikeBatch, duration: float, learn: bool) -> NDArray[np.int64]:
        """Play presentations one after another; (B, neurons) output spikes counted."""
        trains = (self.present(batch[b], duration, learn) for b in range(len(batch)))
        return np.array([train.counts(self.neurons) for train in trains]).reshape(len(batch), self.neurons)

    def present_images(
        self,
        images: NDArray[np.uint8],
        full_scale: int,
        code: Code,
        seed: int,
        numbers: NDArray[np.int64],
        learn: bool,
    ) -> NDArray[np.int64]:
        """Show images as spikes, one presentation each; (B, neurons) output spikes counted.

        Parameters as of `hil.spiking.encoding.SpikeCode.encode`, which is used unless the core encodes by itself.
        """
        return self.present_batch(code.encode(images, full_scale, seed, numbers), code.duration, learn)

    def _falling(self, learn: bool, count: int) -> tuple[list[float], list[float]]:
        """theta_plus and the pulse probability in each of the next `count` presentations."""
        lif, rule = self.lif, self.stdp
        if not learn:
            return [0.0] * count, [1.0] * count
        return (
            self.course.values("theta_plus", lif.theta_plus, lif.theta_plus_end, count),
            self.course.values("pulse_probability", rule.pulse_probability, rule.pulse_probability_end, count),
        )

    def flush(self) -> None:  # noqa: B027 - a core that works on the device itself has nothing to bring
        """Bring the device up to date with what was learned, where the core works on a copy."""

    def _require_rows(self, highest: int) -> None:
        if highest >= self.rows:
            raise InputError(f"a spike on row {highest}: the device has rows 0 to {self.rows - 1}")
