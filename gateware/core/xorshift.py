"""The random generator of state rounding and of the encoder."""

from __future__ import annotations

from amaranth.hdl import Value


def xorshift32(x: Value) -> Value:
    """Next state of Marsaglia's 32-bit generator (13, 17, 5)."""
    x = x ^ (x << 13)[:32]
    x = x ^ (x >> 17)
    return x ^ (x << 5)[:32]
