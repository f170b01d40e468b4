"""Units as people write them: in brackets, after a slash, as an ending; turned into a factor to SI."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from hil.errors import InputError, shortened

PREFIXES: Mapping[str, float] = {
    "f": 1e-15, "p": 1e-12, "n": 1e-9, "u": 1e-6, "m": 1e-3, "": 1.0, "k": 1e3, "K": 1e3, "M": 1e6, "G": 1e9,
    "P": 1e-12, "N": 1e-9, "U": 1e-6,
}  # fmt: skip
"""Prefixes, those of names in capital letters among them."""

MEGA = ("ohm", "Hz")
"""Dimensions in which M is mega; of others nobody has so much, and MS, MV, MA are ms, mV, mA in capital letters."""

BASES: Mapping[str, tuple[str, ...]] = {
    "V": ("v", "volt", "volts"),
    "A": ("a", "amp", "amps", "ampere", "amperes"),
    "S": ("s", "siemens", "mho", "mhos"),
    "ohm": ("ohm", "ohms", "r"),
    "s": ("s", "sec", "secs", "second", "seconds", "sekunden", "secondes"),
    "Hz": ("hz",),
}
"""SI unit of a dimension, and how it is written, in small letters."""

WHOLE: Mapping[str, tuple[str, float]] = {
    "min": ("s", 60.0), "mins": ("s", 60.0), "minute": ("s", 60.0), "minutes": ("s", 60.0),
    "h": ("s", 3600.0), "hr": ("s", 3600.0), "hrs": ("s", 3600.0), "hour": ("s", 3600.0), "hours": ("s", 3600.0),
    "d": ("s", 86400.0), "day": ("s", 86400.0), "days": ("s", 86400.0),
    "%": ("1", 0.01), "percent": ("1", 0.01), "pct": ("1", 0.01), "prozent": ("1", 0.01),
    "1": ("1", 1.0), "a.u.": ("1", 1.0), "a. u.": ("1", 1.0), "arb. units": ("1", 1.0), "norm.": ("1", 1.0),
    "norm": ("1", 1.0), "normalized": ("1", 1.0), "normalised": ("1", 1.0), "#": ("1", 1.0),
}  # fmt: skip
"""Units that take no prefix: dimension and factor."""

_SAME = str.maketrans(
    {"\N{MICRO SIGN}": "u", "\N{GREEK SMALL LETTER MU}": "u", "\N{OHM SIGN}": "ohm",
     "\N{GREEK CAPITAL LETTER OMEGA}": "ohm", "\N{INVERTED OHM SIGN}": "S"}
)  # fmt: skip

_LONG = {"milli": "m", "micro": "u", "nano": "n", "pico": "p", "kilo": "k", "mega": "M", "giga": "G", "femto": "f"}


class WrittenUnit(NamedTuple):
    """A unit: the SI unit of its dimension (``1`` for none), and by what a value in it is multiplied."""

    si: str
    factor: float
    text: str


def unit(text: str, dimensions: tuple[str, ...] = ()) -> WrittenUnit | None:
    """Read a unit; None if it is none, or of no dimension among those that are expected (all, where none are given).

    ``S`` is a second where a time is expected, and ``s`` a siemens where a conductance is: files are careless there.
    """
    plain = " ".join(text.translate(_SAME).split()).strip()
    if not plain or len(plain) > 20:
        return None
    small = plain.lower()
    if small in WHOLE:
        found = WrittenUnit(*WHOLE[small], plain)
        return found if not dimensions or found.si in dimensions else None
    for word, letter in _LONG.items():
        if small.startswith(word) and len(small) > len(word):
            plain = letter + plain[len(word) :]
            break
    for si in dimensions or BASES:
        for end in BASES.get(si, ()):
            prefix = plain[: len(plain) - len(end)]
            if plain.lower().endswith(end) and prefix in PREFIXES:
                if end == "s" and not dimensions and plain[-1] != si[0]:
                    continue
                if end == "r" and (not dimensions or prefix == ""):
                    continue
                factor = PREFIXES["m" if prefix == "M" and si not in MEGA else prefix]
                return WrittenUnit(si, factor, plain)
    return None


_QUANTITY = re.compile(r"\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*([^\d\s].*)?")


def quantity(text: str, si: str, what: str, example: str) -> float:
    """Read a value with a unit, such as ``100us``, in SI; without a unit it is in SI already.

    Raises
    ------
    InputError
        If it is no number, or in a unit of another dimension; the sentence names `what` it was to be.
    """
    found = _QUANTITY.fullmatch(text)
    kind = unit(found[2], (si,)) if found and found[2] else WrittenUnit(si, 1.0, "")
    if found is None or kind is None or not abs(float(found[1])) < 1e20:
        raise InputError(f"{what} {shortened(text)!r}: write a number and a unit of {si}, such as {example}")
    return float(found[1]) * kind.factor
