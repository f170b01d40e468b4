"""Mott neuristor: Pickett, Medeiros-Ribeiro & Williams, Nature Mater. 12, 114 (2013): two Mott switches as channels.

    C1 dv1/dt = I - v1 / R_in - (v1 + V_dc) / R(u1) - (v1 - v2) / R_L
    C2 dv2/dt = (v1 - v2) / R_L - (v2 - V_dc) / R(u2) - v2 / R_out

Channel 1, biased at -V_dc, plays sodium's part in reverse, channel 2 potassium's; each switch is the law `sim:mott`,
R(u) with u following its heat. Both biases are below the threshold at which a switch runs away, so that the neuristor
rests; an input that takes it over that fires it. Values of the circuit are ours, for the VO2 of that law.
"""

from __future__ import annotations

import numpy as np
from pydantic import Field

from hil.neurons.integration import height, rates
from hil.neurons.model import Accuracy, Demonstration, NeuronParameters, NeuronState, OdeNeurons
from sim.cells.mott import CORE, MottLaw, MottParameters

_rate, _current = MottLaw.equations.rate, MottLaw.equations.current


class MottNeuristorParameters(NeuronParameters):
    """Parameters of `mott`."""

    v_dc: float = Field(0.9, gt=0, le=100, description="bias of the channels", json_schema_extra={"unit": "V"})
    c1: float = Field(2e-9, gt=0, le=1, description="capacitance at channel 1", json_schema_extra={"unit": "F"})
    c2: float = Field(0.4e-9, gt=0, le=1, description="capacitance at channel 2", json_schema_extra={"unit": "F"})
    r_in: float = Field(4e3, gt=0, description="from channel 1 to ground", json_schema_extra={"unit": "ohm"})
    r_load: float = Field(4e3, gt=0, description="between the channels", json_schema_extra={"unit": "ohm"})
    r_out: float = Field(1e5, gt=0, description="from channel 2 to ground", json_schema_extra={"unit": "ohm"})
    switch: MottParameters = Field(MottParameters(), description="both switches, as of `sim:mott`")


@rates
def slope(x, drive, p, out):
    """States v2, v1, u1, u2; p: circuit, then the constants of the law."""
    switch, u = p[6:], np.empty(2)
    for k in range(2):
        u[k] = min(max(x[2 + k], CORE), 1.0 - CORE)
    _rate(x[1] + p[0], u[0:1], switch, out[2:3])
    _rate(p[0] - x[0], u[1:2], switch, out[3:4])
    for k in (2, 3):
        if (x[k] <= CORE and out[k] < 0.0) or (x[k] >= 1.0 - CORE and out[k] > 0.0):
            out[k] = 0.0
    between = (x[1] - x[0]) / p[4]
    out[1] = (drive - x[1] / p[3] - _current(x[1] + p[0], u[0:1], switch) - between) / p[1]
    out[0] = (between - x[0] / p[5] + _current(p[0] - x[0], u[1:2], switch)) / p[2]


@height
def above(x, p):
    """Output over half of the bias."""
    return x[0] - 0.5 * p[0]


class MottNeurons(OdeNeurons):
    """Mott neuristor: two VO2 switches as the channels of an axon (Pickett et al. 2013)."""

    parameters_model = MottNeuristorParameters
    states = (
        NeuronState("v", "V", "voltage at channel 2, the output", 1e-3),
        NeuronState("v1", "V", "voltage at channel 1", 1e-3),
        NeuronState("u1", "", "metallic part of channel 1", 1e-3),
        NeuronState("u2", "", "metallic part of channel 2", 1e-3),
    )
    accuracy = Accuracy(5e-3, "Rosenbrock 2(3) with 1e-5 a step")
    tolerance = 1e-5
    stiff = True
    demonstration = Demonstration("step:100uA@10us", 200e-6, (0.0, 300e-6))
    plane = ("v", "v1")
    slope, above = slope, above

    def constants(self) -> tuple[float, ...]:
        """The circuit, then the law."""
        p = self.parameters
        return p.v_dc, p.c1, p.c2, p.r_in, p.r_load, p.r_out, *MottLaw(p.switch).constants()

    def start(self) -> tuple[float, ...]:
        """Both switches pristine, no charge."""
        u = self.parameters.switch.u0
        return 0.0, 0.0, u, u
