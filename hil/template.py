"""A configuration as a commented file: every setting with its default, unit, range and what it is."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import Any, Literal, get_args, get_origin

import tomli_w
from pydantic import BaseModel
from pydantic.fields import FieldInfo

WIDTH = 100
"""Letters of a line of comments."""


def allowed_range(field: FieldInfo) -> str | None:
    """Range or choices of a parameter, as its model checks them."""
    if get_origin(field.annotation) is Literal:
        return " or ".join(str(choice) for choice in get_args(field.annotation))
    signs = (("ge", ">="), ("gt", ">"), ("le", "<="), ("lt", "<"))
    bounds = [f"{s} {getattr(m, a):g}" for m in field.metadata for a, s in signs if getattr(m, a, None) is not None]
    return ", ".join(bounds) or None


def template(model: BaseModel, head: str) -> str:
    """TOML text of a configuration, which loads as that configuration.

    Parameters
    ----------
    model : BaseModel
        A configuration of sections, usually one with its defaults.
    head : str
        Comment at the top.
    """
    lines = [*_comment(head), ""]
    lines += _section(model, ())
    return "\n".join(lines).rstrip() + "\n"


def _section(model: BaseModel, path: tuple[str, ...]) -> Iterator[str]:
    """Settings first, sections after them: TOML reads what follows a head as part of it."""
    fields = type(model).model_fields
    inner = [name for name in fields if isinstance(getattr(model, name), BaseModel)]
    plain = [name for name in fields if name not in inner]
    if plain and path:
        yield f"[{'.'.join(path)}]"
    for name in plain:
        yield from _comment(_told(fields[name]))
        value = model.model_dump(mode="json")[name]
        yield f"# {name} =" if value is None else tomli_w.dumps({name: value}).rstrip()
        yield ""
    for name in inner:
        yield from _section(getattr(model, name), (*path, name))


def _told(field: FieldInfo) -> str:
    extra: Any = field.json_schema_extra
    unit = extra.get("unit") if isinstance(extra, dict) else None
    words = [field.description or "", f"[{unit}]" if unit and unit != "fraction" else ""]
    allowed = allowed_range(field)
    return " ".join(word for word in words if word) + (f" ({allowed})" if allowed else "")


def _comment(text: str) -> list[str]:
    return [f"# {line}".rstrip() for part in text.splitlines() for line in textwrap.wrap(part, WIDTH) or [""]]
