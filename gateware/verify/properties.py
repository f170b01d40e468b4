"""All formal properties."""

from __future__ import annotations

from gateware.verify import handover, ranges, replies, streams
from gateware.verify.formal import Property

PROPERTIES: tuple[Property, ...] = (*streams.PROPERTIES, *ranges.PROPERTIES, *replies.PROPERTIES, *handover.PROPERTIES)


def find_property(name: str) -> Property:
    """Look a property up by its name."""
    return next(one for one in PROPERTIES if one.name == name)
