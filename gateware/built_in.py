"""Tables that an emulator was built with, as its host finds them: read, checked, used where no others are given."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from gateware.geometry import TABLE_SIZE
from gateware.model import StepTables
from gateware.parameters import TABLE_FIELDS, FpgaParameters
from gateware.power_up import RECORD_BYTES, PresetRecord, digest
from gateware.protocol import Space
from hil.errors import InputError

if TYPE_CHECKING:
    from gateware.host.client import Client

BUILT_IN = 2
"""Bit of register `options`."""


def read_record(client: Client, found: Mapping[str, int]) -> PresetRecord | None:
    """What an emulator says about the device that it was built with; None if it was built without tables.

    Parameters
    ----------
    client : Client
        Reads it.
    found : mapping
        All its registers.
    """
    if not found["options"] >> BUILT_IN & 1:
        return None
    return PresetRecord.parse(client.read_memory(Space.PRESET, 0, RECORD_BYTES).tobytes())


def settled(name: str, used: FpgaParameters, asked: FpgaParameters, record: PresetRecord | None) -> FpgaParameters:
    """Parameters with what the emulator's own device says, unless the address gives a device.

    Parameters
    ----------
    name : str
        What the user called the emulator, for messages.
    used : FpgaParameters
        Parameters as far as sizes have settled them.
    asked : FpgaParameters
        Those of the address.
    record : PresetRecord or None
        The emulator's own device.

    Raises
    ------
    InputError
        If the tables of an emulator are asked for that was built without.
    """
    if record is None:
        if asked.model == "built-in":
            raise InputError(
                f"{name} was built without tables (model = built-in): name a preset, or build it with: "
                f"{used.build_command()} --preset FILE"
            )
        return used
    if TABLE_FIELDS & asked.model_fields_set and asked.model != "built-in":
        return used
    facts = dict(record.facts)
    rounding = "stochastic" if facts.pop("stochastic") else "nearest"
    own = {"model": "built-in", "rounding": rounding, **facts}
    return used.model_copy(update={key: value for key, value in own.items() if key not in asked.model_fields_set})


def tables_of(name: str, client: Client, record: PresetRecord) -> StepTables:
    """Step tables that an emulator holds, which must be those that it was built with.

    Raises
    ------
    InputError
        If they are others.
    """
    spaces = (Space.POTENTIATION, Space.DEPRESSION)
    up, down = (client.read_memory(space, 0, TABLE_SIZE).astype(np.int64) for space in spaces)
    if digest(tuple(up.tolist()), tuple(down.tolist()), record.facts) != record.digest:
        raise InputError(
            f"{name}: its tables are not those of {record}, with which it was built: others were loaded since it was "
            "switched on, or its memory is disturbed; load the bitstream again, or give a preset"
        )
    return StepTables(up, down, record.facts["g_min"], record.facts["g_max"])
