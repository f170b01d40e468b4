"""The compiled spiking core of pulse-step RRAM: the semantics of `hil.spiking.core`, at the speed of memory.

Works on two copies of the array: weights by columns, which learn, and what an input adds by rows, so that a spike reads
one stretch of memory; `flush` writes back. Noise is that of the device, number by number: pulses and measurements are
counted as if the host had played them, and each draw depends on its count and its cell alone. In float64 the core
agrees with `HostCore` spike for spike; float32 halves the memory traffic.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hil.energy.dissipation import Dissipation
from hil.mixing import CERTAIN
from hil.spiking.core import SpikingCore
from hil.spiking.course import LearningCourse, odds
from hil.spiking.host import prepare_reference, weight_of
from hil.spiking.neurons import Lif
from hil.spiking.rules import Rule
from hil.spiking.trains import SpikeBatch, SpikeTrain
from sim.crossbar.spiking_energy import SpikeEnergy, spike_energy
from sim.crossbar.spiking_kernel import TIES, play_trains
from sim.crossbar.spiking_learning import Chance, Conduction

if TYPE_CHECKING:
    from sim.crossbar.pulse_step import PulseStepArray


_ROOM = 4096

Precision = type[np.float32] | type[np.float64]
"""Floating point that a core calculates in."""


def plays(rule: Rule) -> bool:
    """Whether the compiled core knows a rule: which rows get others' depression pulse hangs on one window."""
    windows = (*rule.potentiating, *rule.depressing)
    return all(window >= 0 for window in windows) and (not rule.depresses_others or len(rule.potentiating) == 1)


class CompiledCore(SpikingCore):
    """Neurons and STDP on the cells of a `sim.crossbar.pulse_step.PulseStepArray` with ideal wires.

    Parameters
    ----------
    device : sim.crossbar.pulse_step.PulseStepArray
        With any spread, noise and stuck cells.
    lif, stdp
        Neurons and rule.
    dtype : type
        np.float32 or np.float64, of weights and membranes.
    """

    def __init__(self, device: PulseStepArray, lif: Lif, stdp: Rule, dtype: Precision = np.float32) -> None:
        """Copy the weights."""
        self.device, self.lif, self.stdp = device, lif, stdp
        self.rows, self.neurons = device.rows, device.cols
        if lif.reference == "column":
            self.reference = prepare_reference(device, device.programming or device.pulse_step.programming)
            self.neurons -= 1
        weights = device.weights.T.astype(dtype)
        self._columns = np.ascontiguousarray(weights[: self.neurons])
        self._spare = weights[self.neurons :]
        self._conduction = self._conducts(dtype)
        self._inputs = self._added()
        self._gain = np.ascontiguousarray(device.sensitivity.T.astype(dtype))
        up, down = device.pulse_step.up, device.pulse_step.down
        self._steps = np.array([(*up, 1.0), (*down, 1.0)], dtype=dtype)
        self._windows = tuple(np.array(w, dtype=dtype) for w in (stdp.potentiating, stdp.depressing))
        self._theta = np.zeros(self.neurons, dtype=dtype)
        self._rank = lif.ranks(self.neurons)
        self.course = LearningCourse()

    @property
    def theta(self) -> NDArray[np.float64]:
        """Adaptive part of every neuron's threshold, in full weights."""
        return self._theta.astype(np.float64)

    @theta.setter
    def theta(self, theta: NDArray[np.float64]) -> None:
        self._theta[:] = theta

    def weights(self) -> NDArray[np.float64]:
        """(rows, neurons) weights; those that are read, where cells do not conduct as their weights say."""
        if self._conduction.slope.size or self.device.parameters.read_noise:
            self.flush()
            return weight_of(self.device.read()[:, : self.neurons], self.device.pulse_step.programming)
        return np.ascontiguousarray(self._columns.T, dtype=np.float64)

    def present(self, spikes: SpikeTrain, duration: float, learn: bool) -> SpikeTrain:
        """Play one presentation; see `SpikingCore.present`."""
        return self._play(SpikeBatch.of([spikes]), duration, learn)[1][0]

    def present_batch(self, batch: SpikeBatch, duration: float, learn: bool) -> NDArray[np.int64]:
        """Play presentations one after another; (B, neurons) output spikes counted."""
        return self._play(batch, duration, learn)[0]

    def flush(self) -> None:
        """Write the weights back to the device."""
        self.device.set_weights(np.concatenate([self._columns, self._spare]).T.astype(np.float64))

    def _conducts(self, dtype: Precision) -> Conduction:
        """How weights become inputs; worked out in float64."""
        device, p = self.device, self.device.pulse_step.programming
        span, cells = p.g_max - p.g_min, device.array
        zero = p.g_min / span
        alike = not device.parameters.d2d_r and not cells.any_stuck
        slope = np.where(np.isnan(cells.stuck), 1.0 / cells.scale, 0.0)
        offset = np.where(np.isnan(cells.stuck), zero / cells.scale, cells.stuck / span)
        taken = np.full(self.rows, {"exact": zero, "none": 0.0}.get(self.lif.reference, 0.0))
        left_over = zero - taken
        if self.lif.reference == "column":
            taken = slope[-1] * self._spare[0] + offset[-1]
            left_over = -self._spare[0]
        offset = offset[: self.neurons] - taken
        none = np.empty((0, 0), dtype)
        slope, offset = (none, none) if alike else (slope[: self.neurons].astype(dtype), offset.astype(dtype))
        return Conduction(slope, offset, left_over.astype(dtype), taken.astype(dtype))

    def _added(self) -> NDArray[np.floating]:
        """(rows, neurons) what an input adds to every membrane."""
        c = self._conduction
        added = c.slope * self._columns + c.offset if c.slope.size else self._columns + c.left_over
        return np.ascontiguousarray(added.T)

    def _play(self, batch: SpikeBatch, duration: float, learn: bool) -> tuple[NDArray[np.int64], SpikeBatch]:
        self._require_rows(int(batch.line.max(initial=0)))
        lif, room, p = self.lif, max(_ROOM, len(batch.time)), self.device.parameters
        counts = np.zeros((len(batch), self.neurons), np.int64)
        times, lines = np.empty(room), np.empty(room, np.int32)
        starts = np.zeros(len(batch) + 1, np.int64)
        drawn = np.array(self.device.drawn)
        spare = self.device.cols - 1 if self.reference is not None else -1
        read = np.array([p.read_noise], self._theta.dtype)
        asked = np.array([self.course.asked])
        chance = Chance(np.uint64(p.seed), p.c2c, read, spare, drawn, np.uint64(self.stdp.seed), asked)
        falling = self._by_presentation(learn, len(batch))
        state = (self._columns, self._inputs, self._theta, drawn, asked)
        # With inhibition no input makes more than one neuron fire, so the output always fits.
        before = [array.copy() for array in state] if lif.inhibition == 0 else []
        decay, pristine = self._decay(batch), self._columns.copy() if learn and self.device.meter else self._columns
        while True:
            fits = play_trains(
                batch.time, batch.line, batch.start, decay, duration, *state[:3], self._gain, self._conduction, chance,
                self._rank, lif.threshold, lif.refractory, lif.inhibition, lif.reset == "all", TIES.index(lif.tie),
                *falling[:2], np.exp(-duration / lif.theta_decay) if learn else 1.0, falling[2], *self._windows,
                 self.stdp.depresses_others, self._steps, learn, counts, times, lines, starts,
            )  # fmt: skip
            if fits:
                break
            for array, kept in zip(state, before, strict=True):
                array[:] = kept
            counts[:] = 0
            times, lines = np.empty(4 * len(times)), np.empty(4 * len(times), np.int32)
        self.device.drawn = (int(drawn[0]), int(drawn[1]))
        self.course.asked = int(asked[0])
        self.course.presentations += len(batch) if learn else 0
        total = starts[-1]
        fired = SpikeBatch(times[:total], lines[:total], starts)
        if self.device.meter is not None:
            self._note(batch, fired, duration, falling[2] / CERTAIN if learn else None, (pristine + self._columns) / 2)
        return counts, fired

    def _note(
        self,
        batch: SpikeBatch,
        fired: SpikeBatch,
        duration: float,
        probability: NDArray[np.float64] | None,
        weights: NDArray[np.floating],
    ) -> None:
        """Tell the meter what was read and programmed, of (neurons, rows) weights in between; None: nothing was."""
        device, cells, meter = self.device, self.device.array, self.device.meter
        assert meter is not None
        p = device.pulse_step.programming
        g = (p.g_min + np.concatenate([weights, self._spare]).astype(np.float64) * (p.g_max - p.g_min)) / cells.scale
        g = np.where(np.isnan(cells.stuck), g, cells.stuck)
        found = SpikeEnergy(*spike_energy(
            batch.time, batch.line, batch.start, fired.time, fired.line, fired.start, duration, g, *self._windows,
            self.stdp.depresses_others, probability is not None,
            np.ones(len(batch)) if probability is None else probability,
        ))  # fmt: skip
        meter.read_by_spikes(device, found.reads, found.read)
        squares = np.square([p.v_set, p.v_reset])
        drive = squares * p.width
        meter.spent(
            Dissipation(float(drive @ found.meant), float(drive @ found.half) / 4),
            pulses=found.pulses.sum(), seconds=found.pulses.sum() * p.width, dac=(found.cells + found.lines).sum(),
            rows=float(squares @ found.cells) / 2, cols=float(squares @ found.lines) / 2,
        )  # fmt: skip

    def _by_presentation(self, learn: bool, count: int) -> tuple[NDArray[Any], NDArray[Any], NDArray[np.int64]]:
        """theta_plus, what is taken from all thresholds with it, and the odds of a pulse, for each presentation."""
        plus, probability = self._falling(learn, count)
        share = [one / self.neurons if self.lif.theta_mean == "zero" else 0.0 for one in plus]
        dtype = self._theta.dtype
        return np.array(plus, dtype), np.array(share, dtype), np.array([odds(p) for p in probability], np.int64)

    def _decay(self, batch: SpikeBatch) -> NDArray[np.floating]:
        """Factor by which membranes leak from one input spike to the next; arbitrary at the first spike of a train."""
        exponent = np.diff(batch.time, prepend=0.0)
        exponent /= -self.lif.leak
        np.minimum(exponent, 0.0, out=exponent)
        decay = exponent.astype(self._theta.dtype)
        return np.exp(decay, out=decay)
