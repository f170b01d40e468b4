"""Hodgkin & Huxley, J. Physiol. 117, 500 (1952), in today's convention: rest near -65 mV, inward current negative.

    C dv/dt = I - g_na m^3 h (v - e_na) - g_k n^4 (v - e_k) - g_l (v - e_l),   dx/dt = alpha_x (1 - x) - beta_x x

per area of membrane. Both channels are memristors: potassium with one state n and the memductance g_k n^4, sodium with
two, m and h, and g_na m^3 h (Chua, Sbitnev & Kim, Int. J. Bifurcation Chaos 22, 1230011, 2012).
"""

from __future__ import annotations

import numpy as np
from pydantic import Field

from hil.compiling import njit
from hil.neurons.integration import height, rates
from hil.neurons.model import Accuracy, Demonstration, NeuronParameters, NeuronState, OdeNeurons


class HodgkinHuxleyParameters(NeuronParameters):
    """Parameters of `hh`; the defaults are those of 1952."""

    capacitance: float = Field(1e-2, gt=0, description="C, 1 uF/cm^2", json_schema_extra={"unit": "F/m^2"})
    g_na: float = Field(1200.0, ge=0, description="sodium, 120 mS/cm^2", json_schema_extra={"unit": "S/m^2"})
    g_k: float = Field(360.0, ge=0, description="potassium, 36 mS/cm^2", json_schema_extra={"unit": "S/m^2"})
    g_l: float = Field(3.0, gt=0, description="leak, 0.3 mS/cm^2", json_schema_extra={"unit": "S/m^2"})
    e_na: float = Field(50e-3, ge=-1, le=1, description="sodium reversal", json_schema_extra={"unit": "V"})
    e_k: float = Field(-77e-3, ge=-1, le=1, description="potassium reversal", json_schema_extra={"unit": "V"})
    e_l: float = Field(-54.387e-3, ge=-1, le=1, description="leak reversal", json_schema_extra={"unit": "V"})
    phi: float = Field(1.0, gt=0, description="speed of the gates; 3^((T - 6.3 C) / 10 K)")


@njit(cache=True, error_model="numpy")
def _ratio(u):
    """u / (1 - exp(-u)), 1 at u = 0."""
    return 1.0 + 0.5 * u if abs(u) < 1e-5 else -u / np.expm1(-u)


@njit(cache=True, error_model="numpy")
def gates(v):
    """Opening and closing rates (1/s) of m, h and n at v (V)."""
    mv = v * 1e3
    return (
        1e3 * _ratio((mv + 40.0) / 10.0), 4e3 * np.exp(-(mv + 65.0) / 18.0),
        70.0 * np.exp(-(mv + 65.0) / 20.0), 1e3 / (1.0 + np.exp(-(mv + 35.0) / 10.0)),
        100.0 * _ratio((mv + 55.0) / 10.0), 125.0 * np.exp(-(mv + 65.0) / 80.0),
    )  # fmt: skip


@rates
def slope(x, drive, p, out):
    """States v, m, h, n; p: C, g_na, g_k, g_l, e_na, e_k, e_l, phi."""
    a_m, b_m, a_h, b_h, a_n, b_n = gates(x[0])
    sodium, potassium = p[1] * x[1] ** 3 * x[2], p[2] * x[3] ** 4
    out[0] = (drive - sodium * (x[0] - p[4]) - potassium * (x[0] - p[5]) - p[3] * (x[0] - p[6])) / p[0]
    out[1] = p[7] * (a_m * (1.0 - x[1]) - b_m * x[1])
    out[2] = p[7] * (a_h * (1.0 - x[2]) - b_h * x[2])
    out[3] = p[7] * (a_n * (1.0 - x[3]) - b_n * x[3])


@height
def above(x, p):
    """Over 0 V."""
    return x[0]


class HodgkinHuxleyNeurons(OdeNeurons):
    """Hodgkin and Huxley's axon (1952): sodium, potassium and leak, a square metre of membrane."""

    parameters_model = HodgkinHuxleyParameters
    states = (
        NeuronState("v", "V", "membrane", 1e-3),
        NeuronState("m", "", "sodium activation", 1e-3),
        NeuronState("h", "", "sodium inactivation", 1e-3),
        NeuronState("n", "", "potassium activation", 1e-3),
    )
    drive_unit = "A/m^2"
    accuracy = Accuracy(1e-6, "Dormand-Prince 5(4) with 1e-8 a step")
    demonstration = Demonstration("step:0.1@5ms", 0.1, (0.0, 0.5))
    plane = ("v", "n")
    slope, above = slope, above

    def constants(self) -> tuple[float, ...]:
        """In the order in which `slope` reads them."""
        p = self.parameters
        return p.capacitance, p.g_na, p.g_k, p.g_l, p.e_na, p.e_k, p.e_l, p.phi

    def start(self) -> tuple[float, ...]:
        """Gates in equilibrium at -65 mV, where the sum of the currents is within 2e-6 A/m^2 of 0."""
        v = -65e-3
        a_m, b_m, a_h, b_h, a_n, b_n = gates(v)
        return v, a_m / (a_m + b_m), a_h / (a_h + b_h), a_n / (a_n + b_n)
