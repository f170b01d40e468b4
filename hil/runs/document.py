"""Result rows as a JSON document for machines: results.json and what `--json` writes (docs/results-schema.md).

A document names its schema and the version of it. Version 1 was a bare list of rows; such files are still read.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from hil.errors import InputError
from hil.files import read_json, write_json
from hil.runs.results import CONDITIONS, Row

SCHEMA = "memhil results"
VERSION = 2

NOT_FINITE = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}
"""Texts that stand for numbers which JSON does not have."""

Scalar = bool | float | int | str
Name = Annotated[str, Field(pattern=r"^\S(.*\S)?$")]


class DocumentRow(BaseModel):
    """One quantity; every key is always there."""

    model_config = ConfigDict(extra="forbid", strict=True)

    name: Name = Field(description="quantity, without conditions; 'warning' for a sentence that doubts the others")
    value: Scalar | None = Field(description="number; the mean where there are repeats; null where there is none")
    unit: str = Field(description="SI unit, % or empty")
    std: Scalar | None = Field(description="standard deviation of the repeats (ddof 1)")
    n: int | None = Field(description="number of repeats")
    control: Scalar | None = Field(description="the same quantity where nothing can have been learned")
    reference: Scalar | None = Field(description="what a paper, a manual or a limit says")
    note: str = Field(description="assumptions, settings, why there is no number")
    conditions: dict[Name, Scalar] = Field(description="what it was measured under, in the units of 'conditions'")
    headline: bool = Field(description="whether a list of runs shows it")
    label: str = Field(description="name and conditions as the table on the screen shows them")


class Document(BaseModel):
    """A file of result rows."""

    model_config = ConfigDict(extra="forbid", strict=True, title=SCHEMA)

    schema_name: Literal["memhil results"] = Field(alias="schema", description="what this is")
    version: Literal[2] = Field(description="of the schema; raised when a key changes its meaning or goes away")
    conditions: dict[Name, str] = Field(description="SI unit of every condition that a row names; empty for none")
    rows: list[DocumentRow] = Field(description="quantities, in the order of the table on the screen")


def document(rows: Iterable[Row]) -> dict[str, Any]:
    """Lay rows out as a document."""
    rows = list(rows)
    named = dict.fromkeys(name for row in rows for name in row.conditions)
    return {
        "schema": SCHEMA,
        "version": VERSION,
        "conditions": {name: CONDITIONS.get(name, "") for name in named},
        "rows": [_told({**asdict(row), "label": row.text}) for row in rows],
    }


def save_json(rows: Iterable[Row], target: str | Path) -> None:
    """Write rows as a document to a file, or to standard output for ``-``."""
    found = document(rows)
    if str(target) == "-":
        sys.stdout.write(json.dumps(found, indent=1, allow_nan=False) + "\n")
        return
    try:
        write_json(target, found)
    except InputError as error:
        raise InputError(f"--json {error}") from None


def load_json(path: Path) -> list[Row]:
    """Read rows that `save_json` wrote, in this version or the first; `InputError` if the file holds anything else."""
    content = read_json(path)
    if isinstance(content, list) and all(_was_row(item) for item in content):
        return [Row(**item) for item in content]
    if isinstance(content, Mapping) and content.get("schema") == SCHEMA:
        version = content.get("version")
        if isinstance(version, int) and version > VERSION:
            raise InputError(
                f"{path} is of version {version} of its schema, this program reads up to {VERSION}: update it"
            )
        try:
            Document.model_validate(content)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"])) or "it"
            raise InputError(f"{path} is damaged: {where}: {first['msg'][:1].lower()}{first['msg'][1:]}") from None
        return [_row(item) for item in content["rows"]]
    raise InputError(f"{path} is damaged: it holds no list of result rows")


def _row(item: Mapping[str, Any]) -> Row:
    """Undo what `document` did to a row."""
    numbers = {name: _read(item[name]) for name in ("value", "std", "control", "reference")}
    conditions = {name: _read(value) for name, value in item["conditions"].items()}
    label = "" if item["label"] == item["name"] else item["label"]
    return Row(**{**item, **numbers, "conditions": conditions, "label": label})


def _told(value: Any) -> Any:
    """A value as JSON can hold it: numbers that are not finite as texts."""
    if isinstance(value, Mapping):
        return {name: _told(item) for name, item in value.items()}
    return NOT_FINITE[str(value)] if isinstance(value, float) and not math.isfinite(value) else value


def _read(value: Scalar | None) -> Scalar | None:
    return float(value) if isinstance(value, str) and value in NOT_FINITE.values() else value


_KINDS = {"name": str, "unit": str, "note": str, "std": float | int | None, "n": int | None}
"""Types of the fields of a row of version 1 that are not just any scalar."""

_FIRST = ("name", "value", "unit", "std", "n", "control", "reference", "note")


def _was_row(item: object) -> bool:
    """Whether this is a row of version 1."""
    return (
        isinstance(item, dict)
        and {"name", "value"} <= item.keys() <= set(_FIRST)
        and all(isinstance(value, _KINDS.get(name, Scalar | None)) for name, value in item.items())
    )
