"""Noise by renewals: a value holds until the next renewal, and then another one is drawn, independent of all before.

Renewals are a Poisson process of rate r, so values at two times are equal with probability exp(-r dt) and independent
otherwise: with two values that is random telegraph noise, with normal ones a process whose spectrum is a Lorentzian.

Time, in mean intervals 1/r, is cut into cells of length 1. In each there is a number of renewals with a Poisson
distribution of mean 1, at times that are uniform in it; both are hashed from the number of the cell. The last renewal
before any time is so found by looking at two cells on average, at any time, in any order, without any state.
"""

from __future__ import annotations

import numpy as np

from hil.compiling import njit
from hil.mixing import GOLDEN, mix
from sim.crossbar.chance import uniform


@njit(cache=True, inline="always", error_model="numpy")
def _count(u):
    """Number of renewals in a cell of time: the inverse of Poisson's distribution of mean 1."""
    n, term = 0, np.exp(-1.0)
    total = term
    while u > total and n < 30:
        n += 1
        term /= n
        total += term
    return n


@njit(cache=True, error_model="numpy")
def last_renewal(key, x):
    """64 random bits of the last renewal at or before time `x`, in mean intervals; `key` is of the process and cell."""
    golden = GOLDEN
    cell = np.floor(x)
    until = x - cell
    while True:
        z = mix(key + np.uint64(np.int64(cell)) * golden)
        latest, found = -1.0, z
        for _ in range(_count(uniform(z))):
            z = mix(z + golden)
            at = uniform(z)
            if latest < at <= until:
                latest, found = at, z
        if latest >= 0.0:
            return mix(found ^ np.uint64(0xD1B54A32D192ED03))
        cell -= 1.0
        until = 1.0
