"""What the server of the virtual bench needs of an instrument."""

from __future__ import annotations

from abc import ABC, abstractmethod

from instruments.virtual.budget import MessageBudget


class VirtualInstrument(ABC):
    """Takes messages and gives answers, one message at a time; knows nothing of how they travel.

    Attributes
    ----------
    identity : str
        Answer to ``*IDN?``.
    budget : MessageBudget or None
        What a message may cost; None of an instrument whose messages are all short.
    terminator : bytes
        What ends a message on a raw socket, both ways.
    """

    identity: str
    budget: MessageBudget | None = None
    terminator: bytes = b"\n"

    @property
    @abstractmethod
    def output(self) -> bool:
        """Whether any output is on (for a matrix: any relay closed)."""

    @abstractmethod
    def handle(self, message: str) -> str | bytes | None:
        """Carry out one message without its terminator; the answer, or None. What is wrong goes to the error queue."""

    def clear(self) -> None:  # noqa: B027 - most instruments hold no input of their own
        """Device clear: forget a message that is being received, stop what plays. The output stays as it is."""

    def hang_up(self) -> None:  # noqa: B027 - most instruments hold no input of their own
        """A client has left: forget what it did not finish. The output stays as it is."""
