"""SCPI as an instrument hears it: headers in short and long form, compound messages, parameters, the error queue.

A header pattern is written as in the manuals: ``[SOURce<c>:]VOLTage[:LEVel]`` accepts ``SOUR1:VOLT``, ``volt:lev`` and
so on. Capitals are the short form and nothing between short and long form is accepted (SCPI-99 vol. 1, 6.2.1);
``<c>`` is a numeric suffix, 1 where none is given, and an optional literal one is written ``SOURce[1]``. Later headers
of a compound message start where the one before left off, unless they begin with a colon (SCPI-99 vol. 1, 6.2.4).
"""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar

from instruments.virtual.budget import MessageBudget, OutOfWork
from instruments.virtual.dut import Dut
from instruments.virtual.instrument import VirtualInstrument
from instruments.virtual.scpi_parameters import TEXTS, ScpiError, arguments, integer, show, split_outside

UNIT = 30
"""Work of one command of a message."""

SPELLINGS = 10_000
"""Spellings of headers that are remembered."""


class ErrorQueue:
    """First in, first out; when full, the last entry becomes -350 and later errors are lost (SCPI-99 vol. 2, 21.8.1).

    Parameters
    ----------
    size : int
        Entries it holds.
    """

    def __init__(self, size: int) -> None:
        """Start empty."""
        self.size = size
        self._entries: list[tuple[int, str]] = []

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
class ScpiCommand:
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


def setting(
    pattern: str,
    name: str,
    read: Callable[[str], Any],
    answer: Callable[[Any], str] = show,
    then: str | None = None,
) -> ScpiCommand:
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

    return ScpiCommand(pattern, write, query)


class ScpiInstrument(VirtualInstrument):
    """Base of the virtual instruments that speak SCPI: finds the commands of a message, and has those of IEEE 488.2.

    A model gives its `commands`, `format_error`, `reset` and `QUEUE`.

    Parameters
    ----------
    dut : Dut
        What the model acts on.
    """

    QUEUE: ClassVar[int] = 100

    budget: MessageBudget

    def __init__(self, dut: Dut) -> None:
        """Switch on: power-on bit set, nothing in the queue."""
        self.dut, self.budget = dut, MessageBudget()
        self.errors = ErrorQueue(self.QUEUE)
        self._event_status, self._event_enable, self._service_enable = 128, 0, 0
        self._found: dict[str, tuple[ScpiCommand, dict[str, int]]] = {}
        self._commands = [*self._common(), *self.commands()]

    @abstractmethod
    def commands(self) -> Sequence[ScpiCommand]:
        """All commands of the model beyond those of IEEE 488.2."""

    @abstractmethod
    def format_error(self, error: tuple[int, str] | None) -> str:
        """Answer to the error query."""

    @abstractmethod
    def reset(self) -> None:
        """``*RST``: defaults, outputs off."""

    def handle(self, message: str) -> str | bytes | None:
        """Carry out one message, compound or not; answers of several queries are joined by semicolons."""
        self.dut.budget = self.budget
        with self.budget:
            return self.carry_out(message)

    def carry_out(self, message: str) -> str | bytes | None:
        """Carry out one message within what it may cost; -200 where that is too little."""
        answers: list[str] = []
        try:
            self._units(message, answers)
        except OutOfWork:
            self.fail(-200, "Execution error; the message takes too long")
        return ";".join(answers) if answers else None

    def _units(self, message: str, answers: list[str]) -> None:
        path = ""
        for unit in split_outside(message.strip(), ";"):
            if not unit:
                continue
            self.budget.spend(UNIT)
            header, _, rest = unit.partition(" ")
            try:
                parameters = split_outside(rest, ",") if rest.strip() else []
                self.budget.spend(len(parameters))
                answer, path = self._execute(header, parameters, path)
            except ScpiError as error:
                self.fail(error.code, error.text)
                if -200 < error.code <= -100:
                    break
                continue
            if answer is not None:
                answers.append(answer)
                self.budget.spend(len(answer) >> 5)

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

    def _find(self, name: str) -> tuple[ScpiCommand, dict[str, int]] | None:
        if name not in self._found:
            for command in self._commands:
                match = header_pattern(command.pattern).fullmatch(name)
                if match:
                    suffixes = {key: _suffix(text) for key, text in match.groupdict().items()}
                    if len(self._found) >= SPELLINGS:
                        self._found.clear()
                    self._found[name] = command, suffixes
                    break
        return self._found.get(name)

    def _common(self) -> list[ScpiCommand]:
        def plain(action: Callable[[], None]) -> Handler:
            def run(engine: Any, parameters: Sequence[str], suffixes: dict[str, int]) -> None:
                arguments(parameters, 0)
                action()

            return run

        def said(answer: Callable[[], str | None]) -> Handler:
            return lambda engine, parameters, suffixes: answer()

        def byte(name: str) -> ScpiCommand:
            return setting(f"*{name}", {"ESE": "_event_enable", "SRE": "_service_enable"}[name], _byte, str)

        return [
            ScpiCommand("*IDN", None, said(lambda: self.identity)),
            ScpiCommand("*RST", plain(self.reset)),
            ScpiCommand("*CLS", plain(self.clear_status)),
            ScpiCommand("*OPC", plain(self._complete), said(lambda: self.operation_complete())),
            ScpiCommand("*WAI", plain(lambda: None)),
            ScpiCommand("*ESR", None, said(self._take_event_status)),
            ScpiCommand("*STB", None, said(lambda: str(self._status_byte()))),
            ScpiCommand("*TST", None, said(lambda: "0")),
            byte("ESE"),
            byte("SRE"),
        ]

    def clear_status(self) -> None:
        """``*CLS``: no errors, no events."""
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


def _suffix(text: str | None) -> int:
    """Numeric suffix of a header, 1 where none is given; -114 for one that no model can have."""
    if text is not None and len(text) > 9:
        raise ScpiError(-114)
    return int(text or 1)
