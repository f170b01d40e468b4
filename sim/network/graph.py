"""Any network: branches between numbered nodes, solved node by node."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hil.compiling import njit
from sim.network.elimination import node_voltages


class Graph:
    """Topology of E branches, each from a node `plus` to a node `minus`.

    Parameters
    ----------
    nodes : int
        Number of nodes N.
    plus, minus : (E,) arrays of int
        Nodes that the branches join, 0 .. N - 1.
    """

    def __init__(self, nodes: int, plus: ArrayLike, minus: ArrayLike) -> None:
        """Find out which nodes are connected at all."""
        self._nodes = nodes
        self.plus, self.minus = (np.asarray(ends, dtype=np.int64) for ends in (plus, minus))
        self._group = _groups(nodes, self.plus, self.minus)

    @property
    def nodes(self) -> int:
        """Number of nodes N."""
        return self._nodes

    def across(self, potential: NDArray[np.float64], /) -> NDArray[np.float64]:
        """(E,) voltages from plus to minus, V."""
        return potential[self.plus] - potential[self.minus]

    def outflow(self, current: NDArray[np.float64], /) -> NDArray[np.float64]:
        """(N,) net current that leaves every node through its branches, A."""
        out, back = (np.bincount(ends, current, self._nodes) for ends in (self.plus, self.minus))
        return (out - back).astype(np.float64, copy=False)

    def unknowns(self, driven: NDArray[np.bool_]) -> NDArray[np.int64]:
        """(N,) which unknown every node is where some are driven; -1 for a node whose voltage is known.

        What reaches no driven node carries no current: its first node is known to be at 0 V, which puts all there.
        """
        slot, count = np.full(self._nodes, -1), 0
        reached = set(self._group[driven].tolist())
        for node in range(self._nodes):
            group = int(self._group[node])
            if group not in reached:
                reached.add(group)
            elif not driven[node]:
                slot[node] = count
                count += 1
        return slot

    def settle(
        self,
        conductance: NDArray[np.float64],
        potential: NDArray[np.float64],
        injected: NDArray[np.float64] | None = None,
        /,
    ) -> NDArray[np.float64]:
        """Fill in the floating nodes of ohmic branches; see `sim.network.topology.Topology.settle`."""
        cases = potential.reshape(self._nodes, -1).T
        slot = self.unknowns(~np.isnan(cases[0]))
        fed = np.zeros_like(cases) if injected is None else injected.reshape(self._nodes, -1).T
        settled = [
            _settled(self.plus, self.minus, slot, np.asarray(conductance, dtype=float), *case)
            for case in zip(fed, cases, strict=True)
        ]
        return np.stack(settled, axis=1).reshape(potential.shape)


@njit(cache=True, error_model="numpy")
def _settled(plus, minus, slot, g, injected, given):
    volt = np.zeros(slot.size)
    unknowns = 0
    for n in range(slot.size):
        volt[n] = 0.0 if np.isnan(given[n]) else given[n]
        unknowns = max(unknowns, slot[n] + 1)
    node_voltages(plus, minus, slot, g, np.empty((unknowns, unknowns)), np.empty(unknowns), volt, injected)
    return volt


def _groups(nodes: int, plus: NDArray[np.int64], minus: NDArray[np.int64]) -> NDArray[np.int64]:
    """(N,) number of the connected piece that every node belongs to."""
    group = list(range(nodes))

    def root(node: int) -> int:
        while group[node] != node:
            group[node] = group[group[node]]
            node = group[node]
        return node

    for a, b in zip(plus.tolist(), minus.tolist(), strict=True):
        group[root(a)] = root(b)
    return np.array([root(node) for node in range(nodes)])
