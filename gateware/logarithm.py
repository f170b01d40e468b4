"""Binary logarithms of random numbers in fixed point, for the encoder's waiting times (docs/emulator.md).

A Bernoulli trial of probability p in every tick succeeds after a geometric number of ticks, 1 + floor(E c) with
E = -log2(u), u uniform in 0..1, and c = 1 / -log2(1 - p). For u = random / 2^32 with L leading zeros and a mantissa m
in 1..2, E = L + 1 - log2(m); the last part is interpolated between `STEPS` values, which is wrong by 2^-18 at most and
exact at them, so that a probability is wrong by 1 part in 1000 at most, and only in the first ticks of rare spikes.
"""

from __future__ import annotations

import math
from itertools import pairwise

from hil.errors import InputError

INDEX_BITS = 8
STEPS = 1 << INDEX_BITS
"""Intervals of the mantissa."""

FRACTION_BITS = 24
"""Of a logarithm."""

REST_BITS = 16
"""Of the mantissa behind the index."""

VALUE_BITS, SLOPE_BITS = FRACTION_BITS + 1, 17
"""Widths of the table."""

MANTISSA_BITS, SHIFT_BITS = 18, 5
"""Of a code."""

LEAST_SHIFT = 20
"""Bits by which the product of logarithm and mantissa is shifted at least."""

_VALUES = [round((1 - math.log2(1 + i / STEPS)) * 2**FRACTION_BITS) for i in range(STEPS + 1)]

LOGARITHM = tuple(_VALUES[:-1])
"""1 - log2(m) at the lower end of every interval, in 2^-24."""

SLOPE = tuple(low - high for low, high in pairwise(_VALUES))
"""What it loses over the interval."""

NEVER = 0
"""Code of a pixel that does not spike."""


def waiting_code(probability: float) -> int:
    """Code of a pixel that spikes with a probability in every tick: the constant c as a floating-point number.

    The lowest 18 bits are a mantissa M of at least 2^17, the 5 above them a shift X: c = M 2^(24 - 20 - X).

    Raises
    ------
    InputError
        If the probability is above 0 and below `LEAST`, or above 1.
    """
    if probability == 0.0:
        return NEVER
    if not LEAST <= probability <= 1.0:
        raise InputError(f"a spike's probability in a tick is {probability:.3g}: must be 0 or in {LEAST:.2g} .. 1")
    highest = 1 << MANTISSA_BITS
    smallest = math.ldexp(highest / 2, FRACTION_BITS - LEAST_SHIFT - (1 << SHIFT_BITS) + 1)
    c = max(math.log(2) / -math.log1p(-probability) if probability < 1 else 0.0, smallest)
    shift = FRACTION_BITS - LEAST_SHIFT - (math.frexp(c)[1] - MANTISSA_BITS)
    mantissa = round(math.ldexp(c, shift - FRACTION_BITS + LEAST_SHIFT))
    if mantissa == highest:
        mantissa, shift = mantissa // 2, shift - 1
    return mantissa | shift << MANTISSA_BITS


def probability_of(code: int) -> float:
    """Probability of a spike in a tick that a code stands for."""
    mantissa, shift = code & ((1 << MANTISSA_BITS) - 1), code >> MANTISSA_BITS
    if mantissa == NEVER:
        return 0.0
    return -math.expm1(-math.log(2) / math.ldexp(mantissa, FRACTION_BITS - LEAST_SHIFT - shift))


LEAST = -math.expm1(-math.log(2) / math.ldexp((1 << MANTISSA_BITS) - 1, FRACTION_BITS - LEAST_SHIFT))
"""Smallest probability that has a code: 0.17 Hz in ticks of 1 us."""
