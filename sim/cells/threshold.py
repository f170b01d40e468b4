"""Threshold model of Pershin & Di Ventra: the memristance itself moves. IEEE Trans. Circuits Syst. I 57, 1857 (2010).

    dM/dt = beta v + (alpha - beta) (|v + V_t| - |v - V_t|) / 2,   R_on <= M <= R_off

alpha is the rate below the threshold, 0 for most devices, and beta the one above it. A positive voltage raises M;
``set=positive`` turns the cell round. At a constant voltage M moves on a straight line until it meets a bound. Biolek,
Di Ventra & Pershin, Radioengineering 22, 945 (2013), smooth the bounds over 1e-5 for SPICE; here they are exact.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from hil.programming import Programming
from sim.cells.law import StateVariable, unit
from sim.cells.pulse_parameters import PulseParameters
from sim.cells.rates import Equations, OhmicRateLaw, current_equation, rate_equation
from sim.crossbar.kinds import simulated


class ThresholdParameters(PulseParameters):
    """Parameters of `sim:threshold`."""

    r_on: float = Field(1e3, gt=0, description="lowest memristance", json_schema_extra=unit("ohm"))
    r_off: float = Field(10e3, gt=0, description="highest memristance", json_schema_extra=unit("ohm"))
    v_t: float = Field(4.6, ge=0, description="threshold", json_schema_extra=unit("V"))
    alpha: float = Field(0.0, ge=0, description="rate below the threshold", json_schema_extra=unit("ohm/(V s)"))
    beta: float = Field(1e13, gt=0, description="rate above the threshold", json_schema_extra=unit("ohm/(V s)"))
    set: Literal["negative", "positive"] = Field("negative", description="sign of the voltage that lowers M")
    r0: float = Field(5.5e3, gt=0, description="pristine memristance", json_schema_extra=unit("ohm"))

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if not self.r_on < self.r_off:
            raise ValueError(f"r_on {self.r_on:g} ohm must be below r_off {self.r_off:g} ohm")
        if not self.r_on <= self.r0 <= self.r_off:
            raise ValueError(f"r0 {self.r0:g} ohm must be in {self.r_on:g} .. {self.r_off:g} ohm")
        return self


@rate_equation
def _rate(v, x, p, out):
    across = p[0] * v
    beyond = np.sign(across) * max(abs(across) - p[1], 0.0)
    out[0] = p[2] * across + (p[3] - p[2]) * beyond


@current_equation
def _current(v, x, p):
    return v / x[0]


class ThresholdLaw(OhmicRateLaw[ThresholdParameters]):
    """Such a memristor. Spread in sensitivity multiplies the rates, spread in memristance M."""

    programmed = "M"
    equations = Equations(_rate, _current)

    @property
    def states(self) -> tuple[StateVariable, ...]:
        """The memristance, ohm."""
        p = self.parameters
        return (StateVariable("M", p.r0, p.r_on, p.r_off),)

    def constants(self) -> tuple[float, ...]:
        """Direction, threshold, rates."""
        p = self.parameters
        return -1.0 if p.set == "positive" else 1.0, p.v_t, p.alpha, p.beta

    @property
    def thresholds(self) -> tuple[float, float] | None:
        """The threshold, V; None where a cell moves below it as well."""
        p = self.parameters
        return None if p.alpha else (p.v_t, p.v_t)

    @property
    def programming(self) -> Programming:
        """Pulses as given."""
        p = self.parameters
        return p.pulses(1 / p.r_off, 1 / p.r_on, 1 if p.set == "positive" else -1)


PRESETS: Mapping[str, Mapping[str, Any]] = {
    "biolek-r2": {"v_set": 4.7, "v_reset": 4.7, "t_pulse": 1e-10},
    "slow": {"v_t": 1.6, "beta": 2e7, "v_set": 2.0, "v_reset": 2.0, "t_pulse": 1e-5, "set": "positive"},
}
"""biolek-r2: model R2 of Biolek et al. (2013). slow: ours, the threshold of ngspice's example for pulses of 10 us."""

kind = simulated(
    "threshold",
    "memristance that moves above a threshold (Pershin & Di Ventra)",
    ThresholdLaw,
    ThresholdParameters,
    PRESETS,
)
