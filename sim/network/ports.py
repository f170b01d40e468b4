"""Sources with a resistance and a current limit in front of a network: ports.

A port holds a voltage V behind a resistance R or, where that would drive more than its limit, carries the limit,

    u + R i = V    or    i = +-I,

with u the voltage of its nodes and i the current that it feeds into them. Seen from the ports, a network whose other
nodes float is i = Y u + j: Y is what remains of the branches' Laplacian, j is 0 if they are ohmic, and what Newton's
method has left over if they are not. Which ports are at their limits is found by repeated solving: the port whose
current would exceed its limit most is held at it, until none exceeds its own any more.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sim.network.branches import Branches, Ohmic
from sim.network.newton import descend, linearised
from sim.network.topology import Topology

BEYOND = 1e-12
"""Relative excess of a current over its limit that counts as rounding."""


class PortSolution(NamedTuple):
    """Node voltages (N,), V, and of every port its current (A), terminal voltage (V) and whether it is at its limit."""

    potential: NDArray[np.float64]
    current: NDArray[np.float64]
    terminal: NDArray[np.float64]
    limited: NDArray[np.bool_]


class _Seen(NamedTuple):
    """Node voltages (N, P) for 1 V on each port, and the ports' admittance matrix (P, P)."""

    spread: NDArray[np.float64]
    admittance: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Ports:
    """P ports, as arrays.

    Attributes
    ----------
    nodes : (P, N) array of bool
        Nodes that each is connected to; no node to two of them.
    resistance : (P,) array
        R in ohm, >= 0.
    limit : (P,) array
        I in A, > 0; infinite for none.
    open, short : (P,) array of bool
        No contact at all; terminals that are joined in front of the nodes, which then are at 0 V.
    """

    nodes: NDArray[np.bool_]
    resistance: NDArray[np.float64]
    limit: NDArray[np.float64]
    open: NDArray[np.bool_]
    short: NDArray[np.bool_]


class PortNetwork:
    """A network that ports drive; all nodes that are neither theirs nor grounded float.

    Parameters
    ----------
    topology : Topology
        Which branch joins which nodes.
    ports : Ports
        What drives them.
    grounded : (N,) array of bool
        Nodes at 0 V.
    """

    def __init__(self, topology: Topology, ports: Ports, grounded: NDArray[np.bool_]) -> None:
        """Sort the nodes into those of the ports, those at 0 V and those that float."""
        self._topology, self._ports = topology, ports
        self._incidence = ports.nodes.T.astype(float)
        floating = ~(ports.nodes.any(axis=0) | grounded)
        self._unit = np.where(floating[:, None], np.nan, self._incidence)
        self._simple = len(ports.limit) == 1 and not floating.any() and not (ports.open | ports.short).any()
        if self._simple:
            self._joined = np.abs(topology.across(self._incidence[:, 0])).ravel()

    def solve(self, branches: Branches, voltage: NDArray[np.float64]) -> PortSolution:
        """Node voltages and port currents.

        Parameters
        ----------
        branches : Branches
            What they carry at their present states.
        voltage : (P,) array
            Of the ports, V.

        Raises
        ------
        InputError
            If Newton's method does not converge, for branches that are not ohmic.
        """
        if not len(voltage):
            return PortSolution(np.zeros(self._topology.nodes), voltage, voltage, np.zeros(0, bool))
        if isinstance(branches, Ohmic) and self._simple:
            return self._solve_simple(branches.conductance, float(voltage[0]))
        seen = self._seen(branches.conductance) if isinstance(branches, Ohmic) else None
        held = np.zeros(len(voltage))
        for _ in range(len(voltage) + 1):
            if seen is not None:
                at_ports = self._at_ports(seen.admittance, 0.0, voltage, held)
                potential, current = seen.spread @ at_ports, seen.admittance @ at_ports
            else:
                potential, current = self._balanced(branches, voltage, held)
            current = self._through(current, voltage, held)
            beyond = (np.abs(current) > self._ports.limit * (1 + BEYOND)) & (held == 0)
            if not beyond.any():
                break
            # One at a time: of two in series, the one that limits leaves the other within its limit.
            worst = int(np.argmax(np.where(beyond, np.abs(current) / self._ports.limit, 0.0)))
            held[worst] = np.sign(current[worst])
        behind = self._voltage_of_ports(potential) + self._ports.resistance * current
        terminal = np.where(self._ports.open | (held == 0), voltage, behind)
        return PortSolution(potential, current, terminal, held != 0)

    def _solve_simple(self, conductance: NDArray[np.float64], voltage: float) -> PortSolution:
        """One port and no floating node: every step of a plain train comes this way, so it is scalar."""
        limit, resistance = float(self._ports.limit[0]), float(self._ports.resistance[0])
        admittance = float(np.vdot(self._joined, conductance))
        potential = voltage / (1.0 + resistance * admittance)
        current = potential * admittance
        limited = abs(current) > limit * (1 + BEYOND)
        if limited:
            current = limit if current > 0 else -limit
            potential = current / admittance
        terminal = potential + resistance * current if limited else voltage
        return PortSolution(
            self._incidence[:, 0] * potential, np.array([current]), np.array([terminal]), np.array([limited])
        )

    def _seen(self, conductance: NDArray[np.float64]) -> _Seen:
        """The network as its ports see it, at these (differential) conductances."""
        spread = self._topology.settle(conductance, self._unit)
        branches = [conductance * self._topology.across(column) for column in spread.T]
        return _Seen(spread, self._incidence.T @ np.stack([self._topology.outflow(b) for b in branches], axis=1))

    def _balanced(
        self, branches: Branches, voltage: NDArray[np.float64], held: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Node voltages and port currents by Newton's method; the ports `held` at a sign of current stay there."""
        topology, ports = self._topology, self._ports
        stiff = (ports.resistance == 0) & (held == 0) & ~ports.open | ports.short
        floating = np.isnan(self._unit[:, 0])
        resting = np.where(floating, np.nan, 0.0)

        def step(x: NDArray[np.float64]) -> NDArray[np.float64]:
            g = linearised(topology, branches, x)
            net = topology.outflow(branches.current(topology.across(x)))
            relaxed = topology.settle(g, resting, np.where(floating, -net, 0.0))
            drawn = self._incidence.T @ (net + topology.outflow(g * topology.across(relaxed)))
            seen, now = self._seen(g), self._voltage_of_ports(x)
            wanted = self._at_ports(seen.admittance, drawn - seen.admittance @ now, voltage, held)
            return relaxed + seen.spread @ (wanted - now)

        def slope(x: NDArray[np.float64], direction: NDArray[np.float64]) -> float:
            net = topology.outflow(branches.current(topology.across(x)))
            behind = np.where(ports.resistance == 0, 1.0, ports.resistance)
            given = np.where(held != 0, self._fixed(held), (voltage - self._voltage_of_ports(x)) / behind)
            given = np.where(ports.open, 0.0, given)
            at_ports = np.where(stiff, 0.0, self._voltage_of_ports(direction))
            return float(np.where(floating, net, 0.0) @ direction + (self._incidence.T @ net - given) @ at_ports)

        seen = self._seen(linearised(topology, branches, np.zeros(topology.nodes)))
        start = seen.spread @ np.where(stiff & ~ports.short, voltage, 0.0)
        found = descend(start, step, slope)
        return found, self._incidence.T @ topology.outflow(branches.current(topology.across(found)))

    def _at_ports(
        self,
        admittance: NDArray[np.float64],
        drawn: NDArray[np.float64] | float,
        voltage: NDArray[np.float64],
        held: NDArray[np.float64],
    ) -> NDArray[np.float64]:
        """Voltage of every port's nodes, where they draw Y u + `drawn`."""
        ports = self._ports
        of_current = (held != 0) | ports.open
        own = np.eye(len(voltage))
        matrix = np.where(of_current[:, None], admittance, own + ports.resistance[:, None] * admittance)
        right = np.where(of_current, self._fixed(held) - drawn, voltage - ports.resistance * drawn)
        for k in np.flatnonzero(ports.short | (of_current & (np.abs(matrix).sum(axis=1) == 0))):
            matrix[k], right[k] = own[k], 0.0
        return np.linalg.solve(matrix, right)

    def _fixed(self, held: NDArray[np.float64]) -> NDArray[np.float64]:
        """Currents of the ports that are held at their limits, A; 0 for the others."""
        return held * np.where(np.isfinite(self._ports.limit), self._ports.limit, 0.0)

    def _through(
        self, current: NDArray[np.float64], voltage: NDArray[np.float64], held: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """What the ports themselves carry, A: not all of it reaches the nodes of one that is open or shorted."""
        ports = self._ports
        with np.errstate(divide="ignore", invalid="ignore"):
            through = np.where(voltage == 0, 0.0, voltage / ports.resistance)
        current = np.where(ports.short, through, current)
        return np.where(ports.open, 0.0, np.where(held != 0, self._fixed(held), current))

    def _voltage_of_ports(self, potential: NDArray[np.float64]) -> NDArray[np.float64]:
        """(P,) voltages of the ports' nodes, V; 0 for a port without any."""
        return (self._incidence / np.maximum(self._incidence.sum(axis=0), 1.0)).T @ potential
