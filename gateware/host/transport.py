"""`Transport`: a line that carries bytes to an emulator and back, such as a serial port or a simulation."""

from __future__ import annotations

from abc import ABC, abstractmethod
from types import TracebackType
from typing import Self


class Transport(ABC):
    """Bytes there and back. They may be lost or damaged on the way; their order stays.

    Attributes
    ----------
    name : str
        What the user calls it, for messages.
    patience : float
        Time in s that an answer may take beyond what a board needs, where the emulator is a slow simulation.
    """

    name: str
    patience: float = 0.0

    @abstractmethod
    def send(self, data: bytes) -> None:
        """Send all of `data`; raises `LinkLost` if the line is gone."""

    @abstractmethod
    def receive(self, timeout: float) -> bytes:
        """Return what has arrived, or, if that is nothing, what arrives first within `timeout` s; b"" for nothing.

        A simulated line that knows that nothing will come returns b"" at once, so that no test waits.
        """

    @abstractmethod
    def close(self) -> None:
        """Let go of the line; safe to call again."""

    def __enter__(self) -> Self:
        """Use the transport in a with statement."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it on every way out."""
        self.close()


class SimulatedTransport(Transport):
    """A line to a simulation, which runs only while something is received.

    Attributes
    ----------
    idle : bool
        Whether nothing more will come until something is sent.
    """

    idle: bool
