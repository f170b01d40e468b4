"""Mappings of spiking networks: counts by hand, exhaustive search, and that nothing is lost."""

from itertools import permutations

import numpy as np
import pytest

from hil.errors import InputError
from hil.networks.placement import (
    ENERGY_OF_A_HOP,
    ENERGY_OF_A_SYNAPSE,
    SpikingGraph,
    clustered,
    cost,
    in_order,
    mesh,
    placed,
)


def random_graph(neurons, share, seed):
    luck = np.random.default_rng(seed)
    connected = luck.random((neurons, neurons)) < share
    np.fill_diagonal(connected, False)
    return SpikingGraph(connected, luck.integers(1, 9, neurons).astype(float))


def by_hand(graph, cluster):
    """A packet for each spike and other crossbar that has a target of it."""
    return sum(
        spikes * len({int(cluster[j]) for j in np.flatnonzero(graph.connected[i])} - {int(cluster[i])})
        for i, spikes in enumerate(graph.spikes)
    )


def test_a_spike_goes_once_to_every_crossbar_with_a_target():
    graph = SpikingGraph(
        np.array([[0, 1, 1, 1], [0, 0, 0, 0], [1, 0, 0, 1], [0, 0, 0, 0]], bool), np.array([3.0, 9, 2, 7])
    )
    cluster = np.array([0, 0, 1, 1])
    assert graph.packets(cluster, 2).tolist() == [[0.0, 3.0], [2.0, 0.0]]
    found = cost(graph, cluster)
    assert (found.hops, found.global_spikes, found.peak) == (5.0, 5.0, 3.0)
    assert found.energy == pytest.approx(ENERGY_OF_A_SYNAPSE * (3 * 3 + 2 * 2) + 5 * ENERGY_OF_A_HOP)


@pytest.mark.parametrize("seed", range(4))
def test_clusters_fit_and_are_no_worse_than_the_naive_mapping(seed):
    graph = random_graph(30, 0.12, seed)
    naive, found = in_order(30, 8), clustered(graph, 8, seed)
    assert np.bincount(found).max() <= 8 and len(found) == 30
    assert by_hand(graph, found) <= by_hand(graph, naive)
    assert graph.packets(found, 4).sum() == pytest.approx(by_hand(graph, found))


def test_two_groups_that_are_mixed_up_are_told_apart():
    """Eight neurons in two groups without a synapse between them, numbered in turns: nothing leaves a crossbar."""
    group = np.arange(8) % 2
    connected = (group[:, None] == group[None]) & ~np.eye(8, dtype=bool)
    graph = SpikingGraph(connected, np.ones(8))
    assert cost(graph, in_order(8, 4)).global_spikes == 8
    found = clustered(graph, 4)
    assert cost(graph, found).global_spikes == 0 and cost(graph, found).hops == 0


def test_places_are_as_good_as_the_best_of_all_on_a_small_mesh():
    luck = np.random.default_rng(2)
    packets = luck.integers(0, 9, (6, 6)).astype(float)
    np.fill_diagonal(packets, 0)
    apart = np.abs(mesh(6)[:, None] - mesh(6)[None]).sum(axis=2)

    def hops(where):
        return float((packets * apart[np.ix_(where, where)]).sum())

    best = min(hops(list(where)) for where in permutations(range(6)))
    assert best <= hops(placed(packets)) <= 1.05 * best
    assert hops(placed(packets)) < hops(list(range(6)))


def test_layers_follow_each_other():
    masks = [np.ones((2, 3), bool), np.array([[1], [0], [1]], bool)]
    graph = SpikingGraph.layered(masks, [np.ones(2), np.full(3, 2.0), np.zeros(1)])
    assert (
        graph.connected.sum() == 8
        and graph.connected[:2, 2:5].all()
        and graph.connected[2:, 5].tolist() == [1, 0, 1, 0]
    )
    with pytest.raises(InputError, match="give at least 1"):
        clustered(graph, 0)
