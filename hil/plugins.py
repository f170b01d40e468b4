"""What other packages add by entry points: found by name, and told in one sentence where it cannot be loaded."""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points
from typing import Any

from hil.errors import InputError, nearest, told


def installed(group: str) -> dict[str, EntryPoint]:
    """All entry points of a group by name, in order of their names; nothing is imported."""
    return {point.name: point for point in sorted(entry_points(group=group), key=lambda p: p.name)}


def load(point: EntryPoint, what: str, kind: type | None = None) -> Any:
    """Import what an entry point names.

    Parameters
    ----------
    point : EntryPoint
        One of `installed`.
    what : str
        What it is to the user, such as ``back end``.
    kind : type, optional
        What it must be an instance of.

    Raises
    ------
    InputError
        If its import fails in any way, or it is something else; the sentence names the package it comes from.
    """
    source = f" of the package {point.dist.name}" if point.dist is not None else ""
    try:
        found = point.load()
    except (Exception, SystemExit) as error:
        raise InputError(f"{what} '{point.name}'{source} cannot be loaded: {told(error)}") from None
    if kind is not None and not isinstance(found, kind):
        raise InputError(f"{what} '{point.name}'{source} is a {type(found).__name__}, not a {kind.__name__}")
    return found


def find(group: str, name: str, what: str, kind: type | None = None) -> Any:
    """Load the entry point `name` of a group; `InputError` naming the nearest known one if there is none."""
    points = installed(group)
    if name not in points:
        raise InputError(f"no {what} '{name}' {nearest(name, points)}")
    return load(points[name], what, kind)
