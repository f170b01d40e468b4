"""Eqs 3 and 4 of the series pair (`sim.cells.flca_pair`) as rates of its fluxes, and its current."""

from __future__ import annotations

from hil.compiling import njit
from sim.cells.equations import Equations
from sim.cells.memristance import memristance

REASSOCIATE = {"contract", "nsz", "arcp"}
"""What the compiler may rearrange in these kernels."""


@njit(cache=True, inline="always", error_model="numpy", fastmath=REASSOCIATE)
def rates(x, y, drive, dv, dn, rv, rn):
    """Right-hand sides of eq 3 and of eq 4 before its hold; `drive` = A V."""
    mn = memristance(rn, max(y, 0.0))
    across = drive * mn / (memristance(rv, x) + mn)
    return drive - across - dv * x, across - dn * y


@njit(cache=True, inline="always", error_model="numpy", fastmath=REASSOCIATE)
def held(drive, rate):
    """Eq 4's hold: a positive voltage never lowers phi_n."""
    return max(rate, 0.0) if drive >= 0.0 else rate


def _rate(v, x, p, out):
    """Of both fluxes, V; `p` is A, Dv, Dn, how many coefficients R_v has, R_v, R_n."""
    last = 4 + int(p[3])
    out[0], rate = rates(x[0], x[1], p[0] * v, p[1], p[2], p[4:last], p[last:])
    out[1] = held(p[0] * v, rate)


def _current(v, x, p):
    last = 4 + int(p[3])
    return v / (memristance(p[4:last], x[0]) + memristance(p[last:], x[1]))


EQUATIONS = Equations(_rate, _current)
