"""What goes wrong between host and emulator, each one sentence for the user."""

from __future__ import annotations

from hil.errors import HilError, InputError


class LinkError(HilError):
    """The link does not do what it is for."""


class LinkLost(LinkError):
    """Nothing on the other end answers any more; whether the last commands were carried out is not known."""


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
