"""Networks from elsewhere: each layer's matrix in a device, everything else on the host."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from hil.data.datasets import Dataset
from hil.device import Device
from hil.errors import InputError
from hil.evaluation.settings import EvaluateConfig
from hil.evaluation.subject import Answers, Matrix, Subject
from hil.networks.files import endings, read_network
from hil.networks.layers import Product
from hil.networks.network import LayeredNetwork
from hil.spiking.encoding import intensities
from hil.synapses.mapping import Mapping as WeightMapping

AT_ONCE = 1000
"""Images that go through a network together."""


@dataclass(frozen=True, eq=False)
class TrainedNetwork(Subject):
    """A trained network from a file: dense layers and convolutions in devices, biases and functions on the host.

    Attributes
    ----------
    network : LayeredNetwork
        Its layers.
    full_scale : dict
        Input of each matrix that is driven by the read voltage.
    """

    network: LayeredNetwork
    weights: dict[str, Matrix]
    full_scale: dict[str, float]
    shape: tuple[int, int]
    grey: int
    settings: EvaluateConfig
    notes: tuple[str, ...] = ()

    @classmethod
    def recognises(cls, path: Path) -> bool:
        """By the ending of the file."""
        return path.is_file() and path.suffix.lower() in endings()

    @classmethod
    def load(cls, path: Path, dataset: Dataset, config: EvaluateConfig) -> Self:
        """Read it, and find the largest input of every matrix on training images."""
        network = read_network(path, config.evaluate.activation)
        if network.steps:
            network = replace(network, steps=config.evaluate.steps or network.steps, dt=config.evaluate.dt)
        made = cls(
            network, {m.name: m.matrix for m in network.matrices}, {}, dataset.shape, dataset.full_scale, config,
            network.notes,
        )  # fmt: skip
        found = network.inputs_of(made.prepared(dataset.train_images[: config.evaluate.calibration]), dataset.shape)
        outputs = network.forward(made.prepared(dataset.train_images[:1]), dataset.shape).shape[1]
        if outputs != dataset.classes:
            raise InputError(f"{path} has {outputs} outputs, '{dataset.name}' {dataset.classes} classes")
        return replace(made, full_scale={name: most or 1.0 for name, most in found.items()})

    def prepared(self, images: NDArray[np.uint8]) -> Matrix:
        """Pixels 0..1 as the network was trained on them."""
        return (intensities(images, self.grey) - self.settings.evaluate.mean) / self.settings.evaluate.std

    def with_weights(self, weights: dict[str, Matrix]) -> Self:
        """Biases and functions stay."""
        return replace(self, weights=weights)

    def conductances(self, name: str, device: Device) -> Matrix:
        """The largest weight is at the end of the device's range."""
        return self._mapping(name, device).conductances(self.weights[name])

    def alone(self, images: NDArray[np.uint8], seed: int) -> Answers:
        """In floating point."""

        def product(matrix: Matrix) -> Product:
            return lambda x: x @ matrix

        return self._answered({name: product(matrix) for name, matrix in self.weights.items()}, images)

    def answers(self, devices: Mapping[str, Device], images: NDArray[np.uint8], seed: int) -> Answers:
        """By the analog products of the devices, or by their conductances as they are read once."""
        products: dict[str, Product] = {}
        for name, device in devices.items():
            mapping = self._mapping(name, device)
            products[name] = (
                self._read_once(mapping.weights(device.read()))
                if self.settings.evaluate.forward == "read"
                else self._analog(mapping, device, self.full_scale[name])
            )
        return self._answered(products, images)

    def _mapping(self, name: str, device: Device) -> WeightMapping:
        return WeightMapping.of(device, float(np.abs(self.weights[name]).max()) or 1.0)

    @staticmethod
    def _read_once(matrix: Matrix) -> Product:
        return lambda x: x @ matrix

    @staticmethod
    def _analog(mapping: WeightMapping, device: Device, full_scale: float) -> Product:
        return lambda x: mapping.through(device, x, full_scale)

    def _answered(self, products: dict[str, Product], images: NDArray[np.uint8]) -> Answers:
        parts = [
            self.network.forward(self.prepared(images[k : k + AT_ONCE]), self.shape, products).argmax(axis=1)
            for k in range(0, len(images), AT_ONCE)
        ]
        return np.concatenate([*parts, np.zeros(0, np.int64)]).astype(np.int64)
