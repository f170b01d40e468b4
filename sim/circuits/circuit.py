"""What a circuit is: memristors, resistors and voltage sources between named nodes.

    Circuit(
        Source("in", "a"),
        Memristor("volatile", "a", "m", Flca(volatile=True)),
        Memristor("weight", "m", GROUND, Flca(volatile=False)),
    )

Every source is referred to ground and may be switched off (left floating). There are no capacitors and no inductors:
the only states are the flux linkages of the memristors, and the node voltages follow from them at every instant.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hil.errors import InputError, nearest

GROUND = "0"
"""Name of the node at 0 V, as in SPICE."""


@dataclass(frozen=True)
class Flca:
    """An FLCA memristor: eqs 1-4 of Zivasatienraj & Doolittle (2023) as `sim.cells.flca` states them.

    Parameters
    ----------
    R : sequence of float
        Coefficients R_0, R_1, ... of M(phi) = sum_n R_n |phi|^n in ohm/(V s)^n; R_0 > 0, the others >= 0.
    A : float
        Gain, > 0: dphi/dt = A v - D phi.
    D : float
        Relaxation rate in 1/s, >= 0.
    volatile : bool
        Eq 3 if true; else eq 4, which holds phi for 0 <= A v / D < phi and keeps it >= 0.

    Raises
    ------
    InputError
        If a parameter is outside its range.
    """

    R: tuple[float, ...] = (100.0, 1e6)
    A: float = 1.0
    D: float = 1.0
    volatile: bool = True

    def __post_init__(self) -> None:
        """Check and convert the parameters."""
        r = tuple(float(x) for x in self.R) if isinstance(self.R, Sequence | np.ndarray) else ()
        if not r or not 0 < r[0] < np.inf or not all(0 <= x < np.inf for x in r):
            raise InputError(f"R = {self.R}: give R_0, R_1, ... with R_0 > 0 and all others >= 0, finite")
        if not 0 < self.A < np.inf:
            raise InputError(f"A = {self.A}: a memristor's gain must be positive and finite")
        if not 0 <= self.D < np.inf:
            raise InputError(f"D = {self.D} /s: a memristor's relaxation rate must be >= 0 and finite")
        object.__setattr__(self, "R", r)


@dataclass(frozen=True)
class Memristor:
    """A memristor of `model` from node `plus` to node `minus`; a positive V(plus) - V(minus) raises its flux."""

    name: str
    plus: str
    minus: str
    model: Flca


@dataclass(frozen=True)
class Resistor:
    """A resistor of `ohm` > 0 from node `plus` to node `minus`."""

    name: str
    plus: str
    minus: str
    ohm: float

    def __post_init__(self) -> None:
        """Check the resistance."""
        if not 0 < self.ohm < np.inf:
            raise InputError(f"resistor '{self.name}': {self.ohm} ohm must be positive and finite")


@dataclass(frozen=True)
class Source:
    """An ideal voltage source from ground to `node`; what it drives, and when it floats, is up to a `Drive`."""

    name: str
    node: str


Element = Memristor | Resistor | Source


class Circuit:
    """Elements between named nodes.

    Parameters
    ----------
    *elements : Memristor, Resistor or Source
        Their names must differ, and no two sources may drive one node.

    Attributes
    ----------
    memristors, resistors, sources : tuples
        The elements by kind, in the order given.
    nodes : tuple of str
        All nodes, `GROUND` first.

    Raises
    ------
    InputError
        If a name is used twice, an element joins a node to itself, or a source is on a node that is driven already.
    """

    def __init__(self, *elements: Element) -> None:
        """Sort the elements by kind and check that they make a circuit."""
        for element in elements:
            if not isinstance(element, Element):
                raise InputError(f"{element!r} is no Memristor, Resistor or Source")
        self.memristors = tuple(e for e in elements if isinstance(e, Memristor))
        self.resistors = tuple(e for e in elements if isinstance(e, Resistor))
        self.sources = tuple(e for e in elements if isinstance(e, Source))
        if not self.sources or not self.branches:
            raise InputError("a circuit needs at least one source and one memristor or resistor")
        names = [e.name for e in elements]
        for name in names:
            if names.count(name) > 1:
                raise InputError(f"name '{name}' is used by {names.count(name)} elements of the circuit")
        for branch in self.branches:
            if branch.plus == branch.minus:
                raise InputError(f"element '{branch.name}' joins node '{branch.plus}' to itself")
        driven = [s.node for s in self.sources]
        for source in self.sources:
            if source.node == GROUND:
                raise InputError(f"source '{source.name}' drives the ground node '{GROUND}'")
            if driven.count(source.node) > 1:
                raise InputError(f"node '{source.node}' is driven by {driven.count(source.node)} sources")
        ends = [n for b in self.branches for n in (b.plus, b.minus)]
        self.nodes = tuple(dict.fromkeys([GROUND, *driven, *ends]))

    @property
    def branches(self) -> tuple[Memristor | Resistor, ...]:
        """All elements that carry current between two nodes, memristors first."""
        return (*self.memristors, *self.resistors)

    def source(self, name: str) -> Source:
        """Find the source called `name`; raises `InputError` if there is none."""
        for source in self.sources:
            if source.name == name:
                return source
        raise InputError(f"no source '{name}' in the circuit {nearest(name, [s.name for s in self.sources])}")

    def __repr__(self) -> str:
        """Say what the circuit is made of in one line."""
        return (
            f"Circuit({len(self.memristors)} memristors, {len(self.resistors)} resistors, "
            f"{len(self.sources)} sources, nodes {', '.join(self.nodes)})"
        )
