"""Linear ion drift, the HP memristor: Strukov, Snider, Stewart & Williams, Nature 453, 80 (2008), eqs 5 and 6.

    v = (R_on x + R_off (1 - x)) i,   dx/dt = k i f(x),   k = mu R_on / d^2,   0 <= x <= 1

with x the doped part of a film of thickness d, and f one of the windows of `sim.cells.windows`; the paper's
is x (1 - x). A positive voltage raises x and the conductance. Without a window M^2 falls by 2 k (R_off - R_on) times
the flux.

The law has no threshold: every read moves the state. It holds while the field is low enough for a constant mobility.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

from pydantic import Field, model_validator

from hil.programming import Programming
from sim.cells.law import StateVariable, unit
from sim.cells.pulse_parameters import PulseParameters
from sim.cells.rates import Equations, OhmicRateLaw, current_equation, rate_equation
from sim.cells.windows import WindowParameters, window
from sim.crossbar.kinds import simulated


class IonDriftParameters(WindowParameters, PulseParameters):
    """Parameters of `sim:ion-drift`."""

    r_on: float = Field(100.0, gt=0, description="resistance of a doped film", json_schema_extra=unit("ohm"))
    r_off: float = Field(16e3, gt=0, description="resistance of an undoped film", json_schema_extra=unit("ohm"))
    d: float = Field(10e-9, gt=0, description="thickness of the film", json_schema_extra=unit("m"))
    mu: float = Field(1e-14, gt=0, description="mobility of the dopants", json_schema_extra=unit("m^2/(V s)"))
    x0: float = Field(0.3144654088050314, ge=0, le=1, description="pristine doped part")

    @model_validator(mode="after")
    def _switches(self) -> Self:
        if self.r_on >= self.r_off:
            raise ValueError(f"r_on {self.r_on:g} ohm must be below r_off {self.r_off:g} ohm")
        return self


@rate_equation
def _rate(v, x, p, out):
    r = p[0] * x[0] + p[1] * (1.0 - x[0])
    out[0] = p[2] * v / r * window(p[3], p[4], p[5], x[0], v < 0.0)


@current_equation
def _current(v, x, p):
    return v / (p[0] * x[0] + p[1] * (1.0 - x[0]))


class IonDriftLaw(OhmicRateLaw[IonDriftParameters]):
    """Such a film. Spread in sensitivity multiplies k, spread in memristance R."""

    programmed = "x"
    equations = Equations(_rate, _current)
    read_disturbance = 1e-3

    @property
    def states(self) -> tuple[StateVariable, ...]:
        """The doped part."""
        return (StateVariable("x", self.parameters.x0, 0.0, 1.0),)

    @property
    def indistinct(self) -> Mapping[str, str]:
        """Thickness, which is in k with the mobility, and what the window has no use for."""
        return {"d": "only mu / d^2 is told", **self.parameters.window_without("mu")}

    def constants(self) -> tuple[float, ...]:
        """R_on, R_off, k, window."""
        p = self.parameters
        return p.r_on, p.r_off, p.mu * p.r_on / p.d**2, *p.window_constants()

    @property
    def programming(self) -> Programming:
        """Pulses as given."""
        return self.parameters.pulses(1 / self.parameters.r_off, 1 / self.parameters.r_on)


PRESETS = {
    "hp": {},
    "technion": {"r_off": 200e3, "d": 3e-9, "mu": 1e-15, "x0": 0.5},
}
"""hp: Biolek's SPICE model, R_init = 11 kohm. technion: Kvatinsky et al., Verilog-A report (2011)."""

kind = simulated("ion-drift", "linear ion drift (HP), with six windows", IonDriftLaw, IonDriftParameters, PRESETS)
