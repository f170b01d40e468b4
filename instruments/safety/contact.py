"""Finds an open or a shorted contact before the first train, by reads alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from instruments.link.errors import ComplianceError, ContactError

if TYPE_CHECKING:
    from instruments.device import SmuDevice


def check_contacts(device: SmuDevice, floor: float) -> None:
    """Read every cell at the read voltage, a single one in both polarities, and look at the currents.

    An instrument's own contact check drives 1 mA, which would form a sample; this one is no more than a read.

    Parameters
    ----------
    device : SmuDevice
        Whose cells.
    floor : float
        Smallest current of a contact, A, > 0.

    Raises
    ------
    ContactError
        If a current is below the floor (open) or at the compliance (short).
    """
    v = device.read_voltage
    for sign in (1, -1) if device.cells == (1, 1) else (1,):
        try:
            current = device.read(sign * v) * v
        except ComplianceError as error:
            raise ContactError(
                f"{error.cell}: {error.current:g} A at {sign * v:g} V is short; a contact has {floor:g} A .. "
                f"{device.limits.i_max:g} A"
            ) from None
        for (r, c), value in np.ndenumerate(current):
            if not value >= floor:
                raise ContactError(
                    f"row {r}, column {c}: {value:g} A at {sign * v:g} V is open; a contact has {floor:g} A .. "
                    f"{device.limits.i_max:g} A"
                )
