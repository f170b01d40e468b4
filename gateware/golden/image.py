"""Coded images, as PRESENT takes them (docs/emulator.md)."""

from __future__ import annotations

from hil.compiling import njit

_LEAST_WIDTH, _WIDTH, _SHORT, _LONGEST = 4, 8, 3, 9


@njit(cache=True)
def _bits(code, place, count):
    """`count` bits from bit `place` on, the first one lowest."""
    value = 0
    for k in range(count):
        value |= (code[(place + k) >> 3] >> ((place + k) & 7) & 1) << k
    return value


@njit(cache=True)
def decode(code, pixels):
    """Write a coded image to `pixels`; False if it is none, or has more of them: those before are written then."""
    width, place, end, row = code[0], 8, 8 * code.size, 0
    if not _LEAST_WIDTH <= width <= _WIDTH:
        return False
    while place < end:
        if _bits(code, place, 1):
            place, value, run = place + 1, (1 << width) - 1, 1
        else:
            if place + 1 + width > end:
                break
            value, run = _bits(code, place + 1, width), 1
            place += 1 + width
            if value == 0:
                longer = 0
                while place < end and _bits(code, place, 1):
                    place, longer = place + 1, longer + 1
                    if longer > _LONGEST:
                        return False
                place += 1
                if place + _SHORT + longer > end:
                    break
                run = (((1 << longer) - 1) << _SHORT) + _bits(code, place, _SHORT + longer) + 1
                place += _SHORT + longer
        for _ in range(run):
            if row == pixels.size:
                return False
            pixels[row] = value
            row += 1
    pixels[row:] = 0
    return True
