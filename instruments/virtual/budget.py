"""What one message may cost a virtual instrument, so that no client can hold up the others or the end of the server.

A real instrument would go on for as long as it takes; a virtual one says in its error queue that it has given up.
"""

from __future__ import annotations

import math
from types import TracebackType
from typing import Self

MOST_WORK = 6_000_000
"""Units of work for a message: some seconds. One is a token of Lua that is carried out, about half a microsecond."""

SOLUTION = 100
"""Units of one solution of the circuit around the device under test. A step of a list takes two where no voltage
depends on the cells, so a message has 30 000 of them: a list of 2500 pulses in all its parts."""

MEMORY = 32 << 20
"""Bytes that a program may keep in its variables, and that a message may use on its way: ours."""


class OutOfWork(Exception):
    """A message has used up what it may cost, or the server is about to end."""


class OutOfMemory(Exception):
    """A program keeps more than `MEMORY`."""


class MessageBudget:
    """Work and memory that are left to the message being carried out; outside of one, nothing is counted.

    Used as a context manager around a message.

    Attributes
    ----------
    kept : int
        Bytes that were in use before the message began.
    halted : bool
        Whether nothing more is to be carried out: the server ends.
    """

    def __init__(self) -> None:
        """Count nothing yet."""
        self.kept, self.halted = 0, False
        self._left, self._room = math.inf, math.inf

    def __enter__(self) -> Self:
        """Begin a message."""
        self._left, self._room = MOST_WORK, MEMORY - self.kept
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End it."""
        self._left, self._room = math.inf, math.inf

    def spend(self, units: int) -> None:
        """Count work; raises `OutOfWork` where none is left."""
        self._left -= units
        if self._left < 0 or self.halted:
            raise OutOfWork

    def allocate(self, size: int) -> None:
        """Count memory, bytes; raises `OutOfMemory` where none is left. It takes its time as well."""
        self._room -= size
        if self._room < 0:
            raise OutOfMemory
        self.spend(size >> 8)

    @property
    def used(self) -> float:
        """Bytes that the message has used so far."""
        return MEMORY - self.kept - self._room
