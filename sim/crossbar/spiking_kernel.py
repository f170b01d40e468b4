"""Compiled kernels of `sim.crossbar.spiking_core`: integration of input spikes, and winners."""

from __future__ import annotations

import numpy as np

from hil.compiling import njit
from sim.crossbar.normals import BLOCK, fill_normals, key_of, normal_at
from sim.crossbar.spiking_learning import depress_row, learn_column, seen
from sim.crossbar.variability import READ

TIES = ("rank", "membrane", "margin")
"""Values of `hil.spiking.neurons.Lif.tie`, numbered for the kernel."""

_RANK, _MEMBRANE, _MARGIN = range(3)


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
    rank, threshold, refractory, inhibition, reset_all, tie,
    theta_plus, theta_share, theta_kept, chances, potentiating, depressing, depresses_others,
    steps, learn, counts, out_time, out_line, out_start,
):  # fmt: skip
    """Play all trains; False if the output did not fit (the caller makes room and starts again).

    `theta_plus`, `theta_share` (what a spike takes from all thresholds) and `chances` have one value for each train.
    """
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
                    chance.asked[0] += 4 if at_inputs else 0
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
            if at_inputs:
                depress_row(
                    row, moment[0], inputs, columns, gain, conduction, last_output, spiked, count, depressing, steps,
                    chance, chances[b], scaled,
                )  # fmt: skip
            ready = 0
            for n in range(neurons):
                if ready == reached:
                    break
                if membrane[n] >= limit[n] and now >= refractory_until[n] and (not inhibited or n == exempt):
                    waiting[ready], height[n] = n, membrane[n]
                    if tie == _MARGIN:
                        height[n] = membrane[n] - limit[n]
                    ready += 1
            while ready > 0:
                place = _winner(waiting, ready, height, rank, tie == _RANK)
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
                    learn_column(
                        columns[winner], gain[winner], moment[0], last_input, potentiating, depresses_others, steps,
                        chance, winner, chances[b], scaled,
                    )  # fmt: skip
                    for r in range(rows):
                        inputs[r, winner] = seen(columns[winner, r], conduction, winner, r)
                if reset_all:
                    membrane[:] = 0
                else:
                    membrane[winner] = 0
                refractory_until[winner] = now + refractory
                latest = max(latest, now + refractory)
                theta[winner] += theta_plus[b]
                limit[winner] = threshold + theta[winner]
                if theta_share[b] > 0.0:
                    for n in range(neurons):
                        theta[n] -= theta_share[b]
                        limit[n] = threshold + theta[n]
                if inhibition > 0.0:
                    inhibited_until, exempt = now + inhibition, winner
                    break
    out_start[start.size - 1] = fired
    return True
