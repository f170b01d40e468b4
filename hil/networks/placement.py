"""Spiking networks on many crossbars: which neurons share one, where it lies, and what its spikes cost on the way.

As SpiNeMap does (Balaji et al. 2020, IEEE Trans. VLSI Syst. 28, 76): neurons are put into clusters that fit a crossbar,
so that few spikes leave one, then clusters onto a mesh of crossbars, so that these spikes do not go far. Its authors
use a Kernighan-Lin partition and a particle swarm; here single neurons and pairs of them, then crossbars, change places
as long as that costs less.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hil.errors import InputError

Numbers = NDArray[np.int64]

ENERGY_OF_A_SYNAPSE = 0.1e-12
"""Energy of a spike at one synapse of its crossbar, J: 0.1 V, 10 us, 1 uS."""

ENERGY_OF_A_HOP = 5e-12
"""Energy of a spike from one router to the next, J; an assumption, no review prints one."""

TIE = 1e-4
"""Weight of a spike at a synapse beyond its crossbar, beside that of a packet: leads over exchanges that save none."""

ROUNDS = 40
"""Passes of the partition at most."""


@dataclass(frozen=True, eq=False)
class SpikingGraph:
    """Neurons, their synapses, and how often they spike.

    Attributes
    ----------
    connected : (N, N) array of bool
        Whether there is a synapse from neuron i to neuron j.
    spikes : (N,) array
        Spikes of every neuron, in the time that costs are counted over.
    """

    connected: NDArray[np.bool_]
    spikes: NDArray[np.float64]

    @classmethod
    def layered(cls, masks: Sequence[NDArray[np.bool_]], spikes: Sequence[NDArray[np.float64]]) -> SpikingGraph:
        """Layers one after the other: masks (inputs, outputs) of synapses, spikes of inputs and of every layer."""
        sizes = [masks[0].shape[0], *(mask.shape[1] for mask in masks)]
        starts = np.concatenate([[0], np.cumsum(sizes)])
        connected = np.zeros((starts[-1], starts[-1]), bool)
        for place, mask in enumerate(masks):
            connected[starts[place] : starts[place + 1], starts[place + 1] : starts[place + 2]] = mask
        return cls(connected, np.concatenate(spikes))

    def packets(self, cluster: Numbers, count: int) -> NDArray[np.float64]:
        """(count, count) spikes from each crossbar to each other: one for each spike and crossbar that it goes to."""
        member = np.zeros((len(cluster), count))
        member[np.arange(len(cluster)), cluster] = 1.0
        reached = (self.connected.astype(float) @ member > 0) * self.spikes[:, None]
        found: NDArray[np.float64] = member.T @ reached
        np.fill_diagonal(found, 0.0)
        return found


@dataclass(frozen=True)
class MeshCost:
    """What a mapping costs.

    Attributes
    ----------
    energy : float
        Of synapses and hops, J.
    hops : float
        Of all spikes that leave their crossbar.
    global_spikes : float
        Spikes that leave their crossbar, one for each crossbar that they go to.
    peak : float
        Spikes on the busiest link between two routers: in steps of a router, how long the last of them waits.
    """

    energy: float
    hops: float
    global_spikes: float
    peak: float


def in_order(neurons: int, size: int) -> Numbers:
    """Fill one crossbar after the other: the naive mapping, (neurons,) cluster of each."""
    return np.arange(neurons) // size


def clustered(graph: SpikingGraph, size: int, seed: int = 0) -> Numbers:
    """Clusters of at most `size` neurons, so that few spikes leave a crossbar.

    From the naive mapping, neurons move where there is room, or change places, as long as that helps.

    Parameters
    ----------
    graph : SpikingGraph
        The network.
    size : int
        Neurons of a crossbar.
    seed : int
        Of the order in which neurons are looked at.
    """
    neurons = len(graph.spikes)
    if size < 1:
        raise InputError(f"crossbars of {size} neurons: give at least 1")
    cluster = in_order(neurons, size)
    count = int(cluster.max()) + 1
    room = np.full(count, size) - np.bincount(cluster, minlength=count)
    luck = np.random.default_rng([seed, 91])
    for _ in range(ROUNDS):
        changed = False
        for neuron in luck.permutation(neurons):
            gains = _gains(graph, cluster, count, int(neuron))
            here, best = int(cluster[neuron]), int(np.argmax(gains))
            if gains[best] <= 1e-12 or best == here:
                continue
            if room[best] > 0:
                cluster[neuron] = best
                room[best] -= 1
                room[here] += 1
                changed = True
                continue
            changed |= _exchanged(graph, cluster, count, int(neuron), best)
        if not changed:
            break
    return cluster


def _left(graph: SpikingGraph, cluster: Numbers, count: int) -> float:
    beyond = graph.connected & (cluster[:, None] != cluster[None])
    return float(graph.packets(cluster, count).sum() + TIE * (beyond.sum(axis=1) * graph.spikes).sum())


def _gains(graph: SpikingGraph, cluster: Numbers, count: int, neuron: int) -> NDArray[np.float64]:
    """(count,) spikes saved by moving a neuron into each crossbar."""
    sources = np.flatnonzero(graph.connected[:, neuron])
    others = graph.connected[sources].copy()
    others[:, neuron] = False
    member = np.zeros((len(cluster), count))
    member[np.arange(len(cluster)), cluster] = 1.0
    elsewhere = others.astype(float) @ member > 0
    outside = cluster[sources][:, None] != np.arange(count)[None]
    arriving = ((outside & ~elsewhere) * graph.spikes[sources][:, None]).sum(axis=0)
    targets = np.unique(cluster[graph.connected[neuron] & (np.arange(len(cluster)) != neuron)])
    leaving = graph.spikes[neuron] * (len(targets) - np.isin(np.arange(count), targets))
    fan_out = member[graph.connected[neuron]].sum(axis=0)
    cut = (outside * graph.spikes[sources][:, None]).sum(axis=0) + graph.spikes[neuron] * (fan_out.sum() - fan_out)
    costs = arriving + leaving + TIE * cut
    found: NDArray[np.float64] = costs[cluster[neuron]] - costs
    return found


def _exchanged(graph: SpikingGraph, cluster: Numbers, count: int, neuron: int, there: int) -> bool:
    """Exchange a neuron with the one of a full crossbar for which that saves most, if any does."""
    here, before = int(cluster[neuron]), _left(graph, cluster, count)
    candidates = np.flatnonzero(cluster == there)
    hopes = [_gains(graph, cluster, count, int(k))[here] for k in candidates]
    other = int(candidates[int(np.argmax(hopes))])
    cluster[neuron], cluster[other] = there, here
    if _left(graph, cluster, count) < before - 1e-12:
        return True
    cluster[neuron], cluster[other] = here, there
    return False


def mesh(count: int) -> Numbers:
    """(count, 2) row and column of crossbars on a square mesh, line by line."""
    side = int(np.ceil(np.sqrt(count)))
    return np.stack([np.arange(count) // side, np.arange(count) % side], axis=1)


def placed(packets: NDArray[np.float64]) -> Numbers:
    """(count,) place on the mesh of every crossbar: exchange two while spikes take fewer hops."""
    count = len(packets)
    where, places = np.arange(count), mesh(count)
    apart = np.abs(places[:, None] - places[None]).sum(axis=2)
    both, best = packets + packets.T, np.inf
    while (now := float((both * apart[np.ix_(where, where)]).sum())) < best - 1e-9:
        best = now
        for i in range(count):
            for j in range(i):
                where[[i, j]] = where[[j, i]]
                turned = float((both * apart[np.ix_(where, where)]).sum())
                if turned < now - 1e-9:
                    now = turned
                else:
                    where[[i, j]] = where[[j, i]]
    return where


def cost(graph: SpikingGraph, cluster: Numbers, where: Numbers | None = None) -> MeshCost:
    """Cost of clusters at their places on a mesh, spikes going along a row first, then along a column."""
    count = int(cluster.max()) + 1
    packets, places = graph.packets(cluster, count), mesh(count)
    if where is not None:
        places = places[where]
    links: dict[tuple[int, int, int, int], float] = {}
    hops = 0.0
    for a, b in zip(*np.nonzero(packets), strict=True):
        (y, x), (y_end, x_end) = places[a], places[b]
        while (y, x) != (y_end, x_end):
            step = (y, x + np.sign(x_end - x)) if x != x_end else (y + np.sign(y_end - y), x)
            link = (int(y), int(x), int(step[0]), int(step[1]))
            links[link] = links.get(link, 0.0) + float(packets[a, b])
            hops += float(packets[a, b])
            y, x = step
    synapses = float((graph.connected.sum(axis=1) * graph.spikes).sum())
    energy = ENERGY_OF_A_SYNAPSE * synapses + ENERGY_OF_A_HOP * hops
    return MeshCost(energy, hops, float(packets.sum()), max(links.values(), default=0.0))
