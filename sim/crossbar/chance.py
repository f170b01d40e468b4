"""What is drawn for cells: once, when they are made, or for an event of one of them, in streams of one seed."""

from __future__ import annotations

import numpy as np

from hil.compiling import njit
from hil.mixing import mix
from sim.crossbar.normals import key_of

RTN, RTN_TIMES, RTN_CELLS, FLICKER, DRIFT, RELAXATION, LEVEL, WRITE, ENDURANCE, SWITCHES = range(6, 16)
"""Streams after those of `sim.crossbar.variability`: what one of them draws does not depend on the others."""


def stream(seed: int, part: int) -> np.random.Generator:
    """Generator of a stream, for arrays that are drawn once."""
    return np.random.Generator(np.random.Philox(np.random.SeedSequence([seed, part])))


@njit(cache=True, inline="always")
def bits(seed, part, event, col, row):
    """64 random bits of one event of one cell, in a stream: nothing else matters to them, such as the order of work."""
    return mix(key_of(seed, part, event) + (np.uint64(col) << np.uint64(32)) + np.uint64(row))


@njit(cache=True, inline="always")
def uniform(z):
    """Number in (0, 1) of 64 random bits."""
    return (np.float64(z >> np.uint64(11)) + 0.5) * 2.0**-53
