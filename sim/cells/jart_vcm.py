"""JART VCM v1b, valence change memory: Cueppers et al., APL Mater. 7, 091105 (2019); Bengel et al., TCAS-I 67 (2020).

Electrode, Schottky barrier, disc (length l_d, vacancies N), plug (N_p), series resistance. With A = pi r^2,

    R_disc = l_d / (N z q mu_n A),   R_plug = (l_c - l_d) / (N_p z q mu_n A)
    R_s = R_TiOx + R_0 (1 + R_0 alpha i^2 R_thl)
    phi_b = phi_Bn0 - (q^3 z N (phi_Bn0 - phi_n - V_s) / (8 pi^2 eps_b^3))^(1/4), at least 0
    T = T_0 + i (V_s + i (R_disc + R_plug)) R_th

    V_s >= 0:  i = A A* T^2 e^(-q phi_b / kT) (e^(q V_s / kT) - 1)
    V_s < 0:   i = -A (A* T / k) (pi W_00 q (|V_s| + phi_b / cosh^2 y))^(1/2) e^(-q phi_b / W_0)
                   (e^(q |V_s| / e') - 1)
               W_00 = q h / (4 pi) (z N / (m eps))^(1/2),  y = W_00 / kT
               W_0 = W_00 / tanh y,  e' = W_00 / (y - tanh y)

    dN/dt = -c a nu (e^(-W_min / kT) - e^(-W_max / kT)) F / l_d,   c = (N_p + N) / 2
    W = dW_a ((1 - g^2)^(1/2) -+ g pi / 2 + g asin g),   g = z q E a / (pi dW_a)
    v < 0:  E = i R_disc / l_d,                  F = 1 - (N / N_max)^10
    v > 0:  E = (V_s + i (R_disc + R_plug)) / l_c,  F = 1 - (N_min / N)^10

A negative voltage sets. Current and temperature are solved together in every evaluation; where there are several
answers, it is the one that a cold device reaches. R_th is lower by the factor `r_th_reset` where v > 0. The equations
are written anew from the papers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from pydantic import Field

from hil.compiling import njit
from sim.cells.bracket import between, narrowed
from sim.cells.law import CellParameters, StateVariable, unit
from sim.cells.rates import Equations, RateLaw, current_equation, rate_equation
from sim.crossbar.kinds import simulated

Q, K, H, M_E, EPS_0 = 1.602e-19, 1.3807e-23, 6.626e-34, 9.11e-31, 8.854e-12
"""Constants as rounded in the published code: C, J/K, J s, kg, F/m."""

PER_CUBIC_METRE = 1e26
"""Unit of the concentrations among the parameters, 1/m^3."""

(EPS, EPS_B, PHI_BN0, PHI_N, MU_N, N_P, HOP, NU, DW, R_TH, RADIUS, L_C, L_D, R_TIOX, R_0, R_THL, ALPHA, Z, T_0, A_STAR,
 RESET, N_MIN, N_MAX) = range(23)  # fmt: skip
"""Places of the parameters in the constants of the equations."""


class JartParameters(CellParameters):
    """Parameters of `sim:jart-vcm`; concentrations are in 1e26 / m^3."""

    eps: float = Field(17.0, gt=0, description="relative permittivity")
    eps_b: float = Field(5.5, gt=0, description="relative permittivity of the barrier")
    phi_bn0: float = Field(0.18, gt=0, description="height of the barrier", json_schema_extra=unit("V"))
    phi_n: float = Field(0.1, ge=0, description="Fermi level below the band", json_schema_extra=unit("V"))
    mu_n: float = Field(4e-6, gt=0, description="mobility of electrons", json_schema_extra=unit("m^2/(V s)"))
    n_plug: float = Field(20.0, gt=0, description="vacancies in the plug", json_schema_extra=unit("1e26/m^3"))
    hop: float = Field(0.25e-9, gt=0, description="distance of a hop", json_schema_extra=unit("m"))
    nu: float = Field(2e13, gt=0, description="attempt frequency", json_schema_extra=unit("Hz"))
    dw_a: float = Field(1.35, gt=0, description="activation energy", json_schema_extra=unit("eV"))
    r_th: float = Field(15.72e6, gt=0, description="thermal resistance", json_schema_extra=unit("K/W"))
    radius: float = Field(45e-9, gt=0, description="radius of the filament", json_schema_extra=unit("m"))
    l_c: float = Field(3e-9, gt=0, description="length of the filament", json_schema_extra=unit("m"))
    l_d: float = Field(0.4e-9, gt=0, description="length of the disc", json_schema_extra=unit("m"))
    r_tiox: float = Field(650.0, ge=0, description="resistance of the TiOx layer", json_schema_extra=unit("ohm"))
    r_0: float = Field(719.2437, ge=0, description="resistance of the line, cold", json_schema_extra=unit("ohm"))
    r_thl: float = Field(90471.47, ge=0, description="thermal resistance of the line", json_schema_extra=unit("K/W"))
    alpha: float = Field(3.92e-3, ge=0, description="its temperature coefficient", json_schema_extra=unit("1/K"))
    z: float = Field(2.0, gt=0, description="charges of a vacancy")
    t_0: float = Field(293.0, gt=0, description="ambient temperature", json_schema_extra=unit("K"))
    a_star: float = Field(6.01e5, gt=0, description="Richardson constant", json_schema_extra=unit("A/(m^2 K^2)"))
    r_th_reset: float = Field(0.27, gt=0, le=1, description="factor of r_th where v > 0")
    n_min: float = Field(0.008, gt=0, description="fewest vacancies in the disc", json_schema_extra=unit("1e26/m^3"))
    n_max: float = Field(20.0, gt=0, description="most vacancies in the disc", json_schema_extra=unit("1e26/m^3"))
    n0: float = Field(0.008, gt=0, description="vacancies in a pristine disc", json_schema_extra=unit("1e26/m^3"))


@njit(cache=True, error_model="numpy")
def _barrier_current(v_s, t, n, p):
    """Current through the Schottky barrier, A."""
    area = np.pi * p[RADIUS] ** 2
    lowered = p[PHI_BN0] - p[PHI_N] - v_s
    phi = p[PHI_BN0]
    if lowered > 0.0:
        phi -= (Q**3 * p[Z] * n * PER_CUBIC_METRE * lowered / (8.0 * np.pi**2 * (p[EPS_B] * EPS_0) ** 3)) ** 0.25
    phi = max(phi, 0.0)
    if v_s >= 0.0:
        return area * p[A_STAR] * t * t * np.exp(-Q * phi / (K * t)) * np.expm1(Q * v_s / (K * t))
    w_00 = Q * H / (4.0 * np.pi) * np.sqrt(p[Z] * n * PER_CUBIC_METRE / (M_E * p[EPS] * EPS_0))
    y = w_00 / (K * t)
    field = np.sqrt(np.pi * w_00 * Q * (-v_s + phi / np.cosh(y) ** 2))
    emitted = np.exp(-Q * phi * np.tanh(y) / w_00) * np.expm1(-Q * v_s * (y - np.tanh(y)) / w_00)
    return -area * p[A_STAR] * t / K * field * emitted


@njit(cache=True, error_model="numpy")
def _ohms(i, n, p):
    """Resistances of disc, plug and series, ohm."""
    unit_length = p[Z] * Q * p[MU_N] * np.pi * p[RADIUS] ** 2 * PER_CUBIC_METRE
    series = p[R_TIOX] + p[R_0] * (1.0 + p[R_0] * p[ALPHA] * i * i * p[R_THL])
    return p[L_D] / (n * unit_length), (p[L_C] - p[L_D]) / (p[N_P] * unit_length), series


@njit(cache=True, error_model="numpy")
def _through_rest(rest, n, p):
    """Current that drops `rest` V over all but the barrier, A."""
    disc, plug, series = _ohms(0.0, n, p)
    cold, hot = disc + plug + series, p[R_0] ** 2 * p[ALPHA] * p[R_THL]
    i = rest / cold
    for _ in range(50):
        step = (i * (cold + hot * i * i) - rest) / (cold + 3.0 * hot * i * i)
        i -= step
        if abs(step) <= 1e-15 * abs(i):
            break
    return i


@njit(cache=True, error_model="numpy")
def _imbalance(v_s, v, t, n, p):
    """ln of the barrier's current over that of the rest, at `v_s` V on the barrier."""
    return np.log(abs(_barrier_current(v_s, t, n, p)) + 1e-304) - np.log(abs(_through_rest(v - v_s, n, p)) + 1e-304)


@njit(cache=True, error_model="numpy")
def _current_at(v, t, n, p):
    """Current at a given temperature, A.

    Where the barrier is lowered less at a higher voltage, several voltages of the barrier would do: a voltage that is
    raised from 0 leads to the lowest.
    """
    high = 1e-9 * v
    f_high = _imbalance(high, v, t, n, p)
    if f_high >= 0.0:
        return _through_rest(v - high, n, p)
    low, f_low = high, f_high
    while f_high < 0.0:
        low, f_low = high, f_high
        high = min(1.5 * abs(high), abs(v) * (1.0 - 1e-15)) * np.sign(v)
        f_high = _imbalance(high, v, t, n, p)
        if high == low:
            break
    side, v_s = 0, high
    for step in range(200):
        v_s = between(low, f_low, high, f_high, step % 4 == 3)
        f = _imbalance(v_s, v, t, n, p)
        if abs(f) <= 1e-14 or abs(high - low) <= 1e-15 * abs(v):
            break
        low, f_low, high, f_high, side = narrowed(low, f_low, high, f_high, side, v_s, f)
    return _through_rest(v - v_s, n, p)


@njit(cache=True, error_model="numpy")
def _heated(v, t, n, p):
    """Temperature that the current at a temperature `t` leads to, K."""
    i = _current_at(v, t, n, p)
    disc, plug, series = _ohms(i, n, p)
    v_s = v - i * (disc + plug + series)
    return p[T_0] + i * (v_s + i * (disc + plug)) * p[R_TH] * (p[RESET] if v > 0.0 else 1.0)


@njit(cache=True, error_model="numpy")
def operating_point(v, n, p):
    """Current (A), temperature (K) and barrier voltage (V) at `v` V and concentration `n`, reached from cold."""
    if v == 0.0:
        return 0.0, p[T_0], 0.0
    low = p[T_0]
    high = _heated(v, low, n, p)
    for _ in range(2000):
        after = _heated(v, high, n, p)
        if after <= high * (1.0 + 1e-13):
            break
        low, high = high, after
    else:
        return np.nan, np.nan, np.nan  # still heating up: no temperature is better than one that is too low
    f_low, f_high, t, side = _heated(v, low, n, p) - low, _heated(v, high, n, p) - high, high, 0
    for step in range(100):
        if f_high >= -1e-12 * high or high - low <= 1e-13 * high:
            t = high
            break
        t = between(low, f_low, high, f_high, step % 4 == 3)
        f = _heated(v, t, n, p) - t
        if abs(f) <= 1e-12 * t:
            break
        low, f_low, high, f_high, side = narrowed(low, f_low, high, f_high, side, t, f)
    i = _current_at(v, t, n, p)
    disc, plug, series = _ohms(i, n, p)
    return i, t, v - i * (disc + plug + series)


@current_equation
def _current(v, x, p):
    return operating_point(v, x[0], p)[0]


@rate_equation
def _rate(v, x, p, out):
    n = x[0]
    i, t, v_s = operating_point(v, n, p)
    disc, plug, _ = _ohms(i, n, p)
    if v > 0.0:
        field, ending = (v_s + i * (disc + plug)) / p[L_C], 1.0 - (p[N_MIN] / n) ** 10
    else:
        field, ending = i * disc / p[L_D], 1.0 - (n / p[N_MAX]) ** 10
    barrier = p[DW] * Q
    g = min(max(p[Z] * Q * field * p[HOP] / (np.pi * barrier), -1.0), 1.0)
    even, odd = np.sqrt(1.0 - g * g) + g * np.arcsin(g), 0.5 * np.pi * g
    hops = np.exp(-barrier * (even - odd) / (K * t)) - np.exp(-barrier * (even + odd) / (K * t))
    out[0] = -0.5 * (p[N_P] + n) * p[HOP] * p[NU] * hops * ending / p[L_D]


class JartLaw(RateLaw[JartParameters]):
    """Such a cell; its state N is in 1e26 / m^3."""

    programmed = "N"
    roots = 2
    equations = Equations(_rate, _current)
    read_voltage = 0.1
    read_disturbance = 1e-6

    @property
    def states(self) -> tuple[StateVariable, ...]:
        """Vacancies in the disc."""
        p = self.parameters
        return (StateVariable("N", p.n0, p.n_min, p.n_max),)

    @property
    def indistinct(self) -> Mapping[str, str]:
        """Constants of the material and of the geometry, which carry each other."""
        kept = "as published: those that are fitted carry it"
        names = (
            "eps",
            "eps_b",
            "phi_n",
            "mu_n",
            "n_plug",
            "hop",
            "nu",
            "l_c",
            "r_0",
            "r_thl",
            "alpha",
            "z",
            "t_0",
            "a_star",
        )
        return dict.fromkeys((*names, "r_th_reset"), kept)

    def constants(self) -> tuple[float, ...]:
        """All parameters but the pristine state, in the order of the places above."""
        p = self.parameters
        return (
            p.eps, p.eps_b, p.phi_bn0, p.phi_n, p.mu_n, p.n_plug, p.hop, p.nu, p.dw_a, p.r_th, p.radius, p.l_c, p.l_d,
            p.r_tiox, p.r_0, p.r_thl, p.alpha, p.z, p.t_0, p.a_star, p.r_th_reset, p.n_min, p.n_max,
        )  # fmt: skip


PRESETS: Mapping[str, Mapping[str, Any]] = {"v1b": {}}
"""v1b: the values of a public port of the group's Verilog-A; A* and the electron's mass are as commonly taken."""

kind = simulated("jart-vcm", "valence change memory (JART VCM v1b)", JartLaw, JartParameters, PRESETS)
