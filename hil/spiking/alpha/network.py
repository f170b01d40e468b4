"""`AlphaNetwork`: input, excitatory and inhibitory layers of Zhou et al. (2022), section II C, in compiled steps.

Each excitatory neuron kicks its inhibitory partner, which inhibits all other excitatory neurons. Plastic are either the
recurrent synapses among the excitatory neurons (Type 1; inputs are one to one and fixed) or those from all inputs to
all of them (Type 2). Synaptic currents are equation 2, the rule is equations 3 and 4 with the sign of 4b corrected:

    tau dT/dt = -T, tau dA/dt = T - A;   T += U at a spike;   W += A_post at a presynaptic, A_pre at a postsynaptic one

Spikes count for the rule when they are emitted; they arrive after their line's delay.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hil.errors import InputError
from hil.neurons.mif import MemristiveNeurons, MifParameters
from hil.spiking.alpha import kernel
from hil.spiking.alpha.settings import AlphaNetworkSettings

ENTRIES_PER_VOLT, LOWEST, HIGHEST = 4000.0, -0.5, 0.6
"""Table of the memristors' rates: an entry each 0.25 mV, from V to V; beyond, they are those at its ends."""

MOST_WRITTEN = 1 << 20
"""Output spikes that one presentation writes down with their times."""


@dataclass(frozen=True, eq=False)
class Evoked:
    """What the excitatory layer did in one presentation.

    Attributes
    ----------
    counts : (N,) array of int
        Spikes of each neuron.
    times, lines : (K,) arrays
        Every spike: s since the presentation began, neuron.
    """

    counts: NDArray[np.int64]
    times: NDArray[np.float64]
    lines: NDArray[np.int64]


def rate_table(neuron: MifParameters, dt: float) -> NDArray[np.float64]:
    """(B, 8) array over the voltage: end of x1, its rise to the next entry, decay in a step, its rise; then of x2."""
    v = np.arange(LOWEST, HIGHEST, 1 / ENTRIES_PER_VOLT)
    found = []
    for behind in (neuron.e_rest, neuron.e_reset):
        u = v - behind
        rise = 1.0 / (1.0 + np.exp((neuron.v_on - u) / neuron.k_th))
        fall = 1.0 / (1.0 + np.exp((u - neuron.v_off) / neuron.k_th))
        for values in (rise / (rise + fall), np.exp(-(rise + fall) * dt / neuron.tau)):
            found += [values, np.append(np.diff(values), 0.0)]
    return np.ascontiguousarray(np.array(found).T)


def constants(settings: AlphaNetworkSettings) -> NDArray[np.float64]:
    """(14,) array of what `hil.spiking.alpha.kernel` calls p.

    E_rest, E_reset, dt / C, 1 / R_off, 1 / R_on - 1 / R_off, dt; the part of I, and of a, that is a step's mean
    synaptic current; dt / tau_syn and its exponential decay; decay and mixing of the traces, pre and post.
    """
    n, dt, u = settings.neuron, settings.dt, settings.dt / settings.tau_syn
    decay, keep = np.exp(-u), np.exp(-dt / settings.tau_stdp)
    mix = keep * dt / settings.tau_stdp
    return np.array([
        n.e_rest, n.e_reset, dt / n.capacitance, 1 / n.r_off, 1 / n.r_on - 1 / n.r_off, dt, (1 - decay) / u,
        (1 - (1 + u) * decay) / u, u, decay, keep, mix, keep, mix,
    ])  # fmt: skip


class AlphaNetwork:
    """Such a network at a place in time.

    Attributes
    ----------
    weights : (M, N) array
        Plastic weights, A; rows are presynaptic. Whoever trains on a device sets them before a presentation, and reads
        afterwards what they have become.
    """

    def __init__(self, settings: AlphaNetworkSettings, inputs: int, neurons: int, recurrent: bool, seed: int) -> None:
        """Build it at rest, with delays drawn from the seed.

        Raises
        ------
        InputError
            If inputs and neurons of a recurrent network differ in number.
        """
        if recurrent and inputs != neurons:
            raise InputError(f"a recurrent network has as many neurons as inputs, not {neurons} for {inputs}")
        self.settings, self.inputs, self.neurons, self.recurrent = settings, inputs, neurons, recurrent
        s = settings
        rng = np.random.default_rng([seed, 21])
        drawn = rng.uniform(s.delay_min, s.delay_max, inputs) / s.dt
        self.delay = np.maximum(1, np.rint(drawn)).astype(np.int64)
        self.weights = rng.uniform(0.0, s.initial, (inputs, neurons))
        if recurrent:
            np.fill_diagonal(self.weights, 0.0)
        self._rest = MemristiveNeurons(s.neuron).start()[:3]
        self._table, self._p = rate_table(s.neuron, s.dt), constants(s)
        self._q = np.array([
            s.neuron.threshold, s.bound, s.input_weight, s.to_inhibitory, s.inhibition, s.neuron.refractory, s.u_pre,
            s.u_post, s.strobe,
        ])  # fmt: skip
        self.rest()

    def rest(self) -> None:
        """Put all neurons, synapses and traces to rest; weights stay."""
        self._exc, self._inh = np.zeros((kernel.ROWS, self.neurons)), np.zeros((kernel.ROWS, self.neurons))
        for layer in (self._exc, self._inh):
            layer[:3] = np.array(self._rest)[:, None]
        self._total, self._idle = np.zeros(2), np.full(-(-self.neurons // kernel.BLOCK), np.inf)
        self._free = np.zeros((2, self.neurons), np.int64)
        self._traces = np.zeros((4, max(self.inputs, self.neurons)))
        depth = int(self.delay.max()) + 2
        self._ring = np.zeros((depth, self.inputs), np.int64)
        self._ring_count, self._clock = np.zeros(depth, np.int64), np.zeros(1, np.int64)

    def present(self, intensities: NDArray[np.float64], rng: np.random.Generator, learn: bool) -> Evoked:
        """Show Poisson trains to the inputs, then nothing for the gap.

        Parameters
        ----------
        intensities : (M,) array
            0 .. 1, of the settings' rate.
        rng : Generator
            Of the trains.
        learn : bool
            Whether weights change.
        """
        s = self.settings
        shown, steps = round(s.duration / s.dt), round((s.duration + s.gap) / s.dt)
        step, line = np.nonzero(rng.random((shown, self.inputs)) < intensities * (s.rate * s.dt))
        return self.play(steps, step, line, learn, shown if s.strobe else -1)

    def play(
        self, steps: int, step: NDArray[np.int64], line: NDArray[np.int64], learn: bool, strobe_step: int = -1
    ) -> Evoked:
        """Play steps under given input spikes, in order of their steps."""
        counts = np.zeros(self.neurons, np.int64)
        waits = max(1, round(self.settings.neuron.refractory / self.settings.dt))
        most = min(MOST_WRITTEN, (steps // waits + 1) * self.neurons)
        at, by = np.zeros(most, np.int64), np.zeros(most, np.int64)
        written = kernel.present(
            steps, self._exc, self._inh, self._total, self._idle, self._free, self._traces, self._ring,
            self._ring_count, self._clock, self.weights, self.delay, step, line, self.recurrent, learn, self._table,
            LOWEST, ENTRIES_PER_VOLT, self._p, self._q, strobe_step, counts, at, by,
        )  # fmt: skip
        times = (at[:written] + 1).astype(np.float64) * self.settings.dt
        return Evoked(counts, times, by[:written])

    @property
    def voltage(self) -> NDArray[np.float64]:
        """(N,) membranes of the excitatory layer, V."""
        return self._exc[kernel.V].copy()

    @property
    def _moving(self) -> tuple[NDArray[Any], ...]:
        """All arrays that move, but for the weights."""
        return (
            self._exc, self._inh, self._total, self._idle, self._free, self._traces, self._ring, self._ring_count,
            self._clock,
        )  # fmt: skip

    def snapshot(self) -> NDArray[np.float64]:
        """All that moves but the weights, as one array."""
        return np.concatenate([part.ravel().astype(np.float64) for part in self._moving])

    def restore(self, values: NDArray[np.float64]) -> None:
        """Return to a snapshot of a network of the same size and delays."""
        at = 0
        for part in self._moving:
            part[...] = values[at : at + part.size].reshape(part.shape)
            at += part.size
