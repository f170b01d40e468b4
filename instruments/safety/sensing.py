"""Finds a sense lead that is off before the first train, at voltages that do not harm the sample."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from hil.errors import InputError
from hil.limits import LimitError
from instruments.link.errors import ContactError
from instruments.plan import Plan

if TYPE_CHECKING:
    from instruments.device import SmuDevice

MARGIN = 1.5
"""Current limit of the read with four wires, in currents of the read with two: the sample sees no more voltage than
that many times the read voltage, as long as it is ohmic."""


def check_sense_leads(device: SmuDevice) -> None:
    """Read with two wires, then with four at a current limit just above what that gave.

    With a sense lead off, the source raises its voltage until something stops it. Here that is the current limit, at
    `MARGIN` times the current of a read, so the sample sees little more than the read voltage; and the limit tells.

    Raises
    ------
    ContactError
        If the read with four wires reaches the limit.
    InputError
        If the current of a read is too small for the model to limit it there, or with more than one cell.
    """
    smu, v = device.smu, device.read_voltage
    if device.cells != (1, 1):
        raise InputError(f"{device.name}: sense_check reads one cell, here are {device.rows} x {device.cols}")
    whole = smu.settings
    plan = Plan([v], [device.read_width], [True])
    try:
        smu.set_up(replace(whole, four_wire=False))
        plain = smu.play(smu.compile([plan])[0])
        current = abs(float(plain.current[0]))
        limit = MARGIN * current
        if plain.tripped[0] or not limit <= whole.compliance:
            raise ContactError(f"{device.name}: {current:g} A at {v:g} V with two wires is at the compliance, i_max")
        smu.set_up(replace(whole, compliance=limit))
        sensed = smu.play(smu.compile([plan])[0])
    except LimitError as error:
        raise InputError(
            f"{device.name}: sense_check: a read at {v:g} V gives too small a current to limit it there, {error}; "
            "raise v_read"
        ) from None
    if sensed.tripped[0] or not np.isfinite(sensed.current[0]):
        raise ContactError(
            f"{device.name}: with four wires {v:g} V drives more than {limit:g} A, with two {current:g} A: a sense "
            "lead is off, or its contact is much worse than that of the other pair"
        )
    smu.set_up(whole)
