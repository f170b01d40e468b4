"""SCPI as an instrument hears it: headers in short and long form, compound messages, parameters, the error queue.

A header pattern is written as in the manuals: ``[SOURce<c>:]VOLTage[:LEVel]`` accepts ``SOUR1:VOLT``, ``volt:lev`` and
so on. Capitals are the short form and nothing between short and long form is accepted (SCPI-99 vol. 1, 6.2.1);
``<c>`` is a numeric suffix, 1 where none is given, and an optional literal one is written ``SOURce[1]``. Later headers
of a compound message start where the one before left off, unless they begin with a colon (SCPI-99 vol. 1, 6.2.4).
"""

from __future__ import annotations

import math
import re
from abc import abstractmethod
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar

from instruments.virtual.instrument import VirtualInstrument

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


class ErrorQueue:
    """First in, first out; when full, the last entry becomes -350 and later errors are lost (SCPI-99 vol. 2, 21.8.1).

    Parameters
    ----------
    size : int
        Entries it holds.
    """

    def __init__(self, size: int) -> None:
        """Start empty."""
        self.size, self._entries = size, []

    def push(self, code: int, text: str) -> None:
        """Add an error, or note that there is no room."""
        if len(self._entries) < self.size:
            self._entries.append((code, text))
        else:
            self._entries[-1] = (-350, TEXTS[-350])

    def pop(self) -> tuple[int, str] | None:
        """Take the oldest error; None if there is none."""
        return self._entries.pop(0) if self._entries else None

    def clear(self) -> None:
        """Forget all."""
        self._entries.clear()

    def __len__(self) -> int:
        """Count the entries."""
        return len(self._entries)


Handler = Callable[..., Any]


@dataclass(frozen=True)
class Command:
    """One header and what it does.

    Attributes
    ----------
    pattern : str
        Header as in the manual, without colon in front and question mark behind.
    write : callable, optional
        Called with ``(engine, parameters, suffixes)``; None if there is only a query.
    query : callable, optional
        Called likewise; gives the answer as text. None if there is none.
    """

    pattern: str
    write: Handler | None = None
    query: Handler | None = None


@cache
def header_pattern(pattern: str) -> re.Pattern[str]:
    """Regular expression of a header pattern: every legal form of it, in any case, and nothing else."""
    out = []
    for token in re.findall(r"\*?[A-Za-z]+|<[a-z]+>|\[1\]|[\[\]:]|.", pattern):
        if token == "[1]":
            out.append("1?")
        elif token in "[]":
            out.append("(?:" if token == "[" else ")?")
        elif token == ":":
            out.append(":")
        elif token.startswith("<"):
            out.append(rf"(?P<{token[1:-1]}>\d+)?")
        elif token.startswith("*"):
            out.append(re.escape(token))
        elif token.isalpha():
            short = "".join(c for c in token if c.isupper())
            out.append(short if short == token else f"(?:{token.upper()}|{short})")
        else:
            raise ValueError(f"'{token}' does not belong in the header pattern {pattern}")
    return re.compile("".join(out), re.IGNORECASE)


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
        -104 if it is no number, -222 if it is out of range.
    """
    word = text.upper()
    named = {"MIN": low, "MINIMUM": low, "MAX": high, "MAXIMUM": high, "DEF": default, "DEFAULT": default}
    value = named.get(word)
    if value is None or math.isinf(value):
        if not re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)(E[+-]?\d+)?", word):
            raise ScpiError(-104)
        value = float(word)
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


def setting(
    pattern: str,
    name: str,
    read: Callable[[str], Any],
    answer: Callable[[Any], str] = show,
    then: str | None = None,
) -> Command:
    """Command that sets an attribute of the engine and query that tells it.

    Parameters
    ----------
    pattern : str
        Header.
    name : str
        Attribute, with dots for attributes of attributes.
    read : callable
        Turns the parameter into a value, or raises `ScpiError`.
    answer : callable
        Turns the value into the answer.
    then : str, optional
        Method of the engine called after a change.
    """
    *path, last = name.split(".")

    def owner(engine: Any) -> Any:
        for part in path:
            engine = getattr(engine, part)
        return engine

    def write(engine: Any, parameters: Sequence[str], suffixes: dict[str, int]) -> None:
        setattr(owner(engine), last, read(arguments(parameters, 1)[0]))
        if then is not None:
            getattr(engine, then)()

    def query(engine: Any, parameters: Sequence[str], suffixes: dict[str, int]) -> str:
        return answer(getattr(owner(engine), last))

    return Command(pattern, write, query)


def flag(value: bool) -> str:
    """Boolean as answered."""
    return "1" if value else "0"


class ScpiInstrument(VirtualInstrument):
    """Messages to commands: what every SCPI model shares, and the commands of IEEE 488.2.

    A model gives its `commands`, `format_error`, `reset` and `QUEUE`.
    """

    QUEUE: ClassVar[int] = 100

    def __init__(self) -> None:
        """Switch on: power-on bit set, nothing in the queue."""
        self.errors = ErrorQueue(self.QUEUE)
        self._event_status, self._event_enable, self._service_enable = 128, 0, 0
        self._found: dict[str, tuple[Command, dict[str, int]]] = {}
        self._commands = [*self._common(), *self.commands()]

    @abstractmethod
    def commands(self) -> Sequence[Command]:
        """All commands of the model beyond those of IEEE 488.2."""

    @abstractmethod
    def format_error(self, error: tuple[int, str] | None) -> str:
        """Answer to the error query."""

    @abstractmethod
    def reset(self) -> None:
        """``*RST``: defaults, outputs off."""

    def handle(self, message: str) -> str | bytes | None:
        """Carry out one message, compound or not; answers of several queries are joined by semicolons."""
        answers, path = [], ""
        for unit in split_outside(message.strip(), ";"):
            if not unit:
                continue
            header, _, rest = unit.partition(" ")
            parameters = split_outside(rest, ",") if rest.strip() else []
            try:
                answer, path = self._execute(header, parameters, path)
            except ScpiError as error:
                self.fail(error.code, error.text)
                if -200 < error.code <= -100:
                    break
                continue
            if answer is not None:
                answers.append(answer)
        return ";".join(answers) if answers else None

    def fail(self, code: int, text: str | None = None) -> None:
        """Queue an error and set its bit of the event status register (SCPI-99 vol. 2, 21.8.2)."""
        self.errors.push(code, TEXTS[code] if text is None else text)
        kinds = {1: 32, 2: 16, 3: 8, 4: 4}
        self._event_status |= kinds.get(-code // 100, 8) if code < 0 else 8

    def operation_complete(self) -> str | None:
        """Answer to ``*OPC?``; None while something waits, as the real one then does not answer."""
        return "1"

    def next_error(self) -> str:
        """Take the oldest error as text."""
        return self.format_error(self.errors.pop())

    def _execute(self, header: str, parameters: list[str], path: str) -> tuple[str | None, str]:
        asks = header.endswith("?")
        name = header.rstrip("?")
        if name.startswith("*"):
            found = self._find(name)
        elif name.startswith(":"):
            name = name[1:]
            found = self._find(name)
            path = name.rpartition(":")[0]
        else:
            name = f"{path}:{name}" if path else name
            found = self._find(name)
            path = name.rpartition(":")[0]
        if found is None:
            raise ScpiError(-113)
        command, suffixes = found
        handler = command.query if asks else command.write
        if handler is None:
            raise ScpiError(-113)
        answer = handler(self, parameters, suffixes)
        return (answer if asks else None), path

    def _find(self, name: str) -> tuple[Command, dict[str, int]] | None:
        if name not in self._found:
            for command in self._commands:
                match = header_pattern(command.pattern).fullmatch(name)
                if match:
                    suffixes = {key: int(text or 1) for key, text in match.groupdict().items()}
                    self._found[name] = command, suffixes
                    break
        return self._found.get(name)

    def _common(self) -> list[Command]:
        def plain(action: Callable[[], None]) -> Handler:
            def run(engine: Any, parameters: Sequence[str], suffixes: dict[str, int]) -> None:
                arguments(parameters, 0)
                action()

            return run

        def said(answer: Callable[[], str | None]) -> Handler:
            return lambda engine, parameters, suffixes: answer()

        def byte(name: str) -> Command:
            return setting(f"*{name}", {"ESE": "_event_enable", "SRE": "_service_enable"}[name], _byte, str)

        return [
            Command("*IDN", None, said(lambda: self.identity)),
            Command("*RST", plain(self.reset)),
            Command("*CLS", plain(self._clear_status)),
            Command("*OPC", plain(self._complete), said(lambda: self.operation_complete())),
            Command("*WAI", plain(lambda: None)),
            Command("*ESR", None, said(self._take_event_status)),
            Command("*STB", None, said(lambda: str(self._status_byte()))),
            Command("*TST", None, said(lambda: "0")),
            byte("ESE"),
            byte("SRE"),
        ]

    def _clear_status(self) -> None:
        self.errors.clear()
        self._event_status = 0

    def _complete(self) -> None:
        self._event_status |= 1

    def _take_event_status(self) -> str:
        value, self._event_status = self._event_status, 0
        return str(value)

    def _status_byte(self) -> int:
        value = (4 if len(self.errors) else 0) | (32 if self._event_status & self._event_enable else 0)
        return value | (64 if value & self._service_enable else 0)


def _byte(text: str) -> int:
    return integer(text, 0, 255)
