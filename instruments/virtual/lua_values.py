"""Values of Lua, and what its operators and functions take them for (Lua 5.0 manual, 2.2 and 2.5)."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Protocol

ENTRY = 100
"""Bytes that an entry of a table counts for: ours."""

NUMERAL = re.compile(r"\s*(?:[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|0[xX][0-9a-fA-F]+)\s*", re.ASCII)


class LuaSyntaxError(Exception):
    """The line cannot be read; nothing of it has been carried out."""


class LuaRuntimeError(Exception):
    """The line stopped where it was."""


class Indexable(Protocol):
    """What stands before a dot or a bracket: a table or a part of the instrument."""

    def get(self, key: Any) -> Any:
        """Value of a field, None for nil."""

    def set(self, key: Any, value: Any) -> None:
        """Assign to a field."""


def _stored(key: Any) -> Any:
    """A key as a dictionary can hold it: for Python True is 1.0, for Lua it is not."""
    return ("boolean", key) if isinstance(key, bool) else key


class LuaTable:
    """A Lua table."""

    def __init__(self, values: Iterable[Any] = ()) -> None:
        """Start with elements 1, 2, ..."""
        self.fields: dict[Any, Any] = {float(k): value for k, value in enumerate(values, start=1)}
        self._border = len(self.fields)
        self._following: dict[Any, Any] | None = None

    def get(self, key: Any) -> Any:
        """Value of a field, None for nil."""
        return self.fields.get(_stored(key))

    def set(self, key: Any, value: Any) -> None:
        """Assign to a field; nil removes it. `LuaRuntimeError` for keys that cannot be: nil and not-a-number."""
        if key is None or key != key:
            raise LuaRuntimeError(f"table index is {'nil' if key is None else 'NaN'}")
        place = _stored(key)
        if value is None:
            self.fields.pop(place, None)
            if isinstance(key, float) and 1 <= key <= self._border and key.is_integer():
                self._border = int(key) - 1
            return
        if place not in self.fields:
            self._following = None
        self.fields[place] = value
        while float(self._border + 1) in self.fields:
            self._border += 1

    def next(self, key: Any) -> list[Any]:
        """Key and value behind `key` (nil for the first), nil at the end; fields may be removed on the way."""
        if self._following is None:
            keys = list(self.fields)
            self._following = dict(zip([None, *keys], [*keys, None], strict=True))
        place = _stored(key)
        if place not in self._following:
            raise LuaRuntimeError("invalid key to `next'")
        place = self._following[place]
        while place is not None and place not in self.fields:
            place = self._following[place]
        if place is None:
            return [None]
        return [place[1] if isinstance(place, tuple) else place, self.fields[place]]

    def values(self) -> list[Any]:
        """Elements 1, 2, ... up to the first nil."""
        return [self.fields[float(k)] for k in range(1, self._border + 1)]

    def append(self, value: Any) -> None:
        """Add after the last element."""
        self.set(float(self._border + 1), value)

    def __len__(self) -> int:
        """Count the elements up to the first nil."""
        return self._border


def is_number(value: Any) -> bool:
    """Whether Lua counts it as a number."""
    return isinstance(value, float | int) and not isinstance(value, bool)


def kind_of(value: Any) -> str:
    """What ``type`` tells; the parts of a TSP instrument are tables."""
    if value is None:
        return "nil"
    if isinstance(value, bool):
        return "boolean"
    if is_number(value):
        return "number"
    return "string" if isinstance(value, str) else "table" if hasattr(value, "get") else "function"


def tostring(value: Any) -> str:
    """Text of a value, numbers as a 2600B prints them (2600BS-901-01, format.asciiprecision 6)."""
    kind = kind_of(value)
    if kind == "number":
        return f"{value:.5e}"
    if kind in ("table", "function"):
        return f"{kind}: 0x{id(value) & 0xFFFFFFFF:08x}"
    return value if kind == "string" else {None: "nil", True: "true", False: "false"}[value]


def tonumber(value: Any) -> float | None:
    """Number that a value stands for, nil if there is none."""
    if is_number(value):
        return float(value)
    if not isinstance(value, str) or not NUMERAL.fullmatch(value):
        return None
    try:
        return float(int(value, 16)) if "x" in value.lower() else float(value)
    except OverflowError:
        return math.inf


def truthy(value: Any) -> bool:
    """Whether Lua takes a value for true: all but nil and false."""
    return value is not None and value is not False


def first(values: list[Any]) -> Any:
    """First of several values, nil if there is none."""
    return values[0] if values else None


def as_number(value: Any) -> float:
    """The number that a value is, or that a string spells; `LuaRuntimeError` else."""
    number = tonumber(value)
    if number is None:
        raise LuaRuntimeError(f"attempt to perform arithmetic on a {kind_of(value)} value")
    return number


def length(value: Any) -> float:
    """What ``#`` gives."""
    if isinstance(value, LuaTable | str):
        return float(len(value))
    raise LuaRuntimeError(f"attempt to get length of a {kind_of(value)} value")


def same(a: Any, b: Any) -> bool:
    """Whether two values are equal: of one type, and the same."""
    return kind_of(a) == kind_of(b) and a == b


def divided(a: float, b: float) -> float:
    """Quotient as in C: by zero it is infinite, 0/0 is not a number."""
    if b:
        return a / b
    return math.copysign(1.0, b) * math.copysign(math.inf, a) if a and a == a else math.nan


def power(a: float, b: float) -> float:
    """Power as in C: too large and 0 to a negative power are infinite, a root of a negative number is none."""
    odd = b == b and abs(b) < 2**53 and b % 2 == 1
    try:
        return math.pow(a, b)
    except OverflowError:
        return -math.inf if a < 0 and odd else math.inf
    except ValueError:
        return math.nan if a else math.copysign(math.inf, a if odd else 1.0)


def ordered(test: Callable[[Any, Any], bool], a: Any, b: Any) -> bool:
    """Comparison of two numbers or two strings."""
    if (is_number(a) and is_number(b)) or (isinstance(a, str) and isinstance(b, str)):
        return test(a, b)
    raise LuaRuntimeError(f"attempt to compare {kind_of(a)} with {kind_of(b)}")


def counted(bounds: list[Any]) -> Iterator[list[float]]:
    """Rounds of a numeric ``for``."""
    names, numbers = ("initial value", "limit", "step"), []
    for name, bound in zip(names, [*bounds[:3], None][: max(2, min(3, len(bounds)))], strict=False):
        number = tonumber(bound)
        if number is None:
            raise LuaRuntimeError(f"`for' {name} must be a number")
        numbers.append(number)
    at, stop, step = numbers[0], numbers[1], numbers[2] if len(numbers) > 2 else 1.0
    while (at <= stop) if step > 0 else (at >= stop):
        yield [at]
        at += step


def size_of(values: Iterable[Any]) -> int:
    """Bytes that variables count for: their strings, and the tables that they lead to."""
    total, seen, waiting = 0, set(), list(values)
    while waiting:
        value = waiting.pop()
        if isinstance(value, str):
            total += len(value) + ENTRY
        elif isinstance(value, LuaTable) and id(value) not in seen:
            seen.add(id(value))
            total += ENTRY * (1 + len(value.fields))
            waiting += [part for part in (*value.fields, *value.fields.values()) if isinstance(part, str | LuaTable)]
    return total
