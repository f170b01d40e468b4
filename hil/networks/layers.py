"""Layers of a trained network, as far as a crossbar with a host beside it can play them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from hil.errors import InputError

Values = NDArray[np.float64]
"""(B, ...): what goes from layer to layer, for a batch."""

Product = Callable[[Values], Values]
"""(N, in) -> (N, out): a product with a layer's matrix, by whatever carries it out."""

Pair = tuple[int, int]


class Layer(ABC):
    """One step from the inputs to the outputs."""

    @abstractmethod
    def forward(self, x: Values) -> Values:
        """What comes out for a batch; `InputError` where it does not fit."""


@dataclass(frozen=True, eq=False)
class MatrixLayer(Layer):
    """A layer with a matrix of weights, which a crossbar carries out; a bias is added on the host.

    Attributes
    ----------
    name : str
        As in its file.
    weight : (out, ...) array
        As of torch: (out, in), or (out, channels, height, width).
    bias : (out,) array or None
        Added to every output.
    """

    name: str
    weight: NDArray[np.float64]
    bias: NDArray[np.float64] | None = None

    @property
    def matrix(self) -> NDArray[np.float64]:
        """(in, out) weights: rows and columns of a crossbar."""
        return np.ascontiguousarray(self.weight.reshape(len(self.weight), -1).T)

    def forward(self, x: Values) -> Values:
        """In floating point."""
        return self.through(x, lambda inputs: inputs @ self.matrix)

    @abstractmethod
    def through(self, x: Values, product: Product) -> Values:
        """With the product carried out by `product`."""

    def _biased(self, y: Values) -> Values:
        return y if self.bias is None else y + self.bias


@dataclass(frozen=True, eq=False)
class Dense(MatrixLayer):
    """``y = x W^T + b``."""

    def through(self, x: Values, product: Product) -> Values:
        """Inputs beyond the first axis are laid flat."""
        flat = x.reshape(len(x), -1)
        if flat.shape[1] != self.weight.shape[1]:
            raise InputError(f"layer {self.name} takes {self.weight.shape[1]} inputs and is given {flat.shape[1]}")
        return self._biased(product(flat))


@dataclass(frozen=True, eq=False)
class Convolution(MatrixLayer):
    """A convolution, unrolled: every place of an image is a product.

    Attributes
    ----------
    stride, padding : (int, int)
        As of torch; zeros around the image.
    """

    stride: Pair = (1, 1)
    padding: Pair = (0, 0)

    def through(self, x: Values, product: Product) -> Values:
        """(B, channels, H, W) -> (B, out, H', W')."""
        out, channels, height, width = self.weight.shape
        if x.ndim != 4 or x.shape[1] != channels:
            raise InputError(f"layer {self.name} takes images of {channels} channels and is given {x.shape[1:]}")
        (top, left), (down, right) = self.padding, self.stride
        padded = np.pad(x, ((0, 0), (0, 0), (top, top), (left, left)))
        if padded.shape[2] < height or padded.shape[3] < width:
            raise InputError(f"layer {self.name}: a kernel of {height}x{width} is larger than its image {x.shape[2:]}")
        seen = sliding_window_view(padded, (height, width), axis=(2, 3))[:, :, ::down, ::right]
        patches = seen.transpose(0, 2, 3, 1, 4, 5)
        y = self._biased(product(patches.reshape(-1, channels * height * width)))
        return y.reshape(*patches.shape[:3], out).transpose(0, 3, 1, 2)


FUNCTIONS: dict[str, Callable[[Values], Values]] = {
    "identity": lambda x: x,
    "relu": lambda x: np.maximum(x, 0.0),
    "tanh": np.tanh,
    "sigmoid": lambda x: 1 / (1 + np.exp(-np.clip(x, -700, 700))),
}
"""Functions between layers by name; a softmax at the end changes no answer and is passed over."""


@dataclass(frozen=True)
class Function(Layer):
    """A function of every value, on the host."""

    kind: str

    def forward(self, x: Values) -> Values:
        """Value by value."""
        return FUNCTIONS[self.kind](x)


@dataclass(frozen=True)
class Flatten(Layer):
    """Lay all axes but the first flat."""

    def forward(self, x: Values) -> Values:
        """(B, ...) -> (B, N)."""
        return x.reshape(len(x), -1)


@dataclass(frozen=True)
class Pool(Layer):
    """The largest or the mean value of every patch of an image, on the host."""

    kind: Literal["max", "mean"]
    size: Pair
    stride: Pair

    def forward(self, x: Values) -> Values:
        """(B, C, H, W) -> (B, C, H', W')."""
        if x.ndim != 4 or x.shape[2] < self.size[0] or x.shape[3] < self.size[1]:
            raise InputError(f"a pool of {self.size[0]}x{self.size[1]} is given {x.shape[1:]}")
        seen = sliding_window_view(x, self.size, axis=(2, 3))[:, :, :: self.stride[0], :: self.stride[1]]
        return seen.max(axis=(4, 5)) if self.kind == "max" else seen.mean(axis=(4, 5))
