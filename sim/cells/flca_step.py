"""The reduced flux-per-timestep model of the bidirectional memristor: closed forms, no series division.

Zivasatienraj & Doolittle (2023) train their perceptron on a model in which "the overall memristance change per device
is approximated to be proportional to the total flux-linkage passed through the device for that timestep" (section 2.2).
They do not print the rule. Here the whole cell voltage acts on the non-volatile element through eq 4, and the volatile
element is a trace that obeys eq 3 and sensitises pulses of the opposite sign:

    dx/dt = A V - Dv x                                                          (eq 3)
    v     = V (1 + k max(0, -sign(V) x) / flux_ref),  x at the start of the pulse
    dphi/dt from eq 4 with v

so a response that arrives while the trace of the input lasts moves the weight by up to 1 + k times as much. This is a
caricature of `sim.cells.flca_pair`, some ten times cheaper.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from hil.compiling import njit
from sim.cells.dose import flux_dose, time_constant
from sim.cells.flca import flux_range
from sim.cells.law import CellParameters, Columns, OhmicLaw, State, StateVariable, unit
from sim.cells.memristance import Coefficients, memristance_roots, memristance_table
from sim.cells.segments import Segments
from sim.crossbar.kinds import simulated


class FlcaStepParameters(CellParameters):
    """Parameters of `sim:flca-step`; the defaults were selected on held-out training digits (docs/results.md)."""

    A: float = Field(1.0, gt=0, description="gain: how far a voltage moves the flux")
    D: float = Field(0.03, ge=0, description="rate in eq 4 of the weight", json_schema_extra=unit("1/s"))
    Dv: float = Field(70.0, ge=0, description="relaxation rate of the trace", json_schema_extra=unit("1/s"))
    k: float = Field(3.0, ge=0, description="sensitisation by a trace of flux_ref")
    flux_ref: float = Field(1e-4, gt=0, description="flux of one full-scale pulse", json_schema_extra=unit("V s"))
    R: Coefficients = Field((5e3, 4.5e3), description="R_0,R_1,... of eq 2", json_schema_extra=unit("ohm/(V s)^n"))
    phi0: float = Field(5 / 3, ge=0, description="pristine flux linkage", json_schema_extra=unit("V s"))


class FlcaStepLaw(OhmicLaw[FlcaStepParameters]):
    """Reduced flux-step cell."""

    programmed = "phi"
    no_equations = (
        "a pulse acts by the trace that it met when it began, and no rate in time knows where a pulse began: "
        "sim:flca-pair is the physics behind it, and can be"
    )

    @property
    def states(self) -> tuple[StateVariable, ...]:
        """Flux and trace, V s; how long a column has been at rest, s; of a pulse, its voltage and what opposed it."""
        return (
            StateVariable("phi", self.parameters.phi0, low=0.0),
            StateVariable("trace"),
            StateVariable("idle", per_column=True),
            StateVariable("across", in_pulse=True),
            StateVariable("opposed", in_pulse=True),
        )

    def conductance_range(self, v_max: float) -> tuple[float, float]:
        """Conductances at the largest flux (see `sim.cells.flca.flux_range`) and at none, S."""
        return flux_range(self.parameters.R, self.parameters.A, self.parameters.D, v_max)

    def advance(self, cells: Columns, play: Segments) -> None:
        """Closed forms of both fluxes."""
        p, state = self.parameters, cells.state
        _drive_step(
            play, state["phi"], state["trace"], state["idle"], state["across"], state["opposed"], cells.gain,
            p.A, p.D, p.Dv, p.k / p.flux_ref, cells.low,
        )  # fmt: skip

    def dose(self, cells: Columns, play: Segments, out: NDArray[np.float64]) -> None:
        """Integrate 1 / M."""
        p, state = self.parameters, cells.state
        _dose_step(
            play, state["phi"], state["trace"], state["idle"], state["across"], state["opposed"], cells.gain,
            cells.origin, cells.factor, p.A, p.D, p.Dv, p.k / p.flux_ref, p.R, memristance_roots(p.R), out,
        )  # fmt: skip

    def memristance(self, state: State) -> NDArray[np.float64]:
        """Eq 2 of the weight, ohm."""
        return memristance_table(self.parameters.R, state["phi"])

    def present(self, state: State) -> dict[str, NDArray[Any]]:
        """Flux, and the trace that the time at rest has left, V s."""
        trace = state["trace"] * np.exp(-self.parameters.Dv * state["idle"])[:, None]
        return {"phi": state["phi"], "trace": trace}


@njit(cache=True, inline="always", error_model="numpy")
def _fresh(v, trace):
    """How far the trace opposes a pulse of `v` volts that begins."""
    return max(-trace if v >= 0.0 else trace, 0.0)


@njit(cache=True, inline="always", error_model="numpy")
def _rate(v, drive, decay):
    """Eq 4 at the start of a segment, of a sensitised `drive` and `decay` = D phi."""
    return max(drive - decay, 0.0) if v >= 0.0 else drive - decay


@njit(cache=True, nogil=True, error_model="numpy")
def _dose_step(
    play, phi, trace, idle, across, opposed, gain, origin, factor, a, d, dv, boost, coefficients, roots, out
):  # fmt: skip
    """Integrals of 1 / M over the one segment of `play`, s/ohm."""
    for c in range(play.cols.shape[1]):
        caught_up = np.exp(-dv * idle[c])
        for r in range(phi.shape[1]):
            v = play.rows[0, r] - play.cols[0, c]
            if v == 0.0:
                continue
            met = opposed[c, r] if play.again or v == across[c, r] else _fresh(v, trace[c, r] * caught_up)
            start = phi[c, r]
            rate = _rate(v, a * gain[c, r] * v * (1.0 + boost * met), d * start)
            if factor.size:
                start, rate = origin[c, r] + factor[c, r] * (start - origin[c, r]), factor[c, r] * rate
            out[c, r] = flux_dose(coefficients, roots, start, rate, d, play.duration[0], 0.0, np.inf)


@njit(cache=True, nogil=True, error_model="numpy")
def _drive_step(
    play, phi, trace, idle, across, opposed, gain, a, d, dv, boost, low
):  # fmt: skip
    last = play.duration.size - 1
    for c in range(play.cols.shape[1]):
        quiet = not across[c].any()
        for t in range(last + 1):
            if play.cols[t, c] == play.level[t]:
                if not quiet:
                    across[c, :] = 0.0
                quiet = True
                idle[c] += play.duration[t]
                continue
            caught_up = np.exp(-dv * idle[c])
            idle[c] = 0.0
            tau, tau_v, decay = (
                time_constant(d, play.duration[t]),
                time_constant(dv, play.duration[t]),
                np.exp(-dv * play.duration[t]),
            )
            voltage, col, sensitivity = play.rows[t], play.cols[t, c], gain[c]
            if quiet and t < last and play.cols[t + 1, c] == play.level[t + 1]:
                _alone(phi[c], trace[c], voltage, col, sensitivity, a, d, tau, tau_v, boost, caught_up, decay, low)
                continue
            _advance(
                phi[c], trace[c], across[c], opposed[c], voltage, col, sensitivity,
                a, d, tau, tau_v, boost, caught_up, decay, low, play.again and t == 0,
            )  # fmt: skip
            quiet = False


@njit(cache=True, inline="always", error_model="numpy")
def _moved(phi, v, drive, met, d, tau, boost, low):
    """Eq 4 over a segment of a pulse that met a trace."""
    return max(phi + tau * _rate(v, drive * (1.0 + boost * met), d * phi), low)


@njit(cache=True, error_model="numpy", fastmath={"nsz", "contract"})
def _alone(state, x, voltage, col, sensitivity, a, d, tau, tau_v, boost, caught_up, decay, low):
    """One segment between two rests for all cells of a column: the weight, then its trace."""
    for r in range(state.size):
        v = voltage[r] - col
        before = x[r] * caught_up
        drive = a * sensitivity[r] * v
        state[r] = _moved(state[r], v, drive, _fresh(v, before), d, tau, boost, low)
        x[r] = before * decay + drive * tau_v


@njit(cache=True, error_model="numpy", fastmath={"nsz", "contract"})
def _advance(
    state, x, across, opposed, voltage, col, sensitivity, a, d, tau, tau_v, boost, caught_up, decay, low, again
):  # fmt: skip
    """One segment of any pulse; `opposed` is the trace against it with which the pulse began, `across` its voltage."""
    for r in range(state.size):
        v = voltage[r] - col
        before = x[r] * caught_up
        opposed[r] = opposed[r] if again or v == across[r] else _fresh(v, before)
        across[r] = v
        drive = a * sensitivity[r] * v
        state[r] = _moved(state[r], v, drive, opposed[r], d, tau, boost, low)
        x[r] = before * decay + drive * tau_v


kind = simulated("flca-step", "reduced flux-per-timestep model of the pair", FlcaStepLaw, FlcaStepParameters, models={})
