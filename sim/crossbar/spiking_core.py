"""The compiled spiking core of pulse-step RRAM: the semantics of `hil.spiking.core`, at the speed of memory.

Works on two copies of the weights: one by columns, which learn, and one by rows, so that an input spike reads one
stretch of memory; `flush` writes back. In float64 it agrees with `HostCore` spike for spike; float32 halves the memory
traffic.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.polynomial import Chebyshev, Polynomial
from numpy.typing import NDArray

from hil.compiling import njit
from hil.spiking.core import SpikingCore
from hil.spiking.host import prepare_reference
from hil.spiking.neurons import Lif
from hil.spiking.rules import Rule
from hil.spiking.trains import SpikeBatch, SpikeTrain

if TYPE_CHECKING:
    from sim.crossbar.pulse_step import PulseStepArray


_ROOM = 4096

Precision = type[np.float32] | type[np.float64]
"""Floating point that a core calculates in."""


class CompiledCore(SpikingCore):
    """Neurons and STDP on the cells of an ideal `sim.crossbar.pulse_step.PulseStepArray`.

    Parameters
    ----------
    device : sim.crossbar.pulse_step.PulseStepArray
        Without cycle-to-cycle spread, read noise or stuck cells.
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
            self.reference = prepare_reference(device, device.pulse_step.programming)
            self.neurons -= 1
        weights = device.weights.T.astype(dtype)
        self._columns = np.ascontiguousarray(weights[: self.neurons])
        self._spare = weights[self.neurons :]
        self._unsubtracted = self._left_over(dtype)
        self._inputs = np.ascontiguousarray((self._columns + self._unsubtracted).T)
        self._gain = np.ascontiguousarray(device.sensitivity.T.astype(dtype))
        up, down = device.pulse_step.up, device.pulse_step.down
        self._steps = np.array([(*up, 1.0), (*down, 1.0)], dtype=dtype)
        self._windows = tuple(np.array(w, dtype=dtype) for w in (stdp.potentiating, stdp.depressing))
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

    def _left_over(self, dtype: type) -> NDArray[np.floating]:
        """(rows,) offset that an input spike adds to every membrane beside the weights (see `Lif.reference`)."""
        p = self.device.pulse_step.programming
        if self.lif.reference == "column":
            return -self._spare[0]
        offset = p.g_min / (p.g_max - p.g_min) if self.lif.reference == "none" else 0.0
        return np.full(self.rows, offset, dtype)

    def _play(self, batch: SpikeBatch, duration: float, learn: bool) -> tuple[NDArray[np.int64], SpikeBatch]:
        self._require_rows(int(batch.line.max(initial=0)))
        lif, room = self.lif, max(_ROOM, len(batch.time))
        counts = np.zeros((len(batch), self.neurons), np.int64)
        times, lines = np.empty(room), np.empty(room, np.int32)
        starts = np.zeros(len(batch) + 1, np.int64)
        state = (self._columns, self._inputs, self._theta)
        # With inhibition no input makes more than one neuron fire, so the output always fits.
        before = [array.copy() for array in state] if lif.inhibition == 0 else []
        decay = self._decay(batch)
        while True:
            fits = _present(
                batch.time, batch.line, batch.start, decay, duration, *state, self._gain, self._unsubtracted,
                self._rank, lif.threshold, lif.refractory, lif.inhibition, lif.reset == "all", lif.tie == "rank",
                lif.theta_plus if learn else 0.0, np.exp(-duration / lif.theta_decay) if learn else 1.0,
                *self._windows, self.stdp.depresses_others, self._steps, learn, counts, times, lines, starts,
            )  # fmt: skip
            if fits:
                break
            for array, kept in zip(state, before, strict=True):
                array[:] = kept
            counts[:] = 0
            times, lines = np.empty(4 * len(times)), np.empty(4 * len(times), np.int32)
        total = starts[-1]
        return counts, SpikeBatch(times[:total], lines[:total], starts)

    def _decay(self, batch: SpikeBatch) -> NDArray[np.floating]:
        """Factor by which membranes leak from one input spike to the next; arbitrary at the first spike of a train."""
        exponent = np.diff(batch.time, prepend=0.0)
        exponent /= -self.lif.leak
        np.minimum(exponent, 0.0, out=exponent)
        decay = exponent.astype(self._theta.dtype)
        return np.exp(decay, out=decay)


def _fitted(
    function: Callable[[NDArray[Any]], NDArray[Any]], low: float, high: float, degree: int
) -> tuple[np.float32, ...]:
    """Coefficients of a polynomial that is close to a function everywhere on an interval, constant term first."""
    x = np.cos(np.pi * (np.arange(1000) + 0.5) / 1000) * (high - low) / 2 + (high + low) / 2
    return tuple(np.float32(c) for c in Chebyshev.fit(x, function(x), degree).convert(kind=Polynomial).coef)


_LOG2 = _fitted(lambda f: np.log2(1.0 + f) / f, 0.5**0.5 - 1.0, 2.0**0.5 - 1.0, 7)
_EXP2 = _fitted(np.exp2, -0.5, 0.5, 5)
_ONE, _HALF, _SMALLEST = np.float32(1.0), np.float32(0.5), np.float32(-126.0)
_ROOT_HALF_BITS, _EXPONENT, _BIAS = np.int32(0x3F3504F3), np.int32(23), np.int32(127)


@njit(cache=True, inline="always")
def _power(base, exponent):
    """A power base ** exponent, 0 <= base <= 1, in single precision to some 1e-6; without branches or calls.

    exp2(exponent * log2(base)) by polynomials around the middle of their range; whole exponents of 2 are bits.
    """
    bits = np.float32(base).view(np.int32)
    octave = np.int32(np.int32(bits - _ROOT_HALF_BITS) >> _EXPONENT)
    f = np.int32(bits - np.int32(octave << _EXPONENT)).view(np.float32) - _ONE
    log2 = _LOG2[4] + f * (_LOG2[5] + f * (_LOG2[6] + f * _LOG2[7]))
    log2 = np.float32(octave) + f * (_LOG2[0] + f * (_LOG2[1] + f * (_LOG2[2] + f * (_LOG2[3] + f * log2))))
    y = max(exponent * log2, _SMALLEST)
    whole = np.floor(y + _HALF)
    f = y - whole
    exp2 = _EXP2[0] + f * (_EXP2[1] + f * (_EXP2[2] + f * (_EXP2[3] + f * (_EXP2[4] + f * _EXP2[5]))))
    return exp2 * np.int32(np.int32(np.int32(whole) + _BIAS) << _EXPONENT).view(np.float32)


@njit(cache=True, error_model="numpy")
def _learn(column, gain, now, last_input, windows, others, steps):
    """Program a neuron's column: a pulse for every window, then one for the rows outside all, if `others`."""
    whole = steps[0, 1] <= 3.0 and steps[1, 1] <= 3.0 and steps[0, 1] % 1.0 == 0.0 and steps[1, 1] % 1.0 == 0.0
    for k in range(windows.size):
        down = steps[1, 3] if others else steps[1, 3] - steps[1, 3]
        if column.itemsize == 8:
            _step_exactly(column, gain, now, last_input, windows[k], steps, down)
        elif whole:
            _step_whole(column, gain, now, last_input, windows[k], steps, down)
        else:
            _step(column, gain, now, last_input, windows[k], steps, down)


@njit(cache=True, error_model="numpy")
def _step_exactly(column, gain, now, last_input, window, steps, down):
    """One step of eqs 1-3 of Brivio et al. (2021) on every cell, by powers, as the device itself computes them."""
    for row in range(column.size):
        w = column[row]
        if now - last_input[row] <= window:
            w += gain[row] * (steps[0, 0] * (1.0 - w * steps[0, 2]) ** steps[0, 1])
        else:
            w -= down * gain[row] * (steps[1, 0] * (1.0 - (1.0 - w) * steps[1, 2]) ** steps[1, 1])
        column[row] = min(max(w, 0.0), 1.0)


@njit(cache=True, error_model="numpy", fastmath={"nsz", "contract"})
def _step_whole(column, gain, now, last_input, window, steps, outside):
    """Exponents 1, 2 and 3 without a power; constants are taken from `steps` to stay in its precision."""
    one = steps[0, 3]
    zero = one - one
    up_square, up_cube = steps[0, 1] >= 2.0, steps[0, 1] >= 3.0
    down_square, down_cube = steps[1, 1] >= 2.0, steps[1, 1] >= 3.0
    for row in range(column.size):
        w = column[row]
        up = one - w * steps[0, 2]
        down = one - (one - w) * steps[1, 2]
        up = steps[0, 0] * up * (up if up_square else one) * (up if up_cube else one)
        down = outside * steps[1, 0] * down * (down if down_square else one) * (down if down_cube else one)
        w += gain[row] * (up if now - last_input[row] <= window else -down)
        column[row] = min(max(w, zero), one)


@njit(cache=True, error_model="numpy", fastmath={"nsz", "nnan", "contract"})
def _step(column, gain, now, last_input, window, steps, outside):
    """Any exponent, in single precision."""
    one = steps[0, 3]
    zero = one - one
    up_first, up_exponent, up_stop = steps[0, 0], steps[0, 1], steps[0, 2]
    down_first, down_exponent, down_stop = -outside * steps[1, 0], steps[1, 1], steps[1, 2]
    for row in range(column.size):
        w = column[row]
        up = now - last_input[row] <= window
        base = one - (w if up else one - w) * (up_stop if up else down_stop)
        step = (up_first if up else down_first) * _power(base, up_exponent if up else down_exponent)
        column[row] = min(max(w + gain[row] * step, zero), one)


@njit(cache=True, error_model="numpy")
def _depress_row(row, now, inputs, columns, gain, left_over, last_output, spiked, count, windows, steps):
    """An input's own pulses: one on its cell in every neuron that spiked within a window."""
    for k in range(windows.size):
        for j in range(count):
            n = spiked[j]
            if now - last_output[n] <= windows[k]:
                w = columns[n, row]
                w -= gain[n, row] * (steps[1, 0] * (steps[1, 3] - (steps[1, 3] - w) * steps[1, 2]) ** steps[1, 1])
                columns[n, row] = min(max(w, 0.0), 1.0)
                inputs[row, n] = columns[n, row] + left_over[row]


@njit(cache=True, error_model="numpy", fastmath={"nsz"})
def _integrate(membrane, weights, decay, limit):
    """Leak, then add one row of weights; how many neurons are at their limit."""
    reached = np.int32(0)
    for n in range(membrane.size):
        membrane[n] = membrane[n] * decay + weights[n]
        reached = np.int32(reached + np.int32(membrane[n] >= limit[n]))
    return reached


@njit(cache=True, error_model="numpy", fastmath={"nsz", "nnan", "contract"})
def _integrate_four(membrane, one, two, three, four, a, b, c, d, limit, ahead):
    """Put into `ahead` the membranes after four inputs; how often a neuron is at its limit on the way.

    The sums are those of four single inputs, in one pass over memory.
    """
    reached = np.int32(0)
    for n in range(membrane.size):
        first = membrane[n] * a + one[n]
        second = first * b + two[n]
        third = second * c + three[n]
        fourth = third * d + four[n]
        ahead[n] = fourth
        reached = np.int32(reached + np.int32(max(max(first, second), max(third, fourth)) >= limit[n]))
    return reached


@njit(cache=True, error_model="numpy", fastmath={"nsz"})
def _leak(membrane, decay):
    for n in range(membrane.size):
        membrane[n] *= decay


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
    time, line, start, decay, duration, columns, inputs, theta, gain, left_over,
    rank, threshold, refractory, inhibition, reset_all, by_rank,
    theta_plus, theta_kept, potentiating, depressing, depresses_others,
    steps, learn, counts, out_time, out_line, out_start,
):  # fmt: skip
    """Play all trains; False if the output did not fit (the caller makes room and starts again)."""
    rows, neurons = inputs.shape
    membrane, ahead, limit, height = (
        np.empty_like(theta),
        np.empty_like(theta),
        np.empty_like(theta),
        np.empty_like(theta),
    )
    waiting, spiked = np.empty(neurons, np.int64), np.empty(neurons, np.int64)
    refractory_until, last_input, last_output = np.empty(neurons), np.empty(rows, theta.dtype), np.empty_like(theta)
    moment = np.empty(1, theta.dtype)
    at_inputs = learn and depressing.size > 0
    fired = 0
    for b in range(start.size - 1):
        membrane[:] = 0
        refractory_until[:] = 0.0
        last_input[:] = -np.inf
        last_output[:] = -np.inf
        for n in range(neurons):
            theta[n] *= theta_kept
            limit[n] = threshold + theta[n]
        inhibited_until, latest, exempt, count = 0.0, 0.0, -1, 0
        out_start[b] = fired
        k, stop = start[b], start[b + 1]
        while stop > k and time[stop - 1] >= duration:
            stop -= 1
        while k < stop:
            now = time[k]
            inhibited = now < inhibited_until
            free = not inhibited and now >= latest
            if free and k + 4 <= stop and not (at_inputs and count > 0):
                reached = _integrate_four(
                    membrane, inputs[line[k]], inputs[line[k + 1]], inputs[line[k + 2]], inputs[line[k + 3]],
                    decay[k], decay[k + 1], decay[k + 2], decay[k + 3], limit, ahead,
                )  # fmt: skip
                if reached == 0:
                    membrane, ahead = ahead, membrane
                    for j in range(k, k + 4):
                        last_input[line[j]] = time[j]
                    k += 4
                    continue
            row = line[k]
            last_input[row] = now
            if free:
                reached = _integrate(membrane, inputs[row], decay[k], limit)
            elif inhibited:
                if reset_all:
                    membrane[exempt] *= decay[k]
                else:
                    _leak(membrane, decay[k])
                if now >= refractory_until[exempt]:
                    membrane[exempt] += inputs[row, exempt]
                reached = np.int32(membrane[exempt] >= limit[exempt] and now >= refractory_until[exempt])
            else:
                reached = np.int32(0)
                for n in range(neurons):
                    membrane[n] *= decay[k]
                    if now >= refractory_until[n]:
                        membrane[n] += inputs[row, n]
                        reached = np.int32(reached + np.int32(membrane[n] >= limit[n]))
            k += 1
            moment[0] = now
            if at_inputs and count > 0:
                _depress_row(
                    row, moment[0], inputs, columns, gain, left_over, last_output, spiked, count, depressing, steps
                )
            ready = 0
            for n in range(neurons):
                if ready == reached:
                    break
                if membrane[n] >= limit[n] and now >= refractory_until[n] and (not inhibited or n == exempt):
                    waiting[ready], height[n] = n, membrane[n]
                    ready += 1
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
                if last_output[winner] == -np.inf:
                    spiked[count] = winner
                    count += 1
                last_output[winner] = now
                if learn:
                    _learn(columns[winner], gain[winner], moment[0], last_input, potentiating, depresses_others, steps)
                    for r in range(rows):
                        inputs[r, winner] = columns[winner, r] + left_over[r]
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
                    break
    out_start[start.size - 1] = fired
    return True
