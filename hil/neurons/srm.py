"""Spike response model SRM0: Gerstner & Kistler, Spiking Neuron Models (2002), chapter 4.2.

    u(t) = e_leak + eta(t - t_spike) + integral kappa(s) I(t - s) ds,   spike where u >= threshold
    kappa(s) = R (exp(-s / tau) - exp(-s / tau_s)) / (tau - tau_s),   eta(s) = -eta_0 exp(-s / tau_eta)

A spike adds nothing to the input's part of u: only eta, counted from the last spike, keeps it down. Absolute refractory
time first. kappa is the answer of two leaky integrators, whose difference it is.
"""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from hil.neurons.integration import height, landing, rates
from hil.neurons.model import Accuracy, Demonstration, NeuronParameters, NeuronState, OdeNeurons


class SpikeResponseParameters(NeuronParameters):
    """Parameters of `srm`."""

    tau: float = Field(10e-3, gt=0, description="slow time constant of kappa", json_schema_extra={"unit": "s"})
    tau_s: float = Field(2e-3, gt=0, description="fast time constant of kappa", json_schema_extra={"unit": "s"})
    resistance: float = Field(1e7, gt=0, description="R, integral of kappa", json_schema_extra={"unit": "ohm"})
    e_leak: float = Field(0.0, ge=-10, le=10, description="u at rest", json_schema_extra={"unit": "V"})
    threshold: float = Field(15e-3, ge=-10, le=10, description="u that is a spike", json_schema_extra={"unit": "V"})
    eta_0: float = Field(15e-3, ge=0, description="depth of the refractory kernel", json_schema_extra={"unit": "V"})
    tau_eta: float = Field(10e-3, gt=0, description="its time constant", json_schema_extra={"unit": "s"})
    refractory: float = Field(1e-3, gt=0, description="absolute refractory time", json_schema_extra={"unit": "s"})

    @model_validator(mode="after")
    def _two_times(self) -> Self:
        if not abs(self.tau - self.tau_s) > 1e-6 * self.tau:
            raise ValueError(f"tau_s {self.tau_s:g} s must differ from tau {self.tau:g} s")
        return self


@rates
def slope(x, drive, p, out):
    """States u, slow, fast, eta, time since the last spike; p as in `SpikeResponseNeurons.constants`."""
    part = p[2] / (p[0] - p[1]) * drive
    out[1] = part - x[1] / p[0]
    out[2] = part - x[2] / p[1]
    out[3] = -x[3] / p[6]
    out[0] = out[1] - out[2] - out[3]
    out[4] = 1.0


@height
def above(x, p):
    """Over the threshold, and out of the refractory time."""
    return min((x[0] - p[4]) * 1e3, (x[4] - p[7]) / p[7])


@landing
def land(x, p):
    """The refractory kernel begins anew; the input's part stays."""
    x[0] += x[3] - p[5]
    x[3] = p[5]
    x[4] = 0.0


class SpikeResponseNeurons(OdeNeurons):
    """Spike response model with a refractory kernel (Gerstner & Kistler 2002)."""

    parameters_model = SpikeResponseParameters
    states = (
        NeuronState("u", "V", "membrane", 1e-3),
        NeuronState("slow", "V", "slow part of the input", 1e-3),
        NeuronState("fast", "V", "fast part of the input", 1e-3),
        NeuronState("eta", "V", "what the last spike still takes away", 1e-3),
        NeuronState("since", "s", "time since the last spike", 1e-3),
    )
    accuracy = Accuracy(1e-8, "Dormand-Prince 5(4) with 1e-8 a step, spikes located")
    demonstration = Demonstration("step:2nA@20ms", 0.2, (0.0, 10e-9))
    plane = ("u", "eta")
    slope, above, land = slope, above, land

    def constants(self) -> tuple[float, ...]:
        """In the order in which `slope` reads them."""
        p = self.parameters
        return p.tau, p.tau_s, p.resistance, p.e_leak, p.threshold, p.eta_0, p.tau_eta, p.refractory

    def start(self) -> tuple[float, ...]:
        """At rest."""
        return self.parameters.e_leak, 0.0, 0.0, 0.0, 1.0
