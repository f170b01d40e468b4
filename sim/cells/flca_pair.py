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

from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from hil.compiling import njit
from sim.cells.flca import flux_range
from sim.cells.law import CellParameters, Columns, OhmicLaw, State, StateVariable, unit
from sim.cells.memristance import (
    Coefficients,
    bending_flux,
    memristance,
    memristance_table,
    steepest_log_slope,
)
from sim.cells.pair_equations import EQUATIONS, REASSOCIATE, held, rates
from sim.cells.pair_path import follow
from sim.cells.segments import Segments
from sim.crossbar.kinds import simulated

STABLE = 0.5
"""Fewest steps per relaxation time; the method is unstable below 0.36."""

BACK = 1.5
"""Density of steps towards phi_v = 0, where both memristances may change at once, over that of steps in time."""

LONG = 512
"""Fixed steps beyond which a segment is followed in steps of any length (`sim.cells.pair_path`)."""

GENTLE = 0.03
"""e-folds of memristance in a segment up to which its conductance is a parabola to 1e-9."""


class FlcaPairParameters(CellParameters):
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


class FlcaPairLaw(OhmicLaw[FlcaPairParameters]):
    """Volatile/non-volatile pair with its full physics.

    A positive cell voltage raises phi_n ("pre raises phi", the orientation of Figure 3C); drive with negative pulses
    for the mirrored one.
    """

    programmed = "phi_n"
    equations = EQUATIONS

    @cached_property
    def _slope(self) -> float:
        """How sharply a flux can bend the memristance of either element, 1/(V s)."""
        return max(steepest_log_slope(self.parameters.Rv), steepest_log_slope(self.parameters.Rn))

    @cached_property
    def _scales(self) -> tuple[float, float]:
        return bending_flux(self.parameters.Rv), bending_flux(self.parameters.Rn)

    @property
    def states(self) -> tuple[StateVariable, ...]:
        """Both fluxes, V s; how long a column has been at rest, s."""
        return (
            StateVariable("phi_v"),
            StateVariable("phi_n", self.parameters.phi0, low=0.0),
            StateVariable("idle", per_column=True),
        )

    def constants(self) -> tuple[float, ...]:
        """A, relaxation, coefficients of eq 2."""
        p = self.parameters
        return p.A, p.Dv, p.Dn, float(len(p.Rv)), *p.Rv, *p.Rn

    def magnitudes(self) -> dict[str, float]:
        """Fluxes at which the memristances bend, V s."""
        return dict(zip(("phi_v", "phi_n"), self._scales, strict=True))

    def conductance_range(self, v_max: float) -> tuple[float, float]:
        """At the largest flux of the non-volatile element (see `sim.cells.flca.flux_range`) and at none, S.

        The volatile element is relaxed.
        """
        p = self.parameters
        lowest, highest = flux_range(p.Rn, p.A, p.Dn, v_max)
        volatile = p.Rv[0]
        return (1.0 / (1.0 / lowest + volatile) if lowest else 0.0), 1.0 / (1.0 / highest + volatile)

    def advance(self, cells: Columns, play: Segments) -> None:
        """Eqs 3 and 4 together."""
        p, state = self.parameters, cells.state
        _drive_pair(
            play, state["phi_v"], state["phi_n"], state["idle"], cells.gain, p.A, p.Dv, p.Dn, p.Rv, p.Rn, p.steps,
            self._slope, *self._scales, cells.low,
        )  # fmt: skip

    def dose(self, cells: Columns, play: Segments, out: NDArray[np.float64]) -> None:
        """Integrate 1 / M of both in series."""
        p, state = self.parameters, cells.state
        _dose_pair(
            play, state["phi_v"], state["phi_n"], state["idle"], cells.gain, cells.origin, cells.factor,
            p.A, p.Dv, p.Dn, p.Rv, p.Rn, self._slope, *self._scales, cells.low, out,
        )  # fmt: skip

    def memristance(self, state: State) -> NDArray[np.float64]:
        """Of both in series, ohm."""
        now = self.present(state)
        return memristance_table(self.parameters.Rv, now["phi_v"]) + memristance_table(self.parameters.Rn, now["phi_n"])

    def present(self, state: State) -> dict[str, NDArray[Any]]:
        """Volatile flux that the time at rest has left, and the non-volatile one, V s."""
        decay = np.exp(-self.parameters.Dv * state["idle"])[:, None]
        return {"phi_v": state["phi_v"] * decay, "phi_n": state["phi_n"]}


@njit(cache=True, inline="always", error_model="numpy", fastmath=REASSOCIATE)
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


@njit(cache=True, error_model="numpy")
def _step_time(h, x, y, drive, dv, dn, rv, rn):
    """One step in time of a cell that eq 4 does not hold; phi_n is not clipped."""
    a1, b1 = rates(x, y, drive, dv, dn, rv, rn)
    a2, b2 = rates(x + 0.5 * h * a1, y + 0.5 * h * b1, drive, dv, dn, rv, rn)
    a3, b3 = rates(x + 0.5 * h * a2, y + 0.5 * h * b2, drive, dv, dn, rv, rn)
    a4, b4 = rates(x + h * a3, y + h * b3, drive, dv, dn, rv, rn)
    return x + h / 6.0 * (a1 + 2.0 * a2 + 2.0 * a3 + a4), y + h / 6.0 * (b1 + 2.0 * b2 + 2.0 * b3 + b4)


@njit(cache=True, error_model="numpy")
def _step_back(h, x, y, drive, dv, dn, rv, rn):
    """One step in phi_v of a cell that eq 4 does not hold: the time it takes, and phi_n, not clipped."""
    a1, b1 = rates(x, y, drive, dv, dn, rv, rn)
    a2, b2 = rates(x + 0.5 * h, y + 0.5 * h * b1 / a1, drive, dv, dn, rv, rn)
    a3, b3 = rates(x + 0.5 * h, y + 0.5 * h * b2 / a2, drive, dv, dn, rv, rn)
    a4, b4 = rates(x + h, y + h * b3 / a3, drive, dv, dn, rv, rn)
    time = h / 6.0 * (1.0 / a1 + 2.0 / a2 + 2.0 / a3 + 1.0 / a4)
    return time, y + h / 6.0 * (b1 / a1 + 2.0 * b2 / a2 + 2.0 * b3 / a3 + b4 / a4)


@njit(cache=True, error_model="numpy")
def _clipped(back, h, x, y, drive, dv, dn, rv, rn, low):
    """Part of a step, `back` to phi_v = 0 or in time, after which phi_n comes down to `low`: regula falsi."""
    left, right, above, below, part = 0.0, h, y - low, np.nan, h
    for _ in range(40):
        _, end = (
            _step_back(part, x, y, drive, dv, dn, rv, rn) if back else _step_time(part, x, y, drive, dv, dn, rv, rn)
        )
        if abs(end - low) <= 1e-13 * y or abs(right - left) <= 1e-12 * abs(h):
            break
        if end > low:
            left, above = part, end - low
        else:
            right, below = part, end - low
        share = min(max(above / (above - below), 1e-3), 0.999)
        part = left + share * (right - left)
    return part


@njit(cache=True, error_model="numpy", fastmath=REASSOCIATE)
def _to_zero(n, steps, x, y, drive, clock, before, passed, dv, dn, rv, rn, low):
    """Fourth-order steps in x from x[i] to 0; leaves y there and the time it took in `clock`."""
    for i in range(n):
        clock[i] = 0.0
    for s in range(steps):
        for i in range(n):
            h = -x[i] / steps
            x0, y0 = x[i] + s * h, y[i]
            a1, b1 = rates(x0, y0, drive[i], dv, dn, rv, rn)
            b1 = b1 / a1
            a2, b2 = rates(x0 + 0.5 * h, y0 + 0.5 * h * held(drive[i], b1), drive[i], dv, dn, rv, rn)
            b2 = b2 / a2
            a3, b3 = rates(x0 + 0.5 * h, y0 + 0.5 * h * held(drive[i], b2), drive[i], dv, dn, rv, rn)
            b3 = b3 / a3
            a4, b4 = rates(x0 + h, y0 + h * held(drive[i], b3), drive[i], dv, dn, rv, rn)
            b4 = b4 / a4
            before[i], passed[i] = y0, clock[i]
            clock[i] += h / 6.0 * (1.0 / a1 + 2.0 / a2 + 2.0 / a3 + 1.0 / a4)
            y[i] = y0 + h * _gain(drive[i], b1, b2, b3, b4)
        for i in range(n):
            if y[i] < low:
                if before[i] > low:
                    start, h = x[i] * (steps - s) / steps, -x[i] / steps
                    cut = _clipped(True, h, start, before[i], drive[i], dv, dn, rv, rn, low)
                    first, _ = _step_back(cut, start, before[i], drive[i], dv, dn, rv, rn)
                    second, _ = _step_back(h - cut, start + cut, low, drive[i], dv, dn, rv, rn)
                    clock[i] = passed[i] + first + second
                y[i] = low


@njit(cache=True, error_model="numpy", fastmath=REASSOCIATE)
def _in_time(n, steps, x, y, drive, left, before, passed, dv, dn, rv, rn, low):
    """Fourth-order steps in time over left[i] seconds."""
    for _ in range(steps):
        for i in range(n):
            h = left[i] / steps
            x0, y0 = x[i], y[i]
            a1, b1 = rates(x0, y0, drive[i], dv, dn, rv, rn)
            a2, b2 = rates(x0 + 0.5 * h * a1, y0 + 0.5 * h * held(drive[i], b1), drive[i], dv, dn, rv, rn)
            a3, b3 = rates(x0 + 0.5 * h * a2, y0 + 0.5 * h * held(drive[i], b2), drive[i], dv, dn, rv, rn)
            a4, b4 = rates(x0 + h * a3, y0 + h * held(drive[i], b3), drive[i], dv, dn, rv, rn)
            before[i], passed[i] = y0, x0
            x[i] = x0 + h / 6.0 * (a1 + 2.0 * a2 + 2.0 * a3 + a4)
            y[i] = y0 + h * _gain(drive[i], b1, b2, b3, b4)
        for i in range(n):
            if y[i] < low:
                if before[i] > low:
                    h = left[i] / steps
                    cut = _clipped(False, h, passed[i], before[i], drive[i], dv, dn, rv, rn, low)
                    at, _ = _step_time(cut, passed[i], before[i], drive[i], dv, dn, rv, rn)
                    x[i], _ = _step_time(h - cut, at, low, drive[i], dv, dn, rv, rn)
                y[i] = low


@njit(cache=True, nogil=True, error_model="numpy")
def _drive_pair(
    play, phi_v, phi_n, idle, gain, a, dv, dn, rv, rn, accuracy, slope, scale_v, scale_n, low
):  # fmt: skip
    size = play.rows.shape[1]
    x, y, drive, left = np.empty(size), np.empty(size), np.empty(size), np.empty(size)
    back_x, back_y, back_drive, clock = np.empty(size), np.empty(size), np.empty(size), np.empty(size)
    before, passed = np.empty(size), np.empty(size)
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
            relaxation = max(dv, dn) * length
            needed = max(accuracy * (slope * strongest * length + relaxation), STABLE * relaxation)
            back = BACK * accuracy * slope * furthest
            if not max(needed, back) <= LONG:
                for i in range(n):
                    r = cell[i]
                    phi_v[c, r], phi_n[c, r], _ = follow(
                        x[i], y[i], drive[i], length, dv, dn, rv, rn, scale_v, scale_n, low < 0.0, 0.0, 1.0
                    )
                continue
            _to_zero(m, int(back) + 1, back_x, back_y, back_drive, clock, before, passed, dv, dn, rv, rn, low)
            for k in range(m):
                if clock[k] <= length:
                    i = crossing[k]
                    x[i], y[i], left[i] = 0.0, back_y[k], length - clock[k]
            _in_time(n, max(4, int(needed) + 1), x, y, drive, left, before, passed, dv, dn, rv, rn, low)
            for i in range(n):
                r = cell[i]
                if y[i] < 0.0 < phi_n[c, r]:  # a course that is free to go on has a kink at 0
                    x[i], y[i], _ = follow(
                        phi_v[c, r], phi_n[c, r], drive[i], length, dv, dn, rv, rn, scale_v, scale_n, True, 0.0, 1.0
                    )
                phi_v[c, r], phi_n[c, r] = x[i], y[i]


@njit(cache=True, nogil=True, error_model="numpy")
def _dose_pair(
    play, phi_v, phi_n, idle, gain, origin, factor, a, dv, dn, rv, rn, slope, scale_v, scale_n, low, out
):  # fmt: skip
    """Integrals of 1 / M over the one segment of `play`, s/ohm."""
    length = play.duration[0]
    for c in range(play.cols.shape[1]):
        caught_up = np.exp(-dv * idle[c])
        for r in range(phi_v.shape[1]):
            v = play.rows[0, r] - play.cols[0, c]
            if v == 0.0:
                continue
            x, y, drive = phi_v[c, r] * caught_up, phi_n[c, r], a * gain[c, r] * v
            start, many = (origin[c, r], factor[c, r]) if factor.size else (0.0, 1.0)
            found = -1.0
            if (slope * abs(drive) + dv + dn) * length <= GENTLE and many == 1.0:
                found = _gentle(x, y, drive, length, dv, dn, rv, rn)
            if found < 0.0:
                _, _, found = follow(
                    x, y, drive, length, dv, dn, rv, rn, scale_v, scale_n, low < 0.0, start, many
                )  # fmt: skip
            out[c, r] = found


@njit(cache=True, error_model="numpy")
def _gentle(x, y, drive, length, dv, dn, rv, rn):
    """Integral of dt / M by Simpson's rule where M hardly moves, s/ohm; negative where a kink is near."""
    far = abs(drive) * length
    _, rate = rates(x, y, drive, dv, dn, rv, rn)
    if (x * drive < 0.0 and abs(x) <= 2.0 * far) or (drive < 0.0 and y <= 2.0 * far + dn * length * y):
        return -1.0
    if drive > 0.0 and rate <= 0.0:
        return -1.0
    half_x, half_y = _step_time(0.5 * length, x, y, drive, dv, dn, rv, rn)
    end_x, end_y = _step_time(0.5 * length, half_x, half_y, drive, dv, dn, rv, rn)
    _, rate = rates(end_x, end_y, drive, dv, dn, rv, rn)
    if drive > 0.0 and rate <= 0.0:
        return -1.0
    ends = 1.0 / (memristance(rv, x) + memristance(rn, y)) + 1.0 / (memristance(rv, end_x) + memristance(rn, end_y))
    return length / 6.0 * (ends + 4.0 / (memristance(rv, half_x) + memristance(rn, half_y)))


_PERCEPTRON = {"A": 1.0, "Dv": 70.0, "Dn": 0.03, "Rv": (5e3, 0.0, 0.0, 5e17), "Rn": (5e3, 4.5e3), "phi0": 5 / 3}
_FIGURE3 = {"A": 1.0, "Dv": 1.0, "Dn": 1.0, "Rv": (100.0, 1e6), "Rn": (100.0, 1e6), "phi0": 1e-3}

PRESETS = {
    "perceptron": _PERCEPTRON,
    "lifelong": _PERCEPTRON | {"Dn": 3.0, "Rn": (5e3, 4.5e5), "phi0": 1 / 60},
    "figure3": _FIGURE3,
    "paper-perceptron": _FIGURE3 | {"phi0": 0.05},
}
"""Named parameters of `sim:flca-pair`.

perceptron : selected on held-out MNIST training digits for 100 mV, 1 ms pulses (docs/results.md).
lifelong : the same with a hundred times the Dn, so that a few hundred images overwrite what was learned before.
figure3 : as printed for Figures 3 and 4 of Zivasatienraj & Doolittle (2023), at 1.1 kohm.
paper-perceptron : the same elements, pristine at half the saturation flux of 100 mV.
"""

_SUMMARY = "volatile + non-volatile FLCA in series (bidirectional memristor), full physics"

kind = simulated("flca-pair", _SUMMARY, FlcaPairLaw, FlcaPairParameters, PRESETS, models={})
