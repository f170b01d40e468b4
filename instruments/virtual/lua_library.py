"""Functions that every program finds: ``next``, ``pairs``, ``type``, ``table.insert`` and so on (Lua 5.0, 5)."""

from __future__ import annotations

from typing import Any

from instruments.virtual.budget import MessageBudget
from instruments.virtual.lua_values import (
    ENTRY,
    LuaRuntimeError,
    LuaTable,
    as_number,
    is_number,
    kind_of,
    tonumber,
    tostring,
)


class Globals(LuaTable):
    """``_G``: the globals as a table."""

    def __init__(self, scope: dict[str, Any]) -> None:
        """Show and change `scope` itself."""
        super().__init__()
        self.fields = scope

    def next(self, key: Any) -> list[Any]:
        """As of a table; globals come and go by plain assignment as well."""
        if self._following is not None and self._following.keys() - {None} != self.fields.keys():
            self._following = None
        return super().next(key)


class Library:
    """The functions, which count what they do.

    Parameters
    ----------
    budget : MessageBudget
        Of the message being carried out.
    """

    def __init__(self, budget: MessageBudget) -> None:
        self._budget = budget

    def functions(self) -> dict[str, Any]:
        """Globals by name."""
        return {
            "next": self._next, "pairs": self._pairs, "ipairs": self._ipairs, "type": lambda value: kind_of(value),
            "tostring": lambda value: tostring(value), "tonumber": lambda value: tonumber(value),
            "getmetatable": _metatable,
        }  # fmt: skip

    def table_functions(self) -> dict[str, Any]:
        """Functions of ``table``."""
        return {
            "insert": self._insert, "remove": self._remove, "getn": lambda table: float(len(as_table(table))),
            "concat": self._concat,
        }  # fmt: skip

    def _next(self, table: Any, key: Any = None) -> list[Any]:
        # The instrument's own parts keep nothing in themselves: their metatables know what they have.
        if kind_of(table) == "table" and not isinstance(table, LuaTable):
            return [None]
        self._budget.spend(len(as_table(table).fields) if key is None else 1)
        return table.next(key)

    def _pairs(self, table: Any) -> list[Any]:
        return [self._next, as_table(table), None]

    def _ipairs(self, table: Any) -> list[Any]:
        return [_following, as_table(table), 0.0]

    def _insert(self, table: Any, *given: Any) -> None:
        table = as_table(table)
        if len(given) not in (1, 2):
            raise LuaRuntimeError("wrong number of arguments to `insert'")
        self._budget.allocate(ENTRY)
        place = len(table) + 1 if len(given) == 1 else _index(given[0])
        for k in range(len(table), place - 1, -1):
            self._budget.spend(1)
            table.set(float(k + 1), table.get(float(k)))
        table.set(float(place), given[-1])

    def _remove(self, table: Any, place: Any = None) -> Any:
        table = as_table(table)
        size = len(table)
        at = size if place is None else _index(place)
        if not 1 <= at <= size:
            return None
        gone = table.get(float(at))
        self._budget.spend(size - at)
        for k in range(at, size):
            table.set(float(k), table.get(float(k + 1)))
        table.set(float(size), None)
        return gone

    def _concat(self, table: Any, separator: Any = "") -> str:
        values = as_table(table).values()
        self._budget.spend(len(values))
        if not all(isinstance(v, str) or is_number(v) for v in (*values, separator)):
            raise LuaRuntimeError("table contains non-strings")
        texts = [tostring(value) for value in values]
        self._budget.allocate(sum(map(len, texts)) + len(texts) * len(tostring(separator)))
        return tostring(separator).join(texts)


def as_table(value: Any) -> LuaTable:
    """The value if it is a table; a run-time error else."""
    if not isinstance(value, LuaTable):
        raise LuaRuntimeError(f"bad argument (table expected, got {kind_of(value)})")
    return value


def _index(value: Any) -> int:
    number = as_number(value)
    if not abs(number) < 2**31:
        raise LuaRuntimeError("bad argument (number has no integer representation)")
    return int(number)


def _following(table: Any, place: Any) -> list[Any]:
    at = float(_index(place) + 1)
    value = as_table(table).get(at)
    return [None] if value is None else [at, value]


def _metatable(value: Any) -> Any:
    return value.metatable() if hasattr(value, "metatable") else None
