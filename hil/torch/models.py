"""Trained models of torch as networks: a state_dict, or a module of torch's own layers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from hil.errors import InputError
from hil.networks.formats.named_arrays import folded, from_state
from hil.networks.layers import Convolution, Dense, Flatten, Function, Layer, Pool
from hil.networks.network import LayeredNetwork

PLAIN: Mapping[type[Any], str] = {
    nn.ReLU: "relu", nn.Tanh: "tanh", nn.Sigmoid: "sigmoid", nn.Identity: "identity", nn.Dropout: "identity",
}  # fmt: skip
"""Function of a module; a dropout does nothing when it is not trained."""

PASSED = (nn.Softmax, nn.LogSoftmax)
"""At the end of a network: they change no answer."""

KNOWN: tuple[Any, ...] = (
    nn.Sequential, nn.Linear, nn.Conv2d, nn.Flatten, nn.MaxPool2d, nn.AvgPool2d, nn.BatchNorm1d, *PLAIN, *PASSED,
)  # fmt: skip
"""Modules that a file may hold; no other code is run when it is read."""


def read_model(path: Path, activation: str) -> LayeredNetwork:
    """Load a file without running code of its own; as `hil.networks.files.NetworkReader.read`."""
    try:
        with torch.serialization.safe_globals([*KNOWN, set]):
            content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception:
        raise InputError(
            f"{path} holds neither a state_dict nor an nn.Sequential of torch's own layers: save model.state_dict()"
        ) from None
    if isinstance(content, nn.Module):
        return from_module(content, str(path))
    if isinstance(content, Mapping) and isinstance(content.get("state_dict"), Mapping):
        content = content["state_dict"]
    if not isinstance(content, Mapping) or not all(isinstance(v, torch.Tensor) for v in content.values()):
        raise InputError(f"{path} holds a {type(content).__name__}, a state_dict was expected")
    arrays = {str(key): value.detach().double().numpy() for key, value in content.items()}
    return from_state(arrays, activation, str(path))


def from_module(model: nn.Module, where: str = "model") -> LayeredNetwork:
    """Make a network from a module of torch's own layers, one after the other.

    Raises
    ------
    InputError
        Naming the first layer that cannot be played, and why.
    """
    layers: list[Layer] = []
    modules = list(_in_order(model, ""))
    for k, (name, module) in enumerate(modules):
        if isinstance(module, PASSED):
            if k < len(modules) - 1:
                raise InputError(f"{where}: {name} is a softmax before the end, which is not played")
        elif isinstance(module, nn.BatchNorm1d):
            if not layers or not isinstance(layers[-1], Dense) or module.running_mean is None:
                raise InputError(f"{where}: {name} normalises what no dense layer gives")
            layers[-1] = folded(layers[-1], {k: v.double().numpy() for k, v in module.state_dict().items()}, module.eps)
        else:
            layers.append(_layer(name, module, where))
    return LayeredNetwork(tuple(layers))


def _in_order(module: nn.Module, name: str) -> Iterator[tuple[str, nn.Module]]:
    if isinstance(module, nn.Sequential):
        for key, child in module.named_children():
            yield from _in_order(child, f"{name}.{key}" if name else key)
    else:
        yield name or "layer", module


def _layer(name: str, module: nn.Module, where: str) -> Layer:
    if isinstance(module, nn.Linear):
        return Dense(name, _array(module.weight), None if module.bias is None else _array(module.bias))
    if isinstance(module, nn.Conv2d):
        return _convolution(name, module, where)
    if isinstance(module, nn.Flatten):
        return Flatten()
    if isinstance(module, nn.MaxPool2d | nn.AvgPool2d):
        size, stride, padding = (_pair(v) for v in (module.kernel_size, module.stride, module.padding))
        if padding != (0, 0) or getattr(module, "ceil_mode", False):
            raise InputError(f"{where}: {name} pools with a padding, which is not played")
        return Pool("max" if isinstance(module, nn.MaxPool2d) else "mean", size, stride)
    kind = next((word for type_, word in PLAIN.items() if isinstance(module, type_)), None)
    if kind is None:
        known = ", ".join(sorted(type_.__name__ for type_ in KNOWN))
        raise InputError(f"{where}: {name} is a {type(module).__name__}, which is not played (known: {known})")
    return Function(kind)


def _convolution(name: str, module: nn.Conv2d, where: str) -> Convolution:
    if module.groups != 1 or _pair(module.dilation) != (1, 1) or isinstance(module.padding, str):
        raise InputError(f"{where}: {name} has groups, a dilation or a padding by name, which are not played")
    bias = None if module.bias is None else _array(module.bias)
    return Convolution(name, _array(module.weight), bias, _pair(module.stride), _pair(module.padding))


def _pair(value: Any) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else (int(value[0]), int(value[1]))


def _array(tensor: Any) -> np.ndarray[Any, np.dtype[np.float64]]:
    return np.asarray(tensor.detach().double().numpy())
