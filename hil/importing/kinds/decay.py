"""Retention: conductance, resistance or current of a cell that is left alone, against time."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from hil.importing.kinds.groups import breaks, cells
from hil.importing.kinds.train import conductances
from hil.importing.measured import CellData, cell_data
from hil.importing.piece import Piece


def convert(piece: Piece) -> list[CellData]:
    """Cells of a table of times and conductances."""
    states = [q for q in ("high", "low") if q in piece]
    if states:
        return [cell for q in states for cell in convert(_one_state(piece, q))]
    told = next(q for q in ("conductance", "resistance", "current") if q in piece)
    if told == "current" and "read_voltage" not in piece and "voltage" in piece:
        piece.columns = {**piece.columns, "read_voltage": piece.columns["voltage"]}
    piece = piece.without_blank_rows(("time", told))
    piece.tell_dropped(("time", told))
    if piece.blank_note:
        piece.dropped.append(piece.blank_note)
    time = piece.values("time")
    g, spread = conductances(piece, told)
    found = []
    for name, rows in cells(piece):
        rows = rows[np.isfinite(time[rows])]
        stretch = np.cumsum(breaks(piece, rows) | _anew(time[rows])).astype(np.int64)
        if len(rows) and stretch[-1]:
            piece.said.append(f"{stretch[-1] + 1} decays one after the other, each by itself")
        columns = {"time": time[rows], "conductance": g[rows], "spread": spread[rows]}
        source = f"{piece.path} ({name})" if name else piece.path
        found.append(
            cell_data("decay", columns, len(rows), cell=name, source=source, stretch=stretch, cycle=stretch,
                      lines=piece.lines[rows], reads=len(piece.all(told)))
        )  # fmt: skip
    return found


def _one_state(piece: Piece, state: str) -> Piece:
    """One of two states of a cell that were both left alone, as a decay by itself."""
    column = piece.one(state)
    quantity = {"ohm": "resistance", "S": "conductance", "A": "current"}[column.si]
    others = {q: found for q, found in piece.columns.items() if q not in ("high", "low")}
    named = replace(column.named, meaning=column.named.meaning._replace(quantity=quantity))
    piece.used.add(state)
    return replace(piece, columns={**others, quantity: [named]}, label=f"{piece.label} {column.named.shown}".strip())


def _anew(time: NDArray[np.float64]) -> NDArray[np.bool_]:
    """(N,) where time goes back to about where it began."""
    found = np.zeros(len(time), bool)
    begun = 0
    for k in range(1, len(time)):
        if time[k] < time[k - 1] and time[k] - time[begun] <= 0.02 * (time[k - 1] - time[begun]):
            found[k], begun = True, k
    return found
