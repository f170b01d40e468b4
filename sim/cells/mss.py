"""Metastable switches: Molter & Nugent, "The generalized metastable switch memristor model", CNNA 2016; Knowm.

A memristor is a great many switches that flip at random. Their mean, the share x that is on, follows

    dx/dt = (P_on (1 - x) - P_off x) / tau,   P_on = L(beta (v - V_on)),   P_off = 1 - L(beta (v + V_off))
    i = phi v (x / R_on + (1 - x) / R_off) + (1 - phi) (a_f (e^(b_f v) - 1) - a_r (e^(-b_r v) - 1))

with L the logistic function and beta = q / (k T). The second part of the current is a Schottky diode's, forward and
reverse; phi = 1 leaves it out. At a constant voltage x approaches P_on / (P_on + P_off) exponentially, at the rate
(P_on + P_off) / tau. There is no threshold in the strict sense: at 0 V the cell forgets within tau / (2 P_on(0)).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

import numpy as np
from pydantic import Field, model_validator
from scipy.constants import Boltzmann, elementary_charge

from hil.compiling import njit
from hil.fraction import Fraction
from hil.programming import Programming
from sim.cells.law import StateVariable, unit
from sim.cells.pulse_parameters import PulseParameters
from sim.cells.rates import Equations, RateLaw, current_equation, rate_equation
from sim.crossbar.kinds import simulated


class MssParameters(PulseParameters):
    """Parameters of `sim:mss`."""

    r_on: float = Field(500.0, gt=0, description="resistance of all switches on", json_schema_extra=unit("ohm"))
    r_off: float = Field(1500.0, gt=0, description="resistance of all switches off", json_schema_extra=unit("ohm"))
    v_on: float = Field(
        0.27, gt=0, description="voltage at which half of the tries switch on", json_schema_extra=unit("V")
    )
    v_off: float = Field(
        0.27, gt=0, description="magnitude at which half of the tries switch off", json_schema_extra=unit("V")
    )
    tau: float = Field(1e-4, gt=0, description="time between two tries", json_schema_extra=unit("s"))
    temperature: float = Field(298.5, gt=0, description="of the switches", json_schema_extra=unit("K"))
    phi: Fraction = Field(1.0, ge=0, le=1, description="share of the ohmic current; the rest is a Schottky diode's")
    a_f: float = Field(1e-6, ge=0, description="forward current of the diode", json_schema_extra=unit("A"))
    b_f: float = Field(3.0, ge=0, description="its steepness", json_schema_extra=unit("1/V"))
    a_r: float = Field(1e-6, ge=0, description="reverse current of the diode", json_schema_extra=unit("A"))
    b_r: float = Field(3.0, ge=0, description="its steepness", json_schema_extra=unit("1/V"))
    x0: float = Field(0.0, ge=0, le=1, description="pristine share of switches that are on")

    @model_validator(mode="after")
    def _switches(self) -> Self:
        if self.r_on >= self.r_off:
            raise ValueError(f"r_on {self.r_on:g} ohm must be below r_off {self.r_off:g} ohm")
        return self


@njit(cache=True, error_model="numpy")
def _logistic(z):
    return 1.0 / (1.0 + np.exp(-z))


@rate_equation
def _rate(v, x, p, out):
    on, off = _logistic(p[0] * (v - p[1])), _logistic(-p[0] * (v + p[2]))
    out[0] = (on * (1.0 - x[0]) - off * x[0]) / p[3]


@current_equation
def _current(v, x, p):
    ohmic = v * (x[0] / p[4] + (1.0 - x[0]) / p[5])
    return p[6] * ohmic + (1.0 - p[6]) * (p[7] * np.expm1(p[8] * v) - p[9] * np.expm1(-p[10] * v))


class MssLaw(RateLaw[MssParameters]):
    """The mean of very many switches."""

    programmed = "x"
    equations = Equations(_rate, _current)
    read_disturbance = 2e-3

    @property
    def states(self) -> tuple[StateVariable, ...]:
        """The share that is on."""
        return (StateVariable("x", self.parameters.x0, 0.0, 1.0),)

    @property
    def indistinct(self) -> Mapping[str, str]:
        """Temperature, and the diode where phi leaves it out."""
        diode = dict.fromkeys(
            ("a_f", "b_f", "a_r", "b_r"), "phi = 1 leaves the diode out: --fix phi=0.5 --free a_f ..."
        )
        known = {"temperature": "the temperature of the room", "phi": "a_f, a_r, r_on and r_off carry it"}
        return known | (diode if self.parameters.phi == 1.0 else {})

    def constants(self) -> tuple[float, ...]:
        """Probabilities, then the current."""
        p = self.parameters
        beta = elementary_charge / (Boltzmann * p.temperature)
        return beta, p.v_on, p.v_off, p.tau, p.r_on, p.r_off, p.phi, p.a_f, p.b_f, p.a_r, p.b_r

    @property
    def programming(self) -> Programming:
        """Pulses as given."""
        return self.parameters.pulses(*self.conductance_range(0.0))


PRESETS = {"knowm": {"v_set": 0.27, "v_reset": 0.27, "t_pulse": 5e-6}}
"""knowm: memristor_knowm.sub of Knowm's SPICE models; the pulses are ours."""

kind = simulated("mss", "metastable switches, the mean of many", MssLaw, MssParameters, PRESETS)
