"""Small tables: paired pulses against interval, a timing window against delay, endurance against the cycle."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hil.importing.columns import Numbers
from hil.importing.kinds.groups import cells
from hil.importing.measured import CellData, DataKind, cell_data
from hil.importing.piece import Piece

MOSTLY = 3.0
"""Change or ratio above which a column without a unit may be in percent."""


def paired_pulses(piece: Piece) -> list[CellData]:
    """Interval, responses to the first and the second pulse, or their ratio."""
    told = [q for q in ("first", "second", "ratio") if q in piece]
    piece = _started(piece, "interval", told)
    columns = {q: piece.values(q) for q in ("interval", *told)}
    if "ratio" in piece and "first" not in piece:
        _percent(piece, piece.one("ratio"), 20.0)
    if "first" in piece:
        first, second = columns["first"], columns["second"]
        with np.errstate(divide="ignore", invalid="ignore"):
            columns["ratio"] = np.where(first == 0, np.nan, second / first)
        piece.said.append(f"ratios are {piece.one('second').named.shown} / {piece.one('first').named.shown}")
    return _made(piece, "ppf", columns)


def timing_window(piece: Piece) -> list[CellData]:
    """Delay and relative change, or the conductance before and after."""
    told = [q for q in ("before", "after", "change") if q in piece]
    piece = _started(piece, "delay", told)
    columns = {q: piece.values(q) for q in ("delay", *told)}
    for q in ("before", "after"):
        if q in piece and piece.one(q).si == "ohm":
            columns[q] = 1.0 / columns[q]
    if "change" in piece:
        _percent(piece, piece.one("change"), MOSTLY)
    else:
        with np.errstate(divide="ignore", invalid="ignore"):
            columns["change"] = columns["after"] / columns["before"] - 1.0
        piece.said.append("changes are after / before - 1")
    piece.said.append("a delay is post minus pre: positive where the pre pulse comes first")
    return _made(piece, "stdp", columns)


def endurance(piece: Piece) -> list[CellData]:
    """Cycle, high and low state."""
    key = "cycle" if "cycle" in piece else "pulse" if "pulse" in piece else None
    piece = _started(piece, key, ["high", "low"])
    count = len(piece.table.rows)
    columns = {"cycle": piece.values(key) if key else np.arange(1.0, count + 1)}
    if key is None:
        piece.said.append("no column of cycles: a line is a cycle")
    for q in ("high", "low"):
        column = piece.one(q)
        if column.si == "A":
            volts = piece.request.read_voltage
            if volts is None:
                raise piece.ask(
                    "states are currents: give the voltage at which they were read with --read-voltage",
                    "--read-voltage 0.1",
                )
            columns[q] = np.abs(column.values / volts)
        else:
            with np.errstate(divide="ignore"):
                columns[q] = 1.0 / column.values if column.si == "ohm" else column.values
    swapped = float(np.nanmedian(columns["high"])) < float(np.nanmedian(columns["low"]))
    if swapped:
        piece.warned.append(
            f"{piece.one('high').named.shown} conducts less than {piece.one('low').named.shown}: are the two mixed up?"
        )
    return _made(piece, "endurance", columns)


def _started(piece: Piece, key: str | None, told: list[str]) -> Piece:
    piece = piece.without_blank_rows([*([key] if key else []), *told])
    piece.tell_dropped(told)
    if piece.blank_note:
        piece.dropped.append(piece.blank_note)
    if key:
        piece.require((key,), "a line without it tells nothing: leave it out")
    return piece


def _percent(piece: Piece, column: Numbers, most: float) -> None:
    """Ask where numbers without a unit may be percent."""
    top = float(np.nanmax(np.abs(column.values), initial=0.0))
    if column.named.unit is None and top > most:
        quantity, place = column.named.meaning.quantity, column.named.place + 1
        raise piece.ask(
            f"{column.named.shown} reaches {top:g} and has no unit: are these percent?",
            f"--columns {quantity}={place}:%",
        )


def _made(piece: Piece, kind: DataKind, columns: dict[str, NDArray[np.float64]]) -> list[CellData]:
    found = []
    for name, rows in cells(piece):
        own = {q: values[rows] for q, values in columns.items()}
        source = f"{piece.path} ({name})" if name else piece.path
        found.append(cell_data(kind, own, len(rows), cell=name, source=source, lines=piece.lines[rows]))
    return found
