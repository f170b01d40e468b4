"""Newton's method for branches that are not ohmic, damped so that it cannot run away.

The voltages of a network of passive branches are where its co-content, the sum over all branches of the integral of
i dv, is least (Millar 1951): its gradient is the net current out of every node, its Hessian the Laplacian of the
differential conductances. So a Newton step is the solution of an ohmic network, and it is halved until the co-content
no longer rises along it.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from hil.errors import InputError
from sim.network.branches import Branches, Ohmic
from sim.network.topology import Topology

PRECISION = 1e-12
"""Newton's method ends with a step that moves no node further than this fraction of the largest voltage."""

MOST_STEPS = 200
"""Newton steps beyond which a network is refused."""

MOST_HALVINGS = 60
"""Halvings of one Newton step, at most."""

OVERSHOT = 0.1
"""Slope of the co-content allowed at the end of a step, as a fraction of the slope at its beginning."""

BLOCKED = 1e-18
"""Least differential conductance of a branch in a Newton step, as a fraction of the largest: a node whose branches all
block has a voltage then."""

_TINY = 1e-200


def potentials(topology: Topology, branches: Branches, given: NDArray[np.float64]) -> NDArray[np.float64]:
    """Voltages of all nodes where some are driven.

    Parameters
    ----------
    topology : Topology
        Which branch joins which nodes.
    branches : Branches
        What they carry.
    given : (N,) array
        Voltages of the driven nodes, V; NaN for the floating ones.

    Returns
    -------
    (N,) array
        All voltages: no net current flows into a floating node. Those that reach no driven node are at 0 V.

    Raises
    ------
    InputError
        If Newton's method does not converge, to a relative `PRECISION`.
    """
    if isinstance(branches, Ohmic):
        return topology.settle(branches.conductance, given)
    floating = np.isnan(given)
    held = np.where(floating, np.nan, 0.0)

    def net(x: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.where(floating, topology.outflow(branches.current(topology.across(x))), 0.0)

    def step(x: NDArray[np.float64]) -> NDArray[np.float64]:
        return topology.settle(linearised(topology, branches, x), held, -net(x))

    start = topology.settle(linearised(topology, branches, np.zeros(topology.nodes)), given)
    return descend(start, step, lambda x, direction: float(net(x) @ direction))


def linearised(topology: Topology, branches: Branches, x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Differential conductances (S, all > 0) of the branches at the node voltages `x` (N,): the network of one step."""
    g = branches.differential_conductance(topology.across(x))
    return np.maximum(g, max(BLOCKED * g.max(initial=0.0), _TINY))


def descend(
    x: NDArray[np.float64],
    step: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    slope: Callable[[NDArray[np.float64], NDArray[np.float64]], float],
) -> NDArray[np.float64]:
    """Node voltages (N,), V, at which the co-content is least, by damped Newton steps.

    Parameters
    ----------
    x : (N,) array
        Node voltages to begin with, V.
    step : callable
        The full Newton step (N,), V, from given node voltages.
    slope : callable
        Derivative of the co-content, A, at given node voltages along a direction (N,).

    Raises
    ------
    InputError
        If the steps do not become negligible (`PRECISION`) within `MOST_STEPS`.
    """
    moved = np.inf
    with np.errstate(over="ignore", invalid="ignore"):
        for _ in range(MOST_STEPS):
            direction = step(x)
            moved = float(np.abs(direction).max(initial=0.0))
            if moved <= PRECISION * np.abs(x).max(initial=0.0):
                return x + direction
            if not np.isfinite(moved):
                break
            x = x + _length(x, direction, slope) * direction
    raise InputError(
        f"the voltages of {len(x)} nodes do not converge in {MOST_STEPS} Newton steps, the last one of {moved:.2g} V: "
        "the current of every branch must be 0 at 0 V, rise with its voltage, and be finite"
    )


def _length(
    x: NDArray[np.float64],
    direction: NDArray[np.float64],
    slope: Callable[[NDArray[np.float64], NDArray[np.float64]], float],
) -> float:
    """Fraction of a Newton step to take, halved until the co-content no longer rises along it."""
    allowed, length = OVERSHOT * abs(slope(x, direction)), 1.0
    for _ in range(MOST_HALVINGS):
        if slope(x + length * direction, direction) <= allowed:
            break
        length /= 2
    return length
