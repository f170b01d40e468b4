"""Targets of `hil program`: a matrix of weights or of conductances, or a layer of a trained network, from a file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Literal

import numpy as np
from numpy.typing import NDArray

from hil.arrays import archive
from hil.device import Device
from hil.errors import InputError, nearest
from hil.files import read_text, reason
from hil.networks.files import endings, layer_of, read_network
from hil.synapses.mapping import cell_targets
from hil.synapses.synapse import Synapse
from hil.writing.plan import WritePlan

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
        Weights, 0 .. 1, or -1 .. 1 on a device whose weights have signs; or conductances, S; NaN for a cell that does
        not matter.
    quantity : str
        Which of the two.
    scale : float
        Weight of a network that a weight of 1 stands for.
    """

    values: NDArray[np.float64]
    quantity: Quantity
    scale: float = 1.0

    def save(self, file: BinaryIO) -> None:
        """Write them as `read` reads them."""
        arrays: dict[str, Any] = {self.quantity: self.values, "scale": np.array(self.scale)}
        np.savez(file, **arrays)

    def on(self, device: Device, plan: WritePlan) -> tuple[Device, NDArray[np.float64]]:
        """What is to be written: a device, and targets of all its cells, S.

        Parameters
        ----------
        device : Device
            Cells, or weights of several cells (`hil.synapses`): where these add up, each cell gets a target of its own.
        plan : WritePlan
            Says the range of conductances where the user does.

        Returns
        -------
        Device, (rows, cols) array
            The array behind a synapse, or the device itself; its further cells do not matter (NaN).
        """
        rows, cols = self.values.shape
        if rows > device.rows or cols > device.cols:
            raise InputError(f"targets of {rows} x {cols} cells do not fit into {device.rows} x {device.cols}")
        full = np.full(device.cells, np.nan)
        full[:rows, :cols] = self.values
        signed = device.programming is not None and device.programming.g_min < 0
        if not signed and self.values.min(initial=0.0, where=~np.isnan(self.values)) < 0:
            r, c = (int(k) for k in np.argwhere(self.values < 0)[0])
            raise InputError(
                f"{self.quantity}[{r}, {c}] = {self.values[r, c]:g} is below 0, and {device.name} holds weights of one "
                "sign: two cells a weight hold both (--synapse differential)"
            )
        if self.quantity == "conductances":
            return cell_targets(device, full)
        if isinstance(device, Synapse) and (shares := device.cell_weights(full)) is not None:
            pulses = plan.pulses(device.array)
            cells = pulses.g_min + (pulses.g_max - pulses.g_min) * shares
            return device.array, cells.reshape(device.rows, -1)
        pulses = plan.pulses(device)
        zero = 0.0 if signed else pulses.g_min
        return device, zero + (pulses.g_max - zero) * full


def read(path: Path, layer: str | None = None) -> Targets:
    """Read targets: ``.npz`` with an array `weights` or `conductances`, ``.npy`` or text with a matrix of weights.

    From other files, or with the name of a layer, the weights of a trained network (`hil.networks`): inputs on rows,
    over the largest of them.

    Raises
    ------
    InputError
        If there is no such file, it holds no matrix, or weights lie outside 0 .. 1.
    """
    try:
        if layer is not None or path.suffix.lower() in endings().keys() - {".npz"}:
            return _from_network(path, layer)
        if path.suffix == ".npz":
            return _from_archive(path)
        values = _from_table(path)
    except FileNotFoundError:
        raise InputError(f"no file {path}") from None
    except OSError as error:
        raise InputError(f"{path} cannot be read: {reason(error)}") from None
    return checked(values, "weights", str(path))


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
    low, high = (-1.0, 1.0) if quantity == "weights" else (-np.inf, np.inf)
    wrong = np.argwhere(~np.isnan(matrix) & ~((matrix >= low) & (matrix <= high) & np.isfinite(matrix)))
    if len(wrong):
        r, c = (int(k) for k in wrong[0])
        allowed = "0 .. 1, or -1 .. 1 with --synapse" if quantity == "weights" else "siemens, finite ones"
        raise InputError(f"{where}: {quantity}[{r}, {c}] = {matrix[r, c]:g}: give {allowed}")
    return Targets(matrix, quantity)


def _from_network(path: Path, layer: str | None) -> Targets:
    matrix = layer_of(read_network(path), layer, str(path)).matrix
    scale = float(np.abs(matrix).max()) or 1.0
    return Targets(checked(matrix / scale, "weights", str(path)).values, "weights", scale)


def _scale(file: Mapping[str, Any]) -> float:
    """What `Targets.save` has kept; 1 in a file of the user's."""
    return float(file["scale"]) if "scale" in file and np.ndim(file["scale"]) == 0 else 1.0


def _from_archive(path: Path) -> Targets:
    arrays = archive(path)
    for name in NAMES:
        if name in arrays:
            return Targets(checked(arrays[name], name, str(path)).values, name, _scale(arrays))
    raise InputError(f"{path} holds no array {nearest('weights', arrays)}; name one weights or conductances")


def _from_table(path: Path) -> NDArray[Any]:
    try:
        if path.suffix == ".npy":
            return np.asarray(np.load(path, allow_pickle=False))
        lines = read_text(path, "table").splitlines()
        first = next((line for line in lines if line.strip() and not line.startswith("#")), "")
        return np.loadtxt(lines, delimiter="," if "," in first else None, ndmin=2)
    except InputError:
        raise
    except (ValueError, EOFError) as error:
        raise InputError(f"{path} holds no matrix of numbers: {str(error).splitlines()[0]}") from None
