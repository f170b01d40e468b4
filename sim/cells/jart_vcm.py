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

A negative voltage sets. Current and temperature are solved together in every evaluation. Given either the current or
V_s, the other and T follow, so one equation is left: that the barrier carries the current of the rest. Where it has
several answers it is the one that a cold device reaches as the voltage is raised from 0: the lowest current at v < 0,
where heat runs away; the lowest V_s at v > 0, where a barrier that is lowered less may outdo the voltage. R_th is lower
by the factor `r_th_reset` where v > 0. The equations are written anew from the papers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from hil.compiling import njit
from sim.cells.equations import solution_of
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

    renamed: ClassVar[Mapping[str, str]] = {"t_0": "temperature"}

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
    temperature: float = Field(293.0, gt=0, description="ambient temperature T_0", json_schema_extra=unit("K"))
    a_star: float = Field(6.01e5, gt=0, description="Richardson constant", json_schema_extra=unit("A/(m^2 K^2)"))
    r_th_reset: float = Field(0.27, gt=0, le=1, description="factor of r_th where v > 0")
    n_min: float = Field(0.008, gt=0, description="fewest vacancies in the disc", json_schema_extra=unit("1e26/m^3"))
    n_max: float = Field(20.0, gt=0, description="most vacancies in the disc", json_schema_extra=unit("1e26/m^3"))
    n0: float = Field(0.008, gt=0, description="vacancies in a pristine disc", json_schema_extra=unit("1e26/m^3"))


@njit(cache=True, error_model="numpy")
def _fixed(n, p):
    """What the vacancies fix.

    Resistances of disc, plug and cold series, ohm; what the last gains by its heat, ohm / A^2; the lowering of the
    barrier to the fourth power over the voltage that lifts it, V^3; W_00, J.
    """
    unit_length = p[Z] * Q * p[MU_N] * np.pi * p[RADIUS] ** 2 * PER_CUBIC_METRE
    lowering = Q**3 * p[Z] * n * PER_CUBIC_METRE / (8.0 * np.pi**2 * (p[EPS_B] * EPS_0) ** 3)
    w_00 = Q * H / (4.0 * np.pi) * np.sqrt(p[Z] * n * PER_CUBIC_METRE / (M_E * p[EPS] * EPS_0))
    disc, plug = p[L_D] / (n * unit_length), (p[L_C] - p[L_D]) / (p[N_P] * unit_length)
    return disc, plug, p[R_TIOX] + p[R_0], p[R_0] ** 2 * p[ALPHA] * p[R_THL], lowering, w_00


@njit(cache=True, error_model="numpy")
def _barrier(lift, lowering, p):
    """Height of the barrier, V, and its derivative by `lift` = phi_Bn0 - phi_n - V_s, V."""
    if not lift > 0.0:
        return p[PHI_BN0], 0.0
    lowered = np.sqrt(np.sqrt(lowering * lift))
    return (p[PHI_BN0] - lowered, -0.25 * lowered / lift) if lowered < p[PHI_BN0] else (0.0, 0.0)


@njit(cache=True, error_model="numpy")
def _emitted(u, t, fixed, p):
    """Logarithm of the barrier's current at V_s = -`u` < 0, and its derivatives by `u` and the temperature."""
    phi, falls = _barrier(p[PHI_BN0] - p[PHI_N] + u, fixed[4], p)
    w_00, y = fixed[5], fixed[5] / (K * t)
    tanh = np.tanh(y)
    rest, slope = 1.0 - tanh * tanh, Q / w_00 * (y - tanh)
    field, below = u + phi * rest, -np.expm1(-slope * u)
    front = np.pi * p[RADIUS] ** 2 * p[A_STAR] * t / K * np.sqrt(np.pi * w_00 * Q * field)
    log_i = np.log(front * below) + slope * u - Q * phi * tanh / w_00
    by_u = slope / below - Q * falls * tanh / w_00 + 0.5 * (1.0 + falls * rest) / field
    by_y = u * Q / w_00 * tanh * tanh / below - Q * phi * rest / w_00 - phi * tanh * rest / field
    return log_i, by_u, (1.0 - y * by_y) / t


@njit(cache=True, error_model="numpy")
def _conducted(u, t, fixed, p):
    """Logarithm of the barrier's current at V_s = `u` > 0, and its derivatives by `u` and the temperature."""
    phi, falls = _barrier(p[PHI_BN0] - p[PHI_N] - u, fixed[4], p)
    per_volt = Q / (K * t)
    below = -np.expm1(-per_volt * u)
    log_i = np.log(np.pi * p[RADIUS] ** 2 * p[A_STAR] * t * t * below) + per_volt * (u - phi)
    return log_i, per_volt * (1.0 / below + falls), (2.0 + per_volt * (phi - u / below)) / t


@njit(cache=True, error_model="numpy")
def _through_rest(rest, fixed):
    """Current that drops `rest` >= 0 V over all but the barrier, A: the root of (cold + hot i^2) i = rest."""
    cold, hot = fixed[0] + fixed[1] + fixed[2], fixed[3]
    i = rest / cold
    for _ in range(60):
        step = (i * (cold + hot * i * i) - rest) / (cold + 3.0 * hot * i * i)
        i -= step
        if abs(step) <= 1e-9 * i:  # the next one is its square
            break
    return i


@njit(cache=True, error_model="numpy")
def _short(y, v, most, fixed, p):
    """Logarithm of a current i over what the barrier carries then, and its derivative by y, at -`v` < 0 V.

    y = ln(i / (`most` - i)), with `most` the current without a barrier: straight where either of the two is small.
    """
    disc, plug, series, hot = fixed[:4]
    small = np.exp(-abs(y))
    i, missing = most / (1.0 + small), most * small / (1.0 + small)
    if y < 0.0:
        i, missing = missing, i
    u = missing * (disc + plug + series + hot * (most * most + most * i + i * i))
    line = series + hot * i * i
    log_i, by_u, by_t = _emitted(u, p[T_0] + p[R_TH] * i * (v - i * line), fixed, p)
    by_i = by_t * p[R_TH] * (v - 2.0 * i * (line + hot * i * i)) - by_u * (disc + plug + line + 2.0 * hot * i * i)
    return np.log(i) - log_i, (1.0 - by_i * i) * missing / most


@njit(cache=True, error_model="numpy")
def _over(y, v, fixed, p):
    """Logarithm of the barrier's current over what the rest carries then, and its derivative, at `v` > 0 V.

    y = ln(e^(q V_s / k T_0) - 1), in which both are all but straight.
    """
    disc, plug, series, hot = fixed[:4]
    unit_voltage, small = K * p[T_0] / Q, np.exp(-abs(y))
    u = unit_voltage * (np.log1p(small) + max(y, 0.0))
    if not u < v:
        return np.inf, np.inf
    i = _through_rest(v - u, fixed)
    line, heat = series + hot * i * i, p[RESET] * p[R_TH]
    log_i, by_u, by_t = _conducted(u, p[T_0] + heat * i * (v - i * line), fixed, p)
    by_i = by_t * heat * (v - 2.0 * i * (line + hot * i * i)) - 1.0 / i
    slope = by_u - by_i / (disc + plug + line + 2.0 * hot * i * i)
    return log_i - np.log(i), slope * unit_voltage * (1.0 if y > 0.0 else small) / (1.0 + small)


@njit(cache=True, error_model="numpy")
def _logarithm(u, p):
    """The y of `_over` at V_s = `u` > 0."""
    return Q * u / (K * p[T_0]) + np.log(-np.expm1(-Q * u / (K * p[T_0])))


@njit(cache=True, error_model="numpy")
def _begin(v, most, fixed, p):
    """Where the search for y of `_short` (v < 0) or `_over` begins, and where a fall of the latter ends.

    At negative voltages that is a cold barrier with half of the voltage, which carries less than it will. At positive
    ones it is no higher than where a barrier that is lowered less may outdo the voltage.
    """
    if v < 0.0:
        half = -0.5 * v
        i = min(np.exp(_emitted(half, p[T_0], fixed, p)[0]), _through_rest(half, fixed))
        return np.log(i / (most - i)), -np.inf
    flat = p[PHI_BN0] - p[PHI_N]
    steep = flat - min(np.cbrt(fixed[4] / 256.0), p[PHI_BN0] ** 4 / fixed[4])
    first = np.log(most / (np.pi * p[RADIUS] ** 2 * p[A_STAR] * p[T_0] ** 2))
    first += Q * _barrier(flat, fixed[4], p)[0] / (K * p[T_0])
    first = min(first, _logarithm(0.999 * v, p), _logarithm(steep, p) if steep > 0.0 else np.inf)
    return first, _logarithm(flat, p) if 0.0 < flat < v else -np.inf


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


def _balance(i: float, t: float, v_s: float, v: float, n: float, p: NDArray[np.float64]) -> tuple[float, float, float]:
    """What current (A), temperature (K) and voltage (V) lack: 0 at the operating point."""
    disc, plug, series, hot = _fixed(n, p)[:4]
    warmed = i * (v_s + i * (disc + plug)) * p[R_TH] * (p[RESET] if v > 0.0 else 1.0)
    line = series + hot * i * i
    through = _barrier_current(max(min(v_s, max(v, 0.0)), min(v, 0.0)), max(t, p[T_0]), n, p)
    return i - through, t - p[T_0] - warmed, v_s + i * (disc + plug + line) - v


@solution_of(_balance, scales=(1e-4, 1e3, 1.0))
@njit(cache=True, error_model="numpy")
def operating_point(v, n, p):
    """Current (A), temperature (K) and barrier voltage (V) at `v` V and concentration `n`, reached from cold.

    By Newton's method, from below and within a bracket as soon as there is one: an excess that bends upwards and then
    downwards, as heat and series resistance have it, is followed to its lowest root.
    """
    if v == 0.0:
        return 0.0, p[T_0], 0.0
    fixed, across = _fixed(n, p), abs(v)
    most, low, high, moved = _through_rest(across, fixed), -np.inf, np.inf, np.inf
    y, beyond = _begin(v, most, fixed, p)
    for step in range(200):
        f, slope = _short(y, across, most, fixed, p) if v < 0.0 else _over(y, across, fixed, p)
        if f < 0.0:
            low = y
        else:
            high = y
        middle = 0.5 * (low + high) if high - low < np.inf else y + (3.0 if f < 0.0 else -3.0)
        after = y - f / slope if slope > 0.0 else max(beyond, middle)
        near = abs(after - y) <= 1e-9 or abs(after - y) <= min(1e-6, 1e-3 * moved)  # the next one is its square
        if near or high - low <= 1e-14 * abs(y):
            y = after if near else y
            break
        moved = abs(after - y)
        y = after if low < after < high and step % 8 < 7 else middle
    else:
        return np.nan, np.nan, np.nan
    small = np.exp(-abs(y))
    if v < 0.0:
        i = most * (1.0 if y > 0.0 else small) / (1.0 + small)
    else:
        i = _through_rest(v - K * p[T_0] / Q * (np.log1p(small) + max(y, 0.0)), fixed)
    line = fixed[2] + fixed[3] * i * i
    t = p[T_0] + (p[RESET] if v > 0.0 else 1.0) * p[R_TH] * i * (across - i * line)
    return np.copysign(i, v), t, np.copysign(across - i * (fixed[0] + fixed[1] + line), v)


@current_equation
def _current(v, x, p):
    return operating_point(v, x[0], p)[0]


@rate_equation
def _rate(v, x, p, out):
    n = x[0]
    i, t, v_s = operating_point(v, n, p)
    disc, plug = _fixed(n, p)[:2]
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
            p.r_tiox, p.r_0, p.r_thl, p.alpha, p.z, p.temperature, p.a_star, p.r_th_reset, p.n_min, p.n_max,
        )  # fmt: skip


PRESETS: Mapping[str, Mapping[str, Any]] = {"v1b": {}}
"""v1b: the values of a public port of the group's Verilog-A; A* and the electron's mass are as commonly taken."""

kind = simulated("jart-vcm", "valence change memory (JART VCM v1b)", JartLaw, JartParameters, PRESETS)
