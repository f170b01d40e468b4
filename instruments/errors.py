"""What goes wrong between the program and an instrument, told apart by what may be done next."""

from __future__ import annotations

from hil.errors import HilError


class LinkError(HilError):
    """Base of everything that happens to a link; the message names the resource and what was being sent."""


class LinkTimeout(LinkError):
    """No whole answer within the deadline; the link is brought back in step before its next exchange."""


class LinkLost(LinkError):
    """The other side is gone, or cannot be brought back in step: open the link again."""


class ProtocolError(LinkError):
    """An answer that is not what the manual says: garbage, a word for a number, a setting that reads back otherwise."""


class ContactError(HilError):
    """A sample that is not connected, or shorted; the message names the cell and its current."""


class InstrumentError(HilError):
    """The instrument itself reported an error.

    Attributes
    ----------
    code : int
        Its number, such as -222.
    message : str
        Its text, such as ``Parameter data out of range``.
    command : str
        The message that caused it.
    """

    def __init__(self, code: int, message: str, command: str) -> None:
        """Put the three into one sentence."""
        super().__init__(f"the instrument refuses '{command}': error {code}, {message}")
        self.code, self.message, self.command = code, message, command
