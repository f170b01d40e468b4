"""Faults of the link to a virtual instrument, injected by tests: late, cut or garbled answers, lost connections."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from enum import Enum

from hil.errors import InputError

GARBAGE = b"\xff\xfe\x00\x80#!\x9d\xc3"
"""Bytes that are neither ASCII nor UTF-8."""


class Fault(Enum):
    """A kind of fault. All but the last concern answers: messages that have none pass."""

    DROP = "the answer is not sent"
    DELAY = "the answer is sent late"
    HALF = "half of the answer is sent, the rest late or never"
    GARBAGE = "something else is sent instead of the answer"
    DISCONNECT = "the message is carried out, then the connection is closed"


@dataclass(frozen=True)
class Injection:
    """One fault that is to happen.

    Attributes
    ----------
    fault : Fault
        Its kind.
    seconds : float or None
        By how much the answer, or its second half, is late, s; None for never.
    data : bytes
        What is sent instead of the answer.
    """

    fault: Fault
    seconds: float | None = None
    data: bytes = GARBAGE


@dataclass
class _Rule:
    injection: Injection
    matching: str
    every: int
    left: float
    seen: int = 0


class Faults:
    """Faults that are to happen to the messages of a server; may be set from any thread, at any time.

    Attributes
    ----------
    happened : list of (Fault, str)
        Every fault so far with the message that it happened to.
    """

    def __init__(self) -> None:
        self._rules: list[_Rule] = []
        self._lock = threading.Lock()
        self.happened: list[tuple[Fault, str]] = []

    def next(
        self,
        fault: Fault,
        *,
        matching: str = "",
        times: int = 1,
        seconds: float | None = None,
        data: bytes = GARBAGE,
    ) -> None:
        """Let `fault` happen to the next `times` messages in which `matching` occurs.

        Parameters
        ----------
        fault : Fault
            What happens.
        matching : str
            Part of the messages that are meant; by default all.
        times : int
            How often it happens.
        seconds : float, optional
            Of `DELAY`: how late the answer is, s. Of `HALF`: how late the rest is; by default it never comes.
        data : bytes
            Of `GARBAGE`: what is sent instead.

        Raises
        ------
        InputError
            If `seconds` is missing for a delay or negative, or `times` is below 1.
        """
        self._add(fault, matching, 1, times, seconds, data)

    def every(
        self, n: int, fault: Fault, *, matching: str = "", seconds: float | None = None, data: bytes = GARBAGE
    ) -> None:
        """Let `fault` happen to every `n`-th message in which `matching` occurs, until `clear`."""
        self._add(fault, matching, n, float("inf"), seconds, data)

    def clear(self) -> None:
        """Let nothing more happen."""
        with self._lock:
            self._rules.clear()

    def for_answer(self, message: str) -> Injection | None:
        """Take the fault that is due for the answer to `message`."""
        return self._due(message, disconnect=False)

    def disconnects(self, message: str) -> bool:
        """Whether the connection is to be closed after `message`."""
        return self._due(message, disconnect=True) is not None

    def _add(self, fault: Fault, matching: str, every: int, times: float, seconds: float | None, data: bytes) -> None:
        if seconds is None and fault is Fault.DELAY:
            raise InputError("seconds of a DELAY: say by how much the answer is late")
        if seconds is not None and not 0 <= seconds < float("inf"):
            raise InputError(f"seconds {seconds} of a fault: give a finite time of at least 0 s")
        if every < 1 or times < 1:
            raise InputError(f"a fault happens to every {every}-th message, {times} times: give at least 1")
        with self._lock:
            self._rules.append(_Rule(Injection(fault, seconds, data), matching, every, times))

    def _due(self, message: str, *, disconnect: bool) -> Injection | None:
        with self._lock:
            for rule in self._rules:
                if (rule.injection.fault is Fault.DISCONNECT) != disconnect or rule.matching not in message:
                    continue
                rule.seen += 1
                if rule.seen % rule.every:
                    continue
                rule.left -= 1
                if rule.left < 1:
                    self._rules.remove(rule)
                self.happened.append((rule.injection.fault, message))
                return rule.injection
        return None
