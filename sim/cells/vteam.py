"""VTEAM: a memristor with voltage thresholds, Kvatinsky et al., IEEE Trans. Circuits Syst. II 62, 786 (2015).

With v the cell voltage and x = (w - w_on) / (w_off - w_on) the state, 0 (on) to 1 (off):

    dx/dt = k_off (v / v_off - 1)^alpha_off f_off(x)     0 < v_off < v                           (1a)
            0                                            v_on < v < v_off                        (1b)
            k_on (v / v_on - 1)^alpha_on f_on(x)         v < v_on < 0                            (1c)

    i = v / (R_on + (R_off - R_on) x)          linear          or
    i = v / (R_on (R_off / R_on)^x)            exponential

with k_off > 0 and k_on < 0, both in 1/s: the paper's, in m/s, divided by w_off - w_on. A positive voltage switches off,
as printed; ``set=positive`` turns the cell round.

The paper leaves the windows f open. Without one, x moves at a constant rate until it meets its bound. The window of
Biolek et al., Radioengineering 18, 210 (2009),

    f_off = 1 - x^(2p),   f_on = 1 - (1 - x)^(2p)

slows the state down on its way into a bound and lets it leave at full rate; p = 1/2 gives an exponential approach.
While v is constant the drive s = integral of |dx/dt| / f is known, and dx/ds = f(x) is integrated over it: in closed
form without a window, else by the classical fourth-order Runge-Kutta method in steps of at most 0.02 of the window's
steepest slope (error below 1e-8 of the range).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from hil.compiling import njit
from hil.fraction import Fraction
from sim.cells.equations import Equations
from sim.cells.law import CellParameters, Columns, OhmicLaw, State, StateVariable, unit
from sim.cells.segments import Segments
from sim.crossbar.kinds import simulated

STEP = 0.02
"""Longest step of the drive through a window, times the steepest slope 2p of the window."""

_X, _W = np.polynomial.legendre.leggauss(4)

ARRIVED = 1e-13
"""Distance to a bound at which the window has stopped the state."""


class VteamParameters(CellParameters):
    """Parameters of `sim:vteam`; the defaults are a generic bipolar cell, not one of the paper's fits."""

    renamed: ClassVar[Mapping[str, str]] = {"w0": "x0"}

    v_on: float = Field(-0.7, lt=0, description="threshold below which it switches on", json_schema_extra=unit("V"))
    v_off: float = Field(0.7, gt=0, description="threshold above which it switches off", json_schema_extra=unit("V"))
    k_on: float = Field(-100.0, lt=0, description="rate of switching on at 2 v_on", json_schema_extra=unit("1/s"))
    k_off: float = Field(100.0, gt=0, description="rate of switching off at 2 v_off", json_schema_extra=unit("1/s"))
    alpha_on: float = Field(3.0, gt=0, description="exponent of the overdrive, switching on")
    alpha_off: float = Field(3.0, gt=0, description="exponent of the overdrive, switching off")
    r_on: float = Field(1e4, gt=0, description="resistance at x = 0", json_schema_extra=unit("ohm"))
    r_off: float = Field(1e6, gt=0, description="resistance at x = 1", json_schema_extra=unit("ohm"))
    resistance: Literal["linear", "exponential"] = Field("linear", description="how resistance follows the state")
    window: Literal["none", "biolek"] = Field("none", description="how the state meets its bounds")
    p: float = Field(1.0, ge=0.5, le=50, description="exponent of the window (biolek)")
    set: Literal["negative", "positive"] = Field("negative", description="sign of the voltage that switches on")
    x0: Fraction = Field(0.5, ge=0, le=1, description="pristine state x")

    @model_validator(mode="after")
    def _switches(self) -> Self:
        if self.r_on >= self.r_off:
            raise ValueError(f"r_on {self.r_on:g} ohm must be below r_off {self.r_off:g} ohm")
        return self

    def thresholds(self) -> tuple[tuple[float, float, float], tuple[float, float, float]]:
        """(v, k, alpha) of eq 1a and of eq 1c, as the compiled kernel takes them."""
        return (self.v_off, self.k_off, self.alpha_off), (self.v_on, self.k_on, self.alpha_on)

    @property
    def sign(self) -> float:
        """Factor on the cell voltage: -1 for a cell turned round."""
        return -1.0 if self.set == "positive" else 1.0

    def resistance_at(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """Resistance in ohm at states `x` in 0..1."""
        if self.resistance == "exponential":
            return self.r_on * (self.r_off / self.r_on) ** x
        return self.r_on + (self.r_off - self.r_on) * x


@njit(cache=True, inline="always", error_model="numpy")
def _rate(v, off, on):
    """Eq 1 without its windows, 1/s."""
    if v > off[0]:
        return off[1] * (v / off[0] - 1.0) ** off[2]
    if v < on[0]:
        return on[1] * (v / on[0] - 1.0) ** on[2]
    return 0.0


@njit(cache=True, inline="always", error_model="numpy")
def _resistance(x, r_on, r_off, exponential):
    return r_on * (r_off / r_on) ** x if exponential else r_on + (r_off - r_on) * x


def _state_rate(v, x, p, out):
    """Eq 1 through its window; `p` is `VteamLaw.constants`."""
    rate = _rate(p[0] * v, (p[1], p[2], p[3]), (p[4], p[5], p[6]))
    out[0] = rate * (1.0 - (x[0] if rate > 0.0 else 1.0 - x[0]) ** (2.0 * p[8])) if p[7] else rate


def _current(v, x, p):
    return v / _resistance(x[0], p[9], p[10], p[11])


class VteamLaw(OhmicLaw[VteamParameters]):
    """VTEAM memristor; spread in sensitivity multiplies k_on and k_off, spread in memristance the resistance."""

    programmed = "x"
    equations = Equations(_state_rate, _current)

    @property
    def states(self) -> tuple[StateVariable, ...]:
        """The state x, 0 (on) to 1 (off)."""
        return (StateVariable("x", self.parameters.x0, 0.0, 1.0),)

    def constants(self) -> tuple[float, ...]:
        """Direction, eq 1a, eq 1c, window, resistance."""
        p = self.parameters
        off, on = p.thresholds()
        return (
            p.sign,
            *off,
            *on,
            float(p.window == "biolek"),
            p.p,
            p.r_on,
            p.r_off,
            float(p.resistance == "exponential"),
        )

    @property
    def thresholds(self) -> tuple[float, float] | None:
        """Magnitudes of the positive and the negative cell voltage beyond which a cell moves, V."""
        p = self.parameters
        return (p.v_off, -p.v_on) if p.set == "negative" else (-p.v_on, p.v_off)

    def conductance_range(self, v_max: float) -> tuple[float, float]:
        """Conductances of x = 1 and x = 0, S."""
        return 1.0 / self.parameters.r_off, 1.0 / self.parameters.r_on

    def advance(self, cells: Columns, play: Segments) -> None:
        """Eq 1, through its window if it has one."""
        p = self.parameters
        off, on = p.thresholds()
        drive_vteam(
            play, cells.state["x"], cells.gain, p.sign, off, on, p.p if p.window == "biolek" else 0.0,
            cells.low, cells.high,
        )  # fmt: skip

    def dose(self, cells: Columns, play: Segments, out: NDArray[np.float64]) -> None:
        """Integrate 1 / R."""
        p = self.parameters
        off, on = p.thresholds()
        _dose_vteam(
            play, cells.state["x"], cells.gain, cells.origin, cells.factor, p.sign, off, on,
            p.p if p.window == "biolek" else 0.0, p.r_on, p.r_off, p.resistance == "exponential", out,
        )  # fmt: skip

    def memristance(self, state: State) -> NDArray[np.float64]:
        """Resistance at the state, ohm."""
        return self.parameters.resistance_at(state["x"])


@njit(cache=True, error_model="numpy")
def _through_window(y, s, p):
    """Follow dy/ds = 1 - y^(2p) from `y` over a drive `s`; y is the way already gone towards the bound, 0..1."""
    longest = STEP / (2.0 * p)
    while s > 0.0 and 1.0 - y > ARRIVED:
        h = min(s, longest)
        k1 = 1.0 - y ** (2.0 * p)
        k2 = 1.0 - min(y + 0.5 * h * k1, 1.0) ** (2.0 * p)
        k3 = 1.0 - min(y + 0.5 * h * k2, 1.0) ** (2.0 * p)
        k4 = 1.0 - min(y + h * k3, 1.0) ** (2.0 * p)
        y += h / 6.0 * (k1 + 2.0 * k2 + 2.0 * k3 + k4)
        s -= h
    return min(y, 1.0)


@njit(cache=True, nogil=True, error_model="numpy")
def drive_vteam(
    play, x, gain, sign, off, on, p, low, high
):  # fmt: skip
    """Move the states `x` (cols, rows) through the segments of `play`; p = 0 is no window."""
    for c in range(play.cols.shape[1]):
        state, sensitivity = x[c], gain[c]
        for t in range(play.duration.size):
            if play.cols[t, c] == play.level[t]:
                continue
            for r in range(state.size):
                rate = _rate(sign * (play.rows[t, r] - play.cols[t, c]), off, on)
                if rate == 0.0:
                    continue
                drive = rate * sensitivity[r] * play.duration[t]
                if p == 0.0:
                    change = drive
                elif drive > 0.0:
                    change = _through_window(state[r], drive, p) - state[r]
                else:
                    change = 1.0 - state[r] - _through_window(1.0 - state[r], -drive, p)
                state[r] = min(max(state[r] + change, low), high)


@njit(cache=True, error_model="numpy")
def _straight(x, change, duration, r_on, r_off, exponential):
    """Integral of dt / R while x moves by `change` at a constant rate until it meets its bound, s/ohm."""
    end, x = min(max(x + change, 0.0), 1.0), min(max(x, 0.0), 1.0)
    moving = duration * (end - x) / change
    start, stop = _resistance(x, r_on, r_off, exponential), _resistance(end, r_on, r_off, exponential)
    growth = stop / start - 1.0
    if growth == 0.0:
        return duration / start
    mean = (growth / (1.0 + growth) / np.log1p(growth)) if exponential else np.log1p(growth) / growth
    return moving * mean / start + (duration - moving) / stop


@njit(cache=True, inline="always", error_model="numpy")
def _on_course(course, falls, origin, factor):
    """State x of a cell at `course` along its way, 0..1, under the factor of its pulse (`sim.crossbar.pulses`)."""
    x = 1.0 - course if falls else course
    return min(max(origin + factor * (x - origin), 0.0), 1.0)


@njit(cache=True, error_model="numpy")
def _windowed(y, s, p, falls, origin, factor, duration, r_on, r_off, exponential):
    """Integral of dt / R along `_through_window`, x being y, or 1 - y where it `falls`; s/ohm.

    Steps are so short that R changes by a quarter at most, and y between their ends is the cubic through both and
    their slopes.
    """
    total, left, bend = 0.0, s, max(abs(factor), 1.0)
    while left > 0.0 and 1.0 - y > ARRIVED:
        slope = 1.0 - y ** (2.0 * p)
        x = _on_course(y, falls, origin, factor)
        scale = 1.0 / np.log(r_off / r_on) if exponential else r_on / (r_off - r_on) + x
        h = min(left, STEP / (2.0 * p), 0.25 * scale / (slope * bend))
        k2 = 1.0 - min(y + 0.5 * h * slope, 1.0) ** (2.0 * p)
        k3 = 1.0 - min(y + 0.5 * h * k2, 1.0) ** (2.0 * p)
        k4 = 1.0 - min(y + h * k3, 1.0) ** (2.0 * p)
        end = min(y + h / 6.0 * (slope + 2.0 * k2 + 2.0 * k3 + k4), 1.0)
        ahead = 1.0 - end ** (2.0 * p)
        for k in range(_X.size):
            u = 0.5 * (1.0 + _X[k])
            way = y + u * u * (3.0 - 2.0 * u) * (end - y) + h * u * (1.0 - u) * (slope * (1.0 - u) - ahead * u)
            total += 0.5 * _W[k] * h / _resistance(_on_course(way, falls, origin, factor), r_on, r_off, exponential)
        y, left = end, left - h
    total += max(left, 0.0) / _resistance(_on_course(y, falls, origin, factor), r_on, r_off, exponential)
    return duration / s * total


@njit(cache=True, nogil=True, error_model="numpy")
def _dose_vteam(
    play, x, gain, origin, factor, sign, off, on, p, r_on, r_off, exponential, out
):  # fmt: skip
    """Integrals of 1 / R over the one segment of `play`, s/ohm."""
    duration = play.duration[0]
    for c in range(play.cols.shape[1]):
        for r in range(x.shape[1]):
            drive = _rate(sign * (play.rows[0, r] - play.cols[0, c]), off, on) * gain[c, r] * duration
            start, many = (origin[c, r], factor[c, r]) if factor.size else (0.0, 1.0)
            now = start + many * (x[c, r] - start)
            if drive == 0.0 or many == 0.0:
                out[c, r] = duration / _resistance(min(max(now, 0.0), 1.0), r_on, r_off, exponential)
            elif p == 0.0:
                out[c, r] = _straight(now, drive * many, duration, r_on, r_off, exponential)
            else:
                falls = drive < 0.0
                way = 1.0 - x[c, r] if falls else x[c, r]
                out[c, r] = _windowed(
                    way, min(abs(drive), 1e200), p, falls, start, many, duration, r_on, r_off, exponential
                )  # fmt: skip


kind = simulated(
    "vteam", "memristor with voltage thresholds (VTEAM), with or without a window", VteamLaw, VteamParameters
)
