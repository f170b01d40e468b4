"""Neurons of a spiking network as NIR writes them, in steps of time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hil.errors import InputError
from hil.networks.layers import Layer, Values


@dataclass(frozen=True, eq=False)
class Neurons(Layer):
    """Integrate-and-fire neurons: ``tau dv/dt = v_leak - v + r I``, or ``dv/dt = r I`` without a leak.

    A neuron whose v is above its threshold spikes and goes to v_reset (NIR: Pedersen et al., Nature Communications 15,
    8122 (2024)). The current I of a step of time is constant in it, so that v moves exactly:
    ``v <- v_inf + (v - v_inf) exp(-dt / tau)`` with ``v_inf = v_leak + r I``.

    Attributes
    ----------
    name : str
        As in its file.
    tau : (neurons,) array
        Time constant, s; infinite for neurons without a leak.
    r, v_leak, v_threshold, v_reset : (neurons,) arrays
        As in the equation.
    """

    name: str
    tau: NDArray[np.float64]
    r: NDArray[np.float64]
    v_leak: NDArray[np.float64]
    v_threshold: NDArray[np.float64]
    v_reset: NDArray[np.float64]

    @property
    def leaky(self) -> bool:
        """Whether there is a leak."""
        return bool(np.isfinite(self.tau).all())

    def forward(self, x: Values) -> Values:
        """Refused: neurons answer step by step, see `step`."""
        raise InputError(f"{self.name} are spiking neurons, which answer step by step")

    def step(self, v: Values, current: Values, dt: float) -> tuple[Values, Values]:
        """(B, neurons) membranes after a step of `dt` s with these currents, and spikes, 0 or 1, at its end."""
        if current.shape[1:] != self.r.shape:
            raise InputError(f"{self.name}: {len(self.r)} neurons are given {current.shape[1:]} currents")
        if self.leaky:
            end = self.v_leak + self.r * current
            moved = end + (v - end) * np.exp(-dt / self.tau)
        else:
            moved = v + self.r * current * dt
        spikes = moved > self.v_threshold
        return np.where(spikes, self.v_reset, moved), spikes.astype(np.float64)

    def rest(self, batch: int) -> Values:
        """(batch, neurons) membranes before the first step: at v_leak, or 0 without a leak."""
        return np.tile(self.v_leak if self.leaky else np.zeros_like(self.r), (batch, 1))
