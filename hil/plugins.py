"""Plug-ins of other packages: found by the name of their entry point, with one sentence where one cannot be loaded."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
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
    try:
        found = point.load()
    except (Exception, SystemExit) as error:
        raise InputError(f"{what} '{point.name}'{_source(point)} cannot be loaded: {told(error)}") from None
    return found if kind is None else _checked(point, found, what, kind)


def _checked(point: EntryPoint, found: Any, what: str, kind: type[Kind]) -> Kind:
    if not isinstance(found, kind):
        raise InputError(f"{what} '{point.name}'{_source(point)} is a {type(found).__name__}, not a {kind.__name__}")
    return found


def _source(point: EntryPoint) -> str:
    return f" of the package {point.dist.name}" if point.dist is not None else ""


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
            one = isinstance(value, kind) or not (callable(value) or isinstance(value, Iterable))
            found += [_checked(point, value, what, kind)] if one else _several(point.name, value, what, kind)
        except InputError as error:
            problems[point.name] = error
    return found, problems


def told_on_stderr(found: Mapping[str, Kind], problems: Mapping[str, InputError]) -> Mapping[str, Kind]:
    """What was found, for lists of all: what is wrong with the others is told on stderr."""
    for problem in problems.values():
        print(f"hil: {problem}", file=sys.stderr)
    return found


def pick(name: str, what: str, found: Mapping[str, Kind], problems: Mapping[str, InputError]) -> Kind:
    """One of what was found, by name; raises what is wrong with it, or `InputError` naming the nearest known one."""
    if name in problems:
        raise problems[name]
    if name not in found:
        raise InputError(f"no {what} '{name}' {nearest(name, found)}")
    return found[name]


def _several(name: str, value: Any, what: str, kind: type[Kind]) -> list[Kind]:
    try:
        several: Iterable[Any] = list(value() if callable(value) else value)
    except Exception as error:
        raise InputError(f"{what} '{name}' cannot be made: {told(error)}") from error
    if not all(isinstance(each, kind) for each in several):
        raise InputError(f"{what} '{name}' is no {kind.__name__} and makes none")
    return list(several)
