"""`CellularNetwork`: cells on a grid that see their neighbours through one template of weights in a device.

Chua & Yang (1988), IEEE Trans. Circuits Syst. 35, 1257: ``dx/dt = -x + A y + B u + z`` with ``y = (|x + 1| - |x - 1|)
/ 2``, u the image (1 black, -1 white), A and B templates over a 3 x 3 neighbourhood, the same for all cells. Duan et
al. (2014) put them into bridges of four memristors.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hil.insitu.layers import ArrayLayer, Matrix
from hil.writing.plan import WritePlan

EDGE = (
    np.array([[0.0, 0, 0], [0, 1, 0], [0, 0, 0]]),
    np.array([[-1.0, -1, -1], [-1, 8, -1], [-1, -1, -1]]),
    -1.0,
)
"""A, B and z of the template that leaves a black pixel black where one of its eight neighbours is white."""


class CellularNetwork:
    """A template in a layer of 19 inputs and one output: nine outputs, nine inputs of the neighbourhood, and 1.

    Parameters
    ----------
    layer : ArrayLayer
        Of 19 inputs and 1 output.
    step : float
        Time step over the cells' time constant.
    steps : int
        Steps until the outputs are read.
    """

    def __init__(self, layer: ArrayLayer, *, step: float = 0.2, steps: int = 60) -> None:
        """Take over the layer."""
        self.layer, self.step, self.steps = layer, step, steps

    def write(self, a: Matrix, b: Matrix, z: float, tolerance: float = 0.02) -> None:
        """Write templates (3, 3) and the bias."""
        weights = np.concatenate([a.ravel(), b.ravel(), [z]])[:, None]
        self.layer.write(weights, WritePlan(source="weights", device=self.layer.device.name, tolerance=tolerance))

    def outputs(self, u: Matrix) -> Matrix:
        """(H, W) outputs -1 .. 1 at the end, for an image (H, W) of -1 .. 1 whose surroundings are white."""
        x = np.zeros_like(u)
        inputs, one = patches(u, -1.0), np.ones((u.size, 1))
        for _ in range(self.steps):
            seen = np.hstack([patches(saturated(x), -1.0), inputs, one])
            x = x + self.step * (self.layer.forward(seen)[:, 0].reshape(u.shape) - x)
        return saturated(x)


def saturated(x: Matrix) -> Matrix:
    """Piecewise linear output of a cell."""
    return 0.5 * (np.abs(x + 1.0) - np.abs(x - 1.0))


def patches(image: Matrix, around: float) -> Matrix:
    """(H W, 9) neighbourhoods of the pixels of an image, row by row, with `around` beyond its border."""
    padded = np.pad(image, 1, constant_values=around)
    parts = [padded[i : i + image.shape[0], j : j + image.shape[1]] for i in range(3) for j in range(3)]
    found: Matrix = np.stack(parts, axis=-1).reshape(-1, 9)
    return found


def edges(black: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Black pixels of an image (H, W) one of whose eight neighbours is white: what the template shall find."""
    around = patches(black.astype(np.float64), 0.0)
    found: NDArray[np.bool_] = black & (around.min(axis=1) == 0).reshape(black.shape)
    return found
