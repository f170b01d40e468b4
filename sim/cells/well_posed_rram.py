"""The well-posed RRAM model of Wang & Roychowdhury, arXiv:1605.04897 (2016): Stanford-PKU's gap without its jumps.

    i = I_0 e^(-g / g_0) sinh(v / V_0) + G_min v
    dg/dt = r + (e^(K (g_min - g)) u - r) F(g_min - g) + (-e^(K (g - g_max)) u - r) F(g - g_max)
    r = -v_0 e^(-q E_a / (k T)) sinh(gamma a_0 q v / (t_ox k T)),   gamma = gamma_0 - beta (g / 1 nm)^3
    F(x) = (1 + x / sqrt(x^2 + s^2)) / 2,   u = 1 m/s

g is the gap between filament and electrode, m. There is no field below which nothing moves, T is constant, and nothing
stops the gap at its bounds but forces that are smooth: F switches from r to an exponential that pushes back, so that
the gap overshoots by about s and every voltage has a defined answer. A positive voltage closes the gap.

At rest the same forces push a gap away from its bounds, by s^2 / (4 x^2) e^(-K x) u at a distance x: what was driven
into a bound is 0.2 nm away from it after a second. Equations and constants are those of the authors' own code.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

import numpy as np
from pydantic import Field, model_validator

from hil.compiling import njit
from hil.programming import Programming
from sim.cells.law import StateVariable, unit
from sim.cells.pulse_parameters import PulseParameters
from sim.cells.rates import Equations, RateLaw, current_equation, rate_equation
from sim.crossbar.kinds import simulated

CHARGE, BOLTZMANN = 1.6021918e-19, 1.3806226e-23
"""Elementary charge, C, and Boltzmann's constant, J/K, as in the published code."""

BEYOND = 1e-9
"""How far beyond its bounds the gap may be followed, m: the equations never lead there."""


class WellPosedRramParameters(PulseParameters):
    """Parameters of `sim:well-posed-rram`."""

    g_0: float = Field(
        0.25e-9, gt=0, description="gap over which the current falls to 1/e", json_schema_extra=unit("m")
    )
    V_0: float = Field(0.25, gt=0, description="curvature of the current", json_schema_extra=unit("V"))
    I_0: float = Field(1e-3, gt=0, description="scale of the current", json_schema_extra=unit("A"))
    vel_0: float = Field(10.0, gt=0, description="attempts of an ion as a speed", json_schema_extra=unit("m/s"))
    E_a: float = Field(0.6, gt=0, description="activation energy", json_schema_extra=unit("eV"))
    a_0: float = Field(0.25e-9, gt=0, description="distance of a hop", json_schema_extra=unit("m"))
    t_ox: float = Field(12e-9, gt=0, description="thickness of the oxide", json_schema_extra=unit("m"))
    gamma_0: float = Field(16.0, gt=0, description="enhancement of the field at no gap")
    beta: float = Field(0.8, ge=0, description="how it falls with the gap's third power, gap in nm")
    temperature: float = Field(300.0, gt=0, description="of the ions", json_schema_extra=unit("K"))
    gap_min: float = Field(0.0, ge=0, description="narrowest gap", json_schema_extra=unit("m"))
    gap_max: float = Field(1.7e-9, gt=0, description="widest gap", json_schema_extra=unit("m"))
    k_clip: float = Field(50e9, ge=0, le=1e12, description="steepness of the bounds", json_schema_extra=unit("1/m"))
    smooth: float = Field(1e-13, gt=0, description="over which a bound sets in", json_schema_extra=unit("m"))
    g_leak: float = Field(1e-12, ge=0, description="conductance G_min beside it", json_schema_extra=unit("S"))
    gap0: float = Field(1.3e-9, gt=0, description="pristine gap", json_schema_extra=unit("m"))

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.gap_min >= self.gap_max:
            raise ValueError(f"gap_min {self.gap_min:g} m must be below gap_max {self.gap_max:g} m")
        if not self.gap_min <= self.gap0 <= self.gap_max:
            raise ValueError(f"gap0 {self.gap0:g} m must be in {self.gap_min:g} .. {self.gap_max:g} m")
        return self


@njit(cache=True, error_model="numpy")
def _step(x, smooth):
    """F(x), without cancellation where it is small."""
    root = np.sqrt(x * x + smooth * smooth)
    return 0.5 * smooth * smooth / (root * (root - x)) if x < 0.0 else 0.5 * (1.0 + x / root)


@rate_equation
def _rate(v, x, p, out):
    gamma = p[6] - p[7] * (x[0] * 1e9) ** 3
    moved = -p[3] * np.exp(-p[4]) * np.sinh(gamma * p[5] * v)
    under, over = p[8] - x[0], x[0] - p[9]
    out[0] = moved + (np.exp(p[10] * under) - moved) * _step(under, p[11])
    out[0] -= (np.exp(p[10] * over) + moved) * _step(over, p[11])


@current_equation
def _current(v, x, p):
    return p[0] * np.exp(-x[0] / p[1]) * np.sinh(v / p[2]) + p[12] * v


class WellPosedRramLaw(RateLaw[WellPosedRramParameters]):
    """Such a cell."""

    programmed = "gap"
    equations = Equations(_rate, _current)
    read_voltage = 0.1
    read_disturbance = 0.4

    @property
    def states(self) -> tuple[StateVariable, ...]:
        """The gap, m."""
        p = self.parameters
        return (StateVariable("gap", p.gap0, p.gap_min - BEYOND, p.gap_max + BEYOND),)

    @property
    def indistinct(self) -> Mapping[str, str]:
        """What the equations hold only together with others."""
        return {
            "g_0": "lengths are told as parts of it",
            "a_0": "only gamma a_0 / t_ox is told",
            "t_ox": "only gamma a_0 / t_ox is told",
            "E_a": "vel_0 carries it at one temperature",
            "temperature": "that of the room",
        }

    def constants(self) -> tuple[float, ...]:
        """Current; speed, energy of a hop over kT, field of a volt over kT; gamma, bounds, leak."""
        p = self.parameters
        per_kt = CHARGE / (BOLTZMANN * p.temperature)
        return (
            p.I_0, p.g_0, p.V_0, p.vel_0, p.E_a * per_kt, p.a_0 * per_kt / p.t_ox, p.gamma_0, p.beta, p.gap_min,
            p.gap_max, p.k_clip, p.smooth, p.g_leak,
        )  # fmt: skip

    def conductance_range(self, v_max: float) -> tuple[float, float]:
        """Conductances at `read_voltage` of the widest and the narrowest gap, S."""
        p = self.parameters
        per_volt = np.sinh(self.read_voltage / p.V_0) / self.read_voltage
        low, high = (p.I_0 * np.exp(-gap / p.g_0) * per_volt + p.g_leak for gap in (p.gap_max, p.gap_min))
        return float(low), float(high)

    @property
    def programming(self) -> Programming:
        """Pulses as given."""
        return self.parameters.pulses(*self.conductance_range(0.0))


PRESETS = {"mapp": {"v_set": 1.2, "v_reset": 1.2, "t_pulse": 1e-7}}
"""mapp: RRAM_v0_ModSpec of the authors' simulator MAPP; the pulses are ours."""

kind = simulated(
    "well-posed-rram",
    "filamentary RRAM with smooth bounds (Wang & Roychowdhury)",
    WellPosedRramLaw,
    WellPosedRramParameters,
    PRESETS,
)
