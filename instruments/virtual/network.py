"""Who is wired to which line of a crossbar, and the linear network that this makes at the cells' present state."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hil.errors import InputError


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


class Drive(NamedTuple):
    """What one port does during a step: `voltage` V behind a limit of `compliance` A, sensed at the cell or not."""

    voltage: float
    compliance: float = np.inf
    four_wire: bool = False


class Solution(NamedTuple):
    """Line voltages (L,), and current, terminal voltage and tripped flag of every driven port."""

    voltages: NDArray[np.float64]
    current: NDArray[np.float64]
    terminal: NDArray[np.float64]
    tripped: NDArray[np.bool_]


class Network:
    """The linear network of one step: which line belongs to which node, and what drives the nodes.

    Parameters
    ----------
    rows, lines : int
        Rows of the crossbar; its rows and columns together.
    ports : mapping
        Name to `Port`.
    drives : mapping
        Name to `Drive`, for every port whose output is on.
    series, contact : float
        Resistances in front of HI, ohm; remote sensing removes the second.

    Attributes
    ----------
    wanted : (P,) array
        Source voltages, V; may be changed from step to step.
    """

    def __init__(
        self,
        rows: int,
        lines: int,
        ports: Mapping[str, Port],
        drives: Mapping[str, Drive],
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
        self.rows = rows
        self.wanted = np.array([d.voltage for d in drives.values()], dtype=float)
        self.limit = np.array([d.compliance for d in drives.values()], dtype=float)
        self.resistance = np.array([series + (0.0 if d.four_wire else contact) for d in drives.values()])
        self.rail = np.array([p.rail for p in driven])
        self.lost = np.array([p.sense_open and d.four_wire for p, d in zip(driven, drives.values(), strict=True)], bool)
        self.open = np.array([p.contact_open for p in driven], dtype=bool)
        self.short = np.array([p.contact_short or bool(p.hi & p.lo) for p in driven], dtype=bool)
        self.resistance = np.where(np.array([p.contact_short for p in driven], dtype=bool), 0.0, self.resistance)
        owner = np.full(lines, -1)
        ground = {line for p in driven for line in p.lo}
        for k, p in enumerate(driven):
            for line in p.hi - p.lo:
                if owner[line] >= 0 or line in ground:
                    raise InputError(f"line {line} is wired to HI of port {p.name} and to another port as well")
                owner[line] = k
        self.incidence = (owner[:, None] == np.arange(len(driven))).astype(float)
        self.driven = owner >= 0
        self.driven[list(ground)] = True
        self.floating = ~self.driven
        self.simple = len(driven) == 1 and not self.floating.any() and not (self.open | self.short).any()

    def solve(self, conductance: NDArray[np.float64]) -> Solution:
        """Node voltages and port currents at the cells' present conductance, (R, C), S."""
        if self.lost.any():
            self.wanted = np.where(self.lost, np.sign(self.wanted) * self.rail, self.wanted)
        if self.simple:
            return self._solve_simple(conductance)
        spread = self._spread(conductance)
        admittance = spread[1]
        count = len(self.wanted)
        sign = np.zeros(count)
        potential, current = np.zeros(count), np.zeros(count)
        for _ in range(count + 1):
            potential, current = self._ports(admittance, sign)
            beyond = (np.abs(current) > self.limit * (1 + 1e-12)) & (sign == 0)
            if not beyond.any():
                break
            sign = np.where(beyond, np.sign(current), sign)
        terminal = np.where(self.open | (sign == 0), self.wanted, potential + self.resistance * current)
        return Solution(spread[0] @ potential, current, terminal, sign != 0)

    def _solve_simple(self, conductance: NDArray[np.float64]) -> Solution:
        """One port and no floating line: every step of a plain train comes this way, so it is scalar."""
        at_hi = self.incidence[:, 0]
        rows, cols = at_hi[: self.rows], at_hi[self.rows :]
        admittance = float(conductance[0, 0] if conductance.size == 1 else rows @ conductance @ (1.0 - cols)
                           + (1.0 - rows) @ conductance @ cols)  # fmt: skip
        wanted, limit, resistance = float(self.wanted[0]), float(self.limit[0]), float(self.resistance[0])
        potential = wanted / (1.0 + resistance * admittance)
        current = potential * admittance
        tripped = abs(current) > limit * (1 + 1e-12)
        if tripped:
            current = limit if current > 0 else -limit
            potential = current / admittance
        terminal = potential + resistance * current if tripped else wanted
        return Solution(at_hi * potential, np.array([current]), np.array([terminal]), np.array([tripped]))

    def _spread(self, conductance: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Line voltages for 1 V on each port (L, P), and the ports' admittance matrix (P, P)."""
        lines, rows = len(self.driven), self.rows
        laplacian = np.zeros((lines, lines))
        laplacian[:rows, rows:], laplacian[rows:, :rows] = -conductance, -conductance.T
        laplacian[np.diag_indices(lines)] = -laplacian.sum(axis=1)
        spread = self.incidence.copy()
        if self.floating.any() and self.driven.any():
            block = laplacian[np.ix_(self.floating, self.floating)]
            inflow = -laplacian[np.ix_(self.floating, self.driven)] @ self.incidence[self.driven]
            spread[self.floating] = np.linalg.solve(block, inflow)
        return spread, self.incidence.T @ laplacian @ spread

    def _ports(self, admittance: NDArray[Any], sign: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
        """Potential behind the series resistance, and current, of every port; `sign` != 0 where it is a current."""
        held = (sign != 0) | self.open
        fixed = np.where(sign != 0, sign * np.where(np.isfinite(self.limit), self.limit, 0.0), 0.0)
        matrix = np.where(held[:, None], admittance, np.eye(len(sign)) + self.resistance[:, None] * admittance)
        right = np.where(held, fixed, self.wanted)
        for k in np.flatnonzero(self.short | (held & (np.abs(matrix).sum(axis=1) == 0))):
            matrix[k], right[k] = np.eye(len(sign))[k], 0.0
        potential = np.linalg.solve(matrix, right)
        current = admittance @ potential
        with np.errstate(divide="ignore", invalid="ignore"):
            through = np.where(self.wanted == 0, 0.0, self.wanted / self.resistance)
        current = np.where(self.short, np.where(sign != 0, fixed, through), current)
        return potential, np.where(self.open, 0.0, current)
