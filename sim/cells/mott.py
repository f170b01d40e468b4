"""Mott switch of NbO2 or VO2: Pickett & Williams, Nanotechnology 23, 215202 (2012); Nature Mater. 12, 114 (2013).

A channel of radius r_ch is metallic out to the part u of it, 0 < u < 1, and insulating beyond:

    R = rho_i L / (pi r_ch^2) / (1 + (rho_i / rho_m - 1) u^2)
    dH/du du/dt = v^2 / R - Gamma dT,   Gamma = 2 pi L kappa / ln(1 / u)
    dH/du = pi L r_ch^2 (c_p dT (1 - u^2 + 2 u^2 ln u) / (2 u ln^2 u) + 2 dh u)

Joule heat melts the core, conduction to the wall freezes it: the device is volatile and knows no sign. dT is the
distance from ambient to transition. Driven by a voltage it runs away above its threshold, so that only a series
resistance or a compliance holds it between its bounds, which are where the equations become singular.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from pydantic import Field, model_validator

from sim.cells.law import CellParameters, StateVariable, unit
from sim.cells.rates import Equations, OhmicRateLaw, current_equation, rate_equation
from sim.crossbar.kinds import simulated

CORE = 1e-4
"""Least distance of u from 0 and from 1."""


class MottParameters(CellParameters):
    """Parameters of `sim:mott`."""

    rho_i: float = Field(1e-2, gt=0, description="resistivity of the insulator", json_schema_extra=unit("ohm m"))
    rho_m: float = Field(3e-6, gt=0, description="resistivity of the metal", json_schema_extra=unit("ohm m"))
    r_ch: float = Field(36e-9, gt=0, description="radius of the channel", json_schema_extra=unit("m"))
    length: float = Field(50e-9, gt=0, description="its length L", json_schema_extra=unit("m"))
    kappa: float = Field(3.5, gt=0, description="thermal conductivity", json_schema_extra=unit("W/(m K)"))
    c_p: float = Field(3.3e6, gt=0, description="heat capacity", json_schema_extra=unit("J/(m^3 K)"))
    dh: float = Field(2.35e8, gt=0, description="heat of the transition", json_schema_extra=unit("J/m^3"))
    dT: float = Field(43.0, gt=0, description="transition above ambient", json_schema_extra=unit("K"))
    temperature: float | None = Field(
        None, gt=0, description="ambient temperature, in place of dT", json_schema_extra=unit("K")
    )
    t_c: float = Field(340.0, gt=0, description="temperature of the transition", json_schema_extra=unit("K"))
    u0: float = Field(1e-3, ge=CORE, le=1 - CORE, description="pristine metallic part of the radius")

    @model_validator(mode="after")
    def _insulating(self) -> Self:
        if self.temperature is not None and self.temperature >= self.t_c:
            raise ValueError(
                f"temperature {self.temperature:g} K must be below t_c {self.t_c:g} K: it is a metal there"
            )
        return self

    @property
    def above_ambient(self) -> float:
        """Distance from ambient to transition, K."""
        return self.dT if self.temperature is None else self.t_c - self.temperature


@rate_equation
def _rate(v, x, p, out):
    u, area = x[0], np.pi * p[2] ** 2
    r = p[0] * p[3] / area / (1.0 + (p[0] / p[1] - 1.0) * u * u)
    log = np.log(u)
    stored = p[3] * area * (p[5] * p[7] * (1.0 - u * u + 2.0 * u * u * log) / (2.0 * u * log * log) + 2.0 * p[6] * u)
    out[0] = (v * v / r + 2.0 * np.pi * p[3] * p[4] / log * p[7]) / stored


@current_equation
def _current(v, x, p):
    return v * np.pi * p[2] ** 2 / (p[0] * p[3]) * (1.0 + (p[0] / p[1] - 1.0) * x[0] ** 2)


class MottLaw(OhmicRateLaw[MottParameters]):
    """Such a switch. Spread in sensitivity multiplies du/dt, spread in memristance R."""

    programmed = "u"
    equations = Equations(_rate, _current)

    @property
    def states(self) -> tuple[StateVariable, ...]:
        """The metallic part of the radius."""
        return (StateVariable("u", self.parameters.u0, CORE, 1.0 - CORE),)

    @property
    def indistinct(self) -> Mapping[str, str]:
        """What the equations hold only together with others."""
        return {
            "r_ch": "resistivities and heats carry it",
            "length": "resistivities and heats carry it",
            "dT": "kappa and c_p carry it",
            "temperature": "only dT = t_c - temperature is told",
            "t_c": "only dT = t_c - temperature is told",
        }

    def constants(self) -> tuple[float, ...]:
        """Resistivities, geometry, heat."""
        p = self.parameters
        return p.rho_i, p.rho_m, p.r_ch, p.length, p.kappa, p.c_p, p.dh, p.above_ambient


PRESETS: Mapping[str, Mapping[str, Any]] = {"vo2": {}}
"""vo2: values for VO2 after Yi et al., Nature Commun. 9, 4661 (2018), as they are commonly quoted."""

kind = simulated("mott", "volatile Mott switch (NbO2, VO2)", MottLaw, MottParameters, PRESETS)
