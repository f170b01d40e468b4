"""Values of Lua, and what its operators, fields and calls do with them."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Protocol


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


class Table:
    """A Lua table."""

    def __init__(self, values: Iterable[Any] = ()) -> None:
        """Start with elements 1, 2, ..."""
        self.fields: dict[Any, Any] = {float(k): value for k, value in enumerate(values, start=1)}
        self._border = len(self.fields)

    def get(self, key: Any) -> Any:
        """Value of a field, None for nil."""
        return self.fields.get(key)

    def set(self, key: Any, value: Any) -> None:
        """Assign to a field; nil removes it."""
        if value is None:
            self.fields.pop(key, None)
            if isinstance(key, float) and 1 <= key <= self._border:
                self._border = int(key) - 1
            return
        self.fields[key] = value
        while float(self._border + 1) in self.fields:
            self._border += 1

    def values(self) -> list[Any]:
        """Elements 1, 2, ... up to the first nil."""
        return [self.fields[float(k)] for k in range(1, self._border + 1)]

    def append(self, value: Any) -> None:
        """Add after the last element."""
        self.set(float(self._border + 1), value)

    def __len__(self) -> int:
        """Count the elements up to the first nil."""
        return self._border


def tostring(value: Any) -> str:
    """Text of a value, numbers as a 2600B prints them (2600BS-901-01, format.asciiprecision 6)."""
    if value is None:
        return "nil"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float | int):
        return f"{value:.5e}"
    return value if isinstance(value, str) else "table" if isinstance(value, Table) else "userdata"


def truthy(value: Any) -> bool:
    """Whether Lua takes a value for true: all but nil and false."""
    return value is not None and value is not False


Scope = dict[str, Any]
Expression = Callable[[Scope], list[Any]]


def first(values: list[Any]) -> Any:
    """First of several values, nil if there is none."""
    return values[0] if values else None


def as_number(value: Any) -> float:
    """The value if it is a number; `LuaRuntimeError` else."""
    if isinstance(value, bool) or not isinstance(value, float | int):
        raise LuaRuntimeError("attempt to perform arithmetic on a non-number")
    return float(value)


def length(value: Any) -> float:
    """What ``#`` gives."""
    if isinstance(value, Table):
        return float(len(value))
    if isinstance(value, str):
        return float(len(value))
    raise LuaRuntimeError("attempt to get length of a value that has none")


def counted(bounds: list[Any]) -> Iterator[list[float]]:
    """Rounds of a numeric ``for``."""
    if len(bounds) < 2:
        raise LuaRuntimeError("`for' limit must be a number")
    start, stop = as_number(bounds[0]), as_number(bounds[1])
    step = as_number(bounds[2]) if len(bounds) > 2 else 1.0
    n = 0
    while (start + n * step <= stop) if step >= 0 else (start + n * step >= stop):
        yield [start + n * step]
        n += 1


def strict(symbol: str, act: Callable[[Any, Any], Any], left: Expression, right: Expression) -> Expression:
    """Operator that needs both operands."""

    def evaluate(scope: Scope) -> list[Any]:
        a, b = first(left(scope)), first(right(scope))
        comparable = symbol in "<=>=" and isinstance(a, str) and isinstance(b, str)
        if symbol != ".." and not comparable:
            a, b = as_number(a), as_number(b)
        try:
            return [act(a, b)]
        except OverflowError:
            return [math.inf]

    return evaluate


def equal(wanted: bool, left: Expression, right: Expression) -> Expression:
    """``==`` (`wanted`) or ``~=``."""

    def evaluate(scope: Scope) -> list[Any]:
        a, b = first(left(scope)), first(right(scope))
        return [(type(a) is type(b) and a == b) is wanted]

    return evaluate


def short_circuit(conjunction: bool, left: Expression, right: Expression) -> Expression:
    """``and`` or ``or``."""

    def evaluate(scope: Scope) -> list[Any]:
        value = first(left(scope))
        return [value] if truthy(value) != conjunction else [first(right(scope))]

    return evaluate


def global_name(name: str) -> tuple[Expression, Callable[[Scope, Any], None]]:
    """How a global is read and assigned."""

    def store(scope: Scope, value: Any) -> None:
        scope[name] = value

    return lambda scope: [scope.get(name)], store


def field_of(owner: Expression, key: Expression, path: str) -> tuple[Expression, Callable[[Scope, Any], None]]:
    """How a field is read and assigned; `path` names its owner in messages."""

    def target(scope: Scope) -> Any:
        found = first(owner(scope))
        if not hasattr(found, "get") or isinstance(found, dict):
            kind = "a nil value" if found is None else "not a table"
            raise LuaRuntimeError(f"attempt to index `{path}' ({kind})")
        return found

    def load(scope: Scope) -> list[Any]:
        return [target(scope).get(first(key(scope)))]

    def store(scope: Scope, value: Any) -> None:
        target(scope).set(first(key(scope)), value)

    return load, store


def call(function: Expression, given: Expression, path: str) -> Expression:
    """Call of a function."""

    def evaluate(scope: Scope) -> list[Any]:
        callee = first(function(scope))
        if not callable(callee):
            raise LuaRuntimeError(f"attempt to call `{path}' ({'a nil value' if callee is None else 'not a function'})")
        values = given(scope)
        # Lua has no signatures; the instrument's own functions check what they are given.
        try:
            inspect.signature(callee).bind(*values)
        except TypeError:
            raise LuaRuntimeError(f"bad argument to `{path}'") from None
        result = callee(*values)
        return result if isinstance(result, list) else [] if result is None else [result]

    return evaluate
