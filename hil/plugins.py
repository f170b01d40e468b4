"""Plug-ins of other packages: found by the name of their entry point, with one sentence where one cannot be loaded."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import EntryPoint, entry_points
from typing import Any, TypeVar

from hil.errors import InputError, nearest, told

Kind = TypeVar("Kind")


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
        What the user calls such a thing, for messages, such as ``back end``.
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


def gathered(group: str, what: str, kind: type[Kind]) -> tuple[list[Kind], dict[str, InputError]]:
    """Load all that a group's entry points name: each one object, several, or a function that returns several.

    Parameters
    ----------
    group : str
        The group.
    what : str
        What one object is to the user, such as ``paper``.
    kind : type
        What each must be an instance of.

    Returns
    -------
    found : list
        All objects, in order of the names of their entry points.
    problems : dict
        What is wrong with the others, by the name of their entry point.
    """
    found: list[Kind] = []
    problems = {}
    for point in installed(group).values():
        try:
            value = load(point, what)
            found += [value] if isinstance(value, kind) else _several(point.name, value, what, kind)
        except InputError as error:
            problems[point.name] = error
    return found, problems


def _several(name: str, value: Any, what: str, kind: type[Kind]) -> list[Kind]:
    try:
        several: Iterable[Any] = list(value() if callable(value) else value)
    except Exception as error:
        raise InputError(f"{what} '{name}' cannot be made: {told(error)}") from error
    if not all(isinstance(each, kind) for each in several):
        raise InputError(f"{what} '{name}' is no {kind.__name__} and makes none")
    return list(several)
