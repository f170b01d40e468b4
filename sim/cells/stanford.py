"""Stanford-PKU model of filamentary RRAM: Jiang, Yu, Wu, Wong et al., SISPAD 2014; nanoHUB Verilog-A 1.0.0 (2014).

    i = I_0 e^(-g / g_0) sinh(v / V_0),   T = T_0 + |v i| R_th
    dg/dt = -v_0 e^(-q E_a / (k T)) sinh(gamma a_0 q v / (t_ox k T)),   gamma = gamma_0 - beta (g / 1 nm)^3

g is the gap between the tip of the filament and the electrode, m, between gap_min and gap_max. gamma is 0 where the
field gamma |v| / t_ox is below F_min: a jump, not a threshold of the voltage alone. A positive voltage closes the gap.
The model's own random part of dg/dt depends on the step of whoever integrates it; spread is the array's here (`c2c`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Self

import numpy as np
from pydantic import Field, model_validator

from hil.programming import Programming
from sim.cells.law import StateVariable, unit
from sim.cells.pulse_parameters import PulseParameters
from sim.cells.rates import Equations, RateLaw, current_equation, rate_equation
from sim.crossbar.kinds import simulated

CHARGE, BOLTZMANN = 1.6e-19, 1.3806503e-23
"""Elementary charge, C, and Boltzmann's constant, J/K, as rounded in the published code."""


class StanfordParameters(PulseParameters):
    """Parameters of `sim:stanford`."""

    renamed: ClassVar[Mapping[str, str]] = {"T_0": "temperature"}

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
    F_min: float = Field(1.4e9, ge=0, description="field below which nothing moves", json_schema_extra=unit("V/m"))
    temperature: float = Field(298.0, gt=0, description="ambient temperature T_0", json_schema_extra=unit("K"))
    R_th: float = Field(2.1e3, ge=0, description="thermal resistance", json_schema_extra=unit("K/W"))
    gap_min: float = Field(0.2e-9, gt=0, description="narrowest gap", json_schema_extra=unit("m"))
    gap_max: float = Field(1.7e-9, gt=0, description="widest gap", json_schema_extra=unit("m"))
    gap0: float = Field(1.7e-9, gt=0, description="pristine gap", json_schema_extra=unit("m"))

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.gap_min >= self.gap_max:
            raise ValueError(f"gap_min {self.gap_min:g} m must be below gap_max {self.gap_max:g} m")
        if not self.gap_min <= self.gap0 <= self.gap_max:
            raise ValueError(f"gap0 {self.gap0:g} m must be in {self.gap_min:g} .. {self.gap_max:g} m")
        return self


@rate_equation
def _rate(v, x, p, out):
    i = p[0] * np.exp(-x[0] / p[1]) * np.sinh(v / p[2])
    kt = BOLTZMANN * (p[9] + abs(v * i) * p[10])
    gamma = p[6] - p[7] * (x[0] * 1e9) ** 3
    out[0] = 0.0
    if gamma * abs(v) / p[5] >= p[8]:
        out[0] = -p[3] * np.exp(-CHARGE * p[4] / kt) * np.sinh(gamma * p[11] * CHARGE * v / (p[5] * kt))


@current_equation
def _current(v, x, p):
    return p[0] * np.exp(-x[0] / p[1]) * np.sinh(v / p[2])


class StanfordLaw(RateLaw[StanfordParameters]):
    """Such a cell."""

    programmed = "gap"
    equations = Equations(_rate, _current)
    read_voltage = 0.1

    @property
    def states(self) -> tuple[StateVariable, ...]:
        """The gap, m."""
        p = self.parameters
        return (StateVariable("gap", p.gap0, p.gap_min, p.gap_max),)

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
        """Current, speed, field, temperature, hop."""
        p = self.parameters
        return (
            p.I_0, p.g_0, p.V_0, p.vel_0, p.E_a, p.t_ox, p.gamma_0, p.beta, p.F_min, p.temperature, p.R_th, p.a_0,
        )  # fmt: skip

    @property
    def programming(self) -> Programming:
        """Pulses as given."""
        return self.parameters.pulses(*self.conductance_range(0.0))


PRESETS = {
    "memtorch": {
        "gap_min": 0.20008e-9, "gap_max": 1.70000e-9, "gap0": 1.7e-9, "v_set": 1.5, "v_reset": 1.5, "t_pulse": 2e-9,
    },
}  # fmt: skip
"""memtorch: MemTorch's Stanford_PKU, whose 542 and 218,586 ohm at 0.1 V are these gaps; the pulses are ours."""

kind = simulated(
    "stanford", "filamentary RRAM with Joule heat (Stanford-PKU)", StanfordLaw, StanfordParameters, PRESETS
)
