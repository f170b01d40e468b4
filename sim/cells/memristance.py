"""Memristance as a polynomial of the flux: M(phi) = sum_n R_n |phi|^n (eq 2 of Zivasatienraj & Doolittle 2023)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, BeforeValidator

from hil.compiling import njit

LEAST = 1e-100
"""Bounds on a coefficient that is not 0, so that what is computed from them stays in the range of float64."""


def _split(value: Any) -> Any:
    if isinstance(value, str):
        value = [part for part in value.split(",") if part.strip()]
    return (value,) if isinstance(value, int | float) else value


def _physical(r: tuple[float, ...]) -> tuple[float, ...]:
    if not r or not r[0] >= LEAST or not all(0 <= x <= 1 / LEAST for x in r):
        raise ValueError(f"give R0,R1,... with R0 > 0 and all others >= 0, within {LEAST:g} .. {1 / LEAST:g}")
    return r


Coefficients = Annotated[tuple[float, ...], BeforeValidator(_split), AfterValidator(_physical)]
"""R_0, R_1, ... in ohm/(V s)^n; as text, separated by commas."""


@njit(cache=True, inline="always", error_model="numpy")
def memristance(r, phi):
    """Eq 2 by Horner's rule; `r` is a tuple (R_0, R_1, ...), `phi` in V s; returns ohm."""
    magnitude = abs(phi)
    m = r[len(r) - 1]
    for k in range(len(r) - 2, -1, -1):
        m = m * magnitude + r[k]
    return m


def memristance_table(r: Sequence[float], phi: NDArray[np.float64]) -> NDArray[np.float64]:
    """Eq 2 for an array of fluxes, ohm."""
    return np.polyval(r[::-1], np.abs(phi)).astype(np.float64, copy=False)


def steepest_log_slope(r: Sequence[float]) -> float:
    """Largest d ln M / d|phi| over all phi >= 0, in 1/(V s): how sharply a flux can change the memristance."""
    if len(r) == 1 or not any(r[1:]):
        return 0.0
    scales = [(r[0] / x) ** (1 / n) for n, x in enumerate(r) if n > 0 and x > 0]
    phi = np.concatenate([[0.0], np.geomspace(min(scales) * 1e-3, max(scales) * 1e3, 2000)])
    m = np.polyval(r[::-1], phi)
    slope = np.polyval(np.polyder(np.asarray(r[::-1], dtype=float)), phi)
    return float((slope / m).max())


def bending_flux(r: Sequence[float]) -> float:
    """Least flux at which eq 2 bends, V s; 1 V s where it is a constant."""
    roots = memristance_roots(r)
    return float(np.hypot(*roots.T).min()) if len(roots) else 1.0


def memristance_roots(r: Sequence[float]) -> NDArray[np.float64]:
    """(n, 2) real and imaginary parts of the complex fluxes, V s, at which eq 2 vanishes; near them 1 / M is hard to
    integrate."""
    scale = max(r)
    roots = np.roots(np.asarray(r[::-1], dtype=float) / scale)
    roots = roots[np.isfinite(roots)]
    return np.ascontiguousarray(np.column_stack([roots.real, roots.imag]))
