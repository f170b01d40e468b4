"""Integrate-and-fire neurons, perfect and leaky, in closed form: spikes lie where they belong, not on the clock.

    C dv/dt = I                         (perfect)
    tau dv/dt = e_leak - v + R I        (leaky; Lapicque 1907)

v reaching the threshold is a spike: v is set to `reset` and stays there for `refractory`. Under a current that stays
the same through a step, the voltage, the time of every spike in the step and what follows it are exact.
"""

from __future__ import annotations

from typing import Self

import numpy as np
from pydantic import Field, model_validator

from hil.neurons.integration import step
from hil.neurons.model import Accuracy, Demonstration, NeuronParameters, NeuronState, SteppedNeurons

EXACT = Accuracy(0.0, "closed form; exact for currents that stay the same through a step")


class _Resetting(NeuronParameters):
    """What both share."""

    threshold: float = Field(25e-3, ge=-10, le=10, description="v that is a spike", json_schema_extra={"unit": "V"})
    reset: float = Field(0.0, ge=-10, le=10, description="v after it", json_schema_extra={"unit": "V"})
    refractory: float = Field(2e-3, ge=0, description="how long v stays there", json_schema_extra={"unit": "s"})

    @model_validator(mode="after")
    def _resets(self) -> Self:
        if self.reset >= self.threshold:
            raise ValueError(f"reset {self.reset:g} V must be below the threshold {self.threshold:g} V")
        return self


class IntegrateFireParameters(_Resetting):
    """Parameters of `if`."""

    capacitance: float = Field(1e-9, gt=0, le=1, description="C", json_schema_extra={"unit": "F"})


class LeakyParameters(_Resetting):
    """Parameters of `lif`."""

    tau: float = Field(20e-3, gt=0, description="membrane time constant", json_schema_extra={"unit": "s"})
    resistance: float = Field(1e7, gt=0, description="R", json_schema_extra={"unit": "ohm"})
    e_leak: float = Field(0.0, ge=-10, le=10, description="v at rest", json_schema_extra={"unit": "V"})

    @model_validator(mode="after")
    def _rests(self) -> Self:
        if self.e_leak >= self.threshold:
            raise ValueError(f"e_leak {self.e_leak:g} V must be below the threshold {self.threshold:g} V")
        return self


@step
def perfect(x, drive, dt, p, chance):
    """States v and the refractory time left; p: C, threshold, reset, refractory."""
    left, fired, rate = dt, 0, drive / p[0]
    while True:
        rest = min(x[1], left)
        x[1] -= rest
        left -= rest
        if left <= 0.0:
            return fired
        if rate <= 0.0 or x[0] + rate * left < p[1]:
            x[0] += rate * left
            return fired
        left -= max((p[1] - x[0]) / rate, 0.0)
        x[0], x[1] = p[2], p[3]
        fired += 1


@step
def leaky(x, drive, dt, p, chance):
    """States v and the refractory time left; p: tau, R, e_leak, threshold, reset, refractory."""
    left, fired, end = dt, 0, p[2] + p[1] * drive
    while True:
        rest = min(x[1], left)
        x[1] -= rest
        left -= rest
        if left <= 0.0:
            return fired
        until = p[0] * np.log((end - x[0]) / (end - p[3])) if end > p[3] else np.inf
        if until > left:
            x[0] = end + (x[0] - end) * np.exp(-left / p[0])
            return fired
        left -= max(until, 0.0)
        x[0], x[1] = p[4], p[5]
        fired += 1


STATES = (
    NeuronState("v", "V", "membrane", 1e-3),
    NeuronState("refractory", "s", "refractory time left", 1e-3),
)


class PerfectNeurons(SteppedNeurons):
    """Perfect integrate-and-fire: a capacitor that is emptied at the threshold, in closed form."""

    parameters_model = IntegrateFireParameters
    states = STATES
    accuracy = EXACT
    demonstration = Demonstration("step:2nA@20ms", 0.2, (0.0, 10e-9))
    plane = ("v", "v")
    move = perfect

    def constants(self) -> tuple[float, ...]:
        """In the order in which `perfect` reads them."""
        p = self.parameters
        return p.capacitance, p.threshold, p.reset, p.refractory

    def start(self) -> tuple[float, ...]:
        """Empty."""
        return self.parameters.reset, 0.0


class LeakyNeurons(SteppedNeurons):
    """Leaky integrate-and-fire with a refractory time, in closed form (Lapicque 1907)."""

    parameters_model = LeakyParameters
    states = STATES
    accuracy = EXACT
    demonstration = Demonstration("step:3nA@20ms", 0.2, (0.0, 10e-9))
    plane = ("v", "v")
    move = leaky

    def constants(self) -> tuple[float, ...]:
        """In the order in which `leaky` reads them."""
        p = self.parameters
        return p.tau, p.resistance, p.e_leak, p.threshold, p.reset, p.refractory

    def start(self) -> tuple[float, ...]:
        """At rest."""
        return self.parameters.e_leak, 0.0
