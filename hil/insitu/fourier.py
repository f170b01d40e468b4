"""`FourierArrays`: discrete Fourier transforms as products of an array, real and imaginary parts in one step.

As in Zhao et al. (2023), who reconstruct medical images so; how their "quasi-analog" mapping divides an entry among
cells is not in the review. Here an entry has one or more parts, each a pair of cells: a part holds what those before it
have left, as they are read, enlarged to its range.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from hil.device import Device
from hil.insitu.layers import ArrayLayer, Matrix
from hil.writing.plan import WritePlan

Complex = NDArray[np.complex128]

SHARE = 0.8
"""Part of a pair's range that a residue is enlarged to."""


def inverse_matrix(size: int) -> Complex:
    """(size, size) matrix F with ``x = F X`` for the transform X of x, up to the factor 1 / size."""
    n = np.arange(size)
    found: Complex = np.exp(2j * np.pi * np.outer(n, n) / size)
    return found


class FourierArrays:
    """An inverse transform of one size in arrays of (2 size) x (2 size) pairs: ``[Re X, Im X] -> [Re x, Im x]``.

    Parameters
    ----------
    open_array : callable
        Opens the device of a part, of rows and columns as given.
    size : int
        Of the transform.
    parts : int
        Pairs of cells an entry.
    tolerance : float
        Error that the write may leave, fraction of the conductance range.
    """

    def __init__(
        self, open_array: Callable[[int, int, int], Device], size: int, *, parts: int = 1, tolerance: float = 0.02
    ) -> None:
        """Write the matrix, part by part."""
        self.size = size
        f = inverse_matrix(size)
        left = np.block([[f.real, f.imag], [-f.imag, f.real]])
        self.layers: list[tuple[ArrayLayer, float]] = []
        for part in range(parts):
            layer = ArrayLayer(open_array(2 * size, 2 * size, part), 2 * size, 2 * size)
            scale = float(np.abs(left).max()) / (1.0 if part == 0 else SHARE) or 1.0
            layer.write(left / scale, WritePlan(source="weights", device=layer.device.name, tolerance=tolerance))
            left = left - scale * layer.weights()
            self.layers.append((layer, scale))

    @property
    def error(self) -> float:
        """Root mean square error of an entry of the matrix, whose entries have the magnitude 1."""
        f = inverse_matrix(self.size)
        wanted = np.block([[f.real, f.imag], [-f.imag, f.real]])
        held = sum(scale * layer.weights() for layer, scale in self.layers)
        return float(np.sqrt(((held - wanted) ** 2).mean()))

    def inverse(self, transforms: Complex) -> Complex:
        """(B, size) signals of (B, size) transforms."""
        x = np.hstack([transforms.real, transforms.imag])
        y: Matrix = sum((scale * layer.forward(x) for layer, scale in self.layers), np.zeros_like(x)) / self.size
        return y[:, : self.size] + 1j * y[:, self.size :]

    def image(self, transform: Complex) -> Matrix:
        """(size, size) image of its two-dimensional transform: along rows, then along columns."""
        found: Matrix = self.inverse(self.inverse(transform).T).T.real
        return found


def peak_signal_to_noise(found: Matrix, wanted: Matrix) -> float:
    """Peak signal-to-noise ratio of an image 0..1, dB."""
    return float(-10.0 * np.log10(np.mean((found - wanted) ** 2)))
