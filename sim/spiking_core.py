"""The compiled spiking core of pulse-step RRAM: the semantics of `hil.spiking`, at the speed of memory.

Works on its own copy of the weights, row by row contiguous, so that an input spike reads one stretch of memory; `flush`
writes them back. In float64 it agrees with `HostCore` spike for spike; float32 halves the memory traffic.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numba import njit
from numpy.typing import NDArray

from hil.spiking import Lif, SpikeBatch, SpikeTrain, SpikingCore, Stdp


class PulseStepArray(Protocol):
    """What the core needs of an array; `sim.rram.RramArray` has it."""

    rows: int
    cols: int
    parameters: Any
    weights: NDArray[np.float64]
    sensitivity: NDArray[np.float64]

    def set_weights(self, weights: NDArray[np.float64]) -> None:
        """Put every cell at a weight."""


TABLE = 8192
"""Intervals of the table that stands for a power with a fractional exponent; its error is below float32's."""

SLACK = 0.01
"""Room, in full weights, below which the distance to the limits is measured again; covers rounding in float32."""

_ROOM = 4096


class CompiledCore(SpikingCore):
    """Neurons and STDP on the cells of an ideal `sim.rram.RramArray`.

    Parameters
    ----------
    device : sim.rram.RramArray
        Without cycle-to-cycle spread, read noise or stuck cells.
    lif, stdp
        Neurons and rule.
    dtype : type
        np.float32 or np.float64, of weights and membranes.
    """

    def __init__(self, device: PulseStepArray, lif: Lif, stdp: Stdp, dtype: type = np.float32) -> None:
        """Copy the weights."""
        self.device, self.lif, self.stdp = device, lif, stdp
        self.rows, self.neurons = device.rows, device.cols
        self._weights = np.ascontiguousarray(device.weights.astype(dtype))
        self._gain = np.ascontiguousarray(device.sensitivity.T.astype(dtype))
        up, down = device.parameters.branches()
        self._rules = np.array([(*up, 1.0), (*down, 1.0)], dtype=dtype)
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


@njit(cache=True, error_model="numpy")
def _learn(weights, gain, neuron, now, last_input, window, rules, steps, column):
    """Program a neuron's column: one step of eqs 1-3 of Brivio et al. (2021) on every cell.

    The column is gathered first, since its cells lie far apart in memory.
    """
    for row in range(column.size):
        column[row] = weights[row, neuron]
    whole = rules[0, 1] <= 3.0 and rules[1, 1] <= 3.0 and rules[0, 1] % 1.0 == 0.0 and rules[1, 1] % 1.0 == 0.0
    if weights.itemsize == 8:
        _step_exactly(column, gain[neuron], now, last_input, window, rules)
    elif whole:
        _step_whole(column, gain[neuron], now, last_input, window, rules)
    else:
        _step_from_table(column, gain[neuron], now, last_input, window, steps)
    for row in range(column.size):
        weights[row, neuron] = column[row]


@njit(cache=True, error_model="numpy")
def _step_exactly(column, gain, now, last_input, window, rules):
    """By powers, as the device itself computes them."""
    for row in range(column.size):
        w = column[row]
        if now - last_input[row] <= window:
            w += gain[row] * (rules[0, 0] * (1.0 - w * rules[0, 2]) ** rules[0, 1])
        else:
            w -= gain[row] * (rules[1, 0] * (1.0 - (1.0 - w) * rules[1, 2]) ** rules[1, 1])
        column[row] = min(max(w, 0.0), 1.0)


@njit(cache=True, error_model="numpy", fastmath={"nsz", "contract"})
def _step_whole(column, gain, now, last_input, window, rules):
    """Exponents 1, 2 and 3 without a power; constants are taken from `rules` to stay in its precision."""
    one = rules[0, 3]
    zero = one - one
    up_square, up_cube = rules[0, 1] >= 2.0, rules[0, 1] >= 3.0
    down_square, down_cube = rules[1, 1] >= 2.0, rules[1, 1] >= 3.0
    for row in range(column.size):
        w = column[row]
        up = one - w * rules[0, 2]
        down = one - (one - w) * rules[1, 2]
        up = rules[0, 0] * up * (up if up_square else one) * (up if up_cube else one)
        down = rules[1, 0] * down * (down if down_square else one) * (down if down_cube else one)
        w += gain[row] * (up if now - last_input[row] <= window else -down)
        column[row] = min(max(w, zero), one)


@njit(cache=True, error_model="numpy")
def _step_from_table(column, gain, now, last_input, window, steps):
    """Any exponent by linear interpolation."""
    for row in range(column.size):
        w = column[row]
        potentiate = now - last_input[row] <= window
        table = steps[0] if potentiate else steps[1]
        place = TABLE * (w if potentiate else 1.0 - w)
        index = int(place)
        step = gain[row] * (table[index] + (place - index) * (table[index + 1] - table[index]))
        column[row] = min(max(w + step if potentiate else w - step, 0.0), 1.0)


@njit(cache=True, error_model="numpy", fastmath={"nsz"})
def _integrate(membrane, weights, decay):
    """Leak, then add one row of weights."""
    for n in range(membrane.size):
        membrane[n] = membrane[n] * decay + weights[n]


@njit(cache=True, error_model="numpy", fastmath={"nsz"})
def _integrate_four(membrane, one, two, three, four, decays):
    """Four inputs in one pass over the membranes, in order: the same sums as one by one."""
    a, b, c, d = decays[0], decays[1], decays[2], decays[3]
    for n in range(membrane.size):
        membrane[n] = (((membrane[n] * a + one[n]) * b + two[n]) * c + three[n]) * d + four[n]


@njit(cache=True, error_model="numpy", fastmath={"nsz", "nnan"})
def _smaller(left, right):
    for n in range(right.size):
        left[n] = min(left[n], right[n])


@njit(cache=True, error_model="numpy", fastmath={"nsz"})
def _distances(membrane, limit, gaps):
    for n in range(membrane.size):
        gaps[n] = limit[n] - membrane[n]


@njit(cache=True, error_model="numpy")
def _room(membrane, limit, gaps):
    """Distance of the nearest neuron to its limit, 0 or less if it is reached.

    Folded in halves until it is short: a plain minimum does not vectorise.
    """
    _distances(membrane, limit, gaps)
    size = gaps.size
    while size > 16:
        half = (size + 1) // 2
        _smaller(gaps[: size - half], gaps[half:size])
        size = half
    nearest = gaps[0]
    for n in range(1, size):
        nearest = min(nearest, gaps[n])
    return nearest


@njit(cache=True, error_model="numpy")
def _winner(waiting, count, height, rank, by_rank):
    """Place in `waiting` of the neuron that fires first."""
    best = 0
    for k in range(1, count):
        one, other = waiting[k], waiting[best]
        if by_rank or height[one] == height[other]:
            best = k if rank[one] < rank[other] else best
        elif height[one] > height[other]:
            best = k
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
    waiting, decays, gaps = np.empty(neurons, np.int64), np.empty(4, theta.dtype), np.empty_like(theta)
    refractory_until, last_input, column = np.empty(neurons), np.empty(rows, theta.dtype), np.empty(rows, theta.dtype)
    moment = np.empty(2, theta.dtype)
    moment[1] = window
    fired = 0
    for b in range(start.size - 1):
        membrane[:] = 0
        refractory_until[:] = 0.0
        last_input[:] = -np.inf
        for n in range(neurons):
            theta[n] *= theta_kept
            limit[n] = threshold + theta[n]
        lowest = limit.min()
        room = lowest
        inhibited_until, latest, exempt, before = 0.0, 0.0, -1, 0.0
        out_start[b] = fired
        k = start[b]
        while k < start[b + 1] and time[k] < duration:
            now = time[k]
            inhibited = now < inhibited_until
            free = not inhibited and now >= latest
            if free and room > 4.0 + SLACK and k + 3 < start[b + 1] and time[k + 3] < duration:
                for j in range(4):
                    decays[j] = np.exp(-(time[k + j] - before) / leak)
                    before = time[k + j]
                    last_input[line[k + j]] = before
                _integrate_four(
                    membrane, weights[line[k]], weights[line[k + 1]], weights[line[k + 2]], weights[line[k + 3]], decays
                )
                room -= 4.0
                k += 4
                continue
            row = line[k]
            k += 1
            last_input[row] = now
            decays[0] = np.exp(-(now - before) / leak)
            decay = decays[0]
            before = now
            if free:
                _integrate(membrane, weights[row], decay)
                room -= 1.0
                if room < SLACK:
                    room = _room(membrane, limit, gaps)
            else:
                for n in range(neurons) if not (inhibited and reset_all) else range(exempt, exempt + 1):
                    membrane[n] *= decay
                    if now >= refractory_until[n] and (not inhibited or n == exempt):
                        membrane[n] += weights[row, n]
                        room = min(room, limit[n] - membrane[n])
                room -= 1.0 if room > 0.0 else 0.0
            if room > 0.0:
                continue
            ready = 0
            for n in range(neurons):
                if membrane[n] >= limit[n] and now >= refractory_until[n] and (not inhibited or n == exempt):
                    waiting[ready], height[n] = n, membrane[n]
                    ready += 1
            room = 0.0
            while ready > 0:
                place = _winner(waiting, ready, height, rank, by_rank)
                winner = waiting[place]
                ready -= 1
                waiting[place] = waiting[ready]
                if fired == out_time.size:
                    return False
                out_time[fired], out_line[fired] = now, winner
                fired += 1
                counts[b, winner] += 1
                if learn:
                    moment[0] = now
                    _learn(weights, gain, winner, moment[0], last_input, moment[1], rules, steps, column)
                if reset_all:
                    membrane[:] = 0
                    room = lowest
                else:
                    membrane[winner] = 0
                    room = 0.0
                refractory_until[winner] = now + refractory
                latest = max(latest, now + refractory)
                theta[winner] += theta_plus
                limit[winner] = threshold + theta[winner]
                if inhibition > 0.0:
                    inhibited_until, exempt = now + inhibition, winner
                    break
    out_start[start.size - 1] = fired
    return True
