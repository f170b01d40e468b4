"""Leaky neurons whose threshold adapts: ALIF with one time constant, and the multi-timescale threshold with two.

    tau dv/dt = e_leak - v + R I,   tau_k da_k/dt = -a_k,   spike where v >= threshold + a_1 + a_2, then a_k += alpha_k

ALIF (Bellec et al., NeurIPS 2018) sets v to `reset` at a spike and has one a. MAT (Kobayashi, Tsubo & Shinomoto, Front.
Comput. Neurosci. 3, 9, 2009) has two and leaves the membrane alone.
"""

from __future__ import annotations

import numpy as np
from pydantic import Field

from hil.neurons.integration import height, landing, rates
from hil.neurons.model import Accuracy, Demonstration, NeuronParameters, NeuronState, OdeNeurons

SOLVED = Accuracy(1e-8, "Dormand-Prince 5(4) with 1e-8 a step, spikes and resets located")


class _Leaky(NeuronParameters):
    """What both share."""

    tau: float = Field(20e-3, gt=0, description="membrane time constant", json_schema_extra={"unit": "s"})
    resistance: float = Field(1e7, gt=0, description="R", json_schema_extra={"unit": "ohm"})
    e_leak: float = Field(0.0, ge=-10, le=10, description="v at rest", json_schema_extra={"unit": "V"})
    threshold: float = Field(15e-3, ge=-10, le=10, description="threshold at rest", json_schema_extra={"unit": "V"})
    refractory: float = Field(2e-3, ge=0, description="no second spike within", json_schema_extra={"unit": "s"})


class AdaptiveParameters(_Leaky):
    """Parameters of `alif`."""

    reset: float = Field(0.0, ge=-10, le=10, description="v after a spike", json_schema_extra={"unit": "V"})
    alpha: float = Field(5e-3, ge=0, description="what a spike adds to the threshold", json_schema_extra={"unit": "V"})
    tau_a: float = Field(200e-3, gt=0, description="how fast that is forgotten", json_schema_extra={"unit": "s"})


class MultiTimescaleParameters(_Leaky):
    """Parameters of `mat`; the defaults are the regular spiking of Kobayashi et al. (2009)."""

    tau: float = Field(5e-3, gt=0, description="membrane time constant", json_schema_extra={"unit": "s"})
    resistance: float = Field(5e7, gt=0, description="R", json_schema_extra={"unit": "ohm"})
    threshold: float = Field(19e-3, ge=-10, le=10, description="threshold at rest", json_schema_extra={"unit": "V"})
    alpha_1: float = Field(37e-3, description="what a spike adds, fast", json_schema_extra={"unit": "V"})
    alpha_2: float = Field(2e-3, description="what a spike adds, slow", json_schema_extra={"unit": "V"})
    tau_1: float = Field(10e-3, gt=0, description="how fast the one is forgotten", json_schema_extra={"unit": "s"})
    tau_2: float = Field(200e-3, gt=0, description="and the other", json_schema_extra={"unit": "s"})


@rates
def slope(x, drive, p, out):
    """States v, a_1, a_2, time since the last spike; v waits at its reset, if it has one, in the refractory time.

    p: tau, R, e_leak, threshold, reset (NaN: none), alpha_1, tau_1, alpha_2, tau_2, refractory.
    """
    waits = x[3] < p[9] and not np.isnan(p[4])
    out[0] = 0.0 if waits else (p[2] + p[1] * drive - x[0]) / p[0]
    out[1] = -x[1] / p[6]
    out[2] = -x[2] / p[8]
    out[3] = 1.0


@height
def above(x, p):
    """Over the threshold of now, and out of the refractory time."""
    over = (x[0] - x[1] - x[2] - p[3]) * 1e3
    return over if p[9] == 0.0 else min(over, (x[3] - p[9]) / p[9])


@landing
def land(x, p):
    """Reset, if there is one, and a higher threshold."""
    if not np.isnan(p[4]):
        x[0] = p[4]
    x[1] += p[5]
    x[2] += p[7]
    x[3] = 0.0


STATES = (
    NeuronState("v", "V", "membrane", 1e-3),
    NeuronState("a1", "V", "what the threshold has gained", 1e-3),
    NeuronState("a2", "V", "what it has gained, slowly", 1e-3),
    NeuronState("since", "s", "time since the last spike", 1e-3),
)


class AdaptiveNeurons(OdeNeurons):
    """Leaky integrate-and-fire with an adaptive threshold, as networks with memory have it (Bellec et al. 2018)."""

    parameters_model = AdaptiveParameters
    states = STATES
    accuracy = SOLVED
    demonstration = Demonstration("step:4nA@20ms", 0.4, (0.0, 10e-9))
    plane = ("v", "a1")
    slope, above, land = slope, above, land

    def constants(self) -> tuple[float, ...]:
        """In the order in which `slope` reads them."""
        p = self.parameters
        return p.tau, p.resistance, p.e_leak, p.threshold, p.reset, p.alpha, p.tau_a, 0.0, p.tau_a, p.refractory

    def start(self) -> tuple[float, ...]:
        """At rest."""
        return self.parameters.e_leak, 0.0, 0.0, 1.0


class MultiTimescaleNeurons(OdeNeurons):
    """Multi-timescale adaptive threshold: two exponentials, no reset of the membrane (Kobayashi et al. 2009)."""

    parameters_model = MultiTimescaleParameters
    presets = {"regular-spiking": {}}  # noqa: RUF012
    states = STATES
    accuracy = SOLVED
    demonstration = Demonstration("step:0.6nA@20ms", 0.4, (0.0, 2e-9))
    plane = ("v", "a1")
    slope, above, land = slope, above, land

    def constants(self) -> tuple[float, ...]:
        """In the order in which `slope` reads them."""
        p = self.parameters
        return (
            p.tau, p.resistance, p.e_leak, p.threshold, np.nan, p.alpha_1, p.tau_1, p.alpha_2, p.tau_2, p.refractory,
        )  # fmt: skip

    def start(self) -> tuple[float, ...]:
        """At rest."""
        return self.parameters.e_leak, 0.0, 0.0, 1.0
