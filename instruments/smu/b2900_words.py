"""What both drivers of the Keysight B2900A know of its answers, one channel or two."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from instruments.smu.timing import RESOLUTION

MARGIN = 2e-5
"""Time that a measurement must end before its step does, s: one shortest trigger interval."""

EVENTS = ":STAT:OPER?"
"""Events of the operation status since it was asked last; the answer forgets them."""

TRANSIENT_IDLE = {1: 1, 2: 7}
"""Bit of the operation status, by channel: its transient action has become idle."""

LIMITED = 0b110
"""Bits of the status word: compliance (B2910-90030, table 1-2)."""


def stamp_resolution(stamp: NDArray[np.float64]) -> float:
    """How far time stamps may be off, s: seven digits of a clock that runs on since the instrument was switched on."""
    digit = 10.0 ** (np.floor(np.log10(max(abs(stamp[-1]), 1e-9))) - 6)
    return float(max(RESOLUTION, 2 * digit))
