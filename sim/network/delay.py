"""Elmore's delay of a line with resistances and capacitances (Elmore, J. Appl. Phys. 19, 55, 1948).

A line is a ladder: from its source an end resistance to its first node, then one segment from node to node, a
capacitance to ground at each. The delay of a node is the first moment of its impulse response, the integral of what is
still missing of a unit step:

    tau_k = sum over j of R_jk c,    R_jk = the voltage of node k per current into node j, sources at 0 V.

With one source R_jk is the resistance that the ways of both nodes to it share; with another one behind the last node,
R_jk = a_min (R - a_max) / R, a being the resistance to the first source and R that of the whole line. Cells lead to the
other lines, which are driven as well, and only make a line quicker: what is told is an upper bound, near where cells
have far more resistance than lines.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def ladder_delays(
    nodes: int, capacitance: float, segment: float, near: float, far: float | None = None
) -> NDArray[np.float64]:
    """Elmore delays (nodes,) of a line's nodes, s, counted from its near source.

    Parameters
    ----------
    nodes : int
        Cells along the line.
    capacitance : float
        At each node, F.
    segment : float
        Resistance from node to node, ohm.
    near, far : float
        Resistances between the sources and the first and the last node, ohm; `far` is None for an open end.
    """
    a = near + segment * np.arange(nodes)
    so_far = np.cumsum(a)
    behind = np.arange(nodes - 1, -1, -1)
    if far is None:
        return capacitance * (so_far + a * behind)
    whole = float(a[-1]) + far
    rest = np.cumsum((whole - a)[::-1])[::-1] - (whole - a)
    return capacitance * ((whole - a) * so_far + a * rest) / whole
