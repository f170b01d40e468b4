"""`HostCore`: a spiking layer on any device, with the neurons on the host, which reads and programs the cells."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hil.abilities import PulseChoosing
from hil.device import Device, Unsupported
from hil.errors import InputError
from hil.mixing import lots
from hil.programming import Programming, pulse
from hil.spiking.core import Reference, SpikingCore
from hil.spiking.course import LearningCourse, odds
from hil.spiking.neurons import Lif
from hil.spiking.rules import Rule
from hil.spiking.trains import SpikeTrain
from hil.waveform import Waveform


class Programmable(Protocol):
    """What `HostCore` needs of its device; every `hil.device.Device` has it."""

    name: str
    rows: int
    cols: int
    programming: Programming | None

    def apply(self, waveform: Waveform) -> object:
        """Drive the lines."""

    def read(self) -> NDArray[np.float64]:
        """Conductances, (rows, cols), S."""

    def read_rows(self, rows: ArrayLike) -> NDArray[np.float64]:
        """Conductances of some rows, (len(rows), cols), S."""


RESIDUE = 0.01
"""Weight below which the cells of a reference column count as depressed."""

MOST_REFERENCE_PULSES = 10_000
"""Depression pulses after which a reference column that does not go down is given up."""


class HostCore(SpikingCore):
    """The reference semantics of `hil.spiking.core`, event by event.

    Parameters
    ----------
    device : hil.device.Device
        Read with ``read_rows``, programmed with ``apply``.
    lif, stdp
        Neurons and rule.
    programming : Programming, optional
        Pulses and weight range; the device's own unless given.

    Raises
    ------
    InputError
        If neither the device nor the caller says how a cell is programmed, or if there is no column to spare for a
        reference, or its cells do not go down to g_min.
    """

    def __init__(self, device: Programmable, lif: Lif, stdp: Rule, programming: Programming | None = None) -> None:
        """Take the device as it is."""
        chosen = programming or pulses_of(device)
        self.device, self.lif, self.stdp, self.programming = device, lif, stdp, chosen
        self.rows, self.neurons = device.rows, device.cols
        if lif.reference == "column":
            self.reference = prepare_reference(device, chosen)
            self.neurons -= 1
        self._theta = np.zeros(self.neurons)
        self._rank = lif.ranks(self.neurons)
        self.course = LearningCourse()

    @property
    def theta(self) -> NDArray[np.float64]:
        """Adaptive part of every neuron's threshold, in full weights."""
        return self._theta

    @theta.setter
    def theta(self, theta: NDArray[np.float64]) -> None:
        self._theta = np.array(theta, dtype=np.float64)

    def weights(self) -> NDArray[np.float64]:
        """(rows, neurons) weights by the device's least disturbing read."""
        return weight_of(self.device.read()[:, : self.neurons], self.programming)

    def present(self, spikes: SpikeTrain, duration: float, learn: bool) -> SpikeTrain:
        """Play one presentation; see `SpikingCore.present`."""
        lif = self.lif
        self._require_rows(int(spikes.line.max(initial=0)))
        (theta_plus,), (probability,) = self._falling(learn, 1)
        self._theta *= np.exp(-duration / lif.theta_decay) if learn else 1.0
        membrane, refractory = np.zeros(self.neurons), np.zeros(self.neurons)
        last_input, last_output = np.full(self.rows, -np.inf), np.full(self.neurons, -np.inf)
        inhibited_until, exempt, before = 0.0, -1, 0.0
        fired: list[tuple[float, int]] = []
        for now, row in zip(spikes.time, spikes.line, strict=True):
            if now >= duration:
                break
            membrane *= np.exp(-(now - before) / lif.leak)
            before = now
            last_input[row] = now
            listening = now >= refractory
            if now < inhibited_until:
                listening &= np.arange(self.neurons) == exempt
            membrane[listening] += self._row(row)[listening]
            if learn and self.stdp.depressing:
                self._depress(row, now - last_output, self._lots(self.neurons, probability))
            ready = np.flatnonzero(listening & (membrane >= lif.threshold + self._theta))
            for neuron in self._winners(ready, membrane):
                fired.append((now, neuron))
                last_output[neuron] = now
                if learn:
                    self._learn(neuron, now - last_input, self._lots(self.rows, probability))
                membrane[slice(None) if lif.reset == "all" else neuron] = 0.0
                refractory[neuron] = now + lif.refractory
                self._theta[neuron] += theta_plus
                if lif.theta_mean == "zero":
                    self._theta -= theta_plus / self.neurons
                if lif.inhibition > 0:
                    inhibited_until, exempt = now + lif.inhibition, neuron
        self.course.presentations += learn
        times, neurons = zip(*fired, strict=True) if fired else ((), ())
        return SpikeTrain(np.array(times), np.array(neurons, dtype=np.int64))

    def _winners(self, ready: NDArray[np.int64], membrane: NDArray[np.float64]) -> list[int]:
        """Neurons that fire, in order."""
        if not len(ready):
            return []
        height = np.zeros(len(ready)) if self.lif.tie == "rank" else membrane[ready]
        if self.lif.tie == "margin":
            height = height - (self.lif.threshold + self._theta[ready])
        order = ready[np.lexsort((self._rank[ready], -height))]
        return [int(n) for n in (order[:1] if self.lif.inhibition > 0 else order)]

    def _lots(self, cells: int, probability: float) -> NDArray[np.bool_]:
        """Which cells of a row or column get what a spike asks for."""
        self.course.asked += 1
        return lots(self.stdp.seed, self.course.asked, cells, odds(probability))

    def _row(self, row: int) -> NDArray[np.float64]:
        """What an input on a row adds to the membranes, from the currents of one read."""
        p, conductance = self.programming, self.device.read_rows([row])[0]
        subtracted = {"exact": p.g_min, "column": conductance[-1], "none": 0.0}[self.lif.reference]
        return (conductance[: self.neurons] - subtracted) / (p.g_max - p.g_min)

    def _learn(self, neuron: int, elapsed: NDArray[np.float64], given: NDArray[np.bool_]) -> None:
        """Pulses on a neuron's column where they are `given`; `elapsed` since the last spike of every row."""
        column, p = np.arange(self.device.cols) == neuron, self.programming
        pulses = [(elapsed <= window, p.up) for window in self.stdp.potentiating]
        if self.stdp.depresses_others:
            pulses.append((~np.logical_or.reduce([rows for rows, _ in pulses]), p.down))
        self._play([pulse(rows & given, column, v, p.width) for rows, v in pulses if (rows & given).any()])

    def _depress(self, row: int, elapsed: NDArray[np.float64], given: NDArray[np.bool_]) -> None:
        """Pulses on the cells of a row where they are `given`; `elapsed` since the last spike of every neuron."""
        one, p = np.arange(self.rows) == row, self.programming
        unused = np.zeros(self.device.cols - self.neurons, bool)
        chosen = [np.append((elapsed <= window) & given, unused) for window in self.stdp.depressing]
        self._play([pulse(one, cols, p.down, p.width) for cols in chosen if cols.any()])

    def _play(self, pulses: list[Waveform]) -> None:
        if pulses:
            self.device.apply(Waveform.concat(pulses))


def pulses_of(device: Programmable) -> Programming:
    """Pulses of a device: its own, else those that it chooses; `InputError` where it knows none."""
    if device.programming is not None:
        return device.programming
    unknown = f"{device.name} does not say by which pulses a cell is programmed"
    if not isinstance(device, PulseChoosing):
        raise InputError(f"{unknown}: give HostCore a Programming")
    try:
        return device.choose_pulses()
    except Unsupported as error:
        raise InputError(f"{unknown}, and finds none ({error})") from error


def weight_of(conductance: NDArray[np.float64], programming: Programming) -> NDArray[np.float64]:
    """Weight of a conductance, 0 at g_min and 1 at g_max."""
    return (conductance - programming.g_min) / (programming.g_max - programming.g_min)


def prepare_reference(device: Programmable, programming: Programming) -> Reference:
    """Depress the cells of the last column, as far as they go, until all weigh less than RESIDUE.

    Raises
    ------
    InputError
        If the device has a single column, or if MOST_REFERENCE_PULSES are not enough.
    """
    if device.cols < 2:
        raise InputError(f"{device.name} has one column: a reference column needs another one beside the neurons'")
    column, pulses = np.arange(device.cols) == device.cols - 1, 0
    while True:
        weights = weight_of(device.read()[:, -1], programming)
        high = weights > RESIDUE
        if not high.any():
            return Reference(device.rows, pulses, float(weights.mean()))
        if pulses == MOST_REFERENCE_PULSES:
            raise InputError(
                f"{device.name}: {pulses} depression pulses leave the reference column at a weight of up to "
                f"{weights.max():.3g}: its cells do not reach g_min"
            )
        device.apply(pulse(high, column, programming.down, programming.width))
        pulses += 1


def spiking(device: Device, lif: Lif, rule: Rule) -> SpikingCore:
    """Put neurons and a learning rule on a device: its own core where it offers one, else `HostCore`."""
    own = device.offer(SpikingCore, lif, rule)  # type: ignore[type-abstract]  # the class names the layer
    return HostCore(device, lif, rule) if own is None else own
