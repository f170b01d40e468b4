"""Random numbers that depend on nothing but what they are for: a seed, a stream, an event and a cell.

The same draw comes out however the work is cut into batches, pulses and threads, and in whatever order it is asked for.
"""

from __future__ import annotations

import numpy as np

from hil.compiling import njit

GOLDEN = 0x9E3779B97F4A7C15

(
    SENSITIVITY, RESISTANCE, STUCK, READ, CYCLE, READ_ROWS,
    RTN, RTN_TIMES, RTN_CELLS, FLICKER, DRIFT, RELAXATION, LEVEL, WRITE, ENDURANCE,
) = range(15)  # fmt: skip
"""Streams of one seed: what one of them draws does not depend on the others."""


def stream(seed: int, part: int, count: int = 0) -> np.random.Generator:
    """Generator of a stream, for arrays that are drawn at once; `count` numbers the draws of one stream."""
    return np.random.Generator(np.random.Philox(np.random.SeedSequence([seed, part]), counter=[0, 0, 0, count]))


@njit(cache=True, inline="always")
def mix(z):
    """SplitMix64's finaliser: 64 bits whose every bit depends on every bit of `z`."""
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


@njit(cache=True, inline="always")
def bits(seed, part, event, col, row):
    """64 random bits of one event of one cell, in a stream."""
    golden = np.uint64(GOLDEN)
    z = mix(np.uint64(seed) * golden + np.uint64(part))
    z = mix(z + np.uint64(event) * golden)
    return mix(z + (np.uint64(col) << np.uint64(32)) + np.uint64(row) + golden)


@njit(cache=True, inline="always")
def uniform(z):
    """Number in (0, 1) of 64 random bits."""
    return (np.float64(z >> np.uint64(11)) + 0.5) * 2.0**-53


@njit(cache=True, inline="always")
def normal(z):
    """Standard normal number of 64 random bits (Box and Muller)."""
    second = np.float64(mix(z + np.uint64(GOLDEN)) >> np.uint64(11)) * 2.0**-53
    return np.sqrt(-2.0 * np.log(uniform(z))) * np.cos(2.0 * np.pi * second)
