"""Random bits that depend on numbers alone, whoever draws them in whatever order, pieces and threads; lots by them."""

from __future__ import annotations

import numpy as np

from hil.compiling import njit

GOLDEN = np.uint64(0x9E3779B97F4A7C15)
"""What counts are spread by before they are mixed."""

CERTAIN = 1 << 32
"""Unit of the chances in a draw of lots."""

_LOTS = 64
"""Stream of the lots: one of its own, beside those of a simulated array that has the same seed."""


@njit(cache=True, inline="always")
def mix(z):
    """64 bits whose every bit depends on every bit of `z`: SplitMix64's finaliser."""
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


@njit(cache=True)
def lots_key(seed, count):
    """Key of draw number `count` of a seed."""
    return mix(mix(np.uint64(seed) * GOLDEN + np.uint64(_LOTS)) + np.uint64(count) * GOLDEN)


@njit(cache=True, inline="always")
def drawn(key, place, chances):
    """Whether `place` wins in the draw with this key: with a probability of `chances` / `CERTAIN`."""
    return mix(key + np.uint64(place) * GOLDEN) >> np.uint64(32) < np.uint64(chances)


@njit(cache=True)
def lots(seed, count, places, chances):
    """(places,) which of the places win in a draw."""
    won, key = np.empty(places, np.bool_), lots_key(seed, count)
    for place in range(places):
        won[place] = drawn(key, place, chances)
    return won
