"""Non-linear ion drift: Yang et al., Nature Nanotech. 3, 429 (2008); Lehtonen & Laiho, CNNA 2010.

    i = i_scale (w^n beta sinh(alpha v) + chi (e^(gamma v) - 1)),   dw/dt = a f(w) v^m,   m odd,   0 <= w <= 1

The first term tunnels through the barrier of a conducting film, the second rectifies where w is 0. The published
currents have no unit; `i_scale` gives them one. A positive voltage raises w and the conductance. With the window
joglekar and p = 1, w = 1 / (1 + (1 / x0 - 1) e^(-4 a v^m t)) at a constant voltage.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from pydantic import Field, field_validator

from hil.programming import Programming
from sim.cells.law import StateVariable, unit
from sim.cells.pulse_parameters import PulseParameters
from sim.cells.rates import Equations, RateLaw, current_equation, rate_equation
from sim.cells.windows import WindowParameters, window
from sim.crossbar.kinds import simulated


class NonlinearDriftParameters(WindowParameters, PulseParameters):
    """Parameters of `sim:nonlinear-drift`."""

    renamed: ClassVar[Mapping[str, str]] = {"w0": "x0"}

    n: float = Field(14.0, gt=0, le=50, description="power of the state in the current")
    m: int = Field(13, ge=1, le=99, description="power of the voltage in the rate, odd")
    a: float = Field(4.0, gt=0, description="rate at 1 V", json_schema_extra=unit("1/(s V^m)"))
    beta: float = Field(9.0, gt=0, description="share of tunnelling")
    alpha: float = Field(2.0, gt=0, description="steepness of tunnelling", json_schema_extra=unit("1/V"))
    chi: float = Field(0.01, ge=0, description="share of the rectifying term")
    gamma: float = Field(4.0, gt=0, description="steepness of the rectifying term", json_schema_extra=unit("1/V"))
    i_scale: float = Field(1e-6, gt=0, description="current that the equation calls 1", json_schema_extra=unit("A"))
    x0: float = Field(0.5, ge=0, le=1, description="pristine state")

    @field_validator("m")
    @classmethod
    def _odd(cls, value: int) -> int:
        if value % 2 == 0:
            raise ValueError(f"m = {value} is even: a negative voltage could not lower the state; give an odd number")
        return value


@rate_equation
def _rate(v, x, p, out):
    out[0] = p[0] * np.sign(v) * abs(v) ** p[1] * window(p[2], p[3], p[4], x[0], v < 0.0)


@current_equation
def _current(v, x, p):
    return p[5] * (x[0] ** p[6] * p[7] * np.sinh(p[8] * v) + p[9] * np.expm1(p[10] * v))


class NonlinearDriftLaw(RateLaw[NonlinearDriftParameters]):
    """Such a film."""

    programmed = "w"
    equations = Equations(_rate, _current)
    read_voltage = 0.1
    read_disturbance = 1e-6

    @property
    def states(self) -> tuple[StateVariable, ...]:
        """The state w."""
        return (StateVariable("w", self.parameters.x0, 0.0, 1.0),)

    @property
    def indistinct(self) -> Mapping[str, str]:
        """Scale of the current, which is in both of its parts, and what the window has no use for."""
        return {"i_scale": "beta and chi carry it", **self.parameters.window_without("a")}

    def constants(self) -> tuple[float, ...]:
        """Rate, window, current."""
        p = self.parameters
        return (p.a, float(p.m), *p.window_constants(), p.i_scale, p.n, p.beta, p.alpha, p.chi, p.gamma)

    @property
    def programming(self) -> Programming:
        """Pulses as given."""
        return self.parameters.pulses(*self.conductance_range(0.0))


PRESETS: Mapping[str, Mapping[str, Any]] = {"technion": {}}
"""technion: Kvatinsky et al., Verilog-A report (2011); its currents are without a unit, a microampere is ours."""

kind = simulated(
    "nonlinear-drift", "non-linear ion drift: v^m and tunnelling", NonlinearDriftLaw, NonlinearDriftParameters, PRESETS
)
