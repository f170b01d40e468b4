"""Numbers as instruments and people write them, and what they write where they have none.

A value is no reading if it is empty, NaN, infinite, a word such as ``OVERFLOW``, or of `NO_READING` and above: 9.9E37
and 9.91E37 are infinity and not-a-number of SCPI, 7E22, 199.999E99 and 9.91E307 those of other analysers. A value
beyond what any cell can carry is refused by name: it is in another unit than its column says, or a code that is not
known.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence

NO_READING = 1e20
"""Magnitude from which a number is an instrument's code; no cell has such a current, voltage, conductance or time."""

ABSURD: Mapping[str, float] = {"A": 1e3, "V": 1e4, "S": 1e3, "s": 1e10, "ohm": 1e18}
"""Magnitude beyond which a value is in no unit that its column can mean."""

LONGEST_NUMBER = 100
"""Letters of a number; what is longer is none."""

_NONE = re.compile(
    r"[-+]?(nan\d*|inf|infinity|\.?#?ind|1\.#(qnan|inf|ind)\d*|overflow|ovfl\w*|over ?range|over|ol|o\.l\.?|n/?a|none"
    r"|null|#(n/a|div/0|num|value|ref|null)!?|-{1,4}|\?+|\*+|missing|invalid)!?",
    re.IGNORECASE,
)
"""Words for no reading."""

_POINT = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eEdD][-+]?\d+)?")
_COMMA = re.compile(r"[-+]?(\d+,?\d*|,\d+)([eEdD][-+]?\d+)?")
_THOUSANDS = re.compile(r"[-+]?\d{1,3}(,\d{3})+(\.\d*)?([eEdD][-+]?\d+)?")
_DOTS = re.compile(r"[-+]?\d{1,3}(\.\d{3})+,\d*([eEdD][-+]?\d+)?")
_MINUS = str.maketrans({"\N{MINUS SIGN}": "-", "\N{EN DASH}": "-"})


def number(text: str, decimal: str = ".") -> float | None:
    """A value; NaN for no reading, None for what is no number.

    `decimal` is the decimal sign. With a point, commas part thousands (``1,234.5``); with a comma, points do.
    """
    plain = text.translate(_MINUS).strip()
    if not plain or _NONE.fullmatch(plain):
        return math.nan
    if len(plain) > LONGEST_NUMBER:
        return None
    if decimal == ",":
        if _DOTS.fullmatch(plain):
            plain = plain.replace(".", "")
        if not _COMMA.fullmatch(plain):
            return None
        plain = plain.replace(",", ".")
    elif _THOUSANDS.fullmatch(plain):
        plain = plain.replace(",", "")
    elif not _POINT.fullmatch(plain):
        return None
    value = float(plain.replace("d", "e").replace("D", "e"))
    return value if abs(value) < NO_READING else math.nan


def short(text: str) -> str:
    """A cell to be quoted, cut where it is long."""
    return text if len(text) <= 30 else f"{text[:20]}... ({len(text):,} letters)"


def ranges(numbers: Sequence[int]) -> str:
    """Whole numbers in few letters: ``3, 5-8, 12``."""
    parts: list[list[int]] = []
    for value in numbers:
        if parts and value == parts[-1][-1] + 1:
            parts[-1][1:] = [value]
        else:
            parts.append([value])
    return ", ".join("-".join(map(str, part)) for part in parts)
