"""Lua that is sent to a Keithley 2600B, for one channel or both: numbers of the manual, timers, lists.

Manual: 2600BS-901-01 Rev C.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from instruments.link.message import Message, query
from instruments.link.scpi import chunks, number, numbers
from instruments.smu.capability import READOUT

LEAST_DELAY = 1e-5
"""Shortest delay that a trigger timer is given, s."""

OVERHEAD = 1e-4
"""Time that a measurement takes beyond its aperture, s: taken generously, the manual gives none."""

SHOWN = 1e-5
"""Relative rounding of a printed number: six digits (2600BS-901-01, format.asciiprecision)."""

TIMER = 2e-3
"""How far the length of a train may be off for the time that Lua itself takes, s."""

LIMITED = 0x40
"""Bit of a buffer's status: the source was at its limit (7-34)."""

COLUMNS = ("readings", "sourcevalues", "timestamps", "statuses")
"""Columns that are asked of the reading buffer (7-25 .. 7-36)."""

DONE = "played"
"""What the instrument prints when the train is over and the outputs off."""


def levels(smu: str, values: NDArray[np.float64]) -> list[str]:
    """Lua that hands a list to the trigger model: at once, or gathered from pieces of 100 values."""
    pieces = list(chunks(values))
    if len(pieces) == 1:
        return [f"{smu}.trigger.source.listv({{{numbers(values)}}})"]
    return [
        "levels = {}",
        *(f"for _, v in ipairs({{{numbers(piece)}}}) do table.insert(levels, v) end" for piece in pieces),
        f"{smu}.trigger.source.listv(levels)",
    ]


def timer(n: int, delay: float, count: int, passthrough: bool, stimulus: str) -> list[str]:
    """Set a trigger timer up."""
    name = f"trigger.timer[{n}]"
    return [
        f"{name}.reset()",
        f"{name}.delay = {number(delay)}",
        f"{name}.count = {count}",
        f"{name}.passthrough = {'true' if passthrough else 'false'}",
        f"{name}.stimulus = {stimulus}",
    ]


def readout(smu: str, count: int) -> Message:
    """Ask for all readings of a channel."""
    columns = ",".join(f"{smu}.nvbuffer1.{column}" for column in COLUMNS)
    return query(f"printbuffer(1,{count},{columns})", patience=READOUT * count)
