"""Exchanges with an instrument: every answer is checked, and the error queue is read after every message."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, Protocol

from instruments.link.answers import shown
from instruments.link.errors import InstrumentError, ProtocolError
from instruments.link.message import Message

MOST_ERRORS = 32
"""Errors that are taken from an instrument's queue before it is given up as broken."""


class Line(Protocol):
    """What a dialogue needs of a link; `instruments.link.link.Link` is one."""

    resource: str
    sync: str
    heartbeat: Callable[[], None] | None

    def write(self, text: str) -> None:
        """Send."""

    def query(self, text: str, patience: float = 0.0) -> str:
        """Send and take the answer."""

    def close(self) -> None:
        """Let go."""


class Language(Protocol):
    """How an instrument is asked for its errors; every driver knows."""

    error_query: ClassVar[str]

    def parse_error(self, reply: str) -> tuple[int, str] | None:
        """Number and text of an answer to `error_query`; None if there was no error."""


class Dialogue:
    """An exchange of messages with one instrument.

    Attributes
    ----------
    line : Line
        What carries them.
    """

    def __init__(self, line: Line, language: Language) -> None:
        """Speak `language` on `line`."""
        self.line, self._language = line, language

    def say(self, *messages: Message) -> list[str]:
        """Send messages and ask for errors after each; the answers of those that have one.

        What is played between a message and an answer that takes its time must not be disturbed, and not every
        instrument listens meanwhile: errors of the two are asked for together.

        Raises
        ------
        ProtocolError
            If a setting reads back otherwise than it was set.
        InstrumentError
            If the instrument reports an error.
        """
        replies, blamed = [], []
        for at, message in enumerate(messages):
            blamed.append(message.text)
            reply = self.exchange(message)
            if message.reply:
                replies.append(reply)
            if at + 1 < len(messages) and messages[at + 1].patience and not message.reply:
                continue
            error = self._error()
            if error is not None:
                self.forget_errors()
                raise InstrumentError(*error, "; ".join(blamed))
            blamed = []
        return replies

    def exchange(self, message: Message) -> str:
        """Send a message and check the answer, where there is one."""
        if not message.reply:
            self.line.write(message.text)
            return ""
        reply = self.line.query(message.text, patience=message.patience).strip()
        answers = reply.split(message.separator) if message.parts else [reply]
        parts = message.parts or (message,)
        if len(answers) != len(parts):
            raise ProtocolError(
                f"{self.line.resource}: '{shown(message.text)}' asks {len(parts)} questions and is answered "
                f"'{shown(reply)}'"
            )
        for part, answer in zip(parts, answers, strict=True):
            hint = part.hint or message.hint
            if part.expect is not None and not _agrees(answer.strip(), part.expect, part.tolerance):
                raise ProtocolError(
                    f"{self.line.resource}: '{part.text}' reads back '{shown(answer.strip())}', '{part.expect}' was "
                    f"expected{hint and ': '}{hint}"
                )
        return reply

    def forget_errors(self) -> None:
        """Empty the queue of what happened before."""
        for _ in range(MOST_ERRORS):
            if self._error() is None:
                return
        raise ProtocolError(f"{self.line.resource}: '{self._language.error_query}' never says that there is no error")

    def _error(self) -> tuple[int, str] | None:
        return self._language.parse_error(self.line.query(self._language.error_query))


def _agrees(reply: str, expected: str | float, tolerance: float) -> bool:
    if isinstance(expected, str):
        return reply.strip("\"' ").casefold() in expected.casefold().split("|")
    try:
        value = float(reply)
    except ValueError:
        return False
    return abs(value - expected) <= tolerance * max(abs(value), abs(expected))
