"""Targets of `hil program`: a matrix of weights 0 .. 1 or of conductances, from a file or from a run."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Literal

import numpy as np
from numpy.typing import NDArray

from hil.errors import InputError, nearest
from hil.files import reason
from hil.programming import Programming

Quantity = Literal["weights", "conductances"]

NAMES: tuple[Quantity, ...] = ("weights", "conductances")
"""Arrays of a file, the first that is there."""

MOST_CELLS = 1 << 26
"""Cells of a matrix at most."""


@dataclass(frozen=True, eq=False)
class Targets:
    """What the cells of an array shall be.

    Attributes
    ----------
    values : (R, C) array
        Weights, 0 .. 1, or conductances, S; NaN for a cell that does not matter.
    quantity : str
        Which of the two.
    """

    values: NDArray[np.float64]
    quantity: Quantity

    def save(self, file: BinaryIO) -> None:
        """Write them as `read` reads them."""
        arrays: dict[str, Any] = {self.quantity: self.values}
        np.savez(file, **arrays)

    def conductances(self, pulses: Programming, cells: tuple[int, int]) -> NDArray[np.float64]:
        """(rows, cols) conductances, S, for a device with such a range; its further cells do not matter."""
        rows, cols = self.values.shape
        if rows > cells[0] or cols > cells[1]:
            raise InputError(f"targets of {rows} x {cols} cells do not fit into {cells[0]} x {cells[1]}")
        found = np.full(cells, np.nan)
        span = pulses.g_max - pulses.g_min
        found[:rows, :cols] = self.values if self.quantity == "conductances" else pulses.g_min + span * self.values
        return found


def read(path: Path) -> Targets:
    """Read targets: ``.npz`` with an array `weights` or `conductances`, ``.npy`` or text with a matrix of weights.

    Raises
    ------
    InputError
        If there is no such file, it holds no matrix, or weights lie outside 0 .. 1.
    """
    try:
        if path.suffix == ".npz":
            name, values = _from_archive(path)
        else:
            name, values = "weights", _from_table(path)
    except FileNotFoundError:
        raise InputError(f"no file {path}") from None
    except OSError as error:
        raise InputError(f"{path} cannot be read: {reason(error)}") from None
    return checked(values, name, str(path))


def checked(values: Any, quantity: Quantity, where: str) -> Targets:
    """Targets of a matrix; `InputError` naming the first cell that cannot be."""
    try:
        matrix = np.asarray(values, np.float64)
    except (TypeError, ValueError):
        raise InputError(f"{where}: {quantity} are no numbers") from None
    if matrix.ndim != 2 or not 0 < matrix.size <= MOST_CELLS:
        raise InputError(f"{where}: {quantity} of shape {matrix.shape}: give a matrix of at most {MOST_CELLS:,} cells")
    if np.isnan(matrix).all():
        raise InputError(f"{where}: no cell has a target")
    low, high = (0.0, 1.0) if quantity == "weights" else (0.0, np.inf)
    wrong = np.argwhere(~np.isnan(matrix) & ~((matrix >= low) & (matrix <= high) & np.isfinite(matrix)))
    if len(wrong):
        r, c = (int(k) for k in wrong[0])
        allowed = "0 .. 1" if quantity == "weights" else "0 or more siemens"
        advice = "; signed weights need two cells a weight (--synapse)" if matrix[r, c] < 0 else ""
        raise InputError(f"{where}: {quantity}[{r}, {c}] = {matrix[r, c]:g}: give {allowed}{advice}")
    return Targets(matrix, quantity)


def _from_archive(path: Path) -> tuple[Quantity, NDArray[Any]]:
    try:
        with np.load(path, allow_pickle=False) as file:
            for name in NAMES:
                if name in file.files:
                    return name, file[name]
            known = list(file.files)
    except (zipfile.BadZipFile, ValueError, EOFError, KeyError) as error:
        raise InputError(f"{path} is no archive of arrays: {str(error).splitlines()[0]}") from None
    raise InputError(f"{path} holds no array {nearest('weights', known)}; name one weights or conductances")


def _from_table(path: Path) -> NDArray[Any]:
    try:
        if path.suffix == ".npy":
            return np.asarray(np.load(path, allow_pickle=False))
        with path.open(encoding="utf-8") as lines:
            first = next((line for line in lines if line.strip() and not line.startswith("#")), "")
        return np.loadtxt(path, delimiter="," if "," in first else None, ndmin=2, encoding="utf-8")
    except (ValueError, EOFError, UnicodeDecodeError) as error:
        raise InputError(f"{path} holds no matrix of numbers: {str(error).splitlines()[0]}") from None
