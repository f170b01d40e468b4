"""Independent values: the printed equations in scipy's LSODA, and circuits in ngspice.

Nothing here uses the kernels that are checked. Where scipy or ngspice is not installed, a row goes without its check
and says so.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sim.circuits import Circuit, Drive

Segments = Sequence[tuple[float, float]]
"""Voltage in V and duration in s, one after the other."""

RELATIVE, ABSOLUTE = 1e-9, 1e-15
"""Tolerances of LSODA, the second in V s."""


def by_lsoda(value: Callable[[], float]) -> dict[str, Any]:
    """Fields `check` and `check_by` of a finding, from a function that needs scipy."""
    if find_spec("scipy") is None:
        return {"check_by": "LSODA: scipy is not installed"}
    return {"check": float(value()), "check_by": "LSODA"}


def by_ngspice(circuit: Circuit, drive: Drive, measured: str, scale: float = 1.0) -> dict[str, Any]:
    """Fields `check` and `check_by` from the last value of `measured`, such as ``area_out``, in ngspice."""
    from sim.circuits.spice import netlist, ngspice

    if shutil.which("ngspice") is None:
        return {"check_by": "ngspice is not installed"}
    return {"check": float(ngspice(netlist(circuit, drive))[measured][-1] * scale), "check_by": "ngspice"}


def eq4(v: float, phi: float, a: float, d: float, strict: bool = False) -> float:
    """Rate of change of a non-volatile flux in V, with ``0 <`` where printed (`strict`) or ``0 <=`` as meant."""
    reached = a * v / d
    held = (reached > 0 if strict else reached >= 0) and reached < phi
    return 0.0 if held else a * v - d * phi


def single(phi: float, segments: Segments, a: float, d: float, *, volatile: bool, strict: bool = False) -> float:
    """Flux of one memristor after all segments, eq 3 or eq 4."""

    def rate(v: float) -> Callable[[float, NDArray[Any]], list[float]]:
        return lambda _t, s: [a * v - d * s[0] if volatile else eq4(v, s[0], a, d, strict)]

    state = np.array([phi])
    for v, length in segments:
        state = _integrate(rate(v), state, length, driven=v != 0)
    return float(state[0])


def pair(phi_v: float, phi_n: float, segments: Segments, dv: float, dn: float = 1.0) -> tuple[float, float]:
    """Fluxes of the series pair of Figure 3 (A = 1, R0 = 100 ohm, R1 = 1 Mohm/(V s)) after all segments."""

    def rates(v: float) -> Callable[[float, NDArray[Any]], list[float]]:
        def slopes(_t: float, s: NDArray[Any]) -> list[float]:
            mv, mn = 100 + 1e6 * abs(s[0]), 100 + 1e6 * abs(s[1])
            return [v * mv / (mv + mn) - dv * s[0], eq4(v * mn / (mv + mn), s[1], 1.0, dn)]

        return slopes

    state = np.array([phi_v, phi_n])
    for v, length in segments:
        state = _integrate(rates(v), state, length, driven=v != 0)
    return float(state[0]), float(state[1])


def _integrate(
    rates: Callable[..., list[float]], state: NDArray[Any], length: float, driven: bool
) -> NDArray[np.float64]:
    from scipy.integrate import solve_ivp

    if length == 0:
        return state
    longest = length / 200 if driven else np.inf
    run = solve_ivp(rates, (0, length), state, method="LSODA", rtol=RELATIVE, atol=ABSOLUTE, max_step=longest)
    if not run.success:
        raise RuntimeError(run.message)
    return run.y[:, -1]
