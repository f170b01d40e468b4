"""`LayeredNetwork`: layers in their order, in floating point or with products by devices, at once or step by step."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hil.networks.layers import Convolution, Layer, MatrixLayer, Pair, Product, Values
from hil.networks.neurons import Neurons


@dataclass(frozen=True)
class LayeredNetwork:
    """Layers in their order.

    Attributes
    ----------
    layers : tuple of Layer
        From the inputs to the outputs.
    notes : tuple of str
        What was assumed or left out when it was read, in words.
    steps : int
        Steps of time that an image is shown for, where there are spiking neurons; 0 where there are none.
    dt : float
        Length of a step, s.
    """

    layers: tuple[Layer, ...]
    notes: tuple[str, ...] = ()
    steps: int = 0
    dt: float = 1e-4

    @property
    def matrices(self) -> list[MatrixLayer]:
        """Layers that crossbars carry out."""
        return [layer for layer in self.layers if isinstance(layer, MatrixLayer)]

    def forward(self, images: Values, shape: Pair, products: dict[str, Product] | None = None) -> Values:
        """Outputs (B, classes) for images (B, pixels) of (height, width), 0 .. 1.

        With spiking neurons, the grey values are the inputs of every step, and the outputs are summed over all steps:
        spike counts where the last layer spikes.

        Parameters
        ----------
        images : (B, pixels) array
            Row by row.
        shape : (int, int)
            Height and width.
        products : dict, optional
            What carries out the product of a layer, by its name; in floating point where there is none.
        """
        given = products or {}
        x = images.reshape(len(images), 1, *shape) if isinstance(self._first, Convolution) else images
        if not self.steps:
            return self._once(x, given, {})
        membranes = {k: layer.rest(len(x)) for k, layer in enumerate(self.layers) if isinstance(layer, Neurons)}
        return np.sum([self._once(x, given, membranes) for _ in range(self.steps)], axis=0)

    def _once(self, x: Values, products: dict[str, Product], membranes: dict[int, Values]) -> Values:
        """All layers once; membranes move on."""
        for k, layer in enumerate(self.layers):
            if isinstance(layer, Neurons):
                membranes[k], x = layer.step(membranes[k], x.reshape(len(x), -1), self.dt)
            elif isinstance(layer, MatrixLayer) and layer.name in products:
                x = layer.through(x, products[layer.name])
            else:
                x = layer.forward(x)
        return x.reshape(len(x), -1)

    def inputs_of(self, images: Values, shape: Pair) -> dict[str, float]:
        """Largest magnitude of an input of every matrix for these images, in floating point, by the layer's name."""
        found: dict[str, float] = {}

        def seen(layer: MatrixLayer) -> Product:
            def product(x: Values) -> Values:
                found[layer.name] = max(found.get(layer.name, 0.0), float(np.abs(x).max(initial=0.0)))
                return x @ layer.matrix

            return product

        self.forward(images, shape, {layer.name: seen(layer) for layer in self.matrices})
        return found

    @property
    def _first(self) -> Layer:
        return next((layer for layer in self.layers if isinstance(layer, MatrixLayer)), self.layers[0])
