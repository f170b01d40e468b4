"""What a crossbar board can be asked: read a cell, pulse a cell, come to rest; how other lines are held is its own."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SCHEMES: Mapping[str, tuple[float, float] | None] = {
    "V/2": (0.5, 0.5),
    "V/3": (1 / 3, 1 / 3),
    "floating": None,
    "grounded": (0.0, 0.0),
}
"""Voltages of inactive rows and columns over that of the active row, with the active column at 0 V; None: open.

V/2 and V/3 are those of the ArC ONE (manual, 3.2 'Hardware settings', table): its V/3 holds all inactive lines at a
third, which leaves two thirds on the other cells of the active row; that of `hil.biasing` holds columns at two thirds.
"""


@dataclass(frozen=True)
class BoardSpec:
    """What a board can do, and where that is written.

    Attributes
    ----------
    model : str
        Its name.
    rows, cols : int
        Largest crossbar.
    v_max : float
        Largest magnitude of a pulse or a read, V.
    v_step : float
        Resolution of a voltage as it is sent, V; far finer than the converters, so nobody need round to it.
    width_min, width_max, time_step : float
        Widths of pulses, s, and their resolution as it is sent.
    schemes : tuple of str
        Keys of `SCHEMES`.
    source_resistance : float
        Of its output, ohm, where it is documented; else 0.
    source : str
        Where these figures stand.
    """

    model: str
    rows: int
    cols: int
    v_max: float
    v_step: float
    width_min: float
    width_max: float
    time_step: float
    schemes: tuple[str, ...]
    source_resistance: float
    source: str


class CrossbarBoard(ABC):
    """An open board; rows are word lines, columns bit lines, both counted from 0.

    Attributes
    ----------
    spec : BoardSpec
        What it can do.
    identity : str
        What it says of itself.
    scheme : str
        Key of `SCHEMES`: how inactive lines are held.
    """

    spec: BoardSpec
    identity: str
    scheme: str

    @abstractmethod
    def read(self, row: int, col: int, v: float) -> float:
        """Current of a read at `v` volts between a row and a column, A, with the sign of `v`; NaN: no reading."""

    def read_all(self, rows: int, cols: int, v: float) -> NDArray[np.float64]:
        """Currents of reads of all cells of the first rows and columns, A."""
        return np.array([[self.read(r, c, v) for c in range(cols)] for r in range(rows)])

    @abstractmethod
    def pulse(self, row: int, col: int, v: float, width: float, v_read: float) -> float:
        """Pulse between a row and a column, then a read at `v_read`: its current, A, when both are over."""

    @abstractmethod
    def rest(self) -> None:
        """End whatever is being played, as far as the board can, and bring all lines to rest."""

    @abstractmethod
    def close(self) -> None:
        """Let go of it; safe to call again."""
