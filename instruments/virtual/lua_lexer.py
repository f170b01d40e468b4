"""Lexer of Lua: splits a line into tokens (Lua 5.0 manual, 2.1)."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator

from instruments.virtual.lua_values import LuaSyntaxError

BLANK = re.compile(r"(?:\s|--[^\n]*)*")
TOKEN = re.compile(
    r"(?:(?P<number>0[xX][0-9a-fA-F]+|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)|(?P<name>[A-Za-z_]\w*)"
    r"|(?P<string>\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*')|(?P<op>\.\.|==|~=|<=|>=|[-+*/%^#<>=(){}\[\];:,.]))",
    re.ASCII,
)
ESCAPE = re.compile(r"\\(\d{1,3}|.)", re.DOTALL)

WORDS = frozenset(
    (
        "and", "break", "do", "else", "elseif", "end", "false", "for", "function", "if", "in", "local", "nil", "not",
        "or", "repeat", "return", "then", "true", "until", "while",
    )
)  # fmt: skip

Token = tuple[str, str]


def tokens(source: str) -> Iterator[Token]:
    """(kind, text) of every token; kinds are number, name, string and op.

    Raises
    ------
    LuaSyntaxError
        At a character that begins no token.
    """
    at = _after_blank(source, 0)
    while at < len(source):
        match = TOKEN.match(source, at)
        if match is None:
            raise LuaSyntaxError(f"unexpected symbol near `{source[at]}'")
        at = _after_blank(source, match.end())
        yield str(match.lastgroup), match[str(match.lastgroup)]


def _after_blank(source: str, at: int) -> int:
    blank = BLANK.match(source, at)
    return at if blank is None else blank.end()


def number_of(text: str) -> float:
    """Value of a number's token; one that is too large is infinite, as C's strtod has it."""
    if text[:2].lower() != "0x":
        return float(text)
    try:
        return float(int(text, 16))
    except OverflowError:
        return math.inf


def content_of(text: str) -> str:
    r"""Contents of a string's token: ``\n``, ``\t``, ``\r``, ``\ddd`` and quoted characters.

    Raises
    ------
    LuaSyntaxError
        For a ``\ddd`` above 255.
    """

    def plain(match: re.Match[str]) -> str:
        if not match[1].isdecimal():
            return {"n": "\n", "t": "\t", "r": "\r"}.get(match[1], match[1])
        if int(match[1]) > 255:
            raise LuaSyntaxError(f"escape sequence too large near `{text[:20]}'")
        return chr(int(match[1]))

    return ESCAPE.sub(plain, text[1:-1])
