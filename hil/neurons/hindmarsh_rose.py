"""Hindmarsh & Rose, Proc. R. Soc. Lond. B 221, 87 (1984): bursts, and chaos, from three equations.

    tau dx/dt = y + b x^2 - a x^3 - z + I,   tau dy/dt = c - d x^2 - y,   tau dz/dt = r (s (x - x_r) - z)

x, y, z and I are pure numbers; `tau` gives the time a scale. A spike is x rising through 1.
"""

from __future__ import annotations

from pydantic import Field

from hil.neurons.integration import height, rates
from hil.neurons.model import Accuracy, Demonstration, NeuronParameters, NeuronState, OdeNeurons


class HindmarshRoseParameters(NeuronParameters):
    """Parameters of `hr`; the defaults are those of 1984."""

    a: float = Field(1.0, gt=0, description="cubic part of the fast current")
    b: float = Field(3.0, description="its quadratic part")
    c: float = Field(1.0, description="constant part of the recovery")
    d: float = Field(5.0, description="its quadratic part")
    r: float = Field(6e-3, gt=0, description="how much slower z is")
    s: float = Field(4.0, description="its sensitivity to x")
    x_r: float = Field(-1.6, description="x at rest")
    tau: float = Field(1e-3, gt=0, description="unit of time", json_schema_extra={"unit": "s"})


@rates
def slope(x, drive, p, out):
    """States x, y and z; p: a, b, c, d, r, s, x_r, tau."""
    out[0] = (x[1] + (p[1] - p[0] * x[0]) * x[0] * x[0] - x[2] + drive) / p[7]
    out[1] = (p[2] - p[3] * x[0] * x[0] - x[1]) / p[7]
    out[2] = p[4] * (p[5] * (x[0] - p[6]) - x[2]) / p[7]


@height
def above(x, p):
    """Over 1."""
    return x[0] - 1.0


class HindmarshRoseNeurons(OdeNeurons):
    """Hindmarsh-Rose: spikes in bursts, chaotic under some currents."""

    parameters_model = HindmarshRoseParameters
    states = (
        NeuronState("x", "", "membrane", 1e-3),
        NeuronState("y", "", "fast recovery", 1e-3),
        NeuronState("z", "", "slow adaptation", 1e-3),
    )
    drive_unit = "1"
    accuracy = Accuracy(1e-4, "Dormand-Prince 5(4) with 1e-8 a step, where the course is not chaotic")
    demonstration = Demonstration("step:2@50ms", 1.0, (0.0, 4.0))
    plane = ("x", "z")
    slope, above = slope, above

    def constants(self) -> tuple[float, ...]:
        """In the order in which `slope` reads them."""
        p = self.parameters
        return p.a, p.b, p.c, p.d, p.r, p.s, p.x_r, p.tau

    def start(self) -> tuple[float, ...]:
        """The equilibrium without a current: the only real root of the cubic in x, for the parameters of 1984."""
        p, x = self.parameters, self.parameters.x_r
        for _ in range(200):
            f = p.c - p.d * x * x + p.b * x * x - p.a * x**3 - p.s * (x - p.x_r)
            x -= f / (2 * (p.b - p.d) * x - 3 * p.a * x * x - p.s)
        return x, p.c - p.d * x * x, p.s * (x - p.x_r)
