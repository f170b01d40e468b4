"""The `hil` command: finds its verbs, and turns what goes wrong into one sentence.

A verb is an entry point of the group ``hil.verbs``: a function with typer's annotations, or a `typer.Typer` of several.
"""

from __future__ import annotations

import sys
from importlib.metadata import entry_points
from typing import Annotated

import typer

from hil.errors import HilError
from hil.interrupt import Interrupted
from hil.version import __version__

GROUP = "hil.verbs"


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"memhil {__version__}")
        raise typer.Exit


def build() -> typer.Typer:
    """Assemble the command from every verb that is installed."""
    app = typer.Typer(
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )

    @app.callback()
    def top(version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True)] = False) -> None:
        """Train memristive neural networks on simulated devices, FPGA emulators and lab instruments.

        One Device interface, the same training drivers on each. Start with `hil train stdp` and `hil devices`.
        """

    for point in sorted(entry_points(group=GROUP), key=lambda p: p.name):
        verb = point.load()
        if isinstance(verb, typer.Typer):
            app.add_typer(verb, name=point.name)
        else:
            app.command(point.name)(verb)
    return app


def main() -> None:
    """Run the command; errors meant for the user are one sentence on stderr and exit code 2."""
    try:
        build()()
    except Interrupted as stop:
        _complain(str(stop))
        sys.exit(130)
    except HilError as error:
        _complain(f"hil: {error}")
        sys.exit(2)
    except OSError as error:
        if isinstance(error, BrokenPipeError):
            sys.exit(1)
        place = f"{error.filename}: " if error.filename else ""
        _complain(f"hil: {place}{error.strerror or error}")
        sys.exit(2)
    except KeyboardInterrupt:
        _complain("hil: interrupted")
        sys.exit(130)


def _complain(sentence: str) -> None:
    print(sentence, file=sys.stderr)
