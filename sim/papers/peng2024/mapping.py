"""What the review says of SpiNeMap: neurons on crossbars so that spikes stay and go not far, beside a naive mapping."""

from __future__ import annotations

import numpy as np

from hil.networks.placement import SpikingGraph, clustered, cost, in_order, placed
from hil.reproduction.papers import Finding, Scope, above, repeated

SIZE = 32
"""Neurons of a crossbar."""

SEEDS = 5


def layered(seed: int) -> SpikingGraph:
    """64-54-10 with a quarter of its synapses, pixels that neighbour each other going to the same hidden units."""
    luck = np.random.default_rng([seed, 7])
    y, x = np.divmod(np.arange(64), 8)
    centre = luck.uniform(0, 7, (54, 2))
    apart = np.hypot(y[:, None] - centre[:, 0], x[:, None] - centre[:, 1])
    first = apart < np.quantile(apart, 0.25)
    second = luck.random((54, 10)) < 0.25
    spikes = [luck.poisson(8.0, 64), luck.poisson(4.0, 54), luck.poisson(2.0, 10)]
    return SpikingGraph.layered([first, second], [s.astype(float) for s in spikes])


def recurrent(seed: int) -> SpikingGraph:
    """256 neurons, each with synapses to 16 others near it in a plane; numbered at random, as networks come."""
    luck = np.random.default_rng([seed, 8])
    places = luck.random((256, 2))
    apart = np.hypot(*(places[:, None] - places[None]).transpose(2, 0, 1))
    np.fill_diagonal(apart, np.inf)
    connected = np.zeros((256, 256), bool)
    near = np.argsort(apart, axis=1)[:, :16]
    connected[np.arange(256)[:, None], near] = True
    return SpikingGraph(connected, luck.poisson(5.0, 256).astype(float))


def mappings(scope: Scope) -> list[Finding]:
    """Energy and peak load of a link against filling crossbars in order, for two networks."""
    found = []
    for name, make in (("64-54-10, a quarter of its synapses", layered), ("256 recurrent neurons", recurrent)):
        saved: dict[str, list[float]] = {"energy": [], "peak": [], "clusters": [], "drawn": [], "drawn peak": []}
        for seed in range(2 if scope.quick else SEEDS):
            scope.pause()
            graph = make(seed)
            naive = cost(graph, in_order(len(graph.spikes), SIZE))
            cluster = clustered(graph, SIZE, seed)
            alone = cost(graph, cluster)
            ours = cost(graph, cluster, placed(graph.packets(cluster, int(cluster.max()) + 1)))
            luck = np.random.default_rng([seed, 9])
            drawn = cost(graph, luck.permutation(in_order(len(graph.spikes), SIZE)))
            saved["drawn"].append(100 * (1 - drawn.energy / naive.energy))
            saved["drawn peak"].append(100 * (1 - drawn.peak / naive.peak))
            saved["energy"].append(100 * (1 - ours.energy / naive.energy))
            saved["peak"].append(100 * (1 - ours.peak / naive.peak))
            saved["clusters"].append(100 * (1 - alone.energy / naive.energy))
        alone_saves = float(np.mean(saved["clusters"]))
        note = f"crossbars of {SIZE} neurons; against crossbars filled in order; rule: clearly less"
        found += [
            repeated("mapping", f"{name}: energy saved", "45 %", saved["energy"], unit="%", accept=above(0),
                     control=tuple(saved["drawn"]), control_is="neurons put onto crossbars by lot",
                     note=f"{note}; clusters alone, not placed: {alone_saves:.0f} %"),
            repeated("mapping", f"{name}: load of the busiest link saved", "21 % (peak latency)", saved["peak"],
                     unit="%", accept=above(0), control=tuple(saved["drawn peak"]),
                     control_is="neurons put onto crossbars by lot", note=note),
        ]  # fmt: skip
    return found
