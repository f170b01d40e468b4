"""Random telegraph noise: one trap a cell that catches and releases an electron at random times.

    i = i_law              while the trap is empty, for a time with an exponential distribution of mean rtn_empty
    i = i_law (1 - rtn)    while it is full, likewise of mean rtn_full

Kirton & Uren, Adv. Phys. 38, 367 (1989); Machlup, J. Appl. Phys. 25, 341 (1954). With r = 1/rtn_empty + 1/rtn_full and
p = rtn_full / (rtn_empty + rtn_full) the part of the time for which the trap is full, the relative current has the
autocovariance rtn^2 p (1 - p) exp(-r t) and the one-sided spectrum, a Lorentzian,

    S(f) = 4 rtn^2 p (1 - p) r / (r^2 + (2 pi f)^2)    1/Hz

A Markov chain of two states is renewals of rate r, at each of which the trap is full with probability p
(`sim.crossbar.nonideal.renewal`).
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from hil.compiling import njit
from hil.fraction import Fraction
from sim.cells.law import unit
from sim.crossbar.chance import RTN, RTN_CELLS, RTN_TIMES, bits, stream, uniform
from sim.crossbar.nonideal.part import CellGroup, Fluctuation, NonIdealPart
from sim.crossbar.nonideal.renewal import last_renewal


class RtnParameters(NonIdealPart):
    """Random telegraph noise of an array."""

    switches: ClassVar[dict[str, str]] = dict.fromkeys(("rtn_empty", "rtn_full", "rtn_spread", "rtn_cells"), "rtn")

    rtn: Fraction = Field(0.0, ge=0, lt=1, description="random telegraph noise: part of the current that a trap takes")
    rtn_empty: float = Field(
        1e-2, ge=1e-9, le=1e9, description="mean time for which a trap is empty", json_schema_extra=unit("s")
    )
    rtn_full: float = Field(
        1e-2, ge=1e-9, le=1e9, description="mean time for which a trap is full", json_schema_extra=unit("s")
    )
    rtn_spread: float = Field(
        0.0, ge=0, le=5, description="standard deviation between devices of ln(rtn_empty), ln(rtn_full)"
    )
    rtn_cells: Fraction = Field(1.0, ge=0, le=1, description="cells that have a trap")


class TelegraphNoise(Fluctuation):
    """A trap in every cell, or in some."""

    def __init__(self, parameters: RtnParameters, cells: CellGroup) -> None:
        """Draw which cells have one, and its times."""
        p = parameters
        scale = cells.spread(RTN_TIMES, p.rtn_spread)
        self._rate = (1.0 / p.rtn_empty + 1.0 / p.rtn_full) / scale
        self._full = p.rtn_full / (p.rtn_empty + p.rtn_full)
        self._depth = np.where(stream(cells.seed, RTN_CELLS).random(cells.shape) < p.rtn_cells, p.rtn, 0.0)
        self._seed = cells.seed

    @classmethod
    def of(cls, parameters: RtnParameters, cells: CellGroup) -> TelegraphNoise | None:
        """The noise that is asked for; None if there is none."""
        return cls(parameters, cells) if parameters.rtn else None

    def at(self, time: float) -> NDArray[np.float64]:
        """1, or less where a trap is full."""
        out = np.empty(self._rate.shape)
        _telegraph(self._seed, time, self._rate, self._full, self._depth, out)
        return out


@njit(cache=True, nogil=True, error_model="numpy")
def _telegraph(seed, time, rate, full, depth, out):
    for c in range(out.shape[0]):
        for r in range(out.shape[1]):
            drawn = uniform(last_renewal(bits(seed, RTN, 0, c, r), time * rate[c, r]))
            out[c, r] = 1.0 - depth[c, r] if drawn < full else 1.0
