"""Narrowing a bracket around a root, for laws whose equations are implicit: regula falsi, in the Illinois form."""

from __future__ import annotations

from hil.compiling import njit


@njit(cache=True, error_model="numpy")
def between(low, f_low, high, f_high, halve):
    """Where to look next between two ends at which a function has opposite signs; in the middle if asked to `halve`."""
    x = (low * f_high - high * f_low) / (f_high - f_low)
    return 0.5 * (low + high) if halve or not min(low, high) < x < max(low, high) else x


@njit(cache=True, error_model="numpy")
def narrowed(low, f_low, high, f_high, side, x, f):
    """The bracket after a look at `x`, which gave `f`.

    `side` says which end was replaced the time before, 1 high and -1 low, 0 none: where it is the same one twice, the
    other end's value is halved, so that it moves as well.
    """
    if (f > 0.0) == (f_high > 0.0):
        return low, 0.5 * f_low if side > 0 else f_low, x, f, 1
    return x, f, high, 0.5 * f_high if side < 0 else f_high, -1
