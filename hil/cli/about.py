"""What a run is of, told by the same options on every verb that makes a run or labels one."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Annotated, Any

import typer

About = dict[str, Any]
"""What was said, by the names of `hil.runs.metadata.Metadata`; None where nothing was."""

OPTIONS = {
    "name": ("--name", "TEXT", "What to call the run in lists."),
    "sample": ("--sample", "TEXT", "Sample that this is about."),
    "wafer": ("--wafer", "TEXT", "Its wafer."),
    "die": ("--die", "TEXT", "Its die."),
    "operator": ("--operator", "TEXT", "Who measures."),
    "comment": ("--comment", "TEXT", "Anything else worth keeping."),
    "tags": ("--tag", "WORD", "Find runs by it; may be repeated."),
}
"""Flag, what it takes, and its help, by the names of `hil.runs.metadata.Metadata`."""


def with_about(function: Callable[..., None]) -> Callable[..., None]:
    """Give a function, which has a parameter ``about: About``, the options of a run's metadata in its place."""
    places = {f"about_{key}": key for key in OPTIONS}

    @functools.wraps(function)
    def command(**given: Any) -> None:
        about = {key: given.pop(place) for place, key in places.items()}
        function(**given, about=about)

    parameters = []
    for parameter in inspect.signature(function, eval_str=True).parameters.values():
        if parameter.name == "about":
            parameters += [_parameter(place, key) for place, key in places.items()]
        elif parameter.kind is inspect.Parameter.VAR_KEYWORD:
            parameters.append(parameter)
        else:
            parameters.append(parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY))
    command.__dict__["__signature__"] = inspect.Signature(parameters)
    command.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return command


def _parameter(place: str, key: str) -> inspect.Parameter:
    flag, metavar, words = OPTIONS[key]
    kind: Any = list[str] | None if key == "tags" else str | None
    annotation: Any = Annotated[kind, typer.Option(flag, metavar=metavar, help=words)]
    return inspect.Parameter(place, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)


def flags_of(about: About) -> dict[str, Any]:
    """What was said, by the flags that said it."""
    return {OPTIONS[key][0]: value for key, value in about.items()}
