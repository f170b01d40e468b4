"""Configuration: TOML files, command-line settings and device parameters, checked by pydantic in one sentence."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.fields import FieldInfo

from hil.errors import InputError, nearest, shortened
from hil.fraction import HINT, is_fraction

MOST_BYTES = 1 << 24
"""Bytes of a TOML file at most."""

Model = TypeVar("Model", bound=BaseModel)

_WORDS = {
    "int_parsing": "is not a whole number",
    "int_from_float": "is not a whole number",
    "int_type": "is not a whole number",
    "float_parsing": "is not a number",
    "float_type": "is not a number",
    "finite_number": "is not a finite number",
    "bool_parsing": "is neither true nor false",
    "bool_type": "is neither true nor false",
    "string_type": "is not text",
}


LARGEST_WHOLE = 2**63 - 1
"""Largest magnitude of a whole number in a configuration."""


class Section(BaseModel):
    """Base of all sections of a configuration: frozen; unknown keys and numbers that are not finite are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


@dataclass(frozen=True)
class CliFlag:
    """A setting has a flag of its own on the command line: ``seed: Annotated[int, CliFlag(help="First seed.")] = ...``.

    Attributes
    ----------
    help : str or None
        What `--help` says of it; the setting's description if not given.
    name : str or None
        The flag, such as ``--data-dir``; if not given, the setting's name with two dashes, and ``-`` for ``_``.
    metavar : str or None
        What stands for its value; its type if not given.
    """

    help: str | None = None
    name: str | None = None
    metavar: str | None = None


def flags(model: type[BaseModel], path: str = "") -> Iterator[tuple[str, FieldInfo, CliFlag]]:
    """Every setting of a configuration that has a flag: its place (``train.seed``), its field, the flag."""
    for name, field in model.model_fields.items():
        yield from ((f"{path}{name}", field, each) for each in field.metadata if isinstance(each, CliFlag))
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from flags(field.annotation, f"{path}{name}.")


def by_present_names(model: type[BaseModel], values: Mapping[str, Any]) -> dict[str, Any]:
    """Values with the names that parameters once had (``renamed`` of their model: old to present) replaced.

    Raises
    ------
    InputError
        If one is given by both names.
    """
    renamed: Mapping[str, str] = getattr(model, "renamed", {})
    for old, new in renamed.items():
        if old in values and new in values:
            raise InputError(f"{old} is the former name of {new}: give one of them")
    return {renamed.get(name, name): value for name, value in values.items()}


def validated(model: type[Model], values: Mapping[str, Any], where: str) -> Model:
    """Build `model` from `values`; `InputError` names the field, the value and what is allowed."""
    _refuse_wrong_numbers(model, values, where)
    try:
        return model.model_validate(dict(values))
    except ValidationError as error:
        raise InputError(_sentence(model, error, where, values)) from None


def _refuse_wrong_numbers(model: type[BaseModel], values: Mapping[str, Any], where: str, path: str = "") -> None:
    """Raise for ``seeds = true``, which pydantic would take for 1, and for whole numbers that no machine counts to."""
    for name, field in model.model_fields.items():
        value = values.get(field.alias or name)
        kinds = set(_kinds(field.annotation))
        if isinstance(value, Mapping):
            for inner in (kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)):
                _refuse_wrong_numbers(inner, value, where, f"{path}{name}.")
        elif kinds & {int, float} and bool not in kinds:
            for each in value if isinstance(value, list | tuple) else (value,):
                if isinstance(each, bool):
                    raise InputError(f"{where}: {path}{name} = {str(each).lower()} is not a number")
                if isinstance(each, int) and abs(each) > LARGEST_WHOLE:
                    digits = shortened(str(each)) if abs(each) < 10**1000 else "a whole number of over 1,000 digits"
                    raise InputError(f"{where}: {path}{name} = {digits} is beyond 64 bits")


def _kinds(annotation: Any) -> Iterator[Any]:
    """All types that an annotation is made of."""
    yield annotation
    for part in get_args(annotation):
        yield from _kinds(part)


def load_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file; `InputError` names the file and the line that is wrong."""
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)  # a device of the system, such as /dev/zero, need not end
        if len(content) > MOST_BYTES:
            raise InputError(f"{path} is larger than any configuration may be: {MOST_BYTES:,} bytes")
        return tomllib.loads(content.decode("utf-8"))
    except InputError:
        raise
    except FileNotFoundError:
        raise InputError(f"no configuration file {path}") from None
    except NotADirectoryError:
        raise InputError(f"no configuration file {path}: a part of its path is a file") from None
    except IsADirectoryError:
        raise InputError(f"{path} is a folder, a TOML file was expected") from None
    except PermissionError:
        raise InputError(f"{path} cannot be read: permission denied") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is not a valid TOML file: {error}") from None
    except RecursionError:
        raise InputError(f"{path} is not a valid TOML file: it is nested too deeply") from None
    except ValueError as error:  # a whole number of more than 4,300 digits, or a path with a null character
        raise InputError(f"{path} is not a valid TOML file: {_first_clause(error)}") from None
    except OSError as error:
        raise InputError(f"{path} cannot be read: {(error.strerror or str(error)).lower()}") from None


def with_settings(config: Mapping[str, Any], settings: Iterable[str]) -> dict[str, Any]:
    """Lay ``section.key=value`` settings over a nested configuration; values are read as TOML, else as text."""
    result = deepcopy(dict(config))
    for setting in settings:
        path, equals, text = setting.partition("=")
        keys = path.strip().split(".")
        if not equals or not all(keys):
            raise InputError(f"setting '{shortened(setting)}': write section.key=value, such as train.seed=7")
        table = result
        for key in keys[:-1]:
            table = table.setdefault(key, {})
            if not isinstance(table, dict):
                raise InputError(f"setting '{shortened(setting)}': '{key}' is a value, not a section")
        table[keys[-1]] = _toml_value(text.strip())
    return result


def layered(base: str | os.PathLike[str] | Mapping[str, Any] | None, *layers: Mapping[str, Any]) -> dict[str, Any]:
    """Lay nested settings over those of a TOML file or a mapping; where both set a key, the later one holds."""
    result = load_toml(Path(base)) if isinstance(base, str | os.PathLike) else deepcopy(dict(base or {}))
    for layer in layers:
        for name, value in layer.items():
            below = result.get(name)
            if isinstance(value, Mapping) and isinstance(below, Mapping):
                result[name] = {**below, **value}
            else:
                result[name] = value
    return result


def laid_out(model: type[BaseModel], given: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Nested settings from plain ones: a section by its name, or a setting that one section alone has, by its own.

    Raises
    ------
    InputError
        For a name that no section has, naming the nearest, or that several have.
    """
    owners: dict[str, list[str]] = {}
    for section, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            for key in field.annotation.model_fields:
                owners.setdefault(key, []).append(section)
    result: dict[str, Any] = {}
    for name, value in given.items():
        if name in model.model_fields:
            result = layered(result, {name: value})
            continue
        if name not in owners:
            raise InputError(f"{where}: unknown setting '{name}' {nearest(name, {*owners, *model.model_fields})}")
        if len(owners[name]) > 1:
            sections = " and ".join(f"{section}={{'{name}': ...}}" for section in owners[name])
            raise InputError(f"{where}: several sections have a setting '{name}': give {sections}")
        result = layered(result, {owners[name][0]: {name: value}})
    return result


def _toml_value(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text
    except RecursionError:
        raise InputError(f"setting '{shortened(text)}' is nested too deeply") from None
    except ValueError as error:
        raise InputError(f"setting '{shortened(text)}': {_first_clause(error)}") from None


def _first_clause(error: ValueError) -> str:
    text = str(error).partition(";")[0]
    return text[:1].lower() + text[1:]


def _sentence(model: type[BaseModel], error: ValidationError, where: str, values: Mapping[str, Any]) -> str:
    first: dict[str, Any] = dict(error.errors()[0])
    owner, name = _submodel(model, first["loc"][:-1]), first["loc"][-1:]
    known = owner.model_fields.get(str(name[0])) if name else None
    if known is None or not is_fraction(known):
        return _cause(model, first, where)
    return _cause(model, first | {"input": _as_written(first, values)}, where) + f" ({HINT})"


def _as_written(first: Mapping[str, Any], values: Any) -> Any:
    """The value that was refused, before a percentage became a number."""
    try:
        for part in first["loc"]:
            values = values[part]
    except (KeyError, IndexError, TypeError):  # a default, or not from a mapping
        return first["input"]
    return values


def _cause(model: type[BaseModel], first: Mapping[str, Any], where: str) -> str:
    field = ".".join(str(part) for part in first["loc"] if not isinstance(part, int))
    shown, kind = shortened(repr(first.get("input"))), first["type"]
    if kind == "extra_forbidden":
        owner = _submodel(model, first["loc"][:-1])
        known = [f.alias or name for name, f in owner.model_fields.items()]
        return f"{where}: unknown parameter '{shortened(field)}' {nearest(str(first['loc'][-1]), known)}"
    if kind == "missing":
        return f"{where}: '{field}' is required"
    if kind == "model_type":
        return f"{where}: {field} = {shown} is a value, a section of settings was expected"
    context = first.get("ctx", {})
    if kind == "literal_error":
        return f"{where}: {field} = {shown} must be {context['expected']}"
    if kind == "value_error":
        prefix = f"{field} = {shown}: " if field else ""
        return f"{where}: {prefix}{context['error']}"
    for bound, words in (("ge", ">="), ("gt", ">"), ("le", "<="), ("lt", "<")):
        if bound in context:
            return f"{where}: {field} = {shortened(str(first.get('input')))} must be {words} {context[bound]:g}"
    if kind in _WORDS:
        return f"{where}: {field} = {shown} {_WORDS[kind]}"
    return f"{where}: {field} = {shown}: {first['msg'][0].lower()}{first['msg'][1:]}"


def _submodel(model: type[BaseModel], path: tuple[str, ...]) -> type[BaseModel]:
    for part in path:
        if part not in model.model_fields:  # a key of a mapping, whose values are of this model
            continue
        annotation = model.model_fields[part].annotation
        models = [a for a in (annotation, *get_args(annotation)) if isinstance(a, type) and issubclass(a, BaseModel)]
        if not models:
            break
        model = models[0]
    return model
