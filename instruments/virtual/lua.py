"""Interpreter of the part of Lua 5.0 that programs send to a TSP instrument, as lines and as scripts.

Assignments, calls, tables, strings, numbers, booleans, ``nil``, arithmetic, comparison, ``and or not``, ``..``, ``#``,
``local``, ``if``, ``do``, ``while``, ``repeat``, both kinds of ``for`` and ``break``. No ``function``, ``return`` and
methods: they are syntax errors here. As in Lua, a chain of operators may have any length, and levels of nesting are
limited to `DEEPEST`.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from instruments.virtual.budget import MessageBudget
from instruments.virtual.lua_lexer import WORDS, content_of, number_of, tokens
from instruments.virtual.lua_nodes import (
    BREAK,
    Expression,
    LuaFrame,
    Statement,
    Store,
    arithmetic,
    assign,
    block,
    call,
    chain,
    comparison,
    concatenation,
    constant,
    equality,
    field_of,
    global_name,
    listed,
    local_name,
    loop,
    only_first,
    short_circuit,
    table,
    unary,
)
from instruments.virtual.lua_values import (
    LuaRuntimeError,
    LuaSyntaxError,
    as_number,
    counted,
    divided,
    length,
    power,
    truthy,
)

BINARY: dict[str, tuple[int, int, Callable[..., Any]]] = {
    "or": (1, 1, short_circuit(False)),
    "and": (2, 2, short_circuit(True)),
    "<": (3, 3, comparison(operator.lt)),
    ">": (3, 3, comparison(operator.gt)),
    "<=": (3, 3, comparison(operator.le)),
    ">=": (3, 3, comparison(operator.ge)),
    "==": (3, 3, equality(True)),
    "~=": (3, 3, equality(False)),
    "..": (5, 3, concatenation),
    "+": (6, 6, arithmetic(operator.add)),
    "-": (6, 6, arithmetic(operator.sub)),
    "*": (8, 8, arithmetic(operator.mul)),
    "/": (8, 8, arithmetic(divided)),
    "^": (14, 12, arithmetic(power)),
}
"""Binding power to the left, the power beyond which operators belong to the right operand, and meaning."""

UNARY_POWER = 12
UNARY: dict[str, Callable[[Any], Any]] = {
    "-": lambda value: -as_number(value), "not": lambda value: not truthy(value), "#": length,
}  # fmt: skip
CONSTANTS = {"nil": None, "true": True, "false": False}

DEEPEST = 200
"""Levels of nesting (LUA_MAXPARSERLEVEL of Lua 5.0)."""

MOST_TOKENS = 250_000
"""Tokens of a line or script: ours."""


class Chunk:
    """One line or script of Lua, ready to run.

    Raises
    ------
    LuaSyntaxError
        If it cannot be read.
    """

    def __init__(self, source: str) -> None:
        """Read all of it."""
        self._tokens: list[tuple[str, str]] = []
        for token in tokens(source):
            self._tokens.append(token)
            if len(self._tokens) > MOST_TOKENS:
                raise LuaSyntaxError("chunk has too many tokens: not enough memory")
        self._at, self._depth, self._loops, self._slots = 0, 0, 0, 0
        self._visible: list[dict[str, int]] = []
        try:
            self._block = self._statements()
        except RecursionError:
            raise LuaSyntaxError("chunk has too many syntax levels") from None
        if self._peek() is not None:
            raise LuaSyntaxError(f"unexpected symbol near `{self._peek()}'")

    def run(self, scope: dict[str, Any], budget: MessageBudget | None = None) -> None:
        """Carry it out; `scope` holds the globals and keeps what is assigned.

        Raises
        ------
        LuaRuntimeError
            Where it stops.
        OutOfWork, OutOfMemory
            Where `budget` is used up.
        """
        try:
            self._block(LuaFrame(scope, [None] * self._slots, budget or MessageBudget()))
        except RecursionError:
            raise LuaRuntimeError("stack overflow") from None

    def _peek(self) -> str | None:
        return self._tokens[self._at][1] if self._at < len(self._tokens) else None

    def _take(self, expected: str | None = None) -> tuple[str, str]:
        if self._at >= len(self._tokens):
            raise LuaSyntaxError(f"`{expected or 'expression'}' expected near `<eof>'")
        token = self._tokens[self._at]
        if expected is not None and token[1] != expected:
            raise LuaSyntaxError(f"`{expected}' expected near `{token[1][:40]}'")
        self._at += 1
        return token

    def _accept(self, text: str) -> bool:
        found = self._peek() == text
        self._at += found
        return found

    def _name(self) -> str:
        kind, text = self._take()
        if kind != "name" or text in WORDS:
            raise LuaSyntaxError(f"`<name>' expected near `{text[:40]}'")
        return text

    def _deeper(self) -> None:
        self._depth += 1
        if self._depth > DEEPEST:
            raise LuaSyntaxError("chunk has too many syntax levels")

    def _declare(self, name: str) -> int:
        slot, self._slots = self._slots, self._slots + 1
        self._visible[-1][name] = slot
        return slot

    def _statements(self, names: tuple[str, ...] = ()) -> Statement:
        """Read a block; `names` are local to it and take the first of its slots."""
        self._visible.append({})
        for name in names:
            self._declare(name)
        done: list[tuple[int, Statement]] = []
        while self._peek() not in (None, "end", "else", "elseif", "until"):
            if self._accept(";"):
                continue
            start = self._at
            statement, nested = self._statement()
            done.append((self._at - start - nested, statement))
        self._visible.pop()
        return block(done)

    def _statement(self) -> tuple[Statement, int]:
        """Read a statement; also how many of its tokens are in blocks, which count for themselves."""
        self._deeper()
        kind = self._peek()
        reader = {
            "for": self._for, "while": self._while, "repeat": self._repeat, "if": self._if, "do": self._do,
            "break": self._break, "local": self._local,
        }.get(kind or "")  # fmt: skip
        if reader is None:
            found = self._assignment(), 0
        else:
            self._at += 1
            found = reader()
        self._depth -= 1
        return found

    def _body(self, end: str, names: tuple[str, ...] = ()) -> tuple[Statement, int]:
        start = self._at
        body = self._statements(names)
        nested = self._at - start
        self._take(end)
        return body, nested

    def _do(self) -> tuple[Statement, int]:
        return self._body("end")

    def _break(self) -> tuple[Statement, int]:
        if not self._loops:
            raise LuaSyntaxError("no loop to break near `break'")
        return lambda frame: BREAK, 0

    def _local(self) -> tuple[Statement, int]:
        names = self._names()
        values = self._list() if self._accept("=") else listed([])
        stores = [local_name(self._declare(name))[1] for name in names]
        return assign(stores, values), 0

    def _names(self) -> list[str]:
        names = [self._name()]
        while self._accept(","):
            names.append(self._name())
        return names

    def _assignment(self) -> Statement:
        value, store = self._suffixed()
        if self._peek() not in ("=", ","):
            if store is not None:
                raise LuaSyntaxError(f"`=' expected near `{self._peek() or '<eof>'}'")
            return lambda frame: value.many(frame) and None
        stores: list[Store | None] = [store]
        while self._accept(","):
            stores.append(self._suffixed()[1])
        if None in stores:
            raise LuaSyntaxError("cannot assign to a call")
        self._take("=")
        return assign([s for s in stores if s is not None], self._list())

    def _for(self) -> tuple[Statement, int]:
        names = tuple(self._names())
        numeric = self._accept("=")
        if numeric and len(names) > 1:
            raise LuaSyntaxError("`in' expected near `='")
        if not numeric:
            self._take("in")
        bounds = self._list()
        self._take("do")
        slot = self._slots
        self._loops += 1
        body, nested = self._body("end", names)
        self._loops -= 1
        return loop(bounds, counted if numeric else None, slice(slot, slot + len(names)), body), nested

    def _while(self) -> tuple[Statement, int]:
        condition = self._expression()
        self._take("do")
        self._loops += 1
        body, nested = self._body("end")
        self._loops -= 1

        def run(frame: LuaFrame) -> None:
            while truthy(condition.one(frame)):
                frame.budget.spend(2)
                if body(frame) is BREAK:
                    return

        return run, nested

    def _repeat(self) -> tuple[Statement, int]:
        self._loops += 1
        body, nested = self._body("until")
        self._loops -= 1
        condition = self._expression()

        def run(frame: LuaFrame) -> None:
            while body(frame) is not BREAK and not truthy(condition.one(frame)):
                frame.budget.spend(2)

        return run, nested

    def _if(self) -> tuple[Statement, int]:
        branches: list[tuple[Expression, Statement]] = []
        nested = 0
        while True:
            condition = self._expression()
            self._take("then")
            start = self._at
            branches.append((condition, self._statements()))
            nested += self._at - start
            if self._accept("elseif"):
                continue
            if self._accept("else"):
                start = self._at
                branches.append((constant(True), self._statements()))
                nested += self._at - start
            self._take("end")
            break

        def run(frame: LuaFrame) -> object:
            for condition, body in branches:
                if truthy(condition.one(frame)):
                    return body(frame)
            return None

        return run, nested

    def _list(self) -> Expression:
        parts = [self._expression()]
        while self._accept(","):
            parts.append(self._expression())
        return listed(parts)

    def _expression(self, beyond: int = 0) -> Expression:
        self._deeper()
        left, rest = self._unary(), []
        while (found := BINARY.get(self._peek() or "")) is not None and found[0] > beyond:
            self._at += 1
            rest.append((found[2], self._expression(found[1])))
        self._depth -= 1
        return chain(left, rest) if rest else left

    def _unary(self) -> Expression:
        kind, text = self._tokens[self._at] if self._at < len(self._tokens) else ("", "")
        if text in UNARY and kind != "string":
            self._at += 1
            return unary(UNARY[text], self._expression(UNARY_POWER))
        if kind in ("number", "string"):
            self._at += 1
            return constant(number_of(text) if kind == "number" else content_of(text))
        if text in CONSTANTS:
            self._at += 1
            return constant(CONSTANTS[text])
        return self._table() if text == "{" else self._suffixed()[0]

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
                key = constant(self._name())
                self._take("=")
            entries.append((key, self._expression()))
            if self._peek() != "}" and not self._accept(","):
                self._take(";")
        return table(entries)

    def _suffixed(self) -> tuple[Expression, Store | None]:
        """Read a name or parenthesis with its dots, brackets and calls; also how to assign to it, None for a call."""
        if self._accept("("):
            value: Expression = only_first(self._expression())
            self._take(")")
            store, path = None, "?"
        else:
            path = self._name()
            value, store = self._variable(path)
        while True:
            if self._accept("."):
                name = self._name()
                value, store = field_of(value, constant(name), path)
                path = name
            elif self._accept("["):
                key = self._expression()
                self._take("]")
                value, store = field_of(value, key, path)
                path = "?"
            elif self._accept("("):
                given = listed([])
                if not self._accept(")"):
                    given = self._list()
                    self._take(")")
                value, store = call(value, given, path), None
            else:
                return value, store

    def _variable(self, name: str) -> tuple[Expression, Store]:
        for visible in reversed(self._visible):
            if name in visible:
                return local_name(visible[name])
        return global_name(name)
