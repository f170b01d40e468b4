"""How far a mean of a few repeats may be from the true one: Student's t."""

from __future__ import annotations

import math
from collections.abc import Sequence

CONFIDENCE = 0.95
"""Probability that the true mean is nearer to the mean of the repeats than `margin`."""


def student_cdf(t: float, freedom: int) -> float:
    """Probability that a Student's t variable of `freedom` >= 1 degrees lies within -t .. t, t >= 0.

    Finite series of Abramowitz & Stegun (1964), 26.7.3 and 26.7.4.
    """
    angle = math.atan2(t, math.sqrt(freedom))
    cosine, sine = math.cos(angle), math.sin(angle)
    if freedom == 1:
        return 2 * angle / math.pi
    odd = freedom % 2
    term = total = cosine if odd else 1.0
    for k in range(2 + odd, freedom - 1, 2):
        term *= cosine**2 * (k - 1) / k
        total += term
    return 2 / math.pi * (angle + sine * total) if odd else sine * total


def student_quantile(freedom: int, confidence: float = CONFIDENCE) -> float:
    """Return the t that bounds a two-sided interval of `confidence`: 12.71 for 1 degree, 1.96 for many."""
    low, high = 0.0, 1.0
    while student_cdf(high, freedom) < confidence:
        high *= 2
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if student_cdf(middle, freedom) < confidence else (low, middle)
    return high


def margin(std: float | None, n: int | None) -> float:
    """Half width of the confidence interval of a mean of `n` repeats with standard deviation `std` (ddof 1).

    0 for an exact number (neither is given), infinite for a single repeat, from which no spread is known.
    """
    if n is None:
        return 0.0
    if n < 2 or std is None:
        return math.inf
    return student_quantile(n - 1) * std / math.sqrt(n)


def mean_and_std(values: Sequence[float]) -> tuple[float, float | None]:
    """Mean and standard deviation (ddof 1); None for a single value."""
    mean = math.fsum(values) / len(values)
    if len(values) < 2:
        return mean, None
    return mean, math.sqrt(math.fsum((v - mean) ** 2 for v in values) / (len(values) - 1))
