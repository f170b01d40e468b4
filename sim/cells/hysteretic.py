"""A well-posed hysteretic device: Wang & Roychowdhury, arXiv:1605.04897 (2016).

    i = v / R (1 + tanh(k s)),   tau ds/dt = v - s^3 + s

All functions are smooth, the state needs no bounds, and every voltage has a defined answer: three of s between the
folds at v = -+2 / (3 sqrt 3) = 0.385 V, the outer two of them stable, and one beyond. A positive voltage switches on.
"""

from __future__ import annotations

import numpy as np
from pydantic import Field

from hil.programming import Programming
from sim.cells.law import StateVariable, unit
from sim.cells.pulse_parameters import PulseParameters
from sim.cells.rates import Equations, OhmicRateLaw, current_equation, rate_equation
from sim.crossbar.kinds import simulated


class HystereticParameters(PulseParameters):
    """Parameters of `sim:hysteretic`."""

    R: float = Field(1e3, gt=0, description="resistance at s = 0", json_schema_extra=unit("ohm"))
    k: float = Field(1.0, gt=0, description="how far s changes the conductance")
    tau: float = Field(1e-5, gt=0, description="time constant of s", json_schema_extra=unit("s"))
    s0: float = Field(-1.0, ge=-10, le=10, description="pristine state; -1 and 1 rest at 0 V")


@rate_equation
def _rate(v, x, p, out):
    out[0] = (v - x[0] ** 3 + x[0]) / p[2]


@current_equation
def _current(v, x, p):
    return v / p[0] * (1.0 + np.tanh(p[1] * x[0]))


class HystereticLaw(OhmicRateLaw[HystereticParameters]):
    """Such a device. Spread in sensitivity multiplies 1 / tau, spread in memristance R."""

    programmed = "s"
    equations = Equations(_rate, _current)
    read_disturbance = 5e-3

    @property
    def states(self) -> tuple[StateVariable, ...]:
        """The state s, unbounded in the equations; beyond 10 would need 1,000 V."""
        return (StateVariable("s", self.parameters.s0, -10.0, 10.0),)

    def constants(self) -> tuple[float, ...]:
        """R, k, tau."""
        return self.parameters.R, self.parameters.k, self.parameters.tau

    def conductance_range(self, v_max: float) -> tuple[float, float]:
        """Conductances of the two states that rest at 0 V, S."""
        p = self.parameters
        return (1 - np.tanh(p.k)) / p.R, (1 + np.tanh(p.k)) / p.R

    @property
    def programming(self) -> Programming:
        """Pulses as given."""
        return self.parameters.pulses(*self.conductance_range(0.0))


PRESETS = {"paper": {"t_pulse": 2e-5}}
"""paper: as in Knowm's hys.va after the paper; the pulses are ours: one switches."""

kind = simulated(
    "hysteretic", "well-posed bistable device (Wang & Roychowdhury)", HystereticLaw, HystereticParameters, PRESETS
)
