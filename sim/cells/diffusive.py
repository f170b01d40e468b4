"""Diffusive (Ag) volatile switch, in the compact form of Tong Wang et al. (TongWang-USC/Memristor-Model on GitHub).

    df/dt = min(1, |v| mu / (alpha + 1 - f - r) - g1 f - beta f),   dr/dt = beta f - g2 r,   x = f + r, clipped to 0..1
    R = R_on x + R_off (e^((1 - x) / lam) - 1) / (e^(1 / lam) - 1)

f is a fast filament and r a residue that outlives it. The term 1 / (alpha + 1 - f - r) snaps the filament shut. Both
signs of the voltage do the same, and without it the cell relaxes: nothing lowers the conductance but time.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from pydantic import Field, model_validator

from sim.cells.law import CellParameters, StateVariable, unit
from sim.cells.rates import Equations, OhmicRateLaw, current_equation, rate_equation
from sim.crossbar.kinds import simulated


class DiffusiveParameters(CellParameters):
    """Parameters of `sim:diffusive`."""

    r_on: float = Field(17e3, gt=0, description="resistance of a whole filament", json_schema_extra=unit("ohm"))
    r_off: float = Field(1e10, gt=0, description="resistance without one", json_schema_extra=unit("ohm"))
    lam: float = Field(0.1, gt=0, description="part of the way over which the resistance falls by e")
    alpha: float = Field(0.1, gt=0, description="how suddenly the filament closes")
    mu: float = Field(16.0, gt=0, description="growth of the filament", json_schema_extra=unit("1/(V s)"))
    beta: float = Field(0.35, ge=0, description="rate at which filament becomes residue", json_schema_extra=unit("1/s"))
    g1: float = Field(50.0, ge=0, description="decay of the filament", json_schema_extra=unit("1/s"))
    g2: float = Field(0.42, ge=0, description="decay of the residue", json_schema_extra=unit("1/s"))

    @model_validator(mode="after")
    def _switches(self) -> Self:
        if self.r_on >= self.r_off:
            raise ValueError(f"r_on {self.r_on:g} ohm must be below r_off {self.r_off:g} ohm")
        return self


@rate_equation
def _rate(v, x, p, out):
    room = max(p[3] + 1.0 - x[0] - x[1], 1e-12)
    out[0] = min(1.0, abs(v) * p[4] / room - (p[6] + p[5]) * x[0])
    out[1] = p[5] * x[0] - p[7] * x[1]
    if x[0] + x[1] >= 1.0 and out[0] > 0.0:
        out[0] = 0.0


@current_equation
def _current(v, x, p):
    whole = min(max(x[0] + x[1], 0.0), 1.0)
    return v / (p[0] * whole + p[1] * np.expm1((1.0 - whole) / p[2]) / np.expm1(1.0 / p[2]))


class DiffusiveLaw(OhmicRateLaw[DiffusiveParameters]):
    """Such a switch. Spread in sensitivity multiplies df/dt, spread in memristance R."""

    programmed = "f"
    equations = Equations(_rate, _current)

    @property
    def states(self) -> tuple[StateVariable, ...]:
        """Filament and residue."""
        return StateVariable("f", 0.0, 0.0, 1.0), StateVariable("r", 0.0, 0.0, 1.0)

    def constants(self) -> tuple[float, ...]:
        """Resistance, then growth and decay."""
        p = self.parameters
        return p.r_on, p.r_off, p.lam, p.alpha, p.mu, p.beta, p.g1, p.g2


PRESETS: Mapping[str, Mapping[str, Any]] = {"usc": {}}
"""usc: the published code's values. Its random shrinking depends on the step and is left out."""

kind = simulated("diffusive", "volatile switch of diffusing silver", DiffusiveLaw, DiffusiveParameters, PRESETS)
