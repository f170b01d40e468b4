"""Leaky neurons that fire by chance, as a memristor that switches by chance does: escape noise.

    tau dv/dt = e_leak - v + R I,   P(spike in dt) = 1 - exp(-rho dt),   rho = exp((v - threshold) / width) / tau_0

The waiting time of a threshold-switching or diffusive memristor under a constant voltage is exponentially distributed
with a mean that falls exponentially with the voltage (Jo, Kim & Lu, Nano Lett. 9, 496, 2009: exp(-V / V_0)); escape
noise of this form is Gerstner & Kistler (2002), chapter 5.3. `rate` is the closed form at a constant voltage.
"""

from __future__ import annotations

from typing import Self

import numpy as np
from pydantic import Field, model_validator

from hil.neurons.integration import step
from hil.neurons.model import Accuracy, Demonstration, NeuronParameters, NeuronState, SteppedNeurons


class StochasticParameters(NeuronParameters):
    """Parameters of `stochastic`."""

    tau: float = Field(20e-3, gt=0, description="membrane time constant", json_schema_extra={"unit": "s"})
    resistance: float = Field(1e7, gt=0, description="R", json_schema_extra={"unit": "ohm"})
    e_leak: float = Field(0.0, ge=-10, le=10, description="v at rest", json_schema_extra={"unit": "V"})
    threshold: float = Field(
        15e-3, ge=-10, le=10, description="v at which rho is 1/tau_0", json_schema_extra={"unit": "V"}
    )
    width: float = Field(2e-3, gt=0, description="v over which rho grows by e", json_schema_extra={"unit": "V"})
    tau_0: float = Field(10e-3, gt=0, description="mean waiting time at the threshold", json_schema_extra={"unit": "s"})
    reset: float = Field(0.0, ge=-10, le=10, description="v after a spike", json_schema_extra={"unit": "V"})
    refractory: float = Field(2e-3, ge=0, description="how long v stays there", json_schema_extra={"unit": "s"})

    @model_validator(mode="after")
    def _resets(self) -> Self:
        if self.reset >= self.threshold:
            raise ValueError(f"reset {self.reset:g} V must be below the threshold {self.threshold:g} V")
        return self


@step
def escaping(x, drive, dt, p, chance):
    """States v, refractory time left; p: tau, R, e_leak, threshold, width, tau_0, reset, refractory.

    The hazard of the step is that of the mean of v at its ends.
    """
    left = dt - min(x[1], dt)
    x[1] -= dt - left
    if left <= 0.0:
        return 0
    before, end = x[0], p[2] + p[1] * drive
    x[0] = end + (x[0] - end) * np.exp(-left / p[0])
    rho = np.exp(min((0.5 * (before + x[0]) - p[3]) / p[4], 700.0)) / p[5]
    if chance < -np.expm1(-rho * left):
        x[0], x[1] = p[6], p[7]
        return 1
    return 0


class StochasticNeurons(SteppedNeurons):
    """Leaky integrate-and-fire whose spikes come by chance, as a memristor switches (escape noise)."""

    parameters_model = StochasticParameters
    states = (
        NeuronState("v", "V", "membrane", 1e-3),
        NeuronState("refractory", "s", "refractory time left", 1e-3),
    )
    accuracy = Accuracy(
        0.0, "membrane in closed form; one chance a step, so a step must be short beside 1 / rho and tau"
    )
    demonstration = Demonstration("step:1.5nA@20ms", 0.4, (0.0, 4e-9))
    plane = ("v", "v")
    move = escaping
    random = True

    def constants(self) -> tuple[float, ...]:
        """In the order in which `escaping` reads them."""
        p = self.parameters
        return p.tau, p.resistance, p.e_leak, p.threshold, p.width, p.tau_0, p.reset, p.refractory

    def start(self) -> tuple[float, ...]:
        """At rest."""
        return self.parameters.e_leak, 0.0

    def rate(self, v: float) -> float:
        """Hazard of a spike at a voltage, 1/s."""
        p = self.parameters
        return float(np.exp((v - p.threshold) / p.width) / p.tau_0)
