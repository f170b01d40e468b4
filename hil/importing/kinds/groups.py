"""Which rows belong to one cell, where a train begins anew, which repetition a row is of."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hil.errors import InputError
from hil.importing.piece import Piece

MOST_CELLS = 4096
"""Cells of a file at most; more is another column than that of the cell."""


def cells(piece: Piece) -> list[tuple[str, NDArray[np.int64]]]:
    """Name of every cell, and the rows that are its own, in the order of the file."""
    count = len(piece.table.rows)
    if "cell" not in piece:
        return [(piece.label, np.arange(count))]
    found: dict[str, list[int]] = {}
    for k, name in enumerate(piece.words("cell")):
        if not name:
            column = piece.columns["cell"][0].shown
            raise InputError(f"{piece.path}, line {piece.table.lines[k]}: {column} is empty: which cell is this?")
        found.setdefault(name, []).append(k)
    if len(found) > MOST_CELLS:
        raise InputError(f"{piece.path}: {len(found):,} different cells in one file, {MOST_CELLS:,} at most")
    names = " - ".join(column.shown for column in piece.columns["cell"])
    if len(found) > 1:
        shown = list(found) if len(found) <= 4 else [*list(found)[:3], "...", list(found)[-1]]
        piece.said.append(f"{len(found)} cells by {names}: {', '.join(shown)}; each by itself")
    prefix = f"{piece.label} " if piece.label else ""
    return [(prefix + name, np.array(rows)) for name, rows in found.items()]


def numbered(words: list[str]) -> NDArray[np.int64]:
    """Number of the change: rows with the same word as the one before are of the same number."""
    fresh = [False, *(a != b for a, b in zip(words[1:], words[:-1], strict=True))] if words else []
    return np.cumsum(np.array(fresh, bool)).astype(np.int64)


def breaks(piece: Piece, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
    """(N,) rows before which the file is parted, or its ``train`` column changes."""
    parted = np.zeros(len(piece.table.rows), bool)
    parted[[k for k in piece.table.breaks if k < len(parted)]] = True
    found = np.zeros(len(rows), bool)
    for k in range(1, len(rows)):
        found[k] = parted[rows[k - 1] + 1 : rows[k] + 1].any()
    if "train" in piece:
        found |= np.diff(numbered([piece.words("train")[k] for k in rows]), prepend=0) > 0
    return found


def cycle_column(piece: Piece, rows: NDArray[np.int64]) -> NDArray[np.int64] | None:
    """(N,) repetition that the file gives, from 0 in the order of the file; None where it gives one or none."""
    if "cycle" not in piece:
        return None
    piece.require(("cycle",), "which repetition is this?")
    values = piece.values("cycle")[rows]
    found = numbered([f"{v:g}" for v in values])
    return found if found.any() else None
