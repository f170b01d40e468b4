"""The bidirectional memristor: a volatile and a non-volatile FLCA memristor in series, solved in full.

Zivasatienraj & Doolittle (2023), Figures 3-5. With V the voltage across the pair and s = Mn / (Mv + Mn) the share of
it on the non-volatile element:

    dphi_v/dt = A V (1 - s) - Dv phi_v                                  (eq 3)
    dphi_n/dt = max(A V s - Dn phi_n, 0) for V >= 0, else A V s - Dn phi_n;   phi_n >= 0      (eq 4)

While V is constant, phi_v passes zero at most once, towards the sign of V, and |phi_v| has a kink there. Both sides are
integrated by the classical fourth-order Runge-Kutta method: first with phi_v as the independent variable, from its
start to exactly zero, then with time for what is left of the segment. Where the hold of eq 4 begins or ends within a
step, phi_n gains the integral of the positive part of its rate. Only the clip at phi_n = 0 is of lower order, and
within one step. The number of steps follows from how sharply the segment's flux could bend the memristance. At rest
phi_n is held and phi_v decays exponentially; that is booked and caught up with at the next drive.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from hil.compiling import njit
from sim.array import Segments, SimulatedArray
from sim.flca import flux_range
from sim.memristance import Coefficients, memristance, memristance_table, steepest_log_slope
from sim.parameters import ArrayParameters, unit

STABLE = 0.5
"""Fewest steps per relaxation time; the method is unstable below 0.36."""

_REASSOCIATE = {"contract", "nsz", "arcp"}


class FlcaPairParameters(ArrayParameters):
    """Parameters of `sim:flca-pair`; the defaults are the elements of the paper's Figure 3."""

    A: float = Field(1.0, gt=0, description="gain of both elements")
    Dv: float = Field(1.0, ge=0, description="relaxation rate of the volatile element", json_schema_extra=unit("1/s"))
    Dn: float = Field(1.0, ge=0, description="rate in eq 4 of the non-volatile element", json_schema_extra=unit("1/s"))
    Rv: Coefficients = Field(
        (100.0, 1e6), description="R_0,R_1,... of the volatile element", json_schema_extra=unit("ohm/(V s)^n")
    )
    Rn: Coefficients = Field(
        (100.0, 1e6),
        description="R_0,R_1,... of the non-volatile element",
        json_schema_extra=unit("ohm/(V s)^n"),
    )
    phi0: float = Field(1e-3, ge=0, description="pristine non-volatile flux", json_schema_extra=unit("V s"))
    steps: float = Field(
        0.75, gt=0, le=1000, description="integration steps per e-fold of memristance; error falls with the 4th power"
    )

    def conductance_range(self) -> tuple[float, float]:
        """At the largest flux of the non-volatile element (see `sim.flca.flux_range`) and at none, S.

        The volatile element is relaxed.
        """
        lowest, highest = flux_range(self.Rn, self.A, self.Dn, self.v_max)
        volatile = self.Rv[0]
        return (1.0 / (1.0 / lowest + volatile) if lowest else 0.0), 1.0 / (1.0 / highest + volatile)


class FlcaPairArray(SimulatedArray):
    """Crossbar of volatile/non-volatile pairs with their full physics (`sim:flca-pair`).

    A positive cell voltage raises phi_n ("pre raises phi", the orientation of Figure 3C); drive with negative pulses
    for the mirrored one.
    """

    parameters: FlcaPairParameters
    programmed = "phi_n"

    def __init__(self, name: str, parameters: FlcaPairParameters) -> None:
        """Draw the cells; see how sharply a flux can bend their memristance."""
        self._slope = max(steepest_log_slope(parameters.Rv), steepest_log_slope(parameters.Rn))
        super().__init__(name, parameters)

    def _pristine(self, shape: tuple[int, int]) -> dict[str, NDArray]:
        phi_n = np.full(shape, self.parameters.phi0)
        return {"phi_v": np.zeros(shape), "phi_n": phi_n, "idle": np.zeros(shape[0])}

    @property
    def _bounds(self) -> tuple[float, float]:
        return 0.0, np.inf

    def _drive(self, columns: slice, play: Segments) -> None:
        p, state = self.parameters, self._state
        _drive_pair(
            play, state["phi_v"][columns], state["phi_n"][columns], state["idle"][columns],
            self._gain[columns], p.A, p.Dv, p.Dn, p.Rv, p.Rn, p.steps, self._slope, self._reach[0],
        )  # fmt: skip

    @property
    def fluxes(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Volatile and non-volatile flux linkage of every cell now, each (rows, cols), V s."""
        decay = np.exp(-self.parameters.Dv * self._state["idle"])[:, None]
        return (self._state["phi_v"] * decay).T, self._state["phi_n"].T.copy()

    def _memristance(self) -> NDArray[np.float64]:
        phi_v, phi_n = self.fluxes
        return memristance_table(self.parameters.Rv, phi_v.T) + memristance_table(self.parameters.Rn, phi_n.T)


@njit(cache=True, inline="always", error_model="numpy", fastmath=_REASSOCIATE)
def _rates(x, y, drive, dv, dn, rv, rn):
    """Right-hand sides of eq 3 and of eq 4 before its hold; `drive` = A V."""
    mn = memristance(rn, max(y, 0.0))
    across = drive * mn / (memristance(rv, x) + mn)
    return drive - across - dv * x, across - dn * y


@njit(cache=True, inline="always", error_model="numpy", fastmath=_REASSOCIATE)
def _held(drive, rate):
    """Eq 4's hold: a positive voltage never lowers phi_n."""
    return max(rate, 0.0) if drive >= 0.0 else rate


@njit(cache=True, inline="always", error_model="numpy", fastmath=_REASSOCIATE)
def _gain(drive, b1, b2, b3, b4):
    """Mean over a step of the held rate, given its unheld values at the four stages.

    Simpson's rule, as in the classical method; where the hold begins or ends within the step, the parabola through
    start, middle and end is integrated over the part in which it is positive. The chord finds that part well enough:
    the integral is stationary where its integrand is zero.
    """
    middle = 0.5 * (b2 + b3)
    slope, bend = 4.0 * middle - 3.0 * b1 - b4, 2.0 * (b1 + b4) - 4.0 * middle
    whole = b1 + 0.5 * slope + bend / 3.0
    cut = b1 / (b1 - b4)
    before = cut * (b1 + cut * (0.5 * slope + cut * bend / 3.0))
    crossing = before if b1 > 0.0 else whole - before
    held = max(whole, 0.0) if b1 * b4 >= 0.0 else crossing
    return held if drive >= 0.0 else whole


@njit(cache=True, error_model="numpy", fastmath=_REASSOCIATE)
def _to_zero(n, steps, x, y, drive, clock, dv, dn, rv, rn, low):
    """Fourth-order steps in x from x[i] to 0; leaves y there and the time it took in `clock`."""
    for i in range(n):
        clock[i] = 0.0
    for s in range(steps):
        for i in range(n):
            h = -x[i] / steps
            x0, y0 = x[i] + s * h, y[i]
            a1, b1 = _rates(x0, y0, drive[i], dv, dn, rv, rn)
            b1 = b1 / a1
            a2, b2 = _rates(x0 + 0.5 * h, y0 + 0.5 * h * _held(drive[i], b1), drive[i], dv, dn, rv, rn)
            b2 = b2 / a2
            a3, b3 = _rates(x0 + 0.5 * h, y0 + 0.5 * h * _held(drive[i], b2), drive[i], dv, dn, rv, rn)
            b3 = b3 / a3
            a4, b4 = _rates(x0 + h, y0 + h * _held(drive[i], b3), drive[i], dv, dn, rv, rn)
            b4 = b4 / a4
            clock[i] += h / 6.0 * (1.0 / a1 + 2.0 / a2 + 2.0 / a3 + 1.0 / a4)
            y[i] = max(y0 + h * _gain(drive[i], b1, b2, b3, b4), low)


@njit(cache=True, error_model="numpy", fastmath=_REASSOCIATE)
def _in_time(n, steps, x, y, drive, left, dv, dn, rv, rn, low):
    """Fourth-order steps in time over left[i] seconds."""
    for _ in range(steps):
        for i in range(n):
            h = left[i] / steps
            x0, y0 = x[i], y[i]
            a1, b1 = _rates(x0, y0, drive[i], dv, dn, rv, rn)
            a2, b2 = _rates(x0 + 0.5 * h * a1, y0 + 0.5 * h * _held(drive[i], b1), drive[i], dv, dn, rv, rn)
            a3, b3 = _rates(x0 + 0.5 * h * a2, y0 + 0.5 * h * _held(drive[i], b2), drive[i], dv, dn, rv, rn)
            a4, b4 = _rates(x0 + h * a3, y0 + h * _held(drive[i], b3), drive[i], dv, dn, rv, rn)
            x[i] = x0 + h / 6.0 * (a1 + 2.0 * a2 + 2.0 * a3 + a4)
            y[i] = max(y0 + h * _gain(drive[i], b1, b2, b3, b4), low)


@njit(cache=True, nogil=True, error_model="numpy")
def _drive_pair(
    play, phi_v, phi_n, idle, gain, a, dv, dn, rv, rn, accuracy, slope, low
):  # fmt: skip
    size = play.rows.shape[1]
    x, y, drive, left = np.empty(size), np.empty(size), np.empty(size), np.empty(size)
    back_x, back_y, back_drive, clock = np.empty(size), np.empty(size), np.empty(size), np.empty(size)
    cell, crossing = np.empty(size, np.int64), np.empty(size, np.int64)
    for c in range(play.cols.shape[1]):
        for t in range(play.duration.size):
            length = play.duration[t]
            if play.cols[t, c] == play.level[t]:
                idle[c] += length
                continue
            caught_up, resting = np.exp(-dv * idle[c]), np.exp(-dv * length)
            idle[c] = 0.0
            reach = np.expm1(dv * length) / dv if dv > 0.0 else length
            n, m, furthest, strongest = 0, 0, 0.0, 0.0
            for r in range(size):
                phi_v[c, r] *= caught_up
                v = play.rows[t, r] - play.cols[t, c]
                if v == 0.0:
                    phi_v[c, r] *= resting
                    continue
                cell[n], x[n], y[n], drive[n], left[n] = (
                    r,
                    phi_v[c, r],
                    phi_n[c, r],
                    a * gain[c, r] * v,
                    length,
                )
                strongest = max(strongest, abs(drive[n]))
                if x[n] * drive[n] < 0.0 and abs(x[n]) < abs(drive[n]) * reach:
                    crossing[m], back_x[m], back_y[m], back_drive[m] = n, x[n], y[n], drive[n]
                    furthest = max(furthest, abs(x[n]))
                    m += 1
                n += 1
            _to_zero(m, int(accuracy * slope * furthest) + 1, back_x, back_y, back_drive, clock, dv, dn, rv, rn, low)
            for k in range(m):
                if clock[k] <= length:
                    i = crossing[k]
                    x[i], y[i], left[i] = 0.0, back_y[k], length - clock[k]
            relaxation = max(dv, dn) * length
            needed = max(accuracy * (slope * strongest * length + relaxation), STABLE * relaxation)
            _in_time(n, max(4, int(needed) + 1), x, y, drive, left, dv, dn, rv, rn, low)
            for i in range(n):
                r = cell[i]
                phi_v[c, r], phi_n[c, r] = x[i], y[i]
