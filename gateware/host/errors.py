"""Errors between host and emulator, each one sentence for the user."""

from __future__ import annotations

from hil.errors import InputError, LinkError, LinkLost

__all__ = ["CommandRefused", "LinkError", "LinkLost", "PortError", "SessionLost"]


class SessionLost(LinkError):
    """The emulator answers, but it was restarted: its state is not what was sent."""


class PortError(LinkError, InputError):
    """A serial port that cannot be opened."""


class CommandRefused(LinkError):
    """The emulator refused a command.

    Attributes
    ----------
    command : str
        Name of the command.
    status : str
        Why.
    arguments : bytes
        What the command was sent with.
    """

    def __init__(self, command: str, status: str, arguments: bytes) -> None:
        self.command, self.status, self.arguments = command, status, arguments
        shown = arguments[:16].hex(" ") + (f" ... ({len(arguments)} bytes)" if len(arguments) > 16 else "")
        super().__init__(f"the emulator refused {command} with status {status}; arguments: {shown or 'none'}")
