"""Memristive integrate-and-fire neuron: Zhou, Choi, Eshraghian & Kang (2022), equation 1 and Table I.

Two memristors join a capacitor to E_rest and to E_reset:

    C dv/dt = I - G1 (v - E_rest) - G2 (v - E_reset),   G_k = x_k / R_on,k + (1 - x_k) / R_off,k
    tau dx_k/dt = (1 - x_k) / (1 + exp((v_on - u_k) / k_th)) - x_k / (1 + exp((u_k - v_off) / k_th))
    u_1 = v - E_rest,   u_2 = v - E_reset

Two misprints of the paper are corrected: equation 1c drives x2 with v - E_rest, which makes both memristors one and the
rest its own firing threshold (25 mV), and equation 1e has x1 in G2. The authors' published code has u_2 and x2.
"""

from __future__ import annotations

import numpy as np
from pydantic import Field

from hil.neurons.integration import height, integrate, landing, rates
from hil.neurons.model import Accuracy, Demonstration, NeuronParameters, NeuronState, OdeNeurons


class MifParameters(NeuronParameters):
    """Parameters of `mif`; the defaults are Table I and the text of section II."""

    e_rest: float = Field(0.0, ge=-1, le=1, description="voltage behind M1", json_schema_extra={"unit": "V"})
    e_reset: float = Field(50e-3, ge=-1, le=1, description="voltage behind M2", json_schema_extra={"unit": "V"})
    capacitance: float = Field(100e-12, gt=0, le=1, description="C", json_schema_extra={"unit": "F"})
    k_th: float = Field(15e-3, gt=0, le=1, description="effective thermal voltage", json_schema_extra={"unit": "V"})
    v_off: float = Field(0.0, ge=-1, le=1, description="voltage below which x falls", json_schema_extra={"unit": "V"})
    v_on: float = Field(100e-3, ge=-1, le=1, description="voltage above which x rises", json_schema_extra={"unit": "V"})
    r_on: float = Field(1e3, gt=0, description="memristance at x = 1", json_schema_extra={"unit": "ohm"})
    r_off: float = Field(1e5, gt=0, description="memristance at x = 0", json_schema_extra={"unit": "ohm"})
    tau: float = Field(1e-6, gt=0, description="time constant of x1 and x2", json_schema_extra={"unit": "s"})
    threshold: float = Field(25e-3, ge=-1, le=1, description="v that is a spike", json_schema_extra={"unit": "V"})
    refractory: float = Field(3e-6, ge=0, description="no second spike within", json_schema_extra={"unit": "s"})


@rates
def slope(x, drive, p, out):
    """Equation 1 as corrected; the last state is the time since the last spike."""
    u1, u2 = x[0] - p[0], x[0] - p[1]
    g1 = x[1] / p[6] + (1.0 - x[1]) / p[7]
    g2 = x[2] / p[6] + (1.0 - x[2]) / p[7]
    out[0] = (drive - g1 * u1 - g2 * u2) / p[2]
    out[1] = ((1.0 - x[1]) / (1.0 + np.exp((p[5] - u1) / p[3])) - x[1] / (1.0 + np.exp((u1 - p[4]) / p[3]))) / p[8]
    out[2] = ((1.0 - x[2]) / (1.0 + np.exp((p[5] - u2) / p[3])) - x[2] / (1.0 + np.exp((u2 - p[4]) / p[3]))) / p[8]
    out[3] = 1.0


@height
def above(x, p):
    """Over the threshold, and out of the refractory time."""
    return min((x[0] - p[9]) / p[3], (x[3] - p[10]) / p[8])


@landing
def land(x, p):
    """Nothing is reset: the memristors bring the membrane back."""
    x[3] = 0.0


class MemristiveNeurons(OdeNeurons):
    """Memristive integrate-and-fire: two memristors and a capacitor, spikes without any reset (Zhou et al. 2022)."""

    parameters_model = MifParameters
    presets = {"zhou2022": {}}  # noqa: RUF012
    states = (
        NeuronState("v", "V", "membrane", 1e-3),
        NeuronState("x1", "", "state of M1", 1e-3),
        NeuronState("x2", "", "state of M2", 1e-3),
        NeuronState("since", "s", "time since the last spike", 1e-6),
    )
    accuracy = Accuracy(1e-6, "Dormand-Prince 5(4) with 1e-8 a step, spikes located")
    demonstration = Demonstration("alpha:300uA*4@1us/0.4us", 15e-6, (0.0, 2e-6))
    plane = ("v", "x1")
    slope, above, land = slope, above, land

    def constants(self) -> tuple[float, ...]:
        """In the order in which `slope` reads them."""
        p = self.parameters
        return (
            p.e_rest, p.e_reset, p.capacitance, p.k_th, p.v_off, p.v_on, p.r_on, p.r_off, p.tau, p.threshold,
            p.refractory,
        )  # fmt: skip

    def start(self) -> tuple[float, ...]:
        """The state in which nothing changes without a current: what is left after a thousand time constants."""
        p = self.parameters
        x = np.array([[p.e_rest, 0.0, 0.0, 1.0]])
        long = 1000 * (p.tau + p.capacitance * p.r_off)
        scale, first, nothing = np.full(4, 1e-3), np.full(1, np.inf), np.zeros((1, 1))
        integrate(
            slope, above, land, x, nothing, long, np.array(self.constants()), scale, 1e-12, first,
            np.zeros((1, 1), np.int64), np.empty((0, 1, 4)), False,
        )  # fmt: skip
        return float(x[0, 0]), float(x[0, 1]), float(x[0, 2]), 1.0
