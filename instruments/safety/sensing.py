"""Finds a sense lead that is off before the first train, at voltages that do not harm the sample."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from hil.errors import InputError
from hil.limits import LimitError
from instruments.link.errors import ContactError

if TYPE_CHECKING:
    from instruments.device import SmuDevice
    from instruments.smu.driver import ChannelSettings

MARGIN = 1.5
"""Current limit of the read with four wires, in currents of the read with two: the sample sees no more voltage than
that many times the read voltage, as long as it is ohmic."""


def check_sense_leads(device: SmuDevice) -> None:
    """Read with two wires, then with four at a current limit just above what that gave; one channel after the other.

    With a sense lead off, the source raises its voltage until something stops it. Here that is the current limit, at
    `MARGIN` times the current of a read, so the sample sees little more than the read voltage; and the limit tells.
    Of two channels each drives the read voltage in turn, in the same polarity of the cell, while the other holds 0 V
    with two wires; both have the limit.

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
    try:
        smu.set_up(_sensing(whole, None, whole.compliance))
        plain, tripped = _read(device, 0)
        limit = MARGIN * plain
        if tripped or not limit <= whole.compliance:
            raise ContactError(f"{device.name}: {plain:g} A at {v:g} V with two wires is at the compliance, i_max")
        for k, each in enumerate(whole.each):
            smu.set_up(_sensing(whole, k, limit))
            sensed, tripped = _read(device, k)
            if tripped or not np.isfinite(sensed):
                of = f" of channel {each.channel}" if whole.second is not None else ""
                raise ContactError(
                    f"{device.name}: with four wires {v:g} V drives more than {limit:g} A, with two {plain:g} A: a "
                    f"sense lead{of} is off, or its contact is much worse than that of the other pair"
                )
    except LimitError as error:
        raise InputError(
            f"{device.name}: sense_check: a read at {v:g} V gives too small a current to limit it there, {error}; "
            "raise v_read"
        ) from None
    finally:
        # After an error nothing is sent: the next waveform begins with these settings, and this check, anew.
        smu.settings = whole
    smu.set_up(whole)


def _sensing(whole: ChannelSettings, sensed: int | None, limit: float) -> ChannelSettings:
    """Settings with four wires on one of the channels alone, or on none, and a current limit on all."""
    second = whole.second and replace(whole.second, four_wire=sensed == 1, compliance=limit)
    return replace(whole, four_wire=sensed == 0, compliance=limit, second=second)


def _read(device: SmuDevice, channel: int) -> tuple[float, bool]:
    """Largest current of a read that one of the channels drives, A, and whether a limit was reached."""
    (script,) = device.smu.compile([device.read_plan(channel)])
    readings = device.smu.play(script)
    return float(np.abs(readings.current).max()), bool(readings.tripped.any())
