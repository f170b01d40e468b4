"""Options of a command that is made from a configuration: one for every setting that has a flag."""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Annotated, Any, Literal, get_args, get_origin

import typer
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from hil.cli import checks
from hil.config import CliFlag, flags
from hil.fraction import is_fraction


def with_flags(function: Callable[..., None], model: type[BaseModel]) -> Callable[..., None]:
    """Give a function, whose last parameter is ``**flags``, the flags of a configuration as options before its own.

    It is called with a value by the setting's place, such as ``train.seed``; None for a flag that is not given. Where
    several sections have the same flag, each is spelled with its section's name: ``--front-device``.
    """
    found = list(flags(model))
    places = {f"flag_{number}": place for number, (place, _, _) in enumerate(found)}

    def command(**given: Any) -> None:
        named = {place: given.pop(name) for name, place in places.items()}
        function(**given, **named)

    spelled = [flag.name or f"--{place.rpartition('.')[2].replace('_', '-')}" for place, _, flag in found]
    times = Counter(spelled)
    for number, (place, _, _) in enumerate(found):
        if times[spelled[number]] > 1:
            spelled[number] = f"--{place.split('.')[-2]}-{spelled[number].removeprefix('--')}"
    offered = [
        _parameter(name, field, flag, words)
        for name, (_, field, flag), words in zip(places, found, spelled, strict=True)
    ]
    own = list(inspect.signature(function, eval_str=True).parameters.values())[:-1]
    parameters = [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in (*offered, *own)]
    command.__dict__["__signature__"] = inspect.Signature(parameters)
    command.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    command.__doc__ = inspect.getdoc(function)
    return command


def _parameter(name: str, field: FieldInfo, flag: CliFlag, spelled: str) -> inspect.Parameter:
    kind = _kind(field)
    option = typer.Option(
        f"{spelled}/--no-{spelled.removeprefix('--')}" if kind is bool else spelled,
        metavar=flag.metavar,
        help=flag.help or field.description,
        callback=checks.finite if kind is float else None,
    )
    annotation: Any = Annotated[kind | None, option]
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)


def _kind(field: FieldInfo) -> type:
    """Type that the command line reads: text for all but plain numbers and truths, which the setting reads itself."""
    kinds = {kind for kind in _alternatives(field.annotation) if kind is not type(None)}
    kind = kinds.pop() if len(kinds) == 1 else str
    return kind if kind in (bool, int, float) and not is_fraction(field) else str


def _alternatives(annotation: Any) -> Iterator[Any]:
    """Types of an annotation with its choices taken apart: those of ``float | None``, or of what a Literal lists."""
    if get_origin(annotation) is Literal:
        yield from (type(choice) for choice in get_args(annotation))
    elif isinstance(annotation, type) or not get_args(annotation):
        yield annotation
    else:
        for part in get_args(annotation):
            yield from _alternatives(part)
