"""Who is wired to which line of a crossbar: sources with series resistance and compliance around an array of cells."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hil.errors import InputError
from instruments.virtual.budget import SOLUTION, MessageBudget
from sim.crossbar.array import SimulatedArray
from sim.crossbar.coupled import Held
from sim.network.branches import Branches
from sim.network.lines import IdealLines
from sim.network.ports import PortNetwork, Ports

LEAST = 1e-15
"""Current that a transistor lets through when it is off, A: a limit must be some."""


@dataclass(eq=False)
class Port:
    """Terminals of one source channel.

    Attributes
    ----------
    name : str
        What messages call it.
    hi, lo : set of int
        Lines connected to the terminals.
    contact_open, contact_short : bool
        Faults: no contact at HI, or HI and LO joined in front of the cells.
    sense_open : bool
        Fault: a sense lead is off. With remote sensing the source then goes to its `rail`, whatever its level.
    rail : float
        Voltage that the channel cannot go beyond, V; its overvoltage protection, where it has one.
    """

    name: str
    hi: set[int] = field(default_factory=set)
    lo: set[int] = field(default_factory=set)
    contact_open: bool = False
    contact_short: bool = False
    sense_open: bool = False
    rail: float = np.inf

    def connect(self, hi: Iterable[int], lo: Iterable[int]) -> None:
        """Wire the terminals to these lines and to no others."""
        self.hi, self.lo = set(hi), set(lo)


class PortDrive(NamedTuple):
    """What one port does during a step: `voltage` V behind a limit of `compliance` A, sensed at the cell or not."""

    voltage: float
    compliance: float = np.inf
    four_wire: bool = False


class Transistor(NamedTuple):
    """In series with port 1, its gate on port 2: carries ``k/2 (v_gate - v_t)^2`` at most, and drops nothing below."""

    k: float
    v_t: float

    def most(self, gate: float) -> float:
        """Current that it lets through, A; 0 below its threshold."""
        return self.k / 2 * max(gate - self.v_t, 0.0) ** 2


class Network:
    """The circuit of one step: which line belongs to which port, and what drives it.

    It is a `sim.crossbar.coupled.Surroundings` of the cells.

    Lines of HI terminals are the nodes of a `sim.network.ports.PortNetwork`, those of LO terminals are at 0 V.

    Parameters
    ----------
    device : SimulatedArray
        Between whose lines the ports are: cells see no voltage beyond the range of its lines.
    ports : mapping
        Name to `Port`.
    drives : mapping
        Name to `PortDrive`, for every port whose output is on.
    series, contact : float
        Resistances in front of HI, ohm; remote sensing removes the second.

    Attributes
    ----------
    budget : MessageBudget
        What every solution is spent from.
    wanted : (P,) array
        Source voltages, V; may be changed from step to step.
    solution : sim.network.ports.PortSolution
        The last one: line voltages, and what every port sees.
    """

    def __init__(
        self,
        device: SimulatedArray,
        ports: Mapping[str, Port],
        drives: Mapping[str, PortDrive],
        series: float,
        contact: float,
    ) -> None:
        """Sort the lines into those of the driven ports, those at 0 V and those that float.

        Raises
        ------
        InputError
            If two driven ports are wired to one line.
        """
        driven = [ports[name] for name in drives]
        (self._rows, cols), limits = device.cells, device.limits
        self._lines = self._rows + cols
        self._range, self.budget = (limits.v_min, limits.v_max), MessageBudget()
        self._wires = None if device.wires is None else device.wires.topology
        topology = IdealLines(self._rows, cols) if self._wires is None else self._wires
        self.wanted = np.array([d.voltage for d in drives.values()], dtype=float)
        self._rail = np.array([p.rail for p in driven])
        sensed = [d.four_wire for d in drives.values()]
        self._lost = np.array([p.sense_open and remote for p, remote in zip(driven, sensed, strict=True)], bool)
        joined, grounded = _wired(driven, topology.nodes)
        if self._wires is not None:
            joined, grounded = self._wires.at_both_ends(joined), self._wires.at_both_ends(grounded)
        behind = [
            0.0 if p.contact_short else series + (0.0 if remote else contact)
            for p, remote in zip(driven, sensed, strict=True)
        ]
        self._ports = there = Ports(
            joined,
            np.array(behind, dtype=float),
            np.array([d.compliance for d in drives.values()], dtype=float),
            np.array([p.contact_open for p in driven], dtype=bool),
            np.array([p.contact_short or bool(p.hi & p.lo) for p in driven], dtype=bool),
        )
        self._network = PortNetwork(topology, there, grounded)
        self.stiff = not there.resistance.any() and not there.open.any() and bool((joined.any(axis=0) | grounded).all())

    def limit(self, port: int, current: float) -> None:
        """Let no more than `current` A through a port, from now on."""
        self._ports.limit[port] = max(current, LEAST)

    def hold(self, cells: Branches, /) -> Held:
        """Line voltages at the cells' present states; of every port its compliance, then that of lines."""
        self.budget.spend(SOLUTION)
        if self._lost.any():
            self.wanted = np.where(self._lost, np.sign(self.wanted) * self._rail, self.wanted)
        wires, (low, high) = self._wires, self._range
        self.solution = self._network.solve(cells if wires is None else wires.branches(cells), self.wanted)
        potential = self.solution.potential
        lines = potential if wires is None else potential[: self._lines]
        beyond = bool(lines.max() > high or lines.min() < low)
        if beyond:
            lines = np.clip(lines, low, high)
        own = None if wires is None else np.clip(wires.of_cells(potential), low - high, high - low)
        return Held(lines[: self._rows], lines[self._rows :], (*self.solution.limited.tolist(), beyond), own)


def _wired(driven: Sequence[Port], nodes: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """(P, N) nodes at every port's HI, and (N,) nodes at 0 V; the first are those of the lines."""
    joined = np.zeros((len(driven), nodes), dtype=bool)
    ground = {line for p in driven for line in p.lo}
    for k, p in enumerate(driven):
        for line in p.hi - p.lo:
            if joined[:, line].any() or line in ground:
                raise InputError(f"line {line} is wired to HI of port {p.name} and to another port as well")
            joined[k, line] = True
    grounded = np.zeros(nodes, dtype=bool)
    grounded[list(ground)] = True
    return joined, grounded
