"""The model of Yakopcic, Taha, Subramanyam, Pino & Rogers: IEEE Electron Device Lett. 32, 1436 (2011); IJCNN 2013.

    i = a1 x sinh(b v)  v >= 0,   a2 x sinh(b v)  v < 0
    dx/dt = eta g(v) f(v, x)

    g = A_p (e^v - e^V_p)  v > V_p,   -A_n (e^-v - e^V_n)  v < -V_n,   0 between
    f = e^(-alpha_p (x - x_p)) w_p   eta v >= 0, x >= x_p;     w_p = (x_p - x) / (1 - x_p) + 1
        e^(alpha_n (x + x_n - 1)) w_n   eta v < 0, x <= 1 - x_n;   w_n = x / (1 - x_n);     1 else

The state approaches 0 and 1 exponentially and never sticks there. A positive voltage raises the conductance (eta = 1);
``set=negative`` is the paper's eta = -1.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from pydantic import Field

from hil.programming import Programming
from sim.cells.law import StateVariable, unit
from sim.cells.pulse_parameters import PulseParameters
from sim.cells.rates import Equations, RateLaw, current_equation, rate_equation
from sim.crossbar.kinds import simulated


class YakopcicParameters(PulseParameters):
    """Parameters of `sim:yakopcic`."""

    a1: float = Field(0.17, gt=0, description="current scale, positive voltage", json_schema_extra=unit("A"))
    a2: float = Field(0.17, gt=0, description="current scale, negative voltage", json_schema_extra=unit("A"))
    b: float = Field(0.05, gt=0, description="curvature of the current", json_schema_extra=unit("1/V"))
    v_p: float = Field(0.16, ge=0, description="positive threshold", json_schema_extra=unit("V"))
    v_n: float = Field(0.15, ge=0, description="negative threshold, magnitude", json_schema_extra=unit("V"))
    a_p: float = Field(4000.0, gt=0, description="rate above the positive threshold", json_schema_extra=unit("1/s"))
    a_n: float = Field(4000.0, gt=0, description="rate below the negative one", json_schema_extra=unit("1/s"))
    x_p: float = Field(0.3, ge=0, lt=1, description="state above which rising slows down")
    x_n: float = Field(0.5, ge=0, lt=1, description="distance from 1 beyond which falling slows down")
    alpha_p: float = Field(1.0, ge=0, description="how soon rising slows down")
    alpha_n: float = Field(5.0, ge=0, description="how soon falling slows down")
    set: Literal["positive", "negative"] = Field("positive", description="sign of the voltage that raises x")
    x0: float = Field(0.11, ge=0, le=1, description="pristine state")


@rate_equation
def _rate(v, x, p, out):
    g = 0.0
    if v > p[3]:
        g = p[5] * (np.exp(v) - np.exp(p[3]))
    elif v < -p[4]:
        g = -p[6] * (np.exp(-v) - np.exp(p[4]))
    f = 1.0
    if p[11] * v >= 0.0:
        if x[0] >= p[7]:
            f = np.exp(-p[9] * (x[0] - p[7])) * ((p[7] - x[0]) / (1.0 - p[7]) + 1.0)
    elif x[0] <= 1.0 - p[8]:
        f = np.exp(p[10] * (x[0] + p[8] - 1.0)) * x[0] / (1.0 - p[8])
    out[0] = p[11] * g * f


@current_equation
def _current(v, x, p):
    return (p[0] if v >= 0.0 else p[1]) * x[0] * np.sinh(p[2] * v)


class YakopcicLaw(RateLaw[YakopcicParameters]):
    """Such a memristor."""

    programmed = "x"
    equations = Equations(_rate, _current)
    read_voltage = 0.1

    @property
    def states(self) -> tuple[StateVariable, ...]:
        """The state x."""
        return (StateVariable("x", self.parameters.x0, 0.0, 1.0),)

    def constants(self) -> tuple[float, ...]:
        """Current, thresholds, rates, window, direction."""
        p = self.parameters
        direction = 1.0 if p.set == "positive" else -1.0
        return p.a1, p.a2, p.b, p.v_p, p.v_n, p.a_p, p.a_n, p.x_p, p.x_n, p.alpha_p, p.alpha_n, direction

    @property
    def thresholds(self) -> tuple[float, float]:
        """Magnitudes of the positive and the negative cell voltage beyond which a cell moves, V."""
        return self.parameters.v_p, self.parameters.v_n

    @property
    def programming(self) -> Programming:
        """Pulses as given."""
        return self.parameters.pulses(*self.conductance_range(0.0), 1 if self.parameters.set == "positive" else -1)


PRESETS = {"knowm": {"v_set": 0.4, "v_reset": 0.4, "t_pulse": 1e-5}}
"""knowm: the SPICE model that Knowm publishes for this law, and models.py of T. Tiotto; the pulses are ours."""

kind = simulated("yakopcic", "sinh conduction, exponential thresholds", YakopcicLaw, YakopcicParameters, PRESETS)
