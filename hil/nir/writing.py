"""Networks, and layers that `hil train wta` has trained, as graphs of NIR."""

from __future__ import annotations

import io
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from hil.config import validated
from hil.data.datasets import load
from hil.energy.figures import with_energy
from hil.errors import InputError
from hil.files import replacing
from hil.networks.layers import Dense, Flatten
from hil.networks.network import LayeredNetwork
from hil.networks.neurons import Neurons
from hil.runs.run import Run, summary
from hil.training.wta_settings import WtaConfig

NOT_HELD = (
    "trained by hil train wta: a spike inhibits all other neurons and resets their membranes, which NIR cannot hold; "
    "a spike is a Dirac delta of area 1, so r = tau makes it move a membrane by its weight"
)
"""Note in the metadata of the neurons."""


def to_graph(network: LayeredNetwork) -> Any:
    """Graph of NIR of a network of dense layers and neurons.

    Raises
    ------
    InputError
        For any other layer, by its kind, or where the extra `nir` is not installed.
    """
    nir = _nir()
    nodes: dict[str, Any] = {}
    for layer in network.layers:
        if isinstance(layer, Dense):
            if not nodes:
                nodes["input"] = nir.Input({"input": np.array([layer.weight.shape[1]])})
            weight = layer.weight
            nodes[layer.name] = nir.Linear(weight) if layer.bias is None else nir.Affine(weight, layer.bias)
        elif isinstance(layer, Neurons):
            common = {"r": layer.r, "v_threshold": layer.v_threshold, "v_reset": layer.v_reset}
            nodes[layer.name] = nir.LIF(layer.tau, v_leak=layer.v_leak, **common) if layer.leaky else nir.IF(**common)
        elif not isinstance(layer, Flatten):
            raise InputError(f"a {type(layer).__name__} is not written to NIR: dense layers and neurons are")
    outputs = len(network.matrices[-1].weight)
    nodes["output"] = nir.Output({"output": np.array([outputs])})
    names = list(nodes)
    return nir.NIRGraph(nodes, list(pairwise(names)))


def write_network(network: LayeredNetwork, path: Path) -> Path:
    """Write a network into a file of NIR, whole or not at all; return its path."""
    return _written(to_graph(network), path)


def export_nir(run: Path, path: Path) -> Path:
    """Write the first seed of a run of `hil train wta`: weights 0..1 as Linear, neurons as LIF; return the path.

    Raises
    ------
    InputError
        If it is another run, or is not trained to its end.
    """
    kind = summary(run)[0].get("kind")
    if kind != "train wta":
        raise InputError(f"{run} is a run of 'hil {kind}': NIR holds the neurons of hil train wta")
    with Run(run) as folder:
        own: WtaConfig = validated(with_energy(WtaConfig), folder.config, f"{run}/config.toml")
        saved = folder.checkpoint()
    stage = f"trained #{own.train.seed}"
    arrays: dict[str, Any] = {} if saved is None else saved[0]
    if f"w/{stage}" not in arrays:
        raise InputError(f"{run} has not been trained to its end yet: hil train wta --resume {run}")
    data = load(own.data.dataset, own.data.dir)
    total = int(data.train_images.sum(dtype=np.int64)) / (data.full_scale * len(data.train_images))
    weight = arrays[f"w/{stage}"].astype(np.float64).T
    ones = np.ones(len(weight))
    tau = own.neuron.leak * ones
    threshold = own.neuron.lif(total, own.train.seed).threshold + arrays[f"theta/{stage}"]
    neurons = Neurons("neurons", tau, tau, 0 * ones, threshold, 0 * ones)
    graph = to_graph(LayeredNetwork((Dense("synapses", weight), neurons)))
    graph.nodes["neurons"].metadata["note"] = NOT_HELD
    graph.nodes["neurons"].metadata["labels"] = ",".join(
        data.class_names[k] if k >= 0 else "" for k in arrays[f"label/{stage}"]
    )
    return _written(graph, path)


def _written(graph: Any, path: Path) -> Path:
    buffer = io.BytesIO()
    _nir().write(buffer, graph)
    with replacing(path) as file:
        file.write(buffer.getvalue())
    return path


def _nir() -> Any:
    try:
        import nir
    except ImportError:
        raise InputError("graphs of NIR need the extra nir: pip install 'memhil[nir]'") from None
    return nir
