"""Pulses for all cells of a pulse-step array at once, compiled: what `Device.program` would play one by one."""

from __future__ import annotations

import numpy as np

from hil.biasing import SCHEMES
from hil.compiling import njit
from hil.programming import Programming
from sim.crossbar.normals import normal
from sim.crossbar.variability import cycle_factor, cycle_key


def spares_others(driven: Programming, threshold: Programming, scheme: str) -> bool:
    """Whether pulses that are driven move the cells that are meant, and by this scheme no other one."""
    p = threshold
    for v in (driven.v_set, -driven.v_reset):
        rest_row, rest_col, on_row, on_col = SCHEMES[scheme](v)
        zero = 0.0 if np.isnan(rest_row) else rest_row
        rest_row, rest_col, on_row, on_col = (level - zero for level in (rest_row, rest_col, on_row, on_col))
        others = on_row - rest_col, rest_row - on_col, rest_row - rest_col
        meant = on_row - on_col
        if not (meant >= p.v_set if v > 0 else meant <= -p.v_reset):
            return False
        if not all(-p.v_reset < other < p.v_set for other in others):
            return False
    return True


FEW = 16
"""Cells of a column that still want pulses below which they get theirs one after the other."""


@njit(cache=True, nogil=True, error_model="numpy")
def step_cells(weights, counts, gain, up, down, sigma, seed, number):
    """Move weights (cols, rows) by their pulses, `counts` (cols, rows): positive ones potentiate.

    Columns one after the other, potentiation first, all cells of a column together; `up` and `down` are those of
    `sim.cells.law.PulseStep`. With a cycle-to-cycle spread of `sigma`, pulses are numbered from `number`; returns how
    many there were, one after the other.
    """
    step, begun = np.empty(weights.shape[1]), number
    for c in range(weights.shape[0]):
        ups, downs, k = max(0, counts[c].max()), max(0, -counts[c].min()), 0
        while _wanting(counts[c], k) >= FEW:
            _one_pulse(weights[c], counts[c], gain[c], up, down, k, step)
            if sigma > 0.0:
                _spread(step, counts[c], k, sigma, cycle_key(seed, number + k, c), cycle_key(seed, number + ups + k, c))
            _move(weights[c], step)
            k += 1
        for r in range(weights.shape[1]):
            if abs(counts[c, r]) > k:
                first = number if counts[c, r] > 0 else number + ups
                weights[c, r] = _many_pulses(
                    weights[c, r], counts[c, r], gain[c, r], up, down, k, sigma, seed, first, c, r
                )
        number += ups + downs
    return number - begun


@njit(cache=True, inline="always")
def _wanting(counts, k):
    """Cells that get more than k pulses."""
    wanting = 0
    for r in range(counts.size):
        wanting += abs(counts[r]) > k
    return wanting


@njit(cache=True, inline="always")
def _few_factors(gamma):
    """Whether a power is the product of one, two or three factors, which is far quicker."""
    return gamma == 1.0 or gamma == 2.0 or gamma == 3.0


@njit(cache=True, error_model="numpy")
def _one_pulse(weights, counts, gain, up, down, k, step):
    """Into `step`, what pulse number k does to each cell; 0 to one that gets no such pulse."""
    whole = _few_factors(up[1]) and _few_factors(down[1])
    for r in range(weights.size):
        rises, w = counts[r] > 0, weights[r]
        step[r] = 1.0 - (w * up[2] if rises else (1.0 - w) * down[2])
    if whole:
        for r in range(weights.size):
            gamma, base = up[1] if counts[r] > 0 else down[1], step[r]
            step[r] = base * (base if gamma >= 2.0 else 1.0) * (base if gamma >= 3.0 else 1.0)
    else:
        for r in range(weights.size):
            if abs(counts[r]) > k:
                step[r] **= up[1] if counts[r] > 0 else down[1]
    for r in range(weights.size):
        moved = (up[0] if counts[r] > 0 else -down[0]) * step[r] * gain[r]
        step[r] = moved if abs(counts[r]) > k else 0.0


@njit(cache=True, error_model="numpy")
def _spread(step, counts, k, sigma, rising, falling):
    """Times the random factor of each cell's pulse; keys are those of the potentiation and of the depression."""
    for r in range(step.size):
        step[r] *= 1.0 + sigma * normal((rising if counts[r] > 0 else falling) + np.uint64(r))


@njit(cache=True, error_model="numpy")
def _move(weights, step):
    for r in range(weights.size):
        weights[r] = min(max(weights[r] + step[r], 0.0), 1.0)


@njit(cache=True, error_model="numpy")
def _many_pulses(w, count, gain, up, down, done, sigma, seed, first, col, row):
    """Where a cell is after its pulses from number `done` on, where those of its sign are numbered from `first`."""
    for k in range(done, abs(count)):
        if count > 0:
            step = up[0] * (1.0 - w * up[2]) ** up[1] * gain
        else:
            step = -down[0] * (1.0 - (1.0 - w) * down[2]) ** down[1] * gain
        if sigma > 0.0:
            step *= cycle_factor(sigma, seed, first + k, col, row)
        x = min(max(w + step, 0.0), 1.0)
        if x == w and sigma == 0.0:
            break
        w = x
    return w
