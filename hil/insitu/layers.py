"""`ArrayLayer`: one layer of weights in a device, driven forwards and backwards and moved by pulses."""

from __future__ import annotations

import math
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray

from hil.device import Device, Unsupported
from hil.errors import InputError
from hil.programming import Programming
from hil.synapses.mapping import Mapping, cell_targets
from hil.synapses.synapse import SummedSynapse, Synapse
from hil.writing.plan import WritePlan
from hil.writing.write import Write

Matrix = NDArray[np.float64]
Counts = NDArray[np.int64]

ERASED = 1.5
"""Pulses that erase a cell for certain, over those from one end of its range to the other."""

Part = Literal["both", "set", "reset"]


class ArrayLayer:
    """Weights of both signs in a device: ``y = x W``, inputs on its rows, one column of weights an output.

    Parameters
    ----------
    device : Device
        Of `inputs` (+ 1 with a bias) x `outputs` weights.
    inputs, outputs : int
        Size of the layer.
    weight_max : float
        Weight at the end of the device's range.
    bias : bool
        Whether the last row is a bias: an input that is always 1.
    backward : {"read", "array"}
        Where errors are multiplied by the transposed weights: on the host, with weights as they are read, or in the
        array, driven from its columns.

    Attributes
    ----------
    pulse : float
        What a pulse changes a weight by, as `calibrate` measured it.
    given : int
        Pulses that cells have had, of all of them together, those of `calibrate` and `start` included.
    """

    def __init__(
        self,
        device: Device,
        inputs: int,
        outputs: int,
        *,
        weight_max: float = 1.0,
        bias: bool = False,
        backward: Literal["read", "array"] = "read",
    ) -> None:
        """Check that the device has room for the layer, and holds weights of both signs."""
        wanted = (inputs + bias, outputs)
        if device.cells != wanted:
            raise InputError(
                f"{device.name} has {device.rows} x {device.cols} weights, a layer of {inputs} inputs"
                f"{' and a bias' if bias else ''} and {outputs} outputs needs {wanted[0]} x {wanted[1]}"
            )
        self.device, self.bias, self.backward_by = device, bias, backward
        self.mapping = Mapping.of(device, weight_max)
        if not self.mapping.low < 0:
            raise InputError(
                f"{device.name} holds weights of one sign: give --device '...{'&' if '?' in device.name else '?'}"
                "synapse=differential', two cells a weight"
            )
        self.pulse, self.given = 0.0, 0

    @property
    def cells(self) -> int:
        """Cells of the array."""
        return self.device.rows * self.device.cols * cells_a_weight(self.device)

    def forward(self, x: Matrix) -> Matrix:
        """(B, inputs) -> (B, outputs): one product of the array a vector, its largest input at the read voltage."""
        x = self._with_bias(x)
        return self._known(self.mapping.through(self.device, x, _scale(x)))

    def backward(self, delta: Matrix) -> Matrix:
        """(B, outputs) errors -> (B, inputs): their product with the transposed weights.

        `Unsupported` with ``backward = array`` where the device cannot be sensed from its rows.
        """
        if self.backward_by == "read":
            found = delta @ self.weights().T
        else:
            found = self._known(self.mapping.through(self.device, delta, _scale(delta), reverse=True))
        return found[:, :-1] if self.bias else found

    def gradient(self, x: Matrix, delta: Matrix) -> Matrix:
        """(rows, outputs) outer products of inputs (B, inputs) and errors (B, outputs), the mean over the batch."""
        return self._with_bias(x).T @ delta / len(x)

    def weights(self) -> Matrix:
        """(rows, outputs) weights as they are read."""
        return self._known(self.mapping.weights(self.device.read()))

    def calibrate(self) -> float:
        """Measure what a pulse changes a weight by: all weights get one up and one down, and are read in between.

        The cells that answer the first pulse tell which ones move; the second pulse, read anew, how far, so that noise
        of the read does not look like a step. Weights of which one cell of two is stuck do not count.

        Raises
        ------
        Unsupported
            If no weight moves.
        """
        ones = np.ones(self.device.cells, np.int64)
        before = self.weights()
        self.move(ones)
        rise = self.weights() - before
        above = self.weights()
        self.move(-ones)
        fall = above - self.weights()
        moving = rise > 0.6 * np.quantile(rise, 0.95)
        step = float(np.median(fall[moving])) if moving.any() else 0.0
        if not step > 0:
            raise Unsupported(
                f"{self.device.name}: a pulse up and one down move no weight by more than its noise; "
                "give finer reads, or train.pulse, what a pulse is worth"
            )
        self.pulse = step
        return step

    def move(self, counts: Counts, part: Part = "both") -> None:
        """Give every weight its pulses, positive ones up.

        Parameters
        ----------
        counts : (rows, outputs) array of int
            Pulses a weight.
        part : {"both", "set", "reset"}
            All pulses of its cells, or those alone that raise a cell's conductance, or those that lower one.
        """
        if not counts.any():
            return
        device = self.device
        if part == "both":
            device.program(counts)
            self.given += int(np.abs(counts).sum()) * cells_a_weight(device)
            return
        if not isinstance(device, SummedSynapse):
            raise Unsupported(f"{device.name}: SET alone needs the cells of a weight one by one: synapse=differential")
        pulses = device.cell_pulses(counts)
        pulses = np.maximum(pulses, 0) if part == "set" else np.minimum(pulses, 0)
        device.array.program(pulses)
        self.given += int(np.abs(pulses).sum())

    def start(self, weights: Matrix, most: int = 10_000) -> None:
        """Move weights to about these values by pulses, without looking: what a network begins with."""
        self.move(np.clip(np.rint((weights - self.weights()) / self.pulse), -most, most).astype(np.int64))

    def write(self, weights: Matrix, plan: WritePlan | None = None) -> Write:
        """Write weights, those beyond the range at its end, cell by cell by write-verify; one-sided in a pair."""
        plan = plan or WritePlan(source="weights", device=self.device.name)
        write = Write(*cell_targets(self.device, self.mapping.conductances(weights)), plan)
        for _ in write.rounds():
            pass
        self.given += int(write.pulses.sum())
        return write

    @property
    def cell_programming(self) -> Programming:
        """Pulses and range of a single cell; `Unsupported` where a weight is no sum of its cells."""
        device = self.device
        own = device.array.programming if isinstance(device, SummedSynapse) else None
        if own is None:
            raise Unsupported(f"{device.name}: a weight's cells one by one are asked for: synapse=differential")
        return own

    def write_blindly(self, weights: Matrix) -> None:
        """Erase all cells, then count each up to its place, one-sided in a pair; nothing is read.

        Steps are counted as if all cells made those that `calibrate` found, so a cell's own spread stays in the weight.
        """
        cell = self.cell_programming
        array, targets = cell_targets(self.device, self.mapping.conductances(weights))
        whole = 2.0 * self.mapping.high / self.pulse
        counts = np.rint((targets - cell.g_min) / (cell.g_max - cell.g_min) * whole).astype(np.int64)
        for pulses in (np.full(counts.shape, -math.ceil(ERASED * whole), np.int64), counts):
            array.program(pulses)
            self.given += int(np.abs(pulses).sum())

    def state(self) -> dict[str, NDArray[np.float64]]:
        """What a checkpoint needs besides the state of the device."""
        return {"pulse": np.array(self.pulse), "given": np.array(float(self.given))}

    def resume(self, state: dict[str, NDArray[np.float64]]) -> Self:
        """Take back `state`."""
        self.pulse, self.given = float(state["pulse"]), int(state["given"])
        return self

    def _known(self, found: Matrix) -> Matrix:
        """Give back what was read; `InputError` where there is no reading, for the largest of several would be none."""
        if not np.isfinite(found).all():
            raise InputError(
                f"{self.device.name} has no reading of some lines, their current is at the compliance: raise i_max, or "
                "lower the read voltage"
            )
        return found

    def _with_bias(self, x: Matrix) -> Matrix:
        return np.hstack([x, np.ones((len(x), 1))]) if self.bias else x


def cells_a_weight(device: Device) -> int:
    """How many cells a weight of a device has."""
    return device.cells_a_weight if isinstance(device, Synapse) else 1


def _scale(x: Matrix) -> Matrix:
    """(B, 1) largest magnitude of every vector, 1 for a vector of zeros."""
    most = np.abs(x).max(axis=1, keepdims=True)
    return np.where(most > 0, most, 1.0)
