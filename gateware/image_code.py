"""Images as PRESENT takes them: runs of black pixels by their length, all others by their grey values.

A coded image is a byte that says how many bits a grey value has, 4 to 8, and then bits, the lowest of every byte first:

- ``1``: a pixel of the highest grey value;
- ``0`` and a grey value that is not 0, lowest bit first: a pixel;
- ``0`` and a grey value of 0, then k ones, a ``0``, and a number n of 3 + k bits, lowest first: 8 (2^k - 1) + n + 1
  black pixels (an exponential Golomb code), k <= 9.

What the bytes do not complete is no pixel; all pixels that are left are black. A digit of MNIST takes 96 bytes
with 4 bits, 114 with 5, instead of 784.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gateware.protocol import MAX_ARGUMENTS
from hil.compiling import njit

LEAST_BITS, MOST_BITS = 4, 8
"""Of a grey value."""

SHORT, LONGEST = 3, 9
"""Bits of the length of a short run, and how many more at most."""


def levels(images: NDArray[np.uint8], full_scale: int, bits: int) -> NDArray[np.uint8]:
    """Grey values of `bits` bits: those of the images where they fit, else the nearest of 2^bits equal steps."""
    highest = (1 << bits) - 1
    if full_scale <= highest:
        return np.minimum(images, highest).astype(np.uint8)
    return np.minimum(np.rint(images * (highest / full_scale)), highest).astype(np.uint8)


def greys(full_scale: int, bits: int) -> NDArray[np.float64]:
    """(256,) intensities, 0..1, that the grey values of `levels` stand for."""
    highest = (1 << bits) - 1
    return np.arange(256) / (full_scale if full_scale <= highest else highest)


def coded(pixels: NDArray[np.uint8], bits: int) -> bytes | None:
    """Code an image; None if it is longer than a command may be, so that it is better sent as it is.

    Parameters
    ----------
    pixels : (rows,) array
        Grey values below 2^bits.
    bits : int
        Of a grey value, `LEAST_BITS` to `MOST_BITS`.
    """
    room = np.zeros(MAX_ARGUMENTS + 8, np.uint8)
    room[0] = bits
    end = _code(pixels, bits, room, 8 * MAX_ARGUMENTS)
    return None if end < 0 else room[: (end + 7) >> 3].tobytes()


@njit(cache=True)
def _put(room, place, value, count):
    for k in range(count):
        if value >> k & 1:
            room[(place + k) >> 3] |= 1 << ((place + k) & 7)
    return place + count


@njit(cache=True)
def _code(pixels, bits, room, limit):
    """Fill `room` behind its first byte; the bit behind the last one, or -1 beyond `limit`."""
    place, row, rows = 8, 0, pixels.size
    while rows > 0 and pixels[rows - 1] == 0:
        rows -= 1
    while row < rows:
        value = np.int64(pixels[row])
        row += 1
        full = value == (1 << bits) - 1
        place = _put(room, place, 1 if full else value << 1, 1 if full else 1 + bits)
        if value == 0:
            run = 0
            while pixels[row] == 0:
                row, run = row + 1, run + 1
            longer = 0
            while run >= ((2 << longer) - 1) << SHORT:
                longer += 1
            place = _put(room, place, (1 << longer) - 1, longer + 1)
            place = _put(room, place, run - (((1 << longer) - 1) << SHORT), SHORT + longer)
        if place > limit:
            return -1
    return place
