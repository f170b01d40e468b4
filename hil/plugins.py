"""Things that packages bring: found by entry points, with one sentence where one cannot be loaded.

A `Registry` is one kind of thing (drivers, experiments, back ends ...), each known by the name of its entry point; a
`Catalogue` one whose entry points bring one or several things that have names of their own (boards, papers ...). Both
list names, find one, and load all in the same way, whoever brought them. To add a thing is to write its file, and to
name it in the ``pyproject.toml`` of the package that it comes with.
"""

from __future__ import annotations

import ast
import pkgutil
import sys
from collections.abc import Callable, Collection, Iterable, Mapping
from functools import lru_cache
from importlib import import_module, metadata
from importlib.machinery import PathFinder
from importlib.metadata import EntryPoint
from importlib.util import find_spec
from itertools import accumulate
from pathlib import Path
from typing import Any, Generic, TypeVar

from hil.errors import InputError, nearest, told

Kind = TypeVar("Kind")


def entry_points(group: str) -> Iterable[EntryPoint]:
    """All entry points of a group, of every package that is installed.

    What is installed is read anew only when a folder of ``sys.path`` has changed: to read it takes milliseconds, and
    to open one device asks a dozen times.
    """
    return _written(tuple(sys.path), tuple(_changed(folder) for folder in sys.path)).select(group=group)


@lru_cache(maxsize=1)
def _written(folders: tuple[str, ...], changed: tuple[int, ...]) -> Any:
    return metadata.entry_points()


def _changed(folder: str) -> int:
    """When names were last added to a folder or taken from it, ns; 0 if there is none."""
    try:
        return Path(folder or ".").stat().st_mtime_ns
    except OSError:
        return 0


def installed(group: str) -> dict[str, EntryPoint]:
    """All entry points of a group by name, in order of their names; nothing is imported."""
    return {point.name: point for point in sorted(entry_points(group=group), key=lambda p: p.name)}


class Registry(Generic[Kind]):
    """One kind of thing, each known by the name of the entry point that brings it."""

    def __init__(self, group: str, what: str, kind: type | None = None, *, base: str | None = None) -> None:
        """Name the kind; nothing is looked for yet.

        Parameters
        ----------
        group : str
            Group of the entry points.
        what : str
            What the user calls one such thing, for messages, such as ``back end``.
        kind : type, optional
            What each must be an instance of.
        base : str, optional
            Place (``module:Class``) of the class that each must be derived from, imported only with the first of them.
        """
        self.group, self.what, self._kind, self._base = group, what, kind, base

    def names(self, package: str | None = None) -> list[str]:
        """All names, in order, or those that one package brings; nothing is imported."""
        points = installed(self.group).items()
        return [name for name, point in points if package is None or (point.dist and point.dist.name == package)]

    def find(self, name: str) -> Kind:
        """The thing of that name.

        Raises
        ------
        InputError
            If there is none, naming the nearest; or if its import fails in any way, or it is something else, naming
            the package that it comes from.
        """
        points = installed(self.group)
        if name not in points:
            raise InputError(f"no {self.what} '{name}' {nearest(name, points)}")
        return self._checked(points[name], self._loaded(points[name]))

    def found(self, only: Collection[str] | None = None) -> tuple[dict[str, Kind], dict[str, InputError]]:
        """All things by name, and what is wrong with those that cannot be loaded, by the name of the entry point.

        Where the names of entry points are given, it is only those that are loaded.
        """
        things: dict[str, Kind] = {}
        problems = {}
        for name, point in installed(self.group).items():
            if only is not None and name not in only:
                continue
            try:
                things |= self._brought(point)
            except InputError as error:
                problems[name] = error
        return things, problems

    def everything(self) -> Mapping[str, Kind]:
        """All things by name, for lists of all: what is wrong with the others is told on stderr."""
        things, problems = self.found()
        for problem in problems.values():
            print(f"hil: {problem}", file=sys.stderr)
        return things

    def summary(self, name: str) -> str:
        """First sentence of the docstring of the thing of that name.

        It is read from the source without importing it; only if it is not written there in plain sight, it is
        imported. If that fails, what is wrong is the summary.
        """
        point = installed(self.group)[name]
        written = _docstring(point)
        if written is None:
            try:
                written = self.find(name).__doc__ or ""
            except InputError as error:
                return str(error)
        return " ".join(written.strip().partition("\n\n")[0].split())

    def _brought(self, point: EntryPoint) -> dict[str, Kind]:
        return {point.name: self._checked(point, self._loaded(point))}

    def _loaded(self, point: EntryPoint) -> Any:
        try:
            return point.load()
        except (Exception, SystemExit) as error:
            raise InputError(f"{self._told(point)} cannot be loaded: {told(error)}") from None

    def _checked(self, point: EntryPoint, thing: Any) -> Kind:
        if self._kind is not None and not isinstance(thing, self._kind):
            raise InputError(f"{self._told(point)} is a {type(thing).__name__}, not a {self._kind.__name__}")
        if self._base is not None:
            base = EntryPoint("base", self._base, self.group).load()
            if not (isinstance(thing, type) and issubclass(thing, base)):
                name = thing.__name__ if isinstance(thing, type) else f"a {type(thing).__name__}"
                raise InputError(f"{self._told(point)} is {name}, which is not derived from {base.__name__}")
        return thing

    def _told(self, point: EntryPoint) -> str:
        return f"{self.what} '{point.name}'" + (f" of the package {point.dist.name}" if point.dist is not None else "")


class Catalogue(Registry[Kind]):
    """Things that have names of their own: an entry point is one, several, or a function that returns several.

    Those of one's own package may be found by being there, as an attribute of the modules of a folder; they go before
    others of the same name.
    """

    def __init__(
        self, group: str, what: str, kind: type[Kind], name: Callable[[Kind], str], *, beside: str | None = None
    ) -> None:
        """Name the kind; nothing is looked for yet.

        Parameters
        ----------
        group, what, kind
            As for a `Registry`.
        name : callable
            Name of a thing.
        beside : str, optional
            Package and attribute, ``package:ATTRIBUTE``: modules there need no entry point.
        """
        super().__init__(group, what, kind)
        self._own_kind, self._name, self._beside = kind, name, beside

    def names(self, package: str | None = None) -> list[str]:
        """All names, in order, or those that one package brings; everything is imported."""
        return list(self.everything() if package is None else self.found(super().names(package))[0])

    def find(self, name: str) -> Kind:
        """The thing of that name; raises as `Registry.find`, also where the entry point of that name has failed."""
        things, problems = self.found()
        if name in things:
            return things[name]
        raise problems.get(name) or InputError(f"no {self.what} '{name}' {nearest(name, things)}")

    def found(self, only: Collection[str] | None = None) -> tuple[dict[str, Kind], dict[str, InputError]]:
        """All things by name, in order of the entry points, and what is wrong with others, by their entry points."""
        things, problems = super().found(only)
        if self._beside is None:
            return things, problems
        ours = {self._name(thing): thing for value in beside(self._beside) for thing in self._several(value)}
        return dict(sorted((things | ours).items())), problems

    def _brought(self, point: EntryPoint) -> dict[str, Kind]:
        value = self._loaded(point)
        one = isinstance(value, self._own_kind) or not (callable(value) or isinstance(value, Iterable))
        if one:
            things = [self._checked(point, value)]
        else:
            try:
                things = self._several(value)
            except Exception as error:
                raise InputError(f"{self.what} '{point.name}' cannot be made: {told(error)}") from error
            if not all(isinstance(thing, self._own_kind) for thing in things):
                raise InputError(f"{self.what} '{point.name}' is no {self._own_kind.__name__} and makes none")
        return {self._name(thing): thing for thing in things}

    def _several(self, value: Any) -> list[Kind]:
        if isinstance(value, self._own_kind):
            return [value]
        return list(value() if callable(value) else value)


def beside(place: str) -> list[Any]:
    """What the modules of a package have under a name: ``package:ATTRIBUTE``, those without it left out."""
    package, _, attribute = place.partition(":")
    paths = import_module(package).__path__
    modules = (import_module(f"{package}.{info.name}") for info in pkgutil.iter_modules(paths))
    return [getattr(module, attribute) for module in modules if hasattr(module, attribute)]


def _docstring(point: EntryPoint) -> str | None:
    """Docstring of the class or function that an entry point names, from its source; None if it is not there."""
    try:
        body = ast.parse(_source(point.module) or "").body
    except (ImportError, OSError, SyntaxError, ValueError):  # told when it is imported
        return None
    for node in body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and node.name == point.attr:
            return ast.get_docstring(node) or ""
    return None


def _source(module: str) -> str | None:
    """Source text of a module that is not imported, nor are the packages above it; None if there is none."""
    spec = None
    for name in accumulate(module.split("."), "{}.{}".format):
        folders = None if spec is None else spec.submodule_search_locations
        if spec is not None and folders is None:
            return None
        spec = find_spec(name) if folders is None else PathFinder.find_spec(name, folders)
        if spec is None:
            return None
    source = getattr(spec.loader, "get_source", None) if spec else None
    return source(module) if source is not None else None
