"""Flux-linkage controlled analog (FLCA) memristors, one a crossing: the model of Zivasatienraj & Doolittle (2023).

Front. Neurosci. 17:1153183, with v the cell voltage in V and phi the flux linkage in V s:

    i = v / M(phi),   M = sum_n R_n |phi|^n                                    (1, 2)
    volatile:      dphi/dt = A v - D phi                                       (3)
    non-volatile:  dphi/dt = 0 if 0 <= A v / D < phi, else A v - D phi         (4)

Eq 4 is printed with "0 <", which would let a cell at rest decay; "0 <=" is what makes it non-volatile. For v >= 0 it
says max(A v - D phi, 0). While v is constant the solution is closed, for D = 0 as well:

    phi(t + T) = phi(t) + tau (A v - D phi(t)),   tau = (1 - exp(-D T)) / D    (tau = T for D = 0)

clipped to the bounds on phi. A negative voltage, however small, lets the full decay term act in eq 4: read with a
small positive one.
"""

from __future__ import annotations

from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from hil.compiling import njit
from sim.cells.dose import flux_dose, time_constant
from sim.cells.equations import Equations
from sim.cells.law import CellParameters, Columns, OhmicLaw, State, StateVariable, unit
from sim.cells.memristance import Coefficients, bending_flux, memristance, memristance_roots, memristance_table
from sim.cells.segments import Segments
from sim.crossbar.kinds import simulated


class FlcaParameters(CellParameters):
    """Parameters of `sim:flca`; the defaults are the memristor of the paper's Figure 3."""

    kind: Literal["nonvolatile", "volatile"] = Field("nonvolatile", description="eq 4 or eq 3")
    A: float = Field(1.0, gt=0, description="gain: how far a voltage moves the flux")
    D: float = Field(1.0, ge=0, description="diffusive relaxation rate", json_schema_extra=unit("1/s"))
    R: Coefficients = Field((100.0, 1e6), description="R_0,R_1,... of eq 2", json_schema_extra=unit("ohm/(V s)^n"))
    phi0: float = Field(0.0, description="pristine flux linkage", json_schema_extra=unit("V s"))
    phi_min: float | None = Field(
        None,
        le=0,
        allow_inf_nan=True,
        description="lower bound of the flux; 0 if non-volatile, none if volatile",
        json_schema_extra=unit("V s"),
    )
    phi_max: float = Field(
        np.inf, gt=0, allow_inf_nan=True, description="upper bound of the flux", json_schema_extra=unit("V s")
    )

    @property
    def lowest(self) -> float:
        """Lower bound of the flux in force, V s."""
        if self.phi_min is not None:
            return self.phi_min
        return -np.inf if self.kind == "volatile" else 0.0

    @model_validator(mode="after")
    def _inside(self) -> Self:
        if not self.lowest <= self.phi0 <= self.phi_max:
            raise ValueError(f"phi0 = {self.phi0:g} V s is outside phi_min {self.lowest:g} .. phi_max {self.phi_max:g}")
        return self


def flux_range(r: Coefficients, a: float, d: float, v_max: float, bound: float = np.inf) -> tuple[float, float]:
    """Lowest and highest conductance of a memristor, S: at the largest flux that it can hold, and at none.

    The largest flux is that of its bound, or A v_max / D where the largest voltage would hold it, whichever is less.
    """
    largest = min(bound, a * v_max / d if d > 0 else np.inf)
    if np.isfinite(largest):
        return 1.0 / float(memristance_table(r, np.array(largest))), 1.0 / r[0]
    return (0.0 if any(r[1:]) else 1.0 / r[0]), 1.0 / r[0]


@njit(cache=True, inline="always")
def _rate(v, drive, decay, volatile):
    """Eq 3 or eq 4 at the start of a segment, `drive` = A v and `decay` = D phi."""
    return max(drive - decay, 0.0) if v >= 0.0 and not volatile else drive - decay


def _flux_rate(v, x, p, out):
    """Eq 3 or 4; `p` is A, D, whether volatile, R_0, R_1, ..."""
    out[0] = _rate(v, p[0] * v, p[1] * x[0], p[2])


def _current(v, x, p):
    return v / memristance(p[3:], x[0])


class FlcaLaw(OhmicLaw[FlcaParameters]):
    """Single FLCA memristor, integrated exactly.

    With a negative ``phi_min``, eq 4 holds a state only while phi >= 0: the negative side relaxes to 0, as printed.
    """

    programmed = "phi"
    equations = Equations(_flux_rate, _current)

    @property
    def states(self) -> tuple[StateVariable, ...]:
        """Flux linkage phi, V s, of every cell; how long its column has been at rest, s."""
        p = self.parameters
        return StateVariable("phi", p.phi0, p.lowest, p.phi_max), StateVariable("idle", per_column=True)

    def constants(self) -> tuple[float, ...]:
        """A, D, whether volatile, coefficients of eq 2."""
        p = self.parameters
        return p.A, p.D, float(p.kind == "volatile"), *p.R

    def magnitudes(self) -> dict[str, float]:
        """Flux at which the memristance bends, V s."""
        return {"phi": bending_flux(self.parameters.R)}

    def conductance_range(self, v_max: float) -> tuple[float, float]:
        """Conductances at the largest flux (see `flux_range`) and at none, S."""
        p = self.parameters
        return flux_range(p.R, p.A, p.D, v_max, max(-p.lowest, p.phi_max))

    def advance(self, cells: Columns, play: Segments) -> None:
        """Eq 3 or 4 in closed form."""
        p = self.parameters
        drive_flca(
            play, cells.state["phi"], cells.state["idle"], cells.gain, p.A, p.D, cells.low, cells.high,
            p.kind == "volatile",
        )  # fmt: skip

    def dose(self, cells: Columns, play: Segments, out: NDArray[np.float64]) -> None:
        """Integrate 1 / M."""
        p = self.parameters
        _dose_flca(
            play, cells.state["phi"], cells.state["idle"], cells.gain, cells.origin, cells.factor,
            p.A, p.D, p.lowest, p.phi_max, p.kind == "volatile", p.R, memristance_roots(p.R), out,
        )  # fmt: skip

    def memristance(self, state: State) -> NDArray[np.float64]:
        """Eq 2 at the present flux, ohm."""
        return memristance_table(self.parameters.R, self.present(state)["phi"])

    def present(self, state: State) -> dict[str, NDArray[Any]]:
        """The flux now, V s: columns at rest are caught up with here."""
        p, phi = self.parameters, state["phi"]
        relaxed = phi * np.exp(-p.D * state["idle"])[:, None]
        return {"phi": relaxed if p.kind == "volatile" else np.where(phi < 0, relaxed, phi)}


@njit(cache=True, nogil=True, error_model="numpy")
def drive_flca(
    play, phi, idle, gain, a, d, low, high, volatile
):  # fmt: skip
    """Move the fluxes `phi` (cols, rows), V s, through the segments of `play`; `idle` (cols,) is time at rest, s."""
    for c in range(play.cols.shape[1]):
        state, sensitivity = phi[c], gain[c]
        for t in range(play.duration.size):
            if play.cols[t, c] == play.level[t]:
                idle[c] += play.duration[t]
                continue
            if idle[c] > 0.0:
                if volatile or low < 0.0:
                    decay = np.exp(-d * idle[c])
                    for r in range(state.size):
                        state[r] *= decay if volatile or state[r] < 0.0 else 1.0
                idle[c] = 0.0
            tau = time_constant(d, play.duration[t])
            _advance(state, play.rows[t], play.cols[t, c], sensitivity, a, d, tau, low, high, volatile)


@njit(cache=True, error_model="numpy", fastmath={"nsz", "contract"})
def _advance(state, voltage, col, sensitivity, a, d, tau, low, high, volatile):
    """One segment of the closed form for all cells of a column."""
    for r in range(state.size):
        v = voltage[r] - col
        rate = _rate(v, a * sensitivity[r] * v, d * state[r], volatile)
        state[r] = min(max(state[r] + tau * rate, low), high)


@njit(cache=True, nogil=True, error_model="numpy")
def _dose_flca(
    play, phi, idle, gain, origin, factor, a, d, low, high, volatile, coefficients, roots, out
):  # fmt: skip
    """Integrals of 1 / M over the one segment of `play`, s/ohm."""
    for c in range(play.cols.shape[1]):
        decay = np.exp(-d * idle[c])
        for r in range(phi.shape[1]):
            v = play.rows[0, r] - play.cols[0, c]
            if v == 0.0:
                continue
            start = phi[c, r] * (decay if volatile or phi[c, r] < 0.0 else 1.0)
            rate = _rate(v, a * gain[c, r] * v, d * start, volatile)
            if factor.size:
                start, rate = origin[c, r] + factor[c, r] * (start - origin[c, r]), factor[c, r] * rate
            out[c, r] = flux_dose(coefficients, roots, start, rate, d, play.duration[0], low, high)


PRESETS = {
    "default": {},
    "pill": {"A": 1.0, "D": 1.0, "R": (5e3, 4.5e5)},
    "pill-biased": {"A": 1.0, "D": 1.0, "R": (5e3, 4.5e5), "phi0": 0.1},
    "pill-slow": {"A": 1.0, "D": 0.1, "R": (5e3, 4.5e4), "phi0": 1.0},
}
"""Named parameters of `sim:flca`.

pill : weights of the paired-input layer; 5 kohm, ten times as much where 100 mV hold them, which a 1 ms pulse
    approaches by 0.1 %. Ours: Zivasatienraj & Doolittle (2023) print none (docs/pill.md).
pill-biased : the same, pristine where 100 mV hold them: only an input with a response moves a cell.
pill-slow : pill-biased with a tenth of the step, for thousands of images a class; selected on held-out MNIST digits.
"""

kind = simulated("flca", "single FLCA memristor, non-volatile or volatile, exact", FlcaLaw, FlcaParameters, PRESETS)
