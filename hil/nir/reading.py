"""NIR graphs as networks: a chain of linear layers, convolutions, pools and integrate-and-fire neurons."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from hil.errors import InputError, told
from hil.networks.files import NetworkReader
from hil.networks.layers import Convolution, Dense, Flatten, Layer, Pool
from hil.networks.network import LayeredNetwork
from hil.networks.neurons import Neurons

STEPS = 25
"""Steps of time that an image is shown for, unless told otherwise."""


class NirGraph(NetworkReader):
    """File of NIR (.nir): a chain of Linear, Affine, Conv2d, AvgPool2d, Flatten, LIF, IF between Input and Output."""

    endings: ClassVar = (".nir",)

    def read(self, path: Path, activation: str) -> LayeredNetwork:
        """Follow the edges from the input to the output."""
        try:
            import nir
        except ImportError:
            raise InputError(f"{path}: graphs of NIR need the extra nir: pip install 'memhil[nir]'") from None
        try:
            graph = nir.read(str(path), type_check=False)
        except Exception as error:
            raise InputError(f"{path} is no graph of NIR: {told(error)[:200]}") from None
        return from_graph(graph, str(path))


def from_graph(graph: Any, where: str = "graph") -> LayeredNetwork:
    """Make a network of a graph of NIR.

    Raises
    ------
    InputError
        Naming the node that cannot be played and why: recurrence, branches, synaptic currents ...
    """
    layers: list[Layer] = []
    for name in _chain(graph, where):
        node = graph.nodes[name]
        kind = type(node).__name__
        if kind in ("Input", "Output"):
            continue
        if kind not in KINDS:
            raise InputError(f"{where}: node '{name}' is a {kind}, which is not played (known: {', '.join(KINDS)})")
        try:
            layers.append(KINDS[kind](name, node, _width(layers)))
        except InputError as error:
            raise InputError(f"{where}: node '{name}', a {kind}: {error}") from None
    steps = STEPS if any(isinstance(layer, Neurons) for layer in layers) else 0
    return LayeredNetwork(tuple(layers), steps=steps)


def _chain(graph: Any, where: str) -> list[str]:
    """Names of the nodes from the input to the output; they must be one chain."""
    after: dict[str, list[str]] = {}
    before: dict[str, list[str]] = {}
    for one, two in graph.edges:
        if one not in graph.nodes or two not in graph.nodes:
            raise InputError(f"{where}: an edge leads from '{one}' to '{two}', and there is no such node")
        after.setdefault(one, []).append(two)
        before.setdefault(two, []).append(one)
    for name in graph.nodes:
        for what, others in (("from", before.get(name, [])), ("to", after.get(name, []))):
            if len(others) > 1:
                raise InputError(
                    f"{where}: node '{name}' has edges {what} {' and '.join(others)}; recurrence and branches are not "
                    "played, one chain is"
                )
    starts = [name for name in graph.nodes if name not in before]
    if len(starts) != 1:
        told_ = " and ".join(starts) or "none"
        raise InputError(f"{where}: one node without an edge to it begins a chain, and there is {told_}")
    chain = [starts[0]]
    while chain[-1] in after:
        chain.append(after[chain[-1]][0])
    if len(chain) != len(graph.nodes):
        left = next(name for name in graph.nodes if name not in chain)
        raise InputError(f"{where}: node '{left}' is not on the chain from '{chain[0]}' to '{chain[-1]}'")
    return chain


def _width(layers: list[Layer]) -> int | None:
    """Outputs of the last matrix so far, for parameters that are given once for all neurons."""
    dense = [layer for layer in layers if isinstance(layer, Dense)]
    return len(dense[-1].weight) if dense and not isinstance(layers[-1], Pool | Convolution) else None


def _array(value: Any, name: str, size: int | None = None) -> NDArray[np.float64]:
    try:
        found = np.asarray(value, np.float64)
    except (TypeError, ValueError):
        raise InputError(f"{name} are no numbers") from None
    if not np.isfinite(found).all() or not found.size:
        raise InputError(f"{name} holds what is no finite number")
    if size is not None:
        if found.size not in (1, size):
            raise InputError(f"{name} has {found.size} values for {size} neurons")
        return np.full(size, found.ravel()[0]) if found.size == 1 else found.reshape(size)
    return found


def _dense(name: str, node: Any, _: int | None) -> Layer:
    weight = _array(node.weight, "weight")
    if weight.ndim != 2:
        raise InputError(f"weight has shape {weight.shape}, (out, in) was expected")
    bias = getattr(node, "bias", None)
    return Dense(name, weight, None if bias is None else _array(bias, "bias", len(weight)))


def _neurons(name: str, node: Any, width: int | None) -> Layer:
    given = {key: getattr(node, key, None) for key in ("tau", "r", "v_leak", "v_threshold", "v_reset")}
    sizes = [np.size(value) for value in given.values() if value is not None and np.size(value) > 1]
    size = width or max(sizes, default=1)
    leaky = given["tau"] is not None
    tau = _array(given["tau"], "tau", size) if leaky else np.full(size, np.inf)
    if not (tau > 0).all():
        raise InputError(f"tau = {tau.min():g} s must be above 0")
    zero = np.zeros(size)
    leak = _array(given["v_leak"], "v_leak", size) if leaky else zero
    reset = zero if given["v_reset"] is None else _array(given["v_reset"], "v_reset", size)
    return Neurons(
        name, tau, _array(given["r"], "r", size), leak, _array(given["v_threshold"], "v_threshold", size), reset
    )


def _convolution(name: str, node: Any, _: int | None) -> Layer:
    if node.groups != 1 or _pair(node.dilation) != (1, 1) or isinstance(node.padding, str):
        raise InputError("groups, a dilation or a padding by name are not played")
    weight = _array(node.weight, "weight")
    if weight.ndim != 4:
        raise InputError(f"weight has shape {weight.shape}, (out, channels, height, width) was expected")
    bias = None if node.bias is None else _array(node.bias, "bias", len(weight))
    return Convolution(name, weight, bias, _pair(node.stride), _pair(node.padding))


def _pool(name: str, node: Any, _: int | None) -> Layer:
    if _pair(node.padding) != (0, 0):
        raise InputError("a padding is not played")
    return Pool("mean", _pair(node.kernel_size), _pair(node.stride))


def _flatten(_name: str, _node: Any, _: int | None) -> Layer:
    return Flatten()


def _pair(value: Any) -> tuple[int, int]:
    given = np.atleast_1d(np.asarray(value)).astype(int)
    return int(given[0]), int(given[-1])


KINDS: Mapping[str, Callable[[str, Any, int | None], Layer]] = {
    "Linear": _dense, "Affine": _dense, "LIF": _neurons, "IF": _neurons, "Conv2d": _convolution, "AvgPool2d": _pool,
    "Flatten": _flatten,
}  # fmt: skip
"""Kinds of nodes that are played."""
