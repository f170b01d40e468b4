"""Small laws, given by their equations, for tests: not ohmic, with several states, stiff, and with hard bounds."""

import numpy as np
from pydantic import Field

from sim.cells.law import CellParameters, StateVariable
from sim.cells.rates import Equations, OhmicRateLaw, RateLaw, current_equation, rate_equation
from sim.crossbar.kinds import simulated


class SinhParameters(CellParameters):
    g: float = Field(1e-4, gt=0, description="conductance at x = 1 and low voltages")
    b: float = Field(3.0, gt=0, description="steepness")
    k: float = Field(20.0, description="rate")
    x0: float = Field(0.3, ge=0, le=1, description="pristine state")


@rate_equation
def _sinh_rate(v, x, p, out):
    out[0] = p[2] * np.sinh(p[1] * v) * (1.0 - x[0] if v > 0.0 else x[0])


@current_equation
def _sinh_current(v, x, p):
    return p[0] * x[0] * np.sinh(p[1] * v) / p[1]


class SinhLaw(RateLaw[SinhParameters]):
    """i = g x sinh(b v) / b; x approaches its bounds exponentially."""

    programmed, equations = "x", Equations(_sinh_rate, _sinh_current)
    read_disturbance = 1e-3

    @property
    def states(self):
        return (StateVariable("x", self.parameters.x0, 0.0, 1.0),)

    def constants(self):
        return self.parameters.g, self.parameters.b, self.parameters.k


@rate_equation
def _hard_rate(v, x, p, out):
    out[0] = p[2] * v


@current_equation
def _hard_current(v, x, p):
    return v * p[0] * (0.01 + x[0])


class HardLaw(OhmicRateLaw[SinhParameters]):
    """An ohmic cell whose state runs at a constant rate into its bounds."""

    programmed, equations = "x", Equations(_hard_rate, _hard_current)
    states, constants = SinhLaw.states, SinhLaw.constants


@rate_equation
def _hot_rate(v, x, p, out):
    current = p[0] * x[0] * np.sinh(p[1] * v) / p[1]
    out[0] = p[2] * v * np.exp(x[1] / 300.0) * (1.0 - x[0])
    out[1] = 1e9 * (1e6 * current * v - x[1])


@current_equation
def _hot_current(v, x, p):
    return p[0] * x[0] * np.sinh(p[1] * v) / p[1] * (1.0 + 1e-3 * x[1])


class HotLaw(RateLaw[SinhParameters]):
    """A state that heat hastens, and a temperature rise in K that follows within a nanosecond: stiff."""

    programmed, equations = "x", Equations(_hot_rate, _hot_current)
    constants = SinhLaw.constants

    @property
    def states(self):
        return StateVariable("x", self.parameters.x0, 0.0, 1.0), StateVariable("heat", 0.0, low=0.0)


sinh = simulated("sinh", "a law that is not ohmic", SinhLaw, SinhParameters)
hard = simulated("hard", "an ohmic law with hard bounds", HardLaw, SinhParameters)
hot = simulated("hot", "a stiff law of two states", HotLaw, SinhParameters)
