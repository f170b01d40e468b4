"""Weights by name, as torch's ``state_dict`` has them: ``fc1.weight``, ``fc1.bias``; in an archive of numpy."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from hil.arrays import archive
from hil.errors import InputError
from hil.networks.files import NetworkReader
from hil.networks.layers import Dense, Flatten, Function, Layer
from hil.networks.network import LayeredNetwork

EPS = 1e-5
"""Torch's default of a batch normalisation."""


class NamedArrays(NetworkReader):
    """Archive of numpy (.npz) with arrays named as in a state_dict of torch: NAME.weight (out, in), NAME.bias."""

    endings: ClassVar = (".npz",)

    def read(self, path: Path, activation: str) -> LayeredNetwork:
        """Layers in the order of the archive."""
        return from_state(archive(path), activation, str(path))


def from_state(arrays: Mapping[str, NDArray[Any]], activation: str, where: str) -> LayeredNetwork:
    """Make a network of dense layers from a state_dict, in its order; batch normalisations are folded in.

    Raises
    ------
    InputError
        For convolutions, whose strides and pools a state_dict does not tell, and anything else that is no dense layer.
    """
    layers: list[Layer] = [Flatten()]
    for name, parts in _by_layer(arrays).items():
        weight = parts.get("weight")
        if weight is not None and weight.ndim == 4:
            raise InputError(
                f"{where}: {name} is a convolution, and a state_dict tells no stride, padding or pool: save the module "
                "itself, torch.save(model, FILE)"
            )
        if weight is not None and weight.ndim == 2:
            if len(layers) > 1:
                layers.append(Function(activation))
            layers.append(Dense(name, _numbers(weight, name, where), _bias(parts, name, where)))
        elif {"running_mean", "running_var"} <= parts.keys() and isinstance(layers[-1], Dense):
            layers[-1] = folded(layers[-1], parts)
        else:
            raise InputError(f"{where}: {name} ({', '.join(sorted(parts))}) is no dense layer")
    dense = sum(isinstance(layer, Dense) for layer in layers)
    notes = (f"{activation} between layers: a state_dict does not say",) if dense > 1 else ()
    return LayeredNetwork(tuple(layers), notes)


def folded(layer: Dense, parts: Mapping[str, NDArray[Any]], eps: float = EPS) -> Dense:
    """A dense layer with the batch normalisation after it: y = (Wx + b - mean) / sqrt(var + eps) * weight + bias."""
    size = len(layer.weight)
    scale = np.asarray(parts.get("weight", np.ones(size)), np.float64) / np.sqrt(parts["running_var"] + eps)
    before = np.zeros(size) if layer.bias is None else layer.bias
    bias = (before - parts["running_mean"]) * scale + np.asarray(parts.get("bias", np.zeros(size)), np.float64)
    return Dense(layer.name, layer.weight * scale[:, None], bias)


def _by_layer(arrays: Mapping[str, NDArray[Any]]) -> dict[str, dict[str, NDArray[Any]]]:
    """Arrays by layer, then by what they are; a plain matrix is the weight of a layer of its own name."""
    found: dict[str, dict[str, NDArray[Any]]] = {}
    for key, array in arrays.items():
        name, point, what = key.rpartition(".")
        if what == "num_batches_tracked":
            continue
        found.setdefault(name if point else key, {})[what if point else "weight"] = array
    return found


def _numbers(array: NDArray[Any], name: str, where: str) -> NDArray[np.float64]:
    if array.dtype.kind not in "uif" or not array.size or not np.isfinite(array).all():
        raise InputError(f"{where}: {name} holds what is no finite number")
    return array.astype(np.float64)


def _bias(parts: Mapping[str, NDArray[Any]], name: str, where: str) -> NDArray[np.float64] | None:
    bias = parts.get("bias")
    if bias is None:
        return None
    if bias.shape != (len(parts["weight"]),):
        raise InputError(f"{where}: {name}.bias has shape {bias.shape}, {len(parts['weight'])} outputs were expected")
    return _numbers(bias, f"{name}.bias", where)
