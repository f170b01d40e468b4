"""Table CODE: what the encoder on chip does with every grey value."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gateware.image_code import greys
from gateware.logarithm import LEAST, waiting_code
from hil.device import Unsupported
from hil.spiking.encoding import SpikeCode

NO_SPIKE = 65535
"""Entry of table CODE under `Flag.LATENCY`."""

EDGE = 1e-6
"""Part of a tick that a time may lie below its edge and still count as on it: room for rounding in float64."""


def code_table(name: str, tick: float, code: SpikeCode, full_scale: int, bits: int) -> NDArray[np.int64]:
    """(256,) table CODE: by grey value of `bits` bits, the tick of a spike or how long it is waited for.

    Parameters
    ----------
    name : str
        Of the emulator, for messages.
    tick : float
        s.
    code, full_scale
        What images become, and the grey value of a fully lit pixel in them.
    bits : int
        Of the grey values that are sent (`gateware.image_code.levels`).

    Raises
    ------
    Unsupported
        If a pixel spikes too rarely.
    """
    grey = greys(full_scale, bits)
    loud = grey >= code.silent
    if code.kind == "latency":
        due = np.floor((1.0 - grey) * code.duration / tick + EDGE)
        return np.where(loud & (grey > 0) & (grey <= 1), due, NO_SPIKE).astype(np.int64)
    rate = code.f_min + (code.f_max - code.f_min) * grey
    with np.errstate(divide="ignore"):
        interval = code.shortest + np.exp(-rate * code.shortest) / rate
    probability = np.where(loud, np.minimum(tick / interval, 1.0), 0.0)
    low = probability[(probability > 0) & (probability < LEAST)]
    if low.size:
        raise Unsupported(
            f"{name}: pixels of {low[0] / tick:.2g} Hz are too rare for the encoder, which has 0 or "
            f"{LEAST / tick:.2g} Hz and more: choose another code.f_min, or encoder=off"
        )
    return np.array([waiting_code(p) for p in probability])
