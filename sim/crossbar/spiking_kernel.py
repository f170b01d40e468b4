"""Compiled kernels of `sim.crossbar.spiking_core`: integration of input spikes, winners, and what they program."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.polynomial import Chebyshev, Polynomial
from numpy.typing import NDArray

from hil.compiling import njit
from sim.crossbar.normals import BLOCK, fill_normals, key_of, normal, normal_at
from sim.crossbar.variability import READ, cycle_factor, cycle_key


class Conduction(NamedTuple):
    """What an input spike on a row adds to the membranes, in full weights.

    Attributes
    ----------
    slope, offset : (neurons, rows) arrays
        It is slope w + offset of a cell of weight w; both are empty where that is w + left_over for all cells of a row.
    left_over : (rows,) array
        See `hil.spiking.neurons.Lif.reference`.
    ground : (rows,) array
        Conductance that is subtracted from that of a cell on the way, over g_max - g_min: with it, noise is as large
        as the current.
    """

    slope: NDArray[Any]
    offset: NDArray[Any]
    left_over: NDArray[Any]
    ground: NDArray[Any]


class Chance(NamedTuple):
    """The noise of an array, see `sim.crossbar.variability`.

    Attributes
    ----------
    seed : int
        Of all of it.
    cycle : float
        Standard deviation of what a pulse changes, as a fraction; 0 for none.
    read : (1,) array
        Of a cell current, likewise.
    reference : int
        Column of the reference, which is noisy, too; -1 without one.
    drawn : (2,) array of int
        Pulses and measurements so far, which number the draws; counted on.
    """

    seed: np.uint64
    cycle: float
    read: NDArray[Any]
    reference: int
    drawn: NDArray[np.int64]


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
def _learn(column, gain, now, last_input, windows, others, steps, chance, neuron, scaled):
    """Program a neuron's column: a pulse for every window, then one for the rows outside all, if `others`."""
    whole = steps[0, 1] <= 3.0 and steps[1, 1] <= 3.0 and steps[0, 1] % 1.0 == 0.0 and steps[1, 1] % 1.0 == 0.0
    for k in range(windows.size):
        down = steps[1, 3] if others else steps[1, 3] - steps[1, 3]
        if chance.cycle > 0.0:
            outside = _spread(scaled, gain, now, last_input, windows[k], chance, neuron)
            chance.drawn[0] += 2 if others and outside > 0 else 1
        own = scaled if chance.cycle > 0.0 else gain
        if column.itemsize == 8:
            _step_exactly(column, own, now, last_input, windows[k], steps, down)
        elif whole:
            _step_whole(column, own, now, last_input, windows[k], steps, down)
        else:
            _step(column, own, now, last_input, windows[k], steps, down)


@njit(cache=True, error_model="numpy")
def _spread(scaled, gain, now, last_input, window, chance, neuron):
    """Into `scaled`, `gain` with the random factors of a pulse inside the window and of the next one outside it.

    Returns how many rows are outside.
    """
    inner = cycle_key(chance.seed, chance.drawn[0], neuron)
    outer = cycle_key(chance.seed, chance.drawn[0] + 1, neuron)
    outside = 0
    for row in range(gain.size):
        inside = now - last_input[row] <= window
        factor = 1.0 + chance.cycle * normal((inner if inside else outer) + np.uint64(row))
        scaled[row] = gain[row] * factor
        outside += not inside
    return outside


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
def _depress_row(
    row, now, inputs, columns, gain, conduction, last_output, spiked, count, windows, steps, chance, own
):  # fmt: skip
    """An input's own pulses: one on its cell in every neuron that spiked within a window."""
    for k in range(windows.size):
        played = False
        for j in range(count):
            n = spiked[j]
            if now - last_output[n] <= windows[k]:
                w, own[0] = columns[n, row], gain[n, row]
                if chance.cycle > 0.0:
                    own[0] *= cycle_factor(chance.cycle, chance.seed, chance.drawn[0], n, row)
                w -= own[0] * (steps[1, 0] * (steps[1, 3] - (steps[1, 3] - w) * steps[1, 2]) ** steps[1, 1])
                columns[n, row] = min(max(w, 0.0), 1.0)
                inputs[row, n] = _seen(columns[n, row], conduction, n, row)
                played = True
        chance.drawn[0] += played


@njit(cache=True, inline="always")
def _seen(w, conduction, n, row):
    """What an input on `row` adds to neuron `n`, whose cell has a weight of `w`."""
    if conduction.slope.size > 0:
        return conduction.slope[n, row] * w + conduction.offset[n, row]
    return w + conduction.left_over[row]


@njit(cache=True, error_model="numpy", fastmath={"nsz"})
def _integrate(membrane, weights, decay, limit):
    """Leak, then add one row of weights; how many neurons are at their limit."""
    reached = np.int32(0)
    for n in range(membrane.size):
        membrane[n] = membrane[n] * decay + weights[n]
        reached = np.int32(reached + np.int32(membrane[n] >= limit[n]))
    return reached


@njit(cache=True, error_model="numpy")
def _common_noise(key, row, conduction, chance):
    """What the noise of the reference column takes from all membranes at an input on `row`."""
    read = chance.read[0]
    return read * conduction.ground[row] * normal_at(key, chance.reference) if chance.reference >= 0 else read - read


@njit(cache=True, error_model="numpy", fastmath={"nsz", "contract"})
def _integrate_noisy(membrane, weights, draws, decay, limit, read, ground, common):
    """As `_integrate`; every cell's current carries noise of its own, that of the reference is the same for all."""
    reached = np.int32(0)
    for n in range(membrane.size):
        membrane[n] = membrane[n] * decay + (weights[n] + (read * (weights[n] + ground) * draws[n] - common))
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
def play_trains(
    time, line, start, decay, duration, columns, inputs, theta, gain, conduction, chance,
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
    moment, scaled = np.empty(1, theta.dtype), np.empty(rows, theta.dtype)
    read, draws = chance.read[0], np.zeros((neurons + BLOCK - 1) // BLOCK * BLOCK, np.float32)
    noisy, key, common = read > 0.0, np.uint64(0), read - read
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
            if free and k + 4 <= stop and not noisy and not (at_inputs and count > 0):
                reached = _integrate_four(
                    membrane, inputs[line[k]], inputs[line[k + 1]], inputs[line[k + 2]], inputs[line[k + 3]],
                    decay[k], decay[k + 1], decay[k + 2], decay[k + 3], limit, ahead,
                )  # fmt: skip
                if reached == 0:
                    membrane, ahead = ahead, membrane
                    for j in range(k, k + 4):
                        last_input[line[j]] = time[j]
                    k += 4
                    chance.drawn[1] += 4
                    continue
            row = line[k]
            last_input[row] = now
            chance.drawn[1] += 1
            ground = conduction.ground[row]
            if noisy:
                key = key_of(chance.seed, READ, chance.drawn[1])
                common = _common_noise(key, row, conduction, chance)
                if not inhibited:
                    fill_normals(key, draws)
            if free and noisy:
                reached = _integrate_noisy(membrane, inputs[row], draws, decay[k], limit, read, ground, common)
            elif free:
                reached = _integrate(membrane, inputs[row], decay[k], limit)
            elif inhibited:
                if reset_all:
                    membrane[exempt] *= decay[k]
                else:
                    _leak(membrane, decay[k])
                if now >= refractory_until[exempt]:
                    membrane[exempt] += inputs[row, exempt]
                    if noisy:
                        membrane[exempt] += read * (inputs[row, exempt] + ground) * normal_at(key, exempt) - common
                reached = np.int32(membrane[exempt] >= limit[exempt] and now >= refractory_until[exempt])
            else:
                reached = np.int32(0)
                for n in range(neurons):
                    membrane[n] *= decay[k]
                    if now >= refractory_until[n]:
                        membrane[n] += inputs[row, n] + (read * (inputs[row, n] + ground) * draws[n] - common)
                        reached = np.int32(reached + np.int32(membrane[n] >= limit[n]))
            k += 1
            moment[0] = now
            if at_inputs and count > 0:
                _depress_row(
                    row, moment[0], inputs, columns, gain, conduction, last_output, spiked, count, depressing, steps,
                    chance, scaled,
                )  # fmt: skip
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
                    _learn(
                        columns[winner], gain[winner], moment[0], last_input, potentiating, depresses_others, steps,
                        chance, winner, scaled,
                    )  # fmt: skip
                    for r in range(rows):
                        inputs[r, winner] = _seen(columns[winner, r], conduction, winner, r)
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
