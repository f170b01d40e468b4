"""Evaluation of Lua once it is parsed: how expressions get their values, and what statements do."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from instruments.virtual.budget import MessageBudget
from instruments.virtual.lua_values import (
    ENTRY,
    LuaRuntimeError,
    LuaTable,
    as_number,
    first,
    is_number,
    kind_of,
    ordered,
    same,
    tostring,
    truthy,
)

CALL = 40
"""Work of a call beside that of its tokens."""


class LuaFrame(NamedTuple):
    """What a running line can reach: globals, its own locals by number, and what it may cost."""

    globals: dict[str, Any]
    locals: list[Any]
    budget: MessageBudget


class Expression(NamedTuple):
    """How an expression is worked out: its first value, and all of them."""

    one: Callable[[LuaFrame], Any]
    many: Callable[[LuaFrame], list[Any]]


Statement = Callable[[LuaFrame], object]
"""Gives `BREAK` where the loop around it is to end."""

Store = Callable[[LuaFrame, Any], None]
Operator = Callable[[Any, Expression, LuaFrame], Any]
BREAK = object()


def single(one: Callable[[LuaFrame], Any]) -> Expression:
    """An expression that has one value."""
    return Expression(one, lambda frame: [one(frame)])


def constant(value: Any) -> Expression:
    """A value that is known."""
    return single(lambda frame: value)


def only_first(inner: Expression) -> Expression:
    """Parentheses: one value of many."""
    return single(inner.one)


def unary(act: Callable[[Any], Any], operand: Expression) -> Expression:
    """An operator before its operand."""
    return single(lambda frame: act(operand.one(frame)))


def listed(parts: Sequence[Expression]) -> Expression:
    """Several expressions: of all but the last the first value, of the last all."""

    def many(frame: LuaFrame) -> list[Any]:
        values = [part.one(frame) for part in parts[:-1]]
        return values + parts[-1].many(frame) if parts else values

    return Expression(lambda frame: first(many(frame)), many)


def chain(left: Expression, rest: Sequence[tuple[Operator, Expression]]) -> Expression:
    """Operands joined by operators from left to right, of any number."""

    def one(frame: LuaFrame) -> Any:
        value = left.one(frame)
        for act, right in rest:
            value = act(value, right, frame)
        return value

    return single(one)


def arithmetic(act: Callable[[float, float], float]) -> Operator:
    """Operator of two numbers."""
    return lambda a, right, frame: act(as_number(a), as_number(right.one(frame)))


def comparison(test: Callable[[Any, Any], bool]) -> Operator:
    """Operator of two numbers or two strings."""

    def act(a: Any, right: Expression, frame: LuaFrame) -> bool:
        if isinstance(a, str):
            frame.budget.spend(len(a) >> 8)
        return ordered(test, a, right.one(frame))

    return act


def equality(wanted: bool) -> Operator:
    """``==`` (`wanted`) or ``~=``."""

    def act(a: Any, right: Expression, frame: LuaFrame) -> bool:
        if isinstance(a, str):
            frame.budget.spend(len(a) >> 8)
        return same(a, right.one(frame)) is wanted

    return act


def short_circuit(conjunction: bool) -> Operator:
    """``and`` or ``or``: the right operand counts only where the left does not decide."""
    return lambda a, right, frame: a if truthy(a) != conjunction else right.one(frame)


def concatenation(a: Any, right: Expression, frame: LuaFrame) -> str:
    """``..``: strings, and numbers as they are printed."""
    parts = a, right.one(frame)
    for part in parts:
        if not (isinstance(part, str) or is_number(part)):
            raise LuaRuntimeError(f"attempt to concatenate a {kind_of(part)} value")
    texts = [tostring(part) for part in parts]
    frame.budget.allocate(sum(map(len, texts)))
    return "".join(texts)


def global_name(name: str) -> tuple[Expression, Store]:
    """How a global is read and assigned."""

    def store(frame: LuaFrame, value: Any) -> None:
        if value is None:
            frame.globals.pop(name, None)
            return
        if name not in frame.globals:
            frame.budget.allocate(ENTRY + len(name))
        frame.globals[name] = value

    return single(lambda frame: frame.globals.get(name)), store


def local_name(slot: int) -> tuple[Expression, Store]:
    """How a local is read and assigned."""

    def store(frame: LuaFrame, value: Any) -> None:
        frame.locals[slot] = value

    return single(lambda frame: frame.locals[slot]), store


def field_of(owner: Expression, key: Expression, path: str) -> tuple[Expression, Store]:
    """How a field is read and assigned; `path` names its owner in messages."""

    def target(frame: LuaFrame) -> Any:
        found = owner.one(frame)
        if not hasattr(found, "get"):
            raise LuaRuntimeError(f"attempt to index `{path}' (a {kind_of(found)} value)")
        return found

    def store(frame: LuaFrame, value: Any) -> None:
        found = target(frame)
        if isinstance(found, LuaTable):
            frame.budget.allocate(ENTRY)
        found.set(key.one(frame), value)

    return single(lambda frame: target(frame).get(key.one(frame))), store


def table(entries: Sequence[tuple[Expression | None, Expression]]) -> Expression:
    """A table constructor; the last entry without a key gives all its values."""

    def build(frame: LuaFrame) -> LuaTable:
        found, place = LuaTable(), 0
        frame.budget.allocate(ENTRY * (1 + len(entries)))
        for k, (key, value) in enumerate(entries, start=1):
            if key is not None:
                found.set(key.one(frame), value.one(frame))
                continue
            for each in value.many(frame) if k == len(entries) else [value.one(frame)]:
                place += 1
                found.set(float(place), each)
        return found

    return single(build)


def call(function: Expression, given: Expression, path: str) -> Expression:
    """Call of a function."""

    def many(frame: LuaFrame) -> list[Any]:
        callee = function.one(frame)
        if not callable(callee):
            raise LuaRuntimeError(f"attempt to call `{path}' (a {kind_of(callee)} value)")
        return invoke(callee, given.many(frame), path, frame.budget)

    return Expression(lambda frame: first(many(frame)), many)


def invoke(callee: Callable[..., Any], values: list[Any], path: str, budget: MessageBudget) -> list[Any]:
    """Values of a call; `LuaRuntimeError` where the function does not take so many arguments."""
    budget.spend(CALL)
    # Lua has no signatures; the instrument's own functions check what they are given.
    try:
        inspect.signature(callee).bind(*values)
    except TypeError:
        raise LuaRuntimeError(f"bad argument to `{path}'") from None
    result = callee(*values)
    return result if isinstance(result, list) else [] if result is None else [result]


def assign(stores: Sequence[Store], values: Expression) -> Statement:
    """Assignment: all values first, nil for those that are missing."""

    def run(frame: LuaFrame) -> None:
        found = values.many(frame)
        for k, store in enumerate(stores):
            store(frame, found[k] if k < len(found) else None)

    return run


def block(statements: Sequence[tuple[int, Statement]]) -> Statement:
    """Statements one after the other, each with what it costs."""

    def run(frame: LuaFrame) -> object:
        for cost, each in statements:
            frame.budget.spend(cost)
            if each(frame) is BREAK:
                return BREAK
        return None

    return run


def loop(
    bounds: Expression, counted: Callable[[list[Any]], Iterator[list[Any]]] | None, names: slice, body: Statement
) -> Statement:
    """Both kinds of ``for``: over numbers if `counted` says which, else over what an iterator function gives."""

    def run(frame: LuaFrame) -> None:
        found = bounds.many(frame)
        for values in counted(found) if counted is not None else _iterated(found, frame.budget):
            frame.budget.spend(3)
            width = names.stop - names.start
            frame.locals[names] = (values + [None] * width)[:width]
            if body(frame) is BREAK:
                return

    return run


def _iterated(found: list[Any], budget: MessageBudget) -> Iterator[list[Any]]:
    function, state, control = (found + [None] * 3)[:3]
    if not callable(function):
        raise LuaRuntimeError(f"attempt to call a {kind_of(function)} value")
    while True:
        values = invoke(function, [state, control], "for iterator", budget)
        control = first(values)
        if control is None:
            return
        yield values
