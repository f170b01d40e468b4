"""Commands that are made of plug-ins: one for each, imported only when it is used."""

from __future__ import annotations

import textwrap
from abc import abstractmethod
from collections.abc import Callable, Iterator, MutableMapping
from typing import Any

import typer
from typer.core import TyperGroup

from hil.plugins import Registry


class PluginGroup(TyperGroup):
    """A command for everything in a registry, which lists them by their summaries and imports the one that is used."""

    registry: Registry[Any]

    def __init__(self, *words: Any, **options: Any) -> None:
        """Look nothing up yet."""
        super().__init__(*words, **options)
        self.commands = _Commands(self)

    @abstractmethod
    def function(self, name: str) -> Callable[..., None]:
        """The command of that name as a function for typer; its docstring is the help text."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the list of commands without importing them."""
        names = self.registry.names()
        width = formatter.width - 6 - max(map(len, names), default=0)
        with formatter.section("Commands"):
            summaries = {name: self.registry.summary(name) for name in names}
            formatter.write_dl([(n, textwrap.shorten(s, width, placeholder="...")) for n, s in summaries.items()])


class _Commands(MutableMapping[str, Any]):
    """Commands of a `PluginGroup` by name, each made when it is asked for."""

    def __init__(self, group: PluginGroup) -> None:
        self._group = group
        self._made: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._made:
            if name not in self._group.registry.names():
                raise KeyError(name)
            app = typer.Typer(add_completion=False, rich_markup_mode=self._group.rich_markup_mode)
            app.command(name)(self._group.function(name))
            self._made[name] = typer.main.get_command(app)
        return self._made[name]

    def __setitem__(self, name: str, command: Any) -> None:
        self._made[name] = command

    def __delitem__(self, name: str) -> None:
        del self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._group.registry.names())

    def __len__(self) -> int:
        return len(self._group.registry.names())
