"""Fractions of a whole: 0.1, or as text with a percent sign, ``10%`` or ``10 %``.

A parameter that is a fraction says so by its type, so that it is read, refused and listed as one everywhere.
"""

from __future__ import annotations

from typing import Annotated, Any, get_args

from pydantic import BeforeValidator
from pydantic.fields import FieldInfo

from hil.errors import InputError

UNIT = "fraction"
"""What a list of parameters shows as the unit of a fraction."""

HINT = "a fraction: 0.1 for 10 %"
"""Hint in the message for a refused value."""


class _Marker:
    """Marks a parameter as a fraction, in the metadata of its type."""


def from_percent(value: Any) -> Any:
    """A hundredth of a number before a percent sign; anything else as it is."""
    if isinstance(value, str) and value.rstrip().endswith("%"):
        try:
            return float(value.rstrip()[:-1]) / 100
        except ValueError:
            return value
    return value


Fraction = Annotated[float, BeforeValidator(from_percent), _Marker()]
"""Type of a parameter that is a fraction of a whole; its range is the field's."""


def fraction(name: str, text: str) -> float:
    """Read the fraction `name` from a command line; `InputError` with a hint if it is none of 0 .. 1."""
    try:
        value = float(from_percent(text))
    except ValueError:
        raise InputError(f"{name} {text} is not a number ({HINT})") from None
    if not 0 <= value <= 1:
        raise InputError(f"{name} {text} must be 0 .. 1 ({HINT})")
    return value


def is_fraction(field: FieldInfo) -> bool:
    """Whether a parameter is a fraction, or one that need not be given."""
    metadata = [*field.metadata, *(m for kind in get_args(field.annotation) for m in getattr(kind, "__metadata__", ()))]
    return any(isinstance(entry, _Marker) for entry in metadata)
