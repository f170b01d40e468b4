"""Pages of the reference that nobody writes: commands, configurations, devices, modules."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import redirect_stdout
from io import StringIO
from typing import Any

import typer

WIDTH = 100
"""Letters of a line of help."""


def commands() -> str:
    """Help of every command, as it prints it."""
    from hil.cli.main import SHELVES, build

    top = typer.main.get_command(build())
    parts = ["# Commands", "What `--help` prints, for every command."]
    for heading, verbs in SHELVES.items():
        parts.append(f"## {heading}")
        parts += [text for verb in verbs for text in _help(top.commands[verb], f"hil {verb}", 3)]
    return "\n\n".join(parts) + "\n"


def _help(command: Any, path: str, depth: int) -> Iterator[str]:
    context = command.context_class(command, info_name=path, max_content_width=WIDTH, terminal_width=WIDTH)
    yield f"{'#' * min(depth, 4)} {path}"
    yield f"```text\n{command.get_help(context).rstrip()}\n```"
    for name in command.list_commands(context) if hasattr(command, "list_commands") else ():
        yield from _help(command.get_command(context, name), f"{path} {name}", depth + 1)


def configurations() -> str:
    """Every setting of every training driver, as `hil init` writes it."""
    from hil.template import template
    from hil.training.catalogue import DRIVERS

    parts = ["# Configurations", "What `hil init DRIVER` writes: every setting with its default, unit and range."]
    for name in DRIVERS.names("memhil"):
        text = template(DRIVERS.find(name).config_model(), f"hil train {name} --config {name}.toml")
        parts.append(f"## {name}\n\n```toml\n{text}```")
    return "\n\n".join(parts) + "\n"


def devices() -> str:
    """Every kind of device with its parameters, as `hil devices` lists them."""
    from hil.backends import backends
    from hil.cli.devices import devices as listing

    parts = ["# Devices", "What `hil devices` prints: parameters with units, defaults and limits."]
    for scheme, backend in backends().items():
        for kind in backend.offered():
            told = StringIO()
            with redirect_stdout(told):
                listing(f"{scheme}:{kind.name}")
            parts.append(f"## {scheme}:{kind.name}\n\n```text\n{told.getvalue().strip()}\n```")
    return "\n\n".join(parts) + "\n"


def module(name: str) -> str:
    """Page of a module, from its docstrings."""
    options = "" if name == "hil" else "\n    :members:"
    body = f".. automodule:: {name}{options}"
    return f"# {name}\n\n```{{eval-rst}}\n{body}\n```\n"
