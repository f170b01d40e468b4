"""`Mapping`: weights of a network to conductances of a device, and back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from hil.device import Device
from hil.errors import InputError
from hil.synapses.synapse import Synapse

Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class Mapping:
    """A weight ``w`` is the conductance ``zero + w * siemens``.

    Attributes
    ----------
    zero : float
        Conductance of weight 0, S.
    siemens : float
        Conductance a unit of weight, S.
    low, high : float
        Least and largest weight that the device holds.
    """

    zero: float
    siemens: float
    low: float
    high: float

    @classmethod
    def of(cls, device: Device, weight_max: float) -> Self:
        """For a device with a range: from its lower end on, or around 0 where that is below 0.

        Raises
        ------
        InputError
            If the device does not tell its range, or the largest weight is not positive.
        """
        own = device.programming
        if own is None:
            raise InputError(f"{device.name} does not say its range of conductances: weights have no place there")
        if not weight_max > 0:
            raise InputError(f"weight_max = {weight_max:g} must be above 0")
        if own.g_min < 0:
            most = min(-own.g_min, own.g_max)
            return cls(0.0, most / weight_max, -weight_max, weight_max)
        return cls(own.g_min, (own.g_max - own.g_min) / weight_max, 0.0, weight_max)

    def conductances(self, weights: Matrix) -> Matrix:
        """Conductances of weights, those beyond the range at its ends, S."""
        if self.low == 0 and (weights < 0).any():
            raise InputError(
                f"weight {weights.min():g} is below 0: this device holds weights of one sign; "
                "two cells a weight hold both (synapse=differential)"
            )
        return self.zero + self.siemens * np.clip(weights, self.low, self.high)

    def weights(self, conductances: Matrix) -> Matrix:
        """Weights of conductances."""
        return (conductances - self.zero) / self.siemens

    def products(self, currents: Matrix, v: Matrix) -> Matrix:
        """(B, cols) products of weights and (B, rows) voltages from currents, without what weights of 0 conduct."""
        return (currents - self.zero * v.sum(axis=1, keepdims=True)) / self.siemens

    def through(self, device: Device, x: Matrix, x_max: float | Matrix, *, reverse: bool = False) -> Matrix:
        """(B, cols) products of the weights in a device with (B, rows) inputs, in the unit of a weight times an input.

        With `reverse`, (B, rows) products of the transposed weights with (B, cols) inputs, driven from the columns.

        An input of `x_max`, one number or (B, 1) for each vector, is driven by the device's read voltage, all others in
        proportion, on its grid of voltages.
        """
        v = x * (device.read_voltage / x_max)
        if device.limits.v_step:
            v = np.round(v / device.limits.v_step) * device.limits.v_step
        return self.products(device.mvm(v, reverse=reverse), v) * (x_max / device.read_voltage)


def cell_targets(device: Device, conductances: Matrix) -> tuple[Device, Matrix]:
    """What is to be written so that weights of a device have these conductances: an array, and targets of its cells.

    Parameters
    ----------
    device : Device
        Cells, or weights of several cells (`hil.synapses`).
    conductances : (rows, cols) array
        Of the weights, S, with their signs; NaN for one that does not matter.

    Returns
    -------
    Device, (rows, columns of it) array
        The array behind a synapse whose weight is a sum of its cells, each of which gets a target of its own; any other
        device as it is, with the targets as they are.
    """
    own = device.programming
    if not isinstance(device, Synapse) or own is None or device.array.programming is None:
        return device, conductances
    over = own.g_max if device.signed else own.g_max - own.g_min
    shares = device.cell_weights((conductances - (0.0 if device.signed else own.g_min)) / over)
    if shares is None:
        return device, conductances
    cell = device.array.programming
    found = cell.g_min + (cell.g_max - cell.g_min) * shares
    return device.array, found.reshape(device.rows, -1)
