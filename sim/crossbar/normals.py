"""Normally distributed random numbers that depend on a key and on their place alone, many at a time.

Nothing is drawn in an order: whoever asks for a place, on the host or inside a kernel, in whatever pieces and threads,
gets the same number. Both kinds hash the place (finalisers of SplitMix64 and of Murmur's kind) and turn two uniform
numbers into normal ones after Box and Muller. Every product and sum is rounded as it is written, fused ones by `fma`,
so the numbers are the same on all machines.

`normal` is in double precision, one number a place. `fill_normals` is for the inner loop of a network: single
precision, 32 bits a uniform number, up to 6.8 standard deviations; its numbers err by some 1e-5.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba.extending import intrinsic
from numpy.typing import NDArray

from hil.compiling import njit, types
from hil.mixing import GOLDEN, mix

BLOCK = 32
"""`fill_normals` fills whole blocks of so many places."""

_PAIRS = BLOCK // 2


@intrinsic
def fma(typing_context, a, b, c):
    """Return a b + c, rounded once."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.fma(*arguments)

    return a(a, a, a), generate


@intrinsic
def _hashed(typing_context, x, key):
    """Two words of 32 bits from x and a key of 64; in numba's own arithmetic, which has 64, this takes far longer."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        x, key = arguments
        bits = x.type
        low, high = builder.trunc(key, bits), builder.trunc(builder.lshr(key, key.type(32)), bits)
        one = builder.add(x, low)
        for shift, factor in ((16, 0x7FEB352D), (15, 0x846CA68B)):
            one = builder.mul(builder.xor(one, builder.lshr(one, bits(shift))), bits(factor))
        one = builder.xor(one, builder.lshr(one, bits(16)))
        other = builder.mul(builder.xor(one, high), bits(0x7FEB352D))
        other = builder.mul(builder.xor(other, builder.lshr(other, bits(15))), bits(0x846CA68B))
        return context.make_tuple(builder, signature.return_type, (one, other))

    return types.UniTuple(x, 2)(x, key), generate


@njit(cache=True)
def key_of(seed, part, count):
    """Key of the numbers of an event: number `count` of its kind, which is `part`, of a seed."""
    return mix(mix(np.uint64(seed) * GOLDEN + np.uint64(part)) + np.uint64(count) * GOLDEN)


# ---- double precision

_ROOT_HALF, _EXPONENT = np.int64(0x3FE6A09E667F3BCD), np.int64(52)
_LN = tuple(np.float64(-4.0 / (2 * k + 1)) for k in range(11))
_LN2 = np.float64(-2.0 * math.log(2.0))


def _sine_terms() -> tuple[np.float64, ...]:
    """Terms of sin(2 pi t) / t in powers of t^2."""
    terms = [2 * math.pi]
    for k in range(1, 12):
        terms.append(-terms[-1] * (2 * math.pi) * (2 * math.pi) / (2 * k * (2 * k + 1)))
    return tuple(np.float64(term) for term in terms)


_SIN = _sine_terms()


@njit(cache=True, inline="always", error_model="numpy")
def normal(z):
    """Number at a hash input `z`: a key plus whatever tells one place of an event from another."""
    z = mix(z)
    first = (np.float64(np.int64(z >> np.uint64(11))) + 0.5) * 2.0**-53
    second = np.float64(np.int64(mix(z + GOLDEN) >> np.uint64(11))) * 2.0**-53
    bits = np.float64(first).view(np.int64)
    octave = (bits - _ROOT_HALF) >> _EXPONENT
    m = np.int64(bits - (octave << _EXPONENT)).view(np.float64)
    s = (m - 1.0) / (m + 1.0)
    q = s * s
    p = fma(_LN[10], q, _LN[9])
    p = fma(p, q, _LN[8])
    p = fma(p, q, _LN[7])
    p = fma(p, q, _LN[6])
    p = fma(p, q, _LN[5])
    p = fma(p, q, _LN[4])
    p = fma(p, q, _LN[3])
    p = fma(p, q, _LN[2])
    p = fma(p, q, _LN[1])
    p = fma(p, q, _LN[0])
    radius = np.sqrt(max(fma(np.float64(octave), _LN2, p * s), 0.0))
    t = abs(second - 0.5) - 0.25  # cos(2 pi second) = sin(2 pi t)
    q = t * t
    p = fma(_SIN[11], q, _SIN[10])
    p = fma(p, q, _SIN[9])
    p = fma(p, q, _SIN[8])
    p = fma(p, q, _SIN[7])
    p = fma(p, q, _SIN[6])
    p = fma(p, q, _SIN[5])
    p = fma(p, q, _SIN[4])
    p = fma(p, q, _SIN[3])
    p = fma(p, q, _SIN[2])
    p = fma(p, q, _SIN[1])
    p = fma(p, q, _SIN[0])
    return radius * (p * t)


# ---- single precision

_LOG = tuple(
    np.float32(c) for c in (-2.0000093, 0.99980724, -0.66513556, 0.5079566, -0.44140598, 0.28676626)
)  # fmt: skip
_SINE = tuple(np.float32(c) for c in (6.2831807, -41.339252, 81.40833, -71.61119))
_COSINE = tuple(np.float32(c) for c in (0.99999326, -19.735739, 64.65997, -78.21003))
_ONE, _ZERO, _LOG2 = np.float32(1.0), np.float32(0.0), np.float32(-2.0 * math.log(2.0))
_2_31, _2_33 = np.float32(2.0**-31), np.float32(2.0**-33)
_ROOT_HALF_32, _EXPONENT_32 = np.int32(0x3F3504F3), np.int32(23)
_WEYL, _1, _31 = np.uint32(0x9E3779B9), np.uint32(1), np.uint32(31)


@njit(cache=True, inline="always", error_model="numpy")
def _pair(key, j):
    """Pair number `j`, two independent numbers, of an event with this key.

    log(1 + f) / f, sin and cos by polynomials close to them all over the range that is needed.
    """
    x, y = _hashed(np.uint32(j * _WEYL), key)
    first = fma(np.float32(np.int32(x >> _1)), _2_31, _2_33)
    bits = np.float32(first).view(np.int32)
    octave = np.int32(np.int32(bits - _ROOT_HALF_32) >> _EXPONENT_32)
    f = np.int32(bits - np.int32(octave << _EXPONENT_32)).view(np.float32) - _ONE
    p = fma(_LOG[5], f, _LOG[4])
    p = fma(p, f, _LOG[3])
    p = fma(p, f, _LOG[2])
    p = fma(p, f, _LOG[1])
    p = fma(p, f, _LOG[0])
    radius = np.sqrt(max(fma(np.float32(octave), _LOG2, p * f), _ZERO))
    t = np.float32(np.int32(y)) * _2_33  # a quarter of a turn either way; the rest of the circle by the cosine's sign
    s = t * t
    sine = fma(fma(fma(_SINE[3], s, _SINE[2]), s, _SINE[1]), s, _SINE[0]) * t
    cosine = fma(fma(fma(_COSINE[3], s, _COSINE[2]), s, _COSINE[1]), s, _COSINE[0])
    cosine = np.uint32(np.float32(cosine).view(np.uint32) ^ np.uint32(x << _31)).view(np.float32)
    return radius * cosine, radius * sine


@njit(cache=True, nogil=True, error_model="numpy")
def fill_normals(key, out):
    """Numbers at the places 0, 1, ... of an event with this key; the size of `out` is a multiple of `BLOCK`."""
    for b in range(out.size // BLOCK):
        part = out[BLOCK * b : BLOCK * (b + 1)]
        for j in range(_PAIRS):
            part[j], part[_PAIRS + j] = _pair(key, np.uint32(_PAIRS * b + j))


@njit(cache=True, nogil=True, error_model="numpy")
def normal_at(key, place):
    """Number that `fill_normals` puts at one place."""
    block, within = place // BLOCK, place % BLOCK
    one, other = _pair(key, np.uint32(_PAIRS * block + within % _PAIRS))
    return one if within < _PAIRS else other


@njit(cache=True, nogil=True)
def _fill(seed, part, count, out):
    fill_normals(key_of(seed, part, count), out)


def normals(seed: int, part: int, count: int, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Numbers of an event, see `key_of`, in a table of `shape`: the last axis first."""
    size = math.prod(shape)
    out = np.empty(-(-size // BLOCK) * BLOCK, np.float32)
    _fill(seed, part, count, out)
    return out[:size].reshape(shape).astype(np.float64)
