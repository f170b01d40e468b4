"""Compiled kernels of `sim.crossbar.spiking_core`: what an output or an input spike programs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.polynomial import Chebyshev, Polynomial
from numpy.typing import NDArray

from hil.compiling import njit
from hil.mixing import CERTAIN, drawn, lots_key
from sim.crossbar.normals import normal
from sim.crossbar.variability import cycle_factor, cycle_key


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
    lots : int
        Seed of the draws of who gets a pulse, see `hil.spiking.course`.
    asked : (1,) array of int
        Spikes so far that asked for pulses; counted on.
    """

    seed: np.uint64
    cycle: float
    read: NDArray[Any]
    reference: int
    drawn: NDArray[np.int64]
    lots: np.uint64
    asked: NDArray[np.int64]


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
def power(base, exponent):
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
def learn_column(column, gain, now, last_input, windows, others, steps, chance, neuron, chances, scaled):
    """Program a neuron's column: a pulse for every window, then one for the rows outside all, if `others`.

    Each row gets its pulses with the probability of `chances` / `CERTAIN`.
    """
    chance.asked[0] += 1
    whole = steps[0, 1] <= 3.0 and steps[1, 1] <= 3.0 and steps[0, 1] % 1.0 == 0.0 and steps[1, 1] % 1.0 == 0.0
    for k in range(windows.size):
        down = steps[1, 3] if others else steps[1, 3] - steps[1, 3]
        if chance.cycle > 0.0:
            inside, outside = _spread(scaled, gain, now, last_input, windows[k], chance, neuron, chances)
            chance.drawn[0] += int(inside > 0) + int(others and outside > 0)
        elif chances < CERTAIN:
            _choose(scaled, gain, chance, chances)
        own = scaled if chance.cycle > 0.0 or chances < CERTAIN else gain
        if column.itemsize == 8:
            _step_exactly(column, own, now, last_input, windows[k], steps, down)
        elif whole:
            _step_whole(column, own, now, last_input, windows[k], steps, down)
        else:
            _step(column, own, now, last_input, windows[k], steps, down)


@njit(cache=True, error_model="numpy")
def _spread(scaled, gain, now, last_input, window, chance, neuron, chances):
    """Into `scaled`, `gain` with the random factors of a pulse inside the window and of the next one outside it.

    Returns how many rows get a pulse inside and how many outside.
    """
    key = lots_key(chance.lots, chance.asked[0])
    inside = outside = 0
    for row in range(gain.size):
        given = drawn(key, row, chances)
        within = now - last_input[row] <= window
        inside += given and within
        outside += given and not within
        scaled[row] = 1.0 if given else 0.0
    inner = cycle_key(chance.seed, chance.drawn[0], neuron)
    outer = cycle_key(chance.seed, chance.drawn[0] + int(inside > 0), neuron)
    for row in range(gain.size):
        if scaled[row] > 0.0:
            within = now - last_input[row] <= window
            scaled[row] = gain[row] * (1.0 + chance.cycle * normal((inner if within else outer) + np.uint64(row)))
    return inside, outside


@njit(cache=True, error_model="numpy")
def _choose(scaled, gain, chance, chances):
    """Into `scaled`, `gain` of the rows that get a pulse, and 0 of the others."""
    key = lots_key(chance.lots, chance.asked[0])
    for row in range(gain.size):
        scaled[row] = gain[row] if drawn(key, row, chances) else gain[row] - gain[row]


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
        step = (up_first if up else down_first) * power(base, up_exponent if up else down_exponent)
        column[row] = min(max(w + gain[row] * step, zero), one)


@njit(cache=True, error_model="numpy")
def depress_row(
    row, now, inputs, columns, gain, conduction, last_output, spiked, count, windows, steps, chance, chances, own
):  # fmt: skip
    """An input's own pulses: one on its cell in every neuron that spiked within a window and is drawn."""
    chance.asked[0] += 1
    key = lots_key(chance.lots, chance.asked[0])
    for k in range(windows.size):
        played = False
        for j in range(count):
            n = spiked[j]
            if now - last_output[n] <= windows[k] and drawn(key, n, chances):
                w, own[0] = columns[n, row], gain[n, row]
                if chance.cycle > 0.0:
                    own[0] *= cycle_factor(chance.cycle, chance.seed, chance.drawn[0], n, row)
                w -= own[0] * (steps[1, 0] * (steps[1, 3] - (steps[1, 3] - w) * steps[1, 2]) ** steps[1, 1])
                columns[n, row] = min(max(w, 0.0), 1.0)
                inputs[row, n] = seen(columns[n, row], conduction, n, row)
                played = True
        chance.drawn[0] += played


@njit(cache=True, inline="always")
def seen(w, conduction, n, row):
    """What an input on `row` adds to neuron `n`, whose cell has a weight of `w`."""
    if conduction.slope.size > 0:
        return conduction.slope[n, row] * w + conduction.offset[n, row]
    return w + conduction.left_over[row]
