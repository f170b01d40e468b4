"""The compiled spiking core of pulse-step RRAM: the semantics of `hil.spiking`, at the speed of memory.

Works on its own copy of the weights, row by row contiguous, so that an input spike reads one stretch of memory; `flush`
writes them back. In float64 it agrees with `HostCore` spike for spike; float32 halves the memory traffic.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numba import njit
from numpy.typing import NDArray

from hil.spiking import Lif, SpikeBatch, SpikeTrain, SpikingCore, Stdp

if TYPE_CHECKING:
    from sim.rram import RramArray

TABLE = 8192
"""Intervals of the table that stands for a power with a fractional exponent; its error is below float32's."""

_ROOM = 4096


class CompiledCore(SpikingCore):
    """Neurons and STDP on the cells of an ideal `RramArray`.

    Parameters
    ----------
    device : RramArray
        Without cycle-to-cycle spread, read noise or stuck cells.
    lif, stdp
        Neurons and rule.
    dtype : type
        np.float32 or np.float64, of weights and membranes.
    """

    def __init__(self, device: RramArray, lif: Lif, stdp: Stdp, dtype: type = np.float32) -> None:
        """Copy the weights."""
        self.device, self.lif, self.stdp = device, lif, stdp
        self.rows, self.neurons = device.rows, device.cols
        self._weights = np.ascontiguousarray(device.weights.astype(dtype))
        self._gain = np.ascontiguousarray(device.sensitivity.astype(dtype))
        up, down = device.parameters.branches()
        self._rules = np.array([up, down], dtype=np.float64)
        self._steps = np.array([_steps(*up), _steps(*down)], dtype=dtype)
        self._theta = np.zeros(self.neurons, dtype=dtype)
        self._rank = lif.ranks(self.neurons)

    @property
    def theta(self) -> NDArray[np.float64]:
        """Adaptive part of every neuron's threshold, in full weights."""
        return self._theta.astype(np.float64)

    @theta.setter
    def theta(self, theta: NDArray[np.float64]) -> None:
        self._theta[:] = theta

    def weights(self) -> NDArray[np.float64]:
        """(rows, neurons) weights, 0..1."""
        return self._weights.astype(np.float64)

    def present(self, spikes: SpikeTrain, duration: float, learn: bool) -> SpikeTrain:
        """Play one presentation; see `SpikingCore.present`."""
        return self._play(SpikeBatch.of([spikes]), duration, learn)[1][0]

    def present_batch(self, batch: SpikeBatch, duration: float, learn: bool) -> NDArray[np.int64]:
        """Play presentations one after another; (B, neurons) output spikes counted."""
        return self._play(batch, duration, learn)[0]

    def flush(self) -> None:
        """Write the weights back to the device."""
        self.device.set_weights(self._weights.astype(np.float64))

    def _play(self, batch: SpikeBatch, duration: float, learn: bool) -> tuple[NDArray[np.int64], SpikeBatch]:
        self._require_rows(int(batch.line.max(initial=0)))
        lif, room = self.lif, max(_ROOM, len(batch.time))
        counts = np.zeros((len(batch), self.neurons), np.int64)
        times, lines = np.empty(room), np.empty(room, np.int32)
        starts = np.zeros(len(batch) + 1, np.int64)
        state = (self._weights.copy(), self._theta.copy())
        while True:
            fits = _present(
                batch.time, batch.line, batch.start, duration, self._weights, self._gain, self._theta, self._rank,
                lif.threshold, lif.leak, lif.refractory, lif.inhibition, lif.reset == "all", lif.tie == "rank",
                lif.theta_plus, np.exp(-duration / lif.theta_decay), self.stdp.window, self._rules, self._steps, learn,
                counts, times, lines, starts,
            )  # fmt: skip
            if fits:
                break
            self._weights[:], self._theta[:] = state
            counts[:] = 0
            times, lines = np.empty(4 * len(times)), np.empty(4 * len(times), np.int32)
        total = starts[-1]
        return counts, SpikeBatch(times[:total], lines[:total], starts)


def _steps(first: float, gamma: float, stop: float) -> NDArray[np.float64]:
    """Steps first (1 - x stop)^gamma at x = 0, 1/TABLE, ..., 1 and one beyond, for linear interpolation."""
    x = np.append(np.linspace(0.0, 1.0, TABLE + 1), 1.0)
    return first * np.maximum(1.0 - x * stop, 0.0) ** gamma


@njit(cache=True, inline="always")
def _step(x, rule, table, exact):
    """One step from the far bound, `x` away from it: eqs 1-3 of Brivio et al. (2021)."""
    first, gamma = rule[0], rule[1]
    base = 1.0 - x * rule[2]
    if exact:
        return first * base**gamma
    if gamma == 1.0:
        return first * base
    if gamma == 2.0:
        return first * base * base
    if gamma == 3.0:
        return first * base * base * base
    place = x * TABLE
    index = int(place)
    return table[index] + (place - index) * (table[index + 1] - table[index])


@njit(cache=True, error_model="numpy")
def _learn(weights, gain, neuron, now, last_input, window, rules, steps):
    exact = weights.itemsize == 8
    for row in range(weights.shape[0]):
        w = weights[row, neuron]
        if now - last_input[row] <= window:
            w += gain[row, neuron] * _step(w, rules[0], steps[0], exact)
        else:
            w -= gain[row, neuron] * _step(1.0 - w, rules[1], steps[1], exact)
        weights[row, neuron] = min(max(w, 0.0), 1.0)


@njit(cache=True, error_model="numpy", fastmath={"nsz"})
def _integrate(membrane, weights, decay, limit):
    """Leak and add one row of weights; count the neurons at their limit (a maximum would not vectorise)."""
    ready = 0
    for n in range(membrane.size):
        v = membrane[n] * decay + weights[n]
        membrane[n] = v
        ready += v >= limit[n]
    return ready


@njit(cache=True, error_model="numpy")
def _winner(queued, height, rank, by_rank):
    """Of the queued neurons, the one that fires first."""
    best = -1
    for n in range(queued.size):
        if not queued[n]:
            continue
        if best < 0:
            best = n
        elif by_rank or height[n] == height[best]:
            best = n if rank[n] < rank[best] else best
        elif height[n] > height[best]:
            best = n
    return best


@njit(cache=True, error_model="numpy")
def _present(
    time, line, start, duration, weights, gain, theta, rank,
    threshold, leak, refractory, inhibition, reset_all, by_rank, theta_plus, theta_kept, window, rules, steps, learn,
    counts, out_time, out_line, out_start,
):  # fmt: skip
    """Play all trains; False if the output did not fit (the caller makes room and starts again)."""
    rows, neurons = weights.shape
    membrane, limit, height = np.empty_like(theta), np.empty_like(theta), np.empty_like(theta)
    queued, one = np.empty(neurons, np.bool_), np.empty(1, theta.dtype)
    refractory_until, last_input = np.empty(neurons), np.empty(rows)
    fired = 0
    for b in range(start.size - 1):
        membrane[:] = 0
        refractory_until[:] = 0.0
        last_input[:] = -np.inf
        for n in range(neurons):
            theta[n] *= theta_kept
            limit[n] = threshold + theta[n]
        inhibited_until, latest, exempt, before = 0.0, 0.0, -1, 0.0
        out_start[b] = fired
        for k in range(start[b], start[b + 1]):
            now, row = time[k], line[k]
            if now >= duration:
                break
            last_input[row] = now
            one[0] = np.exp(-(now - before) / leak)
            decay = one[0]
            before = now
            inhibited = now < inhibited_until
            if not inhibited and now >= latest:
                ready = _integrate(membrane, weights[row], decay, limit)
            else:
                ready = 0
                for n in range(neurons) if not (inhibited and reset_all) else range(exempt, exempt + 1):
                    membrane[n] *= decay
                    if now >= refractory_until[n] and (not inhibited or n == exempt):
                        membrane[n] += weights[row, n]
                        ready += membrane[n] >= limit[n]
            if ready == 0:
                continue
            for n in range(neurons):
                height[n] = membrane[n]
                listened = now >= refractory_until[n] and (not inhibited or n == exempt)
                queued[n] = listened and membrane[n] >= limit[n]
            for _ in range(ready if inhibition == 0.0 else 1):
                winner = _winner(queued, height, rank, by_rank)
                queued[winner] = False
                if fired == out_time.size:
                    return False
                out_time[fired], out_line[fired] = now, winner
                fired += 1
                counts[b, winner] += 1
                if learn:
                    _learn(weights, gain, winner, now, last_input, window, rules, steps)
                if reset_all:
                    membrane[:] = 0
                else:
                    membrane[winner] = 0
                refractory_until[winner] = now + refractory
                latest = max(latest, now + refractory)
                theta[winner] += theta_plus
                limit[winner] = threshold + theta[winner]
                if inhibition > 0.0:
                    inhibited_until, exempt = now + inhibition, winner
    out_start[start.size - 1] = fired
    return True
