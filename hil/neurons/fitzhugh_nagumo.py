"""FitzHugh-Nagumo: FitzHugh, Biophys. J. 1, 445 (1961); Nagumo, Arimoto & Yoshizawa, Proc. IRE 50, 2061 (1962).

    tau dv/dt = v - v^3 / 3 - w + I,   tau dw/dt = epsilon (v + a - b w)

v, w and I are pure numbers; `tau` gives the time a scale. A spike is v rising through 1.
"""

from __future__ import annotations

from pydantic import Field

from hil.neurons.integration import height, rates
from hil.neurons.model import Accuracy, Demonstration, NeuronParameters, NeuronState, OdeNeurons


class FitzHughNagumoParameters(NeuronParameters):
    """Parameters of `fhn`; the defaults are FitzHugh's."""

    a: float = Field(0.7, description="where w rests")
    b: float = Field(0.8, ge=0, description="decay of w")
    epsilon: float = Field(0.08, gt=0, description="how much slower w is than v")
    tau: float = Field(1e-3, gt=0, description="unit of time", json_schema_extra={"unit": "s"})


@rates
def slope(x, drive, p, out):
    """States v and w; p: a, b, epsilon, tau."""
    out[0] = (x[0] - x[0] ** 3 / 3.0 - x[1] + drive) / p[3]
    out[1] = p[2] * (x[0] + p[0] - p[1] * x[1]) / p[3]


@height
def above(x, p):
    """Over 1."""
    return x[0] - 1.0


class FitzHughNagumoNeurons(OdeNeurons):
    """FitzHugh-Nagumo: the spike as a trip around the phase plane."""

    parameters_model = FitzHughNagumoParameters
    states = (NeuronState("v", "", "membrane", 1e-3), NeuronState("w", "", "recovery", 1e-3))
    drive_unit = "1"
    accuracy = Accuracy(1e-5, "Dormand-Prince 5(4) with 1e-8 a step")
    demonstration = Demonstration("step:0.5@20ms", 0.25, (0.0, 1.5))
    plane = ("v", "w")
    slope, above = slope, above

    def constants(self) -> tuple[float, ...]:
        """In the order in which `slope` reads them."""
        p = self.parameters
        return p.a, p.b, p.epsilon, p.tau

    def start(self) -> tuple[float, ...]:
        """The equilibrium without a current: where both nullclines meet, by Newton's method."""
        p, v = self.parameters, -1.2
        for _ in range(100):
            w = v - v**3 / 3
            v -= (v + p.a - p.b * w) / (1.0 - p.b * (1.0 - v * v))
        return v, v - v**3 / 3
