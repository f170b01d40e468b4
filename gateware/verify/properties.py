"""All formal properties."""

from __future__ import annotations

from gateware.verify import once, ranges, streams
from gateware.verify.formal import Property

PROPERTIES: tuple[Property, ...] = (*streams.PROPERTIES, *ranges.PROPERTIES, *once.PROPERTIES)


def find_property(name: str) -> Property:
    """Look a property up by its name."""
    return next(one for one in PROPERTIES if one.name == name)
