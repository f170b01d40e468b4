"""Commands that are about plug-ins: their help lists them by summaries, and each is imported only when it is used."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, MutableMapping
from typing import Any, TypeVar

import typer
from typer.core import TyperCommand, TyperGroup

from hil.plugins import Registry

Function = TypeVar("Function", bound=Callable[..., None])


def lists(registry: Registry[Any], heading: str) -> Callable[[Function], Function]:
    """Decorate a verb: its help lists all that is in a registry by summaries, and imports none of it."""

    class Listing(TyperCommand):
        """The command of the verb."""

        def format_options(self, ctx: Any, formatter: Any) -> None:
            """Write the list before the options."""
            _write(registry, heading, formatter)
            super().format_options(ctx, formatter)

    def decorated(function: Function) -> Function:
        vars(function)["command_class"] = Listing
        return function

    return decorated


def made_when_used(make: Callable[[], Callable[..., None]]) -> Callable[[Function], Function]:
    """Decorate a verb that is only its help: `make` gives the function with all options, whatever that must import."""

    class Deferred(TyperCommand):
        """The command until it is used."""

        def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **more: Any) -> Any:
            """Read the words after the verb as the command that was made."""
            function = make()
            function.__doc__ = self.help
            app = typer.Typer(add_completion=False, rich_markup_mode=self.rich_markup_mode)
            app.command(self.name)(function)
            return typer.main.get_command(app).make_context(info_name, args, parent=parent, **more)

    def decorated(function: Function) -> Function:
        vars(function)["command_class"] = Deferred
        return function

    return decorated


def _write(registry: Registry[Any], heading: str, formatter: Any) -> None:
    with formatter.section(heading):
        formatter.write_dl([(name, registry.summary(name)) for name in registry.names()])


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
        _write(self.registry, "Commands", formatter)


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
