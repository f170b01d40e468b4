"""The `hil` command: finds its verbs, and turns what goes wrong into one sentence.

A verb is an entry point of the group ``hil.verbs``: a function with typer's annotations, or a `typer.Typer` of several.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Sequence
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from hil.cli import streams
from hil.cli.completion import VARIABLE
from hil.errors import HilError, InputError, one_line, told
from hil.plugins import Registry
from hil.runs.interrupt import Interrupted, stops_heard_by, terminate
from hil.version import __version__

_VERBS: Registry[Any] = Registry("hil.verbs", "verb")

SHELVES = {
    "Measure": ("lab", "characterize", "import", "program"),
    "Model": ("devices", "synapses", "neuron", "fit", "compare", "export"),
    "Train": ("train", "sweep", "evaluate", "loop", "reproduce"),
    "Build": ("fpga",),
    "Look": ("runs", "plot", "report", "init", "examples", "doctor", "completion"),
}
"""Headings of the help, and the verbs below each; verbs of other packages stand below ``More``."""

_Usage: type[Exception] = next(kind for kind in typer.BadParameter.__mro__ if kind.__name__ == "ClickException")
"""Base of errors in a command line: click's own class or, in newer releases of typer, the copy inside it."""


class Verbs(TyperGroup):
    """The verbs, by what users do with them."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write a section for every shelf, each verb with its whole first sentence."""
        shelved = {verb for verbs in SHELVES.values() for verb in verbs}
        more = tuple(name for name in self.list_commands(ctx) if name not in shelved)
        for heading, verbs in {**SHELVES, "More": more}.items():
            known = [(name, command) for name in verbs if (command := self.get_command(ctx, name)) is not None]
            if known:
                with formatter.section(heading):
                    formatter.write_dl([(name, command.get_short_help_str(limit=1000)) for name, command in known])


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"memhil {__version__}")
        raise typer.Exit


def build(only: str | None = None) -> typer.Typer:
    """Assemble the command from every verb that is installed, or from the one that is asked for.

    One that cannot be loaded says so when it is used.
    """
    app = typer.Typer(
        cls=Verbs,
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,  # markup would eat every [bracket] of the texts
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120},
    )

    @app.callback()
    def top(version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True)] = False) -> None:
        """Train memristive neural networks on simulated devices, FPGA emulators and lab instruments.

        One Device interface, the same training drivers on each. Start with `hil train stdp` and `hil devices`;
        `hil doctor` says what is missing here.
        """

    verbs, problems = _VERBS.found([only]) if only else ({}, {})
    if not verbs and not problems:
        verbs, problems = _VERBS.found()
    for name, verb in sorted({**verbs, **problems}.items()):
        _add(app, name, _broken(verb) if name in problems else _usable(name, verb))
    return app


def _usable(name: str, verb: Any) -> Any:
    """The verb, or one in its place that says why it cannot be used."""
    try:
        alone = typer.Typer(add_completion=False)
        _add(alone, name, verb)
        typer.main.get_command(alone)
        return verb
    except Exception as error:
        return _broken(InputError(f"verb '{name}' is no command: {told(error)}"))


def _add(app: typer.Typer, name: str, verb: Any) -> None:
    if isinstance(verb, typer.Typer):
        app.add_typer(verb, name=name)
    else:
        own = {word: getattr(verb, word, None) for word in ("context_settings", "command_class")}
        app.command(name, cls=own["command_class"], context_settings=own["context_settings"])(verb)


def _broken(error: InputError) -> Any:
    def verb() -> None:
        raise error

    verb.__doc__ = str(error)
    verb.__dict__["context_settings"] = {"ignore_unknown_options": True, "allow_extra_args": True}
    return verb


def main() -> None:
    """Run the command; errors meant for the user are one sentence on stderr and exit code 2."""
    with stops_heard_by(terminate):
        try:
            with streams.patient():
                code = _run(sys.argv[1:])
        except OSError as error:
            code = _complain(f"hil: {_told(error)}", 2)
    sys.exit(code)


def _run(words: list[str]) -> int:
    try:
        for number, word in enumerate(words):
            word.encode()
            if not word or re.fullmatch(r"--[\w-]+=", word):
                before = words[number - 1] if number and not word else word.removesuffix("=")
                return _complain(f"hil: {before or 'an argument'} is given an empty value", 2)
    except UnicodeEncodeError as error:
        return _complain(
            f"hil: the argument {error.object!r} is not valid UTF-8 text: rename the file, or type it anew", 2
        )
    if VARIABLE in os.environ:
        return _complete()
    try:
        command = typer.main.get_command(build(words[0] if words else None))
        with command.make_context("hil", words) as context:
            command.invoke(context)
        return 0
    except typer.Exit as end:
        return end.exit_code
    except Interrupted as stop:
        return _complain(str(stop), 130)
    except HilError as error:
        return _complain(f"hil: {error}", 2)
    except OSError as error:
        return _complain(f"hil: {_told(error)}", 2)
    except _Usage as error:
        return _usage(error, words)
    except (KeyboardInterrupt, typer.Abort):
        return _complain("hil: interrupted", 130)
    except MemoryError as error:
        return _complain(f"hil: there is not enough memory for this{f': {error}' if str(error) else ''}", 2)


def _complete() -> int:
    """Answer a shell that asks, by the environment, how a line may go on."""
    from typer._completion_classes import completion_init

    completion_init()
    typer.main.get_command(build()).main(prog_name="hil", complete_var=VARIABLE)
    return 0


def _usage(error: Any, words: list[str]) -> int:
    if type(error).__name__ == "NoArgsIsHelpError":
        error.show()
        return int(error.exit_code)
    context = getattr(error, "ctx", None)
    where = f"; see {context.command_path} --help" if context is not None else ""
    sentence = " ".join(error.format_message().split()).removesuffix(".")
    given = _given(getattr(getattr(error, "param", None), "opts", ()), words, sentence)
    return _complain(f"hil: {sentence[:1].lower()}{sentence[1:]}{given}{where}", 2)


def _given(names: Sequence[str], words: list[str], sentence: str) -> str:
    """The value that was given to an option, in parentheses, unless the sentence quotes it already."""
    for word, following in zip(words, [*words[1:], ""], strict=True):
        name, equals, value = word.partition("=")
        if name in names and name.startswith("-"):
            value = value if equals else following
            return "" if value in sentence else f" (given: {value})"
    return ""


def _told(error: OSError) -> str:
    return f"{f'{error.filename}: ' if error.filename else ''}{error.strerror or error}"


def _complain(sentence: str, code: int) -> int:
    print(one_line(sentence), file=sys.stderr)
    return code
