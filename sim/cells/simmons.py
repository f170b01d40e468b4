"""Simmons tunnel barrier: Pickett et al., J. Appl. Phys. 106, 074508 (2009); Abdalla & Pickett, ISCAS 2011.

The state w is the width of the tunnel gap in m, the current that of Simmons (J. Appl. Phys. 34, 1793 (1963)) through
it, in series with R_s: v = v_g + R_s i(v_g, w), solved at every step. With w in nm, Lambda = 0.0998 V nm / w,

    w_2 = w_1 + w - 0.9183 / (3 phi_0 + 4 Lambda - 2 |v_g|),   d = w_2 - w_1,   B = 10.246 d
    phi = phi_0 - |v_g| (w_1 + w_2) / (2 w) - 1.15 Lambda w ln(w_2 (w - w_1) / (w_1 (w - w_2))) / d
    i = sign(v_g) 0.0617 A / d^2 (phi e^(-B sqrt phi) - (phi + |v_g|) e^(-B sqrt(phi + |v_g|)))

    dw/dt =  f_off sinh(i / i_off)  exp(-exp((w - a_off) / w_c - |i| / b) - w / w_c)   i > 0
    dw/dt = -f_on  sinh(|i| / i_on) exp(-exp((a_on - w) / w_c - |i| / b) - w / w_c)    i < 0

A positive current widens the gap and switches off; ``set=positive`` turns the cell round. The equations say nothing of
bounds; from 1.1 to 2.2 nm there is a barrier at all voltages up to 0.9 phi_0 (with other constants that is checked).
They hold while the voltage of the gap is below the barrier: beyond 0.9 phi_0 the current goes on along its tangent,
which is a stand-in and no physics.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from hil.compiling import njit
from hil.programming import Programming
from sim.cells.equations import solution_of
from sim.cells.law import StateVariable, unit
from sim.cells.pulse_parameters import PulseParameters
from sim.cells.rates import Equations, RateLaw, current_equation, rate_equation
from sim.crossbar.kinds import simulated

NARROWEST, WIDEST = 1.1e-9, 2.2e-9
"""Widths of the gap between which the barrier exists, m."""

LARGEST_EXPONENT = 50.0
"""Inner exponent at which exp(-exp(z)) is 0 in any number format."""


HIGHEST = 0.9
"""Voltage of the gap, over phi_0, up to which the current is Simmons'."""


class SimmonsParameters(PulseParameters):
    """Parameters of `sim:simmons`."""

    f_off: float = Field(3.5e-6, gt=0, description="rate of widening", json_schema_extra=unit("m/s"))
    i_off: float = Field(115e-6, gt=0, description="current scale of widening", json_schema_extra=unit("A"))
    a_off: float = Field(1.2e-9, gt=0, description="gap beyond which widening slows down", json_schema_extra=unit("m"))
    f_on: float = Field(40e-6, gt=0, description="rate of narrowing", json_schema_extra=unit("m/s"))
    i_on: float = Field(8.9e-6, gt=0, description="current scale of narrowing", json_schema_extra=unit("A"))
    a_on: float = Field(1.8e-9, gt=0, description="gap below which narrowing slows down", json_schema_extra=unit("m"))
    b: float = Field(500e-6, gt=0, description="current that softens the window", json_schema_extra=unit("A"))
    w_c: float = Field(107e-12, gt=0, description="softness of the window", json_schema_extra=unit("m"))
    r_s: float = Field(215.0, gt=0, description="series resistance", json_schema_extra=unit("ohm"))
    phi_0: float = Field(0.95, gt=0, description="height of the barrier", json_schema_extra=unit("V"))
    w_1: float = Field(0.1261e-9, gt=0, description="where the barrier begins", json_schema_extra=unit("m"))
    area: float = Field(1.0, gt=0, description="area of the device, in 10,000 nm^2")
    set: Literal["negative", "positive"] = Field("negative", description="sign of the voltage that narrows the gap")
    gap0: float = Field(1.5e-9, ge=NARROWEST, le=WIDEST, description="pristine gap", json_schema_extra=unit("m"))

    @model_validator(mode="after")
    def _has_a_barrier(self) -> Self:
        voltages = np.linspace(0.0, HIGHEST, 40) * self.phi_0
        with np.errstate(all="ignore"):
            fixed = NARROWEST * 1e9, self.phi_0, self.w_1 * 1e9, self.area
            plain = getattr(simmons_current, "py_func", simmons_current)  # itself where numba is told not to compile
            i = [plain(v, *fixed) for v in voltages]
        falls = np.flatnonzero(~(np.diff(i) > 0))
        if len(falls):
            raise ValueError(
                f"phi_0 {self.phi_0:g} V with w_1 {self.w_1:g} m leaves no barrier at {voltages[falls[0] + 1]:.2g} V "
                f"on a gap of {NARROWEST * 1e9:g} nm: Simmons' current must rise with it up to {HIGHEST:g} phi_0"
            )
        return self


@njit(cache=True, error_model="numpy")
def simmons_current(across, w, phi_0, w_1, area):
    """Simmons' current at a voltage `across` >= 0 of the gap, V; `w` and `w_1` in nm; A."""
    pull = 0.0998 / w
    w_2 = w_1 + w - 0.9183 / (3.0 * phi_0 + 4.0 * pull - 2.0 * across)
    d = w_2 - w_1
    image = np.log(w_2 * (w - w_1) / (w_1 * (w - w_2)))
    phi = max(phi_0 - across * (w_1 + w_2) / (2.0 * w) - 1.15 * pull * w * image / d, 0.0)
    b = 10.246 * d
    over = phi + across
    return 0.0617 * area / (d * d) * (phi * np.exp(-b * np.sqrt(phi)) - over * np.exp(-b * np.sqrt(over)))


@njit(cache=True, error_model="numpy")
def tangent(w, phi_0, w_1, area):
    """Current where `tunnelled` becomes straight, at `HIGHEST` phi_0, and its slope there; A, S."""
    most = HIGHEST * phi_0
    after = simmons_current(most * (1.0 + 1e-4), w, phi_0, w_1, area)
    before = simmons_current(most * (1.0 - 1e-4), w, phi_0, w_1, area)
    return 0.5 * (after + before), (after - before) / (2e-4 * most)


@njit(cache=True, error_model="numpy")
def tunnelled(across, w, phi_0, w_1, area):
    """The same, and along its tangent from `HIGHEST` phi_0 on."""
    most = HIGHEST * phi_0
    if across <= most:
        return simmons_current(min(across, most), w, phi_0, w_1, area)
    there, slope = tangent(w, phi_0, w_1, area)
    return there + slope * (across - most)


def _excess(across: float, v: float, w: float, r_s: float, phi_0: float, w_1: float, area: float) -> float:
    """Voltage of gap and series resistance beyond `v`, with `across` V on the gap; 0 for no other than 0..v V."""
    return across + r_s * tunnelled(min(max(across, 0.0), v), w, phi_0, w_1, area) - v


@solution_of(_excess, scales=1.0)
@njit(cache=True, error_model="numpy")
def gap_voltage(v, w, r_s, phi_0, w_1, area):
    """Voltage of the gap at `v` >= 0 V on gap and series resistance, by secants within a bracket; V."""
    most = HIGHEST * phi_0
    if v > most:
        there, slope = tangent(w, phi_0, w_1, area)
        if most + r_s * there <= v:
            return most + (v - most - r_s * there) / (1.0 + r_s * slope)
        before, f_before = most, most + r_s * there - v
        low, high, across = 0.0, most, most - f_before / (1.0 + r_s * slope)
    else:
        before, f_before = v, r_s * simmons_current(v, w, phi_0, w_1, area)
        low, high, across = 0.0, v, v - f_before
    for step in range(200):
        if not low < across < high or step % 8 == 7:
            across = 0.5 * (low + high)
        f = across + r_s * simmons_current(across, w, phi_0, w_1, area) - v
        if f > 0.0:
            high = across
        else:
            low = across
        if f == f_before or high - low <= 1e-15 * v:
            return across
        move = f * (across - before) / (f - f_before)
        before, f_before = across, f
        across -= move
        if abs(move) <= 1e-8 * v:  # the next one is shorter by as much again
            return min(max(across, low), high)
    return np.nan


@njit(cache=True, error_model="numpy")
def through(v, w, r_s, phi_0, w_1, area):
    """Current of gap and series resistance at `v` >= 0 V, A."""
    across = gap_voltage(v, w, r_s, phi_0, w_1, area)
    return tunnelled(min(max(across, 0.0), v), w, phi_0, w_1, area)


@njit(cache=True, error_model="numpy")
def gap_rate(i, w, p):
    """Rate dw/dt at current `i` (A) and gap `w` (m); p begins with f_off, i_off, a_off, f_on, i_on, a_on, b, w_c."""
    if i == 0.0:
        return 0.0
    if i > 0.0:
        inner = min((w - p[2]) / p[7] - i / p[6], LARGEST_EXPONENT)
        return p[0] * np.sinh(i / p[1]) * np.exp(-np.exp(inner) - w / p[7])
    inner = min((p[5] - w) / p[7] + i / p[6], LARGEST_EXPONENT)
    return p[3] * np.sinh(i / p[4]) * np.exp(-np.exp(inner) - w / p[7])


@current_equation
def _current(v, x, p):
    return np.sign(v) * through(abs(v), x[0] * 1e9, p[8], p[9], p[10], p[11])


@rate_equation
def _rate(v, x, p, out):
    out[0] = gap_rate(p[12] * np.sign(v) * through(abs(v), x[0] * 1e9, p[8], p[9], p[10], p[11]), x[0], p)


class SimmonsLaw(RateLaw[SimmonsParameters]):
    """Such a barrier."""

    programmed = "gap"
    roots = 1
    equations = Equations(_rate, _current)
    read_voltage = 0.05

    @property
    def states(self) -> tuple[StateVariable, ...]:
        """The width of the gap, m."""
        return (StateVariable("gap", self.parameters.gap0, NARROWEST, WIDEST),)

    @property
    def indistinct(self) -> Mapping[str, str]:
        """What the equations hold only together with others."""
        return {
            "w_1": "of the barrier, not of this cell",
            "b": "500 uA as published, far above what flows",
            "area": "of the layout",
        }

    def constants(self) -> tuple[float, ...]:
        """Dynamics, then conduction (lengths of it in nm), then direction."""
        p = self.parameters
        return (
            p.f_off, p.i_off, p.a_off, p.f_on, p.i_on, p.a_on, p.b, p.w_c, p.r_s, p.phi_0, p.w_1 * 1e9, p.area,
            -1.0 if p.set == "positive" else 1.0,
        )  # fmt: skip

    @property
    def programming(self) -> Programming:
        """Pulses as given."""
        return self.parameters.pulses(*self.conductance_range(0.0), 1 if self.parameters.set == "positive" else -1)


PRESETS: Mapping[str, Mapping[str, Any]] = {"pickett": {}}
"""pickett: the fitted values of Pickett et al. (2009), with the conduction of Abdalla & Pickett's SPICE model."""

kind = simulated("simmons", "tunnel barrier of moving width (Simmons, Pickett)", SimmonsLaw, SimmonsParameters, PRESETS)
