"""NIR in and out: what is read is what was written, spikes are those of its equations, and what is refused."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from hil.errors import InputError
from hil.evaluation import play
from hil.networks.files import read_network
from hil.networks.layers import Dense, Pool
from hil.networks.network import LayeredNetwork
from hil.networks.neurons import Neurons
from hil.writing.targets import read

nir = pytest.importorskip("nir")
from hil.nir.reading import from_graph  # noqa: E402
from hil.nir.writing import export_nir, write_network  # noqa: E402

RNG = np.random.default_rng(2)
STEPS, DT = 30, 1e-4


def chain(*nodes, size=16, outputs=10):
    """Graph of Input, the nodes, Output."""
    named = {"input": nir.Input({"input": np.array([size])}), **{f"n{k}": node for k, node in enumerate(nodes)}}
    named["output"] = nir.Output({"output": np.array([outputs])})
    names = list(named)
    return nir.NIRGraph(named, list(pairwise(names)), type_check=False)


def two_layers():
    """Affine, LIF with parameters of its own for each neuron, Linear, IF."""
    lif = nir.LIF(
        tau=RNG.uniform(1e-3, 5e-3, 20), r=RNG.uniform(0.5, 2, 20), v_leak=RNG.uniform(-0.1, 0.1, 20),
        v_threshold=RNG.uniform(0.05, 0.2, 20), v_reset=RNG.uniform(-0.1, 0, 20),
    )  # fmt: skip
    one = nir.IF(r=np.full(10, 3e3), v_threshold=np.full(10, 0.5))
    return chain(
        nir.Affine(RNG.normal(0, 0.5, (20, 16)), RNG.normal(0, 0.1, 20)),
        lif,
        nir.Linear(RNG.normal(0, 1, (10, 20))),
        one,
    )


def reference(graph, images) -> np.ndarray:
    """Spike counts by NIR's equations, each step cut into 2,000 of Euler's."""
    n = graph.nodes
    v, u = np.tile(n["n1"].v_leak, (len(images), 1)), np.zeros((len(images), 10))
    counts = np.zeros((len(images), 10))
    fine = 2000
    for _ in range(STEPS):
        current = images @ n["n0"].weight.T + n["n0"].bias
        for _ in range(fine):
            v = v + DT / fine * (n["n1"].v_leak - v + n["n1"].r * current) / n["n1"].tau
        spikes = v > n["n1"].v_threshold
        v = np.where(spikes, n["n1"].v_reset, v)
        u = u + DT * n["n3"].r * (spikes @ n["n2"].weight.T)
        fired = u > n["n3"].v_threshold
        u = np.where(fired, 0.0, u)
        counts += fired
    return counts


def test_spike_counts_are_those_of_its_equations():
    graph, images = two_layers(), RNG.random((6, 16))
    found = from_graph(graph)
    network = LayeredNetwork(found.layers, steps=STEPS, dt=DT)
    counts = network.forward(images, (4, 4))
    assert counts.sum() > 50
    np.testing.assert_array_equal(counts, reference(graph, images))


def test_reading_what_was_written_gives_the_same_network(tmp_path):
    first = from_graph(two_layers())
    second = read_network(write_network(first, tmp_path / "a.nir"))
    assert [type(layer) for layer in first.layers] == [type(layer) for layer in second.layers]
    for one, two in zip(first.layers, second.layers, strict=True):
        for name, value in vars(one).items():
            if isinstance(value, np.ndarray):
                np.testing.assert_array_equal(value, getattr(two, name), err_msg=name)
    again = read_network(write_network(second, tmp_path / "b.nir"))
    images = RNG.random((3, 16))
    np.testing.assert_array_equal(first.forward(images, (4, 4)), again.forward(images, (4, 4)))


def test_parameters_may_be_given_once_for_all_neurons():
    lif = nir.LIF(
        tau=np.array(2e-3), r=np.array(1.0), v_leak=np.array(0.0), v_threshold=np.array(1.0), v_reset=np.array(0.0)
    )
    neurons = from_graph(chain(nir.Linear(np.ones((10, 16))), lif)).layers[1]
    assert isinstance(neurons, Neurons)
    assert neurons.v_threshold.shape == (10,)


def test_what_is_not_played_is_refused_by_name(tmp_path):
    linear = nir.Linear(np.ones((10, 16)))
    cuba = nir.CubaLIF(*(np.ones(10) for _ in range(5)))
    for graph, told in (
        (chain(linear, cuba), "node 'n1' is a CubaLIF, which is not played"),
        (chain(nir.Linear(np.full((10, 16), np.nan))), "node 'n0', a Linear: weight holds what is no finite number"),
        (chain(linear, nir.IF(r=np.ones(3), v_threshold=np.ones(3))), "3 values for 10 neurons"),
    ):
        with pytest.raises(InputError, match=told):
            from_graph(graph)
    loop = chain(linear, nir.IF(r=np.ones(10), v_threshold=np.ones(10)))
    loop.edges.append(("n1", "n1"))
    with pytest.raises(InputError, match="recurrence and branches are not played"):
        from_graph(loop)
    (tmp_path / "x.nir").write_bytes(b"junk")
    with pytest.raises(InputError, match="is no graph of NIR"):
        read_network(tmp_path / "x.nir")
    with pytest.raises(InputError, match="a Pool is not written to NIR"):
        write_network(LayeredNetwork((Dense("a", np.ones((2, 2))), Pool("max", (2, 2), (2, 2)))), tmp_path / "y.nir")


def test_a_graph_is_written_and_evaluated_on_a_device(tmp_path):
    from hil.data.datasets import load

    data = load("digits")
    means = np.array([data.train_images[data.train_labels == k].mean(axis=0) for k in range(10)]) / 16
    weight = means - means.mean(axis=0)
    lif = nir.LIF(
        tau=np.full(10, 5e-3),
        r=np.full(10, 1.0),
        v_leak=np.zeros(10),
        v_threshold=np.full(10, 0.02),
        v_reset=np.zeros(10),
    )
    nir.write(str(tmp_path / "net.nir"), chain(nir.Linear(weight), lif, size=64))
    targets = read(tmp_path / "net.nir")
    np.testing.assert_allclose(targets.values * targets.scale, weight.T)
    rows = play.start(
        {
            "evaluate": {"source": str(tmp_path / "net.nir"), "seeds": 1, "exact": True, "images": 200, "steps": 100},
            "data": {"dataset": "digits"},
        },
        tmp_path / "run",
    ).rows
    # A constant current brings a membrane from 0 beyond the threshold after n steps, again and again.
    current = np.maximum(data.test_images[:200] / 16 @ weight.T, 0.02 * (1 + 1e-12))
    n = np.floor(-5e-3 / DT * np.log(1 - 0.02 / current)) + 1
    right = (np.floor(100 / n).argmax(axis=1) == data.test_labels[:200]).mean() * 100
    assert right > 60
    assert rows["accuracy floating point"].value == pytest.approx(right)
    assert rows["accuracy mapped"].value == pytest.approx(rows["accuracy floating point"].value, abs=1)
    assert rows["accuracy mapped"].control < 30


def test_a_run_is_exported_with_its_neurons(tmp_path):
    import hil

    hil.train("wta", seeds=1, neurons=4, epochs=0.05, run=tmp_path / "run")
    path = export_nir(tmp_path / "run", tmp_path / "net.nir")
    graph = nir.read(str(path))
    assert list(graph.nodes) == ["input", "neurons", "output", "synapses"]
    dense, neurons = read_network(path).layers
    assert isinstance(dense, Dense)
    assert isinstance(neurons, Neurons)
    assert dense.weight.shape == (4, 64)
    assert (dense.weight >= 0).all() and (dense.weight <= 1).all()
    # a spike of area 1 s on one input moves a membrane by the weight: tau dv/dt = -v + tau I
    after, _ = neurons.step(neurons.rest(1), dense.weight[:, 5][None, :] / 1e-9, 1e-9)
    np.testing.assert_allclose(after[0], dense.weight[:, 5], rtol=1e-4)
    with pytest.raises(InputError, match="NIR holds the neurons of hil train wta"):
        export_nir(tmp_path, tmp_path / "no.nir")
