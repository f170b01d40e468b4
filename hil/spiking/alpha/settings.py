"""Settings of a network with alpha-shaped synaptic currents: Zhou et al. (2022), and what completes half cues."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from hil.config import CliFlag, Section
from hil.neurons.mif import MifParameters


class AlphaNetworkSettings(Section):
    """Section [network]."""

    neuron: MifParameters = Field(
        MifParameters(), description="parameters of all neurons, as of `hil neuron --model mif`"
    )
    tau_syn: float = Field(10e-9, gt=0, le=1, description="time constant of synaptic currents, s")
    bound: Annotated[float, CliFlag("Largest plastic weight, A.")] = Field(
        5e-6, gt=0, le=1, description="plastic weight at the highest conductance, A; the paper gives none"
    )
    inhibition: Annotated[float, CliFlag("What an inhibitory spike takes from all others, A.")] = Field(
        4e-6, ge=0, le=1, description="weight of inhibitory spikes, A"
    )
    delay_min: float = Field(0.2e-6, ge=0, le=1e-3, description="shortest delay of plastic synapses, s")
    delay_max: float = Field(2e-6, ge=0, le=1e-3, description="longest; each presynaptic line has one of its own, s")
    to_inhibitory: float = Field(300e-6, gt=0, le=1, description="weight from a neuron to its inhibitory partner, A")
    input_weight: float = Field(50e-6, ge=0, le=1, description="fixed weight of inputs, where they are not plastic, A")
    initial: float = Field(0.2e-6, ge=0, le=1, description="plastic weights at the start: uniform from 0 to this, A")
    duration: float = Field(35e-6, gt=0, le=1, description="of a presentation, s")
    gap: float = Field(15e-6, ge=0, le=1, description="without inputs after it, s")
    strobe: Annotated[float, CliFlag("Kick to every neuron at the end of a presentation, A; 0: none.")] = Field(
        -1500e-6, ge=-1, le=0, description="kick to every excitatory neuron when the inputs end, A; the paper has none"
    )
    rate: Annotated[float, CliFlag("Spikes of a lit pixel, 1/s; the paper does not say.")] = Field(
        4e6, gt=0, description="rate of a fully lit pixel's Poisson train, 1/s; the paper gives none"
    )
    u_pre: float = Field(10e-6, ge=0, le=1, description="potentiation of the STDP rule, A")
    u_post: float = Field(-0.1e-6, ge=-1, le=0, description="depression of the STDP rule, A")
    tau_stdp: float = Field(1e-6, gt=0, le=1, description="time constant of both, s; the paper has 3 us in Figure 3")
    dt: float = Field(50e-9, gt=0, le=1e-6, description="time step, s")

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.delay_max < self.delay_min:
            raise ValueError(f"delay_max {self.delay_max:g} s must not be below delay_min {self.delay_min:g} s")
        if self.initial > self.bound:
            raise ValueError(f"initial {self.initial:g} A must not be above the bound {self.bound:g} A")
        if self.rate * self.dt > 1:
            raise ValueError(f"rate {self.rate:g} /s is more than one spike in a step of {self.dt:g} s")
        if self.dt > self.duration:
            raise ValueError(f"dt {self.dt:g} s is longer than a presentation of {self.duration:g} s")
        return self
