"""The part of Lua 5.0 that a program sends to a TSP instrument one line at a time.

Assignments, calls, ``print`` of expressions, tables, strings, numbers, booleans, ``nil``, arithmetic, comparison,
``and or not``, ``..``, ``#``, ``local``, ``if`` and both kinds of ``for``. No ``function``, ``while`` or ``repeat``:
they are syntax errors here.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Iterator
from typing import Any

from instruments.virtual.lua_values import (
    Expression,
    LuaRuntimeError,
    LuaSyntaxError,
    Scope,
    Table,
    as_number,
    call,
    counted,
    equal,
    field_of,
    first,
    global_name,
    length,
    short_circuit,
    strict,
    tostring,
    truthy,
)

BLANK = re.compile(r"(?:\s|--[^\n]*)*")
TOKEN = re.compile(
    r"(?:(?P<number>0[xX][0-9a-fA-F]+|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)|(?P<name>[A-Za-z_]\w*)"
    r"|(?P<string>\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*')|(?P<op>\.\.|==|~=|<=|>=|[-+*/%^#<>=(){}\[\];:,.]))"
)

WORDS = frozenset(
    (
        "and", "break", "do", "else", "elseif", "end", "false", "for", "function", "if", "in", "local", "nil", "not",
        "or", "repeat", "return", "then", "true", "until", "while",
    )
)  # fmt: skip

BINARY: dict[str, tuple[int, int, Callable[[Any, Any], Any]]] = {
    "<": (3, 4, operator.lt),
    ">": (3, 4, operator.gt),
    "<=": (3, 4, operator.le),
    ">=": (3, 4, operator.ge),
    "..": (5, 4, lambda a, b: tostring(a) + tostring(b)),
    "+": (6, 7, operator.add),
    "-": (6, 7, operator.sub),
    "*": (8, 9, operator.mul),
    "/": (8, 9, lambda a, b: a / b if b else math.copysign(math.inf, a) if a else math.nan),
    "^": (14, 13, operator.pow),
}
"""Left and right binding power, and meaning, of the operators that are strict in both operands."""

UNARY_POWER = 12
DEEPEST = 50
"""Levels of nesting."""

MOST_ITERATIONS = 1_000_000
"""Rounds of a loop; an instrument would go on, a virtual one says that it is endless."""


Statement = Callable[[Scope], None]


class Chunk:
    """One line of Lua, ready to run.

    Raises
    ------
    LuaSyntaxError
        If it cannot be read.
    """

    def __init__(self, source: str) -> None:
        """Read all of it."""
        self._tokens, self._at, self._depth = list(_tokens(source)), 0, 0
        self._block = self._statements()
        if self._peek() is not None:
            raise LuaSyntaxError(f"unexpected symbol near `{self._peek()}'")

    def run(self, scope: Scope) -> None:
        """Carry it out; `scope` holds the globals and keeps what is assigned.

        Raises
        ------
        LuaRuntimeError
            Where it stops.
        """
        self._block(scope)

    def _peek(self) -> str | None:
        return self._tokens[self._at][1] if self._at < len(self._tokens) else None

    def _take(self, expected: str | None = None) -> tuple[str, str]:
        if self._at >= len(self._tokens):
            raise LuaSyntaxError(f"`{expected or 'expression'}' expected near `<eof>'")
        token = self._tokens[self._at]
        if expected is not None and (token[0] == "string" or token[1] != expected):
            raise LuaSyntaxError(f"`{expected}' expected near `{token[1]}'")
        self._at += 1
        return token

    def _accept(self, text: str) -> bool:
        found = self._peek() == text and self._tokens[self._at][0] != "string"
        self._at += found
        return found

    def _name(self) -> str:
        kind, text = self._take()
        if kind != "name" or text in WORDS:
            raise LuaSyntaxError(f"`<name>' expected near `{text}'")
        return text

    def _statements(self) -> Statement:
        done = []
        while self._peek() not in (None, "end", "else", "elseif"):
            if not self._accept(";"):
                done.append(self._statement())

        def run(scope: Scope) -> None:
            for each in done:
                each(scope)

        return run

    def _statement(self) -> Statement:
        self._depth += 1
        if self._depth > DEEPEST:
            raise LuaSyntaxError("chunk has too many syntax levels")
        try:
            if self._accept("for"):
                return self._for()
            if self._accept("if"):
                return self._if()
            if self._accept("do"):
                block = self._statements()
                self._take("end")
                return block
            return self._assignment(self._accept("local"))
        finally:
            self._depth -= 1

    def _assignment(self, local: bool) -> Statement:
        value, store = self._suffixed()
        if not local and self._peek() not in ("=", ","):
            if store is not None:
                raise LuaSyntaxError(f"`=' expected near `{self._peek() or '<eof>'}'")
            return lambda scope: value(scope) and None
        stores = [store]
        while self._accept(","):
            stores.append(self._suffixed()[1])
        if None in stores:
            raise LuaSyntaxError("cannot assign to a call")
        if local and not self._accept("="):
            return lambda scope: [s(scope, None) for s in stores] and None
        if not local:
            self._take("=")
        values = self._list()

        def run(scope: Scope) -> None:
            found = values(scope)
            for k, each in enumerate(stores):
                each(scope, found[k] if k < len(found) else None)

        return run

    def _for(self) -> Statement:
        names = [self._name()]
        while self._accept(","):
            names.append(self._name())
        numeric = self._accept("=")
        if not numeric:
            self._take("in")
        bounds = self._list()
        self._take("do")
        block = self._statements()
        self._take("end")

        def run(scope: Scope) -> None:
            found = bounds(scope)
            rounds = counted(found) if numeric else iter(found[0] if found and isinstance(found[0], list) else [])
            for n, values in enumerate(rounds):
                if n >= MOST_ITERATIONS:
                    raise LuaRuntimeError("the loop does not end")
                for k, name in enumerate(names):
                    scope[name] = values[k] if k < len(values) else None
                block(scope)

        return run

    def _if(self) -> Statement:
        branches = []
        otherwise: Statement = lambda scope: None  # noqa: E731 - an empty block
        while True:
            condition = self._expression()
            self._take("then")
            branches.append((condition, self._statements()))
            if self._accept("elseif"):
                continue
            if self._accept("else"):
                otherwise = self._statements()
            self._take("end")
            break

        def run(scope: Scope) -> None:
            for condition, block in branches:
                if truthy(first(condition(scope))):
                    return block(scope)
            return otherwise(scope)

        return run

    def _list(self) -> Expression:
        parts = [self._expression()]
        while self._accept(","):
            parts.append(self._expression())

        def evaluate(scope: Scope) -> list[Any]:
            heads = [first(part(scope)) for part in parts[:-1]]
            return heads + parts[-1](scope)

        return evaluate

    def _expression(self, power: int = 0) -> Expression:
        self._depth += 1
        if self._depth > DEEPEST:
            raise LuaSyntaxError("chunk has too many syntax levels")
        left = self._unary()
        while True:
            symbol = self._peek()
            if symbol in BINARY and BINARY[symbol][0] > power:
                self._at += 1
                left = strict(symbol, BINARY[symbol][2], left, self._expression(BINARY[symbol][1] - 1))
            elif symbol in ("==", "~=") and power < 3:
                self._at += 1
                left = equal(symbol == "==", left, self._expression(3))
            elif symbol in ("and", "or") and power < (2 if symbol == "and" else 1):
                self._at += 1
                left = short_circuit(symbol == "and", left, self._expression(2 if symbol == "and" else 1))
            else:
                self._depth -= 1
                return left

    def _unary(self) -> Expression:
        if self._accept("-"):
            operand = self._expression(UNARY_POWER)
            return lambda scope: [-as_number(first(operand(scope)))]
        if self._accept("not"):
            negated = self._expression(UNARY_POWER)
            return lambda scope: [not truthy(first(negated(scope)))]
        if self._accept("#"):
            measured = self._expression(UNARY_POWER)
            return lambda scope: [length(first(measured(scope)))]
        kind, text = self._tokens[self._at] if self._at < len(self._tokens) else ("", "")
        if kind == "number":
            self._at += 1
            value = float(int(text, 16)) if text[:2].lower() == "0x" else float(text)
            return lambda scope: [value]
        if kind == "string":
            self._at += 1
            content = re.sub(r"\\(.)", lambda m: {"n": "\n", "t": "\t"}.get(m[1], m[1]), text[1:-1])
            return lambda scope: [content]
        if text in ("nil", "true", "false") and kind == "name":
            self._at += 1
            constant = {"nil": None, "true": True, "false": False}[text]
            return lambda scope: [constant]
        if text == "{":
            return self._table()
        return self._suffixed()[0]

    def _table(self) -> Expression:
        self._take("{")
        entries: list[tuple[Expression | None, Expression]] = []
        while not self._accept("}"):
            key: Expression | None = None
            following = self._tokens[self._at + 1][1] if self._at + 1 < len(self._tokens) else ""
            if self._accept("["):
                key = self._expression()
                self._take("]")
                self._take("=")
            elif following == "=":
                name = self._name()
                key = lambda scope, name=name: [name]  # noqa: E731 - one constant
                self._take("=")
            entries.append((key, self._expression()))
            if self._peek() != "}" and not self._accept(","):
                self._take(";")

        def build(scope: Scope) -> list[Any]:
            table, place = Table(), 0
            for key, value in entries:
                place += key is None
                table.set(float(place) if key is None else first(key(scope)), first(value(scope)))
            return [table]

        return build

    def _suffixed(self) -> tuple[Expression, Callable[[Scope, Any], None] | None]:
        """Read a name or parenthesis with its dots, brackets and calls; also how to assign to it, None for a call."""
        if self._accept("("):
            inner = self._expression()
            self._take(")")
            value: Expression = lambda scope: [first(inner(scope))]  # noqa: E731 - one value of many
            store, path = None, "?"
        else:
            path = self._name()
            value, store = global_name(path)
        while True:
            if self._accept("."):
                name = self._name()
                value, store = field_of(value, lambda scope, name=name: [name], path)
                path = name
            elif self._accept("["):
                key = self._expression()
                self._take("]")
                value, store = field_of(value, key, path)
                path = "?"
            elif self._peek() == "(" and self._tokens[self._at][0] == "op":
                self._at += 1
                given: Expression = lambda scope: []  # noqa: E731 - no arguments
                if not self._accept(")"):
                    given = self._list()
                    self._take(")")
                value, store = call(value, given, path), None
            else:
                return value, store


def _tokens(source: str) -> Iterator[tuple[str, str]]:
    at = BLANK.match(source).end()  # type: ignore[union-attr]
    while at < len(source):
        match = TOKEN.match(source, at)
        if match is None:
            raise LuaSyntaxError(f"unexpected symbol near `{source[at]}'")
        at = BLANK.match(source, match.end()).end()  # type: ignore[union-attr]
        yield str(match.lastgroup), match[str(match.lastgroup)]
