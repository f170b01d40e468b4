"""TEAM: a memristor with current thresholds, Kvatinsky et al., IEEE Trans. Circuits Syst. I 60, 211 (2013).

    dx/dt = k_off (i / i_off - 1)^alpha_off f_off(x)   0 < i_off < i
            0                                          i_on < i < i_off
            k_on (i / i_on - 1)^alpha_on f_on(x)       i < i_on < 0

    f_off = exp(-exp((x - a_off) / w_c)),   f_on = exp(-exp(-(x - a_on) / w_c))

    y = (x - x_on) / (x_off - x_on)
    v = (R_on + (R_off - R_on) y) i   linear,   or   R_on (R_off / R_on)^y i   exponential

x is the width of the tunnel gap in m: a positive current widens it and switches off, as printed; ``set=positive`` turns
the cell round. The 2011 report prints i_on with a positive sign and switches at rest; the negative one is meant.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from hil.programming import Programming
from sim.cells.law import StateVariable, unit
from sim.cells.pulse_parameters import PulseParameters
from sim.cells.rates import Equations, OhmicRateLaw, current_equation, rate_equation
from sim.crossbar.kinds import simulated


class TeamParameters(PulseParameters):
    """Parameters of `sim:team`."""

    i_off: float = Field(115e-6, gt=0, description="current above which the gap widens", json_schema_extra=unit("A"))
    i_on: float = Field(-8.9e-6, lt=0, description="current below which it narrows", json_schema_extra=unit("A"))
    k_off: float = Field(8e-13, gt=0, description="rate of widening at 2 i_off", json_schema_extra=unit("m/s"))
    k_on: float = Field(-8e-13, lt=0, description="rate of narrowing at 2 i_on", json_schema_extra=unit("m/s"))
    alpha_off: float = Field(3.0, gt=0, le=50, description="exponent of the overdrive, widening")
    alpha_on: float = Field(3.0, gt=0, le=50, description="exponent of the overdrive, narrowing")
    x_on: float = Field(0.0, ge=0, description="narrowest gap", json_schema_extra=unit("m"))
    x_off: float = Field(3e-9, gt=0, description="widest gap", json_schema_extra=unit("m"))
    window: Literal["none", "kvatinsky"] = Field("kvatinsky", description="how the gap meets its bounds")
    a_off: float = Field(1.2e-9, description="gap beyond which widening slows down", json_schema_extra=unit("m"))
    a_on: float = Field(2e-9, description="gap below which narrowing slows down", json_schema_extra=unit("m"))
    w_c: float = Field(107e-12, gt=0, description="softness of the window", json_schema_extra=unit("m"))
    r_on: float = Field(100.0, gt=0, description="resistance at x_on", json_schema_extra=unit("ohm"))
    r_off: float = Field(200e3, gt=0, description="resistance at x_off", json_schema_extra=unit("ohm"))
    resistance: Literal["linear", "exponential"] = Field("linear", description="how resistance follows the gap")
    set: Literal["negative", "positive"] = Field("negative", description="sign of the voltage that switches on")
    x0: float = Field(1.5e-9, ge=0, description="pristine gap", json_schema_extra=unit("m"))

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.x_on >= self.x_off:
            raise ValueError(f"x_on {self.x_on:g} m must be below x_off {self.x_off:g} m")
        if not self.x_on <= self.x0 <= self.x_off:
            raise ValueError(f"x0 {self.x0:g} m must be in {self.x_on:g} .. {self.x_off:g} m")
        if self.r_on >= self.r_off:
            raise ValueError(f"r_on {self.r_on:g} ohm must be below r_off {self.r_off:g} ohm")
        return self


@rate_equation
def _rate(v, x, p, out):
    y = (x[0] - p[0]) / (p[1] - p[0])
    r = p[2] * (p[3] / p[2]) ** y if p[4] else p[2] + (p[3] - p[2]) * y
    i = p[5] * v / r
    out[0] = 0.0
    if i > p[6]:
        out[0] = p[8] * (i / p[6] - 1.0) ** p[10]
        if p[12]:
            out[0] *= np.exp(-np.exp((x[0] - p[13]) / p[15]))
    elif i < p[7]:
        out[0] = p[9] * (i / p[7] - 1.0) ** p[11]
        if p[12]:
            out[0] *= np.exp(-np.exp((p[14] - x[0]) / p[15]))


@current_equation
def _current(v, x, p):
    y = (x[0] - p[0]) / (p[1] - p[0])
    return v / (p[2] * (p[3] / p[2]) ** y if p[4] else p[2] + (p[3] - p[2]) * y)


class TeamLaw(OhmicRateLaw[TeamParameters]):
    """Such a memristor. Spread in sensitivity multiplies both rates, spread in memristance R."""

    programmed = "x"
    equations = Equations(_rate, _current)

    @property
    def states(self) -> tuple[StateVariable, ...]:
        """The gap, m."""
        p = self.parameters
        return (StateVariable("x", p.x0, p.x_on, p.x_off),)

    @property
    def indistinct(self) -> Mapping[str, str]:
        """What the equations hold only together with others."""
        return {
            "x_on": "lengths are told as parts of the gap",
            "x_off": "lengths are told as parts of the gap",
        }

    def constants(self) -> tuple[float, ...]:
        """Gap and resistance; thresholds, rates and exponents; window."""
        p = self.parameters
        sign = -1.0 if p.set == "positive" else 1.0
        return (
            p.x_on, p.x_off, p.r_on, p.r_off, float(p.resistance == "exponential"), sign, p.i_off, p.i_on, p.k_off,
            p.k_on, p.alpha_off, p.alpha_on, float(p.window == "kvatinsky"), p.a_off, p.a_on, p.w_c,
        )  # fmt: skip

    @property
    def programming(self) -> Programming | None:
        """Pulses as given, where a positive voltage switches on."""
        p = self.parameters
        return p.pulses(1 / p.r_off, 1 / p.r_on) if p.set == "positive" else None


PRESETS: Mapping[str, Mapping[str, Any]] = {"technion": {}}
"""technion: Kvatinsky et al., Verilog-A report (2011), with i_on < 0."""

kind = simulated("team", "memristor with current thresholds (TEAM)", TeamLaw, TeamParameters, PRESETS)
