"""Filamentary RRAM that moves one step a pulse: the synaptic dynamics of Brivio et al. (2021).

Front. Neurosci. 15:580909, eqs 1-3. The weight w in [0, 1] changes by dw/dn with every pulse n:

    L-HB   (linear, hard bounds)       dw+ = alpha+                      dw- = -alpha-                      (1)
    NL-SB  (non-linear, soft bounds)   dw+ = alpha+ (1 - w)^gamma+       dw- = -alpha- w^gamma-             (2)
    NL-HB  (non-linear, hard bounds)   dw+ = alpha+ / ws+ (1 - w ws+)^gamma+
                                       dw- = -alpha- / ws- (1 - (1 - w) ws-)^gamma-                         (3)

where ws = 1 - (1 + (gamma - 1) alpha Nstop)^(-1 / (gamma - 1)), or 1 - exp(-alpha Nstop) for gamma = 1, is the weight
at which the soft-bound dynamics is cut off after Nstop pulses. The depression of eq 3 mirrors the potentiation.

`exp` is the curve of N pulses by which simulators of networks describe a device (NeuroSim: Chen, Peng & Yu 2018, IEEE
Trans. CAD 37, 3067), with a non-linearity nu of either sign: w(p) = (1 - exp(-nu p)) / (1 - exp(-nu)), p = n / N, so

    EXP    dw+ = a (1 - s w),  dw- = -a (1 - s (1 - w)),  a = (1 - exp(-nu / N)) / s,  s = 1 - exp(-nu),  1 / N = alpha

whose steps fall along the way for nu > 0 and grow for nu < 0; nu = 0 is L-HB.

A pulse is a stretch of a call in which the cell voltage is at or beyond a threshold: v_set potentiates, -v_reset
depresses. Its length and height do not matter, and neither does how it is cut into segments; the call ends it.
"""

from __future__ import annotations

import math
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from hil.compiling import njit
from hil.fraction import Fraction
from hil.programming import Programming
from sim.cells.law import CellParameters, Columns, OhmicLaw, PulseStep, State, StateVariable, unit
from sim.cells.segments import Segments
from sim.crossbar.kinds import simulated

PULSE_WIDTH = 1e-6
"""Width of a programming pulse, s; the model counts pulses, whatever their width."""


class RramParameters(CellParameters):
    """Parameters of `sim:rram`; depression takes the value of potentiation where it is not given its own."""

    model: Literal["lhb", "nlsb", "nlhb", "exp"] = Field(
        "lhb", description="linear/non-linear, soft/hard bounds; exp: steps of a non-linearity of either sign"
    )
    alpha: Fraction = Field(0.002, gt=0, le=1, description="first potentiation step of eqs 1-3")
    gamma: float = Field(1.0, ge=1, description="potentiation exponent (nlsb, nlhb)")
    nstop: float = Field(500.0, gt=0, description="potentiation pulses from bound to bound (nlhb)")
    nl: float = Field(0.0, ge=-20, le=20, description="non-linearity of potentiation (exp)")
    nl_dep: float | None = Field(None, ge=-20, le=20, description="that of depression (exp); nl if not given")
    alpha_dep: Fraction | None = Field(None, gt=0, le=1, description="first depression step; alpha if not given")
    gamma_dep: float | None = Field(None, ge=1, description="depression exponent; gamma if not given")
    nstop_dep: float | None = Field(None, gt=0, description="depression pulses from bound to bound; nstop if not given")
    v_set: float = Field(1.0, gt=0, description="potentiation threshold", json_schema_extra=unit("V"))
    v_reset: float = Field(1.0, gt=0, description="depression threshold (magnitude)", json_schema_extra=unit("V"))
    g_min: float = Field(1e-6, gt=0, description="conductance at w = 0", json_schema_extra=unit("S"))
    g_max: float = Field(1e-4, gt=0, description="conductance at w = 1", json_schema_extra=unit("S"))
    w0: Fraction = Field(0.5, ge=0, le=1, description="pristine weight")

    @model_validator(mode="after")
    def _window(self) -> Self:
        if self.g_min >= self.g_max:
            raise ValueError(f"g_min {self.g_min:g} S must be below g_max {self.g_max:g} S")
        return self

    def branches(self) -> tuple[tuple[float, float, float], tuple[float, float, float]]:
        """(alpha / ws, gamma, ws) of eq 3 for potentiation and depression; eqs 1 and 2 are its limits ws = 0 and 1."""
        return (
            self._branch(self.alpha, self.gamma, self.nstop, self.nl),
            self._branch(
                self.alpha if self.alpha_dep is None else self.alpha_dep,
                self.gamma if self.gamma_dep is None else self.gamma_dep,
                self.nstop if self.nstop_dep is None else self.nstop_dep,
                self.nl if self.nl_dep is None else self.nl_dep,
            ),
        )

    def _branch(self, alpha: float, gamma: float, nstop: float, nl: float) -> tuple[float, float, float]:
        if self.model == "exp" and nl:
            cut = -math.expm1(-nl)
            return -math.expm1(-nl * alpha) / cut, 1.0, cut
        if self.model in ("lhb", "exp"):
            return alpha, 1.0, 0.0
        if self.model == "nlsb":
            return alpha, gamma, 1.0
        ws = stop_weight(alpha, gamma, nstop)
        return alpha / ws, gamma, ws


def stop_weight(alpha: float, gamma: float, nstop: float) -> float:
    """Weight that the soft-bound dynamics (eq 2) reaches from 0 after `nstop` pulses, counted continuously."""
    if gamma == 1.0:
        return float(-np.expm1(-alpha * nstop))
    return float(-np.expm1(-np.log1p((gamma - 1.0) * alpha * nstop) / (gamma - 1.0)))


class RramLaw(OhmicLaw[RramParameters]):
    """Pulse-step RRAM cell; spread in sensitivity multiplies alpha, spread in memristance divides the conductance."""

    programmed, jumps = "weight", True
    no_equations = "it counts pulses, one step each whatever their width, so that no rate in time could be written"

    @property
    def states(self) -> tuple[StateVariable, ...]:
        """Weight, 0..1; and for a pulse under way, which threshold it has reached (1 set, -1 reset, 0 none)."""
        return (
            StateVariable("weight", self.parameters.w0, 0.0, 1.0),
            StateVariable("beyond", dtype=np.int8, in_pulse=True),
        )

    @property
    def pulse_step(self) -> PulseStep:
        """Eqs 1-3, and the pulses that reach the thresholds."""
        p = self.parameters
        return PulseStep(Programming(p.v_set, p.v_reset, PULSE_WIDTH, p.g_min, p.g_max), *p.branches())

    def conductance_range(self, v_max: float) -> tuple[float, float]:
        """Conductances of weights 0 and 1, S."""
        return self.parameters.g_min, self.parameters.g_max

    def advance(self, cells: Columns, play: Segments) -> None:
        """One step at every pulse that begins."""
        self._advance(cells, play, cells.state["weight"], cells.state["beyond"])

    def dose(self, cells: Columns, play: Segments, out: NDArray[np.float64]) -> None:
        """A pulse steps at its edge: all through the segment a cell conducts as it does at the end."""
        p, (weight, beyond) = self.parameters, (cells.state[name].copy() for name in ("weight", "beyond"))
        self._advance(cells, play, weight, beyond)
        if cells.factor.size:
            weight = np.clip(cells.origin + cells.factor * (weight - cells.origin), 0.0, 1.0)
        out[:] = play.duration[0] * (p.g_min + weight * (p.g_max - p.g_min))

    def memristance(self, state: State) -> NDArray[np.float64]:
        """Resistance at the weight, ohm."""
        p = self.parameters
        return 1.0 / (p.g_min + state["weight"] * (p.g_max - p.g_min))

    def _advance(self, cells: Columns, play: Segments, weight: NDArray[np.float64], beyond: NDArray[np.int8]) -> None:
        p = self.parameters
        up, down = p.branches()
        drive_rram(play, weight, beyond, cells.gain, p.v_set, p.v_reset, up, down, cells.low, cells.high)


@njit(cache=True, nogil=True, error_model="numpy")
def drive_rram(
    play, weight, beyond, gain, v_set, v_reset, up, down, low, high
):  # fmt: skip
    """Step the weights (cols, rows) at every pulse that begins in the segments of `play`.

    `beyond` (cols, rows) says beyond which threshold a cell is: 1 set, -1 reset, 0 neither; `up` and `down` are
    `RramParameters.branches`.
    """
    for c in range(play.cols.shape[1]):
        w, last, sensitivity = weight[c], beyond[c], gain[c]
        for t in range(play.rows.shape[0]):
            for r in range(w.size):
                v = play.rows[t, r] - play.cols[t, c]
                now = np.int8(v >= v_set) - np.int8(v <= -v_reset)
                if now != last[r] and now != 0:
                    if now > 0:
                        step = up[0] * (1.0 - w[r] * up[2]) ** up[1]
                    else:
                        step = -down[0] * (1.0 - (1.0 - w[r]) * down[2]) ** down[1]
                    w[r] = min(max(w[r] + step * sensitivity[r], low), high)
                last[r] = now


PRESETS = {
    "default": {},
    "wang2016": {"model": "nlhb", "alpha": 0.004, "gamma": 1.02, "nstop": 300.0},
}
"""Named parameters of `sim:rram`; wang2016 is the fit that Brivio et al. (2021) give for Wang et al. (2016)."""

kind = simulated("rram", "RRAM that moves one step a pulse (L-HB, NL-SB, NL-HB)", RramLaw, RramParameters, PRESETS)
