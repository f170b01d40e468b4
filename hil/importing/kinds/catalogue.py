"""Kinds by the columns that make them, and what is asked where no kind fits."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from itertools import pairwise
from typing import NamedTuple

from hil.errors import InputError
from hil.importing.kinds import decay, sweep, tables, train
from hil.importing.measured import CellData, DataKind
from hil.importing.numbers import number, short
from hil.importing.piece import Piece, command
from hil.importing.raw import RawTable


class TableKind(NamedTuple):
    """How a kind is told, made, and asked for."""

    fits: Callable[[Collection[str]], bool]
    convert: Callable[[Piece], list[CellData]]
    example: str


def _is_train(q: Collection[str]) -> bool:
    told = any(name in q for name in ("conductance", "resistance")) or ("current" in q and "time" not in q)
    if "up" in q and "down" in q:
        return True
    volts = "pulse_voltage" in q or "voltage" in q
    if "current" in q and "conductance" not in q and "resistance" not in q:
        return ("pulse_voltage" in q and "width" in q) or ("pulse" in q and "voltage" not in q) or (
            "read_voltage" in q and volts and "width" in q
        )  # fmt: skip
    return told and ((volts and ("width" in q or "pulse" in q)) or "pulse" in q)


def _is_sweep(q: Collection[str]) -> bool:
    volts = "voltage" in q or "pulse_voltage" in q
    return volts and any(name in q for name in ("current", "abs_current", "resistance", "conductance"))


KINDS: Mapping[DataKind, TableKind] = {
    "stdp": TableKind(
        lambda q: "delay" in q and ("change" in q or ("before" in q and "after" in q)),
        tables.timing_window, "--columns delay=1:ms,change=2:%",
    ),
    "ppf": TableKind(
        lambda q: "interval" in q and ("ratio" in q or ("first" in q and "second" in q)),
        tables.paired_pulses, "--columns interval=1:ms,first=2:nA,second=3:nA",
    ),
    "endurance": TableKind(
        lambda q: "high" in q and "low" in q and ("time" not in q or "cycle" in q),
        tables.endurance, "--columns cycle=1,high=2:kohm,low=3:kohm",
    ),
    "train": TableKind(_is_train, train.convert, "--columns pulse=1,conductance=2:uS --pulse +1.2V/-1.4V,100us"),
    "sweep": TableKind(_is_sweep, sweep.convert, "--columns voltage=1,current=2:uA --dwell 10e-3"),
    "decay": TableKind(
        lambda q: "time" in q and any(name in q for name in ("conductance", "resistance", "current", "high", "low")),
        decay.convert, "--columns time=1:s,resistance=2:kohm",
    ),
}  # fmt: skip
"""Kinds in the order in which they are looked for."""

_MARKS: Mapping[DataKind, tuple[str, ...]] = {
    "sweep": ("voltage", "current", "time"),
    "train": ("pulse", "pulse_voltage", "width", "conductance", "up", "down"),
    "decay": ("time", "conductance", "resistance"),
    "ppf": ("interval", "first", "second", "ratio"),
    "stdp": ("delay", "change"),
    "endurance": ("cycle", "high", "low"),
}


_LACKS: Mapping[DataKind, str] = {
    "sweep": "a sweep has voltage_V, current_A and time_s",
    "train": "a train has pulse, voltage_V, width_s and conductance_S",
    "decay": "a decay has time_s and conductance_S or resistance_ohm",
    "ppf": "paired pulses have interval_s and A1, A2 or their ratio",
    "stdp": "a timing window has delay_s and change",
    "endurance": "an endurance has cycle, R_LRS and R_HRS",
}


def judge(path: str, quantities: Collection[str], table: RawTable, wanted: str | None, steady: bool) -> DataKind:
    """Tell the kind of a table from its quantities.

    `wanted` is what the user or the format says it is; `steady` whether its voltage never changes.

    Raises
    ------
    InputError
        If there is none: with the columns that were found and an example for the kind that is nearest.
    """
    if wanted:
        for name, kind in KINDS.items():
            if name == wanted and kind.fits(quantities):
                return name
    for name, kind in KINDS.items():
        if kind.fits(quantities) and not wanted:
            if name == "sweep" and steady and KINDS["decay"].fits(quantities):
                continue
            return name
    near = max(_MARKS, key=lambda kind: sum(q in quantities for q in _MARKS[kind]) / len(_MARKS[kind]))
    if wanted in KINDS:
        near = next(kind for kind in KINDS if kind == wanted)
    elif not known_names(table) and _counts(table):
        near = "train"
    known = ", ".join(sorted(quantities)).replace("_", " ")
    say = f"known are {known}; {_LACKS[near]}" if known else "none is known by its name"
    example = KINDS[near].example
    raise InputError(
        f"{path}: what was measured cannot be told from its columns ({_shown(table)}); {say}; say what they are, such "
        f"as: {command(path, example)}"
    )


def known_names(table: RawTable) -> bool:
    """Whether the columns have names at all."""
    return any(table.names)


def _counts(table: RawTable) -> bool:
    """Whether the first column numbers the lines."""
    first = [number(row[0], table.decimal) for row in table.rows]
    return len(first) > 2 and all(b is not None and a is not None and b - a == 1 for a, b in pairwise(first))


def _shown(table: RawTable) -> str:
    parts = []
    for k, name in enumerate(table.names[:8]):
        values = [v for row in table.rows if (v := number(row[k], table.decimal)) is not None and v == v]
        span = f"{min(values):.4g} .. {max(values):.4g}" if values else f"'{short(table.rows[0][k])}' ..."
        parts.append(f"{k + 1} {short(name)}: {span}" if name else f"{k + 1}: {span}")
    return ", ".join(parts) + (f" and {len(table.names) - 8} more" if len(table.names) > 8 else "")
