"""Diffusive-memristor neuron: a capacitor that a volatile silver switch empties.

    C dv/dt = I - v / R_leak - i(v, f, r)

After Wang et al., Nature Electron. 1, 137 (2018). i and the states f and r are those of the law `sim:diffusive`: the
filament closes after a delay, the capacitor is emptied through it, and it dissolves by itself. Nothing resets the
neuron but physics. Values of the circuit are ours.
"""

from __future__ import annotations

import numpy as np
from pydantic import Field

from hil.neurons.integration import height, rates
from hil.neurons.model import Accuracy, Demonstration, NeuronParameters, NeuronState, OdeNeurons
from sim.cells.diffusive import DiffusiveLaw, DiffusiveParameters

_rate, _current = DiffusiveLaw.equations.rate, DiffusiveLaw.equations.current


class DiffusiveNeuronParameters(NeuronParameters):
    """Parameters of `diffusive`."""

    capacitance: float = Field(1e-6, gt=0, le=1, description="C", json_schema_extra={"unit": "F"})
    r_leak: float = Field(1e6, gt=0, description="leak to ground", json_schema_extra={"unit": "ohm"})
    switch: DiffusiveParameters = Field(DiffusiveParameters(), description="the switch, as of `sim:diffusive`")


@rates
def slope(x, drive, p, out):
    """States v, f, r; p: C, R_leak, then the constants of the law."""
    inside = np.empty(2)
    for k in range(2):
        inside[k] = min(max(x[1 + k], 0.0), 1.0)
    switch = p[2:]
    _rate(x[0], inside, switch, out[1:3])
    for k in (1, 2):
        if (x[k] <= 0.0 and out[k] < 0.0) or (x[k] >= 1.0 and out[k] > 0.0):
            out[k] = 0.0
    out[0] = (drive - x[0] / p[1] - _current(x[0], inside, switch)) / p[0]


@height
def above(x, p):
    """The filament more than half closed."""
    return x[1] + x[2] - 0.5


class DiffusiveNeurons(OdeNeurons):
    """Leaky integrate-and-fire by a diffusive silver memristor, which resets itself (Wang et al. 2018)."""

    parameters_model = DiffusiveNeuronParameters
    states = (
        NeuronState("v", "V", "capacitor", 1e-3),
        NeuronState("f", "", "fast filament", 1e-3),
        NeuronState("r", "", "what it leaves", 1e-3),
    )
    accuracy = Accuracy(5e-3, "Rosenbrock 2(3) with 1e-5 a step")
    demonstration = Demonstration("step:2uA@0.1s", 3.0, (0.0, 10e-6))
    plane = ("v", "f")
    tolerance = 1e-5
    stiff = True
    slope, above = slope, above

    def constants(self) -> tuple[float, ...]:
        """The circuit, then the law."""
        p = self.parameters
        return p.capacitance, p.r_leak, *DiffusiveLaw(p.switch).constants()

    def start(self) -> tuple[float, ...]:
        """Empty, no filament."""
        return 0.0, 0.0, 0.0
