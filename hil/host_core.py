"""A spiking core on any device, with the neurons on the host: reads give the currents, waveforms do the programming."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hil.errors import InputError
from hil.spiking import Lif, Programming, SpikeTrain, SpikingCore, Stdp
from hil.waveform import Waveform


class Programmable(Protocol):
    """What the core needs of a device; every `hil.device.Device` has it."""

    name: str
    rows: int
    cols: int
    read_voltage: float
    programming: Programming | None

    def apply(self, waveform: Waveform) -> object:
        """Drive the lines."""

    def read(self) -> NDArray[np.float64]:
        """Conductances, (rows, cols), S."""

    def mvm(self, v: ArrayLike) -> NDArray[np.float64]:
        """Column currents for row voltages, A."""


class HostCore(SpikingCore):
    """The reference semantics of `hil.spiking`, event by event.

    Parameters
    ----------
    device : hil.device.Device
        Read with ``mvm`` (one row at its read voltage), programmed with ``apply``.
    lif, stdp
        Neurons and rule.
    programming : Programming, optional
        Pulses and weight range; the device's own unless given.

    Raises
    ------
    InputError
        If neither the device nor the caller says how a cell is programmed.
    """

    def __init__(self, device: Programmable, lif: Lif, stdp: Stdp, programming: Programming | None = None) -> None:
        """Take the device as it is."""
        chosen = programming or device.programming
        if chosen is None:
            raise InputError(
                f"{device.name} does not say by which pulses a cell is programmed: give HostCore a Programming"
            )
        self.device, self.lif, self.stdp, self.programming = device, lif, stdp, chosen
        self.rows, self.neurons = device.rows, device.cols
        self._theta = np.zeros(device.cols)
        self._rank = lif.ranks(device.cols)

    @property
    def theta(self) -> NDArray[np.float64]:
        """Adaptive part of every neuron's threshold, in full weights."""
        return self._theta

    @theta.setter
    def theta(self, theta: NDArray[np.float64]) -> None:
        self._theta = np.array(theta, dtype=np.float64)

    def weights(self) -> NDArray[np.float64]:
        """(rows, neurons) weights by the device's least disturbing read."""
        return self._weight(self.device.read())

    def present(self, spikes: SpikeTrain, duration: float, learn: bool) -> SpikeTrain:
        """Play one presentation; see `SpikingCore.present`."""
        lif = self.lif
        self._require_rows(int(spikes.line.max(initial=0)))
        self._theta *= np.exp(-duration / lif.theta_decay)
        membrane, refractory = np.zeros(self.neurons), np.zeros(self.neurons)
        last_input = np.full(self.rows, -np.inf)
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
            ready = np.flatnonzero(listening & (membrane >= lif.threshold + self._theta))
            for neuron in self._winners(ready, membrane):
                fired.append((now, neuron))
                if learn:
                    self._program(neuron, self.stdp.potentiated(now - last_input))
                membrane[slice(None) if lif.reset == "all" else neuron] = 0.0
                refractory[neuron] = now + lif.refractory
                self._theta[neuron] += lif.theta_plus
                if lif.inhibition > 0:
                    inhibited_until, exempt = now + lif.inhibition, neuron
        times, neurons = zip(*fired, strict=True) if fired else ((), ())
        return SpikeTrain(np.array(times), np.array(neurons, dtype=np.int64))

    def _winners(self, ready: NDArray[np.int64], membrane: NDArray[np.float64]) -> list[int]:
        """Neurons that fire, in order."""
        if not len(ready):
            return []
        height = -membrane[ready] if self.lif.tie == "membrane" else np.zeros(len(ready))
        order = ready[np.lexsort((self._rank[ready], height))]
        return [int(n) for n in (order[:1] if self.lif.inhibition > 0 else order)]

    def _row(self, row: int) -> NDArray[np.float64]:
        """Weights of a row, from the currents of one read."""
        v = self.device.read_voltage
        one_hot = np.zeros((1, self.rows))
        one_hot[0, row] = v
        return self._weight(self.device.mvm(one_hot)[0] / v)

    def _weight(self, conductance: NDArray[np.float64]) -> NDArray[np.float64]:
        p = self.programming
        return (conductance - p.g_min) / (p.g_max - p.g_min)

    def _program(self, neuron: int, up: NDArray[np.bool_]) -> None:
        """One pulse on every cell of a column: first all potentiations, then all depressions, V/2 on each side.

        Cells of other columns see half of the voltage at most.
        """
        p = self.programming
        column = np.arange(self.neurons) == neuron
        pulses = [
            Waveform.pulse(np.where(chosen, v / 2, 0.0), np.where(column, -v / 2, 0.0), width=p.width)
            + Waveform.rest(p.width, self.rows, self.neurons)
            for chosen, v in ((up, p.v_set), (~up, -p.v_reset))
            if chosen.any()
        ]
        self.device.apply(Waveform.concat(pulses))
