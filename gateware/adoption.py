"""Parameters of an ``fpga:`` address against the emulator that answers: what is left open is read from it."""

from __future__ import annotations

from collections.abc import Mapping

from gateware.geometry import CellKind, Geometry, Tie
from gateware.parameters import WIDTHS, FpgaParameters
from gateware.protocol import IDENTITY, VERSION
from hil.errors import InputError

CELLS: tuple[CellKind, ...] = ("step", "flca")
"""Kinds of cell, by the value of register `cell`."""

TIES: tuple[Tie, ...] = ("rank", "membrane", "margin")
"""Rules for ties between neurons; bits 1 and 3 of register `options` stand for the latter two."""

NO_HISTORY = 1024
"""Depth of a history that is not there: what a geometry has without being told."""

_STEP_ONLY = ("tie", "encoder", "annealing")


_EXTRAS = ("encoder", "annealing")
_BUILT = ("rows", "cols", "cell", "state_bits", "tie", *WIDTHS, *_EXTRAS)


def adopt(name: str, asked: FpgaParameters, found: Mapping[str, int]) -> tuple[FpgaParameters, Geometry]:
    """Hold an emulator's registers against the parameters that were given.

    Parameters
    ----------
    name : str
        What the user called the emulator, for messages.
    asked : FpgaParameters
        Of the address. Sizes that it does not name are the emulator's; an encoder on chip that it does not name is
        used, and annealing that is there need not be.
    found : mapping
        All registers of what answers.

    Returns
    -------
    FpgaParameters, Geometry
        The parameters with nothing left open, and what was built.

    Raises
    ------
    InputError
        If it is no emulator of this version, or another one than was asked for.
    """
    recognise(name, asked, found)
    geometry = _built(found)
    built = {field: getattr(geometry, field) for field in _BUILT}
    given = {
        field: getattr(asked, field)
        for field in asked.model_fields_set & built.keys()
        if getattr(asked, field) is not None and (geometry.cell == "step" or field not in _STEP_ONLY)
    }
    missing = [field for field in built if field in given and _lacks(field, given[field], built[field])]
    used = asked.model_copy(update={"lanes": geometry.lanes} | built | given)
    if missing:
        wrong = "; ".join(
            f"{field} = on was asked for, it has none"
            if field in _EXTRAS
            else f"{field} = {given[field]} was asked for, it has {built[field]}"
            for field in missing
        )
        raise InputError(f"{name} is another emulator: {wrong}; build it with: {used.build_command()}")
    return used, geometry


def recognise(name: str, asked: FpgaParameters, found: Mapping[str, int]) -> None:
    """Refuse what is no emulator, or one of another version, by the two registers that all versions have."""
    if found["identity"] != IDENTITY:
        raise InputError(f"{name}: what answers is no memhil emulator (identity {found['identity']:#010x})")
    if found["version"] != VERSION:
        again = f"build it again with: {asked.build_command()}"
        raise InputError(f"{name}: the emulator speaks version {found['version']}, memhil {VERSION}; {again}")


def _lacks(field: str, given: object, built: object) -> bool:
    """Whether what was built differs from what was asked for; an extra that is there need not be used."""
    return bool(given) and not built if field in _EXTRAS else given != built


def _built(found: Mapping[str, int]) -> Geometry:
    options = found["options"]
    return Geometry(
        found["rows"], found["cols"], found["lanes"], found["state_bits"], CELLS[found["cell"]], found["v_bits"],
        found["t_bits"], bool(options & 1), found["log_depth"], TIES[(options >> 1 & 1) + 2 * (options >> 3 & 1)],
        bool(options >> 4 & 1), clock=found["clock"], history_depth=found["history_depth"] or NO_HISTORY,
    )  # fmt: skip
