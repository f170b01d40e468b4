"""What an instrument makes of the parameters of a message, and the errors of those that it cannot take."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence

TEXTS = {
    -102: "Syntax error",
    -103: "Invalid separator",
    -104: "Data type error",
    -108: "Parameter not allowed",
    -109: "Missing parameter",
    -113: "Undefined header",
    -114: "Header suffix out of range",
    -200: "Execution error",
    -211: "Trigger ignored",
    -213: "Init ignored",
    -221: "Settings conflict",
    -222: "Parameter data out of range",
    -223: "Too much data",
    -224: "Illegal parameter value",
    -230: "Data corrupt or stale",
    -350: "Queue overflow",
    -420: "Query UNTERMINATED",
}
"""Messages of the standard errors (SCPI-99 vol. 2, 21.8)."""


class ScpiError(Exception):
    """What a command runs into; it goes to the error queue and never leaves the instrument."""

    def __init__(self, code: int, text: str | None = None) -> None:
        """Take the standard's text unless the model has its own."""
        super().__init__(code)
        self.code, self.text = code, TEXTS[code] if text is None else text


def split_outside(text: str, separator: str) -> list[str]:
    """Cut at a separator that stands neither in a string nor in parentheses; parts are stripped."""
    parts, depth, quote, start = [], 0, "", 0
    for k, c in enumerate(text):
        if quote:
            quote = "" if c == quote else quote
        elif c in "\"'":
            quote = c
        elif c in "()":
            depth += 1 if c == "(" else -1
        elif c == separator and depth == 0:
            parts.append(text[start:k].strip())
            start = k + 1
    return [*parts, text[start:].strip()]


def number(text: str, low: float = -math.inf, high: float = math.inf, default: float | None = None) -> float:
    """Decimal parameter; MIN, MAX and DEF where there is a bound or a default.

    Raises
    ------
    ScpiError
        -104 if it is no number, -222 if it is out of range, of the parameter or of what can be told apart.
    """
    word = text.upper()
    named = {"MIN": low, "MINIMUM": low, "MAX": high, "MAXIMUM": high, "DEF": default, "DEFAULT": default}
    value = named.get(word)
    if value is None or math.isinf(value):
        if not re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)(E[+-]?\d+)?", word):
            raise ScpiError(-104)
        value = float(word)
        if math.isinf(value):
            raise ScpiError(-222)
    if not low * (1 - math.copysign(1e-9, low)) <= value <= high * (1 + math.copysign(1e-9, high)):
        raise ScpiError(-222)
    return value


def integer(text: str, low: float = -math.inf, high: float = math.inf) -> int:
    """Whole number; anything else is rounded, as instruments do (IEEE 488.2, 7.7.2.4)."""
    return round(number(text, low, high))


def boolean(text: str) -> bool:
    """ON, OFF or a number, which is true if it does not round to 0."""
    word = text.upper()
    return word == "ON" if word in ("ON", "OFF") else round(number(text)) != 0


def short(word: str) -> str:
    """Short form of a word written as in the manuals: what is not in small letters."""
    return "".join(c for c in word if not c.islower())


def choice(text: str, words: Iterable[str]) -> str:
    """One of `words`, given in short or long form; its short form. -224 if it is none of them."""
    for word in words:
        if text.upper() in (short(word), word.upper()):
            return short(word)
    raise ScpiError(-224)


def string(text: str) -> str:
    """Contents of a quoted parameter; -104 if it is not quoted."""
    if len(text) < 2 or text[0] not in "\"'" or text[-1] != text[0]:
        raise ScpiError(-104)
    return text[1:-1]


def show(value: float) -> str:
    """Number as the models print it, to 7 digits."""
    return f"{value:.6E}"


def arguments(parameters: Sequence[str], least: int, most: int | None = None) -> list[str]:
    """Check the number of parameters: -109 if one is missing, -108 if there is one too many."""
    if len(parameters) < least or any(not p for p in parameters[:least]):
        raise ScpiError(-109)
    if len(parameters) > (least if most is None else most):
        raise ScpiError(-108)
    return list(parameters)


def flag(value: bool) -> str:
    """Boolean as answered."""
    return "1" if value else "0"
