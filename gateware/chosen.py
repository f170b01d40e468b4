"""The device that an emulator is to be built with, as a command names it: a preset, or a device's address."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

from gateware.geometry import Geometry
from gateware.parameters import LAWS, WIDTHS, FpgaParameters
from hil.backends import address_parameters
from hil.config import validated
from hil.errors import InputError
from hil.presets import Preset

SIZES = ("rows", "cols", "state_bits", "lanes", "tie", "encoder", "annealing", *WIDTHS)
"""Sizes that an address may name."""


def parameters_of(preset: str | None, device: str | None) -> FpgaParameters | None:
    """Parameters of the device that a preset (name or file) or an address names; None if neither is given.

    Raises
    ------
    InputError
        If both are given, or the emulator cannot be built with such a device.
    """
    if preset is not None and device is not None:
        raise InputError("--preset and --device both name a device to build in: give one of them")
    if device is None and preset is None:
        return None
    address = device if device is not None else f"fpga:golden?preset={quote(str(preset))}"
    found, law = address_parameters(address), address.partition("?")[0].partition(":")[2]
    if isinstance(found, FpgaParameters):
        p = found
    elif law in LAWS and address.startswith("sim:"):
        p = _emulated(address, law, found.model_dump(include=found.model_fields_set), found.model_dump())
    else:
        raise InputError(f"--device {address}: its tables cannot be built in; give sim:rram, or fpga: with a preset")
    if p.model == "built-in":
        p.tables()  # says where these tables are
    return p


def with_device(geometry: Geometry, p: FpgaParameters, name: str, fixed: Mapping[str, Any]) -> Geometry:
    """What is built for a device: sizes of its address unless they are `fixed`, and its tables.

    Raises
    ------
    InputError
        If its cells are not those that are built, or its tables do not fit.
    """
    asked = {size: getattr(p, size) for size in SIZES if size in p.model_fields_set and getattr(p, size) is not None}
    sized = replace(geometry, **(asked | {key: value for key, value in fixed.items() if value is not None}))
    if p.cell != sized.cell:
        raise InputError(f"{name} has cells of kind '{p.cell}', the emulator '{sized.cell}': give --cell {p.cell}")
    if p.cell != "step":
        raise InputError(f"{name}: FLCA cells have no tables to build in, their coefficients come with every segment")
    return replace(sized, loaded=p.model_copy(update={"state_bits": sized.state_bits}).power_up(name))


def _emulated(address: str, law: str, given: Mapping[str, Any], everything: Mapping[str, Any]) -> FpgaParameters:
    """The emulator's parameters for those of a simulated device; what emulated cells do not have is refused."""
    known = FpgaParameters.model_fields
    defaults = address_parameters(f"sim:{law}").model_dump()
    lost = sorted(key for key, value in everything.items() if key not in known and value != defaults.get(key))
    if lost:
        raise InputError(
            f"--device {address}: emulated cells are all alike and read without noise, so that {', '.join(lost)} "
            "cannot be built in; leave it out"
        )
    values = {key: value for key, value in given.items() if key in known}
    return validated(
        FpgaParameters, LAWS[law](Preset(Path(address), law, {"parameters": values})), f"--device {address}"
    )
