"""Errors between the program and an instrument, told apart by what can be done next."""

from __future__ import annotations

from typing import ClassVar

from hil.errors import HilError, LinkError, LinkLost, NoAnswerError

__all__ = [
    "AbortedTrain",
    "ComplianceError",
    "ContactError",
    "InUse",
    "InstrumentError",
    "LinkError",
    "LinkLost",
    "LinkTimeout",
    "ProtocolError",
    "TimingError",
]


class LinkTimeout(LinkError):
    """No whole answer within the deadline; the link is brought back in step before its next exchange."""


class ProtocolError(LinkError):
    """An answer that is not what the manual says: garbage, a word for a number, a setting that reads back otherwise."""


class TimingError(NoAnswerError):
    """A train was longer or shorter than asked for, beyond the tolerance; it has been played, and the output is off.

    What it read is no answer to the waveform and is not given as one; the log of commands has the instrument's words.
    """


class ComplianceError(HilError):
    """A current at the compliance, where a conductance was to be read or a train was to end with it.

    Attributes
    ----------
    current : float
        The current, A; NaN beyond the measure range.
    cell : str
        Where it flows, such as ``row 0, column 0``.
    response : object or None
        `hil.device.Response` of what was played of a train that ended so.
    """

    def __init__(self, message: str, current: float, cell: str, response: object | None = None) -> None:
        """Keep the current, its place and what was played."""
        super().__init__(message)
        self.current, self.cell, self.response = current, cell, response


class AbortedTrain(ComplianceError, NoAnswerError):
    """A waveform that was ended at the compliance, as was asked for; the cells have had what was played until then."""

    played: ClassVar[str] = "in part"


class InUse(HilError):
    """Another session of this program holds the instrument; the message names its process."""


class ContactError(HilError):
    """A sample that is not connected, or shorted, or a sense lead that is off; the message names the current."""


INTERLOCK = (
    "its safety interlock is open: close the lid of the fixture (the interlock line), or stay on ranges that need none "
    "with a lower v_max"
)
"""What to do about an output that is blocked on a range of dangerous voltages."""


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
        hint = f"; {INTERLOCK}" if "interlock" in message.casefold() else ""
        super().__init__(f"the instrument refuses '{command}': error {code}, {message}{hint}")
        self.code, self.message, self.command = code, message, command
