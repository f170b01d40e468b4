"""Takes a waveform apart into what a crossbar board does: pulses of single cells, reads, rests."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hil.limits import LimitError
from hil.waveform import Waveform
from instruments.boards.board import SCHEMES

CLOSE = 1e-9
"""Relative agreement of a line's voltage with that of a scheme: room for rounding in float64."""

Cell = tuple[int, int]


@dataclass(frozen=True)
class BoardStep:
    """One thing that the board does, or a rest.

    Attributes
    ----------
    segment : int
        Last segment of the waveform that it stands for.
    cells : tuple of (int, int)
        Cells that see the voltage; empty for a rest.
    v : float
        Voltage of a cell, row minus column, V.
    duration : float
        s.
    measured : bool
        Whether the currents are wanted.
    read : bool
        Whether it is a read, which is no pulse.
    """

    segment: int
    cells: tuple[Cell, ...]
    v: float
    duration: float
    measured: bool
    read: bool


def operations(waveform: Waveform, *, scheme: str, serial: bool, gaps: bool, v_read: float) -> list[BoardStep]:
    """Take a waveform apart.

    Parameters
    ----------
    waveform : Waveform
        Neighbouring segments that leave all lines as they are are one pulse.
    scheme : str
        Key of `SCHEMES`: how the board holds inactive lines.
    serial : bool
        Whether the cells of a row, or of a column, may be pulsed one after another, others held by the scheme.
    gaps : bool
        Whether the board may rest between two pulses where the waveform does not.
    v_read : float
        Measured segments up to this magnitude are reads, V.

    Raises
    ------
    LimitError
        If the board cannot drive a segment.
    """
    found: list[BoardStep] = []
    before: NDArray[np.float64] | None = None
    for t in range(len(waveform)):
        rows, cols = waveform.rows[t], waveform.cols[t]
        lines = np.concatenate([rows, cols])
        measured, duration = bool(waveform.measure[t]), float(waveform.duration[t])
        same = before is not None and np.array_equal(lines, before, equal_nan=True)
        before = lines
        if same and found and not found[-1].read:
            last = found[-1]
            if last.measured and last.cells:
                raise LimitError(f"segment {last.segment}: the board measures after a pulse alone, not within it")
            found[-1] = BoardStep(t, last.cells, last.v, last.duration + duration, measured, False)
            continue
        cells, v = _driven(t, rows, cols, scheme, serial, measured and _largest(lines) <= v_read * (1 + CLOSE))
        read = bool(cells) and measured and abs(v) <= v_read * (1 + CLOSE)
        if found and found[-1].cells and not found[-1].read and cells and not read and not gaps:
            raise LimitError(
                f"segment {t}: the board rests between two pulses: put a rest there, or gaps=true adds one"
            )
        found.append(BoardStep(t, cells, v, duration, measured, read))
    return found


def _largest(lines: NDArray[np.float64]) -> float:
    known = lines[np.isfinite(lines)]
    return float(known.max() - min(known.min(), 0.0)) if len(known) else 0.0


def _driven(
    t: int, rows: NDArray[np.float64], cols: NDArray[np.float64], scheme: str, serial: bool, read: bool
) -> tuple[tuple[Cell, ...], float]:
    """Cells that a segment drives and their voltage."""
    driven = [line[np.isfinite(line)] for line in (rows, cols)]
    known = np.concatenate(driven)
    if not all(len(lines) for lines in driven) or (known == known[0]).all():
        return (), 0.0
    plain = _plain(rows, cols)
    if scheme == "grounded" and not read:
        if plain is None or len({row for row, _ in plain[0]}) > 1:
            raise LimitError(f"segment {t}: the board drives one row at a time, all other lines are at 0 V")
        # To pulse one cell of a row is to pulse all: their columns are at 0 V alike.
        return plain[0][:1], plain[1]
    for cell, v in _selected(rows, cols, scheme):
        return (cell,), v
    if plain is not None:
        cells, v = plain
        if read or serial or (len(cells) == 1 and scheme == "floating"):
            return cells, v
        raise LimitError(
            f"segment {t}: the board drives one cell at a time and holds all other lines by {scheme}, here "
            f"{len(cells)} cells of a line are driven; serial=true pulses them one after another"
        )
    if np.isnan(np.concatenate([rows, cols])).any() and scheme != "floating":
        raise LimitError(f"segment {t}: a line is left floating, the board holds all inactive lines by {scheme}")
    raise LimitError(
        f"segment {t}: the board drives one cell at a time, a row at V and a column at 0 V, and holds all other lines "
        f"by {scheme}; the waveform holds them otherwise"
    )


def _selected(rows: NDArray[np.float64], cols: NDArray[np.float64], scheme: str) -> Iterator[tuple[Cell, float]]:
    """Cells that a segment selects as the board would, with their voltages; several only where all are the same."""
    parts = SCHEMES[scheme]
    for r in _apart(rows):
        for c in _apart(cols):
            v = float(rows[r] - cols[c])
            others = np.delete(rows, r), np.delete(cols, c)
            if not np.isfinite(v) or v == 0:
                continue
            if parts is None:
                if all(np.isnan(lines).all() for lines in others):
                    yield (r, c), v
                continue
            wanted = (cols[c] + part * v for part in parts)
            if all((np.abs(lines - w) <= CLOSE * abs(v)).all() for lines, w in zip(others, wanted, strict=True)):
                yield (r, c), v


def _apart(lines: NDArray[np.float64]) -> list[int]:
    """Lines without which all others are alike."""
    if len(lines) <= 2:
        return list(range(len(lines)))
    values, counts = np.unique(lines, return_counts=True)
    if len(values) > 2:
        return []
    lone = values[counts == 1]
    return [int(np.flatnonzero(np.isnan(lines) if np.isnan(v) else lines == v)[0]) for v in lone]


def _plain(rows: NDArray[np.float64], cols: NDArray[np.float64]) -> tuple[tuple[Cell, ...], float] | None:
    """Cells of the one line that is driven while all others are at 0 V, and their voltage; None otherwise."""
    lines = np.concatenate([rows, cols])
    live = np.flatnonzero(lines != 0)
    if len(live) != 1 or np.isnan(lines).any():
        return None
    k, v = int(live[0]), float(lines[live[0]])
    if k < len(rows):
        return tuple((k, c) for c in range(len(cols))), v
    return tuple((r, k - len(rows)) for r in range(len(rows))), -v
